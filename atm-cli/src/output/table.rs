//! Results for people: plain ASCII, within 80 columns.

use crate::words::{Words, action, sign};
use atm_rpc::customer::{Balance, Receipt, StatementLine};
use atm_rpc::types::action::Action;
use atm_rpc::types::money::Money;

/// Columns between the borders of a small box, unless its content is wider.
const INNER: usize = 44;

/// A receipt in a box.
pub(crate) fn receipt(receipt: &Receipt, words: &Words) -> String {
    let mut rows = vec![
        ("Reference", receipt.reference.to_string()),
        ("Date and time", words.time(receipt.recorded_at)),
        ("Business date", receipt.business_date.to_string()),
        ("Number", receipt.masked_number.clone()),
    ];
    if receipt.amount != Money::ZERO {
        rows.push(("Amount", words.money(receipt.amount)));
    }
    rows.push(("Balance", words.money(receipt.balance)));
    if let Some(terminal) = &receipt.terminal {
        rows.push(("Terminal", terminal.to_string()));
    }
    if receipt.replayed {
        rows.push(("Note", "repeated; it was done once".to_owned()));
    }
    boxed("RECEIPT", action(receipt.action), &rows)
}

/// A balance in a box.
pub(crate) fn balance(balance: &Balance, words: &Words) -> String {
    let mut rows = vec![("Available", words.money(balance.available))];
    if balance.posted != balance.available {
        rows.push(("Posted", words.money(balance.posted)));
    }
    boxed("BALANCE", "", &rows)
}

fn boxed(title: &str, right: &str, rows: &[(&str, String)]) -> String {
    let label = rows.iter().map(|(label, _)| label.len()).max().unwrap_or_default();
    let lines: Vec<String> = rows.iter().map(|(name, value)| format!("{name:label$}  {value}")).collect();
    let widest = lines.iter().map(|line| line.chars().count()).max().unwrap_or_default();
    let inner = INNER.max(widest).max(title.len() + 2 + right.len());
    let border = format!("+{}+\n", "-".repeat(inner + 2));
    let head = format!("| {title}{right:>rest$} |\n", rest = inner - title.len());
    let body: String = lines.iter().map(|line| format!("| {line:inner$} |\n")).collect();
    format!("{border}{head}{border}{body}{border}")
}

/// A mini statement, newest first, with amounts signed as they moved the balance.
pub(crate) fn statement(lines: &[StatementLine], words: &Words) -> String {
    if lines.is_empty() {
        return "No entries.\n".to_owned();
    }
    let amount = |line: &StatementLine| {
        line.amount.map(|amount| signed(line.action, amount, words)).unwrap_or_default()
    };
    // A summer and a winter in one statement: each line names its own zone.
    let zone = words.zone(lines.iter().map(|line| line.recorded_at));
    let time = |at| if zone.is_some() { words.bare_time(at) } else { words.minute(at) };
    let head = [
        "Reference".to_owned(),
        zone.as_ref().map_or_else(|| "Date and time".to_owned(), |zone| format!("Date and time ({zone})")),
        "What".to_owned(),
        format!("Amount {}", words.currency),
        format!("Balance {}", words.currency),
    ];
    let rows: Vec<[String; 5]> = std::iter::once(head)
        .chain(lines.iter().map(|line| {
            [
                line.reference.to_string(),
                time(line.recorded_at),
                action(line.action).to_owned(),
                amount(line),
                words.number(line.balance),
            ]
        }))
        .collect();
    let [reference, time, what, amount, balance]: [usize; 5] =
        std::array::from_fn(|column| rows.iter().map(|row| row[column].len()).max().unwrap_or_default());
    let rule = "-".repeat(reference + time + what + amount + balance + 8);
    let mut text = String::new();
    for (n, [r, t, w, a, b]) in rows.iter().enumerate() {
        text += &format!("{r:>reference$}  {t:time$}  {w:what$}  {a:>amount$}  {b:>balance$}\n");
        if n == 0 {
            text += &format!("{rule}\n");
        }
    }
    text
}

fn signed(action: Action, amount: Money, words: &Words) -> String {
    let sign = if amount > Money::ZERO { sign(action) } else { "" };
    format!("{sign}{}", words.number(amount))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{receipt as sample, words};
    use atm_rpc::types::key::Seq;
    use atm_rpc::types::time::Timestamp;

    #[test]
    fn a_receipt_is_a_neat_box() {
        let expected = "\
+----------------------------------------------+
| RECEIPT                           Withdrawal |
+----------------------------------------------+
| Reference      17                            |
| Date and time  2026-11-18 12:06:40 +01       |
| Business date  2026-11-18                    |
| Number         ******4567                    |
| Amount         500.00 INR                    |
| Balance        400.00 INR                    |
| Terminal       ATM-0042                      |
+----------------------------------------------+
";
        assert_eq!(receipt(&sample(), &words()), expected);
        let plain = Receipt {
            amount: Money::ZERO,
            terminal: None,
            replayed: true,
            action: Action::PinChanged,
            ..sample()
        };
        let text = receipt(&plain, &words());
        assert!(!text.contains("Amount") && !text.contains("Terminal"), "{text}");
        assert!(text.contains("repeated; it was done once"), "{text}");
    }

    #[test]
    fn a_balance_shows_what_is_reserved_only_where_something_is() {
        let (posted, available) = (Money::from_minor(50_000), Money::from_minor(40_000));
        let text = balance(&Balance { posted, available }, &words());
        assert!(text.contains("Available  400.00 INR") && text.contains("Posted     500.00 INR"), "{text}");
        assert!(!balance(&Balance { posted, available: posted }, &words()).contains("Posted"));
    }

    fn line(reference: i64, action: Action, amount: Option<i64>, balance: i64) -> StatementLine {
        StatementLine {
            reference: Seq(reference),
            recorded_at: Timestamp::from_ms(1_795_000_000_007),
            action,
            amount: amount.map(Money::from_minor),
            balance: Money::from_minor(balance),
        }
    }

    #[test]
    fn a_statement_of_a_summer_and_a_winter_names_the_zone_of_each_line() {
        let zone = jiff::tz::TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
        let words = Words::new(words().currency, zone);
        let winter = line(9_999_999, Action::WithdrawReversed, Some(9_999_999_999), 99_999_999_999);
        let summer = StatementLine { recorded_at: Timestamp::from_ms(1_780_000_000_007), ..winter };
        let both = statement(&[winter, summer], &words);
        assert!(both.contains("2026-11-18 12:06 CET ") && both.contains(" CEST "), "{both}");
        assert!(both.lines().all(|line| line.len() <= 80), "{both}");
        assert!(statement(&[summer], &words).contains("Date and time (CEST)"));
    }

    #[test]
    fn a_statement_fits_80_columns() {
        let lines = [
            line(17, Action::Withdraw, Some(50_000), 40_000),
            line(9, Action::Deposit, Some(90_000), 90_000),
            line(2, Action::Login, None, 0),
            line(1, Action::Opening, Some(0), 0),
        ];
        let expected = "\
Reference  Date and time (+01)  What            Amount INR  Balance INR
-----------------------------------------------------------------------
       17  2026-11-18 12:06:40  Withdrawal         -500.00       400.00
        9  2026-11-18 12:06:40  Deposit            +900.00       900.00
        2  2026-11-18 12:06:40  Log-in                             0.00
        1  2026-11-18 12:06:40  Opening amount        0.00         0.00
";
        assert_eq!(statement(&lines, &words()), expected);
        let wide = [line(9_999_999, Action::WithdrawReversed, Some(9_999_999_999), 99_999_999_999)];
        assert!(statement(&wide, &words()).lines().all(|line| line.len() <= 80));
        assert_eq!(statement(&[], &words()), "No entries.\n");
    }
}
