//! Reports to look at: the page in a real browser and on paper, charts on a real terminal.

mod charts;
mod page;

use atm_tests::process::Outcome;
use atm_tests::random::Random;
use atm_tests::tools::Tools;
use std::fmt::Write;
use std::fs;

/// A ledger of so many days from 1 January 2024 with six movements a day, some wrong PINs, and one ugly row.
fn ledger(days: i64) -> String {
    let mut text =
        "Mobile_Number,Action,Amount,User_Balance,Bank_Balance,Timestamp,Session_Start,Elapsed_Time\n"
            .to_owned();
    let mut random = Random::new(20_240_101);
    let mut bank = 1_000_000_000;
    // 1 January 2024 at 00:00 in Kolkata.
    let begin = 1_704_047_400_000_i64;
    for day in 0..days {
        for n in 0..6 {
            let at = time(begin + (day * 24 + 9 + n) * 3_600_000);
            let customer = random.below(40);
            let minor = i64::try_from(random.below(5_000_000) + 1).unwrap();
            let (action, change) = if n % 2 == 0 { ("deposit", minor) } else { ("withdraw", -minor) };
            bank += change;
            let (amount, balance) = (money(minor), money(bank));
            writeln!(text, "08000000{customer:02},{action},{amount},{amount},{balance},{at},{at},0").unwrap();
        }
        if day % 4 == 0 {
            let at = time(begin + (day * 24 + 18) * 3_600_000);
            writeln!(text, "0800000001,auth_failed,,,,{at},,").unwrap();
        }
    }
    text.push_str("0800000001,deposit,12x,1.00,1.00,2024-01-01T10:00:00.000Z,,\n");
    text
}

fn money(minor: i64) -> String {
    format!("{}.{:02}", minor / 100, minor % 100)
}

fn time(ms: i64) -> String {
    atm_rpc::types::time::Timestamp::from_ms(ms).to_string()
}

/// atmctl with the plugin, and that ledger in the folder in which it is run.
fn office(days: i64) -> Tools {
    let tools = Tools::with(&["report"]);
    fs::write(tools.work("client.csv"), ledger(days)).unwrap();
    tools
}

const LEDGER: [&str; 4] = ["--file", "client.csv", "--zone", "Asia/Kolkata"];

fn report(tools: &Tools, words: &[&str]) -> Outcome {
    tools.run(&[&["report"], words, &LEDGER].concat())
}
