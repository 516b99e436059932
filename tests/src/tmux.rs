//! A program on a screen that can be read: within tmux, which has the terminal's other end.

use crate::need::need;
use crate::process;
use crate::wait::eventually;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use tempfile::TempDir;

/// A screen, on a tmux of its own. Both end when this is dropped.
#[derive(Debug)]
pub struct Screen {
    folder: TempDir,
    program: PathBuf,
}

/// What the shell says behind the program, and which modes the terminal has then.
const ENDED: &str = "ended with";

impl Screen {
    /// Runs a program on a screen of so many columns and lines. `None` where the machine lacks tmux: the test says that
    /// it was skipped.
    ///
    /// # Panics
    /// Where tmux does not start.
    #[must_use]
    pub fn start(command: &Command, columns: u16, lines: u16) -> Option<Self> {
        let program = need("tmux")?;
        let folder = TempDir::with_prefix("tmux-").expect("a temporary folder can be made");
        let script = folder.path().join("run");
        let text = format!("{}\ncode=$?\nstty -a\necho \"{ENDED} $code\"\nexec sleep 600\n", line(command));
        fs::write(&script, text).expect("a script can be written");
        let screen = Self { folder, program };
        let (columns, lines) = (columns.to_string(), lines.to_string());
        let run = format!("exec sh {}", script.display());
        // Where a person has begun with other settings, tests do not.
        let _ = screen.tmux(&["-f", "/dev/null", "new-session", "-d", "-x", &columns, "-y", &lines, &run]);
        Some(screen)
    }

    /// What it shows, a text a line.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        self.tmux(&["capture-pane", "-p"]).lines().map(str::to_owned).collect()
    }

    /// The same with the codes of colours.
    #[must_use]
    pub fn painted(&self) -> String {
        self.tmux(&["capture-pane", "-e", "-p"])
    }

    /// Waits until it shows what is looked for, and gives it then.
    pub fn when(&self, what: &str, such: impl Fn(&[String]) -> bool) -> Vec<String> {
        eventually(what, || {
            let lines = self.lines();
            if such(&lines) { Ok(lines) } else { Err(lines.join("\n")) }
        })
    }

    /// Waits until it shows a text.
    pub fn expect(&self, text: &str) -> Vec<String> {
        self.when(text, |lines| lines.iter().any(|line| line.contains(text)))
    }

    /// Presses a key, by tmux' name for it: `q`, `C-c`.
    pub fn press(&self, key: &str) {
        let _ = self.tmux(&["send-keys", key]);
    }

    /// Makes it another size.
    pub fn resize(&self, columns: u16, lines: u16) {
        let _ = self.tmux(&["resize-window", "-x", &columns.to_string(), "-y", &lines.to_string()]);
    }

    /// Waits for the program's end, and gives its exit code, with what the screen shows.
    ///
    /// # Panics
    /// Where it did not give the terminal back as it was.
    pub fn ended(&self) -> (i32, String) {
        let shown = self.expect(ENDED).join("\n");
        let code = shown.split(ENDED).nth(1).and_then(|rest| rest.split_whitespace().next()?.parse().ok());
        for mode in ["icanon", "echo", "isig", "icrnl", "opost"] {
            let modes = || shown.split([' ', '\n', ';']);
            assert!(modes().any(|word| word == mode), "the terminal has no {mode} any more:\n{shown}");
        }
        let flags = self.tmux(&["display-message", "-p", "#{alternate_on} #{cursor_flag}"]);
        assert_eq!(flags.trim(), "0 1", "the other screen is left and the cursor is there:\n{shown}");
        (code.unwrap_or_else(|| panic!("{shown}")), shown)
    }

    /// Waits until the terminal is as it was, whatever runs in it: its modes, the screen and the cursor.
    pub fn is_given_back(&self) {
        let terminal = self.tmux(&["display-message", "-p", "#{pane_tty}"]);
        eventually("the terminal is given back", || {
            let mut stty = Command::new("stty");
            stty.args(["-a", "-F", terminal.trim()]);
            let modes = process::run(stty, "").coded(0).stdout;
            let taken =
                modes.split([' ', '\n', ';']).any(|word| ["-icanon", "-echo", "-isig"].contains(&word));
            let flags = self.tmux(&["display-message", "-p", "#{alternate_on} #{cursor_flag}"]);
            if !taken && flags.trim() == "0 1" { Ok(()) } else { Err(format!("{flags}{modes}")) }
        });
    }

    fn tmux(&self, arguments: &[&str]) -> String {
        let mut command = Command::new(&self.program);
        command.arg("-S").arg(self.folder.path().join("socket")).args(arguments);
        command.env_remove("TMUX").env("LANG", "C.UTF-8").env("LC_ALL", "C.UTF-8").env("TERM", "xterm");
        process::run(command, "").coded(0).stdout
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let mut command = Command::new(&self.program);
        command.arg("-S").arg(self.folder.path().join("socket")).arg("kill-server");
        drop(command.output());
    }
}

/// A command as a shell takes it, with its own environment and no other.
fn line(command: &Command) -> String {
    let text = |word: &std::ffi::OsStr| format!("'{}'", word.to_string_lossy().replace('\'', r"'\''"));
    let variables = command.get_envs().filter_map(|(name, value)| Some((name, value?)));
    let variables = variables.map(|(name, value)| format!("{}={}", name.to_string_lossy(), text(value)));
    let words = std::iter::once(command.get_program()).chain(command.get_args()).map(text);
    let line: Vec<String> = variables.chain(words).collect();
    format!("env -i {}", line.join(" "))
}
