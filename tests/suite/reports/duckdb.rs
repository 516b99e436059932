//! The same questions to DuckDB, and the same answers to the cent.
//!
//! `ATM_DUCKDB` names a Python that has it, otherwise it is looked for where `.ci/run` puts it. `ATM_REPORT_ROWS` says
//! how many rows the ledgers have.

use super::{ledger, report, rows, tools};
use atm_tests::need::need_duckdb;
use atm_tests::process;
use serde_json::Value;
use std::env;
use std::process::Command;

/// Enough for several blocks of rows, and few enough for a program that is not optimised.
const ROWS: u64 = 200_000;

const ASK: &str = r#"
import duckdb, json, sys
file, delimiter, customer = sys.argv[1:4]
db = duckdb.connect()
db.execute("CREATE TABLE raw AS SELECT * FROM read_csv(?, header=true, all_varchar=true, delim=?, quote='\"', parallel=false)", [file, delimiter])
db.execute("""CREATE TABLE ledger AS SELECT row_number() OVER () AS n, Mobile_Number AS number, Action AS action,
  nullif(Amount, '')::DECIMAL(18,2) AS amount, nullif(User_Balance, '')::DECIMAL(18,2) AS balance,
  nullif(Bank_Balance, '')::DECIMAL(18,2) AS bank,
  replace(replace(Timestamp, 'T', ' '), 'Z', '')::TIMESTAMP + INTERVAL 330 MINUTE AS moment FROM raw""")
def of(action): return f"coalesce(sum(amount) FILTER (WHERE action = '{action}'), 0)::DECIMAL(38,2)::VARCHAR"
def ask(sql, *names):
    print(json.dumps([dict(zip(names, row)) for row in db.execute(sql).fetchall()]))
ask(f"""SELECT moment::DATE::VARCHAR, count(amount)::VARCHAR, sum(amount)::VARCHAR, {of('deposit')}, {of('withdraw')},
  arg_max(bank, n)::VARCHAR FROM ledger GROUP BY moment::DATE HAVING count(amount) > 0 ORDER BY 1""",
  "day", "count", "sum", "deposits", "withdrawals", "closing")
ask(f"""SELECT number, count(amount)::VARCHAR, sum(amount)::VARCHAR AS total, {of('deposit')}, {of('withdraw')},
  arg_max(balance, n)::VARCHAR FROM ledger WHERE amount IS NOT NULL GROUP BY number
  ORDER BY sum(amount) DESC, number LIMIT 20""",
  "number", "count", "sum", "deposits", "withdrawals", "balance")
ask(f"""SELECT strftime(moment, '%Y-%m-%dT%H:%M:%S.%g') || '+05:30', action, amount::VARCHAR, balance::VARCHAR, bank::VARCHAR
  FROM ledger WHERE number = '{customer}' AND amount IS NOT NULL ORDER BY n""",
  "at", "action", "amount", "balance", "bank_balance")
"#;

/// Rows with the fields that the other has.
fn same(found: &[Value], expected: &[Value]) {
    assert_eq!(found.len(), expected.len());
    assert!(!expected.is_empty());
    for (found, expected) in found.iter().zip(expected) {
        for (name, value) in expected.as_object().unwrap() {
            assert_eq!(found[name], *value, "{name} of {found} and {expected}");
        }
    }
}

#[test]
fn answers_are_those_of_duckdb_to_the_cent() {
    let Some(python) = need_duckdb() else { return };
    let count = env::var("ATM_REPORT_ROWS").map_or(ROWS, |rows| rows.parse().unwrap());
    for (seed, delimiter) in [(1, ','), (2, '\t')] {
        let tools = tools(&[("ledger.csv", &ledger::random(seed, count, delimiter))]);
        let customer = ledger::number(7);
        let mut command = Command::new(&python);
        command.args(["-c", ASK]).arg(tools.work("ledger.csv")).args([&delimiter.to_string(), &customer]);
        let answers = process::run(command, "").coded(0).stdout;
        let answers: Vec<Vec<Value>> =
            answers.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let [daily, top, statement] = answers.as_slice() else { panic!("three answers") };
        let asked = |line: &str| {
            let outcome = report(&tools, &format!("{line} --file ledger.csv --zone Asia/Kolkata")).coded(0);
            assert!(outcome.stdout.ends_with("],\"warnings\":[]}\n"), "{outcome}");
            rows(&outcome)
        };
        same(&asked("daily"), daily);
        same(&asked("top --full-numbers"), top);
        let found = asked(&format!("statement {customer}"));
        let [opening, movements @ .., closing] = found.as_slice() else { panic!("{found:?}") };
        same(movements, statement);
        assert_eq!(
            (&opening["balance"], &closing["balance"]),
            (&"0.00".into(), &movements.last().unwrap()["balance"])
        );
        assert_eq!(asked("continuity"), [Value::Null; 0]);
    }
}
