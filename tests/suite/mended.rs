//! Mistakes that the system once made as a whole. Each test fails without what mended it.

use atm_rpc::client::{Customer, CustomerError, Endpoint, Patience};
use atm_rpc::customer::KeyOutcome;
use atm_rpc::error::{ServiceError, SessionEnd};
use atm_rpc::types::key::{RequestKey, ResumeToken};
use atm_tests::bank::{self, rupees};
use atm_tests::books::{self, Books};
use atm_tests::daemon::{Atmd, Options};
use atm_tests::link::{self, HERE};
use atm_tests::need::need;
use atm_tests::programs::programs;
use atm_tests::random::Random;
use atm_tests::wait::{self, PATIENCE, eventually};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream as BlockingStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::sleep;

/// Between a client and atmd: what it does with what atmd says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Proxy {
    /// Hands it on.
    Through,
    /// Keeps it to itself.
    Swallow,
    /// Ends the connections there are; those that come are handed on.
    Cut,
}

/// A proxy on an address that the server's certificate has.
async fn proxy(to: SocketAddr) -> (SocketAddr, watch::Sender<Proxy>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (mode, modes) = watch::channel(Proxy::Through);
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let mut modes = modes.clone();
            modes.mark_unchanged();
            tokio::spawn(carry(client, TcpStream::connect(to).await.unwrap(), modes));
        }
    });
    (address, mode)
}

async fn carry(mut client: TcpStream, mut server: TcpStream, mut modes: watch::Receiver<Proxy>) {
    let (mut from_client, mut from_server) = ([0; 16 * 1024], [0; 16 * 1024]);
    loop {
        tokio::select! {
            _ = modes.changed() => {
                if *modes.borrow() == Proxy::Cut {
                    return;
                }
            }
            Ok(count @ 1..) = client.read(&mut from_client) => {
                server.write_all(&from_client[..count]).await.unwrap();
            }
            Ok(count @ 1..) = server.read(&mut from_server) => {
                if *modes.borrow() != Proxy::Swallow && client.write_all(&from_server[..count]).await.is_err() {
                    return;
                }
            }
            else => return,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_withdrawal_whose_answer_was_lost_is_not_called_rejected() {
    let atmd = Atmd::start(&Options::default());
    let mobile = bank::number(1);
    link::register(&atmd, mobile).await;
    let _ = link::logged_in(&atmd, mobile).await.deposit(RequestKey::generate(), rupees(500)).await.unwrap();
    let (address, mode) = proxy(atmd.customers()).await;
    let endpoint = Endpoint::customer(&address.to_string(), &fs::read(atmd.ca()).unwrap()).unwrap();
    let mut customer = Customer::new(endpoint, Patience { call: PATIENCE, total: PATIENCE });
    let _ = customer.login(&bank::right(mobile), &bank::terminal()).await.unwrap();
    mode.send(Proxy::Swallow).unwrap();
    let key = RequestKey::generate();
    let withdrawal = tokio::spawn(async move { customer.withdraw(key, rupees(100)).await });
    let ledger = atmd.bank_csv();
    let applied = tokio::task::spawn_blocking(move || {
        eventually("the withdrawal is applied", || {
            let text = fs::read_to_string(&ledger).unwrap();
            if text.contains("withdraw") { Ok(()) } else { Err(text) }
        });
    });
    applied.await.unwrap();
    let operator = link::operator(&atmd).await;
    let _ = operator.blacklist_add(link::patient(), mobile, "a test".into(), None).await.unwrap().unwrap();
    mode.send(Proxy::Cut).unwrap();
    let answer = withdrawal.await.unwrap();
    assert!(matches!(answer, Err(CustomerError::OutcomeUnknown)), "{answer:?}");
    let _ = operator.blacklist_remove(link::patient(), mobile, "a test".into()).await.unwrap().unwrap();
    let outcome = link::logged_in(&atmd, mobile).await.outcome(key).await.unwrap();
    assert!(matches!(&outcome, KeyOutcome::Done(receipt) if receipt.amount == rupees(100)), "{outcome:?}");
}

/// An atmd started by hand on a folder, with its stdout and stderr for us.
fn start_by_hand(data: &Path, more: &[&str]) -> Child {
    let mut command = Command::new(programs().path("atmd"));
    command.env_clear().current_dir(data.parent().unwrap()).arg("--set");
    command.arg(format!("server.data_dir={}", data.display()));
    for setting in
        ["server.host=127.0.0.1", "server.port=0", "operator.listen=127.0.0.1:0"].iter().chain(more)
    {
        command.args(["--set", setting]);
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Reads to the line that says where it listens; `None` where it ended before.
fn ready(child: &mut Child) -> Option<SocketAddr> {
    let lines = BufReader::new(child.stdout.as_mut().unwrap()).lines();
    let line = lines.map_while(Result::ok).find(|line| line.starts_with("atmd ready: "))?;
    line.split("customers ").nth(1)?.split(',').next()?.parse().ok()
}

#[test]
fn a_first_start_that_was_cut_off_is_finished_by_the_next() {
    let mut random = Random::new(7);
    for round in 0..12 {
        let folder = TempDir::with_prefix("first-").unwrap();
        let data = folder.path().join("data");
        let mut cut = start_by_hand(&data, &[]);
        std::thread::sleep(Duration::from_millis(random.below(80)));
        cut.kill().unwrap();
        cut.wait().unwrap();
        let mut next = start_by_hand(&data, &[]);
        let served = ready(&mut next);
        next.kill().unwrap();
        let said = next.wait_with_output().unwrap();
        assert!(served.is_some(), "round {round}: {}", String::from_utf8_lossy(&said.stderr));
    }
}

#[test]
fn nobody_who_reads_stderr_late_stops_it() {
    let folder = TempDir::with_prefix("stderr-").unwrap();
    let bounds = ["server.max_connections=2000", "server.max_connections_per_peer=2000"];
    let mut atmd = start_by_hand(&folder.path().join("data"), &bounds);
    let address = ready(&mut atmd).unwrap();
    // Each leaves a warning; together they are more than a pipe holds.
    for _ in 0..1_000 {
        let mut stranger = BlockingStream::connect(address).unwrap();
        stranger.set_read_timeout(Some(PATIENCE)).unwrap();
        stranger.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
        let ended = std::io::copy(&mut stranger, &mut std::io::sink());
        if ended.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock) {
            atmd.kill().unwrap();
            panic!("strangers are not answered any more");
        }
    }
    rustix::process::kill_process(rustix::process::Pid::from_child(&atmd), rustix::process::Signal::TERM)
        .unwrap();
    let status = wait::exit(&mut atmd, PATIENCE);
    let _ = atmd.kill();
    assert!(status.is_some_and(|status| status.success()), "{status:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_that_is_written_anew_does_not_double_the_other() {
    let mut atmd = Atmd::start(&Options::default());
    let customers = (0..8).map(|n| {
        let atmd = &atmd;
        async move {
            link::register(atmd, bank::number(n)).await;
            let mut customer = link::logged_in(atmd, bank::number(n)).await;
            for _ in 0..150 {
                let _ = customer.deposit(RequestKey::generate(), rupees(1)).await.unwrap();
            }
            customer
        }
    });
    let mut customers = futures::future::join_all(customers).await;
    fs::remove_file(atmd.bank_csv()).unwrap();
    let _ = customers[0].deposit(RequestKey::generate(), rupees(1)).await.unwrap();
    let ledger = atmd.bank_csv();
    let rewritten = tokio::task::spawn_blocking(move || {
        eventually("bank.csv is written anew", || {
            let lines = fs::read_to_string(&ledger).unwrap_or_default().lines().count();
            if lines == 1 + 1 + 8 * 150 + 1 { Ok(()) } else { Err(format!("{lines} lines")) }
        });
    });
    rewritten.await.unwrap();
    assert!(atmd.stop().success());
    Books::of(&atmd.config()).await.check_ledgers();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_lost_its_session_does_not_end_it() {
    let idle = Duration::from_secs(1);
    let atmd = Atmd::start(&Options::default().set("limits.idle_timeout", "1s"));
    let mobile = bank::number(1);
    link::register(&atmd, mobile).await;
    let (lost, held) = (link::plain(&atmd, HERE).await, link::plain(&atmd, HERE).await);
    let session = link::login(&lost, mobile).await.unwrap();
    let _ = held.resume(link::patient(), session.token).await.unwrap().unwrap();
    let begun = Instant::now();
    // The first connection's idle time passes while the second one is busy.
    while begun.elapsed() < idle * 2 {
        let _ = held.balance(link::patient()).await.unwrap().unwrap();
        sleep(idle / 10).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_that_nobody_has_leave_nothing_behind() {
    let mut atmd = Atmd::start(&Options::default());
    let stranger = link::plain(&atmd, HERE).await;
    let unknown = Err(ServiceError::Unauthenticated(SessionEnd::Unknown));
    for n in 0..200 {
        let answer = stranger.resume(link::patient(), ResumeToken::new([n; 32])).await.unwrap();
        assert_eq!(answer.map(drop), unknown);
    }
    assert!(atmd.stop().success());
    let store = books::store(&atmd.config()).await;
    let seals = store.seal_head().await.unwrap().id;
    assert!(seals < 20, "{seals} batches were committed for nothing");
    store.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_that_asks_for_the_version_does_not_stay_for_ever() {
    let atmd = Atmd::start(&Options::default().set("server.login_timeout", "1s"));
    let stranger = link::plain(&atmd, HERE).await;
    let begun = Instant::now();
    while stranger.version(link::patient()).await.is_ok() {
        assert!(begun.elapsed() < PATIENCE, "it stays");
        sleep(Duration::from_millis(50)).await;
    }
}

/// Makes the system calls that write fail in a running atmd, until it is ended.
fn no_space(atmd: &Atmd) -> Option<Child> {
    let strace = need("strace")?;
    let pid = atmd.pid().to_string();
    let trace =
        ["-f", "-p", &pid, "-e", "trace=pwrite64", "-e", "inject=pwrite64:error=ENOSPC", "-o", "/dev/null"];
    let mut child = Command::new(strace).args(trace).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let attached = lines.next().unwrap().unwrap();
    assert!(attached.contains("attached"), "{attached}");
    // What else it says is not read, and need not be.
    std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
    Some(child)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_acknowledged_after_a_full_disk_is_there() {
    let mut atmd = Atmd::start(&Options::default());
    let mobile = bank::number(1);
    link::register(&atmd, mobile).await;
    let mut customer = link::logged_in(&atmd, mobile).await;
    let _ = customer.deposit(RequestKey::generate(), rupees(100)).await.unwrap();
    let Some(mut strace) = no_space(&atmd) else { return };
    let atmd_log = atmd.data().join("bank_server.log");
    let waiting = tokio::spawn(async move {
        let receipt = customer.deposit(RequestKey::generate(), rupees(7)).await;
        (customer, receipt)
    });
    let full = tokio::task::spawn_blocking(move || {
        eventually("atmd meets the full disk", || {
            let log = fs::read_to_string(&atmd_log).unwrap();
            if log.contains("the disk is full") { Ok(()) } else { Err(log) }
        });
    });
    full.await.unwrap();
    strace.kill().unwrap();
    strace.wait().unwrap();
    let (mut customer, receipt) = waiting.await.unwrap();
    assert_eq!(receipt.unwrap().balance, rupees(107), "it goes on when there is space");
    for n in 1..=20 {
        let receipt = customer.deposit(RequestKey::generate(), rupees(1)).await.unwrap();
        assert_eq!(receipt.balance, rupees(107 + n));
    }
    atmd.kill();
    let books = Books::without_ledgers(&atmd.config()).await;
    let account = atm_rpc::types::account::AccountId::of(mobile);
    assert_eq!(books.of_customer(account).last().unwrap().customer_balance, Some(rupees(127)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_does_not_wait_for_space() {
    let options = Options::default().set("server.shutdown_timeout", "1s");
    let mut atmd = Atmd::start(&options);
    let mobile = bank::number(1);
    link::register(&atmd, mobile).await;
    let mut customer = link::logged_in(&atmd, mobile).await;
    let _ = customer.deposit(RequestKey::generate(), rupees(100)).await.unwrap();
    let Some(mut strace) = no_space(&atmd) else { return };
    let log = atmd.data().join("bank_server.log");
    let waiting = tokio::spawn(async move { customer.deposit(RequestKey::generate(), rupees(7)).await });
    let full = tokio::task::spawn_blocking(move || {
        eventually("atmd meets the full disk", || {
            let log = fs::read_to_string(&log).unwrap();
            if log.contains("the disk is full") { Ok(()) } else { Err(log) }
        });
    });
    full.await.unwrap();
    let status = tokio::task::block_in_place(|| atmd.stop());
    strace.kill().unwrap();
    strace.wait().unwrap();
    assert!(status.success(), "{status}");
    waiting.abort();
    let books = Books::without_ledgers(&atmd.config()).await;
    let account = atm_rpc::types::account::AccountId::of(mobile);
    let balance = books.of_customer(account).last().unwrap().customer_balance;
    assert_eq!(balance, Some(rupees(100)), "what was never acknowledged is not there");
}

#[test]
fn a_schema_that_was_made_first_is_no_hindrance() {
    let folder = TempDir::with_prefix("migrate-").unwrap();
    let data = folder.path().join("data");
    for expected in ["applied", "up to date"] {
        let mut migrate = Command::new(programs().path("atmd"));
        migrate.arg("migrate").arg("--set").arg(format!("server.data_dir={}", data.display()));
        let outcome = atm_tests::process::run(migrate, "").coded(0);
        assert!(outcome.stdout.contains(expected), "{outcome}");
    }
    let mut atmd = start_by_hand(&data, &[]);
    let served = ready(&mut atmd);
    atmd.kill().unwrap();
    let said = atmd.wait_with_output().unwrap();
    assert!(served.is_some(), "{}", String::from_utf8_lossy(&said.stderr));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_that_fails_does_not_fill_the_log_with_the_past() {
    let atmd = Atmd::start(&Options::default());
    let mobile = bank::number(1);
    link::register(&atmd, mobile).await;
    let mut customer = link::logged_in(&atmd, mobile).await;
    fs::remove_file(atmd.bank_csv()).unwrap();
    std::os::unix::fs::symlink("/dev/full", atmd.bank_csv()).unwrap();
    let receipt = customer.deposit(RequestKey::generate(), rupees(100)).await.unwrap();
    let line = format!("deposit reference={} ", receipt.reference);
    let told = tokio::task::block_in_place(|| {
        eventually("the failure is told of three times", || {
            let log = atmd.log();
            let failures = log.matches("the CSV ledgers are behind").count();
            if failures >= 3 { Ok(log.matches(&line).count()) } else { Err(log) }
        })
    });
    assert_eq!(told, 1, "the deposit has one line in the log");
}
