//! Random requests against the naive model, with what must hold after each of them; and the same
//! requests in batches, each with a book that was read for it alone.
//!
//! `PROPTEST_CASES=10000 cargo test -p atmd --lib ledger` looks longer.

mod invariants;
mod naive;
mod store;

use super::*;
use crate::ledger::request::Listing;
use atm_rpc::error::SessionEnd;
use atm_rpc::operator::account::Block;
use atm_rpc::types::key::SessionId;
use invariants::Watch;
use naive::{Naive, said};
use proptest::prelude::*;
use store::Store;

const STEPS_MAX: usize = 60;
/// Customers, keys and PINs are few, so that they meet again.
const CUSTOMERS: u8 = 3;
const KEYS: u8 = 40;
const AMOUNTS: [i64; 12] = [0, 5, 15, 20, 30, 50, 70, 95, 100, 110, 150, 160];
/// A clock is set back at times, too.
const WAITS_MS: [i64; 11] = [0, 1, 900, 20_000, 60_000, 60_001, 150_001, 600_001, DAY_MS, -DAY_MS, -20_000];
/// What operators do to accounts; a code is of the salt that the step has.
const ACTS: [fn(ResetCode) -> AccountAct; 10] = [
    |code| AccountAct::Open { pin: pin(200), code },
    |_| AccountAct::Block(Block::Debit),
    |_| AccountAct::Block(Block::Credit),
    |_| AccountAct::Block(Block::Both),
    |_| AccountAct::Unblock { reason: "asked".into() },
    |_| AccountAct::Unblock { reason: "asked".into() },
    |code| AccountAct::ResetPin { code },
    |_| AccountAct::Close,
    |_| AccountAct::Close,
    |_| AccountAct::Close,
];
/// How long a code is good.
const CODE_MS: i64 = 100_000;

/// What somebody does next. Numbers are reduced to what there is.
#[derive(Clone, Copy, Debug)]
enum Step {
    Wait(usize),
    Register { who: u8, key: u8, pin: u8 },
    Login { who: u8, right: bool },
    Begin { who: u8 },
    Verdict { which: usize, right: bool },
    Move { by: usize, key: u8, direction: Direction, amount: usize },
    Change { by: usize, key: u8, right: bool, new: u8 },
    Outcome { by: usize, key: u8 },
    Resume { by: usize },
    Touch { by: usize },
    End { by: usize },
    Exit { by: usize },
    List { who: u8, lost: bool, wait: Option<usize> },
    Unlist { who: u8 },
    Account { who: u8, act: usize, code: u8 },
    Redeem { who: u8, key: u8, right: bool, new: u8 },
    Import { first: u8, lost: bool },
    Again { back: usize },
}

/// Most runs begin where two customers are at their terminals, with some money.
const OPENING: [Step; 6] = [
    Step::Register { who: 0, key: 0, pin: 2 },
    Step::Register { who: 1, key: 1, pin: 3 },
    Step::Login { who: 0, right: true },
    Step::Move { by: 0, key: 2, direction: Direction::Deposit, amount: 5 },
    Step::Login { who: 1, right: true },
    Step::Move { by: 0, key: 3, direction: Direction::Deposit, amount: 3 },
];

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let opening = prop_oneof![1 => Just(0), 4 => Just(OPENING.len())];
    (opening, proptest::collection::vec(step(), 1..STEPS_MAX))
        .prop_map(|(opening, steps)| OPENING.into_iter().take(opening).chain(steps).collect())
}

fn step() -> impl Strategy<Value = Step> {
    let (who, key, by) = (|| 0..CUSTOMERS, || 0..KEYS, || 0_usize..4);
    let direction = prop_oneof![Just(Direction::Withdraw), Just(Direction::Deposit)];
    let movement = (by(), key(), direction, 0..AMOUNTS.len());
    let list = (who(), any::<bool>(), proptest::option::of(0..WAITS_MS.len()));
    let right = || proptest::bool::weighted(0.6);
    prop_oneof![
        24 => movement.prop_map(|(by, key, direction, amount)| Step::Move { by, key, direction, amount }),
        8 => (who(), proptest::bool::weighted(0.8)).prop_map(|(who, right)| Step::Login { who, right }),
        4 => (who(), key(), 0_u8..4).prop_map(|(who, key, pin)| Step::Register { who, key, pin }),
        3 => (0..WAITS_MS.len()).prop_map(Step::Wait),
        4 => (0_usize..12).prop_map(|back| Step::Again { back }),
        6 => who().prop_map(|who| Step::Begin { who }),
        6 => (0_usize..4, right()).prop_map(|(which, right)| Step::Verdict { which, right }),
        6 => (by(), key(), proptest::bool::weighted(0.8), 0_u8..5).prop_map(|(by, key, right, new)| Step::Change { by, key, right, new }),
        2 => (by(), key()).prop_map(|(by, key)| Step::Outcome { by, key }),
        2 => by().prop_map(|by| Step::Resume { by }),
        1 => by().prop_map(|by| Step::Touch { by }),
        1 => by().prop_map(|by| Step::End { by }),
        1 => by().prop_map(|by| Step::Exit { by }),
        1 => list.prop_map(|(who, lost, wait)| Step::List { who, lost, wait }),
        2 => who().prop_map(|who| Step::Unlist { who }),
        8 => (who(), 0..ACTS.len(), 0_u8..3).prop_map(|(who, act, code)| Step::Account { who, act, code }),
        4 => (who(), key(), right(), 0_u8..5).prop_map(|(who, key, right, new)| Step::Redeem { who, key, right, new }),
        1 => (who(), any::<bool>()).prop_map(|(first, lost)| Step::Import { first, lost }),
    ]
}

/// A bank's rules and the cash it opens with: small numbers, so that bounds are met.
fn setting() -> impl Strategy<Value = (Rules, Money)> {
    let lockout = proptest::option::of(Just(300_000_i64));
    let opening =
        (prop_oneof![Just(0_i64), Just(60), Just(1_000)], prop_oneof![Just(0_i64), Just(100), Just(300)]);
    (1_u32..3, lockout, 1_u32..4, opening).prop_map(
        |(sessions, lockout_ms, attempts_max, (vault, customer))| {
            let rules = Rules {
                amount_max: money(150),
                opening_customer: money(customer),
                withdraw_min: money(20),
                withdraw_max: money(100),
                withdraw_multiple: money(10),
                sessions_per_number_max: sessions,
                attempts_max,
                lockout_ms,
                ..rules()
            };
            (rules, money(vault))
        },
    )
}

/// Those at the terminals: they know what they were answered, and nothing of the book.
struct Players {
    clock_ms: i64,
    callers: Vec<(Caller, [u8; 32])>,
    attempts: Vec<(MobileNumber, [u8; 16])>,
    /// What was asked under keys, to be asked again.
    asked: Vec<Request>,
    tokens: u8,
}

impl Players {
    fn new() -> Self {
        Self { clock_ms: OPENED_MS, callers: Vec::new(), attempts: Vec::new(), asked: Vec::new(), tokens: 0 }
    }

    /// The session of one of the newest answers, or one that never was.
    fn caller(&self, by: usize) -> (Caller, [u8; 32]) {
        let nobody = Caller { session: SessionId(999), attachment: 1, account: account(0) };
        self.callers.iter().rev().nth(by).copied().unwrap_or((nobody, [255; 32]))
    }

    fn play(&mut self, step: Step, world: &mut impl FnMut(Request, i64) -> Decision) {
        if let Step::Wait(wait) = step {
            self.clock_ms += WAITS_MS[wait];
            return;
        }
        let now = self.clock_ms;
        let mut ask = |request: &Request| world(request.clone(), now);
        let request = match step {
            Step::Wait(_) => return,
            Step::Account { who, act, code: salt } => {
                account_act(number(who), ACTS[act](code(100 + salt, now, now + CODE_MS)))
            }
            Step::Redeem { who, key: k, right, new } => {
                self.redeem(number(who), key(k), right, new, &mut ask);
                return;
            }
            Step::Import { first, lost } => {
                let row = |who: u8| {
                    let reason = if lost { "lost" } else { "stolen" }.into();
                    Listing { number: number(who % CUSTOMERS), reason, until: None }
                };
                operate(OperatorAct::BlacklistImport { rows: vec![row(first), row(first + 1)] })
            }
            Step::Begin { who } => {
                self.begin(number(who), &mut ask);
                return;
            }
            Step::Login { who, right } => {
                if self.begin(number(who), &mut ask) {
                    self.give_verdict(self.attempts.len() - 1, right, &mut ask);
                }
                return;
            }
            Step::Verdict { which, right } => {
                if which < self.attempts.len() {
                    self.give_verdict(which, right, &mut ask);
                }
                return;
            }
            Step::Change { by, key: k, right, new } => {
                self.change(self.caller(by).0, key(k), right, new, &mut ask);
                return;
            }
            Step::Resume { by } => {
                let token = self.caller(by).1;
                let decision = ask(&Request::Resume { token });
                self.callers.extend(session_of(&decision).map(|caller| (caller, token)));
                return;
            }
            Step::Register { who, key: k, pin } => registration(number(who), key(k), pin),
            Step::Move { by, key: k, direction, amount } => {
                movement(self.caller(by).0, key(k), direction, money(AMOUNTS[amount]))
            }
            Step::Outcome { by, key: k } => Request::Outcome { caller: self.caller(by).0, key: key(k) },
            Step::Touch { by } => Request::Touch { session: self.caller(by).0.session },
            Step::End { by } => Request::EndSession { caller: self.caller(by).0, reason: SessionEnd::Idle },
            Step::Exit { by } => Request::Exit { caller: self.caller(by).0 },
            Step::List { who, lost, wait } => {
                let until = wait.map(|wait| Timestamp::from_ms(now + 1 + WAITS_MS[wait]));
                listing(number(who), if lost { "lost" } else { "stolen" }, until)
            }
            Step::Unlist { who } => unlisting(number(who), "found"),
            Step::Again { back } => match self.asked.iter().rev().nth(back) {
                Some(request) => request.clone(),
                None => return,
            },
        };
        if let Request::Move(_) | Request::Register(_) = request {
            self.asked.push(request.clone());
        }
        let _ = ask(&request);
    }

    fn begin(&mut self, number: MobileNumber, ask: &mut impl FnMut(&Request) -> Decision) -> bool {
        let Ok(Answer::Verify(pin)) = ask(&attempt(number)) else { return false };
        self.attempts.push((number, pin.salt));
        true
    }

    fn give_verdict(&mut self, which: usize, right: bool, ask: &mut impl FnMut(&Request) -> Decision) {
        let (number, salt) = self.attempts.remove(which);
        if !right {
            let _ = ask(&wrong_pin(number));
            return;
        }
        self.tokens += 1;
        let token = [self.tokens; 32];
        let decision = ask(&right_pin(number, salt, token));
        self.callers.extend(session_of(&decision).map(|caller| (caller, token)));
    }

    fn redeem(
        &mut self,
        number: MobileNumber,
        key: RequestKey,
        right: bool,
        new: u8,
        ask: &mut impl FnMut(&Request) -> Decision,
    ) {
        let (begin, _) = redemption(number, key, [0; 16], new);
        match ask(&begin) {
            Ok(Answer::Verify(kept)) if right => {
                let (_, order) = redemption(number, key, kept.salt, new);
                let _ = ask(&order);
                self.asked.push(order);
            }
            Ok(Answer::Verify(_) | Answer::NoCode) => {
                let _ = ask(&wrong_pin(number));
            }
            _ => {}
        }
    }

    fn change(
        &mut self,
        caller: Caller,
        key: RequestKey,
        right: bool,
        new: u8,
        ask: &mut impl FnMut(&Request) -> Decision,
    ) {
        let new = match new {
            0 => Err(Unfit::Weak(WeakPin::Run)),
            1 => Err(Unfit::Same),
            salt => Ok(pin(salt)),
        };
        // What the PIN is does not change the request: only its verdict is not known yet.
        let shown = if right { Verified::Right { salt: [0; 16] } } else { Verified::Wrong };
        let (begin, change) = pin_change(caller, key, shown, new);
        if let (Ok(Answer::Verify(pin)), Request::ChangePin(mut order)) = (ask(&begin), change) {
            if right {
                order.verified = Verified::Right { salt: pin.salt };
            }
            self.asked.push(Request::ChangePin(order));
            let _ = ask(&self.asked[self.asked.len() - 1]);
        }
    }
}

/// What was done when, and what was answered.
type Record = Vec<(Request, i64, Decision)>;

/// Plays the steps on one book, and holds it against the model and the invariants all the way.
fn play(rules: &Rules, vault: Money, steps: &[Step]) -> (Book, Record) {
    let mut book = empty_book();
    decide(&mut book, &founding(vault), rules, instant(OPENED_MS)).expect("the bank opens");
    let mut naive = Naive::open(rules.clone(), vault.minor());
    let mut watch = Watch::default();
    let (mut players, mut record) = (Players::new(), Record::new());
    for step in steps {
        players.play(*step, &mut |request, at| {
            let before = book.clone();
            let decision = decide(&mut book, &request, rules, instant(at));
            assert_eq!(said(&decision), naive.decide(&request, at), "{request:?} at {at}");
            watch.look((&before, &book), (&request, &decision), rules, instant(at));
            record.push((request, at, decision.clone()));
            decision
        });
        assert_eq!(book.head.vault.minor(), naive.vault);
        for (id, row) in &book.accounts {
            assert_eq!(row.posted.minor(), naive.balances.get(id).copied().unwrap_or(0), "{id:?}");
            assert_eq!(row.state, naive.states.get(id).copied().unwrap_or(AccountState::Active), "{id:?}");
        }
    }
    (book, record)
}

/// `PROPTEST_CASES` says how many; a few where it does not.
fn config() -> ProptestConfig {
    let cases =
        if std::env::var_os("PROPTEST_CASES").is_some() { ProptestConfig::default().cases } else { 250 };
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn the_ledger_answers_as_the_model(
        (rules, vault) in setting(),
        steps in steps(),
    ) {
        play(&rules, vault, &steps);
    }

    #[test]
    fn batches_change_nothing(
        (rules, vault) in setting(),
        steps in steps(),
        sizes in proptest::collection::vec(1_usize..9, 1..STEPS_MAX),
    ) {
        let (whole, record) = play(&rules, vault, &steps);
        let mut store = Store::open(vault, &rules);
        let mut sizes = sizes.iter().cycle();
        let mut rest = &record[..];
        while !rest.is_empty() {
            let (batch, later) = rest.split_at(rest.len().min(*sizes.next().expect("it goes round")));
            store.commit(batch, &rules);
            rest = later;
        }
        store.compare(&whole);
    }
}

/// Whether the steps meet what they are there for: otherwise the properties hold for want of trying.
#[test]
fn the_steps_reach_every_corner() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let mut seen = std::collections::BTreeMap::<String, u32>::new();
    for _ in 0..1_200 {
        let ((rules, vault), steps) = (setting(), steps()).new_tree(&mut runner).expect("a value").current();
        let (book, record) = play(&rules, vault, &steps);
        let answers = record.iter().map(|(_, _, decision)| format!("{:?}", said(decision)));
        let acts = book.changes.events.iter().map(|event| format!("{:?}", event.act));
        answers.chain(acts).for_each(|what| *seen.entry(what).or_default() += 1);
    }
    let corners = [
        "KeyConflict",
        "KeyClosed",
        "Blacklisted { until: None",
        "Blacklisted { until: Some",
        "AccountClosed",
        "DebitBlocked",
        "CreditBlocked",
        "AlreadyRegistered",
        "WrongPin",
        "WeakPin",
        "SamePin",
        "ZeroAmount",
        "BelowMinimum",
        "AboveMaximum",
        "NotAMultiple",
        "InsufficientFunds",
        "VaultShort",
        "Exited",
        "Unauthenticated(TakenOver",
        "ResumedElsewhere",
        "Idle",
        "TooLong",
        "Unauthenticated(Blacklisted",
        "Unknown",
        "retry_after_ms: 100 ",
        "retry_after_ms: 1000 ",
        "replayed: true",
        "NotApplied",
        "Was(",
        "Stranger",
        "taken_over: 1",
        "failures: 1",
        "attachment: 3",
        "Expired",
        "Removed",
        "PinChanged",
        "changed: false",
        "NoCode",
        "Conflict(AccountClosed)",
        "Conflict(NotEmpty",
        "Conflict(Blacklisted)",
        "NotFound",
        "bars: [DebitBlocked, CreditBlocked",
        "Blacklisted, Failures]",
        "Unauthenticated(PinReset",
        "Unauthenticated(AccountClosed",
        "Imported { added: 1",
    ];
    for corner in corners {
        let times: u32 = seen.iter().filter(|(what, _)| what.contains(corner)).map(|(_, times)| times).sum();
        assert!(times > 0, "nothing gave {corner}");
    }
}
