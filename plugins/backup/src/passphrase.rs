//! The passphrase of a backup: the first line of a file, or typed at the terminal, where it does not show.

use crate::unreadable;
use atm_plugin_sdk::Host;
use atm_rpc::plugin::{Code, Failure};
use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr};
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;
use zeroize::Zeroizing;

/// The least characters of a passphrase: it is all that stands between a thief of the file and the bank's keys.
const LENGTH_MIN: usize = 12;
/// The most bytes of one. Its buffer has room for them, so that none stay behind where it grew.
const BYTES_MAX: usize = 1024;
const CTRL_C: u8 = 3;
const CTRL_D: u8 = 4;
const CTRL_U: u8 = 21;

/// A passphrase.
pub(crate) type Passphrase = Zeroizing<Vec<u8>>;

/// How a passphrase that is typed is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// Twice, and not too short a one: nobody can look it up later.
    New,
    /// Once.
    Known,
}

/// The passphrase of the file, or one that is typed.
pub(crate) fn get(host: &Host, file: Option<&Path>, asked: Asked) -> Result<Passphrase, Failure> {
    let passphrase = match file {
        Some(path) => first_line(path)?,
        None if host.may_ask() => typed(asked)?,
        None => {
            let failure =
                Failure::new(Code::Usage, "a passphrase is needed, and nobody may be asked for one");
            return Err(failure.hint("give --passphrase-file FILE"));
        }
    };
    accept(passphrase, asked)
}

fn accept(passphrase: Passphrase, asked: Asked) -> Result<Passphrase, Failure> {
    if asked == Asked::New && String::from_utf8_lossy(&passphrase).chars().count() < LENGTH_MIN {
        let text = format!("the passphrase is too short: {LENGTH_MIN} characters are the least");
        return Err(Failure::new(Code::Usage, text).hint("several words that nobody guesses are a good one"));
    }
    Ok(passphrase)
}

fn first_line(path: &Path) -> Result<Passphrase, Failure> {
    let cannot = |error: io::Error| unreadable(path, &error);
    let file = File::open(path).map_err(cannot)?;
    let mut text = Zeroizing::new(Vec::with_capacity(BYTES_MAX + 2));
    file.take(BYTES_MAX as u64 + 2).read_to_end(&mut text).map_err(cannot)?;
    let end = text.iter().position(|byte| *byte == b'\n').unwrap_or(text.len());
    text.truncate(end);
    if text.last() == Some(&b'\r') {
        text.pop();
    }
    if text.is_empty() || text.len() > BYTES_MAX {
        let text = format!("{}: the first line must be a passphrase", path.display());
        return Err(Failure::new(Code::Usage, text));
    }
    Ok(text)
}

fn typed(asked: Asked) -> Result<Passphrase, Failure> {
    // Before anything is asked: who is asked may be quick.
    let _quiet = Quiet::begin().map_err(|error| no_terminal(&error))?;
    let passphrase = line("Passphrase: ")?;
    if asked == Asked::New && *line("Passphrase again: ")? != *passphrase {
        return Err(Failure::new(Code::Usage, "the two passphrases differ; nothing was done"));
    }
    Ok(passphrase)
}

/// Asks for a line at the terminal.
fn line(prompt: &str) -> Result<Passphrase, Failure> {
    let mut stderr = io::stderr().lock();
    let mut say = |text: &str| stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush());
    say(prompt).map_err(|error| no_terminal(&error))?;
    let read = read_line(&mut Keyboard);
    say("\n").map_err(|error| no_terminal(&error))?;
    read
}

fn no_terminal(error: &io::Error) -> Failure {
    Failure::new(Code::Failed, format!("the terminal: {error}"))
}

/// The standard input without the buffer that the standard library has for it.
struct Keyboard;

impl Read for Keyboard {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        Ok(rustix::io::read(rustix::stdio::stdin(), bytes)?)
    }
}

/// Reads byte by byte: no buffer but this one ever has the passphrase.
fn read_line(from: &mut impl Read) -> Result<Passphrase, Failure> {
    let interrupted = || Failure::new(Code::Interrupted, "interrupted");
    let mut line = Zeroizing::new(Vec::with_capacity(BYTES_MAX));
    let mut byte = [0];
    loop {
        match from.read(&mut byte) {
            Ok(0) => return Err(interrupted()),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(no_terminal(&error)),
        }
        match byte[0] {
            b'\n' | b'\r' => return Ok(line),
            CTRL_C | CTRL_D => return Err(interrupted()),
            CTRL_U => line.clear(),
            8 | 127 => {
                // A character is however many bytes.
                while line.pop().is_some_and(|byte| byte & 0xc0 == 0x80) {}
            }
            byte if line.len() < BYTES_MAX => line.push(byte),
            _ => {
                let text = format!("the passphrase is too long: {BYTES_MAX} bytes are the most");
                return Err(Failure::new(Code::Usage, text));
            }
        }
    }
}

/// The terminal of the standard input while it neither shows nor edits what is typed, nor makes signals of it. As it was
/// when this is dropped.
struct Quiet(Termios);

impl Quiet {
    fn begin() -> io::Result<Self> {
        let before = tcgetattr(rustix::stdio::stdin())?;
        let mut quiet = before.clone();
        let shown = LocalModes::ECHO | LocalModes::ECHONL;
        quiet.local_modes.remove(shown | LocalModes::ICANON | LocalModes::ISIG);
        quiet.special_codes[SpecialCodeIndex::VMIN] = 1;
        quiet.special_codes[SpecialCodeIndex::VTIME] = 0;
        tcsetattr(rustix::stdio::stdin(), OptionalActions::Now, &quiet)?;
        Ok(Self(before))
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        // A terminal that is gone needs no restoring.
        let _ = tcsetattr(rustix::stdio::stdin(), OptionalActions::Now, &self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_may_be_taken_back_and_given_up() {
        let table: &[(&[u8], Option<&[u8]>)] = &[
            (b"correct horse\rmore", Some(b"correct horse")),
            (b"wrong\x15right\n", Some(b"right")),
            ("ab\u{e9}\x7f\x08c\n".as_bytes(), Some(b"ac")),
            (b"half\x03", None),
            (b"half", None),
        ];
        for (typed, expected) in table {
            let read = read_line(&mut &**typed);
            assert_eq!(read.as_ref().ok().map(|line| line.as_slice()), *expected);
            assert!(read.is_ok() || read.is_err_and(|failure| failure.code == Code::Interrupted));
        }
        let longest = [[b'a'; BYTES_MAX].as_slice(), b"\n"].concat();
        assert_eq!(read_line(&mut longest.as_slice()).unwrap().len(), BYTES_MAX);
        let longer = [b'a'; BYTES_MAX + 1];
        assert_eq!(read_line(&mut longer.as_slice()).unwrap_err().code, Code::Usage);
    }

    #[test]
    fn of_a_file_the_first_line_counts_and_a_new_one_is_not_short() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("passphrase");
        let table = [
            ("correct horse\r\nsecond line\n", Some("correct horse")),
            ("correct horse", Some("correct horse")),
            ("short\n", None),
            ("\nsecond line that is long\n", None),
            ("", None),
        ];
        for (text, expected) in table {
            std::fs::write(&path, text).unwrap();
            let got =
                first_line(&path).and_then(|line| accept(line, Asked::New)).ok().map(|line| line.to_vec());
            assert_eq!(got.as_deref(), expected.map(str::as_bytes), "{text:?}");
        }
        std::fs::write(&path, "short\n").unwrap();
        assert_eq!(accept(first_line(&path).unwrap(), Asked::Known).unwrap().as_slice(), b"short");
    }
}
