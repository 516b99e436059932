//! The CSV ledgers are what the journal gives, whatever is done to the files: what is whole is kept, what is
//! foreign is moved aside and never lost, and nobody waits for them.

use atm_rpc::client::Customer;
use atm_rpc::types::key::RequestKey;
use atm_tests::bank::{self, rupees};
use atm_tests::books::{self, Books};
use atm_tests::daemon::{Atmd, Options};
use atm_tests::link;
use atm_tests::need::need;
use atm_tests::wait::eventually;
use atmd::calendar::Calendar;
use atmd::clock::Clock;
use atmd::config::Config;
use atmd::csv::render::Ledger;
use atmd::ledger::Rules;
use atmd::ledger::request::{Checkpoint, Request};
use atmd::writer::{Bounds, Context, Writer};
use std::fs;
use std::path::{Path, PathBuf};

const GARBAGE: &[u8] = b"\xff\xfe\0\x1b[2Jnot a row";
const TORN: &str = "torn";
const SHORT: &str = "short";

type Aside = Option<(&'static str, Vec<u8>)>;

/// What happened to a ledger while atmd was down.
#[derive(Clone, Copy, Debug)]
struct Wound {
    what: &'static str,
    /// How much of the file is behind its checkpoint.
    behind: Behind,
    inflict: fn(&Path, &[u8]),
    /// What is moved aside, given the file as it should be: under which name, and its bytes.
    aside: fn(&[u8]) -> Aside,
}

#[derive(Clone, Copy, Debug)]
enum Behind {
    /// The checkpoint is at the end.
    Nothing,
    /// It is before so many rows.
    Rows(usize),
    /// There is none yet.
    Everything,
}

fn write(file: &Path, parts: &[&[u8]]) {
    fs::write(file, parts.concat()).unwrap();
}

/// The last row, and what is before it.
fn last_row(whole: &[u8]) -> (&[u8], &[u8]) {
    let begin = whole[..whole.len() - 1].iter().rposition(|byte| *byte == b'\n').unwrap() + 1;
    whole.split_at(begin)
}

fn half_a_row(whole: &[u8]) -> &[u8] {
    let (_, row) = last_row(whole);
    &row[..row.len() / 2]
}

fn without_half_a_row(whole: &[u8]) -> &[u8] {
    &whole[..whole.len() - half_a_row(whole).len()]
}

/// A file that goes on otherwise from the last row on, and is longer.
fn goes_on_otherwise(whole: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let (before, row) = last_row(whole);
    let mut other = row.to_vec();
    other[row.len() / 2] ^= 1;
    let tail = [&other, row].concat();
    ([before, &tail].concat(), tail)
}

const WOUNDS: &[Wound] = &[
    Wound { what: "nothing", behind: Behind::Nothing, inflict: |_, _| {}, aside: |_| None },
    Wound {
        what: "rows behind the checkpoint",
        behind: Behind::Rows(5),
        inflict: |_, _| {},
        aside: |_| None,
    },
    Wound { what: "no checkpoint yet", behind: Behind::Everything, inflict: |_, _| {}, aside: |_| None },
    Wound {
        what: "half a row at the end",
        behind: Behind::Nothing,
        inflict: |file, whole| write(file, &[whole, half_a_row(whole)]),
        aside: |whole| Some((TORN, half_a_row(whole).to_vec())),
    },
    Wound {
        what: "garbage at the end",
        behind: Behind::Rows(3),
        inflict: |file, whole| write(file, &[whole, GARBAGE]),
        aside: |_| Some((TORN, GARBAGE.to_vec())),
    },
    Wound {
        what: "a row cut in two behind the checkpoint",
        behind: Behind::Rows(3),
        inflict: |file, whole| write(file, &[without_half_a_row(whole)]),
        aside: |whole| Some((TORN, last_row(without_half_a_row(whole)).1.to_vec())),
    },
    Wound {
        what: "a whole row missing behind the checkpoint",
        behind: Behind::Rows(3),
        inflict: |file, whole| write(file, &[last_row(whole).0]),
        aside: |_| None,
    },
    Wound {
        what: "zeros behind the checkpoint, as a crash leaves them",
        behind: Behind::Rows(1),
        inflict: |file, whole| write(file, &[last_row(whole).0, &vec![0; last_row(whole).1.len()]]),
        aside: |whole| Some((TORN, vec![0; last_row(whole).1.len()])),
    },
    Wound {
        what: "another file in its place, longer and with another tail",
        behind: Behind::Rows(2),
        inflict: |file, whole| {
            let fresh = file.with_extension("fresh");
            write(&fresh, &[&goes_on_otherwise(whole).0]);
            fs::rename(fresh, file).unwrap();
        },
        aside: |whole| Some((TORN, goes_on_otherwise(whole).1)),
    },
    Wound {
        what: "garbage where there is no checkpoint yet",
        behind: Behind::Everything,
        inflict: |file, _| write(file, &[GARBAGE]),
        aside: |_| Some((TORN, GARBAGE.to_vec())),
    },
    Wound {
        what: "cut off before the checkpoint",
        behind: Behind::Nothing,
        inflict: |file, whole| write(file, &[without_half_a_row(whole)]),
        aside: |whole| Some((SHORT, without_half_a_row(whole).to_vec())),
    },
    Wound { what: "empty", behind: Behind::Nothing, inflict: |file, _| write(file, &[]), aside: |_| None },
    Wound {
        what: "gone",
        behind: Behind::Nothing,
        inflict: |file, _| fs::remove_file(file).unwrap(),
        aside: |_| None,
    },
];

/// A bank with a short history.
async fn bank() -> (Atmd, Customer) {
    let atmd = Atmd::start(&Options::default());
    link::register(&atmd, bank::number(1)).await;
    let mut customer = link::logged_in(&atmd, bank::number(1)).await;
    for _ in 0..8 {
        deposit(&mut customer).await;
    }
    (atmd, customer)
}

async fn deposit(customer: &mut Customer) {
    let _ = customer.deposit(RequestKey::generate(), rupees(12)).await.unwrap();
}

fn file(atmd: &Atmd, ledger: Ledger) -> PathBuf {
    match ledger {
        Ledger::Client => atmd.client_csv(),
        Ledger::Bank => atmd.bank_csv(),
    }
}

/// What was moved aside of a ledger: each file's name and bytes.
fn aside(atmd: &Atmd, ledger: Ledger) -> Vec<(String, Vec<u8>)> {
    let prefix = format!("{}.", ledger.file_name());
    let folder = fs::read_dir(atmd.data().join("ledger")).unwrap();
    let names = folder.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let names = names.filter(|name| name.starts_with(&prefix));
    names.map(|name| (name.clone(), fs::read(atmd.data().join("ledger").join(name)).unwrap())).collect()
}

/// Sets a stopped atmd's checkpoint of a ledger so that so much is behind it.
async fn set_checkpoint(atmd: &Atmd, books: &Books, ledger: Ledger, behind: Behind) {
    let has_row = |last: usize| {
        let mut row = String::new();
        ledger.render(&books.entries[last], atm_rpc::types::money::Currency::INR, &mut row);
        row.len()
    };
    let (mut entries, mut length) = (books.entries.len(), books.rendered(ledger).len());
    match behind {
        Behind::Nothing => {}
        Behind::Everything => (entries, length) = (0, 0),
        Behind::Rows(mut rows) => {
            while rows > 0 {
                entries -= 1;
                length -= has_row(entries);
                rows -= usize::from(has_row(entries) > 0);
            }
        }
    }
    let checkpoint = Checkpoint {
        node: "local".into(),
        file: ledger.file_name().into(),
        next_seq: i64::try_from(entries + 1).unwrap(),
        byte_length: i64::try_from(length).unwrap(),
    };
    submit(&atmd.config(), Request::Checkpoint(checkpoint)).await;
}

/// Does something to a stopped bank.
async fn submit(config: &Config, request: Request) {
    let store = books::store(config).await;
    let calendar = Calendar::new(config.bank.timezone.clone(), config.bank.cutover_time);
    let context = Context { store: store.clone(), rules: no_rules().into(), calendar, clock: Clock::System };
    let (writer, ended) = Writer::start(context, Bounds { batch_count_max: 1, queue_max: 1 });
    writer.submit(request).await.unwrap();
    drop(writer);
    ended.await.unwrap().unwrap();
    store.close().await.unwrap();
}

/// A checkpoint knows no rules.
fn no_rules() -> Rules {
    Rules {
        amount_max: rupees(0),
        opening_customer: rupees(0),
        open_registration: false,
        withdraw_min: rupees(0),
        withdraw_max: rupees(0),
        withdraw_multiple: rupees(1),
        sessions_per_number_max: 1,
        idle_timeout_ms: 1,
        session_length_ms: 1,
        attempts_max: 1,
        lockout_ms: None,
    }
}

/// Waits until a ledger's file is that text.
fn becomes(atmd: &Atmd, ledger: Ledger, whole: &str) {
    eventually(&format!("{} is whole", ledger.file_name()), || match fs::read(file(atmd, ledger)) {
        Ok(there) if there == whole.as_bytes() => Ok(()),
        Ok(there) => Err(format!("{} bytes of {}", there.len(), whole.len())),
        Err(error) => Err(error.to_string()),
    });
}

/// Waits until the ledgers and their checkpoints are where the journal is.
pub(crate) fn settled(atmd: &Atmd) {
    eventually("the ledgers have the whole journal", || {
        let status = atmd.ctl(&["status", "-o", "json"]).coded(0).json();
        let lag = status["data"][0]["projection_lag_entries"].as_str().map(str::to_owned);
        if lag.as_deref() == Some("0") { Ok(()) } else { Err(status.to_string()) }
    });
}

/// Waits until the log has a new line with these words.
fn logged(atmd: &Atmd, before: &str, words: &[&str]) {
    eventually(&format!("the log says {words:?}"), || {
        let log = atmd.log();
        let new = log.get(before.len()..).unwrap_or_default();
        let found = new.lines().any(|line| words.iter().all(|word| line.contains(word)));
        if found { Ok(()) } else { Err(new.to_owned()) }
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_crash_they_are_mended_and_nothing_foreign_is_lost() {
    let (mut atmd, _customer) = bank().await;
    settled(&atmd);
    atmd.kill();
    let books = Books::of(&atmd.config()).await;
    for wound in WOUNDS {
        for ledger in Ledger::ALL {
            set_checkpoint(&atmd, &books, ledger, wound.behind).await;
            (wound.inflict)(&file(&atmd, ledger), books.rendered(ledger).as_bytes());
        }
        let before = atmd.log();
        atmd.restart();
        settled(&atmd);
        for ledger in Ledger::ALL {
            let whole = books.rendered(ledger);
            assert_eq!(fs::read_to_string(file(&atmd, ledger)).unwrap(), whole, "{}", wound.what);
            let aside = aside(&atmd, ledger);
            let expected = (wound.aside)(whole.as_bytes());
            let (kinds, bytes): (Vec<_>, Vec<_>) =
                aside.iter().map(|(name, bytes)| (name.split(['.', '-']).nth(2).unwrap(), bytes)).unzip();
            assert_eq!(kinds, expected.iter().map(|(kind, _)| *kind).collect::<Vec<_>>(), "{}", wound.what);
            assert_eq!(bytes, expected.iter().map(|(_, bytes)| bytes).collect::<Vec<_>>(), "{}", wound.what);
            for (name, _) in &aside {
                logged(&atmd, &before, &["WARN", ledger.file_name(), name]);
                fs::remove_file(atmd.data().join("ledger").join(name)).unwrap();
            }
            if ["gone", "empty"].contains(&wound.what) {
                logged(&atmd, &before, &["WARN", ledger.file_name(), "it is written anew from the journal"]);
            }
        }
        atmd.kill();
    }
    let after = Books::of(&atmd.config()).await;
    assert_eq!(after.entries, books.entries);
    atmd.restart();
}

/// Who wrote rows behind a checkpoint may have been killed before they were synced. A row of client.csv alone would then
/// move the checkpoint of bank.csv over them.
#[tokio::test(flavor = "multi_thread")]
async fn rows_that_were_found_behind_a_checkpoint_are_synced() {
    let Some(strace) = need("strace") else { return };
    let (mut atmd, _customer) = bank().await;
    settled(&atmd);
    atmd.kill();
    let books = Books::of(&atmd.config()).await;
    for ledger in Ledger::ALL {
        set_checkpoint(&atmd, &books, ledger, Behind::Rows(1)).await;
    }
    let trace = atmd.data().join("trace");
    let mut atmd = atmd.within(&[
        strace.to_str().unwrap(),
        "-D",
        "-f",
        "-y",
        "-e",
        "trace=fsync,fdatasync",
        "-o",
        trace.to_str().unwrap(),
    ]);
    atmd.restart();
    for ledger in Ledger::ALL {
        eventually(&format!("{} is synced", ledger.file_name()), || {
            let traced = fs::read_to_string(&trace).unwrap_or_default();
            let name = format!("/{}>", ledger.file_name());
            if traced.lines().any(|call| call.contains(&name)) { Ok(()) } else { Err(traced) }
        });
    }
}

/// A ledger that somebody meddles with while atmd runs, whole again after the next movement.
async fn comes_back(atmd: &Atmd, customer: &mut Customer, meddle: impl FnOnce(&Path)) {
    settled(atmd);
    let was: Vec<String> =
        Ledger::ALL.iter().map(|ledger| fs::read_to_string(file(atmd, *ledger)).unwrap()).collect();
    meddle(&atmd.data().join("ledger"));
    deposit(customer).await;
    settled(atmd);
    for (ledger, was) in Ledger::ALL.into_iter().zip(was) {
        let whole = was + &last_line_of(atmd, ledger);
        becomes(atmd, ledger, &whole);
    }
}

/// The last line of a ledger as it is now.
fn last_line_of(atmd: &Atmd, ledger: Ledger) -> String {
    let text = fs::read_to_string(file(atmd, ledger)).unwrap();
    format!("{}\n", text.lines().next_back().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_taken_away_or_added_under_a_running_atmd_is_mended() {
    let (mut atmd, mut customer) = bank().await;
    comes_back(&atmd, &mut customer, |folder| fs::remove_file(folder.join("client.csv")).unwrap()).await;
    comes_back(&atmd, &mut customer, |folder| fs::remove_dir_all(folder).unwrap()).await;
    comes_back(&atmd, &mut customer, |folder| {
        fs::rename(folder.join("bank.csv"), folder.join("last-month.csv")).unwrap();
    })
    .await;
    comes_back(&atmd, &mut customer, |folder| {
        let whole = fs::read(folder.join("client.csv")).unwrap();
        write(&folder.join("client.csv"), &[&whole, GARBAGE]);
        write(&folder.join("bank.csv"), &[b"short"]);
    })
    .await;
    let foreign: Vec<Vec<u8>> =
        Ledger::ALL.iter().flat_map(|ledger| aside(&atmd, *ledger)).map(|(_, bytes)| bytes).collect();
    assert_eq!(foreign, [GARBAGE, b"short"]);
    assert!(atmd.stop().success());
    let _ = Books::of(&atmd.config()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn customers_do_not_wait_for_ledgers_that_cannot_be_written() {
    let (mut atmd, mut customer) = bank().await;
    settled(&atmd);
    let folder = atmd.data().join("ledger");
    // For root no mode bars the way; a folder in the place of a file does.
    for blocked in ["client.csv", "bank.csv"] {
        let before = atmd.log();
        fs::rename(folder.join(blocked), folder.join("away.csv")).unwrap();
        fs::create_dir(folder.join(blocked)).unwrap();
        deposit(&mut customer).await;
        logged(&atmd, &before, &["ERROR", "CSV ledgers are behind", blocked]);
        for _ in 0..5 {
            deposit(&mut customer).await;
        }
        fs::remove_dir(folder.join(blocked)).unwrap();
        fs::rename(folder.join("away.csv"), folder.join(blocked)).unwrap();
        settled(&atmd);
    }
    // As for a folder that is no folder.
    fs::rename(&folder, atmd.data().join("away")).unwrap();
    fs::write(&folder, "").unwrap();
    deposit(&mut customer).await;
    assert!(atmd.stop().success(), "atmd waits for its ledgers");
    fs::remove_file(&folder).unwrap();
    atmd.restart();
    settled(&atmd);
    assert!(atmd.stop().success());
    let books = Books::of(&atmd.config()).await;
    let posted = books.of_customer(atm_rpc::types::account::AccountId::of(bank::number(1))).last();
    assert_eq!(posted.unwrap().customer_balance, Some(rupees(12 * (8 + 6 + 6 + 1))));
}
