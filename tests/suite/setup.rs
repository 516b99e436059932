//! What README.md says about a bank on a database server makes one: its SQL, its lines of config.ini, and
//! `atmd migrate` before the first start.

use atm_tests::daemon::{Atmd, Options};
use atm_tests::process::run;
use atm_tests::programs::root;
use atm_tests::servers::{Engine, Server};
use std::fs;
use std::process::Command;
use tempfile::NamedTempFile;

/// The blocks of that language in README.md, in order.
fn blocks(language: &str) -> Vec<String> {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let fence = format!("```{language}\n");
    let blocks = readme.split(&fence).skip(1).map(|rest| rest.split_once("\n```").unwrap().0.to_owned());
    blocks.collect()
}

/// The documented lines for a server, with what is this server's own in the place of the example's.
fn settings(section: &str, server: &Server, password: &NamedTempFile) -> Vec<(String, String)> {
    let [ini]: [String; 1] = blocks("ini").try_into().unwrap();
    let mut open = String::new();
    let mut found = Vec::new();
    for line in ini.replace("mysql", section).lines().filter(|line| !line.is_empty()) {
        if let Some(name) = line.strip_prefix('[') {
            open = name.trim_end_matches(']').to_owned();
            continue;
        }
        let (name, documented) = line.split_once(" = ").unwrap();
        let value = match name {
            "host" => server.address().ip().to_string(),
            "port" => server.address().port().to_string(),
            "password_file" => password.path().display().to_string(),
            // The example's CA is nobody's.
            "tls" => "require".to_owned(),
            "tls_ca" => String::new(),
            _ => documented.to_owned(),
        };
        found.push((format!("{open}.{name}"), value));
    }
    found
}

fn bank_as_documented(engine: Engine, section: &str, sql: &str) {
    let Some(server) = Server::start(engine) else { return };
    let _ = server.sql(sql);
    let password = NamedTempFile::new().unwrap();
    fs::write(password.path(), "a-long-password\n").unwrap();
    let settings = settings(section, &server, &password);
    assert!(settings.len() > 5, "{settings:?}");
    let options = settings.iter().fold(Options::default(), |options, (key, value)| options.set(key, value));

    let mut atmd = Atmd::prepare(&options);
    let refused = run(atmd.command(&[]), "").coded(78);
    assert!(refused.stderr.contains("run 'atmd migrate'"), "{}", refused.stderr);
    let migrate = |atmd: &Atmd| {
        let command: Command = atmd.command(&["migrate"]);
        run(command, "").coded(0).stdout
    };
    assert!(migrate(&atmd).starts_with("applied m20261122_000001_bank"));
    assert_eq!(migrate(&atmd), "the schema is up to date\n");
    atmd.restart();
    let status = atmd.ctl(&["status"]).coded(0).stdout;
    assert!(status.contains("10000.00"), "{status}");
}

#[test]
fn a_bank_on_mariadb_is_made_as_documented() {
    bank_as_documented(Engine::MariaDb, "mysql", &blocks("sql")[0]);
}

#[test]
fn a_bank_on_postgresql_is_made_as_documented() {
    bank_as_documented(Engine::PostgreSql, "postgresql", &blocks("sql")[1]);
}
