//! The terminal that a plugin shares: how it was before, and made so again where the plugin did not come to do it.

use atm_rpc::plugin::Output;
use rustix::process::getpgrp;
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetpgrp, tcsetattr};
use std::fs::File;
use std::io::Write;

const TERMINAL: &str = "/dev/tty";
/// Ends a synchronised update, leaves the other screen, and shows the cursor. Where nothing was taken, nothing changes
/// but the place of the cursor.
const LEAVE: &[u8] = b"\x1b[?2026l\x1b[?1049l\x1b[?25h";

/// The terminal as it was.
pub(super) struct Terminal {
    terminal: File,
    modes: Termios,
}

impl Terminal {
    /// As it is now; nothing where this process has none.
    pub(super) fn remember() -> Option<Self> {
        let terminal = File::options().read(true).write(true).open(TERMINAL).ok()?;
        let modes = tcgetattr(&terminal).ok()?;
        Some(Self { terminal, modes })
    }

    /// Makes it what it was, if a plugin with that output left it otherwise. Who is in the background has nothing to
    /// say about it.
    pub(super) fn give_back(mut self, output: &Output) {
        let is_ours = tcgetpgrp(&self.terminal).is_ok_and(|group| group == getpgrp());
        let changed = tcgetattr(&self.terminal).is_ok_and(|now| modes(&now) != modes(&self.modes));
        if !is_ours || !changed {
            return;
        }
        // Where the terminal is gone by now, nobody misses what it was.
        if *output == Output::Raw {
            let _ = self.terminal.write_all(LEAVE);
        }
        let _ = tcsetattr(&self.terminal, OptionalActions::Now, &self.modes);
    }
}

const fn modes(of: &Termios) -> [u32; 3] {
    [of.input_modes.bits(), of.output_modes.bits(), of.local_modes.bits()]
}
