//! `atmctl ledger`: a bank that was left alone verifies, also while customers move money; what another hand changed
//! is named; and ledgers are written anew where they differ.

use crate::engines::on_each_engine;
use atm_rpc::error::{BadRequest, ServiceError};
use atm_rpc::operator::ledger::{Check, JobEnd, JobNews, JobStart};
use atm_rpc::operator::{Capability, Mode, Narrow, OperatorClient};
use atm_rpc::types::account::AccountId;
use atm_rpc::types::key::RequestKey;
use atm_tests::bank::{self, rupees};
use atm_tests::books::Books;
use atm_tests::daemon::{Atmd, Options};
use atm_tests::link;
use atm_tests::process::{self, Outcome};
use atm_tests::servers::{Database, Engine};
use atm_tests::wait::{self, eventually};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use sqlx::{Connection, SqliteConnection};
use std::fs;
use std::process::Stdio;
use tokio::task::JoinSet;

/// The exit code of a finding.
const FINDING: i32 = 3;

on_each_engine! {
    a_bank_verifies_while_customers_move_money,
    what_another_hand_changed_is_named,
    an_end_that_was_cut_off_is_found_by_a_head_from_the_log,
}

/// Runs `atmctl ledger` with rows as JSON.
fn ledger(atmd: &Atmd, arguments: &[&str]) -> Outcome {
    tokio::task::block_in_place(|| atmd.ctl(&[&["ledger"], arguments, &["-o", "json"]].concat()))
}

/// The rows of a command that ended with that code.
fn rows(outcome: Outcome, code: i32) -> Vec<Value> {
    let outcome = outcome.coded(code);
    let printed: Value = serde_json::from_str(&outcome.stdout).unwrap_or_else(|e| panic!("{e}: {outcome}"));
    printed["data"].as_array().unwrap_or_else(|| panic!("{outcome}")).clone()
}

/// Check and place of each finding.
fn findings(outcome: Outcome) -> Vec<String> {
    let text = |row: &Value, field: &str| row[field].as_str().unwrap().to_owned();
    rows(outcome, FINDING).iter().map(|row| text(row, "check") + " " + &text(row, "place")).collect()
}

/// The seal that history ended with, as the command tells it.
fn head(outcome: &Outcome) -> String {
    let told = outcome.stderr.lines().find_map(|line| line.split_once("history ends at seal "));
    told.unwrap_or_else(|| panic!("{outcome}")).1.to_owned()
}

/// Runs a statement as somebody who has the database's password. atmd goes on all the while.
async fn execute(atmd: &Atmd, database: &Database, sql: &str) {
    if database.engine() == Engine::Sqlite {
        let url = format!("sqlite://{}", atmd.config().database.path.display());
        let mut connection = SqliteConnection::connect(&url).await.unwrap();
        sqlx::raw_sql(sqlx::AssertSqlSafe(sql.to_owned())).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    } else {
        let _ = tokio::task::block_in_place(|| database.sql(sql));
    }
}

async fn deposits(atmd: &Atmd, customer: u32, count: u32) {
    let mut session = link::logged_in(atmd, bank::number(customer)).await;
    for _ in 0..count {
        session.deposit(RequestKey::generate(), rupees(10)).await.unwrap();
    }
}

async fn a_bank_verifies_while_customers_move_money(database: &Database) {
    let atmd = Atmd::start(&database.options(&Options::default()));
    assert_eq!(rows(ledger(&atmd, &["verify"]), 0), Vec::<Value>::new(), "a bank without customers");
    let mut sessions = JoinSet::new();
    for customer in 0..8 {
        link::register(&atmd, bank::number(customer)).await;
        let mut session = link::logged_in(&atmd, bank::number(customer)).await;
        sessions.spawn(async move {
            loop {
                session.deposit(RequestKey::generate(), rupees(200)).await.unwrap();
                session.withdraw(RequestKey::generate(), rupees(100)).await.unwrap();
            }
        });
    }
    for _ in 0..4 {
        let verified = ledger(&atmd, &["verify"]);
        assert_eq!(rows(verified.clone(), 0), Vec::<Value>::new(), "{verified}");
        assert!(verified.stderr.contains(" accounts and "), "{verified}");
        assert!(sessions.try_join_next().is_none(), "a customer was sent away");
    }
    sessions.shutdown().await;
    let verified = ledger(&atmd, &["verify"]);
    assert_eq!(rows(verified.clone(), 0), Vec::<Value>::new(), "{verified}");
}

async fn what_another_hand_changed_is_named(database: &Database) {
    let atmd = Atmd::start(&database.options(&Options::default()));
    let alice = bank::number(1);
    link::register(&atmd, alice).await;
    deposits(&atmd, 1, 3).await;
    let _ = tokio::task::block_in_place(|| {
        atmd.ctl(&["blacklist", "add", &bank::number(9).full(), "--reason", "a test"]).coded(0)
    });
    // What is changed before it is written to the ledgers is written changed.
    tokio::task::block_in_place(|| {
        eventually("bank.csv has its header, the opening and three deposits", || {
            let text = fs::read_to_string(atmd.bank_csv()).unwrap_or_default();
            if text.lines().count() == 5 { Ok(()) } else { Err(text) }
        });
    });
    let account = AccountId::of(alice).raw();
    let number = format!("account account {}", alice.full());
    // Entries: the opening, a registration, a log-in, three deposits.
    let table = [
        (
            "UPDATE journal SET amount_minor = amount_minor + 1 WHERE seq = 5".to_owned(),
            "UPDATE journal SET amount_minor = amount_minor - 1 WHERE seq = 5".to_owned(),
            vec!["row_hash journal 5", "vault_balance journal 5", "ledger bank.csv line 4, byte 185"],
        ),
        (
            "UPDATE journal SET seq = 500 WHERE seq = 5".to_owned(),
            "UPDATE journal SET seq = 5 WHERE seq = 500".to_owned(),
            vec!["row_missing journal 5", "row_unsealed journal 500"],
        ),
        (
            "UPDATE audit SET arguments = 'number=1' WHERE id = 1".to_owned(),
            format!(
                "UPDATE audit SET arguments = 'number={} until=for good' WHERE id = 1",
                bank::number(9).masked()
            ),
            vec!["row_hash audit 1"],
        ),
        (
            "UPDATE seal SET vault_balance_minor = vault_balance_minor + 5 WHERE id = 3".to_owned(),
            "UPDATE seal SET vault_balance_minor = vault_balance_minor - 5 WHERE id = 3".to_owned(),
            vec!["seal_hash seal 3", "seal_vault seal 3"],
        ),
        (
            format!("UPDATE account SET posted_minor = posted_minor + 100 WHERE id = {account}"),
            format!("UPDATE account SET posted_minor = posted_minor - 100 WHERE id = {account}"),
            vec![number.as_str(), "books books"],
        ),
    ];
    for (change, undo, expected) in table {
        execute(&atmd, database, &change).await;
        let found = findings(ledger(&atmd, &["verify"]));
        for place in expected {
            assert!(found.iter().any(|found| found == place), "{change}: {place} is not in {found:#?}");
        }
        execute(&atmd, database, &undo).await;
        let verified = ledger(&atmd, &["verify"]);
        assert_eq!(rows(verified.clone(), 0), Vec::<Value>::new(), "{undo}: {verified}");
    }
}

async fn an_end_that_was_cut_off_is_found_by_a_head_from_the_log(database: &Database) {
    let mut atmd = Atmd::start(&database.options(&Options::default()));
    link::register(&atmd, bank::number(1)).await;
    deposits(&atmd, 1, 1).await;
    let before = ledger(&atmd, &["verify"]).coded(0);
    // It leaves a row in the audit log, in a batch of its own.
    let rebuilt = rows(ledger(&atmd, &["rebuild"]), 0);
    assert!(rebuilt.iter().all(|ledger| ledger["changed"] == false), "{rebuilt:?}");
    let after = ledger(&atmd, &["verify"]).coded(0);
    let (before, after) = (head(&before), head(&after));
    let id = |head: &str| head.split(':').next().unwrap().to_owned();
    assert!(tokio::task::block_in_place(|| atmd.log()).contains("seal head"));
    let cut = format!("DELETE FROM seal WHERE id > {}; DELETE FROM audit WHERE id > 0", id(&before));
    execute(&atmd, database, &cut).await;
    let lost = [format!("seal_head seal {}", id(&after))];
    assert_eq!(findings(ledger(&atmd, &["verify"])), lost, "atmd remembers what it sealed");
    tokio::task::block_in_place(|| atmd.restart());
    assert_eq!(rows(ledger(&atmd, &["verify"]), 0), Vec::<Value>::new(), "what is left is whole in itself");
    assert_eq!(findings(ledger(&atmd, &["verify", "--head", &after])), lost);
    assert_eq!(rows(ledger(&atmd, &["verify", "--head", &before]), 0), Vec::<Value>::new());
    let _ = ledger(&atmd, &["verify", "--head", "nonsense"]).coded(2);
}

async fn narrowed(atmd: &Atmd, mode: Mode, capabilities: &[Capability]) -> OperatorClient {
    let operator = link::operator(atmd).await;
    let to = Narrow {
        mode,
        command: "ledger verify".into(),
        capabilities: capabilities.to_vec(),
        plugin: None,
        ttl_ms: 60_000,
    };
    operator.narrow(link::patient(), to).await.unwrap().unwrap();
    operator
}

/// News of a job at its end.
async fn ended(operator: &OperatorClient) -> JobNews {
    loop {
        let news = operator.job_news(link::patient(), 0).await.unwrap().unwrap();
        if news.end.is_some() {
            return news;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_right_is_needed_and_numbers_are_masked() {
    let atmd = Atmd::start(&Options::default());
    let alice = bank::number(1);
    link::register(&atmd, alice).await;
    // The ledgers have all there is, and nothing comes after it.
    let _ = ledger(&atmd, &["verify"]).coded(0);
    let database = Engine::Sqlite.database().unwrap();
    let account = AccountId::of(alice).raw();
    execute(&atmd, &database, &format!("UPDATE account SET posted_minor = 7 WHERE id = {account}")).await;
    // As long as it was: atmd itself notices where a file is shorter or longer, and puts it right.
    let whole = fs::read_to_string(atmd.client_csv()).unwrap();
    fs::write(atmd.client_csv(), whole.replace("registered", "REGISTERED")).unwrap();
    for (capabilities, shown) in [
        (&[Capability::LedgerRead][..], alice.masked()),
        (&[Capability::LedgerRead, Capability::AccountsPii][..], alice.full()),
    ] {
        let operator = narrowed(&atmd, Mode::Read, capabilities).await;
        assert_eq!(operator.ledger_verify(link::patient(), None).await.unwrap(), Ok(JobStart::Begun));
        let news = ended(&operator).await;
        let place = format!("account {shown}");
        let of = |check| news.findings.iter().find(|finding| finding.check == check).unwrap();
        assert_eq!(of(Check::Account).place, place);
        assert_eq!(of(Check::Ledger).found.is_some(), capabilities.len() > 1, "{:?}", news.findings);
        let printed = format!("{:?}", news.findings);
        assert_eq!(printed.contains(&alice.full()), capabilities.len() > 1, "{printed}");
        let forbidden = Err(ServiceError::Forbidden(Capability::DaemonControl));
        assert_eq!(operator.ledger_rebuild(link::patient()).await.unwrap(), forbidden);
        assert!(!operator.job_cancel(link::patient()).await.unwrap().unwrap(), "it had ended");
        assert_eq!(operator.job_news(link::patient(), 0).await.unwrap(), Err(ServiceError::NotFound));
    }
    let blind = narrowed(&atmd, Mode::Change, &[Capability::DaemonControl]).await;
    let forbidden = Err(ServiceError::Forbidden(Capability::LedgerRead));
    assert_eq!(blind.ledger_verify(link::patient(), None).await.unwrap(), forbidden);
    let reads = narrowed(&atmd, Mode::Read, Capability::ALL).await;
    assert_eq!(reads.ledger_rebuild(link::patient()).await.unwrap(), Err(ServiceError::ReadOnly));
    let head = Some("1:00".to_owned());
    let bad = Err(ServiceError::BadRequest(BadRequest::SealHead));
    assert_eq!(reads.ledger_verify(link::patient(), head).await.unwrap(), bad);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_job_at_a_time_that_ends_with_whoever_began_it() {
    let Some(database) = tokio::task::block_in_place(|| Engine::PostgreSql.database()) else { return };
    let atmd = Atmd::start(&database.options(&Options::default()));
    // Nobody reads the accounts until this is over.
    let mut lock = tokio::task::block_in_place(|| database.session());
    let _ = tokio::task::block_in_place(|| lock.run("BEGIN; LOCK TABLE account IN ACCESS EXCLUSIVE MODE;"));
    let mut command = atmd.ctl_command(&["ledger", "verify"]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut first = command.spawn().unwrap();
    let log = |text: &str| {
        let there = || if atmd.log().contains(text) { Ok(()) } else { Err(atmd.log()) };
        tokio::task::block_in_place(|| eventually(text, there));
    };
    log("a job began");
    let second = ledger(&atmd, &["verify"]).coded(75);
    assert!(second.stderr.contains("root began ledger_verify"), "{second}");
    kill_process(Pid::from_child(&first), Signal::INT).unwrap();
    let status = tokio::task::block_in_place(|| wait::exit(&mut first, wait::PATIENCE));
    process::end(&mut first);
    assert_eq!(status.and_then(|status| status.code()), Some(130));
    log("a verification was ended before its end");
    let _ = tokio::task::block_in_place(|| lock.run("ROLLBACK;"));
    assert_eq!(rows(ledger(&atmd, &["verify"]), 0), Vec::<Value>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_that_differs_is_written_anew() {
    let mut atmd = Atmd::start(&Options::default());
    link::register(&atmd, bank::number(1)).await;
    deposits(&atmd, 1, 20).await;
    let _ = ledger(&atmd, &["verify"]).coded(0);
    let path = atmd.bank_csv();
    let whole = fs::read_to_string(&path).unwrap();
    let edited = whole.replacen(",10.00,", ",99.00,", 1);
    assert_ne!(edited, whole);
    let table = [
        ("deleted", None),
        ("edited in the middle", Some(edited)),
        ("truncated", Some(whole[..whole.len() / 2].to_owned())),
        ("extended", Some(whole.clone() + "0700000001,deposit,1.00,1.00,2026-11-22T00:00:00.000Z\n")),
        ("another file", Some("nothing of ours".into())),
    ];
    for (what, text) in table {
        // As long as something is still committed, what has another length is mended without being asked.
        let tried = tokio::task::block_in_place(|| {
            eventually("atmd is at rest", || {
                match &text {
                    Some(text) => fs::write(&path, text).unwrap(),
                    None => fs::remove_file(&path).unwrap(),
                }
                let tried = rows(ledger(&atmd, &["rebuild", "--dry-run"]), 0);
                if tried[1]["changed"] == true { Ok(tried) } else { Err(format!("{what}: {tried:?}")) }
            })
        });
        assert_eq!(tried[1]["file"], "bank.csv", "{what}");
        assert_eq!((&tried[0]["changed"], &tried[1]["dry_run"]), (&false.into(), &true.into()), "{what}");
        assert_eq!(fs::read_to_string(&path).ok(), text, "{what}: a dry run touches nothing");
        let rebuilt = rows(ledger(&atmd, &["rebuild"]), 0);
        assert_eq!(rebuilt[0]["changed"], false, "{what}");
        assert_eq!(rebuilt[1]["changed"], true, "{what}");
        assert_eq!(rebuilt[1]["bytes"], whole.len().to_string(), "{what}");
        assert_eq!(rebuilt[1]["rows"], (whole.lines().count() - 1).to_string(), "{what}");
        assert_eq!(fs::read_to_string(&path).unwrap(), whole, "{what}");
        let kept = rebuilt[1]["kept_as"].as_str().map(|kept| fs::read_to_string(kept).unwrap());
        assert_eq!(kept, text, "{what}: nothing is destroyed");
        let again = rows(ledger(&atmd, &["rebuild"]), 0);
        assert!(again.iter().all(|ledger| ledger["changed"] == false), "{what}: {again:?}");
        let _ = ledger(&atmd, &["verify"]).coded(0);
    }
    // What comes after is appended, to the new file.
    deposits(&atmd, 1, 3).await;
    let operator = link::operator(&atmd).await;
    let begun = operator.ledger_rebuild(link::patient()).await.unwrap();
    assert_eq!(begun, Ok(JobStart::Begun));
    let Some(JobEnd::Rebuilt(ledgers)) = ended(&operator).await.end else { panic!("it was a rebuild") };
    assert!(ledgers.iter().all(|ledger| !ledger.changed), "{ledgers:?}");
    drop(operator);
    assert!(tokio::task::block_in_place(|| atmd.stop()).success());
    let books = Books::of(&atmd.config()).await;
    assert!(books.entries.len() > 24);
    let store = atm_tests::books::store(&atmd.config()).await;
    let audit = store.audit_log().await.unwrap();
    store.close().await.unwrap();
    let results: Vec<&str> = audit.iter().map(|(_, result)| result.as_str()).collect();
    assert_eq!(results[..3], ["begun: bank.csv", "done: bank.csv", "unchanged"], "{audit:?}");
    assert!(audit.iter().all(|(method, _)| method == "ledger_rebuild"), "{audit:?}");
    assert_eq!(results.len(), 5 * 3 + 1, "a dry run leaves no row");
}
