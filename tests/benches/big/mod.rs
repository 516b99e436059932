//! A bank.csv as atmd writes it, of any length, always the same: some customers come far more often than others.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// The customers.
pub(crate) const CUSTOMERS: u64 = 100_000;
/// The days that the rows are spread over.
pub(crate) const DAYS: u64 = 90;
/// 2026-08-01T00:00:00Z.
const BEGIN_MS: u64 = 1_785_542_400_000;
const DAY_MS: u64 = 86_400_000;
const SEED: u64 = 0x2026_0801_1122_3344;

/// Goes on with one row after the other.
#[derive(Debug)]
pub(crate) struct Rows {
    random: u64,
    row: u64,
    /// How many rows the days are meant for.
    of: u64,
    balance: i64,
}

impl Rows {
    /// Rows of which so many fill the days.
    pub(crate) fn new(of: u64) -> Self {
        Self { random: SEED, row: 0, of, balance: 100_000_000_000 }
    }

    /// Appends so many rows.
    pub(crate) fn write(&mut self, rows: u64, to: &mut impl Write) -> io::Result<()> {
        let mut clock = Clock::default();
        for _ in 0..rows {
            let at = BEGIN_MS
                + u64::try_from(u128::from(self.row) * u128::from(DAYS * DAY_MS) / u128::from(self.of))
                    .unwrap_or(0);
            // The third power of an even share: a tenth of the customers makes nearly half of the rows.
            let share = u128::from(self.next() >> 32);
            let rank = (share * share * share * u128::from(CUSTOMERS)) >> 96;
            let number = 800_000_000 + u64::try_from(rank).unwrap_or(0) * 7_919 % 100_000_007;
            let draw = self.next();
            let amount = i64::try_from(10 + draw % 500_000).unwrap_or(0);
            let deposit = draw >> 60 < 8;
            self.balance += if deposit { amount } else { -amount };
            let word = if deposit { "deposit" } else { "withdraw" };
            let (balance, at) = (self.balance, clock.text(at));
            writeln!(
                to,
                "0{number},{word},{}.{:02},{}.{:02},{at}",
                amount / 100,
                amount % 100,
                balance / 100,
                balance % 100
            )?;
            self.row += 1;
        }
        Ok(())
    }

    /// xorshift64*.
    fn next(&mut self) -> u64 {
        self.random ^= self.random >> 12;
        self.random ^= self.random << 25;
        self.random ^= self.random >> 27;
        self.random.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }
}

/// Instants as text; the day's part is made once a day.
#[derive(Default)]
struct Clock {
    day: u64,
    date: String,
}

impl Clock {
    fn text(&mut self, at_ms: u64) -> String {
        let (day, ms) = (at_ms / DAY_MS, at_ms % DAY_MS);
        if day != self.day {
            let days = i32::try_from(day).unwrap_or(0);
            (self.day, self.date) = (day, atm_rpc::types::time::BusinessDate::from_days(days).to_string());
        }
        let (hours, minutes) = (ms / 3_600_000, ms / 60_000 % 60);
        format!("{}T{hours:02}:{minutes:02}:{:02}.{:03}Z", self.date, ms / 1_000 % 60, ms % 1_000)
    }
}

/// Writes a ledger of so many rows, and gives what goes on behind them.
pub(crate) fn write(path: &Path, rows: u64) -> io::Result<Rows> {
    let mut file = BufWriter::with_capacity(1 << 20, File::create(path)?);
    file.write_all(b"Mobile_Number,Action,Amount,Bank_Balance,Timestamp\n")?;
    let mut generated = Rows::new(rows);
    generated.write(rows, &mut file)?;
    file.flush()?;
    Ok(generated)
}
