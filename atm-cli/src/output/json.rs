//! Results for programs: one object, with a schema; money and 64-bit numbers as decimal strings.

use crate::bank::Settled;
use crate::explain::Failure;
use crate::rejection;
use crate::words::{self, Words};
use atm_rpc::customer::{Balance, KeyOutcome, Receipt, StatementLine};
use atm_rpc::types::key::RequestKey;
use atm_rpc::types::money::Money;
use serde_json::{Map, Value, json};

/// A receipt, and the key that finds it again.
pub(crate) fn receipt(receipt: &Receipt, key: RequestKey, words: &Words) -> Value {
    json!({
        "reference": receipt.reference.to_string(),
        "action": receipt.action,
        "recorded_at": receipt.recorded_at,
        "business_date": receipt.business_date,
        "masked_number": receipt.masked_number,
        "amount": words.number(receipt.amount),
        "balance": words.number(receipt.balance),
        "currency": words.currency.code(),
        "terminal": receipt.terminal,
        "replayed": receipt.replayed,
        "request_key": key.to_string(),
    })
}

/// A balance.
pub(crate) fn balance(balance: &Balance, words: &Words) -> Value {
    json!({
        "available": words.number(balance.available),
        "posted": words.number(balance.posted),
        "currency": words.currency.code(),
    })
}

/// A mini statement.
pub(crate) fn statement(lines: &[StatementLine], words: &Words) -> Value {
    let line = |line: &StatementLine| {
        json!({
            "reference": line.reference.to_string(),
            "recorded_at": line.recorded_at,
            "action": line.action,
            "amount": line.amount.map(|amount| words.number(amount)),
            "balance": words.number(line.balance),
        })
    };
    json!({ "currency": words.currency.code(), "lines": lines.iter().map(line).collect::<Vec<_>>() })
}

/// What became of a request.
pub(crate) fn outcome(settled: &Settled, words: &Words) -> Value {
    let (name, done, refused) = match &settled.outcome {
        KeyOutcome::Done(done) => ("done", receipt(done, settled.key, words), Value::Null),
        KeyOutcome::Rejected(no) => {
            let told = rejection::rejection(*no, words);
            ("rejected", Value::Null, error(told.code, &told.message, &told.hint, &told.details))
        }
        KeyOutcome::NotApplied => ("not_applied", Value::Null, Value::Null),
    };
    let request = settled.record.as_ref().map(|record| {
        let noted = (record.what, record.amount_minor.map(Money::from_minor));
        // What was done, the bank knows best.
        let (what, amount) = match &settled.outcome {
            KeyOutcome::Done(done) => {
                let what = words::requested(done.action).unwrap_or(record.what);
                (what, if done.amount == Money::ZERO { None } else { Some(done.amount) })
            }
            KeyOutcome::Rejected(_) | KeyOutcome::NotApplied => noted,
        };
        json!({
            "what": what,
            "amount": amount.map(|amount| words.number(amount)),
            "created_at": record.created_at,
        })
    });
    json!({
        "outcome": name,
        "request_key": settled.key.to_string(),
        "request": request,
        "receipt": done,
        "rejection": refused,
    })
}

/// A failure.
pub(crate) fn failure(failure: &Failure) -> Value {
    error(failure.code, &failure.message, &failure.hint, &failure.details)
}

fn error(code: &str, message: &str, hint: &str, details: &Map<String, Value>) -> Value {
    let mut object = details.clone();
    object.insert("code".into(), code.into());
    object.insert("message".into(), message.into());
    object.insert("hint".into(), hint.into());
    Value::Object(object)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::What;
    use crate::testing::{KEY, receipt as sample, record, words};
    use atm_rpc::error::Rejection;

    fn key() -> RequestKey {
        RequestKey::parse(KEY).unwrap()
    }

    #[test]
    fn a_receipt_has_decimal_strings() {
        let expected = json!({
            "reference": "17", "action": "withdraw", "recorded_at": "2026-11-18T11:06:40.007Z",
            "business_date": "2026-11-18", "masked_number": "******4567", "amount": "500.00",
            "balance": "400.00", "currency": "INR", "terminal": "ATM-0042", "replayed": false,
            "request_key": KEY,
        });
        assert_eq!(receipt(&sample(), key(), &words()), expected);
    }

    #[test]
    fn an_outcome_says_which_request_and_what_became_of_it() {
        let settled =
            |outcome| Settled { key: key(), record: Some(record(What::Withdraw, Some(50_000))), outcome };
        let done = outcome(&settled(KeyOutcome::Done(sample())), &words());
        assert_eq!(
            (&done["outcome"], &done["receipt"]["reference"], &done["request"]["amount"]),
            (&json!("done"), &json!("17"), &json!("500.00"))
        );
        let no = Rejection::BelowMinimum { minimum: Money::from_minor(10_000) };
        let rejected = outcome(&settled(KeyOutcome::Rejected(no)), &words());
        assert_eq!(
            (&rejected["outcome"], &rejected["rejection"]["code"], &rejected["rejection"]["minimum"]),
            (&json!("rejected"), &json!("below_minimum"), &json!("100.00"))
        );
        let nothing = Settled { record: None, ..settled(KeyOutcome::NotApplied) };
        let nothing = outcome(&nothing, &words());
        assert_eq!((&nothing["outcome"], &nothing["request"]), (&json!("not_applied"), &Value::Null));
    }
}
