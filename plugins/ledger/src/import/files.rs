//! The older tool's files: their rows as atmd takes them, and what cannot be read.

use super::count;
use atm_ledger_csv::dialect::{Kind, Rules};
use atm_ledger_csv::entry::{Entry, Word};
use atm_ledger_csv::fault::{Fault, Faults};
use atm_ledger_csv::reader::Reader;
use atm_rpc::operator::legacy::LegacyRow;
use atm_rpc::plugin::{Code, Failure};
use atm_rpc::types::action::Action;
use atm_rpc::types::time::Timestamp;
use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

/// A file that was read.
#[derive(Debug)]
pub(super) struct Ledger {
    pub(super) name: String,
    /// Rows that could be read, in their order.
    pub(super) rows: Vec<LegacyRow>,
    faults: Faults,
}

#[cfg(test)]
impl Ledger {
    /// One of that name with these rows.
    pub(super) fn named(name: &str, rows: Vec<LegacyRow>) -> Self {
        Self { name: name.to_owned(), rows, faults: Faults::default() }
    }
}

/// Words of an older tool, in small letters, and what they mean.
#[derive(Debug, Default)]
pub(super) struct Words(BTreeMap<String, Action>);

impl Words {
    /// Reads `WORD=ACTION` each.
    pub(super) fn parse(given: &[String]) -> Result<Self, Failure> {
        let mut words = BTreeMap::new();
        for pair in given {
            let known = |name: &str| Action::ALL.iter().find(|action| action.name() == name);
            let parsed = pair.split_once('=').and_then(|(word, name)| Some((word, *known(name.trim())?)));
            let Some((word, action)) = parsed.filter(|(word, _)| !word.trim().is_empty()) else {
                let names: Vec<&str> = Action::ALL.iter().map(|action| action.name()).collect();
                let text = format!("--word {pair} is not WORD=ACTION");
                return Err(Failure::new(Code::Usage, text).hint(format!("actions are {}", names.join(", "))));
            };
            if words.insert(folded(word), action).is_some() {
                let text = format!("--word {pair}: what {} means is said already", word.trim());
                return Err(Failure::new(Code::Usage, text).hint("say it once; case does not count"));
            }
        }
        Ok(Self(words))
    }

    fn action(&self, word: &Word) -> Option<Action> {
        match (self.0.get(&folded(word.text())), word) {
            (Some(action), _) => Some(*action),
            (None, Word::Known(action)) => Some(*action),
            (None, Word::Other(_)) => None,
        }
    }
}

fn folded(word: &str) -> String {
    word.trim().to_lowercase()
}

/// Reads a file, which must be that ledger.
pub(super) fn read(path: &Path, kind: Kind, rules: &Rules, words: &Words) -> Result<Ledger, Failure> {
    let name = path.display().to_string();
    let cannot =
        |error: &dyn std::fmt::Display| Failure::new(Code::Failed, format!("{name} cannot be read: {error}"));
    let file = File::open(path).map_err(|error| cannot(&error))?;
    let opened = Reader::open(file, rules.clone()).map_err(|error| cannot(&error))?;
    let empty = || Failure::new(Code::Usage, format!("{name} has nothing in it"));
    let mut reader = opened.ok_or_else(empty)?;
    let there = reader.dialect().kind;
    if there != kind {
        let text = format!("{name} has the columns of {there}, not of {kind}");
        let hint = "--client and --bank may have changed places";
        return Err(Failure::new(Code::Usage, text).hint(hint));
    }
    let (mut rows, mut faults) = (Vec::new(), Faults::default());
    while let Some(entry) = reader.next().map_err(|error| cannot(&error))? {
        match entry.and_then(|entry| row(&entry, words)) {
            Ok(row) => rows.push(row),
            Err(fault) => faults.push(fault),
        }
    }
    Ok(Ledger { name, rows, faults })
}

fn row(entry: &Entry, words: &Words) -> Result<LegacyRow, Fault> {
    let fault = |sentence: String| Fault { line: entry.line, sentence, torn: false };
    let unknown = || {
        let word = entry.action.text();
        fault(format!(
            "the action \"{word}\" is none of this bank's: say which it is by --word {word:?}=ACTION"
        ))
    };
    let action = words.action(&entry.action).ok_or_else(unknown)?;
    if entry.amount.is_some_and(|amount| amount < 0) {
        // A word that was not known kept its sign; what goes out was written below zero.
        let out = matches!(action, Action::Withdraw | Action::TransferOut | Action::DepositReversed);
        if !out {
            return Err(fault(format!("the amount is below zero, and the action is {action}")));
        }
    }
    Ok(LegacyRow {
        line: entry.line,
        mobile: entry.mobile,
        action,
        amount_minor: entry.amount.map(i64::abs).filter(|amount| *amount > 0),
        customer_balance_minor: entry.user_balance,
        vault_balance_minor: entry.bank_balance,
        at: Timestamp::from_ms(entry.at_ms),
        session_started_at: entry.session_start_ms.map(Timestamp::from_ms),
        elapsed_ms: entry.elapsed_cs.map(|hundredths| hundredths.saturating_mul(10)),
    })
}

/// The rows that cannot be read, the first of each file in words.
pub(super) fn told(ledgers: &[&Ledger]) -> Vec<LeftOut> {
    let mut told = Vec::new();
    for Ledger { name, faults, .. } in ledgers {
        let left_out = |line, why| LeftOut { file: name.clone(), line, why };
        told.extend(faults.kept.iter().map(|fault| left_out(Some(fault.line), fault.sentence.clone())));
        let more = faults.count.saturating_sub(count(faults.kept.len()));
        if more > 0 {
            told.push(left_out(None, format!("and {more} more")));
        }
    }
    told
}

/// A row that cannot be read, or how many more there are.
#[derive(Debug)]
pub(super) struct LeftOut {
    pub(super) file: String,
    pub(super) line: Option<u64>,
    pub(super) why: String,
}

/// Refuses files with rows that cannot be read.
pub(super) fn refuse(ledgers: &[&Ledger]) -> Result<(), Failure> {
    let count: u64 = ledgers.iter().map(|ledger| ledger.faults.count).sum();
    if count == 0 {
        return Ok(());
    }
    let lines = told(ledgers).into_iter().map(|LeftOut { file, line, why }| match line {
        Some(line) => format!("{file} line {line}: {why}"),
        None => format!("{file}: {why}"),
    });
    let rows = if count == 1 { "1 row".to_owned() } else { format!("{count} rows") };
    let lines = lines.collect::<Vec<_>>().join("\n  ");
    let text = format!("{rows} cannot be imported, and nothing was done:\n  {lines}");
    Err(Failure::new(Code::Usage, text).hint("mend the file, or leave such rows out with --skip-malformed"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::tz::TimeZone;

    fn ledger(text: &str, words: &[&str]) -> Ledger {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("client.csv");
        std::fs::write(&path, text).unwrap();
        let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
        let rules = Rules { zone: TimeZone::get("Asia/Kolkata").unwrap(), decimals: 2 };
        read(&path, Kind::Client, &rules, &Words::parse(&words).unwrap()).unwrap()
    }

    const HEADER: &str =
        "Mobile_Number\tAction\tAmount\tUser_Balance\tBank_Balance\tTimestamp\tSession_Start\tElapsed_Time\n";

    #[test]
    fn words_of_older_tools_are_what_the_operator_says() {
        let rows = "0712345678\tWithdraw\t-100.5\t0.0\t9899.5\t2024-01-31 10:00:00\t\t\n\
                    0712345678\tLog Out\t0\t\t\t2024-01-31 10:00:01\t1706675400.25\t1.5\n";
        let text = HEADER.to_owned() + rows;
        let read = ledger(&text, &["log out=exit"]);
        assert_eq!(read.faults.count, 0, "{read:?}");
        let [first, second] = read.rows.try_into().unwrap();
        assert_eq!((first.action, first.amount_minor), (Action::Withdraw, Some(10_050)));
        assert_eq!(first.at.to_string(), "2024-01-31T04:30:00.000Z");
        assert_eq!(
            (second.action, second.amount_minor, second.elapsed_ms),
            (Action::Exit, None, Some(1_500))
        );
        assert_eq!(second.session_started_at.unwrap().to_string(), "2024-01-31T04:30:00.250Z");
        let read = ledger(&text, &[]);
        let failure = refuse(&[&read]).unwrap_err();
        assert!(
            failure.message.contains("client.csv line 3: ")
                && failure.message.contains("--word \"Log Out\"=ACTION"),
            "{failure}"
        );
        assert_eq!((failure.code, told(&[&read]).len()), (Code::Usage, 1));
    }

    #[test]
    fn what_is_no_word_is_named() {
        for bad in ["logout", "=exit", "logout=", "logout=leave"] {
            let failure = Words::parse(&[bad.to_owned()]).unwrap_err();
            assert!(failure.message.contains(bad) && failure.hint.is_some(), "{failure}");
        }
        let twice = ["logout=exit", "cash=deposit", "LogOut = login"].map(str::to_owned);
        let failure = Words::parse(&twice).unwrap_err();
        assert!(failure.message.contains("what LogOut means is said already"), "{failure}");
        assert_eq!(failure.code, Code::Usage);
    }
}
