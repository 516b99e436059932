//! A database of maps: reads for a batch what the batch needs, keeps what the book says has changed.

use super::{Decision, empty_book, founding, instant};
use crate::ledger::book::{Book, Head, KeyRecord};
use crate::ledger::entry::Entry;
use crate::ledger::needs::Needs;
use crate::ledger::request::Request;
use crate::ledger::tests::OPENED_MS;
use crate::ledger::{Rules, decide};
use atm_rpc::types::money::Money;
use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;

pub(super) struct Store {
    pub(super) rows: Book,
    journal: Vec<Entry>,
}

impl Store {
    pub(super) fn open(vault: Money, rules: &Rules) -> Self {
        let mut store = Self { rows: empty_book(), journal: Vec::new() };
        let mut book = store.load(&needs([&founding(vault)]));
        decide(&mut book, &founding(vault), rules, instant(OPENED_MS)).expect("the bank opens");
        store.save(book);
        store
    }

    /// Decides a batch, and compares the answers with those that were given one by one.
    pub(super) fn commit(&mut self, batch: &[(Request, i64, Decision)], rules: &Rules) {
        let mut book = self.load(&needs(batch.iter().map(|(request, ..)| request)));
        for (request, at, expected) in batch {
            let decision = decide(&mut book, request, rules, instant(*at));
            assert_eq!(&decision, expected, "{request:?} at {at}, in a batch of its own");
        }
        self.save(book);
    }

    fn load(&self, needs: &Needs) -> Book {
        let rows = &self.rows;
        let mut book = Book { head: rows.head, ..Book::default() };
        let wanted = rows.sessions.iter().filter(|(id, session)| {
            let open = session.ended.is_none() && needs.open_sessions.contains(&session.account);
            open || needs.sessions.contains(id) || needs.tokens.contains(&session.token)
        });
        book.sessions = wanted.map(|(id, session)| (*id, session.clone())).collect();
        let mut accounts = needs.accounts.clone();
        if !needs.tokens.is_empty() {
            accounts.extend(book.sessions.values().map(|session| session.account));
        }
        book.accounts = some_of(&rows.accounts, &accounts);
        book.blacklist = some_of(&rows.blacklist, &accounts);
        book.credentials = some_of(&rows.credentials, &needs.credentials);
        book.codes = some_of(&rows.codes, &needs.codes);
        book.keys = some_of(&rows.keys, &needs.keys);
        let named = |(name, _): &(&String, _)| needs.all_operators || needs.operators.contains(*name);
        book.operators = rows.operators.iter().filter(named).map(|(n, o)| (n.clone(), o.clone())).collect();
        if !needs.session_head {
            book.head.session = 0;
        }
        if !needs.event_head {
            book.head.event = 0;
        }
        book
    }

    fn save(&mut self, mut book: Book) {
        let (rows, changes) = (&mut self.rows, std::mem::take(&mut book.changes));
        for id in &changes.accounts {
            rows.accounts.insert(*id, book.accounts[id]);
        }
        for id in &changes.credentials {
            rows.credentials.insert(*id, book.credentials[id].clone());
        }
        for id in &changes.codes {
            match book.codes.get(id) {
                Some(code) => rows.codes.insert(*id, code.clone()),
                None => rows.codes.remove(id),
            };
        }
        for id in &changes.sessions {
            rows.sessions.insert(*id, book.sessions[id].clone());
        }
        for number in &changes.listed {
            match book.blacklist.get(number) {
                Some(listed) => rows.blacklist.insert(*number, listed.clone()),
                None => rows.blacklist.remove(number),
            };
        }
        for key in &changes.rejections {
            let twice = rows.keys.insert(*key, book.keys[key].clone());
            assert_eq!(twice, None, "{key} is kept twice");
        }
        for entry in &changes.entries {
            if let Some((key, _)) = entry.request {
                let twice = rows.keys.insert(key, KeyRecord::Applied(entry.clone()));
                assert_eq!(twice, None, "{key} is applied twice");
            }
        }
        for name in &changes.operators {
            rows.operators.insert(name.clone(), book.operators[name].clone());
        }
        for event in &changes.events {
            assert_eq!(event.id, rows.head.event + 1, "{event:?}");
            rows.head.event = event.id;
        }
        let session = rows.sessions.keys().next_back().map_or(0, |id| id.0);
        rows.head = Head { session, event: rows.head.event, ..book.head };
        self.journal.extend(changes.entries);
    }

    /// Nothing was forgotten: the rows are those of the one great batch.
    pub(super) fn compare(&self, whole: &Book) {
        assert_eq!(self.journal, whole.changes.entries);
        let whole = Book { changes: self.rows.changes.clone(), ..whole.clone() };
        assert_eq!(self.rows, whole);
    }
}

fn needs<'a>(requests: impl IntoIterator<Item = &'a Request>) -> Needs {
    let mut needs = Needs::default();
    requests.into_iter().for_each(|request| needs.add(request));
    needs
}

fn some_of<K: Copy + Eq + Hash + Ord, V: Clone>(rows: &HashMap<K, V>, wanted: &BTreeSet<K>) -> HashMap<K, V> {
    wanted.iter().filter_map(|id| Some((*id, rows.get(id)?.clone()))).collect()
}
