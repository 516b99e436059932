//! The streams, the environment and the clock of a run. Everything that is read or printed goes
//! through them.

use atm_rpc::types::time::Timestamp;
use std::ffi::OsString;
use std::io::{self, IsTerminal, Read, Write};

/// Looks up a variable of the environment.
pub type Environment = Box<dyn Fn(&str) -> Option<OsString>>;

/// What a run reads from and writes to.
pub struct Io {
    /// Where lines come from.
    pub input: Box<dyn Read + Send>,
    /// Whether the input is the process's terminal: PINs are hidden there.
    pub terminal: bool,
    /// Whether errors go to a terminal, where a person sees them.
    pub errors_terminal: bool,
    /// Where data goes, and the whole conversation.
    pub output: Box<dyn Write>,
    /// Where everything else goes.
    pub errors: Box<dyn Write>,
    /// The environment.
    pub env: Environment,
    /// The time of day.
    pub now: fn() -> Timestamp,
}

impl Io {
    /// The streams and the environment of this process.
    #[must_use]
    pub fn of_process() -> Self {
        Self {
            input: Box::new(Input),
            terminal: io::stdin().is_terminal(),
            errors_terminal: io::stderr().is_terminal(),
            output: Box::new(io::stdout()),
            errors: Box::new(io::stderr()),
            env: Box::new(|name| std::env::var_os(name)),
            now,
        }
    }
}

impl std::fmt::Debug for Io {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Io").field("terminal", &self.terminal).finish_non_exhaustive()
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place where this program reads the clock")]
fn now() -> Timestamp {
    Timestamp::from_ms(jiff::Timestamp::now().as_millisecond())
}

/// Standard input without the standard library's buffer, which would keep PINs and is not wiped.
struct Input;

impl Read for Input {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        Ok(rustix::io::read(rustix::stdio::stdin(), bytes)?)
    }
}
