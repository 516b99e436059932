//! A clock that a test moves under programs that run: libfaketime, which stands between them and the time of day. What
//! measures how long something takes goes on as it is.

use crate::need::need;
use crate::process;
use std::fs;
use std::process::Command;
use tempfile::TempDir;

/// The time of day of the programs that run by it.
#[derive(Debug)]
pub struct TimeOfDay {
    folder: TempDir,
    settings: Vec<String>,
}

impl TimeOfDay {
    /// The right one, until it is moved; nothing where the machine lacks the library.
    ///
    /// # Panics
    /// Where the library does not say where it is.
    #[must_use]
    pub fn new() -> Option<Self> {
        let faketime = need("faketime")?;
        let mut ask = Command::new(faketime);
        ask.args(["-m", "-f", "+0", "printenv", "LD_PRELOAD"]);
        let library = process::run(ask, "").coded(0).stdout.trim().to_owned();
        let folder = TempDir::new().expect("a temporary folder can be made");
        let file = folder.path().join("offset").display().to_string();
        let settings = vec![
            format!("LD_PRELOAD={library}"),
            format!("FAKETIME_TIMESTAMP_FILE={file}"),
            "FAKETIME_NO_CACHE=1".to_owned(),
            "FAKETIME_DONT_FAKE_MONOTONIC=1".to_owned(),
            "NO_FAKE_STAT=1".to_owned(),
        ];
        let time = Self { folder, settings };
        time.moved("+0");
        Some(time)
    }

    /// It is that far from the right one from now on, such as `-1h` or `+1d`.
    ///
    /// # Panics
    /// Where the file cannot be written.
    pub fn moved(&self, by: &str) {
        let new = self.folder.path().join("new");
        fs::write(&new, format!("{by}\n")).expect("the offset can be written");
        fs::rename(new, self.folder.path().join("offset")).expect("the offset is replaced whole");
    }

    /// The words before a command line that has a program run by it.
    #[must_use]
    pub fn within(&self) -> Vec<&str> {
        [&["env"][..], &self.settings.iter().map(String::as_str).collect::<Vec<_>>()].concat()
    }

    /// The same for a command that is there.
    pub fn rules(&self, command: &mut Command) {
        command.envs(self.settings.iter().filter_map(|setting| setting.split_once('=')));
    }
}
