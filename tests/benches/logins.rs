//! Log-ins a second with the PIN hash that atmd has by default, beside argon2id alone with as many threads.
#![expect(clippy::expect_used, reason = "a benchmark that cannot go on ends")]

use argon2::{Algorithm, Argon2, Block, Params, Version};
use atm_tests::bank;
use atm_tests::daemon::{Atmd, Options};
use atm_tests::figures::{self, Figure, times};
use atm_tests::load::{self, Session};
use futures::future::join_all;
use std::thread;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

/// atmd's defaults.
const MEMORY_KIB: u32 = 19_456;
const ITERATIONS: u32 = 2;
/// Customers who log in again and again, at the same time.
const CUSTOMERS: u32 = 16;

fn main() {
    let runtime = Runtime::new().expect("there are threads");
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let (mut bare, mut logins) = (Figure::default(), Figure::default());
    for _ in 0..figures::repeats() {
        bare.add(hashes_a_second(threads, figures::duration()));
        logins.add(runtime.block_on(logins_a_second(figures::duration())));
    }
    let note = format!(
        "argon2id with m={MEMORY_KIB}, t={ITERATIONS}, p=1 on {threads} threads. Alone, each thread keeps its block of \
         memory; a log-in is the whole call over TLS, and the session's end after it."
    );
    let columns = ["what", "a second", "beside argon2id alone", "target"];
    figures::table("Log-ins", &note, &columns);
    figures::row(&["argon2id alone", &bare.to_string(), "", ""]);
    let share = times(logins.ratio(&bare));
    figures::row(&[&format!("log-ins of {CUSTOMERS} customers"), &logins.to_string(), &share, "0.90x"]);
}

fn hashes_a_second(threads: usize, length: Duration) -> f64 {
    let deadline = Instant::now() + length;
    let hashes: u32 = thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(move || hash_until(deadline))).collect();
        running.into_iter().map(|thread| thread.join().expect("a thread hashes to the end")).sum()
    });
    f64::from(hashes) / length.as_secs_f64()
}

fn hash_until(deadline: Instant) -> u32 {
    let params = Params::new(MEMORY_KIB, ITERATIONS, 1, Some(32)).expect("these are parameters");
    let mut memory = vec![Block::default(); params.block_count()];
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let mut hashes = 0;
    while Instant::now() < deadline {
        let mut tag = [0; 32];
        argon2
            .hash_password_into_with_memory(bank::PIN.as_bytes(), &[7; 16], &mut tag, &mut memory)
            .expect("these are parameters");
        hashes += 1;
    }
    hashes
}

async fn logins_a_second(length: Duration) -> f64 {
    let options = Options::default()
        .set("auth.memory_kib", &MEMORY_KIB.to_string())
        .set("auth.iterations", &ITERATIONS.to_string());
    let atmd = Atmd::start(&options);
    let customers = join_all((0..CUSTOMERS).map(|n| Session::register(&atmd, bank::number(n)))).await;
    load::logins(customers, length).await.expect("log-ins go on to the end").rate
}
