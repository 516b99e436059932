//! A program on a terminal of its own, and the person in front of it.

use crate::process;
use crate::wait;
use pty_process::blocking;
use rustix::termios::{LocalModes, tcgetattr};
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::process::{Child, Command};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

/// How long what a program wrote before its end may be on its way.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// A program that runs on a pseudo-terminal of 80 columns and 24 lines.
#[derive(Debug)]
pub struct Terminal {
    keyboard: File,
    screen: Receiver<Vec<u8>>,
    shown: Vec<u8>,
    /// How much of `shown` was expected already.
    seen: usize,
    child: Child,
}

impl Terminal {
    /// Starts a program on a new terminal.
    ///
    /// # Panics
    /// Where it cannot be started.
    #[must_use]
    pub fn start(command: Command) -> Self {
        let (pty, pts) = blocking::open().expect("there are terminals");
        pty.resize(pty_process::Size::new(24, 80)).expect("a terminal has a size");
        let child = blocking::Command::from(command).spawn(pts).expect("the program can be started");
        let keyboard = File::from(pty.as_fd().try_clone_to_owned().expect("there are descriptors"));
        let (sender, screen) = mpsc::channel();
        let mut pty = pty;
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            // A terminal that nobody writes to any more gives an error.
            while let Ok(count @ 1..) = pty.read(&mut bytes) {
                if sender.send(bytes[..count].to_vec()).is_err() {
                    break;
                }
            }
        });
        Self { keyboard, screen, shown: Vec::new(), seen: 0, child }
    }

    /// Waits until the text appears behind what was expected before; gives all that came up to its end.
    ///
    /// # Panics
    /// With what is on the screen where it does not appear.
    pub fn expect(&mut self, text: &str) -> String {
        let deadline = Instant::now() + wait::PATIENCE;
        loop {
            let new = String::from_utf8_lossy(&self.shown[self.seen..]).into_owned();
            if let Some(place) = new.find(text) {
                let end = place + text.len();
                self.seen += end;
                return new[..end].to_owned();
            }
            let left = deadline.saturating_duration_since(Instant::now());
            match self.screen.recv_timeout(left) {
                Ok(bytes) => self.shown.extend(bytes),
                Err(why) => panic!("{text:?} does not appear ({why}):\n{}", self.shown()),
            }
        }
    }

    /// Types a text and Enter.
    pub fn line(&mut self, text: &str) {
        self.send(&format!("{text}\r"));
    }

    /// Types a text.
    ///
    /// # Panics
    /// Where the terminal is gone.
    pub fn send(&mut self, text: &str) {
        self.keyboard.write_all(text.as_bytes()).expect("the terminal takes what is typed");
    }

    /// Presses Ctrl-C.
    pub fn ctrl_c(&mut self) {
        self.send("\u{3}");
    }

    /// Presses Ctrl-D.
    pub fn ctrl_d(&mut self) {
        self.send("\u{4}");
    }

    /// Whether what is typed now is shown.
    ///
    /// # Panics
    /// Where the terminal is gone.
    #[must_use]
    pub fn echoes(&self) -> bool {
        let modes = tcgetattr(self.keyboard.as_fd()).expect("a terminal has modes");
        modes.local_modes.contains(LocalModes::ECHO)
    }

    /// The program's process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Everything shown since the start.
    #[must_use]
    pub fn shown(&self) -> String {
        String::from_utf8_lossy(&self.shown).into_owned()
    }

    /// Waits until the program ended, and gives its exit code (`None`: a signal ended it).
    ///
    /// # Panics
    /// With what is on the screen where it goes on.
    pub fn wait(&mut self) -> Option<i32> {
        let status = wait::exit(&mut self.child, wait::PATIENCE);
        // The end of the terminal comes behind all that was written; where another process holds it open, it
        // does not come.
        while let Ok(bytes) = self.screen.recv_timeout(LAST_WORDS) {
            self.shown.extend(bytes);
        }
        status.unwrap_or_else(|| panic!("the program goes on:\n{}", self.shown())).code()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        process::end(&mut self.child);
    }
}
