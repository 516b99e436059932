//! The parts of a page: each a heading, a sentence, a chart and the numbers under it.

use super::chart::{self, BARS_MAX, Bar, SHADES, Told, shade};
use super::markup::text;
use super::table;
use crate::drawing::scale::Scale;
use crate::drawing::stretch::Stretch;
use crate::drawing::words::{self, WEEKDAYS, counted, grouped, priced};
use crate::drawing::{Data, Day, Failures, Faults, Flow};
use jiff::civil::Date;

const STEPS: u16 = 4;

/// Deposits above a line and withdrawals below it, one bar of each for every day, week ...
pub(super) fn daily(data: &Data) -> String {
    let (span, stretches) = data.stretches(BARS_MAX);
    let add = |sum: &mut Flow, day: &Day| *sum = sum.and(day.flow);
    let flows = Stretch::fold(&stretches, &data.days, |day| day.date, (Flow::default(), add));
    let highest = flows.iter().map(|flow| flow.deposits_minor).max().unwrap_or(0);
    let lowest = flows.iter().map(|flow| flow.withdrawals_minor).max().unwrap_or(0);
    let scale = Scale::from_zero(lowest.saturating_neg(), highest, STEPS);
    let price = |minor| priced(minor, data.currency);
    let slot = |(stretch, flow): (&Stretch, &Flow)| {
        let said = |what, minor| format!("{}: {what} {}", when(*stretch), price(minor));
        let up = flow.deposits_minor;
        let down = flow.withdrawals_minor;
        vec![
            Bar { from: 0, to: up, class: "deposits", said: said("deposits", up) },
            Bar { from: 0, to: down.saturating_neg(), class: "withdrawals", said: said("withdrawals", down) },
        ]
    };
    let slots: Vec<Vec<Bar>> = stretches.iter().zip(&flows).map(slot).collect();
    let (sum, word) = (data.flow(), span.word());
    let description = format!(
        "{} came in and {} went out. The most that came in during a {word} is {}; the most that went out is {}.",
        price(sum.deposits_minor),
        price(sum.withdrawals_minor),
        price(highest),
        price(lowest),
    );
    let title = "Deposits and withdrawals";
    let lead =
        format!("Each bar is a {}; deposits stand above the line, withdrawals hang below it.", span.word());
    let told = Told { id: "daily", title, description };
    let drawn = chart::bars(&told, scale, data.currency.exponent(), (span, &stretches), &slots);
    let key = key(&[("deposits", "Deposits"), ("withdrawals", "Withdrawals")], data.currency.code());
    section(
        "daily",
        title,
        &lead,
        &(key + &drawn),
        &table::daily(data).folded("Deposits and withdrawals of each day"),
    )
}

/// The bank's balance from day to day; nothing where no ledger has it.
pub(super) fn balance(data: &Data) -> String {
    let points: Vec<(Date, i128)> =
        data.days.iter().filter_map(|day| Some((day.date, day.closing_minor?))).collect();
    let values = || points.iter().map(|(_, value)| *value);
    let (Some(period), Some(low), Some(high), Some(last)) =
        (data.period(), values().min(), values().max(), values().next_back())
    else {
        return String::new();
    };
    let scale = Scale::of_balance(low, high, STEPS);
    let cut_off = if scale.low() > 0 { " The scale does not begin at zero." } else { "" };
    let lead = format!("At the end of each day; on days without movements it stays.{cut_off}");
    let price = |minor| priced(minor, data.currency);
    let description =
        format!("Between {} and {}; at the end {}.{cut_off}", price(low), price(high), price(last));
    let title = "The bank’s balance";
    let told = Told { id: "balance", title, description };
    let drawn = chart::line(&told, scale, data.currency.exponent(), period, &points);
    let key = key(&[("deposits", "Balance")], data.currency.code());
    section("balance", title, &lead, &(key + &drawn), &table::balance(data).folded("Balance of each day"))
}

/// When in the week people come.
pub(super) fn hours(data: &Data) -> String {
    let cells = || {
        let days = WEEKDAYS.iter().zip(&data.hours);
        days.flat_map(|(name, day)| day.iter().enumerate().map(move |(hour, count)| (*count, *name, hour)))
    };
    let most = cells().map(|(count, ..)| count).max().unwrap_or(0);
    let Some((_, name, hour)) = cells().find(|(count, ..)| *count == most && most > 0) else {
        return String::new();
    };
    let lead = format!(
        "Movements by the hour in which they were made. The busiest hour: {name} from {hour:02}:00, {}.",
        counted(most, "movement")
    );
    let title = "Hours of the week";
    let told = Told { id: "hours", title, description: lead.clone() };
    let drawn = chart::week(&told, &data.hours);
    // Each shade with the least and the most that it stands for.
    let range = |wanted: u32| {
        let fits = cells().map(|(count, ..)| count).filter(|count| shade(*count, most) == wanted);
        let (low, high) = fits.fold((u64::MAX, 0), |(low, high), count| (low.min(count), high.max(count)));
        (low <= high).then(|| match low == high {
            true => grouped(low),
            false => format!("{} to {}", grouped(low), grouped(high)),
        })
    };
    const CLASSES: [&str; 6] = ["h0", "h1", "h2", "h3", "h4", "h5"];
    let shades =
        CLASSES.into_iter().zip(0..=SHADES).filter_map(|(class, shade)| Some((class, range(shade)?)));
    let shades: Vec<(&str, String)> = shades.collect();
    let shades: Vec<(&str, &str)> = shades.iter().map(|(class, range)| (*class, range.as_str())).collect();
    let key = key(&shades, "movements in an hour of that weekday");
    section("hours", title, &lead, &(drawn + &key), &table::hours(data).folded("Movements of each hour"))
}

/// Log-ins that failed.
pub(super) fn failures(data: &Data, failures: &[Failures]) -> String {
    let title = "Failed log-ins";
    if failures.is_empty() {
        return section("failures", title, "Nobody failed to log in.", "", "");
    }
    let (span, stretches) = data.stretches(BARS_MAX);
    let add = |sum: &mut (u64, u64), day: &Failures| {
        *sum = (sum.0.saturating_add(day.wrong_pins), sum.1.saturating_add(day.blacklisted));
    };
    let sums = Stretch::fold(&stretches, failures, |day| day.date, ((0, 0), add));
    let most = sums.iter().map(|(wrong, barred)| i128::from(*wrong) + i128::from(*barred)).max().unwrap_or(0);
    let slot = |(stretch, (wrong, barred)): (&Stretch, &(u64, u64))| {
        let (lower, upper) = (i128::from(*wrong), i128::from(*wrong) + i128::from(*barred));
        let said = |what: String| format!("{}: {what}", when(*stretch));
        let blacklisted = format!("{} blacklisted", counted(*barred, "number"));
        vec![
            Bar { from: 0, to: lower, class: "wrong", said: said(counted(*wrong, "wrong PIN")) },
            Bar { from: lower, to: upper, class: "barred", said: said(blacklisted) },
        ]
    };
    let slots: Vec<Vec<Bar>> = stretches.iter().zip(&sums).map(slot).collect();
    let (wrong, barred) = Failures::sum(failures);
    let description =
        format!("{}, and {} put on the blacklist.", counted(wrong, "wrong PIN"), counted(barred, "number"));
    let lead = format!("Each bar is a {}.", span.word());
    let told = Told { id: "failures", title, description };
    let drawn = chart::bars(&told, Scale::from_zero(0, most, STEPS), 0, (span, &stretches), &slots);
    let key = key(&[("wrong", "Wrong PINs"), ("barred", "Blacklisted")], "");
    section(
        "failures",
        title,
        &lead,
        &(key + &drawn),
        &table::failures(failures).folded("Failed log-ins of each day"),
    )
}

/// Who moved the most.
pub(super) fn top(data: &Data) -> String {
    let shown = u64::try_from(data.top.first.len()).unwrap_or(u64::MAX);
    let lead = match data.top.customers > shown {
        true => format!(
            "The first {} of {}, by all that they moved.",
            grouped(shown),
            counted(data.top.customers, "customer")
        ),
        false => "By all that they moved.".to_owned(),
    };
    section(
        "top",
        "Customers who moved the most",
        &lead,
        "",
        &table::top(data).shown("Customers who moved the most"),
    )
}

/// What could not be read.
pub(super) fn faults(faults: &Faults) -> String {
    let title = "Rows left out";
    if faults.count == 0 {
        return section("faults", title, "None: every row could be read.", "", "");
    }
    let shown = u64::try_from(faults.first.len()).unwrap_or(u64::MAX);
    let lead = match shown {
        0 => format!("{} could not be read and are in no number above.", counted(faults.count, "row")),
        _ if shown < faults.count => {
            format!(
                "{} could not be read and are in no number above. The first of them:",
                counted(faults.count, "row")
            )
        }
        _ => format!("{} could not be read and are in no number above:", counted(faults.count, "row")),
    };
    let items: String = faults.first.iter().map(|fault| format!("<li>{}</li>\n", text(fault))).collect();
    let list = if items.is_empty() { items } else { format!("<ul>\n{items}</ul>\n") };
    section("faults", title, &lead, "", &list)
}

fn section(id: &str, title: &str, lead: &str, figure: &str, more: &str) -> String {
    let figure = if figure.is_empty() { String::new() } else { format!("<figure>\n{figure}</figure>\n") };
    format!(
        "<section aria-labelledby=\"{id}\">\n<h2 id=\"{id}\">{}</h2>\n<p class=\"lead\">{}</p>\n{figure}{more}</section>\n",
        text(title),
        text(lead),
    )
}

/// What the colours of a chart mean, and what it counts.
fn key(entries: &[(&str, &str)], unit: &str) -> String {
    let entry = |(class, name): &(&str, &str)| {
        let name = text(name);
        format!(
            "<span><svg aria-hidden=\"true\"><rect class=\"{class}\" width=\"11\" height=\"11\"/></svg>{name}</span>\n"
        )
    };
    let unit = if unit.is_empty() { String::new() } else { format!("<span>{}</span>\n", text(unit)) };
    format!("<div class=\"key\">\n{}{unit}</div>\n", entries.iter().map(entry).collect::<String>())
}

fn when(stretch: Stretch) -> String {
    words::period(stretch.first, stretch.last)
}
