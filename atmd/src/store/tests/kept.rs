//! What one batch leaves to the next is what a reader of the database would find.

use super::*;

fn needs() -> Needs {
    Needs { accounts: [alice(), bob()].into(), sessions: [SessionId(1)].into(), ..Needs::default() }
}

/// What the next batch has to decide on.
async fn loaded(store: &Store) -> Book {
    let mut transaction = store.begin().await.unwrap();
    let (book, _) = transaction.load(&needs()).await.unwrap();
    transaction.rollback().await.unwrap();
    book
}

/// A batch in which everything that is kept changes: balance, blacklist, session.
async fn change(store: &Store, posted: i64, batch: u8, how: End) {
    let mut transaction = store.begin().await.unwrap();
    let (mut book, head) = transaction.load(&needs()).await.unwrap();
    let account = account(AccountState::Active, None);
    book.accounts.insert(alice(), Account { posted: Money::from_minor(posted), ..account });
    book.changes.accounts.insert(alice());
    if book.blacklist.remove(&alice()).is_none() {
        let (reason, actor) = (String::from("lost"), String::from("root"));
        book.blacklist.insert(alice(), Listed { id: posted, reason, actor, since: NOW, until: None });
    }
    book.changes.listed.insert(alice());
    let attachment = i32::try_from(posted).unwrap();
    book.sessions.insert(SessionId(1), Session { attachment, ..session(1, None) });
    book.changes.sessions.insert(SessionId(1));
    transaction.save(&book, head, [batch; 16], NOW).await.unwrap();
    match how {
        End::Commit => transaction.commit().await.unwrap(),
        End::Rollback => transaction.rollback().await.unwrap(),
    }
}

/// Balance, whether it is listed, and the session's turn.
fn seen(book: &Book) -> (Option<i64>, bool, Option<i32>) {
    (
        book.accounts.get(&alice()).map(|account| account.posted.minor()),
        book.blacklist.contains_key(&alice()),
        book.sessions.get(&SessionId(1)).map(|session| session.attachment),
    )
}

#[tokio::test]
async fn a_batch_finds_what_the_one_before_it_wrote_and_does_not_read_it_again() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path()).await;
    assert_eq!(seen(&loaded(&store).await), (None, false, None));
    change(&store, 5, 1, End::Commit).await;
    // Nobody may do this while atmd runs; here it tells what was read from what was kept.
    store.execute("UPDATE account SET posted_minor = 6").await.unwrap();
    assert_eq!(seen(&loaded(&store).await), (Some(5), true, Some(5)));
    change(&store, 7, 2, End::Commit).await;
    assert_eq!(seen(&loaded(&store).await), (Some(7), false, Some(7)));
}

#[tokio::test]
async fn a_batch_that_was_rolled_back_leaves_nothing() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path()).await;
    change(&store, 5, 1, End::Commit).await;
    change(&store, 6, 2, End::Rollback).await;
    assert_eq!(seen(&loaded(&store).await), (Some(5), true, Some(5)));
}

#[tokio::test]
async fn what_another_node_wrote_is_read() {
    let folder = TempDir::new().unwrap();
    let (one, other) = (open(folder.path()).await, open(folder.path()).await);
    change(&one, 5, 1, End::Commit).await;
    change(&other, 6, 2, End::Commit).await;
    assert_eq!(seen(&loaded(&one).await), (Some(6), false, Some(6)));
    change(&one, 7, 3, End::Commit).await;
    assert_eq!(seen(&loaded(&other).await), (Some(7), true, Some(7)));
}

#[tokio::test]
async fn a_session_that_ended_is_still_found() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path()).await;
    change(&store, 5, 1, End::Commit).await;
    let mut transaction = store.begin().await.unwrap();
    let (mut book, head) = transaction.load(&needs()).await.unwrap();
    let ended = Some((NOW, SessionEnd::Exited));
    book.sessions.get_mut(&SessionId(1)).unwrap().ended = ended;
    book.changes.sessions.insert(SessionId(1));
    transaction.save(&book, head, [2; 16], NOW).await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(loaded(&store).await.sessions[&SessionId(1)].ended, ended);
}
