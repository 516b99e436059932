//! What must not be opened is refused; who opens it has it alone, durable and strict.

use super::*;
use sea_orm::TransactionOptions;
use std::os::unix::fs::MetadataExt;

#[tokio::test]
async fn a_database_of_another_program_or_bank_is_refused() {
    let folder = TempDir::new().unwrap();
    let euros = config(folder.path(), &[("bank.currency", "EUR")]);
    let store = open(folder.path()).await;
    store.close().await.unwrap();
    match Store::open(&euros, sealer(), NOW).await {
        Err(OpenError::Currency { stored, configured }) => assert_eq!([stored, configured], ["INR", "EUR"]),
        other => panic!("{other:?}"),
    }
    let store = open(folder.path()).await;
    store.execute("INSERT INTO seaql_migrations VALUES ('m29990101_000001_later', 0)").await.unwrap();
    store.close().await.unwrap();
    match Store::open(&config(folder.path(), &[]), sealer(), NOW).await {
        Err(OpenError::NewerSchema(name)) => assert_eq!(name, "m29990101_000001_later"),
        other => panic!("{other:?}"),
    }
    std::fs::write(folder.path().join("bank.db"), "not a database, but long enough to be one ".repeat(100))
        .unwrap();
    let opened = Store::open(&config(folder.path(), &[]), sealer(), NOW).await;
    assert!(matches!(opened, Err(OpenError::Database(_))), "{opened:?}");
}

#[test]
fn one_atmd_has_a_data_directory() {
    let folder = TempDir::new().unwrap();
    let held = lock_data_dir(folder.path()).unwrap();
    match lock_data_dir(folder.path()) {
        Err(OpenError::InUse(path)) => assert_eq!(path, folder.path()),
        other => panic!("{other:?}"),
    }
    drop(held);
    drop(lock_data_dir(folder.path()).unwrap());
}

#[tokio::test]
async fn nobody_else_reads_the_files() {
    let folder = TempDir::new().unwrap();
    let _held = lock_data_dir(folder.path()).unwrap();
    let store = open(folder.path()).await;
    save(&store, &full_book(), 1).await;
    for name in ["bank.db", "bank.db-wal", "bank.db-shm", "atmd.lock"] {
        let mode = folder.path().join(name).metadata().unwrap().mode();
        assert_eq!(mode & 0o7777, 0o600, "{name}");
    }
}

#[tokio::test]
async fn every_connection_is_durable_and_strict() {
    let folder = TempDir::new().unwrap();
    let set = config(folder.path(), &[("database.read_connections", "3")]);
    let store = Store::open(&set, sealer(), NOW).await.unwrap();
    is_durable_and_strict(&**store.writer.lock().await).await;
    let mut readers = Vec::new();
    for _ in 0..3 {
        // Each begun transaction keeps a connection of its own.
        readers.push(store.readers.begin(TransactionOptions::default()).await.unwrap());
    }
    for reader in readers {
        is_durable_and_strict(&reader).await;
    }
}

async fn is_durable_and_strict(connection: &impl ConnectionTrait) {
    for (name, expected) in [
        ("synchronous", 2),
        ("foreign_keys", 1),
        ("busy_timeout", 10_000),
        ("page_size", 1_024),
        ("wal_autocheckpoint", 80_000),
        ("cache_size", -65_536),
    ] {
        let statement = Statement::from_string(connection.get_database_backend(), format!("PRAGMA {name}"));
        let row = connection.query_one_raw(statement).await.unwrap().unwrap();
        assert_eq!(row.try_get_by_index::<i64>(0).unwrap(), expected, "{name}");
    }
    let statement = Statement::from_string(connection.get_database_backend(), "PRAGMA journal_mode");
    let row = connection.query_one_raw(statement).await.unwrap().unwrap();
    assert_eq!(row.try_get_by_index::<String>(0).unwrap(), "wal");
}
