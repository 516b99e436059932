//! What a backup is refused for, and what a person is told then.

use super::{PASSPHRASE, Shelf, elsewhere, found, mode, row};
use atm_tests::daemon::{Atmd, Options};
use atm_tests::process;
use atm_tests::programs::programs;
use atm_tests::servers::Engine;
use atm_tests::terminal::Terminal;
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::process::Command;

#[test]
fn a_backup_takes_an_admin_and_stands_in_the_audit_log() {
    let (atmd, shelf) = (Atmd::start(&Options::default()), Shelf::new());
    for role in ["viewer", "operator"] {
        let identity = shelf.text(role);
        let _ = atmd.ctl(&["operator", "add", role, "--role", role, "--out", &identity]).coded(0);
        let mut command = Command::new(programs().path("atmctl"));
        command.args(["--server", &atmd.operators().to_string(), "--ca"]).arg(atmd.ca());
        command.args(["--identity", &identity, "backup", "create", "--without-secrets", "--out"]);
        let refused = process::run(
            {
                command.arg(shelf.path("no.backup"));
                command
            },
            "",
        )
        .coded(77);
        assert!(refused.stderr.contains("backup:read"), "{refused}");
        assert!(!shelf.path("no.backup").exists(), "{role}");
    }
    let made = row(shelf.create(&atmd, "one"));
    let audit = atmd.ctl(&["audit", "list", "--method", "backup_create", "-o", "json"]).coded(0).json();
    let rows = audit["data"].as_array().unwrap();
    let of = |field: &str| rows.iter().map(|row| row[field].as_str().unwrap()).collect::<Vec<_>>();
    let done = format!(
        "done: up to entry {}, seal {}",
        made["last_entry"].as_str().unwrap(),
        made["seal_head"].as_str().unwrap()
    );
    let told = |result: &str| of("result").iter().filter(|found| **found == result).count();
    assert_eq!((told("begun"), told(&done)), (1, 1), "{audit}");
    assert_eq!(of("result").iter().filter(|result| result.starts_with("refused")).count(), 2, "{audit}");
    assert!(of("operator").contains(&"viewer") && of("operator").contains(&"root"), "{audit}");
}

#[test]
fn a_backup_comes_back_into_an_empty_folder_alone() {
    let (atmd, shelf) = (Atmd::start(&Options::default()), Shelf::new());
    let _ = row(shelf.create(&atmd, "one"));
    let missing = shelf.path("missing");
    let refused = shelf.restore(&atmd, "one", &missing).coded(4);
    assert!(refused.stderr.contains("mkdir") && !missing.exists(), "{refused}");
    let full = shelf.path("full");
    fs::create_dir(&full).unwrap();
    fs::write(full.join("mine"), "mine").unwrap();
    let refused = shelf.restore(&atmd, "one", &full).coded(5);
    assert!(refused.stderr.contains("is not empty"), "{refused}");
    assert_eq!(fs::read_dir(&full).unwrap().count(), 1);
    let refused = shelf.restore(&atmd, "one", &atmd.data()).coded(5);
    assert!(refused.stderr.contains("is not empty"), "{refused}");
    // A file that is there stays.
    let refused = shelf.create(&atmd, "one").coded(5);
    assert!(refused.stderr.contains("has something in it already"), "{refused}");
    let _ = row(shelf.verify_inside(&atmd, "one"));
    let full = atmd.ctl(&["backup", "create", "--without-secrets", "--out", "/dev/full"]).coded(1);
    assert!(full.stderr.contains("/dev/full cannot be written"), "{full}");
}

#[test]
fn a_restore_that_was_interrupted_is_no_bank() {
    let (atmd, shelf) = (Atmd::start(&Options::default()), Shelf::new());
    let _ = row(shelf.create(&atmd, "one"));
    let copy = elsewhere(Engine::Sqlite, &Options::default());
    let _ = row(shelf.restore(&atmd, "one", &copy.data()));
    fs::create_dir(copy.data().join("restore.part")).unwrap();
    let refused = process::run(copy.command(&[]), "").coded(78);
    assert!(refused.stderr.contains("was interrupted"), "{refused}");
    let refused = process::run(copy.command(&["load"]), "").coded(78);
    assert!(refused.stderr.contains("was interrupted"), "{refused}");
    assert!(copy.data().join("restored.db").exists(), "nothing was touched");
    fs::remove_dir(copy.data().join("restore.part")).unwrap();
    // What was written ahead for another database would be laid over this one.
    let left = copy.data().join("bank.db-wal");
    fs::write(&left, "pages").unwrap();
    for words in [&[][..], &["load"]] {
        let refused = process::run(copy.command(words), "").coded(78);
        assert!(refused.stderr.contains("bank.db-wal is left of a bank that was here"), "{refused}");
    }
    assert!(copy.data().join("restored.db").exists(), "nothing was touched");
    fs::remove_file(left).unwrap();
    let mut copy = copy;
    copy.restart();
}

#[test]
fn keys_may_be_kept_elsewhere() {
    let (atmd, shelf) = (Atmd::start(&Options::default()), Shelf::new());
    let out = shelf.text("bare");
    fs::write(&out, "").unwrap();
    let made = atmd.ctl(&["backup", "create", "--without-secrets", "--out", &out, "-o", "json"]).coded(0);
    let made = made.json();
    assert_eq!(mode(Path::new(&out)), 0o600, "one that was there is for its owner alone, too");
    assert!(made["warnings"].to_string().contains("is not encrypted"), "{made}");
    let bytes = fs::read(shelf.path("bare")).unwrap();
    let text = String::from_utf8_lossy(&bytes);
    assert!(text.contains("SQLite format 3") && !text.contains("PRIVATE KEY"), "keys are not in it");
    let mut copy = elsewhere(Engine::Sqlite, &Options::default());
    // Whoever gives a passphrase expects what only its owner can have made.
    let refused = shelf.restore(&atmd, "bare", &copy.data()).coded(1);
    assert!(refused.stderr.contains("it is not encrypted, and a passphrase was given"), "{refused}");
    let wrong = found(shelf.verify_inside(&atmd, "bare"));
    assert!(wrong["wrong"].as_str().unwrap().contains("it is not encrypted"), "{wrong}");
    assert_eq!(row(shelf.verify(&atmd, "bare", &[]))["decrypted"], json!(false));
    let into = copy.data().to_str().unwrap().to_owned();
    let restored = atmd.ctl(&["backup", "restore", &out, "--into", &into, "-o", "json"]).coded(0);
    assert_eq!(restored.json()["data"][0]["keys"], json!(false));
    assert!(restored.stderr.contains("has no keys"), "{restored}");
    let refused = process::run(copy.command(&[]), "").coded(78);
    assert!(refused.stderr.contains("keys/pepper is missing"), "{refused}");
    for folder in ["keys", "pki"] {
        fs::create_dir_all(copy.data().join(folder)).unwrap();
    }
    for name in ["keys/pepper", "keys/seal", "pki/ca.key", "pki/root.pem"] {
        fs::copy(atmd.data().join(name), copy.data().join(name)).unwrap();
    }
    // Those of another bank fit nothing that was sealed.
    let seal = copy.data().join("keys/seal");
    let own = fs::read(&seal).unwrap();
    fs::write(&seal, format!("1 {}\n", "ab".repeat(32))).unwrap();
    let refused = process::run(copy.command(&[]), "").coded(78);
    assert!(
        refused.stderr.contains("keys/seal is not the key that this bank's history is sealed with"),
        "{refused}"
    );
    fs::write(&seal, own).unwrap();
    copy.restart();
    let _ = copy.ctl(&["ledger", "verify"]).coded(0);
}

#[test]
fn a_passphrase_is_typed_twice_and_never_guessed_at() {
    let (atmd, shelf) = (Atmd::start(&Options::default()), Shelf::new());
    let out = shelf.text("typed");
    let create = ["backup", "create", "--out", &out];
    let refused = atmd.ctl(&create).coded(2);
    assert!(refused.stderr.contains("--passphrase-file"), "{refused}");
    fs::write(shelf.path("short"), "short\n").unwrap();
    let refused = atmd.ctl(&[&create[..], &["--passphrase-file", &shelf.text("short")]].concat()).coded(2);
    assert!(refused.stderr.contains("too short"), "{refused}");
    let mut terminal = Terminal::start(atmd.ctl_command(&[&["--no-input"], &create[..]].concat()));
    terminal.expect("nobody may be asked");
    assert_eq!(terminal.wait(), Some(2), "{}", terminal.shown());
    let mut terminal = Terminal::start(atmd.ctl_command(&create));
    terminal.expect("Passphrase: ");
    terminal.line(PASSPHRASE);
    terminal.expect("Passphrase again: ");
    terminal.line("correct horse battery stable");
    terminal.expect("differ");
    assert_eq!(terminal.wait(), Some(2), "{}", terminal.shown());
    assert!(!shelf.path("typed").exists());
    let mut terminal = Terminal::start(atmd.ctl_command(&create));
    for prompt in ["Passphrase: ", "Passphrase again: "] {
        terminal.expect(prompt);
        terminal.line(PASSPHRASE);
    }
    terminal.expect("SEAL_HEAD");
    assert_eq!(terminal.wait(), Some(0), "{}", terminal.shown());
    assert!(!terminal.shown().contains("battery"), "{}", terminal.shown());
    let checked: Value = row(shelf.verify_inside(&atmd, "typed"));
    assert_eq!(checked["decrypted"], json!(true));
}
