//! What a script may ask of figures: `NAME OP NUMBER`, such as `commit_p99_ms > 50`.

use atm_rpc::plugin::{Code, Failure};

/// Whether a relation holds between a value and a bound.
type Holds = fn(f64, f64) -> bool;

/// How a figure is compared. The longer of two that begin alike stands first.
const RELATIONS: &[(&str, Holds)] = &[
    (">=", |value, bound| value >= bound),
    ("<=", |value, bound| value <= bound),
    ("==", |value, bound| value == bound),
    ("!=", |value, bound| value != bound),
    (">", |value, bound| value > bound),
    ("<", |value, bound| value < bound),
];

/// A figure, a relation and a bound.
#[derive(Clone, Debug)]
pub(crate) struct Condition {
    name: String,
    sign: &'static str,
    holds: Holds,
    bound: f64,
}

impl Condition {
    /// Reads one; `names` are those of the figures that there are.
    ///
    /// # Errors
    /// A usage error that says what is wrong and what is right.
    pub(crate) fn parse(text: &str, names: &[&str]) -> Result<Self, Failure> {
        let usage = |what: String| Failure::new(Code::Usage, format!("`{text}` is no condition: {what}"));
        let shape = || usage("it is NAME OP NUMBER".to_owned()).hint(EXAMPLE);
        let at = text.find(['<', '>', '=', '!']).ok_or_else(shape)?;
        let (name, rest) = (text[..at].trim(), &text[at..]);
        let relation =
            RELATIONS.iter().find_map(|(sign, holds)| Some((*sign, *holds, rest.strip_prefix(sign)?)));
        let (sign, holds, number) = relation.ok_or_else(shape)?;
        let bound = number.trim().parse::<f64>().ok().filter(|bound| bound.is_finite());
        let bound = bound.ok_or_else(|| usage(format!("{:?} is no number", number.trim())).hint(EXAMPLE))?;
        if !names.contains(&name) {
            let nearest =
                nearest(&name.to_lowercase(), names).map(|nearest| format!("; did you mean {nearest}?"));
            let unknown = usage(format!("there is no figure {name:?}{}", nearest.unwrap_or_default()));
            return Err(unknown.hint(format!("there are: {}", names.join(", "))));
        }
        Ok(Self { name: name.to_owned(), sign, holds, bound })
    }

    /// The figure that it asks for.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Whether it is so of that value. Of what is not known, nothing is.
    pub(crate) fn holds(&self, value: Option<f64>) -> bool {
        value.is_some_and(|value| (self.holds)(value, self.bound))
    }
}

impl std::fmt::Display for Condition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} {}", self.name, self.sign, self.bound)
    }
}

/// What the help of a mistake shows.
const EXAMPLE: &str = "for example: --fail-if 'commit_p99_ms > 50'; OP is one of > >= < <= == !=";

/// The name that is most like what was typed, if one is.
fn nearest<'n>(typed: &str, names: &[&'n str]) -> Option<&'n str> {
    let near = names.iter().map(|name| (distance(typed, name), *name)).min()?;
    // A third of a name may be wrong.
    (near.0 * 3 <= typed.len().max(near.1.len())).then_some(near.1)
}

/// How many letters must be put in, left out or replaced to make one text of the other.
fn distance(one: &str, other: &str) -> usize {
    let mut before: Vec<usize> = (0..=other.chars().count()).collect();
    for (row, letter) in one.chars().enumerate() {
        let mut now = vec![row + 1];
        for (column, expected) in other.chars().enumerate() {
            let replaced = before[column] + usize::from(letter != expected);
            now.push(replaced.min(before[column + 1] + 1).min(now[column] + 1));
        }
        before = now;
    }
    before.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: &[&str] = &["commit_p99_ms", "connections_active", "healthy"];

    #[test]
    fn a_condition_is_a_name_a_relation_and_a_number() {
        let table = [
            ("commit_p99_ms > 50", 50.0, false),
            ("commit_p99_ms>50", 50.5, true),
            ("commit_p99_ms >= 50", 50.0, true),
            (" commit_p99_ms<=-1.5 ", -1.5, true),
            ("commit_p99_ms < 1e3", 999.0, true),
            ("commit_p99_ms == 3", 3.0, true),
            ("commit_p99_ms != 3", 3.0, false),
        ];
        for (text, value, expected) in table {
            let condition = Condition::parse(text, NAMES).unwrap();
            assert_eq!(
                (condition.name(), condition.holds(Some(value))),
                ("commit_p99_ms", expected),
                "{text}"
            );
            assert!(!condition.holds(None), "{text}");
        }
        assert_eq!(Condition::parse("healthy<1", NAMES).unwrap().to_string(), "healthy < 1");
    }

    #[test]
    fn a_mistake_is_told_with_what_would_be_right() {
        let table = [
            ("commit_p99_ms", "it is NAME OP NUMBER"),
            ("commit_p99_ms = 5", "it is NAME OP NUMBER"),
            ("", "it is NAME OP NUMBER"),
            ("commit_p99_ms > fast", "\"fast\" is no number"),
            ("commit_p99_ms > ", "\"\" is no number"),
            ("commit_p99_ms > inf", "\"inf\" is no number"),
            ("comit_p99 > 5", "did you mean commit_p99_ms?"),
            ("HEALTHY > 5", "did you mean healthy?"),
            ("weather > 5", "there is no figure \"weather\""),
        ];
        for (text, expected) in table {
            let failure = Condition::parse(text, NAMES).unwrap_err();
            assert_eq!(failure.code, Code::Usage);
            assert!(failure.message.contains(expected), "{text}: {failure}");
            assert!(failure.hint.is_some_and(|hint| !hint.is_empty()), "{text}");
        }
        let unknown = Condition::parse("weather > 5", NAMES).unwrap_err();
        assert!(!unknown.message.contains("did you mean") && unknown.hint.unwrap().contains("healthy"));
    }

    #[test]
    fn distances_are_those_of_letters() {
        let table = [("", "", 0), ("a", "", 1), ("kitten", "sitting", 3), ("abc", "abc", 0)];
        for (one, other, expected) in table {
            assert_eq!(distance(one, other), expected);
        }
    }
}
