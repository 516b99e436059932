//! `report page` as people see it: on a telephone and on a screen, on light and on dark paper, printed, and read aloud.

use super::{office, report};
use atm_tests::browser::Browser;
use atm_tests::need::need;
use serde_json::{Value, json};
use std::fs;

/// What no page may do, found by a script that the test runs and the page does not have.
const LAYOUT: &str = include_str!("layout.js");
const CHARTS: [&str; 4] =
    ["Deposits and withdrawals", "The bank’s balance", "Hours of the week", "Failed log-ins"];

#[test]
fn a_browser_shows_all_of_a_page_in_every_size() {
    let Some(chromium) = need("chromium") else { return };
    let mut browser = Browser::start(&chromium);
    for days in [1, 90, 1100] {
        let tools = office(days);
        let _ = report(&tools, &["page", "--html", "page.html"]).coded(0);
        let file = tools.work("page.html");
        let told = browser.open(&file);
        assert_eq!(told, [format!("asked for \"file://{}\"", file.display())], "{days} days");
        let mut papers = Vec::new();
        for size in [(360, 740), (1280, 900)] {
            for scheme in ["light", "dark"] {
                browser.show(size, scheme);
                let found = browser.evaluate(LAYOUT);
                assert_eq!(found["wrong"], json!([]), "{days} days, {size:?}, {scheme}");
                assert_eq!(found["charts"], json!(CHARTS), "{days} days, {size:?}, {scheme}");
                papers.push(found["paper"].clone());
            }
        }
        assert_eq!((&papers[0], &papers[1]), (&papers[2], &papers[3]));
        assert_ne!(papers[0], papers[1], "dark is another paper");
    }
}

#[test]
fn a_page_is_printed_on_light_paper() {
    let Some(chromium) = need("chromium") else { return };
    let tools = office(90);
    let _ = report(&tools, &["page", "--html", "page.html"]).coded(0);
    let mut browser = Browser::start(&chromium);
    assert_eq!(browser.open(&tools.work("page.html")).len(), 1);
    // A4 between its margins, of somebody who likes the dark.
    browser.show((688, 980), "dark");
    let print =
        json!({ "media": "print", "features": [{ "name": "prefers-color-scheme", "value": "dark" }] });
    browser.call("Emulation.setEmulatedMedia", &print);
    let found = browser.evaluate(LAYOUT);
    assert_eq!((&found["wrong"], &found["charts"]), (&json!([]), &json!(CHARTS)));
    assert_eq!(found["paper"], "rgb(255, 255, 255)");
    let printed = browser.call("Page.printToPDF", &json!({ "preferCSSPageSize": true }));
    // "%PDF-" in base64.
    let pdf = printed["data"].as_str().unwrap();
    assert!(pdf.starts_with("JVBERi0"), "{}", &pdf[..40.min(pdf.len())]);
}

#[test]
fn a_screen_reader_is_told_what_charts_show() {
    let Some(chromium) = need("chromium") else { return };
    let tools = office(90);
    let _ = report(&tools, &["page", "--html", "page.html"]).coded(0);
    let mut browser = Browser::start(&chromium);
    let _ = browser.open(&tools.work("page.html"));
    let tree = browser.call("Accessibility.getFullAXTree", &json!({}));
    let nodes = tree["nodes"].as_array().unwrap();
    let of = |role: &str| -> Vec<&Value> {
        nodes.iter().filter(|node| node["role"]["value"] == role && node["ignored"] == false).collect()
    };
    let images: Vec<_> = of("image").iter().map(|node| node["name"]["value"].as_str().unwrap()).collect();
    assert_eq!(images, CHARTS);
    for image in of("image") {
        let description = image["description"]["value"].as_str().unwrap_or_default();
        assert!(description.len() > 30, "{image}");
    }
    let levels: Vec<i64> = of("heading")
        .iter()
        .map(|node| {
            let level =
                node["properties"].as_array().unwrap().iter().find(|property| property["name"] == "level");
            level.unwrap()["value"]["value"].as_i64().unwrap()
        })
        .collect();
    assert_eq!(levels[0], 1);
    assert!(levels[1..].iter().all(|level| *level == 2), "{levels:?}");
}

#[test]
fn a_page_has_what_the_ledger_has() {
    let tools = office(7);
    let _ = report(&tools, &["page", "--html", "page.html"]).coded(0);
    let page = fs::read_to_string(tools.work("page.html")).unwrap();
    let days = tools.rows(&[&["report", "daily"], &super::LEDGER[..]].concat());
    assert_eq!(days.len(), 7);
    for (day, date) in days.iter().zip(["Mon 1", "Tue 2", "Wed 3", "Thu 4", "Fri 5", "Sat 6", "Sun 7"]) {
        let cell = |name: &str| amount(&day[name]);
        let row = format!(
            "<tr><th scope=\"row\">{date} Jan 2024</th><td>6</td><td>{}</td><td>{}</td><td>{}</td></tr>",
            cell("deposits"),
            cell("withdrawals"),
            cell("net"),
        );
        assert!(page.contains(&row), "{row}");
        let balance = format!("<tr><th scope=\"row\">{date} Jan 2024</th><td>{}</td></tr>", cell("closing"));
        assert!(page.contains(&balance), "{balance}");
    }
    assert!(page.contains("client.csv"), "where it is from");
    assert!(page.contains("<li>") && page.contains("12x"), "what could not be read");
    assert!(!page.contains("0800000"), "numbers are masked");
    let _ = report(&tools, &["page", "--html", "page.html", "--full-numbers", "--limit", "3"]).coded(0);
    let page = fs::read_to_string(tools.work("page.html")).unwrap();
    assert_eq!(page.matches("<th scope=\"row\">0800000").count(), 3);
}

/// With commas, as the page has it.
fn amount(cell: &Value) -> String {
    let text = cell.as_str().unwrap_or_else(|| panic!("an amount: {cell}"));
    let (sign, digits) = text.strip_prefix('-').map_or(("", text), |digits| ("-", digits));
    let (whole, cents) = digits.split_once('.').unwrap();
    let mut grouped = String::new();
    for (index, digit) in whole.char_indices() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    format!("{sign}{grouped}.{cents}")
}

#[test]
fn a_page_takes_the_place_of_a_page_and_of_nothing_else() {
    let tools = office(2);
    for _ in 0..2 {
        let _ = report(&tools, &["page", "--html", "page.html"]).coded(0);
    }
    let before = fs::read(tools.work("client.csv")).unwrap();
    let said = report(&tools, &["page", "--html", "client.csv"]).coded(5);
    assert!(said.stderr.contains("client.csv is there and is no page"), "{}", said.stderr);
    assert_eq!(fs::read(tools.work("client.csv")).unwrap(), before);
    let intranet = "<!DOCTYPE html>\n<title>Intranet</title>the only copy\n";
    fs::write(tools.work("index.html"), intranet).unwrap();
    let _ = report(&tools, &["page", "--html", "index.html"]).coded(5);
    assert_eq!(fs::read_to_string(tools.work("index.html")).unwrap(), intranet);
    let missing = report(&tools, &["page"]).coded(2);
    assert!(missing.stderr.contains("--html"), "{}", missing.stderr);
}

#[test]
fn a_page_of_no_rows_says_of_when() {
    let tools = office(2);
    let _ = report(&tools, &["page", "--html", "page.html", "--from", "2020-01-01", "--to", "2020-01-31"])
        .coded(0);
    let page = fs::read_to_string(tools.work("page.html")).unwrap();
    assert!(page.contains("No rows between 1 Jan 2020 and 31 Jan 2020."), "{page}");
}
