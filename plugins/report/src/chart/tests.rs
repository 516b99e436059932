//! What holds for charts of any data on any terminal.

use super::{Figure, Ink, Screen, Strokes, draw};
use crate::drawing::words::amount;
use crate::drawing::{Failures, samples};

const FIGURES: [Figure; 4] = [Figure::Daily, Figure::Balance, Figure::Hourly, Figure::Failures];

const fn screen(columns: usize, lines: usize, strokes: Strokes) -> Screen {
    Screen { columns, lines, ink: Ink::Plain, strokes }
}

#[test]
fn charts_fit_their_terminal() {
    // No zone has a name that is longer than a line.
    for (name, data) in samples::all().into_iter().filter(|(name, _)| *name != "strange texts") {
        for figure in FIGURES {
            for (columns, lines) in [(80, 24), (160, 50), (40, 24), (80, 14), (40, 14)] {
                let drawn = draw(&data, figure, &screen(columns, lines, Strokes::Blocks));
                let context = format!("{name} {figure:?} {columns}x{lines}:\n{drawn}");
                // The line of the prompt is the terminal's last. Days of the week and the sentences under them need
                // more than the least.
                let is_least = (columns, lines, figure) == (40, 14, Figure::Hourly);
                assert!(is_least || drawn.lines().count() < lines, "{context}");
                // Amounts of 19 digits have no room on the narrowest.
                let lines =
                    drawn.lines().filter(|line| columns > 40 || name != "huge" || !line.contains("  "));
                let widest = lines.map(|line| line.chars().count());
                assert!(widest.max().is_none_or(|widest| widest <= columns), "{context}");
                assert!(!drawn.contains('\u{1b}'), "{context}");
            }
        }
    }
}

#[test]
fn without_unicode_all_is_ascii_but_currencies_and_names() {
    for (name, data) in samples::all().into_iter().filter(|(name, _)| *name != "strange texts") {
        for figure in FIGURES {
            let drawn = draw(&data, figure, &screen(80, 24, Strokes::Ascii));
            assert!(drawn.is_ascii(), "{name} {figure:?}:\n{drawn}");
        }
    }
}

#[test]
fn the_screen_is_what_the_environment_says() {
    let terminal = Some((100, 30));
    let (plain, coloured) = (Ink::Plain, Ink::Coloured);
    let (blocks, ascii) = (Strokes::Blocks, Strokes::Ascii);
    type Row = (&'static [(&'static str, &'static str)], Option<(u16, u16)>, (usize, usize, Ink, Strokes));
    let table: &[Row] = &[
        (&[], None, (80, 24, plain, ascii)),
        (&[("LANG", "en_GB.UTF-8")], terminal, (100, 30, coloured, blocks)),
        (&[("LANG", "en_GB.UTF-8"), ("LC_ALL", "C")], terminal, (100, 30, coloured, ascii)),
        (&[("LC_CTYPE", "C.utf8"), ("LC_ALL", "")], None, (80, 24, plain, blocks)),
        (&[("NO_COLOR", "1")], terminal, (100, 30, plain, ascii)),
        (&[("NO_COLOR", "")], terminal, (100, 30, coloured, ascii)),
        (&[("TERM", "dumb")], terminal, (100, 30, plain, ascii)),
        (&[("COLUMNS", "120")], None, (120, 24, plain, ascii)),
        (&[("COLUMNS", "wide")], None, (80, 24, plain, ascii)),
        (&[("COLUMNS", "1")], None, (40, 24, plain, ascii)),
        (&[], Some((0, 0)), (80, 24, coloured, ascii)),
        (&[], Some((9999, 9999)), (300, 60, coloured, ascii)),
    ];
    for (environment, terminal, (columns, lines, ink, strokes)) in table {
        let value = |name: &str| {
            environment.iter().find(|(set, _)| *set == name).map(|(_, value)| (*value).to_owned())
        };
        let found = Screen::new(value, *terminal);
        assert_eq!(
            found,
            Screen { columns: *columns, lines: *lines, ink: *ink, strokes: *strokes },
            "{environment:?}"
        );
    }
}

#[test]
fn bars_say_their_amounts_and_are_as_long_as_they() {
    let mut data = samples::busy(2);
    for (day, amounts) in data.days.iter_mut().zip([(100_000, 0), (50_000, 25_000)]) {
        (day.flow.deposits_minor, day.flow.withdrawals_minor) = amounts;
        day.flow.net_minor = amounts.0 - amounts.1;
    }
    let drawn = draw(&data, Figure::Daily, &screen(80, 24, Strokes::Ascii));
    assert_eq!(
        drawn,
        "Deposits and withdrawals by day, INR\n\
         1 to 2 May 2024, Asia/Kolkata\n\
         Day             Withdrawals                                             Deposits\n\
         Wed 2024-05-01         0.00                      |####################  1,000.00\n\
         Thu 2024-05-02       250.00                 #####|##########              500.00\n\
         Total                250.00                                             1,500.00\n\
         The bank's balance changed by INR 1,250.00.\n"
    );
}

#[test]
fn no_day_is_lost_and_sums_are_whole() {
    for days in [1, 7, 90, 1096] {
        let data = samples::busy(days);
        for columns in [80, 160] {
            let drawn = draw(&data, Figure::Daily, &screen(columns, 24, Strokes::Blocks));
            let [total, change] = drawn.lines().rev().take(2).collect::<Vec<_>>()[..] else {
                panic!("{drawn}")
            };
            let last = format!("{change} {total}");
            for minor in [data.flow().deposits_minor, data.flow().withdrawals_minor, data.flow().net_minor] {
                assert!(last.contains(&amount(minor, data.currency)), "{last}");
            }
        }
    }
}

#[test]
fn what_is_not_nothing_is_seen() {
    let mut data = samples::busy(3);
    data.days[1].flow.deposits_minor = i128::from(i64::MAX);
    data.days[0].flow.deposits_minor = 1;
    let of = |wrong_pins, blacklisted| Failures { date: data.days[0].date, wrong_pins, blacklisted };
    let drawn = draw(&data, Figure::Daily, &screen(80, 24, Strokes::Ascii));
    assert!(drawn.lines().nth(3).unwrap().contains("|#"), "{drawn}");
    data.failures = Some(vec![of(1_000_000, 1)]);
    let drawn = draw(&data, Figure::Failures, &screen(80, 24, Strokes::Ascii));
    assert!(drawn.lines().nth(3).unwrap().ends_with("##-"), "{drawn}");
}

#[test]
fn colours_change_nothing_but_colours() {
    let data = samples::busy(30);
    for figure in FIGURES {
        let plain = screen(80, 24, Strokes::Blocks);
        let coloured = draw(&data, figure, &Screen { ink: Ink::Coloured, ..plain });
        let mut bare = coloured.clone();
        for code in ["31", "33", "36", "0"] {
            bare = bare.replace(&format!("\u{1b}[{code}m"), "");
        }
        assert!(coloured.len() > bare.len());
        let trimmed = |text: &str| text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n");
        assert_eq!(trimmed(&bare), trimmed(&draw(&data, figure, &plain)));
    }
}
