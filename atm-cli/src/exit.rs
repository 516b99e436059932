//! The exit codes. Scripts rely on them: a code keeps its meaning for ever.

use std::process::ExitCode;

/// How the program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// What was asked was done.
    Done,
    /// The bank said no, for good.
    Rejected,
    /// The arguments or what was typed cannot be used.
    Usage,
    /// No answer from atmd, and nothing was done.
    NotReachable,
    /// Something failed inside the bank or this program, or the answer to a question could not be
    /// written.
    Internal,
    /// It was done, and the receipt could not be written.
    Output,
    /// The outcome is not known yet, or the bank is busy.
    Unknown,
    /// The CA, a settings file or the folder of this program's notes is not usable.
    Config,
    /// Ctrl-C, or SIGTERM.
    Interrupted,
}

impl Exit {
    /// The number the process ends with.
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Rejected => 1,
            Self::Usage => 2,
            Self::NotReachable => 69,
            Self::Internal => 70,
            Self::Output => 74,
            Self::Unknown => 75,
            Self::Config => 78,
            Self::Interrupted => 130,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        exit.code().into()
    }
}
