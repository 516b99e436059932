//! Programs that are not ours and that some tests need: tmux, strace, a compiler.

use std::env;
use std::path::PathBuf;

/// The program's file, or `None` where the machine lacks it: the test then says on stderr that it was
/// skipped, and returns.
///
/// # Panics
/// Where the machine lacks it and `CI` is `true`: there nothing may be skipped.
#[must_use]
pub fn need(program: &str) -> Option<PathBuf> {
    let folders = env::var_os("PATH").unwrap_or_default();
    let found = env::split_paths(&folders).map(|folder| folder.join(program)).find(|file| file.is_file());
    if found.is_none() {
        assert!(env::var("CI").as_deref() != Ok("true"), "{program} is not on this machine, and CI needs it");
        let test = std::thread::current().name().unwrap_or("a test").to_owned();
        eprintln!("skipped: {test} needs {program}, which is not on this machine");
    }
    found
}
