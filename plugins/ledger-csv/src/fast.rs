//! The rows that atmd writes, read many times faster than rows of any dialect.
//!
//! Whatever is not exactly as atmd would write it is left to [`crate::row::Parser`], also what that would take as the
//! same. So this accepts less, and never anything that it would refuse or read otherwise.

use crate::dialect::{Dialect, Kind, Rules};
use crate::entry::{Entry, Word};
use crate::row::{is_of_customers, moves};
use atm_rpc::types::action::Action;
use atm_rpc::types::mobile::MobileNumber;
use swar::{digits_len, parse, word};

mod swar;

/// Stands for a blank field. No amount, instant or length of time is this.
pub const NONE: i64 = i64::MIN;

/// What a row says, in numbers alone; [`NONE`] where [`Entry`] has `None`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// The packed mobile number; 0 where there is none.
    pub number: i64,
    /// What happened: the index in [`Action::ALL`].
    pub action: u8,
    /// What moved.
    pub amount: i64,
    /// The customer's balance after it.
    pub user_balance: i64,
    /// The vault's balance after it.
    pub bank_balance: i64,
    /// When.
    pub at_ms: i64,
    /// When the session began.
    pub session_start_ms: i64,
    /// Hundredths of a second since then.
    pub elapsed_cs: i64,
}

impl Row {
    /// The same of an entry whose action has that index.
    #[must_use]
    pub fn of(entry: &Entry, action: u8) -> Self {
        Self {
            number: entry.mobile.map_or(0, MobileNumber::packed),
            action,
            amount: entry.amount.unwrap_or(NONE),
            user_balance: entry.user_balance.unwrap_or(NONE),
            bank_balance: entry.bank_balance.unwrap_or(NONE),
            at_ms: entry.at_ms,
            session_start_ms: entry.session_start_ms.unwrap_or(NONE),
            elapsed_cs: entry.elapsed_cs.unwrap_or(NONE),
        }
    }
}

/// The word that ends with a comma, as far as eight bytes have it, with the bits of it that count.
#[derive(Clone, Copy, Debug)]
struct Known {
    start: u64,
    mask: u64,
    length: usize,
    action: u8,
    has_customer: bool,
    moves: bool,
    name: &'static [u8],
}

/// Reads rows of a file that atmd wrote.
#[derive(Clone, Debug)]
pub struct Fast {
    clients: bool,
    words: Vec<Known>,
    /// The date that was read last, and its first millisecond.
    date: [u8; 10],
    date_ms: i64,
}

impl Fast {
    /// For a file that is written so, if it could be one of atmd's.
    #[must_use]
    pub fn of(dialect: &Dialect, rules: &Rules) -> Option<Self> {
        if !dialect.is_our_order() || rules.decimals != 2 {
            return None;
        }
        let clients = dialect.kind == Kind::Client;
        let mut words: Vec<Known> =
            (0..).zip(Action::ALL).map(|(index, action)| Known::of(*action, index)).collect();
        // What is most of a ledger is found first.
        words.sort_by_key(|known| !matches!(known.name, b"deposit" | b"withdraw"));
        Some(Self { clients, words, date: [0; 10], date_ms: 0 })
    }

    /// The row at the start of a text, and how many bytes it has with its line end; `None` where it takes more care.
    #[inline]
    pub fn row(&mut self, text: &[u8]) -> Option<(Row, usize)> {
        let mut at = 0;
        let number = mobile(text, &mut at)?;
        let known = self.action(text, &mut at)?;
        if number == 0 && (self.clients || known.has_customer) {
            return None;
        }
        let amount = blank_or(text, &mut at, money)?;
        if amount == 0 && !known.moves {
            return None;
        }
        let user_balance = if self.clients { blank_or(text, &mut at, money)? } else { NONE };
        let bank_balance = blank_or(text, &mut at, money)?;
        let at_ms = self.instant(text, &mut at)?;
        let (mut session_start_ms, mut elapsed_cs) = (NONE, NONE);
        if self.clients {
            comma(text, &mut at)?;
            session_start_ms = blank_or(text, &mut at, |text, at| {
                let instant = self.instant(text, at)?;
                comma(text, at)?;
                Some(instant)
            })?;
            if *text.get(at)? != b'\n' {
                elapsed_cs = hundredths(text, &mut at)?;
            }
        }
        if *text.get(at)? != b'\n' {
            return None;
        }
        let action = known.action;
        let row =
            Row { number, action, amount, user_balance, bank_balance, at_ms, session_start_ms, elapsed_cs };
        Some((row, at + 1))
    }

    #[inline]
    fn action(&self, text: &[u8], at: &mut usize) -> Option<Known> {
        let start = word(text, *at)?;
        let found = self.words.iter().find(|known| {
            start & known.mask == known.start
                && (known.length < 8
                    || text.get(*at..*at + known.length) == Some(known.name)
                        && text.get(*at + known.length) == Some(&b','))
        })?;
        *at += found.length + 1;
        Some(*found)
    }

    /// `2026-11-22T14:03:05.120Z`, without what comes behind it.
    #[inline]
    fn instant(&mut self, text: &[u8], at: &mut usize) -> Option<i64> {
        let letters: &[u8; 24] = text.get(*at..*at + 24)?.try_into().ok()?;
        let date: &[u8; 10] = letters[..10].try_into().ok()?;
        if *date != self.date {
            self.date_ms = day_ms(date)?;
            self.date = *date;
        }
        let clock = u64::from_le_bytes(letters[11..19].try_into().ok()?);
        let [t, point, z] = [letters[10], letters[19], letters[23]];
        let colons = 0x0000_ff00_00ff_0000;
        if [t, point, z] != *b"T.Z" || clock & colons != 0x0000_3a00_003a_0000 {
            return None;
        }
        // 14:03:05 as 14003005, whose digits are found at once.
        let clock = parse((clock & !colons) | 0x0000_3000_0030_0000)?;
        let (hours, minutes, seconds) = (clock / 1_000_000, clock / 1_000 % 1_000, clock % 1_000);
        if hours > 23 || minutes > 59 || seconds > 59 {
            return None;
        }
        let mut ms = 0;
        for digit in &letters[20..23] {
            ms = ms * 10 + i64::from(digit.checked_sub(b'0').filter(|digit| *digit < 10)?);
        }
        *at += 24;
        Some(self.date_ms + hours * 3_600_000 + minutes * 60_000 + seconds * 1_000 + ms)
    }
}

impl Known {
    fn of(action: Action, index: u8) -> Self {
        let name = action.name().as_bytes();
        let mut start = [0; 8];
        let mut mask = [0; 8];
        let with_comma = name.iter().chain(b",");
        for ((to, mask), letter) in start.iter_mut().zip(&mut mask).zip(with_comma) {
            (*to, *mask) = (*letter, 0xff);
        }
        Self {
            start: u64::from_le_bytes(start),
            mask: u64::from_le_bytes(mask),
            length: name.len(),
            action: index,
            has_customer: is_of_customers(&Word::Known(action)),
            moves: moves(action),
            name,
        }
    }
}

/// The first millisecond of a day of this century or the next.
#[cold]
fn day_ms(date: &[u8; 10]) -> Option<i64> {
    let text = std::str::from_utf8(date).ok()?;
    if !text.starts_with('2') {
        return None;
    }
    let date: jiff::civil::Date = text.parse().ok()?;
    if date.year() > 2199 || date.to_string() != text {
        return None;
    }
    let midnight = date.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    Some(midnight.timestamp().as_millisecond())
}

/// 5 to 15 digits, or none, and a comma. Gives the packed number.
#[inline]
fn mobile(text: &[u8], at: &mut usize) -> Option<i64> {
    let first = word(text, *at)?;
    let length = digits_len(first);
    let number = if length < 8 {
        if length < 5 {
            return if length == 0 { comma(text, at).map(|()| 0) } else { None };
        }
        let value = parse(swar::first(first, length))?;
        *at += length;
        swar::POWERS[length] + value
    } else {
        let second = word(text, *at + 8)?;
        let more = digits_len(second);
        if more > 7 {
            return None;
        }
        let value = parse(first)? * swar::POWERS[more] + parse(swar::first(second, more))?;
        *at += 8 + more;
        swar::POWERS[8 + more] + value
    };
    comma(text, at)?;
    Some(number)
}

/// Nothing and a comma, or what `read` reads with its comma.
#[inline]
fn blank_or(
    text: &[u8],
    at: &mut usize,
    mut read: impl FnMut(&[u8], &mut usize) -> Option<i64>,
) -> Option<i64> {
    if *text.get(*at)? == b',' {
        *at += 1;
        return Some(NONE);
    }
    read(text, at)
}

/// Digits, a point, two digits, and a comma.
#[inline]
fn money(text: &[u8], at: &mut usize) -> Option<i64> {
    let value = hundredths(text, at)?;
    comma(text, at)?;
    Some(value)
}

/// Up to 15 digits, a point and two digits.
#[inline]
fn hundredths(text: &[u8], at: &mut usize) -> Option<i64> {
    let first = word(text, *at)?;
    let length = digits_len(first);
    let whole = if length < 8 {
        *at += length;
        parse(swar::first(first, length))?
    } else {
        let second = word(text, *at + 8)?;
        let more = digits_len(second);
        if more > 7 {
            return None;
        }
        *at += 8 + more;
        parse(first)? * swar::POWERS[more] + parse(swar::first(second, more))?
    };
    let behind: &[u8; 3] = text.get(*at..*at + 3)?.try_into().ok()?;
    let digit = |byte: u8| byte.checked_sub(b'0').filter(|digit| *digit < 10);
    if length == 0 || behind[0] != b'.' {
        return None;
    }
    *at += 3;
    Some(whole * 100 + i64::from(digit(behind[1])? * 10 + digit(behind[2])?))
}

#[inline]
fn comma(text: &[u8], at: &mut usize) -> Option<()> {
    let is_there = *text.get(*at)? == b',';
    *at += 1;
    is_there.then_some(())
}

#[cfg(test)]
mod tests;
