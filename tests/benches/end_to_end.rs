//! Deposits over TLS with the real atmd on SQLite, beside pgbench in the same run. The client is this process,
//! on the same cores, as pgbench is beside PostgreSQL.
#![expect(clippy::expect_used, reason = "a benchmark that cannot go on ends")]

use atm_tests::daemon::{Atmd, Options};
use atm_tests::disk::fdatasync_median;
use atm_tests::figures::{self, Figure, number, times};
use atm_tests::load::{self, Session};
use atm_tests::yardstick::Yardstick;
use tempfile::TempDir;
use tokio::runtime::Runtime;

const SESSIONS: [u32; 5] = [1, 8, 64, 256, 1_024];

#[derive(Default)]
struct Row {
    rate: Figure,
    median_us: Figure,
    p99_us: Figure,
    processor_us: Figure,
}

fn main() {
    let runtime = Runtime::new().expect("there are threads");
    let folder = TempDir::with_prefix("end-to-end-").expect("a temporary folder can be made");
    let yardstick = Yardstick::start();
    let (mut peer, mut sync_us) = (Figure::default(), Figure::default());
    let mut rows: [Row; SESSIONS.len()] = Default::default();
    for _ in 0..figures::repeats() {
        sync_us.add(fdatasync_median(folder.path()).as_secs_f64() * 1e6);
        if let Some(yardstick) = &yardstick {
            peer.add(yardstick.tpcb_like(64, figures::duration()));
        }
        runtime.block_on(measure(&mut rows));
    }
    report(&rows, yardstick.map(|_| peer).as_ref(), &sync_us);
}

/// All counts of sessions on one bank, new each time.
async fn measure(rows: &mut [Row]) {
    // Sessions stay logged in while others are measured.
    let options = Options::default().set("limits.idle_timeout", "1h");
    let atmd = Atmd::start(&options);
    let mut opened: Vec<Session> = Vec::new();
    for (count, row) in SESSIONS.into_iter().zip(rows) {
        let there = u32::try_from(opened.len()).expect("a count fits");
        opened.extend(load::sessions(&atmd, there, count - there).await);
        let counted;
        (opened, counted) = load::deposits(&atmd, opened, figures::duration()).await;
        row.rate.add(counted.rate);
        row.median_us.add(counted.median.as_secs_f64() * 1e6);
        row.p99_us.add(counted.p99.as_secs_f64() * 1e6);
        row.processor_us.add(counted.processor.as_secs_f64() * 1e6);
    }
}

fn report(rows: &[Row], peer: Option<&Figure>, sync_us: &Figure) {
    let yardstick = peer.map_or("not measured: the machine lacks PostgreSQL".to_owned(), |peer| {
        format!("{peer} a second in the same run")
    });
    let note = format!(
        "Deposits of as many sessions, each on a TLS connection of its own and asking again as soon as it is answered; \
         SQLite. The yardstick, pgbench tpcb-like with 64 clients on one branch: {yardstick}. fdatasync: {sync_us} µs."
    );
    let columns = [
        "sessions",
        "deposits a second",
        "beside pgbench",
        "target",
        "median µs",
        "p99 µs",
        "p99 / median",
        "atmd's processor, µs each",
    ];
    figures::table("End to end over TLS", &note, &columns);
    for (count, row) in SESSIONS.into_iter().zip(rows) {
        let target = match count {
            1 => format!("median of 2 fdatasync + 300 µs: {} µs", number(2.0 * sync_us.median() + 300.0)),
            64 => "10x, further 20x; p99 5x the median, further 3x".to_owned(),
            1_024 => "20x, further 30x".to_owned(),
            _ => String::new(),
        };
        figures::row(&[
            count.to_string(),
            row.rate.to_string(),
            peer.map_or("-".to_owned(), |peer| times(row.rate.ratio(peer))),
            target,
            row.median_us.to_string(),
            row.p99_us.to_string(),
            times(row.p99_us.ratio(&row.median_us)),
            row.processor_us.to_string(),
        ]);
    }
}
