//! Journal, audit log and seals: every hash, the chain, and that nothing is missing, added or out of order.

use super::books::Books;
use super::{Finding, Place};
use crate::ledger::entry::Entry;
use crate::ledger::request::Audit;
use crate::seal::{BatchHasher, RowMac, Seal, SealMac, Sealer};
use crate::store::SealHead;
use crate::store::verify::Kept;
use atm_rpc::operator::ledger::Check;
use std::iter::Peekable;

/// What was seen of the history so far. Rows are given in one go or in several that follow each other.
pub struct History<'a> {
    sealer: &'a Sealer,
    found: &'a mut dyn FnMut(Finding),
    /// Balances, from the entries.
    pub books: Books,
    /// Heads that the chain must have: seals that somebody saw before.
    heads: Vec<SealHead>,
    counts: Counts,
    seal: i64,
    mac: SealMac,
    sealed: Sealed,
}

impl std::fmt::Debug for History<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "History to seal {}", self.seal)
    }
}

/// How many rows were seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Entries of the journal.
    pub entries: u64,
    /// Rows of the audit log.
    pub audits: u64,
    /// Seals.
    pub seals: u64,
}

/// The newest rows that a seal tells of, or that were seen.
#[derive(Clone, Copy, Debug, Default)]
struct Sealed {
    seq: i64,
    audit: i64,
}

/// Rows of one table in the order of their places; an error where they cannot be read.
type Rows<I> = Peekable<I>;

impl<'a> History<'a> {
    /// Before the first row. `found` is told of every difference.
    pub fn new(sealer: &'a Sealer, heads: Vec<SealHead>, found: &'a mut dyn FnMut(Finding)) -> Self {
        let (books, counts, sealed) = (Books::default(), Counts::default(), Sealed::default());
        Self { sealer, found, books, heads, counts, seal: 0, mac: [0; 32], sealed }
    }

    /// How many rows were seen.
    #[must_use]
    pub const fn counts(&self) -> Counts {
        self.counts
    }

    /// The last entry that was seen.
    #[must_use]
    pub const fn last_seq(&self) -> i64 {
        self.sealed.seq
    }

    /// The last seal that was seen.
    #[must_use]
    pub const fn head(&self) -> SealHead {
        SealHead { id: self.seal, mac: self.mac }
    }

    /// Takes seals, and the entries and audit rows that they tell of.
    ///
    /// # Errors
    /// Where rows cannot be read; what was found until then is not the whole.
    pub fn follow<E>(
        &mut self,
        seals: impl Iterator<Item = Result<Kept<Seal>, E>>,
        entries: &mut Rows<impl Iterator<Item = Result<Kept<Entry>, E>>>,
        audits: &mut Rows<impl Iterator<Item = Result<Kept<Audit>, E>>>,
    ) -> Result<(), E> {
        let mut seals = seals.peekable();
        while let Some(kept) = seals.next() {
            let kept = kept?;
            self.place_of_seal(kept.place);
            match &kept.row {
                Ok(seal) => {
                    let next = match seals.peek() {
                        Some(Ok(Kept { row: Ok(next), .. })) => Some(Sealed::by(next)),
                        _ => None,
                    };
                    let to = Sealed::by(seal).within(self.sealed, next);
                    let mac = self.batch(seal, to, entries, audits)?;
                    if kept.mac != mac.mac() {
                        (self.found)(Finding::at(Check::SealHash, Place::Seal(kept.place)));
                    }
                    self.seal_follows(seal);
                }
                // Its batch is looked at with the next one, whose hash then differs, too.
                Err(fault) => (self.found)(Finding::fault(Place::Seal(kept.place), fault)),
            }
            // What comes after it is over what is stored, so that one wrong seal is one finding.
            self.mac = kept.mac.as_slice().try_into().unwrap_or(self.mac);
            self.compare_heads(kept.place);
        }
        Ok(())
    }

    /// The seals are over for now: what is left is in no batch.
    ///
    /// # Errors
    /// Where rows cannot be read.
    pub fn rest<E>(
        &mut self,
        entries: &mut Rows<impl Iterator<Item = Result<Kept<Entry>, E>>>,
        audits: &mut Rows<impl Iterator<Item = Result<Kept<Audit>, E>>>,
    ) -> Result<(), E> {
        for kept in entries {
            let kept = kept?;
            (self.found)(Finding::at(Check::RowUnsealed, Place::Entry(kept.place)));
            self.entry(&kept);
        }
        for kept in audits {
            let kept = kept?;
            (self.found)(Finding::at(Check::RowUnsealed, Place::Audit(kept.place)));
            self.audit(&kept);
        }
        Ok(())
    }

    /// The history is over: no head may lie behind.
    pub fn end(&mut self) {
        let lost: Vec<i64> = self.heads.iter().map(|head| head.id).filter(|id| *id > self.seal).collect();
        for id in lost {
            let ends = format!("history ends at seal {}", self.seal);
            let finding = Finding::at(Check::SealHead, Place::Seal(id));
            (self.found)(Finding { found: Some(ends.as_str().into()), ..finding });
        }
    }

    /// Takes the rows of a batch, and gives the hash that its seal must have.
    fn batch<E>(
        &mut self,
        seal: &Seal,
        to: Sealed,
        entries: &mut Rows<impl Iterator<Item = Result<Kept<Entry>, E>>>,
        audits: &mut Rows<impl Iterator<Item = Result<Kept<Audit>, E>>>,
    ) -> Result<BatchHasher, E> {
        let mut hasher = self.sealer.batch(&self.mac, seal);
        while let Some(kept) = entries.next_if(|kept| up_to(kept, to.seq)) {
            let kept = kept?;
            self.entry(&kept);
            hasher.row(&row_mac(&kept.mac));
        }
        self.missing(Place::Entry(self.sealed.seq.saturating_add(1)), to.seq - self.sealed.seq);
        while let Some(kept) = audits.next_if(|kept| up_to(kept, to.audit)) {
            let kept = kept?;
            self.audit(&kept);
            hasher.row(&row_mac(&kept.mac));
        }
        self.missing(Place::Audit(self.sealed.audit.saturating_add(1)), to.audit - self.sealed.audit);
        self.sealed = to;
        Ok(hasher)
    }

    fn place_of_seal(&mut self, place: i64) {
        self.counts.seals += 1;
        if place < 1 {
            return (self.found)(Finding::at(Check::RowUnsealed, Place::Seal(place)));
        }
        self.missing(Place::Seal(self.seal.saturating_add(1)), place - self.seal - 1);
        self.seal = place;
    }

    /// The other fields of a seal.
    fn seal_follows(&mut self, seal: &Seal) {
        let place = Place::Seal(seal.id);
        for (column, before, now) in
            [("last_seq", self.sealed.seq, seal.last_seq), ("last_audit", self.sealed.audit, seal.last_audit)]
        {
            if before != now {
                (self.found)(Finding::of(Check::SealOrder, place, column, before, now));
            }
        }
        self.books.batch_ends(seal, self.found);
    }

    fn compare_heads(&mut self, place: i64) {
        for head in &self.heads {
            if head.id == place && head.mac != self.mac {
                let finding = Finding::at(Check::SealHead, Place::Seal(place));
                (self.found)(Finding { found: Some("another batch".into()), ..finding });
            }
        }
    }

    fn entry(&mut self, kept: &Kept<Entry>) {
        let place = Place::Entry(kept.place);
        self.counts.entries += 1;
        if kept.place < 1 {
            return (self.found)(Finding::at(Check::RowUnsealed, place));
        }
        self.missing(Place::Entry(self.sealed.seq.saturating_add(1)), kept.place - self.sealed.seq - 1);
        self.sealed.seq = kept.place;
        match &kept.row {
            Ok(entry) => {
                if kept.mac != self.sealer.entry(entry) {
                    (self.found)(Finding::at(Check::RowHash, place));
                }
                self.books.entry(entry, self.found);
            }
            Err(fault) => (self.found)(Finding::fault(place, fault)),
        }
    }

    fn audit(&mut self, kept: &Kept<Audit>) {
        let place = Place::Audit(kept.place);
        self.counts.audits += 1;
        if kept.place < 1 {
            return (self.found)(Finding::at(Check::RowUnsealed, place));
        }
        self.missing(Place::Audit(self.sealed.audit.saturating_add(1)), kept.place - self.sealed.audit - 1);
        self.sealed.audit = kept.place;
        match &kept.row {
            Ok(audit) if kept.mac != self.sealer.audit(audit) => {
                (self.found)(Finding::at(Check::RowHash, place));
            }
            Ok(_) => {}
            Err(fault) => (self.found)(Finding::fault(place, fault)),
        }
    }

    /// Tells of so many places that are empty from one on.
    fn missing(&mut self, first: Place, count: i64) {
        if count > 0 {
            let rows = if count == 1 { "1 row".to_owned() } else { format!("{count} rows") };
            let finding = Finding::at(Check::RowMissing, first);
            let (expected, found) = (Some(rows.as_str().into()), Some("nothing".into()));
            (self.found)(Finding { expected, found, ..finding });
        }
    }
}

impl Sealed {
    const fn by(seal: &Seal) -> Self {
        Self { seq: seal.last_seq, audit: seal.last_audit }
    }

    /// Not before what was seen and not behind the next seal, so that one wrong number does not put all the
    /// batches after it out of step.
    fn within(self, seen: Self, next: Option<Self>) -> Self {
        let next = next.unwrap_or(self);
        Self { seq: self.seq.min(next.seq).max(seen.seq), audit: self.audit.min(next.audit).max(seen.audit) }
    }
}

fn up_to<T, E>(kept: &Result<Kept<T>, E>, place: i64) -> bool {
    kept.as_ref().map_or(true, |kept| kept.place <= place)
}

/// The hash of a row as it went into the seal; one that cannot be is told by the seal, too.
fn row_mac(mac: &[u8]) -> RowMac {
    mac.try_into().unwrap_or_default()
}
