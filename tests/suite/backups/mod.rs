//! Backups: taken while customers move money, checked, brought back on each engine, and then a bank like the one they are
//! of. Damage is found wherever it is, what breaks in the middle leaves nothing behind, and who may not, cannot.

mod broken;
mod damaged;
mod refused;

use crate::engines::on_each_engine;
use crate::load::{self, Load, Told};
use atm_rpc::types::action::Action;
use atm_tests::books::Books;
use atm_tests::daemon::{Atmd, Options};
use atm_tests::process::Outcome;
use atm_tests::servers::{Database, Engine};
use atm_tests::{bank, link};
use atmd::csv::render::{Ledger, whole};
use serde_json::{Value, json};
use std::env;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use tokio::task::block_in_place;

const PASSPHRASE: &str = "correct horse battery staple";
/// Customers who move money meanwhile.
const CUSTOMERS: u32 = 16;

/// A place for backups, with their passphrase in a file.
struct Shelf(TempDir);

impl Shelf {
    fn new() -> Self {
        let shelf = Self(TempDir::with_prefix("backups-").unwrap());
        fs::write(shelf.path("passphrase"), format!("{PASSPHRASE}\n")).unwrap();
        shelf
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    fn create(&self, atmd: &Atmd, name: &str) -> Outcome {
        let (out, passphrase) = (self.text(name), self.text("passphrase"));
        atmd.ctl(&["backup", "create", "--out", &out, "--passphrase-file", &passphrase, "-o", "json"])
    }

    fn verify(&self, atmd: &Atmd, name: &str, rest: &[&str]) -> Outcome {
        let file = self.text(name);
        atmd.ctl(&[&["backup", "verify", &file, "-o", "json"], rest].concat())
    }

    /// The same with the passphrase.
    fn verify_inside(&self, atmd: &Atmd, name: &str) -> Outcome {
        self.verify(atmd, name, &["--passphrase-file", &self.text("passphrase")])
    }

    fn restore(&self, atmd: &Atmd, name: &str, into: &Path) -> Outcome {
        let (file, passphrase) = (self.text(name), self.text("passphrase"));
        let into = into.to_str().unwrap();
        atmd.ctl(&[
            "backup",
            "restore",
            &file,
            "--into",
            into,
            "--passphrase-file",
            &passphrase,
            "-o",
            "json",
        ])
    }
}

fn row(outcome: Outcome) -> Value {
    outcome.coded(0).json()["data"][0].clone()
}

/// The row that tells what is wrong.
fn found(outcome: Outcome) -> Value {
    let json: Value = serde_json::from_str(&outcome.coded(3).stdout).unwrap();
    json["data"][0].clone()
}

/// An atmd that was not started yet, on an empty folder and, on a server, an empty database.
fn elsewhere(engine: Engine, options: &Options) -> Atmd {
    let database = engine.database().expect("the engine was there a moment ago");
    let copy = Atmd::prepare(&database.options(options));
    fs::create_dir(copy.data()).unwrap();
    copy
}

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o777
}

on_each_engine! { a_backup_under_load_becomes_a_bank_like_the_one_it_is_of }

async fn a_backup_under_load_becomes_a_bank_like_the_one_it_is_of(database: &Database) {
    let engine = database.engine();
    let usual = if engine == Engine::Sqlite { 3 } else { 1 };
    let count = env::var("ATM_BACKUPS").map_or(usual, |number| number.parse().unwrap());
    let options = load::options();
    let mut atmd = Atmd::start(&database.options(&options));
    let load = Load::start(&atmd, CUSTOMERS).await;
    let progress = load.progress();
    let shelf = Shelf::new();
    let copies: Vec<(Value, Atmd)> = block_in_place(|| {
        let take = |n: i32| {
            let name = format!("{n}.backup");
            progress.wait_for(100);
            let made = row(shelf.create(&atmd, &name));
            let checked = row(shelf.verify_inside(&atmd, &name));
            let found = [&checked["whole"], &checked["decrypted"], &checked["keys"]];
            assert_eq!(found, [&json!(true); 3], "{checked}");
            assert_eq!(checked["seal_head"], made["seal_head"]);
            let copy = elsewhere(engine, &options);
            let restored = row(shelf.restore(&atmd, &name, &copy.data()));
            assert_eq!(restored["last_entry"], made["last_entry"]);
            (made, copy)
        };
        (1..=count).map(take).collect()
    });
    progress.wait_for(10);
    let movers = load.end().await;
    assert!(block_in_place(|| atmd.stop()).success());
    let original = Books::of(&atmd.config()).await;
    for (made, mut copy) in copies {
        let last: usize = made["last_entry"].as_str().unwrap().parse().unwrap();
        let told = |action: Action| {
            let asked =
                movers.iter().flat_map(|mover| mover.asked.iter().map(move |asked| (mover.mobile, asked)));
            let mut done = asked.filter_map(|(mobile, asked)| match &asked.told {
                Told::Done(receipt) if asked.action == action => Some((mobile, asked, receipt.clone())),
                _ => None,
            });
            done.find(|(_, _, receipt)| usize::try_from(receipt.reference.0).unwrap() <= last)
        };
        block_in_place(|| begin(&mut copy, engine));
        // Who was told of a movement before the backup gets the same answer, and nothing moves.
        let (mobile, asked, receipt) = told(Action::Deposit).expect("somebody brought money before");
        let mut customer = link::logged_in(&copy, mobile).await;
        let again = load::ask(&mut customer, asked.key, asked.action, asked.amount).await.unwrap();
        assert_eq!(
            (again.reference, again.balance, again.recorded_at),
            (receipt.reference, receipt.balance, receipt.recorded_at)
        );
        customer.exit().await.unwrap();
        block_in_place(|| {
            let _ = copy.ctl(&["ledger", "verify", "--head", made["seal_head"].as_str().unwrap()]).coded(0);
            assert!(copy.stop().success());
        });
        let books = Books::of(&copy.config()).await;
        assert_eq!(books.entries[..last], original.entries[..last], "history up to the backup");
        for (ledger, file) in [(Ledger::Client, "client.csv"), (Ledger::Bank, "bank.csv")] {
            let expected = whole(ledger, &original.entries[..last], atm_rpc::types::money::Currency::INR);
            for data in [atmd.data(), copy.data()] {
                let text = fs::read_to_string(data.join("ledger").join(file)).unwrap();
                assert!(text.starts_with(&expected), "{file} of {}", data.display());
            }
        }
    }
}

/// Starts atmd on a restored folder; on a server it has to load it before.
fn begin(copy: &mut Atmd, engine: Engine) {
    for (path, expected) in [
        ("restored.db", 0o600),
        ("keys", 0o700),
        ("keys/pepper", 0o600),
        ("pki", 0o700),
        ("pki/ca.key", 0o600),
        ("public", 0o755),
        ("public/ca.pem", 0o644),
    ] {
        assert_eq!(mode(&copy.data().join(path)), expected, "{path}");
    }
    if engine != Engine::Sqlite {
        let refused = atm_tests::process::run(copy.command(&[]), "").coded(78);
        assert!(refused.stderr.contains("atmd load"), "{refused}");
        let loaded = atm_tests::process::run(copy.command(&["load"]), "").coded(0);
        assert!(loaded.stdout.contains("loaded the bank up to entry"), "{loaded}");
        let again = atm_tests::process::run(copy.command(&["load"]), "").coded(78);
        assert!(again.stderr.contains("has a bank already"), "{again}");
    }
    copy.restart();
}

/// A backup of a bank on a server becomes one on SQLite.
#[tokio::test(flavor = "multi_thread")]
async fn a_bank_moves_from_a_server_to_a_file() {
    let Some(database) = block_in_place(|| Engine::PostgreSql.database()) else { return };
    let options = Options::default();
    let mut atmd = Atmd::start(&database.options(&options));
    link::register(&atmd, bank::number(1)).await;
    let shelf = Shelf::new();
    let mut copy = block_in_place(|| {
        let _ = row(shelf.create(&atmd, "one.backup"));
        let mut copy = elsewhere(Engine::Sqlite, &options);
        let _ = row(shelf.restore(&atmd, "one.backup", &copy.data()));
        copy.restart();
        copy
    });
    let mut customer = link::logged_in(&copy, bank::number(1)).await;
    customer.exit().await.unwrap();
    block_in_place(|| {
        let _ = copy.ctl(&["ledger", "verify"]).coded(0);
        assert!(atmd.stop().success() && copy.stop().success());
    });
    let (before, after) = (Books::of(&atmd.config()).await, Books::of(&copy.config()).await);
    assert!(after.entries.starts_with(&before.entries), "history");
}
