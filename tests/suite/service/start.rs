//! How atmd starts: what it says and leaves on the disk, and why it does not start.

use super::{Running, folder, logged, on_its_ports, read, refused, stderr};
use atm_tests::bank;
use atm_tests::daemon::{Atmd, Options};
use atm_tests::link;
use atm_tests::wait::eventually;
use rustix::process::Signal;
use std::collections::BTreeMap;
use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::Command;

#[tokio::test]
async fn an_address_that_is_taken_is_named_with_its_key() {
    // The file's port is that of another program; the harness itself goes before it with a flag.
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = other.local_addr().unwrap().port();
    let mut atmd = Atmd::start(&Options::default().set("server.port", &port.to_string()));
    assert!(atmd.stop().success());
    let (customers, operators) = (atmd.customers(), atmd.operators());
    let same = TcpListener::bind(SocketAddr::new(customers.ip(), port)).unwrap();
    let config = folder(&atmd).join("config.ini");
    let line = 1 + read(&config).lines().position(|line| line.starts_with("port = ")).unwrap();
    let mut command = atmd.command(&[]);
    command.args(["--set", &format!("operator.listen={operators}")]);
    let outcome = refused(command);
    let place = format!("{}:{line}: [server] port = \"{port}\"", config.display());
    assert!(outcome.stderr.contains(&place), "{place}\n{outcome}");
    drop(same);

    let same = TcpListener::bind(operators).unwrap();
    let outcome = refused(on_its_ports(&atmd));
    let place = format!("flag: [operator] listen = \"{operators}\"");
    assert!(outcome.stderr.contains(&place), "{place}\n{outcome}");
    drop(same);

    let mut command = on_its_ports(&atmd);
    command.env("ATMD_SERVER_PORT", "0").args(["--set", "server.host=203.0.113.1"]);
    let outcome = refused(command);
    assert!(outcome.stderr.contains("[server]"), "{outcome}");
    atmd.restart();
}

#[tokio::test]
async fn a_section_that_is_filled_in_for_nothing_is_warned_of() {
    let atmd = Atmd::start(&Options::default());
    assert!(!atmd.log().contains("[mysql]"), "{}", atmd.log());
    let atmd = Atmd::start(&Options::default().set("mysql.password", "of-the-database"));
    logged(&atmd, "", "[mysql] is filled in and not used");
    let warning = atmd.log();
    let line = warning.lines().find(|line| line.contains("[mysql]")).unwrap();
    assert!(line.contains(" WARN "), "{line}");
    for said in [atmd.log(), read(&stderr(&atmd))] {
        assert!(!said.contains("of-the-database"), "{said}");
    }
}

/// All files and folders below one, by path from there, with their modes.
fn modes(folder: &Path) -> BTreeMap<String, u32> {
    tree(folder).into_iter().map(|(path, metadata)| (path, metadata.mode() & 0o7777)).collect()
}

fn tree(folder: &Path) -> Vec<(String, fs::Metadata)> {
    let mut found = vec![(String::from("."), fs::symlink_metadata(folder).unwrap())];
    let mut open = vec![folder.to_owned()];
    while let Some(inside) = open.pop() {
        for entry in fs::read_dir(&inside).unwrap() {
            let path = entry.unwrap().path();
            let metadata = fs::symlink_metadata(&path).unwrap();
            if metadata.is_dir() {
                open.push(path.clone());
            }
            found.push((path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned(), metadata));
        }
    }
    found
}

/// The same program where the user's mask takes nothing away.
fn without_umask(command: &Command) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", "umask 0; exec \"$0\" \"$@\""]).arg(command.get_program()).args(command.get_args());
    shell.env_clear().envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    shell.current_dir(command.get_current_dir().unwrap());
    shell
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_start_tells_where_things_are_and_each_has_its_mode() {
    const EXPECTED: [(&str, u32); 18] = [
        (".", 0o755),
        ("atmd.lock", 0o600),
        ("bank.db", 0o600),
        ("bank.db-shm", 0o600),
        ("bank.db-wal", 0o600),
        ("bank_server.log", 0o640),
        ("keys", 0o700),
        ("keys/pepper", 0o600),
        ("keys/seal", 0o600),
        ("ledger", 0o750),
        ("ledger/bank.csv", 0o640),
        ("ledger/client.csv", 0o640),
        ("pki", 0o700),
        ("pki/ca.key", 0o600),
        ("pki/root.pem", 0o600),
        ("public", 0o755),
        ("public/bank.json", 0o644),
        ("public/ca.pem", 0o644),
    ];
    let mut atmd = Atmd::start(&Options::default());
    assert!(atmd.stop().success());
    fs::remove_dir_all(atmd.data()).unwrap();
    let (running, said) = Running::from(without_umask(&on_its_ports(&atmd)), &atmd);
    eventually("the ledgers are there", || fs::metadata(atmd.bank_csv()).map_err(|e| e.to_string()));
    eventually("the ledgers are there", || fs::metadata(atmd.client_csv()).map_err(|e| e.to_string()));
    let expected: BTreeMap<String, u32> = EXPECTED.map(|(path, mode)| (path.to_owned(), mode)).into();
    assert_eq!(modes(&atmd.data()), expected);
    let text = said.join("\n");
    for place in [atmd.data(), atmd.ca(), atmd.root_identity(), atmd.data().join("keys")] {
        assert!(text.contains(place.to_str().unwrap()), "{place:?} is not named in\n{text}");
    }
    assert!(text.contains("(secret)") && text.contains("atm-cli") && text.contains("atmctl"), "{text}");
    running.signal(Signal::TERM);
    let (status, rest) = running.wait();
    assert_eq!((status.code(), rest), (Some(0), Vec::new()));

    let (running, said) = Running::start(&atmd);
    let (customers, operators) = (atmd.customers(), atmd.operators());
    let data = atmd.data();
    let ready = format!("atmd ready: customers {customers}, operators {operators}, data {}", data.display());
    assert_eq!(said, [ready]);
    running.signal(Signal::INT);
    let (status, rest) = running.wait();
    assert_eq!((status.code(), rest), (Some(0), Vec::new()));
    let errors = read(&stderr(&atmd));
    let complaints: Vec<&str> = errors.lines().filter(|line| !line.starts_with("atmd: stopping")).collect();
    assert_eq!(complaints, [""; 0], "a start and a stop in order are no reason to complain");
}

/// Everything in a folder: bytes and mode of each file.
fn snapshot(folder: &Path) -> BTreeMap<String, (u32, Vec<u8>)> {
    let content = |path: &str, metadata: &fs::Metadata| match metadata.is_file() {
        true => fs::read(folder.join(path)).unwrap(),
        false => Vec::new(),
    };
    tree(folder).into_iter().map(|(path, m)| (path.clone(), (m.mode(), content(&path, &m)))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_keys_a_bank_is_not_opened_and_not_touched() {
    let mut atmd = Atmd::start(&Options::default());
    link::register(&atmd, bank::number(1)).await;
    assert!(atmd.stop().success());
    for name in ["pepper", "seal"] {
        let key = atmd.data().join("keys").join(name);
        let kept = fs::read(&key).unwrap();
        let tell = |what: &str, words: &str| {
            let before = snapshot(&atmd.data());
            let outcome = refused(on_its_ports(&atmd));
            assert!(outcome.stderr.contains(key.to_str().unwrap()), "{name} {what}: {outcome}");
            assert!(outcome.stderr.contains(words), "{name} {what}: {outcome}");
            let hex = String::from_utf8_lossy(&kept).split_whitespace().last().unwrap().to_owned();
            assert!(!outcome.stderr.contains(&hex), "{name} {what}: the key is told");
            assert_eq!(snapshot(&atmd.data()), before, "{name} {what}: something was changed");
        };
        fs::remove_file(&key).unwrap();
        tell("is missing", "restore it from the backup");
        fs::write(&key, &kept[..kept.len() / 2]).unwrap();
        fs::set_permissions(&key, PermissionsExt::from_mode(0o600)).unwrap();
        tell("is cut", "64 hexadecimal digits");
        fs::write(&key, &kept).unwrap();
        fs::set_permissions(&key, PermissionsExt::from_mode(0o644)).unwrap();
        tell("is open", "chmod 600");
        fs::set_permissions(&key, PermissionsExt::from_mode(0o600)).unwrap();
    }
    atmd.restart();
    let _ = link::logged_in(&atmd, bank::number(1)).await;
}
