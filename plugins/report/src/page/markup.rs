//! The least of HTML: text made safe, and places on a drawing in the numbers that SVG takes.

/// Text as HTML and as the value of an attribute: nothing in it is markup any more. Characters that HTML has no
/// place for are shown as the replacement character.
#[must_use]
pub(super) fn text(raw: &str) -> String {
    let mut safe = String::with_capacity(raw.len());
    for character in raw.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            '\n' | '\t' => safe.push(' '),
            strange if strange.is_control() || turns_text(strange) => safe.push('\u{fffd}'),
            plain => safe.push(plain),
        }
    }
    safe
}

/// Whether a character makes what follows it read from right to left, or what is beside it seem to be elsewhere.
const fn turns_text(character: char) -> bool {
    matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Thousandths of a percent of the width: `12.5%`.
#[must_use]
pub(super) fn percent(thousandths: u32) -> String {
    format!("{}%", decimal(thousandths, 3))
}

/// Tenths of a pixel: `12.5`.
#[must_use]
pub(super) fn pixels(tenths: u32) -> String {
    decimal(tenths, 1)
}

fn decimal(number: u32, decimals: u32) -> String {
    let unit = 10_u32.pow(decimals);
    let width = usize::try_from(decimals).unwrap_or(0);
    let text = format!("{}.{:0width$}", number / unit, number % unit);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_is_markup() {
        let table = [
            ("plain", "plain"),
            ("<script>alert('x')</script>", "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;"),
            ("a\" onload=\"b", "a&quot; onload=&quot;b"),
            ("&amp;", "&amp;amp;"),
            ("a\u{0}b\u{1b}[31m", "a\u{fffd}b\u{fffd}[31m"),
            ("two\nlines", "two lines"),
            ("\u{202e}desrever", "\u{fffd}desrever"),
            ("रुपया", "रुपया"),
        ];
        for (raw, safe) in table {
            assert_eq!(text(raw), safe);
        }
    }

    #[test]
    fn places_have_no_more_digits_than_they_need() {
        let table = [(percent(0), "0%"), (percent(100_000), "100%"), (percent(33_333), "33.333%")];
        for (found, expected) in table.into_iter().chain([(pixels(5), "0.5"), (pixels(1200), "120")]) {
            assert_eq!(found, expected);
        }
    }
}
