//! What one batch leaves to the next is what a reader of the database would find.

use super::*;
use proptest::prelude::*;

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

/// A batch of one of two nodes: what it asks for, what it changes, and how it ends.
#[derive(Clone, Debug)]
struct Step {
    other_node: bool,
    whose: AccountId,
    session: u8,
    by_token: bool,
    with_open_sessions: bool,
    posted: Option<i64>,
    listed: Option<bool>,
    session_ends: Option<bool>,
    end: Ending,
}

#[derive(Clone, Copy, Debug)]
enum Ending {
    Commit,
    /// Before anything is written.
    RollBackUnwritten,
    RollBack,
    /// The connection is gone with the transaction.
    Break,
}

fn step() -> impl Strategy<Value = Step> {
    let ending = prop_oneof![
        6 => Just(Ending::Commit),
        1 => Just(Ending::RollBackUnwritten),
        1 => Just(Ending::RollBack),
        1 => Just(Ending::Break),
    ];
    let asked =
        (any::<bool>(), prop_oneof![Just(alice()), Just(bob())], 1_u8..4, any::<bool>(), any::<bool>());
    let changed = (proptest::option::of(1_i64..9), any::<Option<bool>>(), any::<Option<bool>>());
    (asked, changed, ending).prop_map(|(asked, changed, end)| {
        let (other_node, whose, session, by_token, with_open_sessions) = asked;
        let (posted, listed, session_ends) = changed;
        Step { other_node, whose, session, by_token, with_open_sessions, posted, listed, session_ends, end }
    })
}

impl Step {
    fn needs(&self) -> Needs {
        let mut needs = Needs { accounts: [self.whose].into(), ..Needs::default() };
        if self.by_token {
            needs.tokens.insert([self.session; 32]);
        } else {
            needs.sessions.insert(SessionId(self.session.into()));
        }
        if self.with_open_sessions {
            needs.open_sessions.insert(self.whose);
        }
        needs
    }

    fn change(&self, book: &mut Book, number: u8) {
        let whose = self.whose;
        if let Some(posted) = self.posted {
            let account = account(AccountState::Active, None);
            book.accounts.insert(whose, Account { posted: Money::from_minor(posted), ..account });
            book.changes.accounts.insert(whose);
        }
        if let Some(on) = self.listed {
            book.blacklist.remove(&whose);
            if on {
                book.blacklist.insert(whose, listed(number.into(), None));
            }
            book.changes.listed.insert(whose);
        }
        if let Some(ends) = self.session_ends {
            let id = SessionId(self.session.into());
            book.sessions.insert(id, session(self.session, ends.then_some(SessionEnd::Idle)));
            book.changes.sessions.insert(id);
        }
    }
}

/// Has two nodes do these, and compares what each batch is given with what is in the database.
async fn play(steps: &[Step]) {
    let folder = TempDir::new().unwrap();
    let nodes = [open(folder.path()).await, open(folder.path()).await];
    for (number, step) in (1..).zip(steps) {
        let node = &nodes[usize::from(step.other_node)];
        let mut transaction = node.begin().await.unwrap();
        let (mut book, head) = transaction.load(&step.needs()).await.unwrap();
        let read = node.preview(&step.needs()).await.unwrap();
        assert_eq!(book, read, "batch {number}");
        step.change(&mut book, number);
        if !matches!(step.end, Ending::RollBackUnwritten) {
            transaction.save(&book, head, [number; 16], NOW).await.unwrap();
        }
        match step.end {
            Ending::Commit => transaction.commit().await.unwrap(),
            Ending::RollBack | Ending::RollBackUnwritten => transaction.rollback().await.unwrap(),
            Ending::Break => {
                drop(transaction);
                node.renew_writer().await.unwrap();
            }
        }
    }
    for node in nodes {
        node.close().await.unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(24) })]

    #[test]
    fn whatever_becomes_of_batches_the_next_one_is_given_what_is_stored(
        steps in proptest::collection::vec(step(), 1..40),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(play(&steps));
    }
}
