//! The two files of an older tool together. Each movement of cash is in both: the k-th of a number in client.csv is the
//! k-th of that number in bank.csv, or the files disagree, and then somebody has to decide which one is right.
//!
//! client.csv gives the order and the times. Of bank.csv come a balance of the bank that client.csv lacks, and rows of the
//! bank's own, each ahead of the movement that follows it there.

use super::places::Places;
use atm_rpc::operator::legacy::LegacyRow;
use atm_rpc::plugin::{Code, Failure};
use atm_rpc::types::action::Action;
use atm_rpc::types::mobile::MobileNumber;
use std::collections::{BTreeMap, HashMap, VecDeque};

/// The tools took the time twice for one movement. Further apart they are two.
const APART_MS_MAX: u64 = 1_000;
/// Disagreements that are told.
const TOLD_MAX: usize = 10;

/// The rows of both files as those of one.
pub(super) fn together(
    mut client: Vec<LegacyRow>,
    bank: Vec<LegacyRow>,
    places: &Places,
) -> Result<Vec<LegacyRow>, Failure> {
    let mut waiting: HashMap<MobileNumber, VecDeque<usize>> = HashMap::new();
    for (index, row) in client.iter().enumerate().filter(|(_, row)| moves_cash(row.action)) {
        if let Some(number) = row.mobile {
            waiting.entry(number).or_default().push_back(index);
        }
    }
    let mut disagreements = Disagreements::default();
    // Rows of the bank's own, by the row of client.csv that they come ahead of.
    let mut own: BTreeMap<usize, Vec<LegacyRow>> = BTreeMap::new();
    let mut held = Vec::new();
    for row in bank {
        let Some(number) = row.mobile else {
            held.push(row);
            continue;
        };
        let Some(index) = waiting.get_mut(&number).and_then(VecDeque::pop_front) else {
            disagreements.add(format!("{}: client.csv has no such movement", places.told(row.line)));
            continue;
        };
        own.entry(index).or_default().append(&mut held);
        let Some(same) = client.get_mut(index) else { continue };
        match differs(same, &row) {
            Some(what) => {
                let (one, other) = (places.told(same.line), places.told(row.line));
                disagreements.add(format!("{one} and {other}: they have different {what}"));
            }
            None => same.vault_balance_minor = same.vault_balance_minor.or(row.vault_balance_minor),
        }
    }
    let mut alone: Vec<usize> = waiting.into_values().flatten().collect();
    alone.sort_unstable();
    for row in alone.into_iter().filter_map(|index| client.get(index)) {
        disagreements.add(format!("{}: bank.csv has no such movement", places.told(row.line)));
    }
    disagreements.end()?;
    let mut rows = Vec::with_capacity(client.len());
    for (index, row) in client.into_iter().enumerate() {
        rows.extend(own.remove(&index).into_iter().flatten());
        rows.push(row);
    }
    rows.append(&mut held);
    Ok(rows)
}

const fn moves_cash(action: Action) -> bool {
    matches!(action, Action::Deposit | Action::Withdraw | Action::DepositReversed | Action::WithdrawReversed)
}

/// In what two rows differ that should be the same movement.
fn differs(client: &LegacyRow, bank: &LegacyRow) -> Option<&'static str> {
    let balances = client.vault_balance_minor.zip(bank.vault_balance_minor);
    if client.action != bank.action {
        Some("actions")
    } else if client.amount_minor != bank.amount_minor {
        Some("amounts")
    } else if balances.is_some_and(|(one, other)| one != other) {
        Some("balances of the bank")
    } else if client.at.ms().abs_diff(bank.at.ms()) > APART_MS_MAX {
        Some("times, more than a second apart")
    } else {
        None
    }
}

#[derive(Debug, Default)]
struct Disagreements {
    count: usize,
    told: Vec<String>,
}

impl Disagreements {
    fn add(&mut self, what: String) {
        self.count += 1;
        if self.told.len() < TOLD_MAX {
            self.told.push(what);
        }
    }

    fn end(self) -> Result<(), Failure> {
        if self.count == 0 {
            return Ok(());
        }
        let more = self.count - self.told.len();
        let more = if more > 0 { format!("\n  and {more} more") } else { String::new() };
        let places = if self.count == 1 { "1 place".to_owned() } else { format!("{} places", self.count) };
        let text = format!(
            "the files disagree in {places}, and nothing was done:\n  {}{more}",
            self.told.join("\n  ")
        );
        let hint =
            "import the one that is right alone: --client, which has the customers' balances, or --bank";
        Err(Failure::new(Code::Usage, text).hint(hint))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::files::Ledger;
    use atm_rpc::types::time::Timestamp;

    /// `second number action amount vault's-balance`, `-` for blank.
    fn rows(text: &str) -> Vec<LegacyRow> {
        let lines = text.split(';').map(str::trim).filter(|line| !line.is_empty());
        let row = lines.zip(2..).map(|(text, line)| {
            let [second, number, action, amount, vault] =
                text.split_whitespace().collect::<Vec<_>>().try_into().unwrap();
            let maybe = |text: &str| (text != "-").then(|| text.parse::<i64>().unwrap());
            LegacyRow {
                line,
                mobile: (number != "-").then(|| MobileNumber::parse(number).unwrap()),
                action: *Action::ALL.iter().find(|known| known.name() == action).unwrap(),
                amount_minor: maybe(amount),
                customer_balance_minor: None,
                vault_balance_minor: maybe(vault),
                at: Timestamp::from_ms(second.parse::<i64>().unwrap() * 1_000),
                session_started_at: None,
                elapsed_ms: None,
            }
        });
        row.collect()
    }

    /// Puts two files together that are called as here.
    fn both(client: &str, bank: &str) -> Result<Vec<LegacyRow>, Failure> {
        let (mut client, mut bank) =
            (Ledger::named("client.csv", rows(client)), Ledger::named("bank.csv", rows(bank)));
        let mut places = Places::default();
        places.number(&mut client);
        places.number(&mut bank);
        together(client.rows, bank.rows, &places)
    }

    const CLIENT: &str =
        "1 11111 login - 100; 2 11111 deposit 5 105; 2 22222 deposit 7 -; 4 11111 withdraw 1 111";

    #[test]
    fn files_that_agree_are_one_history() {
        let bank = "0 - opening 100 100; 2 22222 deposit 7 112; 3 11111 deposit 5 105; 3 - opening 1 1; 4 11111 withdraw 1 111; 9 - opening 2 2";
        let together = both(CLIENT, bank).unwrap();
        let found: Vec<_> = together
            .iter()
            .map(|row| format!("{} {} {}", row.at.ms() / 1_000, row.action, row.vault_balance_minor.unwrap()))
            .collect();
        let expected = [
            "1 login 100",
            "2 deposit 105",
            "0 opening 100",
            "2 deposit 112",
            "3 opening 1",
            "4 withdraw 111",
            "9 opening 2",
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn where_they_disagree_both_lines_are_named() {
        let good = "2 11111 deposit 5 105; 2 22222 deposit 7 112; 4 11111 withdraw 1 111";
        assert!(both(CLIENT, good).is_ok());
        let table = [
            (
                "2 11111 deposit 5 105; 2 22222 deposit 7 112",
                "client.csv line 5: bank.csv has no such movement",
            ),
            (
                "2 11111 deposit 5 105; 2 22222 deposit 7 112; 4 11111 withdraw 1 111; 5 11111 deposit 1 112",
                "bank.csv line 5: client.csv has no such movement",
            ),
            (
                "2 11111 deposit 6 105; 2 22222 deposit 7 112; 4 11111 withdraw 1 111",
                "client.csv line 3 and bank.csv line 2: they have different amounts",
            ),
            ("2 11111 withdraw 5 105; 2 22222 deposit 7 112; 4 11111 withdraw 1 111", "different actions"),
            (
                "2 11111 deposit 5 106; 2 22222 deposit 7 112; 4 11111 withdraw 1 111",
                "different balances of the bank",
            ),
            ("4 11111 deposit 5 105; 2 22222 deposit 7 112; 4 11111 withdraw 1 111", "different times"),
            (
                "2 33333 deposit 5 105; 2 11111 deposit 5 105; 2 22222 deposit 7 112; 4 11111 withdraw 1 111",
                "bank.csv line 2: client.csv has no such movement",
            ),
        ];
        for (bank, expected) in table {
            let failure = both(CLIENT, bank).unwrap_err();
            assert!(
                failure.message.contains(expected) && failure.message.contains("1 place"),
                "{bank}: {failure}"
            );
            assert_eq!(failure.code, Code::Usage);
        }
    }
}
