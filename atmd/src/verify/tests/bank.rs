//! A small bank with real history, and what a hand with the database's password can do to it.

use crate::config::load::from_text;
use crate::csv::render::{Ledger, whole};
use crate::jobs::{Jobs, Running};
use crate::ledger::entry::Entry;
use crate::ledger::needs::Needs;
use crate::ledger::request::{
    Answer, AuditDraft, Caller, Direction, LoginOrder, Movement, NewOperator, OperatorAct, Registration,
    Request,
};
use crate::ledger::{Now, Rules, book::PinHash, decide};
use crate::seal::Sealer;
use crate::store::{SealHead, Store};
use crate::verify::job::{Looked, Scope, Stopped, Subject, verify};
use crate::verify::{Finding, Place};
use atm_rpc::operator::Role;
use atm_rpc::types::account::AccountId;
use atm_rpc::types::key::RequestKey;
use atm_rpc::types::mobile::MobileNumber;
use atm_rpc::types::money::{Currency, Money};
use atm_rpc::types::terminal::TerminalName;
use atm_rpc::types::time::{BusinessDate, Timestamp};
use std::fs;
use std::path::PathBuf;
use tempfile::TempDir;
use zeroize::Zeroizing;

const BEGUN_MS: i64 = 1_795_000_000_000;
const STEP_MS: i64 = 3_600_000;

/// The bank, closed to customers.
pub(super) struct Bank {
    pub(super) store: Store,
    folder: TempDir,
    steps: i64,
    keys: u8,
}

impl Bank {
    pub(super) async fn open() -> Self {
        let folder = TempDir::new().unwrap();
        let set = [("server.data_dir".to_owned(), folder.path().to_str().unwrap().to_owned())];
        let config = from_text(None, &[], &set).unwrap().config;
        let sealer = Sealer::new(Zeroizing::new([7; 32]));
        let store = Store::open(&config, sealer, Timestamp::from_ms(BEGUN_MS)).await.unwrap();
        let root = NewOperator {
            id: 1,
            name: "root".into(),
            role: Role::Admin,
            fingerprint: [7; 32],
            created_at: Timestamp::from_ms(BEGUN_MS),
        };
        let mut bank = Self { store, folder, steps: 0, keys: 0 };
        bank.batch(&[Request::Found { opening_vault: Money::from_minor(1_000_000), root }]).await;
        bank
    }

    /// A bank with three customers, some sessions and movements, and operators' work, over two days.
    pub(super) async fn with_history() -> Self {
        let mut bank = Self::open().await;
        let registered = [1, 2, 3].map(|index| bank.register(index));
        bank.batch(&registered).await;
        bank.batch(&[operate("0809999999", true)]).await;
        for round in 1..=3 {
            let mut callers = Vec::new();
            for index in [1, 2, 3] {
                callers.push(bank.login(index, round).await);
            }
            let deposits =
                callers.clone().into_iter().map(|caller| bank.movement(caller, Direction::Deposit));
            let deposits: Vec<Request> = deposits.collect();
            bank.batch(&deposits).await;
            let withdrawal = bank.movement(callers[0], Direction::Withdraw);
            bank.batch(&[withdrawal, operate("0801234003", round % 2 == 1)]).await;
            let exits = callers[..2].iter().map(|caller| Request::Exit { caller: *caller });
            bank.batch(&exits.collect::<Vec<_>>()).await;
            if round < 3 {
                bank.batch(&[operate("0801234003", false)]).await;
            }
        }
        bank
    }

    /// One batch, decided and stored as the writer does it.
    pub(super) async fn batch(&mut self, requests: &[Request]) -> Vec<Answer> {
        self.steps += 1;
        let at = Timestamp::from_ms(BEGUN_MS + self.steps * STEP_MS);
        let days = i32::try_from(at.ms() / 86_400_000).unwrap();
        let now = Now { at, today: BusinessDate::from_days(days) };
        let mut needs = Needs::default();
        requests.iter().for_each(|request| needs.add(request));
        let mut transaction = self.store.begin().await.unwrap();
        let (mut book, head) = transaction.load(&needs).await.unwrap();
        let decide = |request| decide(&mut book, request, &rules(), now).unwrap();
        let answers = requests.iter().map(decide).collect();
        let batch = RequestKey::generate();
        transaction.save(&book, head, *batch.bytes(), at).await.unwrap();
        transaction.commit().await.unwrap();
        answers
    }

    fn key(&mut self) -> RequestKey {
        self.keys += 1;
        RequestKey::parse(&format!("0190a6e2-7d4c-7b1e-9c53-2f6d8e0a4b{:02x}", self.keys)).unwrap()
    }

    fn register(&mut self, index: u8) -> Request {
        let pin = PinHash { pepper: 1, memory_kib: 8, iterations: 1, salt: [index; 16], hash: [index; 32] };
        let (number, key) = (number(index), self.key());
        Request::Register(Registration { number, key, payload: [index; 16], pin: Ok(pin) })
    }

    async fn login(&mut self, index: u8, round: u8) -> Caller {
        let order = LoginOrder {
            number: number(index),
            salt: [index; 16],
            rehashed: None,
            token: [16 * round + index; 32],
            terminal: TerminalName::parse("ATM-0042").unwrap(),
        };
        match self.batch(&[Request::Login(order)]).await.as_slice() {
            [Answer::Session { caller, .. }] => *caller,
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn movement(&mut self, caller: Caller, direction: Direction) -> Request {
        let (key, amount) = (self.key(), Money::from_minor(20_000));
        Request::Move(Movement { caller, key, payload: [self.keys; 16], direction, amount })
    }

    pub(super) fn ledgers(&self) -> PathBuf {
        self.folder.path().join("ledger")
    }

    /// Writes the ledgers as the journal gives them.
    pub(super) async fn project(&self) -> i64 {
        fs::create_dir_all(self.ledgers()).unwrap();
        let entries: Vec<Entry> = self.store.journal(1, 10_000).await.unwrap();
        for ledger in Ledger::ALL {
            let text = whole(ledger, &entries, Currency::INR);
            fs::write(self.ledgers().join(ledger.file_name()), text).unwrap();
        }
        entries.last().unwrap().seq.0
    }

    /// Verifies; the ledgers must have the entries up to `projected`.
    pub(super) async fn verify(&self, heads: Vec<SealHead>, projected: i64) -> (Looked, Vec<Finding>) {
        let (looked, findings) = self.try_verify(heads, projected).await;
        (looked.unwrap(), findings)
    }

    pub(super) async fn try_verify(
        &self,
        heads: Vec<SealHead>,
        projected: i64,
    ) -> (Result<Looked, Stopped>, Vec<Finding>) {
        let running = Running { method: "test", operator: "root".into(), since: Timestamp::from_ms(0) };
        let (owner, ticket) = Jobs::default().begin(running).unwrap();
        let subject = Subject {
            scope: Scope::Everything,
            store: self.store.clone(),
            heads,
            folder: self.ledgers(),
            currency: Currency::INR,
            must_have: projected,
        };
        let looked = verify(subject, ticket.job()).await;
        let findings = owner.job().news(0).await.findings;
        (looked, findings)
    }

    /// Verifies the database alone, with the heads that atmd remembers.
    pub(super) async fn findings(&self) -> Vec<Finding> {
        self.verify(self.store.seen_heads(), 0).await.1
    }
}

/// The places of findings, as words.
pub(super) fn places(findings: &[Finding]) -> Vec<String> {
    let place = |finding: &Finding| match finding.place {
        Place::Entry(seq) => format!("journal {seq}"),
        Place::Audit(id) => format!("audit {id}"),
        Place::Seal(id) => format!("seal {id}"),
        Place::Account(id) => format!("account {id}"),
        Place::Books => "books".to_owned(),
        Place::Ledger { ledger, line, .. } => format!("{} {line}", ledger.file_name()),
    };
    findings.iter().map(|finding| format!("{} {}", finding.check, place(finding))).collect()
}

pub(super) fn number(index: u8) -> MobileNumber {
    MobileNumber::parse(&format!("0801234{index:03}")).unwrap()
}

pub(super) fn account(index: u8) -> i64 {
    AccountId::of(number(index)).raw()
}

fn operate(mobile: &str, add: bool) -> Request {
    let number = MobileNumber::parse(mobile).unwrap();
    let reason = "a test".to_owned();
    let act = if add {
        OperatorAct::BlacklistAdd { number, reason, until: None, masked: true }
    } else {
        OperatorAct::BlacklistRemove { number, reason, masked: true }
    };
    let audit = AuditDraft {
        operator: "root".into(),
        role: Role::Admin,
        command: Some("blacklist add".into()),
        plugin: Some(("blacklist".into(), "1.0".into(), "00ff".into())),
        capabilities: "blacklist:write".into(),
        method: "blacklist_add".into(),
        arguments: "number=********99".into(),
    };
    Request::Operate { audit, act }
}

fn rules() -> Rules {
    Rules {
        amount_max: Money::from_minor(10_000_000),
        opening_customer: Money::from_minor(50_000),
        open_registration: true,
        withdraw_min: Money::from_minor(10_000),
        withdraw_max: Money::from_minor(500_000),
        withdraw_multiple: Money::from_minor(1_000),
        sessions_per_number_max: 1,
        idle_timeout_ms: i64::MAX,
        session_length_ms: i64::MAX,
        attempts_max: 5,
        lockout_ms: None,
    }
}

/// A request that leaves a row in the audit log and nothing else.
pub(super) fn strange() -> Request {
    match operate("0801234001", true) {
        Request::Operate { audit, .. } => Request::Operate { audit, act: OperatorAct::Noted("begun".into()) },
        other => other,
    }
}
