//! Heads of the chain of seals that this process has seen: kept in memory, where nobody who changes the database
//! can change them.

use super::SealHead;
use std::sync::{Mutex, PoisonError};

/// The newest head, and one that was lost.
#[derive(Debug)]
pub(super) struct SealedHeads {
    seen: Mutex<Seen>,
}

#[derive(Debug)]
struct Seen {
    newest: SealHead,
    /// The newest one when a batch was sealed that does not come after it: somebody had cut history off.
    lost: Option<SealHead>,
}

impl SealedHeads {
    pub(super) const fn new(newest: SealHead) -> Self {
        Self { seen: Mutex::new(Seen { newest, lost: None }) }
    }

    /// This process has committed that seal.
    pub(super) fn remember(&self, head: SealHead) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if head.id <= seen.newest.id {
            let before = seen.newest;
            seen.lost.get_or_insert(before);
        }
        seen.newest = head;
    }

    /// What history must have.
    pub(super) fn seen(&self) -> Vec<SealHead> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let heads = [Some(seen.newest), seen.lost];
        heads.into_iter().flatten().filter(|head| head.id > 0).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_that_was_lost_is_not_forgotten() {
        let head = |id, byte| SealHead { id, mac: [byte; 32] };
        let heads = SealedHeads::new(head(0, 0));
        assert_eq!(heads.seen(), []);
        heads.remember(head(1, 1));
        heads.remember(head(2, 2));
        assert_eq!(heads.seen(), [head(2, 2)]);
        // Both were cut off, and the chain goes on from the beginning.
        heads.remember(head(1, 3));
        heads.remember(head(2, 4));
        heads.remember(head(3, 5));
        assert_eq!(heads.seen(), [head(3, 5), head(2, 2)]);
    }
}
