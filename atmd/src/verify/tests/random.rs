//! Changes at random: of single values, of whole rows, of their order, of the end. Not one may pass.
//!
//! `ATM_TAMPER` says how many; a thousand otherwise.

use super::bank::{Bank, places};

/// Tables, their places, and the columns whose every change must be found. The bank's own accounts do not open with
/// an entry.
const TABLES: [(&str, &str, &[&str]); 4] = [
    (
        "journal",
        "seq",
        &[
            "seq",
            "recorded_at",
            "business_date",
            "action",
            "customer",
            "amount_minor",
            "debit",
            "credit",
            "customer_balance_minor",
            "vault_balance_minor",
            "session",
            "session_started_at",
            "elapsed_ms",
            "terminal",
            "request_key",
            "payload_hash",
            "reverses",
            "prev_seq",
            "mac",
        ],
    ),
    (
        "audit",
        "id",
        &[
            "id",
            "at",
            "operator",
            "role",
            "command",
            "plugin",
            "plugin_version",
            "plugin_digest",
            "capabilities",
            "method",
            "arguments",
            "result",
            "mac",
        ],
    ),
    (
        "seal",
        "id",
        &[
            "id",
            "batch",
            "sealed_at",
            "business_date",
            "last_seq",
            "last_audit",
            "vault_balance_minor",
            "mac",
        ],
    ),
    ("account", "id", &["id", "posted_minor", "pending_minor", "state", "last_seq"]),
];

/// A sequence of numbers that looks random, and is the same for the same seed (SplitMix64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % u64::try_from(sides.max(1)).unwrap()).unwrap()
    }

    fn of<'a, T: ?Sized>(&mut self, among: &[&'a T]) -> &'a T {
        among[self.roll(among.len())]
    }
}

/// What is there, to choose from.
struct Places(Vec<Vec<String>>);

impl Places {
    async fn of(bank: &Bank) -> Self {
        let mut all = Vec::new();
        for (table, place, _) in TABLES {
            let sql = format!("SELECT group_concat({place}) FROM {table}");
            let places = bank.store.text(&sql).await.unwrap();
            all.push(places.split(',').map(str::to_owned).collect());
        }
        Self(all)
    }

    fn one(&self, dice: &mut Dice, table: usize) -> &str {
        &self.0[table][dice.roll(self.0[table].len())]
    }
}

/// A statement that changes something, perhaps.
fn change(dice: &mut Dice, places: &Places) -> String {
    let table = dice.roll(TABLES.len());
    let (name, place, columns) = TABLES[table];
    let (one, other) = (places.one(dice, table), places.one(dice, table));
    let column = dice.of(columns);
    match dice.roll(20) {
        0..=12 => {
            let value = value(dice, name, place, column, other);
            format!("UPDATE {name} SET {column} = {value} WHERE {place} = {one}")
        }
        13 | 14 => format!("DELETE FROM {name} WHERE {place} = {one}"),
        15 => format!("DELETE FROM {name} WHERE {place} BETWEEN min({one}, {other}) AND max({one}, {other})"),
        16 => format!("DELETE FROM {name} WHERE {place} >= {one}"),
        17 => swap_places(name, place, one, other),
        18 => format!(
            "UPDATE {name} SET {column} = (SELECT b.{column} FROM kept_{name} b WHERE b.{place} = CASE \
             {name}.{place} WHEN {one} THEN {other} ELSE {one} END) WHERE {place} IN ({one}, {other})"
        ),
        _ => {
            let [seal, entry] = [places.one(dice, 2), "(SELECT last_seq FROM seal ORDER BY id DESC LIMIT 1)"];
            format!(
                "DELETE FROM seal WHERE id >= {seal}; DELETE FROM journal WHERE seq > coalesce({entry}, 0); \
                 DELETE FROM audit WHERE id > coalesce((SELECT last_audit FROM seal ORDER BY id DESC LIMIT 1), 0)"
            )
        }
    }
}

fn swap_places(name: &str, place: &str, one: &str, other: &str) -> String {
    format!(
        "UPDATE {name} SET {place} = -1000000 WHERE {place} = {one}; \
         UPDATE {name} SET {place} = {one} WHERE {place} = {other}; \
         UPDATE {name} SET {place} = {other} WHERE {place} = -1000000"
    )
}

/// Another value of any type.
fn value(dice: &mut Dice, table: &str, place: &str, column: &str, other: &str) -> String {
    let number = dice.roll(1_000_000);
    match dice.roll(16) {
        0 => "NULL".into(),
        1 => format!("{column} + 1"),
        2 => format!("{column} - 1"),
        3 => format!("-{column}"),
        4 => number.to_string(),
        5 => format!("{number}.5"),
        6 => "''".into(),
        7 => format!("'{number}'"),
        8 => "x''".into(),
        9 => format!("zeroblob({})", dice.of(&[&1, &16, &32])),
        10 => format!("randomblob({})", dice.of(&[&1, &16, &32])),
        11 => format!("CAST({column} AS TEXT)"),
        12 => format!("CAST({column} AS BLOB)"),
        13 => format!("{column} + {}", dice.of(&["4294967296", "-4294967296", "9223372036854775807"])),
        14 => format!("{column} || 'x'"),
        _ => format!("(SELECT b.{column} FROM kept_{table} b WHERE b.{place} = {other})"),
    }
}

/// Whether any stored value of the four tables is another than it was, types included.
async fn differs(bank: &Bank) -> bool {
    for (table, place, columns) in TABLES {
        let quoted = |with: &str| {
            let parts: Vec<String> = columns.iter().map(|column| format!("quote({with}.{column})")).collect();
            parts.join(" || ',' || ")
        };
        let sql = format!(
            "SELECT CAST((SELECT count(*) FROM {table}) <> (SELECT count(*) FROM kept_{table}) OR EXISTS (SELECT 1 \
             FROM {table} a LEFT JOIN kept_{table} b ON a.{place} = b.{place} WHERE b.{place} IS NULL OR {} IS NOT {}) \
             AS TEXT)",
            quoted("a"),
            quoted("b")
        );
        if bank.store.text(&sql).await.as_deref() == Some("1") {
            return true;
        }
    }
    false
}

#[tokio::test]
async fn no_change_passes() {
    let rounds: usize = std::env::var("ATM_TAMPER").map_or(1_000, |count| count.parse().unwrap());
    let seed = std::env::var("ATM_TAMPER_SEED").map_or(17, |seed| seed.parse().unwrap());
    let bank = Bank::with_history().await;
    bank.store.execute("PRAGMA synchronous = OFF").await.unwrap();
    bank.store.keep_copies().await;
    let all = Places::of(&bank).await;
    let mut dice = Dice(seed);
    let mut found = 0;
    while found < rounds {
        let sql = change(&mut dice, &all);
        // Some break a constraint of the tables, and some change nothing.
        let changed = bank.store.execute(&sql).await.is_ok() && differs(&bank).await;
        if changed {
            let (looked, findings) = bank.try_verify(bank.store.seen_heads(), 0).await;
            assert!(looked.is_ok(), "{sql}: {looked:?}");
            assert!(!findings.is_empty(), "round {found}: nothing found after: {sql}");
            if let Some(named) = named(&sql) {
                let places = places(&findings);
                assert!(
                    places.iter().any(|place| place.ends_with(&named)),
                    "{sql}: {named} not in {places:#?}"
                );
            }
            found += 1;
        }
        bank.store.restore_copies().await;
    }
    assert_eq!(places(&bank.findings().await), [""; 0], "the rows are as they were");
}

/// The place that must be named for a change of one value. Where the place itself was changed, it is missing.
fn named(sql: &str) -> Option<String> {
    let (table, rest) = sql.strip_prefix("UPDATE ")?.split_once(" SET ")?;
    let (_, place) = rest.rsplit_once(" = ")?;
    let single = !rest.contains(" IN (") && !rest.contains(';');
    single.then(|| format!("{table} {place}"))
}
