//! What of a file is in the cache, and is still what the file has.

use crate::cache::{FORMAT, Head, LEDGER_TEXT_MAX, Shelf, encode};
use crate::read::block::{Block, Part};
use crate::read::days::Days;
use crate::read::feed::PART_BYTES;
use crate::read::source::Source;
use crate::read::words::Words;
use atm_ledger_csv::dialect::Rules;
use atm_ledger_csv::fault::Faults;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::io::{self, Read};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How much is read at once to be compared: as much as stays near the processor.
const COMPARED_BYTES: usize = 256 * 1024;

/// The parts of a file that are in the cache.
#[derive(Debug)]
pub(super) struct Known {
    shelf: Option<Shelf>,
    /// By where they begin in the file.
    parts: Mutex<BTreeMap<u64, Arc<Head>>>,
    /// How many of them were there before.
    believed: AtomicU64,
    /// Whether a part was put there.
    grown: AtomicBool,
}

impl Known {
    /// Of a file; nothing of one that comes through a pipe, is packed, or is as short as a part.
    pub(super) fn of(source: &Source, rules: &Rules, root: Option<&Path>) -> Self {
        let root = root.filter(|_| source.bytes() > PART_BYTES as u64);
        let shelf = root.and_then(|root| Shelf::of(root, &identity(source, rules)?));
        Self { shelf, parts: Mutex::default(), believed: AtomicU64::new(0), grown: AtomicBool::new(false) }
    }

    /// The part that begins there.
    pub(super) fn part(&self, offset: u64) -> Option<Arc<Head>> {
        self.parts().get(&offset).map(Arc::clone)
    }

    pub(super) const fn shelf(&self) -> Option<&Shelf> {
        self.shelf.as_ref()
    }

    pub(super) fn has_grown(&self) -> bool {
        self.grown.load(Ordering::Relaxed)
    }

    /// How many parts the cache had that are still what the file has.
    pub(super) fn believed(&self) -> u64 {
        self.believed.load(Ordering::Relaxed)
    }

    /// Keeps a part that was read, if there is a place for it.
    pub(super) fn keep(
        &self,
        offset: u64,
        part: Part<'_>,
        (block, days): (&Block, &Days),
        faults: &Faults,
        words: &Words,
    ) {
        let Some(shelf) = self.shelf.as_ref().filter(|_| offset < LEDGER_TEXT_MAX) else { return };
        let encoded = encode(block, days.clone(), faults, part.lines, part.text, words.all());
        let Some((head, bytes)) = encoded else { return };
        if shelf.put(offset, &bytes).is_ok() {
            self.grown.store(true, Ordering::Relaxed);
            self.parts().insert(offset, Arc::new(head));
        }
    }

    /// The parts that the cache has one behind the other, not yet compared with the file.
    fn chain(&self, source: &Source) -> Vec<(u64, Head)> {
        let (Some(shelf), Some(dialect)) = (&self.shelf, source.dialect()) else { return Vec::new() };
        let mut offset = dialect.begins as u64;
        let mut chain = Vec::new();
        while let Some(head) = shelf.head(offset) {
            let end = offset.saturating_add(head.text_bytes);
            if end > source.bytes() {
                break;
            }
            chain.push((offset, head));
            offset = end;
        }
        chain
    }

    fn parts(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<Head>>> {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What makes rows of a file what they are, beside its bytes.
fn identity(source: &Source, rules: &Rules) -> Option<Vec<u8>> {
    let path = source.path()?;
    let zone = rules_of(&rules.zone);
    let version = env!("CARGO_PKG_VERSION");
    let rest = format!("{path:?} {FORMAT} {version} {zone} {} {:?}", rules.decimals, source.dialect()?);
    Some(rest.into_bytes())
}

/// A zone's name says nothing of its rules, which change as governments change them.
fn rules_of(zone: &TimeZone) -> String {
    let mut all = format!("{zone:?} {}", zone.to_offset(Timestamp::MIN));
    let until =
        jiff::civil::date(2200, 1, 1).to_zoned(TimeZone::UTC).map_or(Timestamp::MAX, |at| at.timestamp());
    let mut last = Timestamp::MIN;
    // Where a file tells nothing of the future, its last change comes again and again.
    for change in zone.following(last) {
        if change.timestamp() <= last || change.timestamp() >= until {
            break;
        }
        last = change.timestamp();
        // A text takes all.
        let _ = write!(all, " {}{}", last.as_second(), change.offset());
    }
    all
}

/// Compares what the cache has of files with the files, on several threads, each of which calls
/// [`work`](Self::work).
pub(super) struct Comparison<'l> {
    tasks: Vec<Task<'l>>,
    next: AtomicU64,
}

/// A part to compare.
struct Task<'l> {
    source: &'l Source,
    known: &'l Known,
    offset: u64,
    head: Head,
    is_same: AtomicBool,
}

impl<'l> Comparison<'l> {
    pub(super) fn of(files: impl Iterator<Item = (&'l Source, &'l Known)>) -> Self {
        let tasks = files.flat_map(|(source, known)| {
            let task =
                move |(offset, head)| Task { source, known, offset, head, is_same: AtomicBool::new(false) };
            known.chain(source).into_iter().map(task)
        });
        Self { tasks: tasks.collect(), next: AtomicU64::new(0) }
    }

    /// Compares until nothing is left.
    pub(super) fn work(&self) {
        let mut buffer = vec![0; COMPARED_BYTES];
        loop {
            let next = usize::try_from(self.next.fetch_add(1, Ordering::Relaxed)).unwrap_or(usize::MAX);
            let Some(task) = self.tasks.get(next) else { return };
            let same = is_same(task, &mut buffer).unwrap_or(false);
            task.is_same.store(same, Ordering::Relaxed);
        }
    }

    /// Believes the parts up to the first that is not the same, and has the cache forget the rest.
    pub(super) fn finish(self, files: impl Iterator<Item = (&'l Source, &'l Known)>) {
        for task in self.tasks {
            let mut parts = task.known.parts();
            let end = parts.last_key_value().map(|(offset, head)| offset + head.text_bytes);
            let follows = end.is_none_or(|end| end == task.offset);
            if task.is_same.into_inner() && follows && (end.is_some() || task.offset == begins(task.source)) {
                parts.insert(task.offset, Arc::new(task.head));
                task.known.believed.fetch_add(1, Ordering::Relaxed);
            }
        }
        for (source, known) in files {
            let end = known.parts().last_key_value().map(|(offset, head)| offset + head.text_bytes);
            if let Some(shelf) = &known.shelf {
                shelf.forget(end.unwrap_or_else(|| begins(source)));
            }
        }
    }
}

fn begins(source: &Source) -> u64 {
    source.dialect().map_or(0, |dialect| dialect.begins as u64)
}

fn is_same(task: &Task<'_>, buffer: &mut [u8]) -> io::Result<bool> {
    let mut text = task.source.text(task.offset)?.take(task.head.text_bytes);
    let mut hasher = blake3::Hasher::new();
    loop {
        match text.read(buffer)? {
            0 => return Ok(*hasher.finalize().as_bytes() == task.head.text_digest),
            read => {
                hasher.update(buffer.get(..read).unwrap_or_default());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A zone of one offset, as tzdata has it.
    fn zone(offset: i32) -> TimeZone {
        let counts = [0, 0, 0, 0, 1, 4_u32].map(u32::to_be_bytes).concat();
        let rules = [&offset.to_be_bytes()[..], &[0, 0], b"ABC\0"].concat();
        TimeZone::tzif("Europe/Berlin", &[b"TZif\0", &[0; 15][..], &counts, &rules].concat()).unwrap()
    }

    #[test]
    fn a_zone_with_other_rules_is_another_one_whatever_its_name() {
        assert_eq!(rules_of(&zone(3_600)), rules_of(&zone(3_600)));
        assert_ne!(rules_of(&zone(3_600)), rules_of(&zone(7_200)));
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        assert!(rules_of(&berlin).matches('+').count() > 100, "its changes are told");
        assert_ne!(rules_of(&berlin), rules_of(&zone(3_600)));
    }
}
