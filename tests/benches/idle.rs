//! Memory of atmd with many sessions that do nothing.
#![expect(clippy::expect_used, reason = "a benchmark that cannot go on ends")]

use atm_tests::daemon::{Atmd, Options};
use atm_tests::figures::{self, Figure, number};
use atm_tests::load;
use std::fs;
use tokio::runtime::Runtime;

const SESSIONS: u32 = 10_000;

fn main() {
    let runtime = Runtime::new().expect("there are threads");
    let (mut empty_kib, mut full_kib, mut each_kib) = <(Figure, Figure, Figure)>::default();
    for _ in 0..figures::repeats() {
        let (empty, full) = runtime.block_on(measure());
        empty_kib.add(empty);
        full_kib.add(full);
        each_kib.add((full - empty) / f64::from(SESSIONS));
    }
    let note = format!(
        "Resident memory of atmd before and with {} sessions over TLS, logged in and idle; SQLite.",
        number(f64::from(SESSIONS))
    );
    let columns = ["sessions", "resident, KiB", "each, KiB", "target"];
    figures::table("Idle sessions", &note, &columns);
    figures::row(&["0", &empty_kib.to_string(), "", ""]);
    let target = "409,600 KiB in all, further 256,000";
    figures::row(&[&number(f64::from(SESSIONS)), &full_kib.to_string(), &each_kib.to_string(), target]);
}

async fn measure() -> (f64, f64) {
    let count_max = (SESSIONS + 100).to_string();
    let options = Options::default()
        .set("limits.idle_timeout", "1h")
        .set("server.max_connections", &count_max)
        .set("server.max_connections_per_peer", &count_max);
    let atmd = Atmd::start(&options);
    // One session, so that what is made once is not counted for each.
    let first = load::sessions(&atmd, 0, 1).await;
    let empty = resident_kib(&atmd);
    let others = load::sessions(&atmd, 1, SESSIONS).await;
    let full = resident_kib(&atmd);
    drop((first, others));
    (empty, full)
}

/// `VmRSS` of proc(5).
fn resident_kib(atmd: &Atmd) -> f64 {
    let status = fs::read_to_string(format!("/proc/{}/status", atmd.pid())).expect("atmd runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a process has a size");
    line.split_whitespace().next().and_then(|text| text.parse().ok()).expect("its size is a number")
}
