//! Each 'no' of the ledger, alone and against every other that the same request can meet.

use super::*;
use crate::ledger::book::KeyRecord;
use atm_rpc::error::{Rejection, SessionEnd};
use atm_rpc::types::key::SessionId;
use std::collections::BTreeSet;

/// What stands in a request's way, and the answer: `request | place | obstacle | answer`.
/// Two obstacles in one place exclude each other; any others are tried together, too.
const ALONE: &str = "
withdraw | key     | key used               | Rejected(KeyConflict)
withdraw | key     | key of another         | Rejected(KeyConflict)
withdraw | key     | key closed             | Rejected(KeyClosed)
withdraw | list    | blacklisted            | Rejected(Blacklisted { until: None })
withdraw | list    | blacklisted for a time | Rejected(Blacklisted { until: Some(Timestamp(1060000)) })
withdraw | session | no session             | Unauthenticated(Unknown)
withdraw | session | session of another     | Unauthenticated(Unknown)
withdraw | session | exited                 | Unauthenticated(Exited)
withdraw | session | taken over             | Unauthenticated(TakenOver)
withdraw | session | resumed elsewhere      | Unauthenticated(ResumedElsewhere)
withdraw | session | idle                   | Unauthenticated(Idle)
withdraw | session | listed and taken off   | Unauthenticated(Blacklisted)
withdraw | state   | account closed         | Rejected(AccountClosed)
withdraw | state   | debit blocked          | Rejected(DebitBlocked)
withdraw | state   | blocked                | Rejected(DebitBlocked)
withdraw | amount  | amount 0               | Rejected(ZeroAmount)
withdraw | amount  | amount 9000            | Rejected(BelowMinimum { minimum: Money(10000) })
withdraw | amount  | amount 501000          | Rejected(AboveMaximum { maximum: Money(500000) })
withdraw | amount  | amount 15505           | Rejected(NotAMultiple { multiple: Money(1000), below: Money(15000) })
withdraw | balance | balance 9999           | Rejected(InsufficientFunds { available: Money(9999), largest: Money(0) })
withdraw | balance | balance 14099          | Rejected(InsufficientFunds { available: Money(14099), largest: Money(14000) })
withdraw | balance | reserved 1990001       | Rejected(InsufficientFunds { available: Money(9999), largest: Money(0) })
withdraw | vault   | vault 9999             | Rejected(VaultShort { largest: Money(0) })
withdraw | vault   | vault 14099            | Rejected(VaultShort { largest: Money(14000) })

deposit  | key     | key used               | Rejected(KeyConflict)
deposit  | key     | key of another         | Rejected(KeyConflict)
deposit  | key     | key closed             | Rejected(KeyClosed)
deposit  | list    | blacklisted            | Rejected(Blacklisted { until: None })
deposit  | session | exited                 | Unauthenticated(Exited)
deposit  | session | code redeemed          | Unauthenticated(PinReset)
deposit  | session | drained                | Unauthenticated(Drained)
deposit  | session | too long               | Unauthenticated(TooLong)
deposit  | state   | account closed         | Rejected(AccountClosed)
deposit  | state   | credit blocked         | Rejected(CreditBlocked)
deposit  | state   | blocked                | Rejected(CreditBlocked)
deposit  | amount  | amount 0               | Rejected(ZeroAmount)
deposit  | amount  | amount 10000001        | Rejected(AboveMaximum { maximum: Money(10000000) })
deposit  | balance | balance 9223372036854775807 | Rejected(BalanceLimit)
deposit  | vault   | vault 9223372036854775807   | Rejected(BalanceLimit)

change   | key     | key used               | Rejected(KeyConflict)
change   | key     | key of another         | Rejected(KeyConflict)
change   | key     | key closed             | Rejected(KeyClosed)
change   | list    | blacklisted            | Rejected(Blacklisted { until: None })
change   | session | resumed elsewhere      | Unauthenticated(ResumedElsewhere)
change   | session | too long               | Unauthenticated(TooLong)
change   | state   | account closed         | Rejected(AccountClosed)
change   | proof   | wrong pin              | Rejected(WrongPin { attempts_left: 4 })
change   | new     | weak pin               | Rejected(WeakPin(Run))
change   | new     | same pin               | Rejected(SamePin)

register | key     | key used               | Rejected(KeyConflict)
register | key     | key of another         | Rejected(KeyConflict)
register | key     | key closed             | Rejected(KeyClosed)
register | rule    | registration closed    | Rejected(RegistrationClosed)
register | list    | blacklisted            | Rejected(Blacklisted { until: None })
register | list    | blacklisted for a time | Rejected(Blacklisted { until: Some(Timestamp(1060000)) })
register | number  | registered             | Rejected(AlreadyRegistered)
register | new     | weak pin               | Rejected(WeakPin(Run))

log-in   | list    | blacklisted            | Rejected(Blacklisted { until: None })
log-in   | list    | blacklisted for a time | Rejected(Blacklisted { until: Some(Timestamp(1060000)) })
log-in   | state   | account closed         | Rejected(AccountClosed)

exit     | list    | blacklisted            | Rejected(Blacklisted { until: None })
exit     | session | no session             | Unauthenticated(Unknown)
exit     | session | taken over             | Unauthenticated(TakenOver)
exit     | session | too long               | Unauthenticated(TooLong)
exit     | session | account was closed     | Unauthenticated(AccountClosed)

outcome  | key     | key of another         | Rejected(KeyConflict)
outcome  | list    | blacklisted            | Rejected(Blacklisted { until: None })
outcome  | session | session of another     | Unauthenticated(Unknown)
outcome  | session | idle                   | Unauthenticated(Idle)

resume   | list    | blacklisted            | Rejected(Blacklisted { until: None })
resume   | session | exited                 | Unauthenticated(Exited)
resume   | session | taken over             | Unauthenticated(TakenOver)
resume   | session | quiet                  | Unauthenticated(Idle)
resume   | session | too long               | Unauthenticated(TooLong)
resume   | session | listed and taken off   | Unauthenticated(Blacklisted)
";

/// Amounts that break two rules at once, and where what is asked hides the rest of the order:
/// `request | obstacles | answer`.
const TOGETHER: &str = "
withdraw | amount 0, minimum 0                   | Rejected(ZeroAmount)
withdraw | amount -1000                          | Rejected(ZeroAmount)
withdraw | amount 505                            | Rejected(BelowMinimum { minimum: Money(10000) })
withdraw | amount 55000, minimum 60000, maximum 50000 | Rejected(BelowMinimum { minimum: Money(60000) })
withdraw | amount 600005                         | Rejected(AboveMaximum { maximum: Money(500000) })
withdraw | amount 30000, movement 25000          | Rejected(AboveMaximum { maximum: Money(25000) })
withdraw | amount 10500, minimum 10100           | Rejected(NotAMultiple { multiple: Money(1000), below: Money(0) })
withdraw | amount 30000, balance 20000, vault 15000 | Rejected(InsufficientFunds { available: Money(20000), largest: Money(15000) })
withdraw | amount 30000, maximum 35500, balance 29999 | Rejected(InsufficientFunds { available: Money(29999), largest: Money(29000) })
deposit  | amount -1                             | Rejected(ZeroAmount)
deposit  | balance 9223372036854775807, vault 9223372036854775807 | Rejected(BalanceLimit)
log-in   | wrong pin                             | Rejected(WrongPin { attempts_left: 4 })
log-in   | wrong pin, account closed             | Rejected(WrongPin { attempts_left: 4 })
log-in   | wrong pin, blacklisted                | Rejected(Blacklisted { until: None })
resume   | no session, blacklisted               | Unauthenticated(Unknown)
";

/// Requests that no obstacle of another kind stops: `request | obstacles`.
const PASSES: &str = "
withdraw | credit blocked
withdraw | amount 500000
withdraw | amount 10000
withdraw | balance 15000, vault 15000
withdraw | taken over and resumed
deposit  | debit blocked
deposit  | amount 1
deposit  | amount 10000000
change   | debit blocked
change   | credit blocked
register | amount 0
log-in   | debit blocked
log-in   | credit blocked
outcome  | account closed
exit     | account closed
resume   | account closed
resume   | resumed elsewhere
";

/// Lists the variants of an enum twice: a new one does not build until it is here, and fails a test
/// until a row has it.
macro_rules! names {
    ($of:ident, $name:ident, $all:ident: $($variant:ident)+; beside: $($beside:ident)*) => {
        fn $name(of: &$of) -> &'static str {
            match of {
                $($of::$variant { .. } => stringify!($variant),)+
                $($of::$beside { .. } => stringify!($beside),)*
            }
        }
        const $all: &[&str] = &[$(stringify!($variant),)+];
    };
}

names! { Rejection, rejection_name, REJECTIONS:
KeyConflict KeyClosed RegistrationClosed Blacklisted AccountClosed DebitBlocked CreditBlocked
AlreadyRegistered WrongPin WeakPin SamePin ZeroAmount BelowMinimum AboveMaximum NotAMultiple
InsufficientFunds VaultShort BalanceLimit; beside: }

// Beside them: what connections and operators are told without asking the ledger.
names! { SessionEnd, end_name, ENDS:
Unknown Exited TakenOver ResumedElsewhere Idle TooLong Blacklisted PinReset AccountClosed Drained;
beside: NotLoggedIn OperatorUnknown }

fn rows(table: &str) -> impl Iterator<Item = Vec<&str>> {
    table.lines().filter(|line| !line.is_empty()).map(|line| line.split('|').map(str::trim).collect())
}

/// A customer at a terminal who is about to ask for something.
struct Scene {
    bank: Bank,
    caller: Caller,
    token: [u8; 32],
    other: Caller,
    number: MobileNumber,
    amount: Money,
    verified: Verified,
    new: Result<PinHash, Unfit>,
}

/// The key of the request that is about to be asked for.
const KEY: u8 = 9;

impl Scene {
    fn new(request: &str) -> Self {
        let mut bank = Bank::open();
        let mut session = |index: u8| {
            bank.ask(&registration(number(index), key(100 + index), index)).expect("registered");
            let caller = session_of(&bank.prove(number(index), index)).expect("a session");
            let deposit = movement(caller, key(110 + index), Direction::Deposit, money(2_000_000));
            bank.ask(&deposit).expect("deposited");
            caller
        };
        let (customer, other) = (session(1), session(2));
        Self {
            bank,
            caller: customer,
            token: [1; 32],
            other,
            number: number(if request == "register" { 3 } else { 1 }),
            amount: money(15_000),
            verified: Verified::Right { salt: [1; 16] },
            new: Ok(pin(4)),
        }
    }

    fn ask(&mut self, request: &Request) {
        self.bank.ask(request).expect("what stands in the way can be put there");
    }

    fn put(&mut self, obstacle: &str) {
        let (caller, session) = (self.caller, self.caller.session);
        let own = self.bank.book.accounts.get_mut(&caller.account).expect("the customer's");
        match obstacle {
            "key used" => self.ask(&movement(caller, key(KEY), Direction::Deposit, money(7_700))),
            "key of another" => self.ask(&movement(self.other, key(KEY), Direction::Deposit, self.amount)),
            "key closed" => {
                // Only a customer closes a key, so the registration is a customer's.
                self.number = number(1);
                self.ask(&Request::Outcome { caller, key: key(KEY) });
            }
            "registration closed" => self.bank.rules.open_registration = false,
            "registered" => self.number = number(1),
            "blacklisted" => self.ask(&listing(self.number, "stolen", None)),
            "blacklisted for a time" => {
                let until = Timestamp::from_ms(self.bank.clock_ms + 60_000);
                self.ask(&listing(self.number, "stolen", Some(until)));
            }
            "no session" => {
                self.caller.session = SessionId(99);
                self.token = [99; 32];
            }
            "session of another" => self.caller.session = self.other.session,
            "exited" => self.ask(&Request::Exit { caller }),
            "taken over" => self.log_in_anew(),
            "taken over and resumed" => {
                self.log_in_anew();
                self.caller =
                    session_of(&self.bank.ask(&Request::Resume { token: [3; 32] })).expect("resumed");
            }
            "resumed elsewhere" => self.ask(&Request::Resume { token: self.token }),
            "idle" => self.ask(&Request::EndSession { caller, reason: SessionEnd::Idle }),
            "drained" => self.ask(&Request::EndSession { caller, reason: SessionEnd::Drained }),
            "quiet" => self.bank.clock_ms += 150_001,
            "too long" => {
                self.bank.clock_ms += 600_001;
                self.ask(&Request::Touch { session });
            }
            "listed and taken off" => {
                self.ask(&listing(self.number, "mistake", None));
                self.ask(&unlisting(self.number, "mistake"));
            }
            "code redeemed" => self.redeem(),
            "account was closed" => {
                own.posted = Money::ZERO;
                self.ask(&account_act(number(1), AccountAct::Close));
            }
            "account closed" => own.state = AccountState::Closed,
            "debit blocked" => own.state = AccountState::DebitBlocked,
            "credit blocked" => own.state = AccountState::CreditBlocked,
            "blocked" => own.state = AccountState::Blocked,
            "wrong pin" => self.verified = Verified::Wrong,
            "weak pin" => self.new = Err(Unfit::Weak(WeakPin::Run)),
            "same pin" => self.new = Err(Unfit::Same),
            other => self.put_number(other),
        }
    }

    fn redeem(&mut self) {
        let expires_ms = self.bank.clock_ms + 1_000;
        let code = code(7, self.bank.clock_ms, expires_ms);
        self.ask(&account_act(number(1), AccountAct::ResetPin { code }));
        let (begin, redeem) = redemption(number(1), key(60), [7; 16], 5);
        self.ask(&begin);
        self.ask(&redeem);
    }

    fn log_in_anew(&mut self) {
        let token = self.bank.token();
        self.ask(&right_pin(number(1), [1; 16], token));
    }

    fn put_number(&mut self, obstacle: &str) {
        let (what, minor) = obstacle.split_once(' ').expect("a known obstacle");
        let minor = money(minor.parse().expect("minor units"));
        let own = self.bank.book.accounts.get_mut(&self.caller.account).expect("the customer's");
        match what {
            "amount" => self.amount = minor,
            "balance" => own.posted = minor,
            "reserved" => own.pending = minor,
            "vault" => self.bank.book.head.vault = minor,
            "minimum" => self.bank.rules.withdraw_min = minor,
            "maximum" => self.bank.rules.withdraw_max = minor,
            "movement" => self.bank.rules.amount_max = minor,
            _ => panic!("{obstacle} is not an obstacle"),
        }
    }

    fn request(&mut self, name: &str) -> Decision {
        let (caller, key) = (self.caller, key(KEY));
        let (first, second) = match name {
            "withdraw" => (movement(caller, key, Direction::Withdraw, self.amount), None),
            "deposit" => (movement(caller, key, Direction::Deposit, self.amount), None),
            "register" => (registration(self.number, key, if self.new.is_err() { 0 } else { 4 }), None),
            "outcome" => (Request::Outcome { caller, key }, None),
            "exit" => (Request::Exit { caller }, None),
            "resume" => (Request::Resume { token: self.token }, None),
            "log-in" if self.verified == Verified::Wrong => {
                (attempt(self.number), Some(wrong_pin(self.number)))
            }
            "log-in" => (attempt(self.number), Some(right_pin(self.number, [1; 16], [9; 32]))),
            "change" => {
                let (begin, change) = pin_change(caller, key, self.verified.clone(), self.new.clone());
                (begin, Some(change))
            }
            _ => panic!("{name} is not a request"),
        };
        match (self.bank.ask(&first), second) {
            (Ok(Answer::Verify(_)), Some(second)) => self.bank.ask(&second),
            (decision, _) => decision,
        }
    }

    fn money(&self) -> (Money, Vec<(AccountId, Money)>) {
        let mut posted: Vec<_> = self.bank.book.accounts.iter().map(|(id, row)| (*id, row.posted)).collect();
        posted.sort_unstable();
        (self.bank.book.head.vault, posted)
    }
}

/// Keys first, while the session still lives; then the session; then the rest.
fn phase(place: &str) -> u8 {
    match place {
        "key" => 0,
        "session" | "number" => 1,
        _ => 2,
    }
}

/// Puts the obstacles up, asks, and looks at what the 'no' left behind.
fn check(request: &str, obstacles: &[&str]) -> ServiceError {
    let mut scene = Scene::new(request);
    obstacles.iter().for_each(|obstacle| scene.put(obstacle));
    let name = format!("{request} with {obstacles:?}");
    let (before, seq, known) =
        (scene.money(), scene.bank.book.head.seq, scene.bank.book.keys.get(&key(KEY)).cloned());
    let error = scene.request(request).expect_err(&name);
    assert_eq!(scene.money(), before, "{name} moved money");
    let kept = scene.bank.book.keys.get(&key(KEY)).cloned();
    match error {
        _ if known.is_some() => assert_eq!(kept, known, "{name} changed what the key is known for"),
        ServiceError::Rejected(rejection) if keeps(request, rejection) => {
            assert!(
                matches!(kept, Some(KeyRecord::Rejected { rejection: kept, .. }) if kept == rejection),
                "{name} is not kept under its key: {kept:?}"
            );
            assert!(scene.bank.book.changes.rejections.contains(&key(KEY)), "{name} would not be stored");
        }
        _ => assert_eq!(kept, None, "{name} is kept under its key"),
    }
    if !matches!(error, ServiceError::Rejected(Rejection::WrongPin { .. })) {
        assert_eq!(scene.bank.book.head.seq, seq, "{name} left an entry");
        assert_eq!(scene.request(request), Err(error), "{name}, asked again");
    }
    error
}

fn keeps(request: &str, rejection: Rejection) -> bool {
    match (request, rejection) {
        // Strangers could fill the table.
        ("register", Rejection::RegistrationClosed) => false,
        ("withdraw" | "deposit" | "change" | "register", _) => true,
        _ => false,
    }
}

/// The place in the order of precedence: the enum's own, as the wire counts its variants. A session
/// that ended comes behind the blacklist and before the account.
fn rank(error: ServiceError) -> (u8, u8) {
    let of = |rejection: Rejection| postcard::to_stdvec(&rejection).expect("a small enum")[0];
    match error {
        ServiceError::Rejected(rejection) => (of(rejection), 0),
        ServiceError::Unauthenticated(_) => (of(Rejection::Blacklisted { until: None }), 1),
        other => panic!("{other:?} has no place in the order"),
    }
}

fn name_of(error: ServiceError) -> &'static str {
    match error {
        ServiceError::Rejected(rejection) => rejection_name(&rejection),
        ServiceError::Unauthenticated(end) => end_name(&end),
        other => panic!("{other:?} is not expected"),
    }
}

#[test]
fn each_obstacle_alone_gives_its_answer() {
    for row in rows(ALONE) {
        let [request, _, obstacle, expected] = row[..] else { panic!("{row:?} has not four columns") };
        let found = check(request, &[obstacle]);
        assert_eq!(format!("{found:?}"), expected, "{request} with {obstacle}");
    }
}

#[test]
fn of_two_obstacles_the_first_in_order_is_named() {
    let table: Vec<_> = rows(ALONE).collect();
    let mut pairs = 0;
    for (i, one) in table.iter().enumerate() {
        for two in &table[i + 1..] {
            if one[0] != two[0] || one[1] == two[1] {
                continue;
            }
            let mut both = [one, two];
            both.sort_by_key(|row| phase(row[1]));
            let answers = [one, two].map(|row| check(row[0], &[row[2]]));
            let first = if rank(answers[0]) <= rank(answers[1]) { answers[0] } else { answers[1] };
            let found = check(one[0], &both.map(|row| row[2]));
            assert_eq!(name_of(found), name_of(first), "{} with {} and {}", one[0], one[2], two[2]);
            pairs += 1;
        }
    }
    assert!(pairs > 200, "only {pairs} pairs");
}

#[test]
fn several_rules_for_one_amount_hold_in_order() {
    for row in rows(TOGETHER) {
        let [request, obstacles, expected] = row[..] else { panic!("{row:?} has not three columns") };
        let obstacles: Vec<_> = obstacles.split(", ").collect();
        let found = check(request, &obstacles);
        assert_eq!(format!("{found:?}"), expected, "{request} with {obstacles:?}");
    }
}

#[test]
fn what_is_no_obstacle_lets_it_pass() {
    for row in rows(PASSES) {
        let [request, obstacles] = row[..] else { panic!("{row:?} has not two columns") };
        let mut scene = Scene::new(request);
        obstacles.split(", ").for_each(|obstacle| scene.put(obstacle));
        assert!(scene.request(request).is_ok(), "{request} with {obstacles}");
    }
}

#[test]
fn every_no_has_a_row() {
    let columns = rows(ALONE).chain(rows(TOGETHER)).filter_map(|row| row.last().copied());
    let answers: BTreeSet<&str> = columns
        .flat_map(|answer| {
            answer.strip_prefix("Rejected(").or_else(|| answer.strip_prefix("Unauthenticated("))
        })
        .filter_map(|answer| answer.split([' ', '(', ')']).next())
        .collect();
    for name in REJECTIONS.iter().chain(ENDS) {
        assert!(answers.contains(name), "{name} has no row");
    }
}
