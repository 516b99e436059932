//! A stopped bank's books, read by atmd's own library and recomputed from the first row on.

use crate::daemon::Options;
use atm_rpc::types::account::AccountId;
use atm_rpc::types::key::{RequestKey, Seq};
use atm_rpc::types::money::{Currency, Money};
use atmd::clock::Clock;
use atmd::config::Config;
use atmd::csv::render::{Ledger, whole};
use atmd::ledger::book::Account;
use atmd::ledger::entry::Entry;
use atmd::ledger::request::Audit;
use atmd::seal::{RowMac, Seal, Sealer};
use atmd::secrets;
use atmd::store::Store;
use atmd::store::verify::{Kept, Part, Stored};
use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::path::{Path, PathBuf};

const PAGE: u64 = 10_000;

/// The books, found consistent.
#[derive(Debug)]
pub struct Books {
    /// The journal, in order.
    pub entries: Vec<Entry>,
    /// The accounts with their stored balances.
    pub accounts: HashMap<AccountId, Account>,
    /// Batches that were committed.
    pub batches: usize,
    folder: PathBuf,
}

/// The configuration of a bank in that folder, the rest as it comes.
///
/// # Panics
/// Where the folder's name is not UTF-8.
#[must_use]
pub fn config(data_dir: &Path) -> Config {
    let folder = data_dir.to_str().expect("temporary folders have names in UTF-8");
    Options::default().set("server.data_dir", folder).config()
}

/// The keys of a bank in that folder; made where there is none yet.
///
/// # Panics
/// Where they cannot be read.
#[must_use]
pub fn sealer(data_dir: &Path) -> Sealer {
    let keys = data_dir.join("keys");
    let exists = keys.read_dir().expect("a bank has a folder of its keys").next().is_some();
    let secrets = secrets::load(&keys, None, exists).expect("the bank has its keys");
    Sealer::new(secrets.seal_key)
}

/// The database of a bank.
///
/// # Panics
/// Where atmd runs on it, or it cannot be opened.
pub async fn store(config: &Config) -> Store {
    let data_dir = &config.server.data_dir;
    check_stopped(data_dir);
    let opened = Store::open(config, sealer(data_dir), Clock::System.now()).await;
    opened.unwrap_or_else(|error| panic!("{}: {error}", data_dir.display()))
}

/// Nobody has the data directory's lock. It is not kept while the test looks: programs that other tests start
/// at that moment would inherit it for an instant, and atmd would be refused.
fn check_stopped(data_dir: &Path) {
    if let Ok(file) = File::open(data_dir.join("atmd.lock")) {
        file.try_lock().expect("atmd was stopped");
        file.unlock().expect("a lock can be given back");
    }
}

impl Books {
    /// The books of an atmd that was stopped in order: its history and both ledgers.
    ///
    /// # Panics
    /// Where atmd still runs, or with the first thing that does not follow.
    pub async fn of(config: &Config) -> Self {
        let books = Self::without_ledgers(config).await;
        books.check_ledgers();
        books
    }

    /// The books of an atmd that was ended in any way, the ledgers left aside.
    ///
    /// # Panics
    /// As [`of`](Self::of).
    pub async fn without_ledgers(config: &Config) -> Self {
        let sealer = sealer(&config.server.data_dir);
        let store = store(config).await;
        let (entries, entry_macs) = hashed(all(&store).await, |entry| sealer.entry(entry).to_vec());
        let (_, audit_macs) = hashed(all(&store).await, |audit: &Audit| sealer.audit(audit).to_vec());
        let seals = all(&store).await;
        let batches = seals.len();
        check_seals(&sealer, &entries, &entry_macs, &audit_macs, seals);
        let accounts = store.accounts().await.expect("accounts can be read").into_iter().collect();
        store.close().await.expect("the database closes");
        let books = Self { entries, accounts, batches, folder: config.server.data_dir.join("ledger") };
        books.check_entries();
        books.check_balances();
        books
    }

    /// What the journal gives for a ledger.
    #[must_use]
    pub fn rendered(&self, ledger: Ledger) -> String {
        whole(ledger, &self.entries, Currency::INR)
    }

    /// The customer's entries, in order.
    pub fn of_customer(&self, customer: AccountId) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(move |entry| entry.customer == Some(customer))
    }

    /// Places are dense, balances follow from row to row, each key is used once, and each customer's entries
    /// lead back along one chain.
    fn check_entries(&self) {
        let mut vault = Money::ZERO;
        let mut keys: HashSet<RequestKey> = HashSet::new();
        let mut last: HashMap<AccountId, (Seq, Money)> = HashMap::new();
        let mut date = None;
        for (place, entry) in (1..).zip(&self.entries) {
            assert_eq!(entry.seq, Seq(place), "a place is empty: {entry:?}");
            assert!(date <= Some(entry.business_date), "the day went back: {entry:?}");
            date = Some(entry.business_date);
            assert!(entry.request.is_none_or(|(key, _)| keys.insert(key)), "a key acted twice: {entry:?}");
            vault = after(vault, entry, AccountId::VAULT);
            assert_eq!(entry.vault_balance, vault, "the vault does not follow: {entry:?}");
            if let (Some(customer), Some(balance)) = (entry.customer, entry.customer_balance) {
                let before = last.insert(customer, (entry.seq, balance));
                assert_eq!(entry.previous, before.map(|(seq, _)| seq), "the chain is broken: {entry:?}");
                let expected = after(before.map_or(Money::ZERO, |(_, b)| b), entry, customer);
                assert_eq!(balance, expected, "the balance does not follow: {entry:?}");
                assert!(balance >= Money::ZERO, "below zero: {entry:?}");
            }
        }
        for (id, account) in &self.accounts {
            let newest = last.get(id).map(|(seq, _)| *seq);
            assert_eq!(account.last_seq, newest, "{id:?} does not know its newest entry");
        }
    }

    /// The stored balances are those of the journal; debits and credits are equal.
    fn check_balances(&self) {
        let balance = |id| self.entries.iter().fold(Money::ZERO, |sum, entry| after(sum, entry, id));
        let mut owed = 0;
        for (id, account) in self.accounts.iter().filter(|(id, _)| **id != AccountId::VAULT) {
            assert_eq!(account.posted, balance(*id), "the stored balance of {id:?}");
            owed += account.posted.minor();
        }
        let named = self.entries.iter().filter_map(|entry| entry.transfer).flat_map(|t| [t.debit, t.credit]);
        let strange: Vec<AccountId> = named.filter(|id| !self.accounts.contains_key(id)).collect();
        assert_eq!(strange, [], "money of accounts that are not there");
        assert_eq!(balance(AccountId::VAULT).minor(), owed, "debits and credits differ");
    }

    /// Both ledgers are what the journal gives, byte for byte.
    ///
    /// # Panics
    /// With the first byte that differs.
    pub fn check_ledgers(&self) {
        for ledger in Ledger::ALL {
            let path = self.folder.join(ledger.file_name());
            let there = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            let expected = self.rendered(ledger).into_bytes();
            let differs = there.iter().zip(&expected).position(|(a, b)| a != b);
            let differs =
                differs.or((there.len() != expected.len()).then_some(there.len().min(expected.len())));
            if let Some(at) = differs {
                let around = |bytes: &[u8]| {
                    let part = &bytes[at.saturating_sub(80).min(bytes.len())..(at + 80).min(bytes.len())];
                    String::from_utf8_lossy(part).into_owned()
                };
                let (there, expected) = (around(&there), around(&expected));
                panic!("{} differs at byte {at}:\n{there}\nshould be\n{expected}", path.display());
            }
        }
    }
}

/// An account's balance after an entry. The vault is debit-normal, all others are credit-normal.
fn after(balance: Money, entry: &Entry, account: AccountId) -> Money {
    let Some(transfer) = entry.transfer else { return balance };
    let sign = if account == AccountId::VAULT { 1 } else { -1 };
    let debited = if transfer.debit == account { sign } else { 0 };
    let credited = if transfer.credit == account { -sign } else { 0 };
    Money::from_minor(balance.minor() + (debited + credited) * transfer.amount.minor())
}

/// The rows, each of which has the hash that it should have, and the hashes.
fn hashed<T: std::fmt::Debug>(kept: Vec<Kept<T>>, hash: impl Fn(&T) -> Vec<u8>) -> (Vec<T>, Vec<RowMac>) {
    let checked = |Kept { place, row, mac }: Kept<T>| {
        let row = row.unwrap_or_else(|error| panic!("row {place}: {error}"));
        assert_eq!(mac, hash(&row), "the hash of {row:?}");
        let mac: RowMac = mac.try_into().expect("16 bytes");
        (row, mac)
    };
    kept.into_iter().map(checked).unzip()
}

/// Every seal is over the one before it and the rows of its batch, and the last one over the last row.
fn check_seals(
    sealer: &Sealer,
    entries: &[Entry],
    entry_macs: &[RowMac],
    audit_macs: &[RowMac],
    seals: Vec<Kept<Seal>>,
) {
    let index = |place: i64| usize::try_from(place).expect("a place is not negative");
    let (mut before, mut seq, mut audit) = ([0; 32], 0, 0);
    for (place, kept) in (1..).zip(seals) {
        let seal = kept.row.expect("a seal is one");
        assert_eq!(seal.id, place, "a seal is missing");
        let rows = entry_macs[seq..index(seal.last_seq)].iter();
        let rows = rows.chain(&audit_macs[audit..index(seal.last_audit)]).copied();
        let mac = sealer.seal(&before, &seal, rows);
        assert_eq!(kept.mac, mac, "the chain breaks at {seal:?}");
        (before, seq, audit) = (mac, index(seal.last_seq), index(seal.last_audit));
        let vault = seq.checked_sub(1).map_or(0, |newest| entries[newest].vault_balance.minor());
        assert_eq!(seal.vault_minor, vault, "{seal:?}");
    }
    assert_eq!((seq, audit), (entry_macs.len(), audit_macs.len()), "rows behind the last seal");
}

/// A whole table.
async fn all<T: Stored>(store: &Store) -> Vec<Kept<T>> {
    let mut rows: Vec<Kept<T>> = Vec::new();
    loop {
        let part = Part { after: rows.last().map(|row| row.place), until: None, count: PAGE };
        let page = store.live().page::<T>(part).await.expect("the table can be read");
        if page.count() == 0 {
            return rows;
        }
        rows.extend(page.rows());
    }
}
