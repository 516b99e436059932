//! `report page`: one HTML file that needs nothing else, to look at, to listen to and to print.
//!
//! A pure function of the data: equal data gives equal bytes. There is no script in it, and its policy forbids
//! the browser to load or run anything. All text passes `markup::text`.

mod chart;
mod markup;
mod section;
mod table;
#[cfg(test)]
mod tests;

use crate::drawing::words::{amount, counted, grouped, period};
use crate::drawing::{Data, Failures};
use markup::text;

const STYLE: &str = include_str!("style.css");

/// How a page begins, by which one is known that was made before.
pub const BEGINS: &str = "<!DOCTYPE html>\n<!-- A page of atmctl report. -->\n";

/// The whole file.
#[must_use]
pub fn render(data: &Data) -> String {
    let when = data.period().map_or("no days".into(), |(first, last)| period(first, last));
    let body = if data.is_empty() { empty(data) } else { sections(data) };
    format!(
        "{BEGINS}<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>Cash report, {when}</title>\n\
         <style>\n{STYLE}</style>\n</head>\n<body>\n<div class=\"page\">\n\
         <header>\n<h1>Cash report</h1>\n<p>{when}</p>\n</header>\n<main>\n{body}</main>\n{}</div>\n</body>\n</html>\n",
        footer(data),
        when = text(&when),
    )
}

fn empty(data: &Data) -> String {
    format!("<section>\n<p>{}</p>\n</section>\n{}", text(&data.nothing()), section::faults(&data.faults))
}

fn sections(data: &Data) -> String {
    let mut body = figures(data);
    if !data.days.is_empty() {
        body += &section::daily(data);
        body += &section::balance(data);
        body += &section::hours(data);
    }
    if let Some(failures) = &data.failures {
        body += &section::failures(data, failures);
    }
    if !data.top.first.is_empty() {
        body += &section::top(data);
    }
    body + &section::faults(&data.faults)
}

/// What the period comes to, at a glance.
fn figures(data: &Data) -> String {
    let code = data.currency.code();
    let money = |minor| amount(minor, data.currency);
    let tile = |name: &str, value: String, more: &str| (name.to_owned(), value, more.to_owned());
    let mut tiles = Vec::new();
    if !data.days.is_empty() {
        let flow = data.flow();
        tiles.push(tile(&format!("Deposits, {code}"), money(flow.deposits_minor), ""));
        tiles.push(tile(&format!("Withdrawals, {code}"), money(flow.withdrawals_minor), ""));
        tiles.push(tile(&format!("Net, {code}"), money(flow.net_minor), "by which the balance changed"));
        tiles.push(tile("Movements", grouped(flow.count), &days_of(data)));
    }
    if let Some(closing) = data.closing_minor() {
        tiles.push(tile(&format!("Bank’s balance, {code}"), money(closing), "at the end"));
    }
    if data.top.customers > 0 {
        tiles.push(tile("Customers", grouped(data.top.customers), "who moved money"));
    }
    if let Some(failures) = &data.failures {
        let (wrong, listed) = Failures::sum(failures);
        tiles.push(tile("Wrong PINs", grouped(wrong), &format!("{} blacklisted", counted(listed, "number"))));
    }
    if data.faults.count > 0 {
        tiles.push(tile("Rows left out", grouped(data.faults.count), "could not be read"));
    }
    let tiles = tiles.iter().map(|(name, value, more)| {
        // A long amount is broken between thousands.
        let (name, value, more) = (text(name), text(value).replace(',', ",<wbr>"), text(more));
        let more = if more.is_empty() { more } else { format!("<dd class=\"more\">{more}</dd>") };
        format!("<div><dt>{name}</dt><dd class=\"value\">{value}</dd>{more}</div>\n")
    });
    let tiles: String = tiles.collect();
    format!("<section>\n<h2>At a glance</h2>\n<dl class=\"figures\">\n{tiles}</dl>\n</section>\n")
}

fn days_of(data: &Data) -> String {
    format!("on {}", counted(u64::try_from(data.days.len()).unwrap_or(u64::MAX), "day"))
}

fn footer(data: &Data) -> String {
    let sources = match data.sources.as_slice() {
        [] => String::new(),
        sources => format!(" From {}.", sources.join(", ")),
    };
    let (zone, code) = (&data.zone, data.currency.code());
    let about = format!("Days and hours are those of {zone}; amounts are in {code}.{sources}");
    format!("<footer>\n<p>{}</p>\n<p>Made {}.</p>\n</footer>\n", text(&about), text(&data.generated_at))
}
