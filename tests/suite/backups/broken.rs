//! Backups that end in the middle: atmd killed, the plugin killed, a full disk. Nothing is left behind, the bank goes on,
//! and the next one is whole.

use super::{Shelf, row};
use atm_tests::daemon::{Atmd, Options};
use atm_tests::need::need;
use atm_tests::process;
use atm_tests::wait::{PATIENCE, eventually, exit};
use atm_tests::{bank, link};
use rustix::process::{Pid, Signal, kill_process};
use std::fmt::Write;
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::thread::{self, sleep};
use std::time::Duration;

/// Between two looks at what is to be caught at work.
const LOOK: Duration = Duration::from_micros(200);

/// A bank of some size, so that a backup of it takes a moment.
fn large() -> Atmd {
    let atmd = Atmd::start(&Options::default());
    let list = (0..60_000).fold(String::new(), |mut text, n| {
        writeln!(text, "{},stolen", bank::number(n).full()).unwrap();
        text
    });
    fs::write(atmd.data().join("list.csv"), list).unwrap();
    let file = atmd.data().join("list.csv");
    let _ = atmd.ctl(&["blacklist", "import", file.to_str().unwrap()]).coded(0);
    atmd
}

fn begin(atmd: &Atmd, shelf: &Shelf, name: &str) -> Child {
    let (out, passphrase) = (shelf.text(name), shelf.text("passphrase"));
    let mut command =
        atmd.ctl_command(&["backup", "create", "--out", &out, "--passphrase-file", &passphrase]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

fn ended(mut child: Child) -> Option<i32> {
    let status = exit(&mut child, PATIENCE);
    process::end(&mut child);
    status.expect("atmctl ends").code()
}

#[test]
fn a_kill_of_atmd_leaves_nothing_that_stays() {
    let (mut atmd, shelf) = (large(), Shelf::new());
    let part = atmd.data().join("backup.part");
    // How long a copy takes is the machine's affair: it is caught when it is caught.
    let caught = (0..50).any(|n| {
        let mut child = begin(&atmd, &shelf, &format!("{n}"));
        let caught = loop {
            if part.metadata().is_ok_and(|metadata| metadata.len() > 0) {
                atmd.kill();
                break part.exists();
            }
            if child.try_wait().unwrap().is_some() {
                break false;
            }
            sleep(LOOK);
        };
        let code = ended(child);
        assert!(!caught || [Some(69), Some(75)].contains(&code), "{code:?}");
        if caught {
            assert!(!shelf.path(&format!("{n}")).exists(), "a file is whole or not there");
        } else if atmd.is_running() {
            return false;
        } else {
            atmd.restart();
        }
        caught
    });
    assert!(caught, "no backup was under way when atmd was killed");
    atmd.restart();
    assert!(!part.exists(), "the start takes it away");
    let _ = row(shelf.create(&atmd, "good"));
    let _ = row(shelf.verify_inside(&atmd, "good"));
    let _ = atmd.ctl(&["ledger", "verify"]).coded(0);
}

/// The processes that a process started.
fn children(pid: u32) -> Vec<u32> {
    let text = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    text.split_whitespace().map(|pid| pid.parse().unwrap()).collect()
}

#[test]
fn a_kill_of_the_plugin_ends_the_work() {
    let (atmd, shelf) = (large(), Shelf::new());
    let caught = (0..50).any(|n| {
        let name = format!("{n}");
        let mut child = begin(&atmd, &shelf, &name);
        let killed = loop {
            let begun = shelf.path(&name).metadata().is_ok_and(|metadata| metadata.len() > 0);
            if child.try_wait().unwrap().is_some() {
                break false;
            }
            if begun {
                let kill =
                    |pid| kill_process(Pid::from_raw(i32::try_from(pid).unwrap()).unwrap(), Signal::KILL);
                break children(child.id()).into_iter().any(|pid| kill(pid).is_ok());
            }
            sleep(LOOK);
        };
        let code = ended(child);
        if !killed || code == Some(0) {
            return false;
        }
        assert_eq!(code, Some(70), "atmctl tells that it crashed");
        assert!(!shelf.path(&name).exists(), "a file is whole or not there");
        true
    });
    assert!(caught, "no plugin was at work when it was killed");
    // Its place is free when atmd has noticed, and its copy is gone.
    eventually("the next backup begins", || match shelf.create(&atmd, "good") {
        made if made.code == Some(0) => Ok(()),
        made if made.code == Some(75) => Err(made.to_string()),
        made => panic!("{made}"),
    });
    let _ = row(shelf.verify_inside(&atmd, "good"));
    assert!(!atmd.data().join("backup.part").exists());
}

/// Keys in the clear are not left behind, or told of where that cannot be helped.
#[test]
fn a_restore_that_is_stopped_leaves_nothing_and_one_that_is_killed_is_told_of() {
    let (atmd, shelf) = (large(), Shelf::new());
    let _ = row(shelf.create(&atmd, "good"));
    let mut caught = [false; 2];
    for n in 0..100 {
        let into = shelf.path(&format!("into-{n}"));
        fs::create_dir(&into).unwrap();
        let (file, passphrase) = (shelf.text("good"), shelf.text("passphrase"));
        let line =
            ["backup", "restore", &file, "--into", into.to_str().unwrap(), "--passphrase-file", &passphrase];
        let mut command = atmd.ctl_command(&line);
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let (part, signal) = (into.join("restore.part"), [Signal::INT, Signal::KILL][n % 2]);
        let signalled = loop {
            if child.try_wait().unwrap().is_some() {
                break false;
            }
            if part.exists() {
                // From a terminal all of them get it.
                let to = |pid| Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
                let sent = children(child.id()).into_iter().any(|pid| kill_process(to(pid), signal).is_ok());
                break sent;
            }
            sleep(LOOK);
        };
        let code = ended(child);
        if !signalled || code == Some(0) {
            continue;
        }
        match signal {
            Signal::INT => assert_eq!(fs::read_dir(&into).unwrap().count(), 0, "{code:?}"),
            _ => {
                let again = shelf.restore(&atmd, "good", &into).coded(5);
                assert!(again.stderr.contains("keys in the clear"), "{again}");
            }
        }
        caught[n % 2] = true;
        if caught == [true; 2] {
            return;
        }
    }
    panic!("no restore was at work when it was signalled: {caught:?}");
}

/// A disk that is full for the copy alone, until this is dropped.
struct Full(Child);

impl Full {
    fn of(atmd: &Atmd) -> Option<Self> {
        let strace = need("strace")?;
        let part = atmd.data().join("backup.part");
        let mut command = Command::new(strace);
        command.args(["-f", "-p", &atmd.pid().to_string(), "-o", "/dev/null", "-P"]).arg(&part);
        command.args(["-e", "trace=pwrite64", "-e", "inject=pwrite64:error=ENOSPC"]).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let attached = lines.by_ref().map_while(Result::ok).any(|line| line.contains("attached"));
        assert!(attached, "strace cannot attach");
        thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        Some(Self(child))
    }
}

impl Drop for Full {
    fn drop(&mut self) {
        process::end(&mut self.0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_told_and_the_bank_goes_on() {
    let (atmd, shelf) = (Atmd::start(&Options::default()), Shelf::new());
    let Some(full) = Full::of(&atmd) else { return };
    let refused = tokio::task::block_in_place(|| shelf.create(&atmd, "one").coded(5));
    assert!(refused.stderr.contains("the disk of atmd's data directory is full"), "{refused}");
    assert!(!shelf.path("one").exists() && !atmd.data().join("backup.part").exists());
    link::register(&atmd, bank::number(1)).await;
    drop(full);
    tokio::task::block_in_place(|| {
        let _ = row(shelf.create(&atmd, "one"));
        let audit = atmd.ctl(&["audit", "list", "--method", "backup_create", "-o", "csv"]).coded(0);
        assert!(audit.stdout.contains("failed: the disk is full"), "{audit}");
    });
}
