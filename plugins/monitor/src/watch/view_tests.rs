//! What the screen shows of figures, at each size and in each state.

use super::*;
use crate::testing::{metrics, sample};
use crate::watch::points::Point;

fn palette(variables: &[(&str, &str)]) -> Palette {
    Palette::of(|name| {
        variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
    })
}

/// A minute of looks at an atmd that is busy.
fn seen() -> (Vec<Metrics>, Points) {
    let looks: Vec<Metrics> = (0..60)
        .map(|second| metrics(600_000 + second * 1_000, u64::try_from(second).unwrap() * 500))
        .collect();
    let mut points = Points::default();
    points.precede(&[sample(1, 540_000), sample(2, 600_000)]);
    points.extend(looks.windows(2).filter_map(|pair| Point::between(&pair[0], &pair[1])));
    (looks, points)
}

fn picture<'a>(looks: &'a [Metrics], points: &'a Points, palette: Palette) -> Picture<'a> {
    Picture {
        metrics: looks.last(),
        change: looks.first().zip(looks.last()).map(|(first, last)| Change::between(first, last)),
        points,
        now_ms: looks.last().map_or(0, |last| last.at.ms()),
        step_ms: 5_000,
        contact: None,
        is_away: false,
        clock: "14:03:22".to_owned(),
        shows_help: false,
        palette,
    }
}

fn screen(picture: &Picture<'_>, width: u16, height: u16) -> (Vec<String>, Buffer) {
    let area = Rect::new(0, 0, width, height);
    let mut buffer = Buffer::empty(area);
    draw(picture, area, &mut buffer);
    let line = |y| (0..width).map(|x| buffer[(x, y)].symbol()).collect::<String>().trim_end().to_owned();
    ((0..height).map(line).collect(), buffer)
}

#[test]
fn every_size_can_be_drawn() {
    let (looks, points) = seen();
    for variables in [&[][..], &[("LANG", "C.UTF-8")]] {
        let mut picture = picture(&looks, &points, palette(variables));
        for shows_help in [false, true] {
            picture.shows_help = shows_help;
            for width in [0, 1, 9, 39, 40, 41, 59, 60, 77, 78, 80, 119, 150, 200, 400] {
                for height in [0, 1, 2, 9, 10, 11, 12, 13, 16, 24, 25, 40, 60, 120] {
                    let (lines, _) = screen(&picture, width, height);
                    assert_eq!(lines.len(), usize::from(height));
                }
            }
        }
    }
}

#[test]
fn the_usual_screen_has_everything() {
    let (looks, points) = seen();
    let (lines, _) = screen(&picture(&looks, &points, palette(&[("LANG", "C.UTF-8")])), 80, 24);
    let text = lines.join("\n");
    assert!(lines[0].starts_with("atmd 0.1.0 on sqlite  READY  up 10 min 59 s"), "{text}");
    assert!(lines[0].ends_with("14:03:22"), "{text}");
    for part in [
        "requests 550/s",
        "latency p50 850 µs  p99 997 µs",
        "connections 3  most 9",
        "commit p50",
        "CPU 25 %",
        "memory 34.6 MiB",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    for part in [
        "ledgers behind 0",
        "disk free 60.0 GiB",
        "certificates 364 d",
        "methods",
        "deposit",
        "quit",
        "3 min 20 s shown",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    assert!(lines.iter().any(|line| line.contains('█')), "{text}");
    assert!(lines.iter().all(|line| line.chars().count() <= 80), "{text}");
}

#[test]
fn what_is_wrong_comes_first() {
    let (mut looks, points) = seen();
    let last = looks.last_mut().unwrap();
    last.ready = false;
    last.reasons = vec!["the disk is full".to_owned(), "the ledgers are behind".to_owned()];
    last.certificates[0].days_left = 3;
    let (lines, _) = screen(&picture(&looks, &points, palette(&[("LANG", "C.UTF-8")])), 80, 24);
    assert!(lines[0].contains(" NOT READY "), "{lines:#?}");
    let told =
        ["● the disk is full", "● the ledgers are behind", "● the certificate of the server ends in 3 days"];
    assert_eq!(lines[1..4], told);
    looks.last_mut().unwrap().reasons = (0..9).map(|n| format!("reason {n}")).collect();
    let (lines, _) = screen(&picture(&looks, &points, palette(&[])), 80, 24);
    assert_eq!(lines[1..5], ["! reason 0", "! reason 1", "! reason 2", "! and 7 more"]);
}

#[test]
fn who_is_away_has_no_values_but_a_past() {
    let (looks, points) = seen();
    let mut picture = picture(&looks, &points, palette(&[]));
    picture.is_away = true;
    picture.contact = Some(("atmd is away since 12 s; trying again".to_owned(), true));
    let (lines, _) = screen(&picture, 80, 24);
    assert!(lines[0].contains(" AWAY ") && !lines[0].contains("up "), "{lines:#?}");
    assert_eq!(lines[1], "! atmd is away since 12 s; trying again");
    assert!(!lines.join("\n").contains("550/s") && lines.iter().any(|line| line.contains('|')), "{lines:#?}");
}

#[test]
fn without_colours_there_are_none_and_without_unicode_only_ascii() {
    let (mut looks, points) = seen();
    looks.last_mut().unwrap().reasons = vec!["the disk is full".to_owned()];
    let (lines, buffer) = screen(&picture(&looks, &points, palette(&[("NO_COLOR", "1")])), 120, 40);
    assert!(buffer.content().iter().all(|cell| (cell.fg, cell.bg) == Default::default()), "{buffer:?}");
    assert!(lines.iter().all(|line| line.is_ascii()), "{lines:#?}");
    let (_, buffer) = screen(&picture(&looks, &points, palette(&[])), 120, 40);
    assert!(buffer.content().iter().any(|cell| cell.fg != Default::default()));
}

#[test]
fn a_screen_that_is_too_small_says_how_large_it_should_be() {
    let (looks, points) = seen();
    let (lines, _) = screen(&picture(&looks, &points, palette(&[])), 39, 12);
    assert_eq!(lines[..3], ["too small", "39x12 of 40x10", "q quits"]);
}

#[test]
fn nothing_is_known_at_first() {
    let points = Points::default();
    let (lines, _) = screen(&picture(&[], &points, palette(&[])), 80, 24);
    assert!(lines[0].starts_with("atmd  ASKING"), "{lines:#?}");
}
