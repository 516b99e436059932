//! What was read and what was left out, file by file.

use atm_ledger_csv::fault::Faults;

/// What came of reading all files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// Each file, in their order.
    pub files: Vec<FileAccount>,
}

/// What came of reading a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileAccount {
    /// Its name.
    pub name: String,
    /// How many rows were read.
    pub rows: u64,
    /// Which were left out.
    pub faults: Faults,
}

impl Account {
    /// How many rows were read.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.files.iter().map(|file| file.rows).sum()
    }

    /// How many rows were left out.
    #[must_use]
    pub fn malformed(&self) -> u64 {
        self.files.iter().map(|file| file.faults.count).sum()
    }

    /// A sentence for each row that was left out, of a file the first ten, and one for how many more there are.
    #[must_use]
    pub fn sentences(&self) -> Vec<String> {
        let mut sentences = Vec::new();
        for FileAccount { name, faults, .. } in &self.files {
            sentences.extend(faults.kept.iter().map(|fault| format!("{name}, {fault}")));
            let more = faults.count - faults.kept.len() as u64;
            if more > 0 {
                sentences.push(format!("{name}: {more} more rows are malformed and left out"));
            }
        }
        sentences
    }
}
