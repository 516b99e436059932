//! What is around atmd goes wrong while it serves: folders, and the clock. Customers are served, nothing is lost, and
//! who looks after atmd is told.

mod clock;
mod folders;

use atm_rpc::types::key::{RequestKey, Seq};
use atm_tests::books::Books;
use std::collections::HashSet;

/// The journal is dense, no business date goes back, and what was acknowledged is in it once.
fn check(books: &Books, acknowledged: &HashSet<RequestKey>) {
    for (entry, seq) in books.entries.iter().zip(1..) {
        assert_eq!(entry.seq, Seq(seq));
    }
    let dates: Vec<_> = books.entries.iter().map(|entry| entry.business_date).collect();
    assert!(dates.is_sorted(), "{dates:?}");
    let kept: Vec<RequestKey> = books.entries.iter().filter_map(|entry| Some(entry.request?.0)).collect();
    for key in acknowledged {
        assert_eq!(kept.iter().filter(|kept| *kept == key).count(), 1, "{key:?}");
    }
    books.check_ledgers();
}
