//! What several modules' tests need.

use crate::io::{Environment, Io};
use crate::state::{Record, What};
use crate::words::Words;
use atm_rpc::types::key::{RequestKey, Seq};
use atm_rpc::types::mobile::MobileNumber;
use atm_rpc::types::money::{Currency, Money};
use atm_rpc::types::terminal::TerminalName;
use atm_rpc::types::time::{BusinessDate, Timestamp};
use atm_rpc::{customer::Receipt, types::action::Action};
use std::io::{Cursor, Write};
use std::sync::{Arc, Mutex};

/// An environment of these variables.
pub(crate) fn env(variables: &[(&str, &str)]) -> Environment {
    let variables: Vec<(String, String)> =
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Box::new(move |name| variables.iter().find(|(known, _)| known == name).map(|(_, value)| value.into()))
}

/// What was written to a stream.
#[derive(Clone, Default)]
pub(crate) struct Written(Arc<Mutex<Vec<u8>>>);

impl Written {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Streams of which the first reads `input`, and what is written to the other two.
pub(crate) fn io(input: &str, variables: &[(&str, &str)]) -> (Io, Written, Written) {
    let (output, errors) = (Written::default(), Written::default());
    let io = Io {
        input: Box::new(Cursor::new(input.as_bytes().to_vec())),
        terminal: false,
        errors_terminal: false,
        output: Box::new(output.clone()),
        errors: Box::new(errors.clone()),
        env: env(variables),
        now: || Timestamp::from_ms(1_795_000_000_007),
    };
    (io, output, errors)
}

pub(crate) const KEY: &str = "0190a6e2-7d4c-7b1e-9c53-2f6d8e0a4b17";

pub(crate) fn words() -> Words {
    Words::new(Currency::INR, jiff::tz::TimeZone::fixed(jiff::tz::offset(1)))
}

pub(crate) fn mobile() -> MobileNumber {
    MobileNumber::parse("0801234567").unwrap()
}

pub(crate) fn record(what: What, amount_minor: Option<i64>) -> Record {
    Record {
        version: 1,
        bank: "00112233445566778899aabbccddeeff".into(),
        mobile: mobile(),
        request_key: RequestKey::parse(KEY).unwrap(),
        what,
        amount_minor,
        created_at: Timestamp::from_ms(1_795_000_000_007),
    }
}

pub(crate) fn receipt() -> Receipt {
    Receipt {
        reference: Seq(17),
        action: Action::Withdraw,
        recorded_at: Timestamp::from_ms(1_795_000_000_007),
        business_date: BusinessDate::from_days(20_775),
        masked_number: mobile().masked(),
        amount: Money::from_minor(50_000),
        balance: Money::from_minor(40_000),
        terminal: TerminalName::parse("ATM-0042").ok(),
        replayed: false,
    }
}

/// A certificate of nobody, good enough to trust.
pub(crate) const CA: &str = "\
-----BEGIN CERTIFICATE-----
MIIBZDCCAQqgAwIBAgIUf7UQ1t9U+IwcJj9m2KCy9tptOsgwCgYIKoZIzj0EAwIw
ITEfMB0GA1UEAwwWcmNnZW4gc2VsZiBzaWduZWQgY2VydDAgFw03NTAxMDEwMDAw
MDBaGA80MDk2MDEwMTAwMDAwMFowITEfMB0GA1UEAwwWcmNnZW4gc2VsZiBzaWdu
ZWQgY2VydDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABD0S8Se1pKZk84rOzS/p
KB3jpMrwCsRWfm6GyW7mRH0uMn4w+GMjEF42NetQmIeZUJ/ULWSz6S8PTWcSCpMK
JCOjHjAcMBoGA1UdEQQTMBGHBH8AAAGCCWxvY2FsaG9zdDAKBggqhkjOPQQDAgNI
ADBFAiBt8iWKvQTgZ5jzY/0uKmMT7yYj0pvxgoqUFs0YAU+hmQIhAL5Zygjadh+e
iHHO6MuttWHS3vZUNhmX5nvyVM2aKMed
-----END CERTIFICATE-----
";
