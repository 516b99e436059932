//! What the database servers have in common at the start: whether they can be used, and what to do if not.

use super::{OpenError, StoreError};
use crate::config::DatabaseServer;
use sea_orm::sqlx::error::DatabaseError;
use sea_orm::{DbErr, RuntimeErr, sqlx};
use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// A database server, as messages name it.
#[derive(Clone, Copy)]
pub(super) struct Server<'a> {
    /// Its section in the configuration.
    pub(super) section: &'static str,
    /// What it is.
    pub(super) product: &'static str,
    /// How it is reached.
    pub(super) login: &'a DatabaseServer,
}

impl fmt::Display for Server<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the {} server at {}:{}", self.product, self.login.host, self.login.port)
    }
}

impl Server<'_> {
    pub(super) fn refuses_login(&self) -> OpenError {
        let (section, user) = (self.section, &self.login.user);
        let given = if self.login.password.is_some() { "with this password" } else { "without a password" };
        OpenError::Refused(format!(
            "{self} refuses user {user:?} {given}; check [{section}] user and password or password_file"
        ))
    }

    pub(super) fn has_no_database(&self) -> OpenError {
        let (section, database) = (self.section, &self.login.database);
        OpenError::Refused(format!(
            "{self} has no database {database:?}; run there: CREATE DATABASE {database} (or change [{section}] database)"
        ))
    }

    pub(super) fn refuses_database(&self, grant: &str) -> OpenError {
        let (user, database) = (&self.login.user, &self.login.database);
        OpenError::Refused(format!(
            "{self} does not let user {user:?} use database {database:?}; run there: {grant}"
        ))
    }
}

/// The first connection, or why there is none. `known` gives what an answer of this server means, where it has
/// a meaning.
pub(super) async fn first_connection<C>(
    server: Server<'_>,
    limit: Duration,
    connecting: impl Future<Output = Result<C, sqlx::Error>>,
    known: impl Fn(&dyn DatabaseError) -> Option<OpenError>,
) -> Result<C, OpenError> {
    let section = server.section;
    let Ok(connected) = timeout(limit, connecting).await else {
        return Err(OpenError::Unreachable(format!(
            "{server} does not answer within {} s; is it running, and are [{section}] host and port right?",
            limit.as_secs()
        )));
    };
    connected.map_err(|error| match error {
        sqlx::Error::Database(ref answer) if let Some(meaning) = known(answer.as_ref()) => meaning,
        // A certificate that is not taken comes as an error of the stream.
        sqlx::Error::Io(error) if error.get_ref().is_some_and(|inner| inner.is::<rustls::Error>()) => {
            no_tls(server, &error)
        }
        sqlx::Error::Io(error) => OpenError::Unreachable(format!(
            "{server} cannot be reached: {error}; is it running, and are [{section}] host and port right?"
        )),
        sqlx::Error::Tls(error) => no_tls(server, error.as_ref()),
        sqlx::Error::Configuration(error) => {
            OpenError::Refused(format!("[{section}] cannot be used: {error}"))
        }
        other => StoreError::from(DbErr::Conn(RuntimeErr::SqlxError(Arc::new(other)))).into(),
    })
}

fn no_tls(server: Server<'_>, why: &dyn Error) -> OpenError {
    let section = server.section;
    OpenError::Refused(format!(
        "no TLS with {server}: {why}; check [{section}] host, tls and tls_ca, and the server's certificate"
    ))
}
