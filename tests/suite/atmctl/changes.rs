//! Changes can be tried and repeated.

use super::{is_listed, number, one};
use atm_tests::bank;
use atm_tests::daemon::{Atmd, Options};

/// The arguments of `blacklist COMMAND` for a customer.
fn blacklist<'a>(command: &'a str, number: &'a str, rest: &[&'a str]) -> Vec<&'a str> {
    [&["blacklist", command, number, "-o", "json"], rest].concat()
}

#[test]
fn a_change_can_be_tried_and_repeated() {
    let atmd = Atmd::start(&Options::default());
    let (mobile, number) = (bank::number(1), number(1));
    let why = ["--reason", "a test"];
    let change = |command: &str, rest: &[&str]| {
        let arguments = blacklist(command, &number, &[&why[..], rest].concat()).join("\n");
        let outcome = atmd.ctl(&arguments.split('\n').collect::<Vec<_>>());
        let row = one(&outcome, &format!("atmctl.blacklist.{command}/1"));
        ["changed", "listed", "dry_run"].map(|field| row[field].as_bool().unwrap())
    };
    assert_eq!(change("remove", &[]), [false, false, false]);
    assert_eq!(change("add", &["--dry-run"]), [true, true, true]);
    assert!(!is_listed(&atmd, mobile));
    assert_eq!(change("add", &["--for", "7d"]), [true, true, false]);
    assert_eq!(change("add", &[]), [true, true, false], "it is for good now");
    assert_eq!(change("add", &[]), [false, true, false]);
    assert_eq!(change("remove", &["--dry-run"]), [true, false, true]);
    assert!(is_listed(&atmd, mobile));
    assert_eq!(change("remove", &[]), [true, false, false]);
    assert_eq!(change("remove", &[]), [false, false, false]);
}
