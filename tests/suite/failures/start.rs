//! What keeps atmd from starting on a server: each says what is wrong and what to do, and ends with 75 where a
//! later try may work, and with 78 where somebody has to change something.

use atm_tests::daemon::{Atmd, Options};
use atm_tests::process::{Outcome, run};
use atm_tests::servers::{Database, Engine, Server, strange_ca};
use std::fs;
use std::net::SocketAddr;
use tempfile::NamedTempFile;

const TRY_AGAIN: i32 = 75;
const CONFIGURATION: i32 = 78;

/// Makes a module of that name with one test for each server. They call the function of that name.
macro_rules! on_each_server {
    ($($check:ident),+ $(,)?) => { $(mod $check {
        use atm_tests::servers::Engine;

        #[test]
        fn on_mariadb() {
            super::$check(Engine::MariaDb);
        }

        #[test]
        fn on_postgresql() {
            super::$check(Engine::PostgreSql);
        }
    })+ };
}

on_each_server! {
    a_server_that_is_down,
    a_wrong_password,
    a_missing_database,
    a_database_that_the_user_may_not_use,
    a_right_that_is_missing,
    a_schema_that_is_newer,
    a_schema_that_nobody_made,
    a_certificate_of_another_ca,
    a_certificate_for_another_host,
    a_server_without_tls,
}

/// A start that must fail, saying each of these.
fn fails(options: &Options, code: i32, says: &[&str]) {
    let atmd = Atmd::prepare(options);
    let outcome: Outcome = run(atmd.command(&[]), "").coded(code);
    for words in says {
        assert!(outcome.stderr.contains(words), "{words:?} is not said: {outcome}");
    }
    assert!(!outcome.stdout.contains("ready"), "{outcome}");
    assert!(!outcome.stderr.contains("panicked"), "{outcome}");
}

fn options(database: &Database) -> Options {
    database.options(&Options::default())
}

fn set(database: &Database, key: &str, value: &str) -> Options {
    options(database).set(&format!("{}.{key}", database.section()), value)
}

fn at(address: SocketAddr) -> String {
    format!("{}:{}", address.ip(), address.port())
}

fn a_server_that_is_down(engine: Engine) {
    let Some(mut server) = Server::start(engine) else { return };
    let options = options(&server.database());
    server.stop();
    fails(&options, TRY_AGAIN, &[&at(server.address()), "is it running", "host and port"]);
}

fn a_wrong_password(engine: Engine) {
    let Some(database) = engine.database() else { return };
    let hint = format!("[{}] user and password", database.section());
    fails(&set(&database, "password", "not-it"), CONFIGURATION, &["refuses user", database.name(), &hint]);
    fails(&set(&database, "password", ""), CONFIGURATION, &["refuses user", database.name(), &hint]);
    fails(&set(&database, "user", "nobody_known"), CONFIGURATION, &["refuses user", "nobody_known"]);
}

fn a_missing_database(engine: Engine) {
    let Some(database) = engine.database() else { return };
    let name = database.name();
    let _ = match engine {
        // The right is there before the database is.
        Engine::MariaDb => database.sql(&format!("GRANT ALL ON nowhere_{name}.* TO {name}@'%';")),
        _ => String::new(),
    };
    let missing = format!("nowhere_{name}");
    let create = format!("CREATE DATABASE {missing}");
    fails(&set(&database, "database", &missing), CONFIGURATION, &["has no database", &missing, &create]);
}

fn a_database_that_the_user_may_not_use(engine: Engine) {
    let (Some(database), Some(other)) = (engine.database(), engine.database()) else { return };
    let name = other.name();
    if engine == Engine::PostgreSql {
        let _ = other.sql(&format!("REVOKE CONNECT ON DATABASE {name} FROM PUBLIC;"));
    }
    fails(&set(&database, "database", name), CONFIGURATION, &["does not let user", name, "GRANT"]);
}

fn a_right_that_is_missing(engine: Engine) {
    let Some(database) = engine.database() else { return };
    let name = database.name();
    // It may read and write, and not make tables, which the first start has to do.
    let _ = database.sql(&match engine {
        Engine::MariaDb => format!("REVOKE CREATE ON {name}.* FROM {name}@'%';"),
        _ => format!("ALTER DATABASE {name} OWNER TO postgres;"),
    });
    fails(&options(&database), CONFIGURATION, &["refuses a right", "grant atmd's user"]);
}

fn a_schema_that_is_newer(engine: Engine) {
    let Some(database) = engine.database() else { return };
    let mut atmd = Atmd::start(&options(&database));
    assert!(atmd.stop().success());
    let _ = database.sql("INSERT INTO seaql_migrations (version, applied_at) VALUES ('m29991231_later', 0);");
    let says = ["newer than this atmd", "m29991231_later"];
    let outcome = run(atmd.command(&[]), "").coded(CONFIGURATION);
    assert!(says.iter().all(|words| outcome.stderr.contains(words)), "{outcome}");
    let _ = database.sql("DELETE FROM seaql_migrations WHERE version = 'm29991231_later';");
    atmd.restart();
}

fn a_schema_that_nobody_made(engine: Engine) {
    let Some(database) = engine.database() else { return };
    let options = options(&database).set("database.migrate", "manual");
    fails(&options, CONFIGURATION, &["atmd migrate", "migrate = auto"]);
}

fn a_certificate_of_another_ca(engine: Engine) {
    let Some(database) = engine.database() else { return };
    let ca = NamedTempFile::new().unwrap();
    fs::write(ca.path(), strange_ca()).unwrap();
    let options = set(&database, "tls_ca", ca.path().to_str().unwrap());
    fails(&options, CONFIGURATION, &["no TLS", "tls_ca"]);
}

/// The certificate names the address and localhost, not this name of the same machine.
fn a_certificate_for_another_host(engine: Engine) {
    // Listens everywhere, so that it is reached by an address that its certificate does not name.
    let everywhere =
        if engine == Engine::MariaDb { "bind_address=0.0.0.0" } else { "listen_addresses=0.0.0.0" };
    let Some(server) = Server::start_with(engine, &[everywhere]) else { return };
    let other = "127.1.2.3";
    let database = server.database();
    let options = set(&database, "host", other);
    fails(&options, CONFIGURATION, &["no TLS"]);
    // With the CA alone it is taken.
    drop(Atmd::start(&options.set(&format!("{}.tls", database.section()), "verify-ca")));
}

fn a_server_without_tls(engine: Engine) {
    let off = if engine == Engine::MariaDb { "skip_ssl" } else { "ssl=off" };
    let Some(server) = Server::start_with(engine, &[off]) else { return };
    let database = server.database();
    fails(&set(&database, "tls", "require"), CONFIGURATION, &["TLS"]);
    drop(Atmd::start(&set(&database, "tls", "prefer")));
}

#[test]
fn weak_durability_on_mariadb() {
    let weak: [(&[&str], &[&str]); 3] = [
        (&["innodb_flush_log_at_trx_commit=0"], &["innodb_flush_log_at_trx_commit is 0", "= 1"]),
        (&["innodb_flush_log_at_trx_commit=2"], &["innodb_flush_log_at_trx_commit is 2", "= 1"]),
        (&["log_bin=binlog", "sync_binlog=0"], &["sync_binlog is 0", "sync_binlog = 1"]),
    ];
    for (settings, says) in weak {
        let Some(server) = Server::start_with(Engine::MariaDb, settings) else { return };
        fails(&options(&server.database()), CONFIGURATION, &[says, &["may lose"]].concat());
    }
}

#[test]
fn weak_durability_on_postgresql() {
    for name in ["synchronous_commit", "fsync", "full_page_writes"] {
        let setting = format!("{name}=off");
        let Some(server) = Server::start_with(Engine::PostgreSql, &[&setting]) else { return };
        let says = [format!("{name} is off"), format!("set {name} = on"), "may lose".to_owned()];
        let says = says.each_ref().map(String::as_str);
        fails(&options(&server.database()), CONFIGURATION, &says);
    }
    // A setting of the user's own counts as well.
    let Some(database) = Engine::PostgreSql.database() else { return };
    let _ = database.sql(&format!("ALTER ROLE {} SET synchronous_commit = off;", database.name()));
    fails(&options(&database), CONFIGURATION, &["synchronous_commit is off"]);
}
