//! One bank's database: a file of atmd's own, or a database and a user on a server.

use super::client::Client;
use super::{Engine, Session};
use crate::daemon::Options;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// A new, empty database; it lives as long as its server.
#[derive(Clone, Debug)]
pub struct Database {
    engine: Engine,
    access: Option<Access>,
}

#[derive(Clone, Debug)]
struct Access {
    client: Client,
    address: SocketAddr,
    ca: PathBuf,
    name: String,
    password: String,
}

impl Database {
    /// The one that atmd makes in its data directory.
    pub(super) const fn embedded() -> Self {
        Self { engine: Engine::Sqlite, access: None }
    }

    pub(super) fn make(engine: Engine, client: Client, address: SocketAddr, ca: &Path) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let name = format!("bank_{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let password = format!("secret-of-{name}");
        let statements = match engine {
            Engine::MariaDb => super::mariadb::database(&name, &password),
            _ => super::postgresql::database(&name, &password),
        };
        client.run(None, &statements).unwrap_or_else(|said| panic!("{statements}\n{said}"));
        Self { engine, access: Some(Access { client, address, ca: ca.to_owned(), name, password }) }
    }

    /// What it is in.
    #[must_use]
    pub const fn engine(&self) -> Engine {
        self.engine
    }

    /// Options of an atmd whose bank is stored here. It makes its tables itself.
    #[must_use]
    pub fn options(&self, options: &Options) -> Options {
        let Some(Access { address, ca, name, password, .. }) = &self.access else { return options.clone() };
        let backend = self.section();
        let set = [
            ("host", address.ip().to_string()),
            ("port", address.port().to_string()),
            ("user", name.clone()),
            ("password", password.clone()),
            ("database", name.clone()),
            ("tls", "verify-full".to_owned()),
            ("tls_ca", ca.display().to_string()),
        ];
        let options = options.clone().set("database.backend", backend).set("database.migrate", "auto");
        set.iter().fold(options, |options, (key, value)| options.set(&format!("{backend}.{key}"), value))
    }

    /// As [`options`](Self::options), by another way to the server, and in plain text so that the way can see
    /// what passes.
    ///
    /// # Panics
    /// Where it is embedded.
    #[must_use]
    pub fn options_by(&self, way: SocketAddr, options: &Options) -> Options {
        let section = self.section();
        self.options(options)
            .set(&format!("{section}.host"), &way.ip().to_string())
            .set(&format!("{section}.port"), &way.port().to_string())
            .set(&format!("{section}.tls"), "disable")
    }

    /// The section of atmd's configuration that describes it, which is also the name of its backend.
    ///
    /// # Panics
    /// Where it is embedded.
    #[must_use]
    pub fn section(&self) -> &'static str {
        match self.engine {
            Engine::Sqlite => panic!("SQLite has no section of its own"),
            Engine::MariaDb => "mysql",
            Engine::PostgreSql => "postgresql",
        }
    }

    /// Its server's address.
    ///
    /// # Panics
    /// Where it is embedded.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.access().address
    }

    /// Its name, which is also its user's.
    ///
    /// # Panics
    /// Where it is embedded.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.access().name
    }

    /// Its user's password.
    ///
    /// # Panics
    /// Where it is embedded.
    #[must_use]
    pub fn password(&self) -> &str {
        &self.access().password
    }

    /// Runs statements in it as the one who may do all, and gives the rows: one a line, columns with tabs between.
    ///
    /// # Panics
    /// Where the server refuses one, or it is embedded.
    #[must_use]
    pub fn sql(&self, statements: &str) -> String {
        let Access { client, name, .. } = self.access();
        client.run(Some(name), statements).unwrap_or_else(|said| panic!("{statements}\n{said}"))
    }

    /// A connection to it that stays, as the one who may do all.
    ///
    /// # Panics
    /// Where it is embedded, or the client program cannot be started.
    #[must_use]
    pub fn session(&self) -> Session {
        let Access { client, name, .. } = self.access();
        client.session(name)
    }

    fn access(&self) -> &Access {
        self.access.as_ref().expect("nobody but atmd opens an embedded database")
    }
}
