//! A client.csv of random rows whose balances follow, written as badly as is still right.

use atm_tests::random::Random;
use std::collections::BTreeMap;
use std::fmt::Write;

const CUSTOMERS: u64 = 500;
const DAYS: u64 = 40;
/// 2026-01-01T00:00:00Z.
const BEGIN_MS: i64 = 1_767_225_600_000;
const COLUMNS: [&str; 8] = [
    "Mobile_Number",
    "Action",
    "Amount",
    "User_Balance",
    "Bank_Balance",
    "Timestamp",
    "Session_Start",
    "Elapsed_Time",
];

/// The number of the n-th customer: of 5 to 15 digits, the first ones zero.
pub(super) fn number(n: u64) -> String {
    let width = usize::try_from(n % 11 + 5).unwrap();
    format!("{n:0width$}")
}

/// So many rows, with this between fields; any field may stand in quotes.
pub(super) fn random(seed: u64, rows: u64, delimiter: char) -> String {
    let mut random = Random::new(seed);
    let mut text = String::new();
    record(&mut text, &mut random, delimiter, COLUMNS.map(str::to_owned));
    let (mut vault, mut balances) = (1_000_000_000_i64, BTreeMap::<u64, i64>::new());
    for row in 0..rows {
        // A few customers move most.
        let customer = random.below(CUSTOMERS).min(random.below(CUSTOMERS));
        let balance = balances.entry(customer).or_insert(0);
        let amount = i64::try_from(random.below(100_000_000)).unwrap() + 1;
        let (action, amount) = match random.below(10) {
            0 => ("login", None),
            1 => ("exit", None),
            2..=5 if *balance >= amount && vault >= amount => ("withdraw", Some(-amount)),
            _ => ("deposit", Some(amount)),
        };
        *balance += amount.unwrap_or(0);
        vault += amount.unwrap_or(0);
        let at = i64::try_from(row * DAYS * 86_400_000 / rows).unwrap();
        let instant = atm_rpc::types::time::Timestamp::from_ms(BEGIN_MS + at).to_string();
        let fields = [
            number(customer),
            action.to_owned(),
            amount.map(|amount| decimal(amount.abs())).unwrap_or_default(),
            decimal(*balance),
            decimal(vault),
            instant,
            String::new(),
            String::new(),
        ];
        record(&mut text, &mut random, delimiter, fields);
    }
    text
}

fn decimal(minor: i64) -> String {
    format!("{}.{:02}", minor / 100, minor % 100)
}

fn record(text: &mut String, random: &mut Random, delimiter: char, fields: [String; 8]) {
    for (at, field) in fields.iter().enumerate() {
        if at > 0 {
            text.push(delimiter);
        }
        match random.below(8) {
            0 => write!(text, "\"{field}\"").unwrap(),
            _ => text.push_str(field),
        }
    }
    text.push('\n');
}
