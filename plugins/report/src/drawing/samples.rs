//! Data to draw in tests: what banks have, and what none should.

use super::{Customer, Data, Day, Failures, Faults, Flow, Top};
use atm_rpc::types::money::Currency;
use jiff::civil::{Date, date};

/// Each with what it is.
pub(crate) fn all() -> Vec<(&'static str, Data)> {
    vec![
        ("empty", empty()),
        ("nothing that was asked for", Data { asked: (Some(FIRST), Some(date(2024, 5, 31))), ..empty() }),
        ("one day", busy(1)),
        ("a week", busy(7)),
        ("90 days", busy(90)),
        ("3 years", busy(1096)),
        ("an outlier", outlier()),
        ("huge", huge()),
        ("negative", negative()),
        ("failures alone", Data { days: Vec::new(), hours: [[0; 24]; 7], top: Top::default(), ..busy(5) }),
        ("no failures known", Data { failures: None, ..busy(30) }),
        ("strange texts", strange()),
        ("ages", Data { asked: (Some(Date::MIN), Some(Date::MAX)), ..busy(7) }),
    ]
}

const FIRST: Date = date(2024, 5, 1);

pub(crate) fn empty() -> Data {
    Data {
        sources: vec!["bank.csv".into(), "client.csv".into()],
        zone: "Asia/Kolkata".into(),
        generated_at: "2024-06-03 08:00 IST".into(),
        currency: Currency::INR,
        asked: (None, None),
        days: Vec::new(),
        hours: [[0; 24]; 7],
        failures: Some(Vec::new()),
        top: Top::default(),
        faults: Faults::default(),
    }
}

/// So many days from 1 May 2024 of a bank that is shut on Sundays.
pub(crate) fn busy(count: i32) -> Data {
    let mut random = Random(7);
    let mut balance = 1_000_000_000;
    let dates = (0..count).map(|n| FIRST.checked_add(jiff::Span::new().days(n)).unwrap());
    let open: Vec<Date> = dates.filter(|date| date.weekday().to_monday_zero_offset() < 6).collect();
    let days = open.iter().map(|date| {
        let (deposits, withdrawals) = (random.below(9_000_000) + 100_000, random.below(8_000_000) + 50_000);
        balance += deposits - withdrawals;
        let count = u64::try_from(random.below(900)).unwrap() + 20;
        let net_minor = deposits - withdrawals;
        let flow = Flow { count, deposits_minor: deposits, withdrawals_minor: withdrawals, net_minor };
        Day { date: *date, flow, closing_minor: Some(balance) }
    });
    let days = days.collect();
    let mut hours = [[0; 24]; 7];
    for day in hours.iter_mut().take(6) {
        for (hour, count) in (8..20).zip([3, 10, 24, 31, 40, 22, 18, 27, 33, 48, 29, 9]) {
            day[hour] =
                count * u64::try_from(count_days(count) * i128::from(9) + random.below(90)).unwrap() / 100;
        }
    }
    let failures = open.iter().step_by(3).map(|date| Failures {
        date: *date,
        wrong_pins: u64::try_from(random.below(14)).unwrap() + 1,
        blacklisted: u64::try_from(random.below(3)).unwrap(),
    });
    let failures = Some(failures.collect());
    let customers = (0..10).map(|n| {
        let (deposits_minor, withdrawals_minor) = (9_000_000 - n * 610_000, 4_000_000 - n * 310_000);
        Customer {
            number: format!("******{:04}", 4711 + 13 * n),
            count: 120 - u64::try_from(n).unwrap() * 7,
            deposits_minor,
            withdrawals_minor,
            sum_minor: deposits_minor + withdrawals_minor,
        }
    });
    let top = Top { customers: 1_234, first: customers.collect() };
    let faults = Faults {
        count: 3,
        first: vec![
            "client.csv:17: the amount \"12,5\" is not a number; the row was left out".into(),
            "client.csv:4711: the row has 7 fields, where the header has 9; the row was left out".into(),
            "client.csv:9000: the last line is torn: it has no end; the row was left out".into(),
        ],
    };
    Data { days, hours, failures, top, faults, ..empty() }
}

fn count_days(count: u64) -> i128 {
    i128::from(count.min(20))
}

fn outlier() -> Data {
    let mut data = busy(60);
    data.days[20].flow.deposits_minor = 900_000_000_000;
    data
}

/// The largest amounts that a ledger can have, added up over ten million rows.
fn huge() -> Data {
    let mut data = busy(12);
    for (day, factor) in data.days.iter_mut().zip(1..) {
        let most = i128::from(i64::MAX) * 10_000_000;
        day.flow = Flow {
            count: u64::MAX,
            deposits_minor: most / factor,
            withdrawals_minor: most,
            net_minor: most / factor - most,
        };
        day.closing_minor = Some(i128::from(i64::MAX) / factor);
    }
    for customer in &mut data.top.first {
        (customer.deposits_minor, customer.sum_minor) = (i128::MAX, i128::MAX);
    }
    data.hours = [[u64::MAX; 24]; 7];
    data.failures = Some(vec![Failures { date: FIRST, wrong_pins: u64::MAX, blacklisted: u64::MAX }]);
    data.faults.count = u64::MAX;
    data
}

fn negative() -> Data {
    let mut data = busy(20);
    for (day, n) in data.days.iter_mut().zip(0..) {
        (day.flow.deposits_minor, day.flow.net_minor) = (0, -day.flow.withdrawals_minor);
        day.closing_minor = Some(2_000_000 - n * 700_000);
    }
    data
}

fn strange() -> Data {
    let mut data = busy(3);
    let bad = "</title></style><script>alert('x')</script><img src=x onerror=alert(1)>&\"\u{0}\u{202e}";
    data.sources = vec![bad.into(), "a".repeat(300)];
    (data.zone, data.generated_at) = (bad.into(), bad.into());
    data.top.first[0].number = bad.into();
    data.faults.first = vec![bad.into(), format!("{}:1: strange", "long".repeat(80))];
    data
}

/// Equal numbers in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, end: i128) -> i128 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        i128::from(self.0 >> 33) % end
    }
}
