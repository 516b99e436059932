//! What holds for a page of any data.

use super::{STYLE, render};
use crate::drawing::samples;
use crate::drawing::words::{amount, grouped, weekday};
use std::collections::HashSet;

/// What stands between two texts, at each place where both are.
fn between<'a>(html: &'a str, begin: &str, end: &str) -> Vec<&'a str> {
    html.split(begin).skip(1).filter_map(|rest| rest.split(end).next()).collect()
}

/// The charts, without what is beside them.
fn charts(html: &str) -> Vec<&str> {
    let figures = between(html, "<figure>", "</figure>").into_iter();
    let charts = figures.filter_map(|figure| figure.split("<svg class=\"chart\"").nth(1));
    charts.filter_map(|chart| chart.split("<div").next()).collect()
}

/// Values of an attribute of drawings: `x`, not the `x` of `max`.
fn values<'a>(html: &'a str, attribute: &str) -> Vec<&'a str> {
    between(html, &format!(" {attribute}=\""), "\"")
}

#[test]
fn equal_data_gives_equal_bytes_and_whole_markup() {
    for (name, data) in samples::all() {
        let html = render(&data);
        assert_eq!(html, render(&data), "{name}");
        for element in
            ["section", "svg", "table", "tr", "th", "td", "details", "div", "p", "ul", "li", "dl", "figure"]
        {
            let opened =
                html.matches(&format!("<{element}>")).count() + html.matches(&format!("<{element} ")).count();
            assert_eq!(opened, html.matches(&format!("</{element}>")).count(), "{name}: {element}");
        }
        let ids = values(&html, "id");
        assert_eq!(ids.iter().collect::<HashSet<_>>().len(), ids.len(), "{name}: {ids:?}");
        for referred in ["aria-labelledby", "aria-describedby"].iter().flat_map(|by| values(&html, by)) {
            assert!(ids.contains(&referred), "{name}: {referred}");
        }
    }
}

#[test]
fn a_page_reaches_for_nothing() {
    for (name, data) in samples::all() {
        let html = render(&data).to_lowercase();
        let tags = between(&html, "<", ">").join("\n") + &between(&html, "<style>", "</style>").join("\n");
        for reach in [
            "\nscript", "\nimg", "\nlink", "\niframe", "\nbase", " href=", " src=", " onload=", "url(",
            "@import", "http:", "https:",
        ] {
            assert!(!tags.contains(reach), "{name} has {reach}");
        }
        assert!(html.contains("default-src 'none'; style-src 'unsafe-inline'"));
    }
}

#[test]
fn each_place_is_on_its_drawing() {
    for (name, data) in samples::all() {
        let html = render(&data);
        for svg in charts(&html) {
            let tall: f64 = values(svg, "height")[0].parse().unwrap();
            for attribute in ["x", "x1", "x2", "width"] {
                for value in values(svg, attribute).into_iter().filter_map(|value| value.strip_suffix('%')) {
                    let percent: f64 = value.parse().unwrap();
                    assert!((0.0..=100.0).contains(&percent), "{name}: {attribute} {value}");
                }
            }
            for attribute in ["y", "y1", "y2"] {
                for value in values(svg, attribute) {
                    let pixels: f64 = value.parse().unwrap();
                    assert!((0.0..=tall).contains(&pixels), "{name}: {attribute} {value} of {tall}");
                }
            }
            for rectangle in between(svg, "<rect", "/rect>") {
                let [x, width] = ["x", "width"]
                    .map(|a| values(rectangle, a)[0].trim_end_matches('%').parse::<f64>().unwrap());
                let [y, height] = ["y", "height"].map(|a| values(rectangle, a)[0].parse::<f64>().unwrap());
                assert!(x + width <= 100.0 && y + height <= tall, "{name}: {rectangle}");
                assert!(width > 0.0 && height > 0.0, "{name}: {rectangle}");
            }
        }
    }
}

#[test]
fn the_tables_are_the_data() {
    for (name, data) in samples::all() {
        let html = render(&data);
        let rows = |caption: &str| -> Vec<Vec<String>> {
            let tables = between(&html, "<table>", "</table>");
            let table = tables
                .into_iter()
                .find(|table| between(table, "<caption>", "</caption>")[0].contains(caption));
            let body = table.map_or("", |table| between(table, "<tbody>", "</tbody>")[0]);
            let cells = |row: &str| {
                between(row, "\">", "</th>")
                    .into_iter()
                    .chain(between(row, "<td>", "</td>"))
                    .map(str::to_owned)
                    .collect()
            };
            between(body, "<tr>", "</tr>").into_iter().map(cells).collect()
        };
        let money = |minor| amount(minor, data.currency);
        let days = data.days.iter().map(|day| {
            let flow = day.flow;
            vec![
                weekday(day.date),
                grouped(flow.count),
                money(flow.deposits_minor),
                money(flow.withdrawals_minor),
                money(flow.net_minor),
            ]
        });
        assert_eq!(rows("Days on which money moved"), days.collect::<Vec<_>>(), "{name}");
        let balances = data.days.iter().map(|day| vec![weekday(day.date), money(day.closing_minor.unwrap())]);
        assert_eq!(rows("balance at the end"), balances.collect::<Vec<_>>(), "{name}");
        let failures = data.failures.iter().flatten();
        let failures =
            failures.map(|day| vec![weekday(day.date), grouped(day.wrong_pins), grouped(day.blacklisted)]);
        assert_eq!(rows("Days on which a log-in failed"), failures.collect::<Vec<_>>(), "{name}");
        let hours = rows("Movements in each hour");
        for (hour, row) in hours.iter().enumerate() {
            let counts = data.hours.map(|day| grouped(day[hour]));
            assert_eq!(row[1..8], counts, "{name}");
        }
        assert_eq!(hours.len(), if data.days.is_empty() { 0 } else { 24 }, "{name}");
        let top = data.top.first.iter().map(|customer| {
            let amounts =
                [customer.deposits_minor, customer.withdrawals_minor, customer.sum_minor].map(money);
            [vec![super::text(&customer.number), grouped(customer.count)], amounts.to_vec()].concat()
        });
        assert_eq!(rows("Amounts in"), top.collect::<Vec<_>>(), "{name}");
    }
}

#[test]
fn bars_have_the_sizes_of_their_amounts() {
    let mut data = samples::busy(2);
    for (day, amounts) in data.days.iter_mut().zip([(10_000, 0), (5_000, 20_000)]) {
        (day.flow.deposits_minor, day.flow.withdrawals_minor) = amounts;
    }
    let html = render(&data);
    // The scale goes from -200.00 to 100.00 on 180 pixels, with 8 above it.
    let expected = [("deposits", "8", "60"), ("deposits", "38", "30"), ("withdrawals", "68", "120")];
    let found = between(&html, "<rect class=\"", "/rect>").into_iter().filter(|bar| bar.contains("<title>"));
    let found = found
        .filter(|bar| !bar.starts_with('h'))
        .filter(|bar| bar.contains("posits") || bar.contains("drawals"));
    let found: Vec<_> = found
        .map(|bar| (bar.split('"').next().unwrap(), values(bar, "y")[0], values(bar, "height")[0]))
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn a_page_without_rows_says_so() {
    let table = samples::all();
    let said = |name: &str| render(&table.iter().find(|(other, _)| *other == name).unwrap().1);
    assert!(said("empty").contains("<p>No rows.</p>"));
    assert!(
        said("nothing that was asked for").contains("<p>No rows between 1 May 2024 and 31 May 2024.</p>")
    );
}

#[test]
fn long_periods_are_thinned() {
    let table = [(1, "a day"), (90, "a day"), (101, "a week"), (690, "a week"), (1096, "a month")];
    for (days, each) in table {
        let html = render(&samples::busy(days));
        assert!(html.contains(&format!("Each bar is {each};")), "{days}");
        for svg in charts(&html) {
            let words = svg.matches("<text").count();
            assert!(words <= 20, "{days}: {words} words");
            assert!(svg.matches("<rect").count() <= 2 * 100, "{days}");
        }
    }
}

/// The luminance of WCAG 2.
fn luminance(colour: &str) -> f64 {
    let part = |range: std::ops::Range<usize>| {
        let value = f64::from(u8::from_str_radix(&colour[range], 16).unwrap()) / 255.0;
        if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    };
    0.2126 * part(1..3) + 0.7152 * part(3..5) + 0.0722 * part(5..7)
}

fn contrast(one: &str, other: &str) -> f64 {
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

#[test]
fn words_and_shapes_are_told_from_the_paper_light_and_dark() {
    let palettes = between(STYLE, ":root {", "}");
    let [light, dark] = palettes.as_slice() else { panic!("two palettes") };
    for palette in [light, dark] {
        let colour = |name: &str| between(palette, &format!("--{name}: "), ";")[0];
        for paper in ["paper", "tile"].map(colour) {
            assert!(["ink", "soft"].iter().all(|words| contrast(colour(words), paper) >= 4.5), "{palette}");
        }
        let shapes = ["deposits", "withdrawals", "wrong", "barred"].map(colour);
        assert!(shapes.iter().all(|shape| contrast(shape, colour("paper")) >= 3.0), "{palette}");
        let beside = [("deposits", "withdrawals"), ("wrong", "barred")];
        for (one, other) in beside {
            assert!(contrast(colour(one), colour(other)) >= 1.4, "{one} and {other} are one grey: {palette}");
        }
        let shades =
            ["h0", "h1", "h2", "h3", "h4", "h5"].map(|shade| contrast(colour(shade), colour("paper")));
        assert!(shades.windows(2).all(|pair| pair[1] > pair[0] * 1.15), "{shades:?}");
    }
}
