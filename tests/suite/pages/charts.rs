//! `report chart` on a terminal and into a pipe.

use super::{LEDGER, office, report};
use atm_tests::process;
use atm_tests::terminal::Terminal;
use atm_tests::tools::Tools;

const FIGURES: [&str; 4] = ["daily", "balance", "hourly", "failures"];

/// On a terminal of 80 columns and 24 lines, whose locale has Unicode.
fn on_terminal(tools: &Tools, figure: &str, environment: &[(&str, &str)]) -> String {
    let mut command = tools.command(&[&["report", "chart", figure], &LEDGER[..]].concat());
    command.envs([("LANG", "C.UTF-8"), ("TERM", "xterm-256color")]).envs(environment.iter().copied());
    let mut terminal = Terminal::start(command);
    assert_eq!(terminal.wait(), Some(0), "{}", terminal.shown());
    terminal.shown()
}

#[test]
fn charts_fit_a_terminal() {
    for days in [1, 1100] {
        let tools = office(days);
        for figure in FIGURES {
            let shown = on_terminal(&tools, figure, &[("NO_COLOR", "1")]);
            assert!(!shown.contains('\u{1b}'), "{figure}:\n{shown}");
            let is_about = |line: &&str| line.starts_with("note:") || line.starts_with("warning:");
            let drawn: Vec<&str> = shown.lines().skip_while(is_about).collect();
            assert!(drawn.len() < 24, "{figure} of {days} days:\n{shown}");
            assert!(drawn.iter().all(|line| line.chars().count() <= 80), "{figure} of {days} days:\n{shown}");
            assert!(shown.contains("Asia/Kolkata") && shown.contains("2024"), "{figure}:\n{shown}");
        }
    }
}

#[test]
fn charts_have_the_colours_of_their_terminal() {
    let tools = office(30);
    for figure in FIGURES {
        let coloured = on_terminal(&tools, figure, &[]);
        assert!(coloured.contains("\u{1b}[3"), "{figure}:\n{coloured}");
    }
}

#[test]
fn into_a_pipe_there_are_no_colours_and_columns_are_as_asked() {
    let tools = office(30);
    for figure in FIGURES {
        let mut command = tools.command(&[&["report", "chart", figure], &LEDGER[..]].concat());
        command.envs([("LANG", "C.UTF-8"), ("COLUMNS", "120")]);
        let wide = process::run(command, "").coded(0).stdout;
        assert!(!wide.contains('\u{1b}') && !wide.is_ascii(), "{wide}");
        let longest = wide.lines().map(|line| line.chars().count()).max().unwrap();
        assert!((101..=120).contains(&longest), "{figure}: {longest}\n{wide}");
        // Without a locale there is nothing but ASCII, and without a width it is 80.
        let plain = report(&tools, &["chart", figure]).coded(0).stdout;
        assert!(plain.is_ascii() && plain.lines().all(|line| line.len() <= 80), "{plain}");
    }
}

#[test]
fn the_chart_of_days_is_the_one_that_is_meant() {
    let tools = office(3);
    let asked = report(&tools, &["chart", "daily"]).coded(0).stdout;
    assert_eq!(report(&tools, &["chart"]).coded(0).stdout, asked);
    let lines: Vec<&str> = asked.lines().collect();
    assert!(lines[3].starts_with("Mon 2024-01-01") && lines[5].starts_with("Wed 2024-01-03"), "{asked}");
}

#[test]
fn a_chart_of_nothing_says_of_when() {
    let tools = office(2);
    for figure in FIGURES {
        let said = report(&tools, &["chart", figure, "--from", "2020-01-01", "--to", "2020-01-31"]).coded(0);
        assert_eq!(said.stdout, "No rows between 1 Jan 2020 and 31 Jan 2020.\n");
    }
    let strict = report(&tools, &["chart", "--strict"]).coded(3);
    assert!(strict.stderr.contains("12x"), "{}", strict.stderr);
    let wrong = report(&tools, &["chart", "weekly"]).coded(2);
    assert!(wrong.stderr.contains("failures"), "it says what there is: {}", wrong.stderr);
}
