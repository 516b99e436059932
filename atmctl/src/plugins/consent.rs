//! A person's yes, where one can be asked.

use crate::Io;
use crate::arguments::Globals;
use atm_rpc::plugin::{Code, Failure};
use std::io::{BufRead, Write};

/// Asks whether to go on with what is so: `blacklist wipe cannot be undone`.
pub(crate) fn consent(what: &str, globals: &Globals, io: &mut Io) -> Result<(), Failure> {
    if globals.yes {
        return Ok(());
    }
    if globals.no_input || !io.stdin_is_terminal || !io.stderr_is_terminal {
        let text = format!("{what}, and nobody can be asked");
        return Err(Failure::new(Code::Usage, text).hint("--yes says yes"));
    }
    let mut answer = String::new();
    let asked = write!(io.stderr, "{what}. Go on? [y/N] ")
        .and_then(|()| io.stderr.flush())
        .and_then(|()| io.stdin.read_line(&mut answer));
    asked.map_err(|error| Failure::new(Code::Usage, format!("no answer could be read: {error}")))?;
    match answer.trim().to_ascii_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(Failure::new(Code::Failed, "nothing was done")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::io;

    #[test]
    fn what_cannot_be_undone_needs_a_yes() {
        let ok = None;
        let table = [
            (false, false, true, "y\n", ok),
            (false, false, true, "YES\n", ok),
            (false, false, true, "n\n", Some(Code::Failed)),
            (false, false, true, "", Some(Code::Failed)),
            (true, false, false, "", ok),
            (true, true, true, "", ok),
            (false, true, true, "y\n", Some(Code::Usage)),
            (false, false, false, "y\n", Some(Code::Usage)),
        ];
        for (yes, no_input, terminal, typed, expected) in table {
            let mut io = Io { stdin_is_terminal: terminal, stderr_is_terminal: terminal, ..io(typed) };
            let globals = Globals { yes, no_input, ..Globals::default() };
            let got = consent("demo wipe cannot be undone", &globals, &mut io);
            assert_eq!(
                got.err().map(|failure| failure.code),
                expected,
                "{yes} {no_input} {terminal} {typed:?}"
            );
        }
    }
}
