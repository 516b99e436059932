//! The fields of one row.

use std::borrow::Cow;

/// Splits a row. Spaces around a field are no part of it; a field in quotes has everything in it, `""` for a quote.
///
/// # Errors
/// What is wrong with the quotes, to go on after "in this row, ".
pub(crate) fn fields(row: &str, delimiter: u8) -> Result<Vec<Cow<'_, str>>, String> {
    let delimiter = char::from(delimiter);
    let mut found = Vec::with_capacity(8);
    let mut rest = row;
    loop {
        let (field, behind) = match rest.trim_start_matches(' ').strip_prefix('"') {
            Some(quoted) => unquoted(quoted)?,
            None => {
                let end = rest.find(delimiter).unwrap_or(rest.len());
                (Cow::Borrowed(rest[..end].trim()), &rest[end..])
            }
        };
        found.push(field);
        let behind = behind.trim_start_matches(' ');
        match behind.strip_prefix(delimiter) {
            Some(next) => rest = next,
            None if behind.is_empty() => return Ok(found),
            None => return Err("something stands between closing quotes and the end of a field".to_owned()),
        }
    }
}

/// The field behind its opening quote, and what stands behind its closing one.
fn unquoted(text: &str) -> Result<(Cow<'_, str>, &str), String> {
    let mut field = Cow::Borrowed("");
    let mut rest = text;
    loop {
        let end = rest.find('"').ok_or("quotes are opened and not closed")?;
        if field.is_empty() {
            field = Cow::Borrowed(&rest[..end]);
        } else {
            field.to_mut().push_str(&rest[..end]);
        }
        rest = &rest[end + 1..];
        match rest.strip_prefix('"') {
            Some(behind) => {
                field.to_mut().push('"');
                rest = behind;
            }
            None => return Ok((field, rest)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::fields;

    #[test]
    fn splits_rows_of_all_tools() {
        let table: &[(&str, Option<&[&str]>)] = &[
            ("a,b", Some(&["a", "b"])),
            ("a, b ,", Some(&["a", "b", ""])),
            (",", Some(&["", ""])),
            ("\"a\",\"b\"\"c\",\"d\ne,f\",\"\"", Some(&["a", "b\"c", "d\ne,f", ""])),
            ("\"\"\"\"", Some(&["\""])),
            ("a, \"b\" ,c", Some(&["a", "b", "c"])),
            ("a\"b,c", Some(&["a\"b", "c"])),
            ("\"a\"b,c", None),
            ("\"a", None),
            ("\"a\"\"", None),
        ];
        for (row, expected) in table {
            let split = fields(row, b',').ok();
            let split: Option<Vec<&str>> =
                split.as_ref().map(|fields| fields.iter().map(|field| &**field).collect());
            assert_eq!(split.as_deref(), *expected, "{row:?}");
        }
        assert_eq!(fields("a b\tc,d\t", b'\t').unwrap(), ["a b", "c,d", ""]);
    }
}
