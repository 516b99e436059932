//! What is stored comes back equal.

mod backup;
mod kept;
mod opening;

use super::verify::{Kept, Part};
use super::*;
use crate::config::Config;
use crate::config::load::from_text;
use crate::ledger::book::{Account, Credential, Event, Head, KeyRecord, Listed, PinHash, ResetCode, Session};
use crate::ledger::entry::{Entry, SessionRef, Transfer};
use crate::ledger::guesses::Guesses;
use crate::ledger::operators::{Certificate, Operator};
use crate::ledger::request::{Audit, AuditDraft, Checkpoint};
use atm_rpc::error::{Rejection, SessionEnd};
use atm_rpc::operator::Role;
use atm_rpc::operator::blacklist::BlacklistAct;
use atm_rpc::types::account::{AccountId, AccountState};
use atm_rpc::types::action::Action;
use atm_rpc::types::key::{RequestKey, Seq, SessionId};
use atm_rpc::types::mobile::MobileNumber;
use atm_rpc::types::money::Money;
use atm_rpc::types::terminal::TerminalName;
use atm_rpc::types::time::BusinessDate;
use sea_orm::{ConnectionTrait, DbErr, Statement};
use std::collections::BTreeMap;
use std::path::Path;
use tempfile::TempDir;
use zeroize::Zeroizing;

const NOW: Timestamp = Timestamp::from_ms(1_795_000_000_000);

fn sealer() -> Sealer {
    Sealer::new(Zeroizing::new([7; 32]))
}

fn config(folder: &Path, more: &[(&str, &str)]) -> Config {
    let folder = ("server.data_dir", folder.to_str().unwrap());
    let set = [&[folder], more].concat();
    let set: Vec<_> = set.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    from_text(None, &[], &set).unwrap().config
}

async fn open(folder: &Path) -> Store {
    Store::open(&config(folder, &[]), sealer(), NOW).await.unwrap()
}

/// A batch of a book, as the writer makes it.
async fn save(store: &Store, book: &Book, batch: u8) {
    let mut transaction = store.begin().await.unwrap();
    let (_, head) = transaction.load(&Needs::default()).await.unwrap();
    transaction.save(book, head, [batch; 16], NOW).await.unwrap();
    transaction.commit().await.unwrap();
}

fn number(text: &str) -> AccountId {
    AccountId::of(MobileNumber::parse(text).unwrap())
}

fn alice() -> AccountId {
    number("00801234567")
}

fn bob() -> AccountId {
    number("123456789012345")
}

fn key(last: u8) -> RequestKey {
    RequestKey::try_from([1, 2, 3, 4, 5, 6, 0x77, 8, 0x89, 10, 11, 12, 13, 14, 15, last].as_slice()).unwrap()
}

fn terminal() -> TerminalName {
    TerminalName::parse("ATM-0001").unwrap()
}

/// An entry with every field that may be absent, and one without any.
fn entries() -> [Entry; 2] {
    let bare = Entry {
        seq: Seq(1),
        recorded_at: NOW,
        business_date: BusinessDate::from_days(20_775),
        action: Action::Opening,
        customer: None,
        transfer: None,
        customer_balance: None,
        vault_balance: Money::from_minor(i64::MAX),
        session: None,
        terminal: None,
        request: None,
        reverses: None,
        previous: None,
    };
    let full = Entry {
        seq: Seq(2),
        action: Action::Deposit,
        customer: Some(alice()),
        transfer: Some(Transfer {
            debit: AccountId::VAULT,
            credit: alice(),
            amount: Money::from_minor(12_345),
        }),
        customer_balance: Some(Money::from_minor(-1)),
        session: Some(SessionRef { id: SessionId(3), started_at: NOW.plus_ms(-5), elapsed_ms: 5 }),
        terminal: Some(terminal()),
        request: Some((key(1), [9; 16])),
        reverses: Some(Seq(1)),
        previous: Some(Seq(1)),
        ..bare.clone()
    };
    [bare, full]
}

fn account(state: AccountState, last_seq: Option<Seq>) -> Account {
    let (posted, pending) = (Money::from_minor(i64::MIN), Money::from_minor(77));
    Account { posted, pending, state, last_seq, opened_at: NOW }
}

fn credential(salt: u8) -> Credential {
    let pin = PinHash { pepper: 2, memory_kib: 19_456, iterations: 2, salt: [salt; 16], hash: [salt; 32] };
    Credential { pin, guesses: Guesses { attempts: 4, failures: 3, raised_at_ms: 12 } }
}

fn session(token: u8, ended: Option<SessionEnd>) -> Session {
    Session {
        account: alice(),
        token: [token; 32],
        attachment: 2,
        terminal: terminal(),
        started_at: NOW.plus_ms(-10),
        seen_at: NOW,
        ended: ended.map(|reason| (NOW, reason)),
    }
}

fn listed(id: i64, until: Option<Timestamp>) -> Listed {
    Listed { id, reason: "5 wrong PINs, \"quoted\", \u{e9}".into(), actor: "root".into(), since: NOW, until }
}

fn event(id: i64, act: BlacklistAct, until: Option<Timestamp>) -> Event {
    Event { id, at: NOW, number: alice(), act, reason: "why".into(), actor: "atmd".into(), until }
}

fn audits() -> [Audit; 2] {
    let draft = AuditDraft {
        operator: "root".into(),
        role: Role::Admin,
        command: None,
        plugin: None,
        capabilities: String::new(),
        method: "blacklist_add".into(),
        arguments: "number=*********67".into(),
    };
    let by_plugin = AuditDraft {
        role: Role::Viewer,
        command: Some("blacklist add".into()),
        plugin: Some(("blacklist".into(), "0.1.0".into(), "ab".repeat(32))),
        ..draft.clone()
    };
    [
        Audit { id: 1, at: NOW, draft, result: "done".into() },
        Audit { id: 2, at: NOW, draft: by_plugin, result: "unchanged".into() },
    ]
}

/// A book with rows of every kind, all of them to be written.
fn full_book() -> Book {
    let mut book = Book {
        head: Head {
            seq: 2,
            vault: Money::from_minor(i64::MAX),
            date: BusinessDate::from_days(20_775),
            audit: 2,
            session: 8,
            event: 3,
        },
        ..Book::default()
    };
    book.accounts = [
        (alice(), account(AccountState::Active, Some(Seq(2)))),
        (bob(), account(AccountState::Closed, None)),
        (number("12345"), account(AccountState::DebitBlocked, None)),
        (number("99999"), account(AccountState::CreditBlocked, None)),
    ]
    .into();
    book.credentials = [(alice(), credential(1)), (bob(), credential(2))].into();
    let code =
        ResetCode { code: credential(3).pin, issued_at: NOW, expires_at: Timestamp::from_ms(i64::MAX) };
    book.codes = [(bob(), code)].into();
    let ends = [
        None,
        Some(SessionEnd::Exited),
        Some(SessionEnd::TakenOver),
        Some(SessionEnd::ResumedElsewhere),
        Some(SessionEnd::Idle),
        Some(SessionEnd::TooLong),
        Some(SessionEnd::Blacklisted),
    ];
    book.sessions = (2_u8..).zip(ends).map(|(id, end)| (SessionId(id.into()), session(id, end))).collect();
    book.blacklist = [(alice(), listed(1, None)), (bob(), listed(2, Some(NOW.plus_ms(1))))].into();
    let rejected = |rejection| KeyRecord::Rejected { account: bob(), payload: [3; 16], rejection, at: NOW };
    let [bare, full] = entries();
    book.keys = [
        (key(1), KeyRecord::Applied(full.clone())),
        (key(2), rejected(Rejection::KeyClosed)),
        (
            key(3),
            rejected(Rejection::InsufficientFunds {
                available: Money::from_minor(i64::MAX),
                largest: Money::from_minor(i64::MIN),
            }),
        ),
    ]
    .into();
    (book.operators, book.certificates) = (operators(), certificates());
    let changes = &mut book.changes;
    changes.entries = vec![bare, full];
    changes.accounts = book.accounts.keys().copied().collect();
    changes.credentials = book.credentials.keys().copied().collect();
    changes.codes = book.codes.keys().copied().collect();
    changes.sessions = book.sessions.keys().copied().collect();
    changes.listed = book.blacklist.keys().copied().collect();
    changes.events = vec![
        event(1, BlacklistAct::Added, None),
        event(2, BlacklistAct::Removed, Some(NOW)),
        event(3, BlacklistAct::Expired, None),
    ];
    changes.rejections = [key(2), key(3)].into();
    changes.audits = audits().into();
    changes.operators = operators().into_keys().collect();
    changes.certificates = certificates().into_keys().collect();
    let places = checkpoints().into_iter().map(|c| ((c.node.clone(), c.file.clone()), c));
    changes.checkpoints = places.collect();
    book
}

fn operators() -> BTreeMap<String, Operator> {
    let operator = |id, role, enabled| Operator {
        id,
        role,
        fingerprint: [u8::try_from(id).unwrap(); 32],
        enabled,
        created_at: NOW,
    };
    [
        ("root".to_owned(), operator(1, Role::Admin, true)),
        ("helper".to_owned(), operator(2, Role::Operator, false)),
        ("watcher".to_owned(), operator(3, Role::Viewer, true)),
    ]
    .into()
}

fn certificates() -> BTreeMap<i64, Certificate> {
    [2, 3]
        .map(|operator: u8| {
            (
                i64::from(operator),
                Certificate { key: [operator; 32], pem: operator.to_string().repeat(2_048) },
            )
        })
        .into()
}

fn checkpoints() -> Vec<Checkpoint> {
    let checkpoint = |file: &str, byte_length| Checkpoint {
        node: "local".into(),
        file: file.into(),
        next_seq: 3,
        byte_length,
    };
    vec![checkpoint("client.csv", 0), checkpoint("bank.csv", i64::MAX)]
}

/// Everything in a book.
fn all_of(book: &Book) -> Needs {
    Needs {
        accounts: book.accounts.keys().copied().collect(),
        credentials: book.credentials.keys().copied().collect(),
        codes: book.codes.keys().copied().collect(),
        open_sessions: [alice()].into(),
        sessions: book.sessions.keys().copied().collect(),
        tokens: [[2; 32], [3; 32]].into(),
        keys: book.keys.keys().copied().collect(),
        session_head: true,
        event_head: true,
        operators: ["root".to_owned()].into(),
        all_operators: true,
    }
}

#[tokio::test]
async fn a_book_comes_back_equal() {
    let folder = TempDir::new().unwrap();
    let book = full_book();
    let store = open(folder.path()).await;
    save(&store, &book, 1).await;
    let instance = store.instance();
    store.close().await.unwrap();
    let store = open(folder.path()).await;
    assert_eq!(store.instance(), instance);
    let mut transaction = store.begin().await.unwrap();
    let (read, seal) = transaction.load(&all_of(&book)).await.unwrap();
    transaction.rollback().await.unwrap();
    assert_eq!(seal.id, 1);
    assert_eq!(read, Book { changes: read.changes.clone(), ..book.clone() });
    assert_eq!(store.journal(1, 10).await.unwrap(), book.changes.entries);
    assert_eq!(
        store.statement(Some(Seq(2)), 10).await.unwrap(),
        entries().into_iter().rev().collect::<Vec<_>>()
    );
    assert_eq!(store.blacklist_events(None, None, 10).await.unwrap(), book.changes.events);
    let part = Part { after: None, until: None, count: 10 };
    let audits_read = store.live().page::<Audit>(part).await.unwrap();
    assert_eq!(rows(audits_read.rows()), audits());
    for (name, operator) in operators() {
        let found = store.operator(&operator.fingerprint).await.unwrap().unwrap();
        assert_eq!((found.name, found.role, found.enabled), (name, operator.role, operator.enabled));
    }
    for kept in checkpoints() {
        let found = store.checkpoint(&kept.node, &kept.file).await.unwrap();
        assert_eq!(found, Some((kept.next_seq, kept.byte_length)));
    }
    for account in [alice(), bob()] {
        let found = store.blacklisted(account).await.unwrap().unwrap();
        assert_eq!(
            (found.number, &found.listed, found.registered),
            (account, &book.blacklist[&account], true)
        );
    }
}

fn rows<T>(kept: impl Iterator<Item = Kept<T>>) -> Vec<T> {
    kept.map(|kept| kept.row.unwrap()).collect()
}

#[tokio::test]
async fn rows_that_change_are_put_in_the_place_of_the_old() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path()).await;
    let mut book = full_book();
    save(&store, &book, 1).await;
    book.changes = crate::ledger::book::Changes {
        accounts: [alice()].into(),
        credentials: [bob()].into(),
        sessions: [SessionId(2)].into(),
        listed: [alice(), bob()].into(),
        operators: ["watcher".to_owned()].into(),
        certificates: [3].into(),
        ..Default::default()
    };
    book.accounts.insert(alice(), account(AccountState::Closed, None));
    book.credentials.insert(bob(), credential(9));
    book.sessions.insert(SessionId(2), session(2, Some(SessionEnd::Idle)));
    book.blacklist.remove(&alice());
    book.blacklist.insert(bob(), listed(3, None));
    book.operators.get_mut("watcher").unwrap().enabled = false;
    book.certificates.insert(3, Certificate { key: [9; 32], pem: String::new() });
    save(&store, &book, 2).await;
    let read = store.preview(&all_of(&book)).await.unwrap();
    assert_eq!(read, Book { changes: read.changes.clone(), ..book });
}

#[tokio::test]
async fn a_batch_is_found_by_its_id_where_it_was_committed() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path()).await;
    save(&store, &full_book(), 1).await;
    let mut transaction = store.begin().await.unwrap();
    let (book, head) = transaction.load(&Needs::default()).await.unwrap();
    transaction.save(&book, head, [2; 16], NOW).await.unwrap();
    transaction.rollback().await.unwrap();
    let mut transaction = store.begin().await.unwrap();
    let (book, head) = transaction.load(&Needs::default()).await.unwrap();
    transaction.save(&book, head, [3; 16], NOW).await.unwrap();
    // As when the connection is lost.
    drop(transaction);
    store.renew_writer().await.unwrap();
    for (batch, committed) in [(1, true), (2, false), (3, false), (4, false)] {
        assert_eq!(store.was_committed(&[batch; 16]).await.unwrap(), committed, "batch {batch}");
    }
}

#[tokio::test]
async fn a_transaction_that_was_left_open_is_never_gone_on_with() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path()).await;
    let mut left = store.begin().await.unwrap();
    let (book, head) = left.load(&Needs::default()).await.unwrap();
    left.save(&book, head, [1; 16], NOW).await.unwrap();
    drop(left);
    let failure = store.begin().await.map(drop).unwrap_err().failure;
    assert_eq!(failure, Failure::Retry);
    store.renew_writer().await.unwrap();
    assert!(!store.was_committed(&[1; 16]).await.unwrap());
    save(&store, &book, 2).await;
    assert!(store.was_committed(&[2; 16]).await.unwrap());
}

/// The tables of history and balances.
const SEALED: [&str; 4] = ["journal", "audit", "seal", "account"];

/// What somebody can do who has the database's password.
impl Store {
    pub(crate) async fn execute(&self, sql: &str) -> Result<(), DbErr> {
        self.writer.lock().await.execute_unprepared(sql).await.map(drop)
    }

    /// The first column of the first row, as text.
    pub(crate) async fn text(&self, sql: &str) -> Option<String> {
        let writer = self.writer.lock().await;
        let statement = Statement::from_string(writer.get_database_backend(), sql);
        let row = writer.query_one_raw(statement).await.unwrap()?;
        row.try_get_by_index(0).unwrap()
    }

    /// Keeps the tables of history and balances as they are.
    pub(crate) async fn keep_copies(&self) {
        for table in SEALED {
            self.execute(&format!("DROP TABLE IF EXISTS kept_{table}")).await.unwrap();
            self.execute(&format!("CREATE TABLE kept_{table} AS SELECT * FROM {table}")).await.unwrap();
        }
    }

    /// Makes them so again.
    pub(crate) async fn restore_copies(&self) {
        let mut sql = "BEGIN;".to_owned();
        for table in SEALED {
            sql += &format!("DELETE FROM {table}; INSERT INTO {table} SELECT * FROM kept_{table};");
        }
        self.execute(&(sql + "COMMIT")).await.unwrap();
    }
}
