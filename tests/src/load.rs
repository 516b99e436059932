//! Load: many sessions over TLS, each of which asks again as soon as it has its answer, and what was counted.
//!
//! It writes frames by itself. A client that does more would take processor time from the server beside it.

use crate::bank;
use crate::daemon::Atmd;
use crate::link::Frames;
use crate::process::processor_time;
use atm_rpc::customer::{CustomerRequest, CustomerResponse, Receipt};
use atm_rpc::error::ServiceError;
use atm_rpc::transport::CUSTOMER;
use atm_rpc::transport::wire::ToClient;
use atm_rpc::types::key::RequestKey;
use atm_rpc::types::mobile::MobileNumber;
use futures::future::join_all;
use futures::{StreamExt, stream};
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;

/// Sessions that are opened at a time: fewer than log-ins may wait in line.
const OPENED_AT_ONCE: usize = 64;
/// Time before anything is counted.
const WARM_UP: Duration = Duration::from_secs(1);

/// What was counted.
#[derive(Clone, Debug)]
pub struct Counted {
    /// Answers a second.
    pub rate: f64,
    within: Duration,
    /// Of all latencies the one in the middle.
    pub median: Duration,
    /// The latency that 99 of 100 did not exceed.
    pub p99: Duration,
    /// Processor time of the server for each answer, where it was measured.
    pub processor: Duration,
}

impl Counted {
    /// From the latencies of all that was answered within a time.
    ///
    /// # Panics
    /// Where nothing was.
    #[must_use]
    pub fn of(mut latencies: Vec<Duration>, within: Duration) -> Self {
        assert!(!latencies.is_empty(), "nothing was answered");
        latencies.sort_unstable();
        let at = |part: usize| latencies[(latencies.len() * part / 100).min(latencies.len() - 1)];
        let count = u32::try_from(latencies.len()).expect("a count of answers fits");
        Self {
            rate: f64::from(count) / within.as_secs_f64(),
            within,
            median: at(50),
            p99: at(99),
            processor: Duration::ZERO,
        }
    }

    /// With the processor time that a process used in a window that was just measured, its warming up included.
    #[must_use]
    pub fn with_processor(self, used: Duration) -> Self {
        let answers = self.rate * (self.within + WARM_UP).as_secs_f64();
        Self { processor: used.div_f64(answers), ..self }
    }
}

/// When to count: from the end of the warming up, for a time.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    begin: Instant,
    end: Instant,
}

impl Window {
    /// One that begins after the warming up.
    #[must_use]
    pub fn of(length: Duration) -> Self {
        let begin = Instant::now() + WARM_UP;
        Self { begin, end: begin + length }
    }

    /// Somebody's count of what is answered within it.
    #[must_use]
    pub const fn count(self) -> Count {
        Count { window: self, latencies: Vec::new() }
    }
}

/// What one asker counts.
#[derive(Debug)]
pub struct Count {
    window: Window,
    latencies: Vec<Duration>,
}

impl Count {
    /// The instant at which the next is asked; `None` once the window ended.
    #[must_use]
    pub fn ask(&self) -> Option<Instant> {
        Some(Instant::now()).filter(|asked| *asked < self.window.end)
    }

    /// Counts the answer to what was asked then, where it came within the window.
    pub fn answered(&mut self, asked: Instant) {
        let answered = Instant::now();
        if answered >= self.window.begin && answered <= self.window.end {
            self.latencies.push(answered - asked);
        }
    }

    /// The latencies.
    #[must_use]
    pub fn latencies(self) -> Vec<Duration> {
        self.latencies
    }
}

/// A customer's session on a connection of its own.
#[derive(Debug)]
pub struct Session {
    frames: Frames,
    mobile: MobileNumber,
}

impl Session {
    /// A new customer, not logged in.
    ///
    /// # Panics
    /// Where the bank does not take the number.
    pub async fn register(atmd: &Atmd, mobile: MobileNumber) -> Self {
        let mut session = Self { frames: Frames::open(atmd).await, mobile };
        let call =
            CustomerRequest::Register { key: RequestKey::generate(), credentials: bank::right(mobile) };
        match session.ask(call).await {
            CustomerResponse::Register(Ok(_)) => session,
            other => panic!("{mobile:?} is not registered: {other:?}"),
        }
    }

    /// Begins a session.
    ///
    /// # Panics
    /// Where the bank does not let the customer in.
    pub async fn login(&mut self) {
        let (credentials, terminal) = (bank::right(self.mobile), bank::terminal());
        match self.ask(CustomerRequest::Login { credentials, terminal }).await {
            CustomerResponse::Login(Ok(_)) => {}
            other => panic!("{:?} cannot log in: {other:?}", self.mobile),
        }
    }

    /// Ends the session.
    ///
    /// # Panics
    /// Where there is none.
    pub async fn exit(&mut self) {
        match self.ask(CustomerRequest::Exit {}).await {
            CustomerResponse::Exit(Ok(())) => {}
            other => panic!("{:?} cannot leave: {other:?}", self.mobile),
        }
    }

    /// Brings one unit of the currency.
    ///
    /// # Panics
    /// Where the bank does not take it.
    pub async fn deposit(&mut self) {
        let receipt = self.try_deposit().await;
        receipt.unwrap_or_else(|error| panic!("{:?} cannot deposit: {error}", self.mobile));
    }

    async fn try_deposit(&mut self) -> Result<Receipt, ServiceError> {
        let call = CustomerRequest::Deposit { key: RequestKey::generate(), amount: bank::rupees(1) };
        match self.ask(call).await {
            CustomerResponse::Deposit(answer) => answer,
            other => panic!("not an answer to a deposit: {other:?}"),
        }
    }

    async fn ask(&mut self, call: CustomerRequest) -> CustomerResponse {
        let bytes = self.frames.ask(call).await;
        let answer: ToClient<CustomerResponse> = CUSTOMER.format.decode(&bytes).expect("an answer is read");
        answer.result.unwrap_or_else(|refused| panic!("{:?}: {refused}", self.mobile))
    }
}

/// New customers from the n-th on, each logged in.
pub async fn sessions(atmd: &Atmd, first: u32, count: u32) -> Vec<Session> {
    let opened = stream::iter(first..first + count).map(|n| async move {
        let mut session = Session::register(atmd, bank::number(n)).await;
        session.login().await;
        session
    });
    opened.buffer_unordered(OPENED_AT_ONCE).collect().await
}

/// Has customers log in and leave again and again, at the same time: the log-ins alone are counted.
pub fn logins(customers: Vec<Session>, length: Duration) -> JoinHandle<Counted> {
    let window = Window::of(length);
    let tasks = customers.into_iter().map(move |mut customer| {
        tokio::spawn(async move {
            let mut count = window.count();
            while let Some(asked) = count.ask() {
                customer.login().await;
                count.answered(asked);
                customer.exit().await;
            }
            count.latencies()
        })
    });
    let tasks: Vec<_> = tasks.collect();
    tokio::spawn(async move {
        let done = join_all(tasks).await.into_iter().map(|task| task.expect("a customer goes on to the end"));
        Counted::of(done.flatten().collect(), length)
    })
}

/// Has all sessions deposit again and again, at the same time. They are given back.
///
/// # Panics
/// Where a deposit is not answered by a receipt.
pub async fn deposits(atmd: &Atmd, sessions: Vec<Session>, length: Duration) -> (Vec<Session>, Counted) {
    let before = processor_time(atmd.pid());
    let window = Window::of(length);
    let tasks = sessions.into_iter().map(|mut session| {
        tokio::spawn(async move {
            let mut count = window.count();
            while let Some(asked) = count.ask() {
                session.deposit().await;
                count.answered(asked);
            }
            (session, count.latencies())
        })
    });
    let done = join_all(tasks).await.into_iter().map(|task| task.expect("a session goes on to the end"));
    let (sessions, latencies): (Vec<_>, Vec<_>) = done.unzip();
    let counted = Counted::of(latencies.into_iter().flatten().collect(), length);
    (sessions, counted.with_processor(processor_time(atmd.pid()) - before))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_what_was_answered() {
        let latencies = (1..=200).rev().map(Duration::from_micros).collect();
        let counted = Counted::of(latencies, Duration::from_secs(4));
        assert!((counted.rate - 50.0).abs() < f64::EPSILON, "{counted:?}");
        assert_eq!((counted.median, counted.p99), (Duration::from_micros(101), Duration::from_micros(199)));
    }
}
