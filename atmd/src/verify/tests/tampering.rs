//! One change of each kind, and what is found.

use super::bank::{Bank, account, places};
use crate::store::SealHead;
use crate::verify::Shown;
use std::fs;

/// What a change is found by. Each of these must be among the findings.
type Row = (&'static str, &'static [&'static str]);

async fn check(table: &[Row]) {
    let bank = Bank::with_history().await;
    bank.store.keep_copies().await;
    for (change, expected) in table {
        bank.store.execute(change).await.unwrap_or_else(|error| panic!("{change}: {error}"));
        let found = places(&bank.findings().await);
        for finding in *expected {
            assert!(found.iter().any(|found| found == finding), "{change}: {finding} is not in {found:#?}");
        }
        bank.store.restore_copies().await;
    }
    assert_eq!(places(&bank.findings().await), [""; 0], "the rows are as they were");
}

#[tokio::test]
async fn a_bank_that_was_left_alone_has_no_findings() {
    let bank = Bank::with_history().await;
    let projected = bank.project().await;
    let (looked, findings) = bank.verify(bank.store.seen_heads(), projected).await;
    assert_eq!(findings, []);
    assert_eq!(looked.head, bank.store.seal_head().await.unwrap());
    assert_eq!((looked.counts.entries, looked.accounts), (u64::try_from(projected).unwrap(), 8));
    assert_eq!(looked.last_seq, projected);
    let bytes = ["client.csv", "bank.csv"].map(|name| fs::metadata(bank.ledgers().join(name)).unwrap().len());
    assert_eq!(looked.ledger_bytes, bytes.iter().sum::<u64>());
}

#[tokio::test]
async fn a_bank_without_customers_has_no_findings() {
    let bank = Bank::open().await;
    assert_eq!(places(&bank.findings().await), [""; 0]);
}

#[tokio::test]
async fn a_changed_entry_is_named() {
    // Entry 7 is the first deposit's neighbour; every entry after the first four has a customer.
    check(&[
        ("UPDATE journal SET recorded_at = recorded_at + 1 WHERE seq = 12", &["row_hash journal 12"]),
        ("UPDATE journal SET business_date = business_date - 1 WHERE seq = 12", &["row_hash journal 12"]),
        (
            "UPDATE journal SET business_date = business_date - 9 WHERE seq = 12",
            &["row_hash journal 12", "business_date journal 12"],
        ),
        ("UPDATE journal SET action = 99 WHERE seq = 12", &["row journal 12"]),
        ("UPDATE journal SET action = 4 WHERE seq = 12", &["row_hash journal 12"]),
        ("UPDATE journal SET customer = customer + 1 WHERE seq = 12", &["row_hash journal 12"]),
        ("UPDATE journal SET customer = 17 WHERE seq = 12", &["row journal 12"]),
        (
            "UPDATE journal SET amount_minor = amount_minor + 1 WHERE seq = 12",
            &["row_hash journal 12", "vault_balance journal 12", "customer_balance journal 12"],
        ),
        (
            "UPDATE journal SET amount_minor = -amount_minor WHERE seq = 12",
            &["row_hash journal 12", "transfer journal 12"],
        ),
        ("UPDATE journal SET debit = credit WHERE seq = 12", &["row_hash journal 12", "transfer journal 12"]),
        ("UPDATE journal SET debit = NULL, credit = NULL WHERE seq = 12", &["row journal 12"]),
        (
            "UPDATE journal SET debit = NULL, credit = NULL, amount_minor = NULL WHERE seq = 12",
            &["row_hash journal 12", "vault_balance journal 12"],
        ),
        (
            "UPDATE journal SET customer_balance_minor = -1 WHERE seq = 12",
            &["row_hash journal 12", "customer_balance journal 12", "below_zero journal 12"],
        ),
        ("UPDATE journal SET customer_balance_minor = NULL WHERE seq = 12", &["customer_balance journal 12"]),
        (
            "UPDATE journal SET vault_balance_minor = vault_balance_minor - 1 WHERE seq = 12",
            &["row_hash journal 12", "vault_balance journal 12"],
        ),
        ("UPDATE journal SET session = session + 1 WHERE seq = 12", &["row_hash journal 12"]),
        ("UPDATE journal SET elapsed_ms = NULL WHERE seq = 12", &["row journal 12"]),
        ("UPDATE journal SET terminal = 'ATM-0002' WHERE seq = 12", &["row_hash journal 12"]),
        ("UPDATE journal SET terminal = '' WHERE seq = 12", &["row journal 12"]),
        ("UPDATE journal SET terminal = CAST(terminal AS BLOB) WHERE seq = 12", &["row journal 12"]),
        ("UPDATE journal SET request_key = zeroblob(16) WHERE seq = 12", &["row journal 12"]),
        ("UPDATE journal SET payload_hash = zeroblob(16) WHERE seq = 12", &["row_hash journal 12"]),
        ("UPDATE journal SET reverses = 1 WHERE seq = 12", &["row_hash journal 12"]),
        ("UPDATE journal SET prev_seq = 1 WHERE seq = 12", &["row_hash journal 12", "previous journal 12"]),
        ("UPDATE journal SET mac = zeroblob(16) WHERE seq = 12", &["row_hash journal 12"]),
        ("UPDATE journal SET mac = x'00' WHERE seq = 12", &["row_hash journal 12"]),
        ("UPDATE journal SET mac = '0123456789abcdef' WHERE seq = 12", &["row journal 12"]),
        ("UPDATE journal SET amount_minor = 200.5 WHERE seq = 12", &["row journal 12"]),
        ("UPDATE journal SET vault_balance_minor = 'much' WHERE seq = 12", &["row journal 12"]),
        ("UPDATE journal SET recorded_at = x'00' WHERE seq = 12", &["row journal 12"]),
        ("UPDATE journal SET business_date = business_date + 4294967296 WHERE seq = 12", &["row journal 12"]),
    ])
    .await;
}

#[tokio::test]
async fn a_changed_audit_row_or_seal_is_named() {
    check(&[
        ("UPDATE audit SET at = at + 1 WHERE id = 2", &["row_hash audit 2"]),
        ("UPDATE audit SET operator = 'boot' WHERE id = 2", &["row_hash audit 2"]),
        ("UPDATE audit SET role = 'viewer' WHERE id = 2", &["row_hash audit 2"]),
        ("UPDATE audit SET role = 'emperor' WHERE id = 2", &["row audit 2"]),
        ("UPDATE audit SET command = NULL WHERE id = 2", &["row_hash audit 2"]),
        ("UPDATE audit SET plugin = NULL WHERE id = 2", &["row audit 2"]),
        ("UPDATE audit SET plugin_digest = '' WHERE id = 2", &["row_hash audit 2"]),
        ("UPDATE audit SET capabilities = x'00' WHERE id = 2", &["row audit 2"]),
        ("UPDATE audit SET method = 'status' WHERE id = 2", &["row_hash audit 2"]),
        ("UPDATE audit SET arguments = '' WHERE id = 2", &["row_hash audit 2"]),
        ("UPDATE audit SET result = 'refused' WHERE id = 2", &["row_hash audit 2"]),
        ("UPDATE audit SET mac = zeroblob(16) WHERE id = 2", &["row_hash audit 2"]),
        ("UPDATE seal SET batch = zeroblob(16) WHERE id = 5", &["seal_hash seal 5"]),
        ("UPDATE seal SET batch = x'00' WHERE id = 5", &["row seal 5"]),
        ("UPDATE seal SET sealed_at = sealed_at + 1 WHERE id = 5", &["seal_hash seal 5"]),
        ("UPDATE seal SET sealed_at = 1.5 WHERE id = 5", &["row seal 5"]),
        ("UPDATE seal SET business_date = business_date + 1 WHERE id = 5", &["seal_hash seal 5"]),
        ("UPDATE seal SET business_date = 1 WHERE id = 5", &["seal_hash seal 5", "business_date seal 5"]),
        ("UPDATE seal SET last_seq = last_seq - 1 WHERE id = 5", &["seal_hash seal 5"]),
        ("UPDATE seal SET last_seq = 1 WHERE id = 5", &["seal_hash seal 5", "seal_order seal 5"]),
        ("UPDATE seal SET last_seq = 9223372036854775807 WHERE id = 5", &["seal_hash seal 5"]),
        ("UPDATE seal SET last_audit = last_audit + 1 WHERE id = 5", &["seal_hash seal 5"]),
        ("UPDATE seal SET vault_balance_minor = 1 WHERE id = 5", &["seal_hash seal 5", "seal_vault seal 5"]),
        ("UPDATE seal SET mac = zeroblob(32) WHERE id = 5", &["seal_hash seal 5"]),
        ("UPDATE seal SET mac = x'00' WHERE id = 5", &["seal_hash seal 5"]),
    ])
    .await;
}

#[tokio::test]
async fn one_wrong_number_of_a_seal_does_not_spread() {
    let bank = Bank::with_history().await;
    for wrong in ["9223372036854775807", "-9223372036854775808", "1"] {
        bank.store.keep_copies().await;
        bank.store.execute(&format!("UPDATE seal SET last_seq = {wrong} WHERE id = 7")).await.unwrap();
        let findings = bank.findings().await;
        let apart = |place| !matches!(place, crate::verify::Place::Seal(6..=8));
        assert!(!findings.iter().any(|finding| apart(finding.place)), "{wrong}: {:#?}", places(&findings));
        bank.store.restore_copies().await;
    }
}

#[tokio::test]
async fn rows_that_are_gone_added_or_swapped_are_named() {
    check(&[
        ("DELETE FROM journal WHERE seq = 1", &["row_missing journal 1", "seal_hash seal 1"]),
        ("DELETE FROM journal WHERE seq BETWEEN 9 AND 11", &["row_missing journal 9"]),
        ("DELETE FROM journal WHERE seq > 20", &["row_missing journal 21"]),
        ("DELETE FROM journal", &["row_missing journal 1"]),
        ("DELETE FROM audit WHERE id = 1", &["row_missing audit 1"]),
        ("DELETE FROM audit", &["row_missing audit 1"]),
        ("DELETE FROM seal WHERE id = 1", &["row_missing seal 1", "seal_hash seal 2"]),
        ("DELETE FROM seal WHERE id = 4", &["row_missing seal 4", "seal_hash seal 5"]),
        ("UPDATE journal SET seq = -seq WHERE seq = 9", &["row_missing journal 9", "row_unsealed journal -9"]),
        ("UPDATE journal SET seq = 9223372036854775807 WHERE seq = 9", &["row_missing journal 9"]),
        ("UPDATE audit SET id = 0 WHERE id = 2", &["row_missing audit 2", "row_unsealed audit 0"]),
        ("UPDATE seal SET id = -1 WHERE id = 2", &["row_missing seal 2", "row_unsealed seal -1"]),
        (
            "UPDATE journal SET seq = -seq WHERE seq IN (9, 10);
             UPDATE journal SET seq = 19 + seq WHERE seq < 0",
            &["row_hash journal 9", "row_hash journal 10"],
        ),
        (
            "UPDATE seal SET id = -id WHERE id IN (4, 5); UPDATE seal SET id = 9 + id WHERE id < 0",
            &["seal_hash seal 4", "seal_hash seal 5"],
        ),
        (
            "INSERT INTO journal SELECT seq + 1000, recorded_at, business_date, action, customer, amount_minor, debit,
             credit, customer_balance_minor, vault_balance_minor, session, session_started_at, elapsed_ms, terminal,
             NULL, NULL, reverses, prev_seq, mac FROM journal WHERE seq = 9",
            &["row_unsealed journal 1009", "row_hash journal 1009"],
        ),
    ])
    .await;
}

#[tokio::test]
async fn accounts_that_were_changed_are_named() {
    let one = account(1);
    let at = |check: &str, id: i64| -> &'static [&'static str] {
        let text: &'static str = format!("{check} account {id}").leak();
        vec![text].leak()
    };
    let sql = |text: String| -> &'static str { text.leak() };
    check(&[
        (
            sql(format!("UPDATE account SET posted_minor = posted_minor + 1 WHERE id = {one}")),
            at("account", one),
        ),
        (sql(format!("UPDATE account SET posted_minor = -1 WHERE id = {one}")), at("below_zero", one)),
        (sql(format!("UPDATE account SET posted_minor = 1.5 WHERE id = {one}")), at("row", one)),
        (sql(format!("UPDATE account SET pending_minor = 1 WHERE id = {one}")), at("account", one)),
        (sql(format!("UPDATE account SET last_seq = last_seq - 1 WHERE id = {one}")), at("account", one)),
        (sql(format!("UPDATE account SET last_seq = NULL WHERE id = {one}")), at("account", one)),
        (sql(format!("UPDATE account SET opened_at = 0 WHERE id = {one}")), at("account", one)),
        (sql(format!("UPDATE account SET state = 1 WHERE id = {one}")), at("account", one)),
        (sql(format!("UPDATE account SET state = 3 WHERE id = {one}")), at("account", one)),
        (sql(format!("UPDATE account SET state = 9 WHERE id = {one}")), at("row", one)),
        (sql(format!("UPDATE account SET id = 17 WHERE id = {one}")), at("account_missing", one)),
        (sql(format!("DELETE FROM account WHERE id = {one}")), at("account_missing", one)),
        ("DELETE FROM account WHERE id = 3", at("account_missing", 3)),
        ("UPDATE account SET posted_minor = 1 WHERE id = 1", at("account", 1)),
        ("UPDATE account SET posted_minor = posted_minor + 1 WHERE id = 2", at("account", 2)),
        (
            sql(format!("UPDATE account SET posted_minor = posted_minor + 1 WHERE id = {one}")),
            &["books books"],
        ),
        (
            sql(format!("INSERT INTO account VALUES ({}, 0, 0, 0, NULL, 0)", one + 50)),
            at("account_unknown", one + 50),
        ),
    ])
    .await;
}

#[tokio::test]
async fn an_end_that_was_cut_off_is_found_by_a_head_that_was_seen() {
    let mut bank = Bank::with_history().await;
    let told = bank.store.seal_head().await.unwrap();
    let customer = format!("UPDATE account SET last_seq = NULL WHERE id = {}", account(1));
    for sql in ["DELETE FROM seal WHERE id > 1", "DELETE FROM journal WHERE seq > 1", "DELETE FROM audit"] {
        bank.store.execute(sql).await.unwrap();
    }
    bank.store.execute("DELETE FROM account WHERE id > 5").await.unwrap();
    bank.store.execute("UPDATE account SET posted_minor = 1000000 WHERE id = 2").await.unwrap();
    bank.store.execute(&customer).await.unwrap();
    let (_, findings) = bank.verify(Vec::new(), 0).await;
    assert_eq!(places(&findings), [""; 0], "what is left is whole in itself");
    let lost = [format!("seal_head seal {}", told.id)];
    assert_eq!(places(&bank.verify(vec![told], 0).await.1), lost, "a head from the log");
    assert_eq!(places(&bank.findings().await), lost, "the head that is remembered");
    // The chain grows again, and beyond what was cut off.
    for _ in 0..=told.id {
        bank.batch(&[super::bank::strange()]).await;
    }
    assert_eq!(places(&bank.findings().await), lost);
    let other = SealHead { mac: [0; 32], ..told };
    assert_eq!(places(&bank.verify(vec![other], 0).await.1), lost);
}

#[tokio::test]
async fn a_key_that_acted_twice_is_found() {
    let bank = Bank::with_history().await;
    bank.store.execute("DROP INDEX journal_request_key").await.unwrap();
    let set =
        "UPDATE journal SET request_key = (SELECT request_key FROM journal WHERE seq = 2) WHERE seq = 12";
    bank.store.execute(set).await.unwrap();
    let found = places(&bank.findings().await);
    assert!(found.contains(&"request_key journal 12".to_owned()), "{found:?}");
}

#[tokio::test]
async fn ledgers_that_were_changed_are_named() {
    let bank = Bank::with_history().await;
    let projected = bank.project().await;
    let path = bank.ledgers().join("bank.csv");
    let whole = fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = whole.lines().collect();
    let line = |number: usize| format!("ledger bank.csv {number}");
    let table = [
        (Some(whole.replacen("deposit", "DEPOSIT", 1)), line(3)),
        (Some(whole.replacen(lines[3], "", 1)), line(4)),
        (Some(lines[..lines.len() - 1].join("\n") + "\n"), line(lines.len())),
        (Some(whole.clone() + "more\n"), line(lines.len() + 1)),
        (Some(String::new()), line(1)),
        (None, line(1)),
    ];
    for (text, expected) in table {
        match &text {
            Some(text) => fs::write(&path, text).unwrap(),
            None => fs::remove_file(&path).unwrap(),
        }
        let (_, findings) = bank.verify(Vec::new(), projected).await;
        assert_eq!(places(&findings), [expected], "{text:?}");
    }
    let (_, findings) = bank.verify(Vec::new(), 0).await;
    assert_eq!(places(&findings), [""; 0], "what has not come yet is not missed");
}

#[tokio::test]
async fn no_finding_tells_a_hash_of_the_key() {
    let bank = Bank::with_history().await;
    bank.store.execute("UPDATE journal SET elapsed_ms = 1 WHERE seq = 12").await.unwrap();
    bank.store.execute("UPDATE seal SET sealed_at = 1 WHERE id = 3").await.unwrap();
    for finding in bank.findings().await {
        for shown in [finding.expected, finding.found].into_iter().flatten() {
            let (Shown::Plain(text) | Shown::Personal(text)) = shown else { continue };
            assert!(text.len() < 32, "{text}");
        }
    }
}

#[tokio::test]
async fn a_table_that_is_gone_stops_it() {
    let bank = Bank::with_history().await;
    bank.store.execute("DROP TABLE audit").await.unwrap();
    let (looked, _) = bank.try_verify(Vec::new(), 0).await;
    assert!(looked.is_err());
}
