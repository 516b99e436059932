//! A private PostgreSQL: its programs, its first data, and how it is started.

use super::system::{Owner, as_owner};
use super::{Kit, Place};
use crate::need::need;
use crate::process;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Small, and as durable as it can be. Memory that processes share lies in the data, so that it goes with it.
const SETTINGS: [&str; 8] = [
    "dynamic_shared_memory_type=mmap",
    "fsync=on",
    "full_page_writes=on",
    "max_connections=200",
    "max_wal_size=256MB",
    "shared_buffers=64MB",
    "ssl=on",
    "synchronous_commit=on",
];

/// Who comes over the network needs a password.
const WHO_MAY: &str = "local all all trust\nhost all all 127.0.0.0/8 scram-sha-256\n";

pub(super) fn kit() -> Option<Kit> {
    let server = need("postgres")?;
    // Programs of one version lie together; on PATH there may be links, or wrappers of a distribution.
    let real = fs::canonicalize(&server).unwrap_or(server);
    let beside = |name: &str| {
        let file = real.with_file_name(name);
        if file.is_file() { Some(file) } else { need(name) }
    };
    Some(Kit {
        initialise: beside("initdb")?,
        client: beside("psql")?,
        server: real,
        owner: Owner::other_than_root(&["postgres", "nobody"]),
        end: "QUIT",
    })
}

/// Makes the first data.
pub(super) fn initialise(kit: &Kit, data: &Path) {
    let mut command = Command::new(&kit.initialise);
    command.arg("--pgdata").arg(data).args(["--username=postgres", "--encoding=UTF8", "--locale=C"]);
    command.args(["--auth=trust", "--no-sync"]).current_dir(data.parent().expect("data is in a folder"));
    let _ = process::run(as_owner(command, kit.owner), "").coded(0);
    fs::write(data.join("pg_hba.conf"), WHO_MAY).expect("its files can be written");
}

pub(super) fn command(kit: &Kit, place: &Place, more: &[String]) -> Command {
    let Place { folder, address, port, .. } = place;
    let mut command = Command::new(&kit.server);
    command.arg("-D").arg(folder.join("data")).arg("-k").arg(folder);
    command.arg("-h").arg(address.to_string()).args(["-p", &port.to_string()]);
    for setting in SETTINGS {
        command.args(["-c", setting]);
    }
    for (name, file) in
        [("ssl_ca_file", "ca.pem"), ("ssl_cert_file", "certificate.pem"), ("ssl_key_file", "key.pem")]
    {
        command.arg("-c").arg(format!("{name}={}", folder.join(file).display()));
    }
    // The last one counts.
    command.args(more.iter().flat_map(|setting| ["-c", setting]));
    command.current_dir(folder);
    as_owner(command, kit.owner)
}

/// Statements that make a database and the user who has it to himself.
pub(super) fn database(name: &str, password: &str) -> String {
    format!("CREATE USER {name} PASSWORD '{password}'; CREATE DATABASE {name} OWNER {name};")
}
