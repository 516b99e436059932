//! MariaDB and MySQL: row locks at READ COMMITTED, and a redo log that is synced at each commit.

use super::OpenError;
use super::bounded::Bounded;
use super::engine::{CONNECT_TIMEOUT, LOCK_TIMEOUT_S, Purpose, server_pool};
use super::server::{Server, first_connection};
use super::statement::KEPT_MAX;
use crate::config::{DatabaseServer, TlsMode};
use sea_orm::sqlx::mysql::{MySqlConnectOptions, MySqlConnection, MySqlDatabaseError, MySqlSslMode};
use sea_orm::sqlx::{self, ConnectOptions as _, Connection, Executor};
use sea_orm::{ConnectionTrait, Database, DatabaseConnection, DbErr, Statement};
use std::collections::HashMap;
use tracing::warn;

fn login(server: &DatabaseServer, options: MySqlConnectOptions) -> MySqlConnectOptions {
    let mode = match server.tls {
        TlsMode::Disable => MySqlSslMode::Disabled,
        TlsMode::Prefer => MySqlSslMode::Preferred,
        TlsMode::Require => MySqlSslMode::Required,
        TlsMode::VerifyCa => MySqlSslMode::VerifyCa,
        TlsMode::VerifyFull => MySqlSslMode::VerifyIdentity,
    };
    let options = options
        .host(&server.host)
        .port(server.port)
        .username(&server.user)
        .statement_cache_capacity(KEPT_MAX)
        .database(&server.database)
        .charset("utf8mb4")
        .collation("utf8mb4_bin")
        .ssl_mode(mode);
    let options = match &server.tls_ca {
        Some(ca) => options.ssl_ca(ca),
        None => options,
    };
    match &server.password {
        Some(password) => options.password(password),
        None => options,
    }
}

/// What a session of atmd needs: text that does not fit is an error, and who writes neither waits long for a
/// lock nor keeps it when it froze (MariaDB alone can see to that).
fn session_settings(purpose: Purpose) -> String {
    let mut settings = String::from(
        "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED; \
         SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION,PIPES_AS_CONCAT'",
    );
    if purpose == Purpose::Write {
        settings += &format!(
            ", innodb_lock_wait_timeout = {LOCK_TIMEOUT_S} /*M!100300 , idle_transaction_timeout = {} */",
            2 * LOCK_TIMEOUT_S
        );
    }
    settings
}

pub(super) async fn connect(server: &DatabaseServer, purpose: Purpose) -> Result<DatabaseConnection, DbErr> {
    let server = server.clone();
    let mut options = server_pool("mysql://localhost", purpose);
    options.map_sqlx_mysql_opts(move |options| login(&server, options)).map_sqlx_mysql_pool_opts(
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
pub(super) async fn hold(server: &DatabaseServer) -> Result<MySqlConnection, sqlx::Error> {
    let options = login(server, MySqlConnectOptions::new()).disable_statement_logging();
    let mut connection = MySqlConnection::connect_with(&options).await?;
    connection.execute(sqlx::AssertSqlSafe(session_settings(Purpose::Write))).await?;
    Ok(connection)
}

/// Whether the server can be used at all, and if not, what to do about it.
pub(super) async fn check_reachable(server: &DatabaseServer) -> Result<(), OpenError> {
    let options = login(server, MySqlConnectOptions::new());
    let who = Server { section: "mysql", product: "MariaDB or MySQL", login: server };
    let connection =
        first_connection(who, CONNECT_TIMEOUT, MySqlConnection::connect_with(&options), |error| match error
            .try_downcast_ref::<MySqlDatabaseError>()
            .map(MySqlDatabaseError::number)
        {
            Some(1045 | 1698) => Some(who.refuses_login()),
            Some(1049) => Some(who.has_no_database()),
            Some(1044) => {
                Some(who.refuses_database(&format!(
                    "GRANT ALL ON {}.* TO '{}'@'...'",
                    server.database, server.user
                )))
            }
            Some(1040 | 1053 | 1203) => Some(OpenError::Unreachable(format!("{who}: {error}"))),
            _ => None,
        });
    // Nothing was done on it, so nothing is lost where it does not close in order.
    let _ = connection.await?.close().await;
    Ok(())
}

/// Refuses a server whose commits may be lost.
pub(super) async fn check_durability(on: &Bounded<DatabaseConnection>) -> Result<(), OpenError> {
    let sql = "SHOW GLOBAL VARIABLES WHERE Variable_name IN \
               ('innodb_flush_log_at_trx_commit', 'innodb_doublewrite', 'log_bin', 'sync_binlog')";
    let rows = on.query_all_raw(Statement::from_string(on.get_database_backend(), sql)).await?;
    let pairs = rows.iter().map(|row| Ok((row.try_get_by_index(0)?, row.try_get_by_index(1)?)));
    let settings: HashMap<String, String> = pairs.collect::<Result<_, DbErr>>()?;
    let setting = |name: &str| settings.get(name).map(String::as_str);
    let weak = |what: &str, right: &str| {
        Err(OpenError::Unfit(format!(
            "the MariaDB or MySQL server may lose what it acknowledged: {what}; set {right} on it"
        )))
    };
    match setting("innodb_flush_log_at_trx_commit") {
        // 3 is MariaDB's, and syncs once more than 1.
        Some("1" | "3") => {}
        Some(other) => {
            return weak(
                &format!("innodb_flush_log_at_trx_commit is {other}"),
                "innodb_flush_log_at_trx_commit = 1",
            );
        }
        None => warn!("the server does not tell innodb_flush_log_at_trx_commit; it must be 1"),
    }
    // With a binary log it is that log which decides what a crash leaves.
    if setting("log_bin") == Some("ON") && setting("sync_binlog") != Some("1") {
        let found = setting("sync_binlog").unwrap_or("not told");
        return weak(&format!("log_bin is ON and sync_binlog is {found}"), "sync_binlog = 1");
    }
    if setting("innodb_doublewrite") == Some("OFF") {
        warn!("innodb_doublewrite is OFF: only a file system that writes whole pages makes that safe");
    }
    Ok(())
}
