//! Whole runs, with plugins that are shell scripts and without atmd.

use super::*;
use atm_rpc::plugin::DESCRIBE;
use std::cell::RefCell;
use std::os::unix::fs::PermissionsExt;
use std::rc::Rc;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tempfile::TempDir;

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

/// A test that writes a script and runs it is alone in doing so: where another thread starts a
/// process at the wrong moment, that process has the script open for writing, and it cannot run.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Keeps what is written.
#[derive(Clone, Default)]
struct Written(Rc<RefCell<Vec<u8>>>);

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Written {
    fn text(&self) -> String {
        String::from_utf8(self.0.borrow().clone()).unwrap()
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

/// A folder with a plugin `demo` whose only command does this.
fn plugin(script: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("atmctl-demo");
    let description = r#"{"protocol":1,"name":"demo","version":"1","summary":"Shows","commands":[
        {"name":"go","summary":"Goes","connection":"none","output":"rows",
         "schema":{"name":"demo.go/1","columns":[{"name":"n","kind":"number"}]}},
        {"name":"page","summary":"Prints","connection":"none","output":"raw"},
        {"name":"ask","summary":"Asks","connection":"required","output":"raw"}]}"#;
    let text = format!(
        "#!/bin/sh\nif [ \"$1\" = {DESCRIBE} ]; then cat <<'END'\n{description}\nEND\nexit; fi\n{script}\n"
    );
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
    folder
}

/// Exit code, stdout and stderr of `atmctl LINE` beside that plugin.
fn ran(folder: &TempDir, line: &str) -> (ExitCode, String, String) {
    let (stdout, stderr) = (Written::default(), Written::default());
    let mut io = Io {
        stdout: Box::new(stdout.clone()),
        stderr: Box::new(stderr.clone()),
        program: folder.path().join("atmctl"),
        ..io("")
    };
    let code = run(format!("atmctl {line}").split(' ').map(OsString::from).collect(), &mut io);
    (code, stdout.text(), stderr.text())
}

#[test]
fn a_plugin_ends_with_its_code() {
    let _alone = alone();
    const ROW: &str = r#"echo '{"n":1}'"#;
    let told = r#"echo '{"atmctl_error":{"code":"conflict","message":"no"}}'; exit 5"#;
    let after_row = format!("{ROW}; {told}");
    let (crash, finding, lie) = (format!("{ROW}; kill -SEGV $$"), format!("{ROW}; exit 3"), "exit 0; #");
    let table: &[(&str, &str, u8, &str, &str)] = &[
        ("demo go", ROW, 0, "N\n1\n", ""),
        ("demo go -o csv", &finding, 3, "n\r\n1\r\n", ""),
        ("demo go", lie, 0, "", ""),
        ("demo go", told, 5, "", "error: no\n"),
        (
            "-o json demo go",
            told,
            5,
            "",
            "{\"error\":{\"code\":\"conflict\",\"hint\":null,\"message\":\"no\"}}\n",
        ),
        ("demo go", &after_row, 5, "N\n1\n", "error: no\n"),
        ("demo go", "exit 4", 4, "", "error: demo go ended with exit code 4\n"),
        ("demo go", "exit 42", 1, "", "error: demo go ended with exit code 42\n"),
        ("demo go", &crash, 70, "N\n1\n", "error: demo go crashed: it was ended by signal 11\n"),
        ("demo page", "exit 42", 42, "", ""),
        ("demo page", "kill -INT $$", 130, "", ""),
        ("demo page -o json", "", 2, "", "prints what it likes"),
        ("demo go --timeout 200ms", "exec sleep 9", 75, "", "took longer"),
        ("demo go", "echo hello", 76, "", "what is not a row"),
        ("demo go", r#"echo '{"m":1}'"#, 76, "", "a row is not of demo.go/1"),
        ("demo ask --ca /no/such/ca --identity /no/such/file", "", 78, "", "/no/such/ca cannot be read"),
        ("demo gone", "", 127, "", "'go'"),
        ("demmo go", "", 127, "", "'demo'"),
        ("plugin info gone", "", 4, "", "no plugin gone"),
    ];
    for (line, script, code, stdout, stderr) in table {
        let (got, out, err) = ran(&plugin(script), line);
        assert_eq!(got, ExitCode::from(*code), "{line}: {script}\n{err}");
        assert_eq!(out, *stdout, "{line}: {script}");
        assert!(
            err.contains(stderr) && (err.is_empty() || !stderr.is_empty() || *code == 78),
            "{line}: {err}"
        );
    }
}

#[test]
fn a_plugin_sees_little() {
    let _alone = alone();
    let seen = r#"[ "$ATMCTL_PROTOCOL" = 1 ] && [ -n "$ATMCTL_BIN" ] && [ -z "$HOME" ] && [ -z "$ATMCTL_FD" ] &&
        [ "$LC_TIME" = C ] && [ -z "$ATMCTL_SERVER" ] && exit 3"#;
    let folder = plugin(seen);
    let mut io = Io { program: folder.path().join("atmctl"), ..io("") };
    for (name, value) in
        [("HOME", "/nowhere"), ("LC_TIME", "C"), ("ATMCTL_SERVER", "a:1"), ("LD_PRELOAD", "x")]
    {
        io.environment.insert(name.into(), value.into());
    }
    let code = run(["atmctl", "demo", "go"].map(OsString::from).into(), &mut io);
    assert_eq!(code, ExitCode::from(3));
}

#[test]
fn a_reader_that_leaves_is_no_failure() {
    let _alone = alone();
    let folder = plugin("while echo '{\"n\":1}'; do :; done");
    for line in ["demo go -o csv", "plugin list", "version", "--help"] {
        let mut io = Io { program: folder.path().join("atmctl"), stdout: Box::new(Closed), ..io("") };
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
