//! The ledgers as polars frames: read in parts by all processors, in bounded memory, exactly.
//!
//! [`Ledger::open`] looks at the files and reads nothing of their rows. A report then goes through the rows with
//! [`Ledger::query`], or with [`Ledger::blocks`] where it needs more than a query. It names the columns that it needs, and
//! gets blocks of some hundred thousand rows, each a [`DataFrame`] of exactly these columns, in the order of the files:
//!
//! | column | type | what |
//! | --- | --- | --- |
//! | `number` | i64 | the customer, as `MobileNumber::packed` has it; 0 where it was the bank itself |
//! | `action` | u8 | what happened: [`Ledger::action_index`] gives the index of a word, [`Ledger::actions`] all words |
//! | `amount` | i64, may be null | minor units |
//! | `user_balance` | i64, may be null | minor units; all null in bank.csv |
//! | `bank_balance` | i64, may be null | minor units |
//! | `at` | i64 | milliseconds since 1970, UTC |
//! | `day` | i32 | the day in the bank's zone, days since 1970-01-01 (`BusinessDate::from_days`) |
//! | `hour` | u8 | the hour in the bank's zone, 0 to 23 |
//! | `session_start` | i64, may be null | milliseconds since 1970, UTC; all null in bank.csv |
//! | `elapsed_cs` | i64, may be null | hundredths of a second; all null in bank.csv |
//! | `file` | i32 | which of the files, the first is 0: [`Ledger::file_name`] |
//! | `line` | i64 | the line of the file where the row begins |
//!
//! A sum of amounts may leave i64, and polars would wrap it: sum `amount.cast(Int128)`. All integers are signed, so that
//! comparing with a literal never becomes a float.
//!
//! The words of actions have their index by when they were first met, but for those that atmd knows (`Action::ALL`, in
//! its order): sort by the word, not by the index.
//!
//! Every pass goes through the same bytes: what is appended after [`Ledger::open`] is not seen. A pipe is put into
//! a temporary file first, so it can be gone through again like any file. Malformed rows are left out; after a pass
//! [`Ledger::account`] tells of them. It is the same whichever columns were asked for.
//!
//! Drop the ledger before printing rows: it may hold a bar on the terminal.

mod account;
pub(crate) mod block;
pub(crate) mod calendar;
pub(crate) mod days;
mod feed;
mod frame;
mod known;
mod partials;
mod source;
mod step;
mod words;

pub use account::{Account, FileAccount};
pub use days::{Day, Days, Moved};

use crate::cache::{Stored, Wanted, make_room};
use crate::read::block::Block;
use crate::read::calendar::Calendar;
use crate::read::feed::{Asked, Feed, Found};
use crate::read::known::{Comparison, Known};
use crate::read::partials::Partials;
use crate::read::source::Source;
use crate::read::words::Words;
use atm_ledger_csv::dialect::{Kind, Rules};
use atm_plugin_sdk::Progress;
use atm_rpc::plugin::{Code, Failure};
use atm_rpc::types::mobile::MobileNumber;
use jiff::tz::TimeZone;
use polars::prelude::{DataFrame, IntoLazy, LazyFrame, PolarsResult};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, Once, PoisonError};
use std::thread;
use std::time::SystemTime;

/// The most threads that read. More would need more memory and wait for the one file.
const THREADS_MAX: usize = 8;

/// How to read.
#[derive(Debug)]
pub struct Options {
    /// The bank's zone: for days and hours, and for times in the files that have no zone.
    pub zone: TimeZone,
    /// The decimals of the bank's currency.
    pub decimals: u8,
    /// Where what was read is kept for the next time; `None`: nowhere.
    pub cache: Option<PathBuf>,
    /// A bar for the person who waits. It is shown when it takes longer than a second.
    pub progress: Option<Progress>,
}

/// A column of the frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column {
    /// `number`
    Number,
    /// `action`
    Action,
    /// `amount`
    Amount,
    /// `user_balance`
    UserBalance,
    /// `bank_balance`
    BankBalance,
    /// `at`
    At,
    /// `day`
    Day,
    /// `hour`
    Hour,
    /// `session_start`
    SessionStart,
    /// `elapsed_cs`
    ElapsedCs,
    /// `file`
    File,
    /// `line`
    Line,
}

impl Column {
    /// Which column of a block it is made of, if it is.
    const fn stored(self) -> Option<Stored> {
        Some(match self {
            Self::Number => Stored::Number,
            Self::Action => Stored::Action,
            Self::Amount => Stored::Amount,
            Self::UserBalance => Stored::UserBalance,
            Self::BankBalance => Stored::BankBalance,
            Self::At | Self::Day | Self::Hour => Stored::At,
            Self::SessionStart => Stored::SessionStart,
            Self::ElapsedCs => Stored::Elapsed,
            Self::Line => Stored::Line,
            Self::File => return None,
        })
    }

    /// Its name in the frames.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Number => "number",
            Self::Action => "action",
            Self::Amount => "amount",
            Self::UserBalance => "user_balance",
            Self::BankBalance => "bank_balance",
            Self::At => "at",
            Self::Day => "day",
            Self::Hour => "hour",
            Self::SessionStart => "session_start",
            Self::ElapsedCs => "elapsed_cs",
            Self::File => "file",
            Self::Line => "line",
        }
    }
}

/// One or more files of the same ledger, one behind the other.
#[derive(Debug)]
pub struct Ledger {
    files: Vec<File>,
    kind: Option<Kind>,
    rules: Rules,
    calendar: Calendar,
    words: Words,
    cache: Option<PathBuf>,
    /// Whether the cache was compared with the files.
    compared: Once,
    progress: Option<Progress>,
    account: Mutex<Account>,
}

/// A file, and what is known of it.
#[derive(Debug)]
struct File {
    source: Source,
    known: Known,
}

impl Ledger {
    /// Opens files: plain ones, such as end with `.gz` or `.zst`, and `-` for what comes through a pipe.
    ///
    /// # Errors
    /// Where one cannot be read or is no ledger, or where they are not all the same ledger.
    pub fn open(files: &[PathBuf], options: Options) -> Result<Self, Failure> {
        let rules = Rules { zone: options.zone, decimals: options.decimals };
        let sources = files.iter().map(|path| Source::open(path, options.progress.as_ref()));
        let sources = sources.collect::<Result<Vec<_>, _>>()?;
        for (at, source) in sources.iter().enumerate() {
            if sources[..at].iter().any(|before| before.is_same(source)) {
                let twice = format!("{} is given twice", source.name());
                return Err(Failure::new(Code::Usage, twice).hint("each row would count twice"));
            }
        }
        let mut known = sources.iter().filter_map(|source| Some((source, source.kind()?)));
        let first = known.next();
        let other = known.find(|(_, kind)| first.is_some_and(|(_, of_first)| of_first != *kind));
        if let (Some((source, kind)), Some((other, other_kind))) = (first, other) {
            let both = format!("{} is a {kind} and {} is a {other_kind}", source.name(), other.name());
            return Err(
                Failure::new(Code::Usage, both).hint("give files of one of the two ledgers at a time")
            );
        }
        let kind = first.map(|(_, kind)| kind);
        let known =
            |source: Source| File { known: Known::of(&source, &rules, options.cache.as_deref()), source };
        Ok(Self {
            kind,
            files: sources.into_iter().map(known).collect(),
            calendar: Calendar::of(&rules.zone),
            rules,
            words: Words::new(),
            compared: Once::new(),
            cache: options.cache,
            progress: options.progress,
            account: Mutex::default(),
        })
    }

    /// Which ledger it is; `None` where there is nothing in the files.
    #[must_use]
    pub const fn kind(&self) -> Option<Kind> {
        self.kind
    }

    /// The bank's zone.
    #[must_use]
    pub const fn zone(&self) -> &TimeZone {
        &self.rules.zone
    }

    /// The name of a file by its number in the column `file`.
    #[must_use]
    pub fn file_name(&self, file: i32) -> &str {
        usize::try_from(file).ok().and_then(|file| self.files.get(file)).map_or("", |file| file.source.name())
    }

    /// The words of the column `action` by their index. Complete after a pass.
    #[must_use]
    pub fn actions(&self) -> Vec<String> {
        self.words.all()
    }

    /// The index of a word for what happened, in any case, which need not be in the ledger.
    ///
    /// # Errors
    /// Where there are more words than a ledger may have.
    pub fn action_index(&self, word: &str) -> Result<u8, Failure> {
        self.words.index(&atm_ledger_csv::entry::Word::read(word))
    }

    /// How many rows there were and which were left out, after a pass.
    #[must_use]
    pub fn account(&self) -> Account {
        self.account.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Runs a query on every block and puts the results together; `number`: of the rows of this customer alone, of which
    /// far less is read.
    ///
    /// `merge` gets results of `partial` one behind the other in the order of the files, and results of its own before
    /// them; so it must be the same whether it is done at once or bit by bit, as adding up sums is. Where the ledger is
    /// empty, `partial` and then `merge` get no rows.
    ///
    /// # Errors
    /// Where a file cannot be read any more, or a query fails.
    pub fn query(
        &self,
        columns: &[Column],
        number: Option<MobileNumber>,
        partial: impl Fn(LazyFrame) -> LazyFrame + Sync,
        merge: impl Fn(LazyFrame) -> LazyFrame + Sync,
    ) -> Result<DataFrame, Failure> {
        let partials = Partials::new(&merge);
        let add = |index: usize, block: DataFrame| {
            // A customer has no row in most parts.
            let found = if block.height() > 0 { Some(partial(block.lazy()).collect()?) } else { None };
            partials.add(index, found)
        };
        self.rows(columns, number, add)?;
        let empty = || frame::empty(columns, &self.calendar).and_then(|none| partial(none.lazy()).collect());
        partials.finish(empty).map_err(failed)
    }

    /// Gives every block to a function, on several threads at once, and its results in the order of the files.
    ///
    /// # Errors
    /// Where a file cannot be read any more, or the function fails.
    pub fn blocks<T: Send>(
        &self,
        columns: &[Column],
        each: impl Fn(DataFrame) -> PolarsResult<T> + Sync,
    ) -> Result<Vec<T>, Failure> {
        let results = Mutex::new(BTreeMap::new());
        let add = |index: usize, block: DataFrame| {
            if block.height() > 0 {
                let result = each(block)?;
                results.lock().unwrap_or_else(PoisonError::into_inner).insert(index, result);
            }
            Ok(())
        };
        self.rows(columns, None, add)?;
        Ok(results.into_inner().unwrap_or_else(PoisonError::into_inner).into_values().collect())
    }

    /// Adds every block, with its place among them, to what a thread has so far, and gives what each has at the end. Blocks
    /// come to a thread in their order, but not one behind the other.
    ///
    /// # Errors
    /// Where a file cannot be read any more, or the function fails.
    pub(crate) fn fold<T: Default + Send>(
        &self,
        columns: &[Column],
        add: impl Fn(&mut T, usize, &Block) + Sync,
    ) -> Result<Vec<T>, Failure> {
        let columns = stored(columns);
        let wanted = Wanted { columns: &columns, number: None };
        self.pass(Asked::Rows(wanted), |so_far, index, found, _| {
            if let Found::Rows(block) = found {
                add(so_far, index, &block);
            }
            Ok(())
        })
    }

    /// What moved on each day; `number`: of this customer alone. It is the same as a query would find, but where the cache
    /// has a part it has its days, too, and no row is read.
    ///
    /// # Errors
    /// Where a file cannot be read any more.
    pub fn days(&self, number: Option<MobileNumber>) -> Result<Days, Failure> {
        let add = |parts: &mut Vec<(usize, Days)>, index, found, _| {
            if let Found::Days(days) = found {
                parts.push((index, days));
            }
            Ok(())
        };
        let found = self.pass(Asked::Days(number.map(MobileNumber::packed)), add)?;
        let mut parts: Vec<_> = found.into_iter().flatten().collect();
        parts.sort_unstable_by_key(|(index, _)| *index);
        let mut days = Days::new();
        parts.into_iter().for_each(|(_, later)| days::append(&mut days, later));
        Ok(days)
    }

    /// One pass over all rows, or over those of a customer.
    fn rows(
        &self,
        columns: &[Column],
        number: Option<MobileNumber>,
        add: impl Fn(usize, DataFrame) -> PolarsResult<()> + Sync,
    ) -> Result<(), Failure> {
        let stored = stored(columns);
        let wanted = Wanted { columns: &stored, number: number.map(MobileNumber::packed) };
        let passed: Vec<()> = self.pass(Asked::Rows(wanted), |(), index, found, file| {
            let Found::Rows(block) = found else { return Ok(()) };
            let frame = frame::of(*block, columns, &self.calendar, file).map_err(failed)?;
            add(index, frame).map_err(failed)
        })?;
        drop(passed);
        Ok(())
    }

    /// One pass over all parts.
    fn pass<T: Default + Send>(
        &self,
        asked: Asked<'_>,
        add: impl Fn(&mut T, usize, Found, i32) -> Result<(), Failure> + Sync,
    ) -> Result<Vec<T>, Failure> {
        self.compared.call_once(|| {
            let comparison = Comparison::of(self.known());
            on_all_processors(|| comparison.work());
            comparison.finish(self.known());
        });
        let feed = Feed::new(self, asked);
        let folded = Mutex::new(Vec::new());
        on_all_processors(|| {
            let mut so_far = T::default();
            feed.work(|index, found, file| add(&mut so_far, index, found, file));
            folded.lock().unwrap_or_else(PoisonError::into_inner).push(so_far);
        });
        let account = feed.finish()?;
        *self.account.lock().unwrap_or_else(PoisonError::into_inner) = account;
        if let Some(root) =
            self.cache.as_deref().filter(|_| self.files.iter().any(|file| file.known.has_grown()))
        {
            #[expect(
                clippy::disallowed_methods,
                reason = "what was used last is by the clock of the system's files"
            )]
            make_room(root, SystemTime::now());
        }
        Ok(folded.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    /// How many parts of its files came from the cache, after a pass: that is what makes a repeat fast.
    #[must_use]
    pub fn believed(&self) -> u64 {
        self.files.iter().map(|file| file.known.believed()).sum()
    }

    fn known(&self) -> impl Iterator<Item = (&Source, &Known)> {
        self.files.iter().map(|file| (&file.source, &file.known))
    }
}

/// What of a block these are made of.
fn stored(columns: &[Column]) -> Vec<Stored> {
    columns.iter().filter_map(|column| column.stored()).collect()
}

/// Does the same on as many threads as there are processors; this one works, too.
fn on_all_processors(work: impl Fn() + Sync) {
    let threads = thread::available_parallelism().map_or(1, usize::from).min(THREADS_MAX);
    thread::scope(|scope| {
        (1..threads).for_each(|_| drop(scope.spawn(&work)));
        work();
    });
}

fn failed(error: impl std::fmt::Display) -> Failure {
    Failure::new(Code::Crashed, format!("the rows cannot be worked with: {error}"))
}

#[cfg(test)]
mod tests;
