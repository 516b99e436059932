//! A private MariaDB: its programs, its first data, and how it is started.

use super::system::{Owner, as_owner};
use super::{Kit, Place};
use crate::need::{find, missing};
use crate::process;
use std::path::Path;
use std::process::Command;

/// Small, and as durable as it can be.
const SETTINGS: [&str; 9] = [
    "aria_pagecache_buffer_size=1M",
    "innodb_buffer_pool_size=64M",
    "innodb_flush_log_at_trx_commit=1",
    "innodb_log_file_size=32M",
    "key_buffer_size=1M",
    "max_connections=200",
    "skip_log_bin=1",
    "skip_name_resolve=1",
    "thread_cache_size=8",
];

pub(super) fn kit() -> Option<Kit> {
    let any = |names: &[&str]| {
        let found = names.iter().find_map(|name| find(name));
        if found.is_none() {
            missing(names[0]);
        }
        found
    };
    Some(Kit {
        server: any(&["mariadbd", "mysqld"])?,
        initialise: any(&["mariadb-install-db", "mysql_install_db"])?,
        client: any(&["mariadb", "mysql"])?,
        owner: Owner::other_than_root(&["mysql", "nobody"]),
        end: "KILL",
    })
}

/// Makes the first data. Who is on the machine and reaches the socket is root there.
pub(super) fn initialise(kit: &Kit, data: &Path) {
    let mut command = Command::new(&kit.initialise);
    command.args(["--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db"]);
    command.arg("--innodb-log-file-size=32M").arg(format!("--datadir={}", data.display()));
    let command = in_folder(command, data.parent().expect("data is in a folder"));
    let _ = process::run(as_owner(command, kit.owner), "").coded(0);
}

pub(super) fn command(kit: &Kit, place: &Place, more: &[String]) -> Command {
    let Place { folder, address, port, .. } = place;
    let mut command = Command::new(&kit.server);
    command.arg("--no-defaults");
    for setting in SETTINGS {
        command.arg(format!("--{setting}"));
    }
    for (name, file) in [
        ("datadir", "data"),
        ("socket", "socket"),
        ("pid-file", "pid"),
        ("tmpdir", ""),
        ("ssl-ca", "ca.pem"),
        ("ssl-cert", "certificate.pem"),
        ("ssl-key", "key.pem"),
    ] {
        command.arg(format!("--{name}={}", folder.join(file).display()));
    }
    command.arg(format!("--bind-address={address}")).arg(format!("--port={port}"));
    // The last one counts.
    command.args(more.iter().map(|setting| format!("--{setting}")));
    as_owner(in_folder(command, folder), kit.owner)
}

fn in_folder(mut command: Command, folder: &Path) -> Command {
    command.current_dir(folder).env("TMPDIR", folder).env("HOME", folder);
    command
}

/// Statements that make a database and the user who has it to himself.
pub(super) fn database(name: &str, password: &str) -> String {
    format!(
        "CREATE DATABASE {name}; CREATE USER {name}@'%' IDENTIFIED BY '{password}';
         GRANT ALL PRIVILEGES ON {name}.* TO {name}@'%';"
    )
}
