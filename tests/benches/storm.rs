//! Deposits while log-ins storm, beside the same undisturbed.
#![expect(clippy::expect_used, reason = "a benchmark that cannot go on ends")]

use atm_tests::bank;
use atm_tests::daemon::{Atmd, Options};
use atm_tests::figures::{self, Figure, times};
use atm_tests::load::{self, Counted, Session};
use futures::future::join_all;
use tokio::runtime::Runtime;

const SESSIONS: u32 = 64;
/// Customers who log in again and again: many more than there are threads that hash.
const STORMING: u32 = 64;
/// atmd's defaults.
const MEMORY_KIB: &str = "19456";
const ITERATIONS: &str = "2";

#[derive(Default)]
struct Deposits {
    rate: Figure,
    median_us: Figure,
    p99_us: Figure,
}

impl Deposits {
    fn add(&mut self, counted: &Counted) {
        self.rate.add(counted.rate);
        self.median_us.add(counted.median.as_secs_f64() * 1e6);
        self.p99_us.add(counted.p99.as_secs_f64() * 1e6);
    }

    fn cells(&self, name: &str) -> Vec<String> {
        vec![name.to_owned(), self.rate.to_string(), self.median_us.to_string(), self.p99_us.to_string()]
    }
}

fn main() {
    let runtime = Runtime::new().expect("there are threads");
    let (mut calm, mut stormy, mut logins) = <(Deposits, Deposits, Figure)>::default();
    for _ in 0..figures::repeats() {
        runtime.block_on(measure(&mut calm, &mut stormy, &mut logins));
    }
    let note = format!(
        "Deposits of {SESSIONS} sessions over TLS, alone and while {STORMING} customers log in again and again \
         ({logins} log-ins a second; argon2id m={MEMORY_KIB}, t={ITERATIONS})."
    );
    let columns = ["deposits", "a second", "median µs", "p99 µs", "rate", "p99", "target"];
    figures::table("Deposits while log-ins storm", &note, &columns);
    let mut undisturbed = calm.cells("undisturbed");
    undisturbed.extend(["", "", ""].map(str::to_owned));
    figures::row(&undisturbed);
    let mut disturbed = stormy.cells("in the storm");
    let target = "rate 0.33x, further 0.50x; p99 within 3x".to_owned();
    disturbed.extend([
        times(stormy.rate.ratio(&calm.rate)),
        times(stormy.p99_us.ratio(&calm.p99_us)),
        target,
    ]);
    figures::row(&disturbed);
}

async fn measure(calm: &mut Deposits, stormy: &mut Deposits, logins: &mut Figure) {
    let options = Options::default()
        .set("auth.memory_kib", MEMORY_KIB)
        .set("auth.iterations", ITERATIONS)
        .set("limits.idle_timeout", "1h");
    let atmd = Atmd::start(&options);
    let sessions = load::sessions(&atmd, 0, SESSIONS).await;
    let storming =
        join_all((SESSIONS..SESSIONS + STORMING).map(|n| Session::register(&atmd, bank::number(n)))).await;
    let length = figures::duration();
    let (sessions, counted) = load::deposits(&atmd, sessions, length).await;
    calm.add(&counted);
    // Both count the same time.
    let storm = load::logins(storming, length);
    let (_, counted) = load::deposits(&atmd, sessions, length).await;
    stormy.add(&counted);
    logins.add(storm.await.expect("log-ins go on to the end").rate);
}
