//! A backup has every row of every table, and ends when it should.

use super::*;
use crate::jobs::{Jobs, Running};
use crate::store::backup::{TABLES, copy_rows};
use crate::store::entity::{blacklist, checkpoint};
use crate::store::open::{bring_up_to_date, stored_bank};
use sea_orm::{EntityTrait, IntoActiveModel};

#[tokio::test]
async fn no_table_is_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    open(folder.path()).await.close().await.unwrap();
    let database = sqlite::scratch(&folder.path().join("bank.db")).await.unwrap();
    let sql = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%' AND name NOT LIKE 'seaql%'";
    let rows =
        database.query_all_raw(Statement::from_string(database.get_database_backend(), sql)).await.unwrap();
    let mut found: Vec<String> = rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect();
    found.sort();
    let mut known = TABLES.to_vec();
    known.sort_unstable();
    assert_eq!(found, known);
}

/// More rows than a page, keys of more than one column, and nothing of it twice.
#[tokio::test]
async fn all_rows_are_copied_by_pages() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let mut rows = Vec::new();
    for node in ["a", "b"] {
        rows.extend((0..1_500).map(|n| checkpoint::Model {
            node: node.to_owned(),
            file: format!("{n}"),
            next_seq: n,
            byte_length: n,
        }));
    }
    for part in rows.chunks(1_000) {
        let part = part.iter().cloned().map(IntoActiveModel::into_active_model);
        checkpoint::Entity::insert_many(part).exec_without_returning(&store.readers).await.unwrap();
    }
    let path = folder.path().join("copy.db");
    sqlite::create_private(&path).unwrap();
    let to = sqlite::scratch(&path).await.unwrap();
    bring_up_to_date(&to).await.unwrap();
    let from = store.begin_snapshot().await.unwrap();
    copy_rows(&from, &to, &|_| ()).await.unwrap();
    let copied = checkpoint::Entity::find().all(&to).await.unwrap();
    let sorted = |mut rows: Vec<checkpoint::Model>| {
        rows.sort_by(|a, b| (&a.node, &a.file).cmp(&(&b.node, &b.file)));
        rows
    };
    assert_eq!(sorted(copied), sorted(rows));
    assert!(stored_bank(&to).await.unwrap().is_some());
}

#[tokio::test]
async fn a_copy_that_is_to_end_ends() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let running = Running { method: "test", operator: "root".into(), since: NOW };
    let (owner, ticket) = Jobs::default().begin(running).unwrap();
    let job = Arc::clone(ticket.job());
    store.copy_to(&folder.path().join("one.db"), &job).await.unwrap();
    drop(owner);
    // SQLite asks after so many steps, which a bank without rows does not take.
    let rows = (0..60_000).map(|id| blacklist::Model {
        number: id,
        id,
        reason: "stolen".to_owned(),
        actor: "root".to_owned(),
        since: 1,
        until: None,
    });
    for part in rows.collect::<Vec<_>>().chunks(1_000) {
        let part = part.iter().cloned().map(IntoActiveModel::into_active_model);
        blacklist::Entity::insert_many(part).exec_without_returning(&store.readers).await.unwrap();
    }
    let stopped = store.copy_to(&folder.path().join("two.db"), &job).await.unwrap_err();
    assert!(stopped.to_string().contains("interrupted"), "{stopped}");
}
