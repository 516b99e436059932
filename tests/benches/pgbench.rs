//! The yardstick by itself: pgbench's tpcb-like on one branch, where every transaction meets the branch's row.

use atm_tests::figures::{self, Figure};
use atm_tests::yardstick::Yardstick;

fn main() {
    let Some(yardstick) = Yardstick::start() else { return };
    let note = "PostgreSQL with its defaults over a Unix socket: `pgbench --builtin=tpcb-like --scale=1 --jobs=2 \
                --protocol=prepared`.";
    figures::table(
        "The yardstick: pgbench tpcb-like, one branch",
        note,
        &["clients", "transactions a second"],
    );
    for clients in [1, 8, 64] {
        let mut rate = Figure::default();
        for _ in 0..figures::repeats() {
            rate.add(yardstick.tpcb_like(clients, figures::duration()));
        }
        figures::row(&[clients.to_string(), rate.to_string()]);
    }
}
