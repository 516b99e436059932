//! Histories of a few rows, and the entries that they become.

use super::*;
use crate::ledger::entry::Entry;
use atm_rpc::operator::legacy::DifferenceKind;
use atm_rpc::types::mobile::MobileNumber;
use atm_rpc::types::time::{BusinessDate, Timestamp};

const PIN: PinHash = PinHash { pepper: 1, memory_kib: 8, iterations: 1, salt: [7; 16], hash: [7; 32] };

fn now() -> Now {
    Now { at: Timestamp::from_ms(1_795_000_000_000), today: BusinessDate::from_days(20_775) }
}

/// A bank that was opened with 10,000.00, and nothing else.
fn bank() -> Book {
    let mut book = Book::default();
    for system in AccountId::SYSTEM {
        let account = crate::ledger::book::Account {
            posted: Money::ZERO,
            pending: Money::ZERO,
            state: atm_rpc::types::account::AccountState::Active,
            last_seq: None,
            opened_at: now().at,
        };
        book.accounts.insert(system, account);
    }
    let root = crate::ledger::request::NewOperator {
        id: 1,
        name: "root".into(),
        role: atm_rpc::operator::Role::Admin,
        fingerprint: [0; 32],
        created_at: now().at,
    };
    book.head.date = now().today;
    book.found(Money::from_minor(1_000_000), &root, now()).unwrap();
    book
}

/// `minute number action amount customer's-balance vault's-balance`, `-` for blank, amounts in whole units.
fn rows(text: &str) -> Vec<LegacyRow> {
    let rows = text.lines().map(str::trim).filter(|line| !line.is_empty()).enumerate();
    let row = rows.map(|(index, line)| {
        let [minute, number, action, amount, customer, vault] =
            line.split_whitespace().collect::<Vec<_>>().try_into().unwrap_or_else(|_| panic!("{line}"));
        let money = |text: &str| (text != "-").then(|| text.parse::<i64>().unwrap() * 100);
        LegacyRow {
            line: u64::try_from(index).unwrap() + 2,
            mobile: (number != "-").then(|| MobileNumber::parse(number).unwrap()),
            action: *Action::ALL.iter().find(|known| known.name() == action).unwrap(),
            amount_minor: money(amount),
            customer_balance_minor: money(customer),
            vault_balance_minor: money(vault),
            at: Timestamp::from_ms(minute.parse::<i64>().unwrap() * 60_000),
            session_started_at: None,
            elapsed_ms: None,
        }
    });
    row.collect()
}

fn rules() -> Rules {
    Rules { amount_max: Money::from_minor(100_000_000), ..crate::ledger::tests::rules() }
}

fn newcomers() -> Newcomers<'static> {
    Newcomers { pin: &PIN, actor: "root", masked: false }
}

fn imported(book: &mut Book, text: &str) -> LedgerImported {
    import(book, &rows(text), newcomers(), &rules(), now()).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// `action amount customer's-balance vault's-balance` of each entry but the bank's opening.
fn told(book: &Book) -> Vec<String> {
    let whole =
        |money: Option<Money>| money.map_or("-".to_owned(), |money| (money.minor() / 100).to_string());
    let line = |entry: &Entry| {
        let amount = whole(entry.transfer.map(|moved| moved.amount));
        let (customer, vault) = (whole(entry.customer_balance), whole(Some(entry.vault_balance)));
        format!("{} {amount} {customer} {vault}", entry.action)
    };
    book.changes.entries.iter().skip(1).map(line).collect()
}

/// What it is about, the history, the entries that it becomes, and what is told: what, the line, by how much.
struct History {
    about: &'static str,
    text: &'static str,
    entries: &'static [&'static str],
    told: &'static [(DifferenceKind, u64, i64)],
}

const fn history(
    about: &'static str,
    text: &'static str,
    entries: &'static [&'static str],
    told: &'static [(DifferenceKind, u64, i64)],
) -> History {
    History { about, text, entries, told }
}

const HISTORIES: &[History] = &[
    history(
        "a history that follows from the opening",
        "1 12345 registered - 0 10000
             2 12345 deposit 500 500 10500
             3 12345 withdraw 200 300 10300
             4 12345 exit - 300 10300",
        &["registered - 0 10000", "deposit 500 500 10500", "withdraw 200 300 10300", "exit - 300 10300"],
        &[],
    ),
    history(
        "a customer and a vault that began before the file does",
        "1 12345 withdraw 100 400 24900",
        &["opening 15000 - 25000", "registered - 0 25000", "opening 500 500 25000", "withdraw 100 400 24900"],
        &[],
    ),
    history(
        "a bank that was opened with less",
        "1 12345 deposit 100 100 600",
        &["opening 9500 - 500", "registered - 0 500", "deposit 100 100 600"],
        &[],
    ),
    history(
        "the bank's balance jumps",
        "1 12345 deposit 100 100 10100
             2 12345 deposit 100 200 12200
             3 12345 deposit 100 300 10300",
        &[
            "registered - 0 10000",
            "deposit 100 100 10100",
            "correction 2000 - 12100",
            "deposit 100 200 12200",
            "correction 2000 - 10200",
            "deposit 100 300 10300",
        ],
        &[(DifferenceKind::BankBalance, 3, 200_000), (DifferenceKind::BankBalance, 4, -200_000)],
    ),
    history(
        "a customer's balance jumps, blank fields follow",
        "1 12345 deposit 100 100 -
             2 12345 deposit 100 - -
             3 12345 deposit 100 250 10300",
        &[
            "registered - 0 10000",
            "deposit 100 100 10100",
            "deposit 100 200 10200",
            "correction 50 150 10200",
            "deposit 100 250 10300",
        ],
        &[(DifferenceKind::CustomerBalance, 4, -5_000)],
    ),
    history(
        "a customer who was below zero for a while",
        "1 12345 deposit 100 100 10100
             2 12345 withdraw 150 -50 9950
             3 12345 deposit 100 50 10050",
        &[
            "registered - 0 10000",
            "deposit 100 100 10100",
            "correction 50 150 10100",
            "withdraw 150 0 9950",
            "deposit 100 100 10050",
            "correction 50 50 10050",
        ],
        &[(DifferenceKind::BelowZero, 3, 5_000), (DifferenceKind::BelowZero, 4, 0)],
    ),
    history(
        "a file without customers' balances that begins with a withdrawal",
        "1 12345 withdraw 100 - 9900",
        &["registered - 0 10000", "correction 100 100 10000", "withdraw 100 0 9900"],
        &[(DifferenceKind::BelowZero, 2, 10_000)],
    ),
    history(
        "strangers become customers when they are registered, or never",
        "1 12345 auth_failed - - -
             2 12345 login - - -
             3 12345 registered - - -
             4 99999 auth_failed - - -
             5 12345 login - 0 10000
             6 12345 registered - 0 10000",
        &[
            "auth_failed - - 10000",
            "login - - 10000",
            "registered - 0 10000",
            "auth_failed - - 10000",
            "login - 0 10000",
        ],
        &[(DifferenceKind::Registered, 7, 0)],
    ),
    history(
        "what a second registration says of balances is followed, too",
        "1 12345 registered - 0 10000
             2 12345 deposit 5 5 10005
             3 12345 registered - 700 12000",
        &["registered - 0 10000", "deposit 5 5 10005", "correction 1995 - 12000", "correction 695 700 12000"],
        &[
            (DifferenceKind::Registered, 4, 0),
            (DifferenceKind::BankBalance, 4, 199_500),
            (DifferenceKind::CustomerBalance, 4, 69_500),
        ],
    ),
    history(
        "a customer whom the file never registers",
        "1 12345 login - - -
             2 12345 deposit 0 0 10000",
        &["registered - 0 10000", "login - 0 10000", "deposit - 0 10000"],
        &[],
    ),
    history(
        "our own ledgers: the bank's opening, and money between customers",
        "1 - opening 10000 - 10000
             2 12345 registered - 0 10000
             3 12345 opening 50 50 10000
             4 12345 transfer_out 20 30 10000
             5 54321 transfer_in 20 20 10000",
        &[
            "opening 10000 - 0",
            "opening 10000 - 10000",
            "registered - 0 10000",
            "opening 50 50 10000",
            "transfer_out 20 30 10000",
            "registered - 0 10000",
            "transfer_in 20 20 10000",
        ],
        &[],
    ),
];

#[test]
fn what_follows_is_as_it_was_and_what_does_not_has_an_entry_ahead_of_it() {
    for History { about: what, text, entries, told: differences } in HISTORIES {
        let mut book = bank();
        let imported = imported(&mut book, text);
        assert_eq!(told(&book), *entries, "{what}");
        let found: Vec<_> =
            imported.differences.iter().map(|one| (one.what, one.line, one.corrected_minor)).collect();
        assert_eq!(found, *differences, "{what}");
        let owed: i64 = book
            .accounts
            .iter()
            .filter(|(id, _)| **id != AccountId::VAULT)
            .map(|(_, a)| a.posted.minor())
            .sum();
        assert_eq!(owed, book.head.vault.minor(), "debits and credits: {what}");
        assert_eq!(imported.entries, u64::try_from(entries.len()).unwrap(), "{what}");
    }
}

#[test]
fn entries_keep_their_times_and_the_order_of_rows_on_one_business_date() {
    let mut book = bank();
    let _ = imported(
        &mut book,
        "5 12345 deposit 1 1 10001\n 3 12345 deposit 1 2 10002\n 4 54321 deposit 1 1 10003",
    );
    let entries = &book.changes.entries[1..];
    let minutes: Vec<i64> = entries.iter().map(|entry| entry.recorded_at.ms() / 60_000).collect();
    assert_eq!(minutes, [5, 5, 3, 4, 4]);
    assert!(entries.iter().all(|entry| entry.business_date == now().today));
    assert!(book.changes.entries.iter().zip(1..).all(|(entry, seq)| entry.seq.0 == seq));
}

#[test]
fn sessions_are_told_apart_by_customer_and_start() {
    let mut book = bank();
    let mut history = rows(
        "10 12345 login - 0 10000\n 11 54321 login - 0 10000\n 12 12345 deposit 5 5 10005\n 13 54321 exit - 0 10005\n 20 12345 login - 5 10005",
    );
    for (row, start) in history.iter_mut().zip([10, 11, 10, 11, 20]) {
        row.session_started_at = Some(Timestamp::from_ms(start * 60_000));
    }
    history[2].elapsed_ms = Some(119_990);
    let _ = import(&mut book, &history, newcomers(), &rules(), now()).unwrap();
    let sessions: Vec<_> = book
        .changes
        .entries
        .iter()
        .filter_map(|entry| entry.session.map(|session| (session.id.0, session.elapsed_ms)))
        .collect();
    assert_eq!(sessions, [(1, 0), (2, 0), (1, 119_990), (2, 120_000), (3, 0)]);
    let ends: Vec<_> = book.sessions.values().map(|session| session.ended.unwrap()).collect();
    let minute = |minute: i64| Timestamp::from_ms(minute * 60_000);
    use atm_rpc::error::SessionEnd::{Exited, Idle};
    assert_eq!(ends, [(minute(12), Idle), (minute(13), Exited), (minute(20), Idle)]);
    let tokens: std::collections::HashSet<_> = book.sessions.values().map(|session| session.token).collect();
    assert_eq!(tokens.len(), 3);
}

#[test]
fn who_was_blacklisted_last_still_is_and_every_customer_has_a_pin_that_nobody_knows() {
    let mut book = bank();
    let imported = imported(
        &mut book,
        "1 12345 registered - 0 10000\n 2 12345 blacklisted - 0 10000\n 3 54321 blacklisted - - -\n 4 54321 unblacklisted - - -\n 5 11111 login - - -",
    );
    let number = |text: &str| AccountId::of(MobileNumber::parse(text).unwrap());
    assert_eq!((imported.customers, imported.blacklisted), (2, 1));
    assert_eq!(book.blacklist.keys().copied().collect::<Vec<_>>(), [number("12345")]);
    assert_eq!(book.changes.events.len(), 1);
    let pins: Vec<_> =
        ["12345", "11111"].iter().map(|text| book.credentials[&number(text)].pin.salt).collect();
    assert_ne!(pins[0], pins[1]);
}

#[test]
fn a_bank_with_a_history_and_rows_that_cannot_be_are_refused_without_effect() {
    let huge = i64::MAX / 100;
    let table = [
        ("1 12345 correction 5 5 -".to_owned(), LegacyFault::Action),
        ("1 12345 closed - 0 -".to_owned(), LegacyFault::Action),
        ("1 - deposit 5 - -".to_owned(), LegacyFault::Customer),
        ("1 12345 deposit 1000001 - -".to_owned(), LegacyFault::Amount),
        ("1 12345 deposit -1 - -".to_owned(), LegacyFault::Amount),
        ("1 12345 login 5 - -".to_owned(), LegacyFault::Unmoved),
        ("1 12345 login - - -\n 29916667 12345 exit - - -".to_owned(), LegacyFault::Time),
        (format!("1 12345 deposit 5 {huge} -\n 2 54321 deposit 5 {huge} -"), LegacyFault::Balance),
        (format!("1 12345 opening {huge} - -\n 2 54321 opening {huge} - -"), LegacyFault::Balance),
    ];
    let just_now = "29916666 12345 login - - -";
    assert_eq!(imported(&mut bank(), just_now).entries, 2, "the last minute is none that is still to come");
    for (text, fault) in table {
        let mut book = bank();
        let before = book.clone();
        let error = import(&mut book, &rows(&text), newcomers(), &rules(), now()).unwrap_err();
        let line = u64::try_from(text.lines().count()).unwrap() + 1;
        assert_eq!(error, refused(line, fault), "{text}");
        assert_eq!(book, before, "{text}");
    }
    let mut book = bank();
    let _ = imported(&mut book, "1 12345 login - - -");
    let again = import(&mut book, &rows("1 54321 login - - -"), newcomers(), &rules(), now());
    assert_eq!(again, Err(ServiceError::Conflict(Conflict::NotFresh { entries: 3 })));
    // One that was opened without money has no entry for that: its first is a customer's.
    let mut book = Book { head: crate::ledger::book::Head { seq: 1, ..bank().head }, ..Book::default() };
    book.head.vault = Money::ZERO;
    let refused = import(&mut book, &rows("1 54321 login - - -"), newcomers(), &rules(), now());
    assert_eq!(refused, Err(ServiceError::Conflict(Conflict::NotFresh { entries: 1 })));
}
