//! Where rows come from: each has a number that no other has, whichever file it is of, and atmd tells of it by that.

use super::files::Ledger;
use atm_rpc::error::{BadRequest, ServiceError};
use atm_rpc::plugin::{Code, Failure};

/// Files and lines of all rows, in the order of their numbers.
#[derive(Debug, Default)]
pub(super) struct Places {
    names: Vec<String>,
    /// The name's place among them, and the line.
    rows: Vec<(usize, u64)>,
}

impl Places {
    /// Numbers the rows of a file, behind those of the files before.
    pub(super) fn number(&mut self, ledger: &mut Ledger) {
        let name = self.names.len();
        self.names.push(ledger.name.clone());
        for row in &mut ledger.rows {
            self.rows.push((name, row.line));
            row.line = super::count(self.rows.len());
        }
    }

    /// The file and the line of a row.
    pub(super) fn of(&self, number: u64) -> Option<(&str, u64)> {
        let index = usize::try_from(number.checked_sub(1)?).ok()?;
        let (name, line) = self.rows.get(index)?;
        Some((self.names.get(*name)?, *line))
    }

    /// The same in words.
    pub(super) fn told(&self, number: u64) -> String {
        self.of(number).map_or_else(|| format!("row {number}"), |(name, line)| format!("{name} line {line}"))
    }

    /// What atmd says, with the place of the row that it is about.
    pub(super) fn failure(&self, error: ServiceError) -> Failure {
        match error {
            ServiceError::BadRequest(BadRequest::LegacyRow { line, fault }) => {
                Failure::new(Code::Usage, format!("{}: {fault}", self.told(line)))
            }
            other => other.into(),
        }
    }
}
