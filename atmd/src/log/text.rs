//! A line of text: `2026-11-22T14:03:05.120Z INFO message key=value`, the spans' fields from the outermost
//! on before the event's own. Nothing that is logged can end the line, or pass for another field of it:
//! control characters are escaped, and a value of more than one plain word is in quotes.

use super::Now;
use std::fmt::{self, Write};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

/// Formats events.
pub(super) struct Line;

/// Formats fields, each as ` key=value`.
pub(super) struct Fields;

impl<S, N> FormatEvent<S, N> for Line
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, ctx: &FmtContext<'_, S, N>, mut w: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        Now.format_time(&mut w)?;
        write!(w, " {}", event.metadata().level())?;
        let mut message = Message(None);
        event.record(&mut message);
        if let Some(message) = message.0 {
            w.write_char(' ')?;
            write_escaped(&mut w, &message)?;
        }
        for span in ctx.event_scope().into_iter().flat_map(|scope| scope.from_root()) {
            if let Some(fields) = span.extensions().get::<FormattedFields<N>>() {
                w.write_str(fields)?;
            }
        }
        ctx.format_fields(w.by_ref(), event)?;
        writeln!(w)
    }
}

impl<'a> FormatFields<'a> for Fields {
    fn format_fields<R: RecordFields>(&self, writer: Writer<'a>, fields: R) -> fmt::Result {
        let mut pairs = Pairs { writer, result: Ok(()) };
        fields.record(&mut pairs);
        pairs.result
    }

    fn add_fields(
        &self,
        current: &'a mut FormattedFields<Self>,
        fields: &tracing::span::Record<'_>,
    ) -> fmt::Result {
        self.format_fields(current.as_writer(), fields)
    }
}

/// Takes the message out of an event.
struct Message(Option<String>);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.0 = Some(format!("{value:?}"));
        }
    }
}

/// Writes all fields but the message.
struct Pairs<'a> {
    writer: Writer<'a>,
    result: fmt::Result,
}

impl Pairs<'_> {
    fn pair(&mut self, field: &Field, value: &str) {
        // Bridged from the crate `log`: where in the source, which a line has for no event.
        if field.name() == "message" || field.name().starts_with("log.") {
            return;
        }
        let name = field.name().strip_prefix("r#").unwrap_or(field.name());
        self.result = self.result.and_then(|()| {
            write!(self.writer, " {name}=")?;
            write_value(&mut self.writer, value)
        });
    }
}

impl Visit for Pairs<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.pair(field, value);
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        let causes = std::iter::successors(value.source(), |cause| cause.source()).take(16);
        let text = causes.fold(value.to_string(), |text, cause| format!("{text}: {cause}"));
        self.pair(field, &text);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.pair(field, &format!("{value:?}"));
    }
}

fn write_value(w: &mut impl Write, value: &str) -> fmt::Result {
    let plain = |c: char| !c.is_whitespace() && !is_hostile(c) && !matches!(c, '"' | '\\' | '=');
    if !value.is_empty() && value.chars().all(plain) {
        return w.write_str(value);
    }
    w.write_char('"')?;
    for part in value.split_inclusive(['"', '\\']) {
        let quoted = part.strip_suffix(['"', '\\']);
        write_escaped(w, quoted.unwrap_or(part))?;
        if let Some(last) = quoted.and_then(|quoted| part.get(quoted.len()..)) {
            write!(w, "\\{last}")?;
        }
    }
    w.write_char('"')
}

fn write_escaped(w: &mut impl Write, text: &str) -> fmt::Result {
    text.chars()
        .try_for_each(|c| if is_hostile(c) { write!(w, "{}", c.escape_default()) } else { w.write_char(c) })
}

/// What could end a line or a terminal's good manners: control characters, separators of lines, and marks
/// that turn the direction of text or are not seen at all.
fn is_hostile(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_cannot_pass_for_anything_else() {
        let table = [
            ("word", "word"),
            ("127.0.0.1:65432", "127.0.0.1:65432"),
            ("₹100.00", "₹100.00"),
            ("", "\"\""),
            ("two words", "\"two words\""),
            ("a peer=1.2.3.4", "\"a peer=1.2.3.4\""),
            ("x\" peer=\"y", "\"x\\\" peer=\\\"y\""),
            ("end\\", "\"end\\\\\""),
            ("a\nb\r\tc\0", "\"a\\nb\\r\\tc\\u{0}\""),
            ("\u{1b}[31m", "\"\\u{1b}[31m\""),
            ("a\u{2028}b\u{202e}c\u{85}", "\"a\\u{2028}b\\u{202e}c\\u{85}\""),
        ];
        for (value, expected) in table {
            let mut text = String::new();
            write_value(&mut text, value).unwrap();
            assert_eq!(text, expected, "{value:?}");
        }
    }
}
