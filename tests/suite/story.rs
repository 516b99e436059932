//! What the system is for, told once with its real programs: money in and out, a number guessed at until it
//! is on the blacklist, an operator who takes it off, and ledgers that tell the same story.

use crate::engines::on_each_engine;
use atm_rpc::client::CustomerError;
use atm_rpc::error::{Rejection, ServiceError, SessionEnd};
use atm_rpc::types::action::Action;
use atm_rpc::types::mobile::MobileNumber;
use atm_tests::bank::{self, rupees};
use atm_tests::csv::{self, BankRow, ClientRow};
use atm_tests::daemon::{Atmd, Options};
use atm_tests::process::{Outcome, mentions};
use atm_tests::servers::Database;
use atm_tests::wait::eventually;
use atm_tests::{link, process};

/// What atm-cli ends with where the bank says no.
const REJECTED: i32 = 1;

/// Runs a subcommand of atm-cli for a number and a PIN.
fn cli(atmd: &Atmd, command: &[&str], mobile: MobileNumber, pin: &str) -> Outcome {
    let number = mobile.full();
    let rest = ["--mobile", &number, "--pin-stdin", "-o", "json"];
    atmd.cli(&[command, &rest].concat(), &format!("{pin}\n"))
}

fn done(atmd: &Atmd, command: &[&str], mobile: MobileNumber) -> serde_json::Value {
    cli(atmd, command, mobile, bank::PIN).coded(0).json()
}

fn ctl(atmd: &Atmd, arguments: &[&str]) -> serde_json::Value {
    atmd.ctl(&[arguments, &["-o", "json"]].concat()).coded(0).json()
}

on_each_engine! { money_moves_guessing_ends_and_an_operator_helps }

async fn money_moves_guessing_ends_and_an_operator_helps(database: &Database) {
    let mut atmd = Atmd::start(&database.options(&Options::default()));
    let (alice, bob) = (bank::number(1), bank::number(2));
    for mobile in [alice, bob] {
        let _ = done(&atmd, &["register"], mobile);
    }
    let receipt = done(&atmd, &["deposit", "500.00"], alice);
    assert!(mentions(&receipt, "500.00"), "{receipt}");
    let receipt = done(&atmd, &["withdraw", "100.00"], alice);
    assert!(mentions(&receipt, "400.00"), "{receipt}");
    let balance = done(&atmd, &["balance"], alice);
    assert!(mentions(&balance, "400.00"), "{balance}");
    let _ = done(&atmd, &["deposit", "250.00"], bob);
    let _ = cli(&atmd, &["withdraw", "500.00"], alice, bank::PIN).coded(REJECTED);

    let mut live = link::logged_in(&atmd, alice).await;
    assert_eq!(live.balance().await.unwrap().posted, rupees(400));
    for _ in 0..5 {
        let _ = cli(&atmd, &["balance"], alice, bank::WRONG_PIN).coded(REJECTED);
    }
    let refused = live.deposit(atm_rpc::types::key::RequestKey::generate(), rupees(10)).await;
    assert!(is_blacklisted(&refused), "the live session goes on: {refused:?}");
    let _ = cli(&atmd, &["balance"], alice, bank::PIN).coded(REJECTED);
    let balance = done(&atmd, &["balance"], bob);
    assert!(mentions(&balance, "250.00"), "{balance}");

    let number = alice.full();
    let list = ctl(&atmd, &["blacklist", "list"]);
    assert!(mentions(&list, &number), "{list}");
    assert!(!mentions(&list, &bob.full()), "{list}");
    let shown = ctl(&atmd, &["blacklist", "show", &number]);
    assert!(mentions(&shown, &number), "{shown}");
    let removed = ctl(&atmd, &["blacklist", "remove", &number, "--reason", "seen in person"]);
    assert!(mentions(&removed, &number), "{removed}");
    let list = ctl(&atmd, &["blacklist", "list"]);
    assert!(!mentions(&list, &number), "{list}");
    let history = ctl(&atmd, &["blacklist", "history", &number]);
    assert!(mentions(&history, "seen in person"), "{history}");
    let balance = done(&atmd, &["balance"], alice);
    assert!(mentions(&balance, "400.00"), "{balance}");

    the_ledgers_tell_it(&atmd, alice, bob);
    the_log_tells_no_secrets(&atmd, alice);
    assert!(atmd.stop().success());
    atmd.restart();
    let balance = done(&atmd, &["balance"], alice);
    assert!(mentions(&balance, "400.00"), "{balance}");
}

fn is_blacklisted<T>(answer: &Result<T, CustomerError>) -> bool {
    matches!(
        answer,
        Err(CustomerError::Service(
            ServiceError::Rejected(Rejection::Blacklisted { until: None })
                | ServiceError::Unauthenticated(SessionEnd::Blacklisted)
        ))
    )
}

fn the_ledgers_tell_it(atmd: &Atmd, alice: MobileNumber, bob: MobileNumber) {
    let of = |rows: &[ClientRow], mobile: MobileNumber, action| {
        rows.iter().filter(|row| row.mobile == mobile.full() && row.action == action).count()
    };
    // Alice's last log-in is the newest entry.
    let rows = eventually("client.csv has the last log-in", || {
        let rows = csv::client(&atmd.client_csv())?;
        let last = rows.iter().rev().find(|row| row.action == Action::Unblacklisted);
        let since = last.map_or(0, |last| rows.iter().filter(|row| row.timestamp >= last.timestamp).count());
        if since > 1 { Ok(rows) } else { Err(format!("{} rows", rows.len())) }
    });
    for (mobile, action, count) in [
        (alice, Action::Registered, 1),
        (alice, Action::Deposit, 1),
        (alice, Action::Withdraw, 1),
        (alice, Action::AuthFailed, 5),
        (alice, Action::Blacklisted, 1),
        (alice, Action::Unblacklisted, 1),
        (bob, Action::Registered, 1),
        (bob, Action::Deposit, 1),
        (bob, Action::AuthFailed, 0),
        (bob, Action::Blacklisted, 0),
    ] {
        assert_eq!(of(&rows, mobile, action), count, "{action} {rows:#?}");
    }
    let moved: Vec<_> = rows
        .iter()
        .filter(|row| row.amount.is_some())
        .map(|row| (row.mobile.clone(), row.action, row.amount, row.user_balance, row.bank_balance))
        .collect();
    let row = |mobile: MobileNumber, action, amount, balance, vault| {
        (mobile.full(), action, Some(rupees(amount)), Some(rupees(balance)), Some(rupees(vault)))
    };
    let expected = [
        row(alice, Action::Deposit, 500, 500, 10_500),
        row(alice, Action::Withdraw, 100, 400, 10_400),
        row(bob, Action::Deposit, 250, 250, 10_650),
    ];
    assert_eq!(moved, expected);
    let vault = csv::continuous_bank(&atmd.bank_csv()).unwrap();
    let told = |row: &BankRow| (row.mobile.clone(), row.action, row.amount, row.bank_balance);
    let told: Vec<_> = vault.iter().map(told).collect();
    let (alice, bob) = (alice.full(), bob.full());
    assert_eq!(
        told,
        [
            (String::new(), Action::Opening, rupees(10_000), rupees(10_000)),
            (alice.clone(), Action::Deposit, rupees(500), rupees(10_500)),
            (alice, Action::Withdraw, rupees(100), rupees(10_400)),
            (bob, Action::Deposit, rupees(250), rupees(10_650)),
        ]
    );
}

fn the_log_tells_no_secrets(atmd: &Atmd, alice: MobileNumber) {
    let log = atmd.log();
    assert!(log.contains(&alice.masked()), "the log tells nothing of the customer:\n{log}");
    for secret in [alice.full().as_str(), bank::PIN, bank::WRONG_PIN] {
        assert!(!log.contains(secret), "{secret} is in the log:\n{log}");
    }
}

#[test]
fn a_daemon_that_is_asked_to_check_its_config_says_what_is_wrong() {
    let atmd = Atmd::start(&Options::default());
    let check = |set: &str| {
        let mut command = atmd.command(&["config", "check"]);
        command.args(["--set", set]);
        process::run(command, "")
    };
    let _ = check("limits.withdraw_max=6000.00").coded(0);
    let wrong = check("limits.withdraw_maximum=6000.00").coded(78);
    assert!(wrong.stderr.contains("withdraw_maximum"), "{wrong}");
}
