//! Whole runs without plugins and without atmd. Runs with them are the integration tests' business: a plugin is
//! started by the program itself.

use super::*;

/// Around a test: nobody looks, and this is typed.
pub(crate) fn io(typed: &str) -> Io {
    Io {
        stdin: Box::new(io::Cursor::new(typed.to_owned())),
        stdout: Box::new(io::sink()),
        stderr: Box::new(io::sink()),
        stdin_is_terminal: false,
        stdout_is_terminal: false,
        stderr_is_terminal: false,
        environment: BTreeMap::new(),
        program: PathBuf::new(),
    }
}

/// A pipe whose reader has gone.
struct Closed;

impl Write for Closed {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_reader_that_leaves_is_no_failure() {
    for line in ["plugin list", "version", "--help"] {
        let mut io = Io { stdout: Box::new(Closed), ..io("") };
        let code = run(format!("atmctl {line}").split(' ').map(OsString::from).collect(), &mut io);
        assert_eq!(code, ExitCode::SUCCESS, "{line}");
    }
}

#[test]
fn a_broken_setting_is_told_and_does_not_hide_the_help() {
    let home = tempfile::tempdir().unwrap();
    std::fs::create_dir(home.path().join("atm")).unwrap();
    std::fs::write(home.path().join("atm/atmctl.ini"), "colour = red\n").unwrap();
    for (line, code) in [("version", 78), ("help status", 0), ("--version", 0)] {
        let mut io = io("");
        io.environment.insert("XDG_CONFIG_HOME".into(), home.path().display().to_string());
        let got = run(format!("atmctl {line}").split(' ').map(OsString::from).collect(), &mut io);
        assert_eq!(got, ExitCode::from(code), "{line}");
    }
}

#[test]
fn inside_a_plugin_there_is_no_identity() {
    let mut io = io("");
    io.environment.insert("ATMCTL_FD".into(), "3".into());
    let code = run(["atmctl", "status"].map(OsString::from).into(), &mut io);
    assert_eq!(code, ExitCode::from(Code::Denied.exit()));
}
