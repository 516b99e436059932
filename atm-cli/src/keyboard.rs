//! What is typed: bytes that a thread of their own reads, put together to lines.
//!
//! A terminal neither shows nor edits what is typed while this program runs: a PIN that is typed or
//! pasted ahead of its prompt is never seen. What may be seen is shown by the prompt that reads it.

use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr};
use std::io::{self, ErrorKind, Read};
use std::sync::mpsc;
use tokio::sync::oneshot;
use zeroize::Zeroizing;

/// The most bytes of a line that are kept, and of one reading; nothing that is valid is as long.
const LINE_BYTES_MAX: usize = 256;

const CTRL_D: u8 = 0x04;
const CTRL_U: u8 = 0x15;
const CTRL_W: u8 = 0x17;
const BACKSPACE: u8 = 0x08;
const DELETE: u8 = 0x7f;

type Bytes = Zeroizing<Vec<u8>>;
type Asked = oneshot::Sender<io::Result<Bytes>>;

/// Where bytes come from.
pub(crate) struct Input(mpsc::Sender<Asked>);

impl Input {
    /// Reads when asked, and not before.
    pub(crate) fn open(mut input: Box<dyn Read + Send>) -> Self {
        let (sender, asked) = mpsc::channel::<Asked>();
        std::thread::spawn(move || {
            for reply in asked {
                // Who asked may have left.
                let _ = reply.send(read(&mut input));
            }
        });
        Self(sender)
    }

    /// The next bytes, none at the end.
    pub(crate) fn next(&self) -> impl Future<Output = io::Result<Bytes>> + use<> {
        let (asked, answered) = oneshot::channel();
        let sent = self.0.send(asked);
        async move {
            let gone = || io::Error::from(ErrorKind::BrokenPipe);
            sent.map_err(|_| gone())?;
            answered.await.map_err(|_| gone())?
        }
    }
}

fn read(input: &mut dyn Read) -> io::Result<Bytes> {
    let mut bytes = Zeroizing::new(vec![0; LINE_BYTES_MAX]);
    loop {
        match input.read(&mut bytes) {
            Ok(length) => {
                bytes.truncate(length);
                return Ok(bytes);
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// How far a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// It goes on.
    More,
    /// It is complete.
    Line,
    /// Ctrl-D, where nothing was typed.
    End,
}

/// A line that is being typed. Its buffer is never grown and so never copied: no PIN stays behind
/// in memory.
pub(crate) struct Typing {
    /// Whether a person types, who may take something back.
    person: bool,
    line: Bytes,
    any: bool,
}

impl Typing {
    /// Nothing typed yet.
    pub(crate) fn new(person: bool) -> Self {
        Self { person, line: Zeroizing::new(Vec::with_capacity(LINE_BYTES_MAX)), any: false }
    }

    /// Whether nothing was read.
    pub(crate) const fn is_empty(&self) -> bool {
        !self.any
    }

    /// What was typed so far.
    pub(crate) fn so_far(&self) -> &[u8] {
        &self.line
    }

    /// Takes bytes up to the end of the line. Gives how many; `screen` gets what a terminal would show.
    pub(crate) fn take(&mut self, bytes: &[u8], screen: &mut Vec<u8>) -> (usize, Step) {
        for (used, byte) in (1..).zip(bytes) {
            self.any = true;
            match *byte {
                b'\n' => return (used, Step::Line),
                CTRL_D if self.person && self.line.is_empty() => return (used, Step::End),
                BACKSPACE | DELETE if self.person => self.erase(screen),
                CTRL_U if self.person => {
                    while !self.line.is_empty() {
                        self.erase(screen);
                    }
                }
                CTRL_W if self.person => {
                    while self.line.last().is_some_and(|last| *last == b' ') {
                        self.erase(screen);
                    }
                    while self.line.last().is_some_and(|last| *last != b' ') {
                        self.erase(screen);
                    }
                }
                control if self.person && control.is_ascii_control() => {}
                byte if self.line.len() < LINE_BYTES_MAX => {
                    self.line.push(byte);
                    screen.push(byte);
                }
                _ => {}
            }
        }
        (bytes.len(), Step::More)
    }

    /// Takes back a character of however many bytes.
    fn erase(&mut self, screen: &mut Vec<u8>) {
        while let Some(byte) = self.line.pop() {
            if byte & 0xc0 != 0x80 {
                screen.extend(b"\x08 \x08");
                break;
            }
        }
    }

    /// The line. What is not text is not a valid answer to any prompt.
    pub(crate) fn text(&self) -> Zeroizing<String> {
        Zeroizing::new(std::str::from_utf8(&self.line).unwrap_or("\u{fffd}").to_owned())
    }
}

/// A terminal that neither shows nor edits what is typed, until this is dropped.
pub(crate) struct Quiet(Termios);

impl Quiet {
    /// Quiets the terminal that is the standard input.
    pub(crate) fn begin() -> io::Result<Self> {
        let quiet = Self(tcgetattr(rustix::stdio::stdin())?);
        quiet.apply()?;
        Ok(quiet)
    }

    /// Leaves it as it was.
    pub(crate) fn restore(&self) {
        // A terminal that is gone needs no restoring.
        let _ = tcsetattr(rustix::stdio::stdin(), OptionalActions::Now, &self.0);
    }

    /// Quiets it once more: somebody may have changed it while this program stood still.
    pub(crate) fn apply(&self) -> io::Result<()> {
        let mut quiet = self.0.clone();
        quiet.local_modes.remove(LocalModes::ECHO | LocalModes::ECHONL | LocalModes::ICANON);
        quiet.special_codes[SpecialCodeIndex::VMIN] = 1;
        quiet.special_codes[SpecialCodeIndex::VTIME] = 0;
        Ok(tcsetattr(rustix::stdio::stdin(), OptionalActions::Now, &quiet)?)
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        self.restore();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All lines of an input, and what a terminal would show of them.
    fn lines(person: bool, mut input: &[u8]) -> (Vec<String>, Vec<u8>) {
        let (mut lines, mut screen) = (Vec::new(), Vec::new());
        loop {
            let mut typing = Typing::new(person);
            let (used, step) = typing.take(input, &mut screen);
            input = &input[used..];
            assert_eq!(typing.line.capacity(), LINE_BYTES_MAX, "never grown");
            match step {
                Step::Line => lines.push(typing.text().to_string()),
                Step::More if typing.is_empty() => return (lines, screen),
                Step::More => lines.push(format!("{}...", *typing.text())),
                Step::End => lines.push("END".to_owned()),
            }
        }
    }

    #[test]
    fn reads_lines_of_any_kind() {
        let long = format!("{}\nnext\n", "x".repeat(1000));
        let table: &[(&[u8], &[&str])] = &[
            (b"", &[]),
            (b"one\ntwo\r\n\nthree", &["one", "two\r", "", "three..."]),
            (b"\xff\xfe\nok\n", &["\u{fffd}", "ok"]),
            (b"a\x7fb\n", &["a\u{7f}b"]),
            (long.as_bytes(), &[&"x".repeat(LINE_BYTES_MAX), "next"]),
        ];
        for (input, expected) in table {
            assert_eq!(lines(false, input).0, *expected);
        }
    }

    #[test]
    fn a_person_may_take_back_what_was_typed() {
        let table: &[(&[u8], &[&str], &[u8])] = &[
            (b"12\x7f3\n", &["13"], b"12\x08 \x083"),
            (b"\x7f\x08x\n", &["x"], b"x"),
            ("\u{e9}\x7fe\n".as_bytes(), &["e"], b"\xc3\xa9\x08 \x08e"),
            (b"ab\x15c\n", &["c"], b"ab\x08 \x08\x08 \x08c"),
            (b"a b \x17c\n", &["a c"], b"a b \x08 \x08\x08 \x08c"),
            (b"\x04x\x04\n", &["END", "x"], b"x"),
            (b"\x1b\tx\n", &["x"], b"x"),
        ];
        for (input, expected, shown) in table {
            let (lines, screen) = lines(true, input);
            assert_eq!((lines, &*screen), (expected.iter().map(ToString::to_string).collect(), *shown));
        }
    }
}
