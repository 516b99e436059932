//! Amounts, times and requests in the words a customer reads.

use crate::state::{Record, What};
use atm_rpc::customer::Receipt;
use atm_rpc::types::action::Action;
use atm_rpc::types::money::{Currency, Money};
use atm_rpc::types::time::Timestamp;
use jiff::tz::TimeZone;

/// Columns of the terminal that texts are wrapped to.
pub(crate) const COLUMNS: usize = 80;

/// The bank's currency and the customer's time zone.
#[derive(Clone, Debug)]
pub(crate) struct Words {
    /// Of all amounts.
    pub(crate) currency: Currency,
    zone: TimeZone,
}

impl Words {
    /// Words for that currency and zone.
    pub(crate) const fn new(currency: Currency, zone: TimeZone) -> Self {
        Self { currency, zone }
    }

    /// Words for that currency in this machine's zone.
    pub(crate) fn local(currency: Currency) -> Self {
        let zone = TimeZone::system();
        // Times of an unknown zone are those of UTC.
        Self::new(currency, if zone.is_unknown() { TimeZone::UTC } else { zone })
    }

    /// `400.00`
    pub(crate) fn number(&self, amount: Money) -> String {
        amount.display(self.currency).to_string()
    }

    /// `400.00 INR`
    pub(crate) fn money(&self, amount: Money) -> String {
        format!("{} {}", amount.display(self.currency), self.currency)
    }

    /// `2026-11-22 14:03:05 UTC`, in the customer's zone.
    pub(crate) fn time(&self, at: Timestamp) -> String {
        self.instant(at, "%Y-%m-%d %H:%M:%S %Z")
    }

    /// `2026-11-22 14:03 UTC`, in the customer's zone.
    pub(crate) fn minute(&self, at: Timestamp) -> String {
        self.instant(at, "%Y-%m-%d %H:%M %Z")
    }

    /// `2026-11-22 14:03:05`, where the zone is told elsewhere.
    pub(crate) fn bare_time(&self, at: Timestamp) -> String {
        self.instant(at, "%Y-%m-%d %H:%M:%S")
    }

    /// The name of the zone at all these times, where it is the same.
    pub(crate) fn zone(&self, times: impl IntoIterator<Item = Timestamp>) -> Option<String> {
        let mut names = times.into_iter().map(|at| self.instant(at, "%Z"));
        let first = names.next()?;
        names.all(|name| name == first).then_some(first)
    }

    fn instant(&self, at: Timestamp, format: &str) -> String {
        match jiff::Timestamp::from_millisecond(at.ms()) {
            Ok(instant) => instant.to_zoned(self.zone.clone()).strftime(format).to_string(),
            Err(_) => at.to_string(),
        }
    }

    /// `withdrawal of 500.00 INR`, of what was done.
    pub(crate) fn done(&self, receipt: &Receipt) -> String {
        let what = match requested(receipt.action) {
            Some(of) => what(of).to_owned(),
            None => action(receipt.action).to_lowercase(),
        };
        match receipt.amount {
            Money::ZERO => what,
            amount => format!("{what} of {}", self.money(amount)),
        }
    }

    /// `withdrawal of 500.00 INR`
    pub(crate) fn request(&self, record: &Record) -> String {
        match record.amount_minor {
            Some(minor) => format!("{} of {}", what(record.what), self.money(Money::from_minor(minor))),
            None => what(record.what).to_owned(),
        }
    }
}

/// What a request asks for, as it goes behind 'your'.
pub(crate) const fn what(what: What) -> &'static str {
    match what {
        What::Register => "registration",
        What::Deposit => "deposit",
        What::Withdraw => "withdrawal",
        What::ChangePin => "change of PIN",
    }
}

/// The request that an entry is of.
pub(crate) const fn requested(action: Action) -> Option<What> {
    match action {
        Action::Registered => Some(What::Register),
        Action::Deposit => Some(What::Deposit),
        Action::Withdraw => Some(What::Withdraw),
        Action::PinChanged => Some(What::ChangePin),
        _ => None,
    }
}

/// What an entry is, on receipts and statements.
pub(crate) const fn action(action: Action) -> &'static str {
    match action {
        Action::Opening => "Opening amount",
        Action::Registered => "Registration",
        Action::Login => "Log-in",
        Action::Exit => "Exit",
        Action::AuthFailed => "Wrong PIN",
        Action::Blacklisted => "Blocked",
        Action::Unblacklisted => "Unblocked",
        Action::Withdraw => "Withdrawal",
        Action::Deposit => "Deposit",
        Action::TransferOut => "Transfer sent",
        Action::TransferIn => "Transfer received",
        Action::WithdrawReversed => "Withdrawal undone",
        Action::DepositReversed => "Deposit undone",
        Action::PinChanged => "Change of PIN",
        Action::Correction => "Correction",
        Action::DebitBlocked => "Blocked: no money out",
        Action::CreditBlocked => "Blocked: no money in",
        Action::Unblocked => "Unblocked",
        Action::Closed => "Account closed",
    }
}

/// How an entry moves the customer's balance: `-`, `+`, or nothing where the entry does not say.
pub(crate) const fn sign(action: Action) -> &'static str {
    match action {
        Action::Withdraw | Action::TransferOut | Action::DepositReversed => "-",
        Action::Deposit | Action::TransferIn | Action::WithdrawReversed | Action::Opening => "+",
        Action::Registered
        | Action::Login
        | Action::Exit
        | Action::AuthFailed
        | Action::Blacklisted
        | Action::Unblacklisted
        | Action::PinChanged
        | Action::DebitBlocked
        | Action::CreditBlocked
        | Action::Unblocked
        | Action::Closed
        | Action::Correction => "",
    }
}

/// How many wrong PINs there were since the customer was last here.
pub(crate) fn wrong_pins(n: u32) -> String {
    let were = if n == 1 { "was" } else { "were" };
    format!("There {were} {} since the last log-in.", count(n, "wrong PIN"))
}

/// `1 attempt`, `2 attempts`
pub(crate) fn count(n: u32, noun: &str) -> String {
    if n == 1 { format!("1 {noun}") } else { format!("{n} {noun}s") }
}

/// The text with lines of [`COLUMNS`] at most, broken at spaces.
pub(crate) fn wrap(text: &str) -> String {
    text.split('\n').map(wrap_line).collect::<Vec<_>>().join("\n")
}

fn wrap_line(line: &str) -> String {
    if line.chars().count() <= COLUMNS {
        return line.to_owned();
    }
    let (mut wrapped, mut column) = (String::new(), 0);
    for word in line.split(' ') {
        let width = word.chars().count();
        if column > 0 && column + 1 + width > COLUMNS {
            wrapped.push('\n');
            column = 0;
        } else if column > 0 {
            wrapped.push(' ');
            column += 1;
        }
        wrapped.push_str(word);
        column += width;
    }
    wrapped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{record, words};

    #[test]
    fn money_times_and_requests_read_well() {
        let words = words();
        assert_eq!(words.money(Money::from_minor(40_000)), "400.00 INR");
        assert_eq!(words.time(Timestamp::from_ms(1_795_000_000_007)), "2026-11-18 12:06:40 +01");
        assert_eq!(words.minute(Timestamp::from_ms(1_795_000_000_007)), "2026-11-18 12:06 +01");
        assert_eq!(words.time(Timestamp::from_ms(i64::MAX)), "9223372036854775807 ms since 1970");
        let table = [
            (What::Withdraw, Some(50_000), "withdrawal of 500.00 INR"),
            (What::Deposit, Some(1), "deposit of 0.01 INR"),
            (What::Register, None, "registration"),
            (What::ChangePin, None, "change of PIN"),
        ];
        for (what, amount, expected) in table {
            assert_eq!(words.request(&record(what, amount)), expected);
        }
        assert_eq!((count(1, "attempt"), count(0, "attempt")), ("1 attempt".into(), "0 attempts".into()));
    }

    #[test]
    fn wraps_at_spaces_and_keeps_short_lines() {
        assert_eq!(wrap("  kept\n\nas is"), "  kept\n\nas is");
        let long = "word ".repeat(40);
        let wrapped = wrap(long.trim());
        assert!(wrapped.lines().all(|line| line.len() <= COLUMNS && !line.ends_with(' ')), "{wrapped}");
        assert_eq!(wrapped.replace('\n', " "), long.trim());
        let path = "x".repeat(100);
        assert_eq!(wrap(&format!("at {path}")), format!("at\n{path}"));
    }
}
