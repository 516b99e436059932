//! The terminal while the live screen has it: taken once, and given back however the program ends.

use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::cursor::{Hide, Show};
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{
    BeginSynchronizedUpdate, EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen,
    disable_raw_mode, enable_raw_mode,
};
use ratatui::{Frame, Terminal};
use std::io::{self, BufWriter, Stdout, Write};
use std::panic;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

/// Bytes of a frame that are collected before the terminal gets them: a large screen drawn from nothing.
const FRAME_BYTES: usize = 256 * 1024;

/// Whether there is something to give back.
static TAKEN: AtomicBool = AtomicBool::new(false);
/// The hook that gives it back is set once.
static HOOKED: Once = Once::new();

/// The terminal. Who drops it gives it back.
#[derive(Debug)]
pub(crate) struct Screen {
    terminal: Terminal<CrosstermBackend<BufWriter<Stdout>>>,
}

impl Screen {
    /// Takes it: keys come as they are pressed, and what stood there comes back afterwards.
    ///
    /// # Errors
    /// Where it is none, or gone.
    pub(crate) fn take() -> io::Result<Self> {
        HOOKED.call_once(|| {
            let tell = panic::take_hook();
            // A message on the other screen would go with it.
            panic::set_hook(Box::new(move |why| {
                give_back();
                tell(why);
            }));
        });
        let frames = BufWriter::with_capacity(FRAME_BYTES, io::stdout());
        let terminal = Terminal::new(CrosstermBackend::new(frames))?;
        enable_raw_mode()?;
        TAKEN.store(true, Ordering::SeqCst);
        let screen = Self { terminal };
        execute!(io::stdout(), EnterAlternateScreen, Hide)?;
        Ok(screen)
    }

    /// Draws a frame; the terminal gets what differs from the one before, in one piece.
    ///
    /// # Errors
    /// Where the terminal is gone.
    pub(crate) fn draw(&mut self, render: impl FnOnce(&mut Frame<'_>)) -> io::Result<()> {
        execute!(self.terminal.backend_mut(), BeginSynchronizedUpdate)?;
        self.terminal.draw(render)?;
        execute!(self.terminal.backend_mut(), EndSynchronizedUpdate)
    }

    /// Forgets what stands there, so that the next frame is drawn whole.
    ///
    /// # Errors
    /// Where the terminal is gone.
    pub(crate) fn clear(&mut self) -> io::Result<()> {
        self.terminal.clear()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
    }
}

/// Makes the terminal what it was, if it was taken.
fn give_back() {
    if TAKEN.swap(false, Ordering::SeqCst) {
        // Where the terminal is gone, nobody misses what it was.
        let _ = execute!(io::stdout(), EndSynchronizedUpdate, LeaveAlternateScreen, Show);
        let _ = disable_raw_mode();
        let _ = io::stdout().flush();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pty_process::blocking;
    use rustix::termios::{LocalModes, tcgetattr};
    use std::io::Read;

    /// In the process that has it, the test below takes the terminal and panics.
    const PANICS: &str = "ATM_TEST_PANICS_ON_ITS_TERMINAL";

    #[test]
    fn a_panic_gives_the_terminal_back_before_it_is_told() {
        if std::env::var_os(PANICS).is_some() {
            let mut screen = Screen::take().unwrap();
            screen.draw(|_| panic!("while a frame is drawn")).unwrap();
        }
        let (mut pty, pts) = blocking::open().unwrap();
        pty.resize(pty_process::Size::new(24, 80)).unwrap();
        let before = tcgetattr(&pty).unwrap();
        let mut command = std::process::Command::new(std::env::current_exe().unwrap());
        command
            .args(["--exact", "watch::terminal::tests::a_panic_gives_the_terminal_back_before_it_is_told"]);
        command.arg("--nocapture").env(PANICS, "1");
        let mut child = blocking::Command::from(command).spawn(pts).unwrap();
        let mut shown = Vec::new();
        // A terminal that nobody has open any more gives an error, behind all that was written.
        let _ = pty.read_to_end(&mut shown);
        assert!(!child.wait().unwrap().success());
        let shown = String::from_utf8_lossy(&shown);
        let place = |text: &str| shown.find(text).unwrap_or_else(|| panic!("no {text:?} in {shown:?}"));
        let (taken, left, told) =
            (place("\u{1b}[?1049h"), place("\u{1b}[?1049l"), place("while a frame is drawn"));
        assert!(taken < left && left < told, "{shown:?}");
        assert!(place("\u{1b}[?25h") < told, "the cursor is there: {shown:?}");
        let after = tcgetattr(&pty).unwrap();
        assert!(after.local_modes.contains(LocalModes::ECHO | LocalModes::ICANON), "{after:?}");
        assert_eq!(before.local_modes, after.local_modes);
    }
}
