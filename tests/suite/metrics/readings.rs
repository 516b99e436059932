//! What is measured beside what the machine says and what the test did.

use atm_rpc::customer::CustomerClient;
use atm_rpc::error::ServiceError;
use atm_rpc::operator::metrics::{RequestOutcome, Side};
use atm_rpc::transport::tls::client_config;
use atm_rpc::transport::{CUSTOMER, Service};
use atm_rpc::types::key::RequestKey;
use atm_tests::bank::{self, rupees};
use atm_tests::daemon::{Atmd, Options};
use atm_tests::link::{self, HERE, patient};
use atm_tests::wait::eventually;
use atm_tests::{http, load, process};
use futures::future::join_all;
use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::block_in_place;

/// Entries of a folder of the process's.
fn count(atmd: &Atmd, folder: &str) -> f64 {
    let entries = fs::read_dir(format!("/proc/{}/{folder}", atmd.pid())).unwrap().count();
    f64::from(u32::try_from(entries).unwrap())
}

/// Connections to the customers' port that the kernel has as established.
fn established(atmd: &Atmd) -> f64 {
    let at = atmd.customers();
    let IpAddr::V4(ip) = at.ip() else { panic!("an address of IPv4") };
    let local = format!("{:08X}:{:04X}", u32::from_be_bytes(ip.octets()).swap_bytes(), at.port());
    let table = fs::read_to_string("/proc/net/tcp").unwrap();
    let rows = table.lines().filter(|row| {
        let mut fields = row.split_whitespace().skip(1);
        fields.next() == Some(local.as_str()) && fields.nth(1) == Some("01")
    });
    f64::from(u32::try_from(rows.count()).unwrap())
}

/// Waits until two readings are as close as that.
fn agree(what: &str, within: f64, mut readings: impl FnMut() -> (f64, f64)) {
    eventually(what, || {
        let (told, found) = readings();
        let close = (told - found).abs() <= within;
        if close { Ok(()) } else { Err(format!("atmd says {told}, the machine {found}")) }
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn readings_are_those_of_the_machine_while_500_connections_come_and_go() {
    let atmd = Atmd::start(&Options::default().with_metrics());
    let at = atmd.metrics();
    let read = |series: &str| http::metrics(at).value(series);
    let mut connections = join_all((0..500).map(|_| link::stream(&atmd, CUSTOMER, HERE))).await;
    block_in_place(|| {
        agree("500 are there", 0.0, || (read("atmd_connections{service=\"customer\"}"), established(&atmd)));
    });
    block_in_place(|| agree("the kernel has 500", 0.0, || (500.0, established(&atmd))));
    connections.truncate(300);
    block_in_place(|| {
        agree("300 stay", 0.0, || (read("atmd_connections{service=\"customer\"}"), 300.0));
        agree("the kernel has them", 0.0, || (300.0, established(&atmd)));
    });
    let more = join_all((0..50).map(|_| link::stream(&atmd, CUSTOMER, HERE))).await;
    block_in_place(|| {
        agree("350", 0.0, || (read("atmd_connections{service=\"customer\"}"), established(&atmd)))
    });
    let now = http::metrics(at);
    assert!((now.value("atmd_connections_peak{service=\"customer\"}") - 500.0).abs() < 0.5);
    assert!((now.value("atmd_connections_total{service=\"customer\"}") - 550.0).abs() < 0.5);
    assert!(now.sum("atmd_connections_refused_total").abs() < 0.5, "{}", now.0);
    block_in_place(|| {
        // The connection that asks is a file, too, and closed when the machine is asked.
        agree("files", 0.0, || (read("process_open_fds") - 1.0, count(&atmd, "fd")));
        agree("threads", 0.0, || (read("process_threads"), count(&atmd, "task")));
        // A reading is up to 200 ms old, and the machine counts hundredths of a second.
        agree("time of processors", 0.1, || {
            let used = process::processor_time(atmd.pid()).as_secs_f64();
            (read("process_cpu_seconds_total"), used)
        });
        let pages = || {
            let statm = fs::read_to_string(format!("/proc/{}/statm", atmd.pid())).unwrap();
            statm.split(' ').nth(1).unwrap().parse::<f64>().unwrap() * 4096.0
        };
        // Memory moves between two readings.
        agree("memory", 1_048_576.0, || (read("process_resident_memory_bytes"), pages()));
    });
    drop((connections, more));
    block_in_place(|| agree("none", 0.0, || (read("atmd_connections{service=\"customer\"}"), 0.0)));
}

async fn wrong_pin(client: &CustomerClient) -> ServiceError {
    let asked = client.login(patient(), bank::wrong(bank::number(1)), bank::terminal()).await;
    asked.unwrap().unwrap_err()
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_count_by_method_and_by_what_they_came_to() {
    let options =
        Options::default().with_metrics().set("auth.peer_burst", "6").set("auth.peer_per_minute", "1");
    let atmd = Atmd::start(&options.set("auth.attempts_max", "3"));
    let client = link::plain(&atmd, HERE).await;
    let mobile = bank::number(1);
    // Each of these takes one of the six attempts.
    client.register(patient(), RequestKey::generate(), bank::right(mobile)).await.unwrap().unwrap();
    for _ in 0..2 {
        let _ = wrong_pin(&client).await;
    }
    link::login(&client, mobile).await.unwrap();
    for _ in 0..3 {
        client.deposit(patient(), RequestKey::generate(), rupees(500)).await.unwrap().unwrap();
    }
    let too_much = client.withdraw(patient(), RequestKey::generate(), rupees(2_000)).await.unwrap();
    assert!(matches!(too_much, Err(ServiceError::Rejected(_))), "{too_much:?}");
    let at = atmd.metrics();
    assert!((http::metrics(at).value("atmd_sessions_open") - 1.0).abs() < 0.5);
    client.exit(patient()).await.unwrap().unwrap();
    let out = client.balance(patient()).await.unwrap();
    assert!(matches!(out, Err(ServiceError::Unauthenticated(_))), "{out:?}");
    for _ in 0..2 {
        client.lookup(patient(), mobile).await.unwrap().unwrap();
    }
    let busy = client.lookup(patient(), mobile).await.unwrap();
    assert!(matches!(busy, Err(ServiceError::Busy { .. })), "{busy:?}");
    // Three wrong PINs in a row from somewhere else, and the number is locked out.
    let other = link::plain(&atmd, IpAddr::V4(Ipv4Addr::new(127, 0, 0, 9))).await;
    for _ in 0..3 {
        let _ = wrong_pin(&other).await;
    }
    let now = http::metrics(at);
    let table = [
        ("register", "ok", 1.0),
        ("login", "ok", 1.0),
        ("login", "rejected", 5.0),
        ("deposit", "ok", 3.0),
        ("deposit", "rejected", 0.0),
        ("withdraw", "rejected", 1.0),
        ("exit", "ok", 1.0),
        ("balance", "unauthenticated", 1.0),
        ("lookup", "ok", 2.0),
        ("lookup", "busy", 1.0),
    ];
    for (method, outcome, expected) in table {
        let labels = format!("service=\"customer\",method=\"{method}\",outcome=\"{outcome}\"");
        let told = now.value(&format!("atmd_requests_total{{{labels}}}"));
        assert!((told - expected).abs() < 0.5, "{method} {outcome}: {told}");
    }
    let all: f64 = table.iter().map(|(_, _, count)| count).sum();
    assert!((now.sum("atmd_requests_total") - all).abs() < 0.5, "{}", now.0);
    assert!((now.sum("atmd_request_duration_seconds_count") - all).abs() < 0.5, "{}", now.0);
    let single = [
        ("atmd_rejections_total{reason=\"insufficient_funds\"}", 1.0),
        ("atmd_rejections_total{reason=\"wrong_pin\"}", 4.0),
        ("atmd_rejections_total{reason=\"blacklisted\"}", 1.0),
        ("atmd_login_failures_total", 5.0),
        ("atmd_lockouts_total", 1.0),
        ("atmd_pin_hash_duration_seconds_count", 7.0),
        ("atmd_sessions_open", 0.0),
    ];
    for (series, expected) in single {
        let told = now.value(series);
        assert!((told - expected).abs() < 0.5, "{series}: {told}");
    }
    // Operators are told the same.
    let root = link::operator(&atmd).await;
    let told = root.metrics(patient()).await.unwrap().unwrap();
    let deposits = told.requests.iter().find(|one| one.side == Side::Customer && one.method == "deposit");
    let deposits = deposits.unwrap();
    assert_eq!(deposits.outcomes.len(), 1, "{deposits:?}");
    assert_eq!((deposits.outcomes[0].outcome, deposits.outcomes[0].count), (RequestOutcome::Ok, 3));
    assert_eq!((told.login_failures_total, told.lock_outs_total, told.ready), (5, 1, true));
    let peers: Vec<_> = told.peers.unwrap().into_iter().map(|peer| (peer.peer, peer.connections)).collect();
    assert_eq!(peers, [("127.0.0.1".to_owned(), 1), ("127.0.0.9".to_owned(), 1)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_come_to_nothing_count_by_reason() {
    let options = Options::default().with_metrics().set("server.max_connections", "4");
    let atmd = Atmd::start(&options.set("server.max_connections_per_peer", "3"));
    let at = atmd.metrics();
    let refused = |reason: &str, expected: f64| {
        let series = format!("atmd_connections_refused_total{{service=\"customer\",reason=\"{reason}\"}}");
        block_in_place(|| agree(reason, 0.0, || (http::metrics(at).value(&series), expected)));
    };
    let nothing_left = || {
        let active = || http::metrics(at).value("atmd_connections{service=\"customer\"}");
        block_in_place(|| agree("all left", 0.0, || (active(), 0.0)));
    };
    let there = join_all((0..3).map(|_| link::stream(&atmd, CUSTOMER, HERE))).await;
    let mut fourth = link::tcp(atmd.customers(), HERE).await;
    assert_eq!(fourth.read(&mut [0]).await.unwrap_or(0), 0, "it is closed");
    refused("peer_limit", 1.0);
    let elsewhere = link::stream(&atmd, CUSTOMER, IpAddr::V4(Ipv4Addr::new(127, 0, 0, 7))).await;
    let mut last = link::tcp(atmd.customers(), IpAddr::V4(Ipv4Addr::new(127, 0, 0, 8))).await;
    assert_eq!(last.read(&mut [0]).await.unwrap_or(0), 0, "it is closed");
    refused("limit", 1.0);
    drop((there, elsewhere));
    nothing_left();
    let mut plain = link::tcp(atmd.customers(), HERE).await;
    plain.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    refused("handshake", 1.0);
    let nameless = Service { alpn: b"http/1.1", ..CUSTOMER };
    let config = client_config(nameless, &link::ca(&atmd), None).unwrap();
    // Who names another service is refused within the handshake.
    let _ = link::handshake(link::tcp(atmd.customers(), HERE).await, config).await;
    refused("handshake", 2.0);
    let mut config = client_config(CUSTOMER, &link::ca(&atmd), None).unwrap().as_ref().clone();
    config.alpn_protocols.clear();
    let _ = link::handshake(link::tcp(atmd.customers(), HERE).await, config.into()).await;
    refused("protocol", 1.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn history_has_what_was_done() {
    let atmd = Atmd::start(&Options::default().set("server.monitor_interval", "1s"));
    let sessions = load::sessions(&atmd, 0, 4).await;
    let (_sessions, _) = load::deposits(&atmd, sessions, Duration::from_secs(2)).await;
    let root = link::operator(&atmd).await;
    let told = root.metrics(patient()).await.unwrap().unwrap();
    let customers = || told.requests.iter().filter(|one| one.side == Side::Customer);
    let done: u64 = customers().flat_map(|one| &one.outcomes).map(|one| one.count).sum();
    assert!(done > 8);
    // A sample that began after all was done, and those before it.
    let mut samples = Vec::new();
    while samples
        .iter()
        .all(|sample: &atm_rpc::operator::metrics::Sample| sample.at < told.at || sample.requests > 0)
    {
        let after = samples.last().map(|sample: &atm_rpc::operator::metrics::Sample| sample.number);
        let page = root.metrics_history(patient(), None, after, 2).await.unwrap().unwrap();
        assert!(page.samples.len() <= 2 && page.interval_ms == 1_000);
        samples.extend(page.samples);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(
        samples.iter().enumerate().all(|(index, sample)| sample.number == index as u64 + 1),
        "{samples:?}"
    );
    let counted: u64 = samples.iter().map(|sample| sample.requests).sum();
    assert_eq!(counted, done);
    let busiest = samples.iter().max_by_key(|sample| sample.requests).unwrap();
    let quantiles = [busiest.request_p50_us, busiest.request_p95_us, busiest.request_p99_us];
    assert!(quantiles.iter().all(Option::is_some) && quantiles.is_sorted(), "{busiest:?}");
    assert!(
        busiest.batches > 0 && busiest.batch_requests >= busiest.batches && busiest.commit_p50_us.is_some()
    );
    let last = samples.last().unwrap();
    let since = root.metrics_history(patient(), Some(last.at), None, 500).await.unwrap().unwrap();
    assert_eq!(since.samples[0].number, last.number);
}
