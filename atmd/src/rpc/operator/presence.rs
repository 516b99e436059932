//! Who is connected now, so that whoever is disabled can be sent away at once.

use crate::rpc::listen::End;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio_util::sync::CancellationToken;

/// The operators' connections, by operator.
#[derive(Clone, Debug, Default)]
pub struct Presence {
    connected: Arc<Mutex<Connected>>,
}

#[derive(Debug, Default)]
struct Connected {
    newest: u64,
    by_operator: HashMap<String, HashMap<u64, Ends>>,
}

/// What ends a connection, in the one way or the other.
#[derive(Clone, Debug, Default)]
struct Ends {
    at_once: CancellationToken,
    in_order: CancellationToken,
}

/// One connection's place. Given back when dropped.
#[derive(Debug)]
pub(super) struct Present {
    presence: Presence,
    operator: String,
    id: u64,
    ends: Ends,
}

impl Presence {
    /// An operator has one connection more.
    pub(super) fn enter(&self, operator: &str) -> Present {
        let mut connected = self.connected();
        connected.newest += 1;
        let (id, ends) = (connected.newest, Ends::default());
        connected.by_operator.entry(operator.to_owned()).or_default().insert(id, ends.clone());
        Present { presence: self.clone(), operator: operator.to_owned(), id, ends }
    }

    /// Ends all connections of an operator. The one that asked for it gets its answer.
    pub(super) fn end(&self, operator: &str, asked: &Present) {
        for (id, ends) in self.connected().by_operator.get(operator).into_iter().flatten() {
            let end = if *id == asked.id { &ends.in_order } else { &ends.at_once };
            end.cancel();
        }
    }

    fn connected(&self) -> MutexGuard<'_, Connected> {
        self.connected.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Present {
    /// Has the connection end when what is under way on it is answered.
    pub(super) fn leave(&self) {
        self.ends.in_order.cancel();
    }

    /// Waits until the connection must end, and says how.
    pub(super) async fn ended(&self) -> End {
        tokio::select! {
            () = self.ends.at_once.cancelled() => End::AtOnce,
            () = self.ends.in_order.cancelled() => End::InOrder,
        }
    }
}

impl Drop for Present {
    fn drop(&mut self) {
        let mut connected = self.presence.connected();
        if let Some(of_operator) = connected.by_operator.get_mut(&self.operator) {
            of_operator.remove(&self.id);
            if of_operator.is_empty() {
                connected.by_operator.remove(&self.operator);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_who_are_there_are_sent_away_and_no_others() {
        let presence = Presence::default();
        let there = [presence.enter("a"), presence.enter("a"), presence.enter("b")];
        presence.end("a", &there[0]);
        presence.end("nobody", &there[0]);
        let ended =
            |present: &Present| (present.ends.at_once.is_cancelled(), present.ends.in_order.is_cancelled());
        assert_eq!(there.each_ref().map(ended), [(false, true), (true, false), (false, false)]);
        let later = presence.enter("a");
        assert_eq!(ended(&later), (false, false));
        drop((there, later));
        assert!(presence.connected().by_operator.is_empty(), "nothing is kept of those who left");
    }
}
