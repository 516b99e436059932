//! What being watched costs: deposits with as little of it as can be and with all of it, one after the other in each
//! round; and what counting a call costs beside the call.
#![expect(
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "a benchmark that cannot go on ends, and measures"
)]

use atm_rpc::operator::metrics::Side;
use atm_tests::daemon::{Atmd, Options};
use atm_tests::figures::{self, Figure};
use atm_tests::load::{self, Counted};
use atm_tests::{http, link};
use atmd::config::load::from_text;
use atmd::live::Terms;
use atmd::monitor::Monitor;
use std::hint::black_box;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use tokio::task::spawn_blocking;
use tokio::time::{MissedTickBehavior, interval};

const SESSIONS: u32 = 64;
/// How often everybody looks who does.
const PACE: Duration = Duration::from_secs(1);
/// Calls that are counted at a time.
const CALLS: u32 = 1_000_000;

/// How much atmd is watched.
#[derive(Clone, Copy)]
enum Watched {
    /// A sample and a line of the log each day; nobody asks.
    Hardly,
    /// A sample and a line each second, a scrape of `/metrics` and an operator who asks for them, too.
    Closely,
}

#[derive(Default)]
struct Row {
    rate: Figure,
    median_us: Figure,
    p99_us: Figure,
    processor_us: Figure,
}

impl Row {
    fn add(&mut self, counted: &Counted) {
        self.rate.add(counted.rate);
        self.median_us.add(counted.median.as_secs_f64() * 1e6);
        self.p99_us.add(counted.p99.as_secs_f64() * 1e6);
        self.processor_us.add(counted.processor.as_secs_f64() * 1e6);
    }

    fn print(&self, what: &str) {
        let Self { rate, median_us, p99_us, processor_us } = self;
        let cells = [rate, median_us, p99_us, processor_us].map(ToString::to_string);
        figures::row(&[&[what.to_owned()][..], &cells].concat());
    }
}

fn main() {
    let runtime = Runtime::new().expect("there are threads");
    let (mut hardly, mut closely, mut scrape_us) = <(Row, Row, Figure)>::default();
    let mut ratios: [Figure; 4] = Default::default();
    let mut counting_ns = Figure::default();
    for round in 0..figures::repeats() {
        counting_ns.add(counting().as_secs_f64() * 1e9);
        let mut measure = |watched| runtime.block_on(deposits(watched, &mut scrape_us));
        // What comes second finds the machine as the first left it.
        let (one, other) = if round % 2 == 0 {
            let one = measure(Watched::Hardly);
            (one, measure(Watched::Closely))
        } else {
            let other = measure(Watched::Closely);
            (measure(Watched::Hardly), other)
        };
        let quantities = |counted: &Counted| {
            let times = [counted.median, counted.p99, counted.processor].map(|time| time.as_secs_f64());
            [counted.rate, times[0], times[1], times[2]]
        };
        for (ratio, (one, other)) in
            ratios.iter_mut().zip(quantities(&one).into_iter().zip(quantities(&other)))
        {
            ratio.add(other / one);
        }
        hardly.add(&one);
        closely.add(&other);
    }
    report(&hardly, &closely, &ratios);
    share(&hardly, &counting_ns, &scrape_us);
}

/// Deposits of all sessions on a new bank.
async fn deposits(watched: Watched, scrape_us: &mut Figure) -> Counted {
    let options = Options::default().set("limits.idle_timeout", "1h");
    let atmd = match watched {
        Watched::Hardly => Atmd::start(&options.set("server.monitor_interval", "1d")),
        Watched::Closely => Atmd::start(&options.set("server.monitor_interval", "1s").with_metrics()),
    };
    let sessions = load::sessions(&atmd, 0, SESSIONS).await;
    let measured = load::deposits(&atmd, sessions, figures::duration());
    match watched {
        Watched::Hardly => measured.await.1,
        Watched::Closely => tokio::select! {
            (_, counted) = measured => counted,
            () = scraped(&atmd, scrape_us) => unreachable!("who looks does not stop"),
            () = asked(&atmd) => unreachable!("who asks does not stop"),
        },
    }
}

async fn scraped(atmd: &Atmd, took_us: &mut Figure) {
    let (at, mut ticks) = (atmd.metrics(), interval(PACE));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let took = spawn_blocking(move || {
            let begun = Instant::now();
            black_box(http::metrics(at));
            begun.elapsed()
        });
        took_us.add(took.await.expect("atmd tells its metrics").as_secs_f64() * 1e6);
    }
}

async fn asked(atmd: &Atmd) {
    let (operator, mut ticks) = (link::operator(atmd).await, interval(PACE));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        operator.metrics(link::patient()).await.expect("atmd answers").expect("and tells");
    }
}

/// The time of all that is counted of a call: its begin, its outcome, how long it took, and what said no.
fn counting() -> Duration {
    let config = from_text(None, &[], &[]).expect("the defaults are right").config;
    let monitor = Monitor::new(Instant::now(), Terms::of(&config).into(), &["deposit"]);
    let begun = Instant::now();
    for _ in 0..CALLS {
        black_box(&monitor).requests(Side::Customer).begin(black_box(0)).answered(black_box(None));
        black_box(&monitor).rejected(black_box(None));
    }
    begun.elapsed() / CALLS
}

fn report(hardly: &Row, closely: &Row, ratios: &[Figure; 4]) {
    let note = format!(
        "Deposits of {SESSIONS} sessions over TLS; SQLite. Hardly: a sample and a line of the log each day, and nobody asks. \
         Closely: each second a sample and a line, a scrape of `/metrics`, and an operator who asks for the metrics. The \
         ratios are of the two halves of each round."
    );
    let columns = ["watched", "deposits a second", "median µs", "p99 µs", "atmd's processor, µs each"];
    figures::table("Being watched", &note, &columns);
    hardly.print("hardly");
    closely.print("closely");
    let cells = ratios.each_ref().map(|ratio| format!("{ratio} times"));
    figures::row(&[&["closely / hardly".to_owned()][..], &cells].concat());
}

fn share(hardly: &Row, counting_ns: &Figure, scrape_us: &Figure) {
    let columns = ["what", "time", "share"];
    let note = "Counting one call, in process and alone, beside all that atmd's processors do for one deposit; and how long \
                a scrape of `/metrics` waits under that load.";
    figures::table("What counting costs", note, &columns);
    let of_call = counting_ns.median() / 1e3 / hardly.processor_us.median();
    let percent = |share: f64| format!("{} %", figures::number(share * 100.0));
    figures::row(&["a call is counted", &format!("{counting_ns} ns"), &percent(of_call)]);
    let deposit = format!("{} µs", hardly.processor_us);
    figures::row(&["a deposit", &deposit, ""]);
    figures::row(&["a scrape", &format!("{scrape_us} µs"), ""]);
}
