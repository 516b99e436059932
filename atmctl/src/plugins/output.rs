//! What a plugin writes to stdout: rows, what is to be known of them, and perhaps a last line that says why it failed.

use crate::render::Renderer;
use crate::stop::Stop;
use atm_rpc::plugin::{Code, CurrencyLine, Failure, FailureLine, ROW_BYTES_MAX, WarningLine};
use futures::StreamExt;
use serde_json::Value;
use std::io::Write;
use tokio::io::AsyncRead;
use tokio_util::codec::{FramedRead, LinesCodec};

/// Renders rows until the plugin closes its stdout, and tells its warnings `aside`. Gives the failure that it told
/// about.
pub(crate) async fn render_rows(
    stdout: impl AsyncRead + Unpin,
    renderer: &mut Renderer<'_>,
    to: &mut dyn Write,
    aside: &mut dyn Write,
) -> Result<Option<Failure>, Stop> {
    let mut lines = FramedRead::new(stdout, LinesCodec::new_with_max_length(ROW_BYTES_MAX));
    let mut told = None;
    while let Some(line) = lines.next().await {
        let line = line.map_err(not_a_row)?;
        if told.is_some() {
            return Err(not_a_row("something follows its failure").into());
        }
        let row: Value = serde_json::from_str(&line).map_err(not_a_row)?;
        let says = |what| row.get(what).is_some();
        if says("atmctl_error") {
            told = Some(serde_json::from_value::<FailureLine>(row).map_err(not_a_row)?.atmctl_error);
        } else if says("atmctl_warning") {
            let line: WarningLine = serde_json::from_value(row).map_err(not_a_row)?;
            renderer.warn(&line.atmctl_warning, aside);
        } else if says("atmctl_currency") {
            let line: CurrencyLine = serde_json::from_value(row).map_err(not_a_row)?;
            renderer.take_currency(line.atmctl_currency)?;
        } else {
            renderer.row(&row, to)?;
        }
    }
    Ok(told)
}

fn not_a_row(what: impl std::fmt::Display) -> Failure {
    Failure::new(Code::Protocol, format!("the plugin printed what is not a row: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::{Format, schema};
    use atm_rpc::plugin::Kind;

    #[tokio::test]
    async fn rows_and_a_last_word() {
        let failure = r#"{"atmctl_error":{"code":"not_found","message":"gone"}}"#;
        let (row, rendered) = (r#"{"n":1}"#, "n\r\n1\r\n");
        let long = "x".repeat(ROW_BYTES_MAX + 1);
        type End = Result<Option<Code>, Code>;
        let table: &[(&[&str], &str, End)] = &[
            (&[], "", Ok(None)),
            (&[row], rendered, Ok(None)),
            (&[row, failure], rendered, Ok(Some(Code::NotFound))),
            (&[failure], "", Ok(Some(Code::NotFound))),
            (&[failure, row], "", Err(Code::Protocol)),
            (&[row, "hello"], rendered, Err(Code::Protocol)),
            (&["[1]"], "", Err(Code::Protocol)),
            (&[""], "", Err(Code::Protocol)),
            (&[r#"{"atmctl_warning":"careful"}"#, row], rendered, Ok(None)),
            (&[r#"{"atmctl_warning":1}"#], "", Err(Code::Protocol)),
            (&[r#"{"atmctl_currency":"INR"}"#, row], rendered, Ok(None)),
            (&[r#"{"atmctl_currency":"rupees"}"#], "", Err(Code::Protocol)),
            (&[r#"{"atmctl_currency":"INR"}"#, r#"{"atmctl_currency":"EUR"}"#], "", Err(Code::Protocol)),
            (&[r#"{"m":1}"#], "", Err(Code::Protocol)),
            (&[r#"{"atmctl_error":"oh"}"#], "", Err(Code::Protocol)),
            (&[&long], "", Err(Code::Protocol)),
        ];
        let schema = schema("demo.list/1", &[("n", Kind::Number)]);
        for (lines, printed, expected) in table {
            let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
            let mut renderer = Renderer::new(Format::Csv, &schema, None);
            let mut out = Vec::new();
            let end = match render_rows(text.as_bytes(), &mut renderer, &mut out, &mut Vec::new()).await {
                Ok(told) => Ok(told.map(|failure| failure.code)),
                Err(Stop::Failed(failure)) => Err(failure.code),
                Err(other) => panic!("{other:?}"),
            };
            assert_eq!((end, String::from_utf8(out).unwrap().as_str()), (*expected, *printed));
        }
    }
}
