//! `show`: every figure as it is now, and what a script asks of some.

use crate::condition::Condition;
use crate::figures::{self, FIGURES};
use atm_plugin_sdk::{Column, Host};
use atm_rpc::operator::metrics::Metrics;
use atm_rpc::plugin::{Failure, Kind};
use serde_json::json;

/// The columns of its rows.
pub(crate) const COLUMNS: &[Column] =
    &[Column::new("name", Kind::Text), Column::new("value", Kind::Number), Column::new("unit", Kind::Text)];

/// Prints all figures; with a condition that holds, the command ends with a finding.
pub(crate) async fn show(host: &mut Host, conditions: &[String]) -> Result<(), Failure> {
    let names = figures::names();
    // A mistake is told before anything is asked or printed.
    let conditions: Vec<Condition> =
        conditions.iter().map(|text| Condition::parse(text, &names)).collect::<Result<_, _>>()?;
    let metrics = host.call(async |atmd, context| atmd.metrics(context).await).await?;
    for figure in FIGURES {
        let value = figures::value(figure.of(&metrics));
        host.row(&json!({ "name": figure.name, "value": value, "unit": figure.unit }))?;
    }
    host.flush()?;
    for told in holding(&conditions, &metrics) {
        host.note(&told);
        host.finding();
    }
    Ok(())
}

/// Those conditions that hold of the values as they are shown, in words.
fn holding(conditions: &[Condition], metrics: &Metrics) -> Vec<String> {
    let told = |condition: &Condition| {
        let figure = FIGURES.iter().find(|figure| figure.name == condition.name())?;
        let value = figures::shown(figure.of(metrics));
        condition.holds(value).then(|| format!("{condition}: it is {}", figures::value(value)))
    };
    conditions.iter().filter_map(told).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::metrics;

    #[test]
    fn a_condition_is_about_what_is_shown() {
        let mut metrics = metrics(10_000, 100);
        metrics.recent.cpu_percent = 50.000_2;
        let told = |text: &str| {
            let condition = Condition::parse(text, &figures::names()).unwrap();
            holding(&[condition], &metrics)
        };
        assert_eq!(told("cpu_percent > 50"), [""; 0], "it is shown as 50");
        assert_eq!(told("cpu_percent == 50"), ["cpu_percent == 50: it is 50"]);
    }
}
