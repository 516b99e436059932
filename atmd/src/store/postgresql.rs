//! PostgreSQL: row locks at READ COMMITTED, and a write-ahead log that is synced at each commit.

use super::OpenError;
use super::bounded::Bounded;
use super::engine::{CONNECT_TIMEOUT, LOCK_TIMEOUT_S, Purpose, server_pool};
use super::server::{Server, first_connection};
use super::statement::KEPT_MAX;
use crate::config::{DatabaseServer, TlsMode};
use sea_orm::sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};
use sea_orm::sqlx::{self, ConnectOptions as _, Connection, Executor};
use sea_orm::{ConnectionTrait, Database, DatabaseConnection, DbErr, Statement};

fn login(server: &DatabaseServer, options: PgConnectOptions) -> PgConnectOptions {
    let mode = match server.tls {
        TlsMode::Disable => PgSslMode::Disable,
        TlsMode::Prefer => PgSslMode::Prefer,
        TlsMode::Require => PgSslMode::Require,
        TlsMode::VerifyCa => PgSslMode::VerifyCa,
        TlsMode::VerifyFull => PgSslMode::VerifyFull,
    };
    let options = options
        .host(&server.host)
        .port(server.port)
        .username(&server.user)
        .database(&server.database)
        .application_name("atmd")
        .statement_cache_capacity(KEPT_MAX)
        .ssl_mode(mode);
    let options = match &server.tls_ca {
        Some(ca) => options.ssl_root_cert(ca),
        None => options,
    };
    match &server.password {
        Some(password) => options.password(password),
        None => options,
    }
}

/// What a session of atmd needs: no notices of what goes well; who writes neither waits long for a lock nor keeps it when it froze.
fn session_settings(purpose: Purpose) -> String {
    let mut settings = String::from(
        "SET default_transaction_isolation = 'read committed'; SET client_min_messages = warning",
    );
    if purpose == Purpose::Write {
        // It asks by keys alone, with thousands of parameters: one plan for each statement, and by an index even
        // where the table was small when the plan was made.
        settings += &format!(
            "; SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; \
             SET lock_timeout = '{LOCK_TIMEOUT_S}s'; SET idle_in_transaction_session_timeout = '{}s'",
            2 * LOCK_TIMEOUT_S
        );
    }
    settings
}

pub(super) async fn connect(server: &DatabaseServer, purpose: Purpose) -> Result<DatabaseConnection, DbErr> {
    let server = server.clone();
    let mut options = server_pool("postgres://localhost", purpose);
    options.map_sqlx_postgres_opts(move |options| login(&server, options)).map_sqlx_postgres_pool_opts(
        move |pool| {
            pool.after_connect(move |connection, _| {
                Box::pin(async move {
                    let settings = session_settings(purpose);
                    connection.execute(sqlx::AssertSqlSafe(settings)).await.map(drop)
                })
            })
        },
    );
    Database::connect(options).await
}

/// One connection that writes, held.
pub(super) async fn hold(server: &DatabaseServer) -> Result<PgConnection, sqlx::Error> {
    let options = login(server, PgConnectOptions::new_without_pgpass()).disable_statement_logging();
    let mut connection = PgConnection::connect_with(&options).await?;
    connection.execute(sqlx::AssertSqlSafe(session_settings(Purpose::Write))).await?;
    Ok(connection)
}

/// Whether the server can be used at all, and if not, what to do about it.
pub(super) async fn check_reachable(server: &DatabaseServer) -> Result<(), OpenError> {
    // Without a look at libpq's environment and password files: what holds is in the configuration.
    let options = login(server, PgConnectOptions::new_without_pgpass());
    let who = Server { section: "postgresql", product: "PostgreSQL", login: server };
    let connection = first_connection(who, CONNECT_TIMEOUT, PgConnection::connect_with(&options), |error| {
        match error.code().as_deref() {
            Some("28P01" | "28000") => Some(who.refuses_login()),
            Some("3D000") => Some(who.has_no_database()),
            Some("42501") => Some(who.refuses_database(&format!(
                "GRANT CONNECT, CREATE ON DATABASE {} TO {}",
                server.database, server.user
            ))),
            Some(code) if code.starts_with("57P") || code.starts_with("53") => {
                Some(OpenError::Unreachable(format!("{who}: {error}")))
            }
            _ => None,
        }
    });
    // Nothing was done on it, so nothing is lost where it does not close in order.
    let _ = connection.await?.close().await;
    Ok(())
}

/// Refuses a server whose commits may be lost.
pub(super) async fn check_durability(on: &Bounded<DatabaseConnection>) -> Result<(), OpenError> {
    let sql = "SELECT name, setting FROM pg_settings \
               WHERE name IN ('fsync', 'full_page_writes', 'synchronous_commit')";
    for row in on.query_all_raw(Statement::from_string(on.get_database_backend(), sql)).await? {
        let (name, setting): (String, String) = (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
        // Less than 'on' may lose a commit when the server crashes, or when a synchronous standby takes over.
        if setting != "on" && setting != "remote_apply" {
            return Err(OpenError::Unfit(format!(
                "the PostgreSQL server may lose what it acknowledged: {name} is {setting}; set {name} = on on it"
            )));
        }
    }
    Ok(())
}
