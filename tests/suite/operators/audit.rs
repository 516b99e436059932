//! `atmctl audit`: what operators did and were refused, by who, what and when; and whether it was changed since.

use atm_tests::bank;
use atm_tests::daemon::{Atmd, Options};
use atm_tests::process::Outcome;
use serde_json::Value;
use sqlx::{Connection, SqliteConnection};

fn audit(atmd: &Atmd, arguments: &[&str]) -> Outcome {
    atmd.ctl(&[&["audit"], arguments, &["-o", "json"]].concat())
}

/// Method and result of each row.
fn listed(atmd: &Atmd, arguments: &[&str]) -> Vec<String> {
    let json = audit(atmd, &[&["list"], arguments].concat()).coded(0).json();
    assert_eq!(json["schema"], "atmctl.audit.list/1");
    let text = |row: &Value, field: &str| row[field].as_str().unwrap().to_owned();
    let rows = json["data"].as_array().unwrap().iter();
    rows.map(|row| format!("{} {}", text(row, "method"), text(row, "result"))).collect()
}

#[test]
fn what_operators_did_is_found_by_who_and_what() {
    let atmd = Atmd::start(&Options::default());
    let number = bank::number(1).full();
    let add = ["blacklist", "add", &number, "--reason", "a test"];
    let _ = atmd.ctl(&add).coded(0);
    let _ = atmd.ctl(&add).coded(0);
    let _ = atmd.ctl(&["blacklist", "add", &number, "--reason", " "]).coded(2);
    let _ = atmd.ctl(&["blacklist", "remove", &number, "--reason", "found"]).coded(0);
    let (add, remove, same) = ("blacklist_add done", "blacklist_remove done", "blacklist_add unchanged");
    let bad = listed(&atmd, &["--result", "refused"]);
    assert!(bad.len() == 1 && bad[0].starts_with("blacklist_add refused: bad request"), "{bad:?}");
    let bad = bad[0].as_str();
    let table: &[(&[&str], &[&str])] = &[
        (&[], &[remove, bad, same, add]),
        (&["--limit", "2"], &[remove, bad]),
        (&["--method", "blacklist_add", "--result", "done"], &[add]),
        (&["--result", "unchanged"], &[same]),
        (&["--result", "failed"], &[]),
        (&["--operator", "root", "--limit", "1"], &[remove]),
        (&["--operator", "asha"], &[]),
        (&["--since", "2000-01-01", "--method", "blacklist_remove"], &[remove]),
        (&["--since", "2100-01-01"], &[]),
    ];
    for (arguments, expected) in table {
        assert_eq!(listed(&atmd, arguments), *expected, "{arguments:?}");
    }
    let json = audit(&atmd, &["list", "--limit", "1"]).json();
    let row = &json["data"][0];
    assert_eq!(row["arguments"], format!("number={}", bank::number(1).masked()), "{row}");
    assert_eq!([&row["operator"], &row["role"], &row["plugin"]], ["root", "admin", "blacklist"]);
    assert_eq!(row["command"], "blacklist remove");
    assert!(row["plugin_digest"].as_str().is_some_and(|digest| digest.len() >= 64), "{row}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_another_hand_changed_is_found() {
    let atmd = Atmd::start(&Options::default());
    let number = bank::number(1).full();
    for reason in ["one", "two", "three"] {
        let _ = atmd.ctl(&["blacklist", "add", &number, "--reason", reason]).coded(0);
    }
    let sound = audit(&atmd, &["verify"]).coded(0);
    assert_eq!(sound.json()["schema"], "atmctl.audit.verify/1");
    assert!(sound.stderr.contains("3 rows of the audit log"), "{sound}");
    let head = sound.stderr.lines().find_map(|line| line.split_once("history ends at seal ")).unwrap().1;
    let _ = audit(&atmd, &["verify", "--head", head]).coded(0);
    let _ = audit(&atmd, &["verify", "--head", "nonsense"]).coded(2);
    let url = format!("sqlite://{}", atmd.config().database.path.display());
    let mut database = SqliteConnection::connect(&url).await.unwrap();
    // A row of the journal is the business of `ledger verify`.
    let table = [
        ("UPDATE audit SET operator = 'asha' WHERE id = 2", Some("row_hash audit 2")),
        ("UPDATE audit SET operator = 'root' WHERE id = 2", None),
        ("UPDATE audit SET at = at + 1 WHERE id = 3", Some("row_hash audit 3")),
        ("UPDATE audit SET at = at - 1 WHERE id = 3", None),
        ("UPDATE journal SET recorded_at = recorded_at + 1 WHERE seq = 1", None),
        ("DELETE FROM audit WHERE id = 3", Some("row_missing audit 3")),
    ];
    for (sql, expected) in table {
        sqlx::query(sql).execute(&mut database).await.unwrap();
        let verified = audit(&atmd, &["verify"]).coded(if expected.is_some() { 3 } else { 0 });
        let json: Value = serde_json::from_str(&verified.stdout).unwrap();
        let rows = json["data"].as_array().unwrap();
        let text = |row: &Value, field: &str| row[field].as_str().unwrap().to_owned();
        let found: Vec<_> = rows.iter().map(|row| text(row, "check") + " " + &text(row, "place")).collect();
        assert_eq!(found.first().map(String::as_str), expected, "{sql}: {verified}");
    }
    database.close().await.unwrap();
}
