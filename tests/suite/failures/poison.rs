//! A row that the database will not store: whoever asked for it is told of an incident, and nobody else notices.

use super::on_each_server;
use atm_rpc::client::CustomerError;
use atm_rpc::customer::KeyOutcome;
use atm_rpc::error::ServiceError;
use atm_rpc::types::account::AccountId;
use atm_rpc::types::key::RequestKey;
use atm_tests::bank::{self, rupees};
use atm_tests::books::Books;
use atm_tests::daemon::{Atmd, Options};
use atm_tests::link;
use atm_tests::servers::Engine;
use futures::future::join_all;
use tokio::task::block_in_place;

on_each_server! { only_the_culprit_hears_of_a_row_that_cannot_be_stored }

const CUSTOMERS: u32 = 16;
const CULPRIT: u32 = 5;
const ROUNDS: u32 = 20;

async fn only_the_culprit_hears_of_a_row_that_cannot_be_stored(engine: Engine) {
    let Some(database) = block_in_place(|| engine.database()) else { return };
    let mut atmd = block_in_place(|| Atmd::start(&database.options(&Options::default())));
    let customers = (1..=CUSTOMERS).map(|n| {
        let atmd = &atmd;
        async move {
            link::register(atmd, bank::number(n)).await;
            (n, link::logged_in(atmd, bank::number(n)).await)
        }
    });
    let customers = join_all(customers).await;
    let culprit = AccountId::of(bank::number(CULPRIT)).raw();
    let refuse = format!(
        "ALTER TABLE journal ADD CONSTRAINT refuses CHECK \
         (customer IS NULL OR customer <> {culprit} OR amount_minor IS NULL OR amount_minor <> 666);"
    );
    let _ = block_in_place(|| database.sql(&refuse));
    let work = customers.into_iter().map(|(n, mut customer)| async move {
        let mut incidents = Vec::new();
        for _ in 0..ROUNDS {
            let key = RequestKey::generate();
            let amount = atm_rpc::types::money::Money::from_minor(if n == CULPRIT { 666 } else { 100 });
            match customer.deposit(key, amount).await {
                Ok(receipt) => assert_eq!(receipt.amount, amount),
                Err(CustomerError::Service(ServiceError::Internal(incident))) => {
                    incidents.push((key, incident))
                }
                Err(other) => panic!("customer {n}: {other}"),
            }
        }
        // What it is told is true, and it can go on.
        for (key, _) in &incidents {
            assert_eq!(customer.outcome(*key).await.unwrap(), KeyOutcome::NotApplied);
        }
        let receipt = customer.deposit(RequestKey::generate(), rupees(3)).await.unwrap();
        (n, incidents, receipt.balance)
    });
    let log_of = |atmd: &Atmd| atmd.log();
    for (n, incidents, balance) in join_all(work).await {
        let refused = if n == CULPRIT { ROUNDS } else { 0 };
        assert_eq!(incidents.len(), usize::try_from(refused).unwrap(), "customer {n}: {incidents:?}");
        assert_eq!(balance, if n == CULPRIT { rupees(3) } else { rupees(i64::from(ROUNDS) + 3) }, "{n}");
        for (_, incident) in incidents {
            assert!(log_of(&atmd).contains(&incident.to_string()), "{incident} is not in the log");
        }
    }
    assert!(block_in_place(|| atmd.stop()).success());
    let books = Books::of(&atmd.config()).await;
    let moved = books.entries.iter().filter(|entry| entry.transfer.is_some()).count();
    let expected = 1 + (CUSTOMERS - 1) * ROUNDS + CUSTOMERS;
    assert_eq!(moved, usize::try_from(expected).unwrap());
}
