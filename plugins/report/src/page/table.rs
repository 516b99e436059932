//! Tables of a page: the numbers that the charts draw, all of them and exactly.

use super::markup::text;
use crate::drawing::words::{WEEKDAYS, amount, grouped, weekday};
use crate::drawing::{Customer, Data, Failures, Flow};

/// A table with its first column as the rows' names. All cells are text yet.
pub(super) struct Table {
    pub(super) caption: String,
    pub(super) head: Vec<String>,
    pub(super) rows: Vec<Vec<String>>,
    pub(super) total: Option<Vec<String>>,
}

/// Up to so many rows are shown at once; more are folded away.
const ROWS_OPEN_MAX: usize = 14;

impl Table {
    /// As HTML that is folded away where it is long. `what` says what it has, for those who cannot see it.
    pub(super) fn folded(&self, what: &str) -> String {
        let open = if self.rows.len() <= ROWS_OPEN_MAX { " open" } else { "" };
        let what = text(what);
        format!("<details{open}>\n<summary>{what}</summary>\n{}</details>\n", self.shown(&what))
    }

    /// As HTML in a frame that scrolls where it is too wide.
    pub(super) fn shown(&self, label: &str) -> String {
        let mut html = format!(
            "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"{label}\">\n<table>\n<caption>{}</caption>\n<thead>\n",
            text(&self.caption)
        );
        let heads = self.head.iter().map(|name| format!("<th scope=\"col\">{}</th>", text(name)));
        html += &format!("<tr>{}</tr>\n", heads.collect::<String>());
        html += "</thead>\n<tbody>\n";
        self.rows.iter().for_each(|row| html += &line(row));
        html += "</tbody>\n";
        if let Some(total) = &self.total {
            html += &format!("<tfoot>\n{}</tfoot>\n", line(total));
        }
        html + "</table>\n</div>\n"
    }
}

fn line(cells: &[String]) -> String {
    let cells = cells.iter().enumerate().map(|(index, cell)| match index {
        0 => format!("<th scope=\"row\">{}</th>", text(cell)),
        _ => format!("<td>{}</td>", text(cell)),
    });
    format!("<tr>{}</tr>\n", cells.collect::<String>())
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// Under deposits and withdrawals by day.
pub(super) fn daily(data: &Data) -> Table {
    let money = |minor| amount(minor, data.currency);
    let cells = |name: String, flow: Flow| {
        let Flow { count, deposits_minor, withdrawals_minor, net_minor } = flow;
        vec![name, grouped(count), money(deposits_minor), money(withdrawals_minor), money(net_minor)]
    };
    Table {
        caption: format!("Days on which money moved, amounts in {}", data.currency.code()),
        head: names(&["Day", "Movements", "Deposits", "Withdrawals", "Net"]),
        rows: data.days.iter().map(|day| cells(weekday(day.date), day.flow)).collect(),
        total: Some(cells("Total".into(), data.flow())),
    }
}

/// Under the balance over time.
pub(super) fn balance(data: &Data) -> Table {
    let known = data.days.iter().filter_map(|day| Some((day.date, day.closing_minor?)));
    Table {
        caption: format!("The bank’s balance at the end of each day, in {}", data.currency.code()),
        head: names(&["Day", "Balance"]),
        rows: known.map(|(date, minor)| vec![weekday(date), amount(minor, data.currency)]).collect(),
        total: None,
    }
}

/// Under the hours of the week: hours down, weekdays across.
pub(super) fn hours(data: &Data) -> Table {
    let across = |name: String, counts: &mut dyn Iterator<Item = u64>| -> Vec<String> {
        let counts: Vec<u64> = counts.collect();
        let sum = counts.iter().copied().fold(0, u64::saturating_add);
        [name].into_iter().chain(counts.into_iter().chain([sum]).map(grouped)).collect()
    };
    let hour = |hour: usize| across(format!("{hour:02}:00"), &mut data.hours.iter().map(|day| day[hour]));
    let whole = |day: &[u64; 24]| day.iter().copied().fold(0, u64::saturating_add);
    let mut head = vec!["Hour"];
    head.extend(WEEKDAYS.map(|day| &day[..3]));
    head.push("All");
    Table {
        caption: "Movements in each hour".into(),
        head: names(&head),
        rows: (0..24).map(hour).collect(),
        total: Some(across("All".into(), &mut data.hours.iter().map(whole))),
    }
}

/// Under the failures by day.
pub(super) fn failures(failures: &[Failures]) -> Table {
    let cells = |name, wrong: u64, barred: u64| vec![name, grouped(wrong), grouped(barred)];
    let sum = Failures::sum(failures);
    Table {
        caption: "Days on which a log-in failed".into(),
        head: names(&["Day", "Wrong PINs", "Blacklisted"]),
        rows: failures.iter().map(|day| cells(weekday(day.date), day.wrong_pins, day.blacklisted)).collect(),
        total: Some(cells("Total".into(), sum.0, sum.1)),
    }
}

/// Those who moved the most.
pub(super) fn top(data: &Data) -> Table {
    let money = |minor| amount(minor, data.currency);
    let row = |customer: &Customer| {
        vec![
            customer.number.clone(),
            grouped(customer.count),
            money(customer.deposits_minor),
            money(customer.withdrawals_minor),
            money(customer.sum_minor),
        ]
    };
    Table {
        caption: format!("Amounts in {}", data.currency.code()),
        head: names(&["Customer", "Movements", "Deposits", "Withdrawals", "All"]),
        rows: data.top.first.iter().map(row).collect(),
        total: None,
    }
}
