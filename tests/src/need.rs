//! Programs that are not ours and that some tests need: tmux, strace, a compiler, database servers.

use crate::programs::root;
use std::cmp::Reverse;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};

/// Where a system keeps its database servers, which are often on nobody's PATH.
const POSTGRESQL: &str = "/usr/lib/postgresql";
const SYSTEM: [&str; 3] = ["/usr/sbin", "/usr/local/sbin", "/usr/libexec"];

/// The program's file, or `None` where the machine lacks it: the test then says on stderr that it was
/// skipped, and returns.
///
/// # Panics
/// Where the machine lacks it and `CI` is `true`: there nothing may be skipped.
#[must_use]
pub fn need(program: &str) -> Option<PathBuf> {
    let found = find(program);
    if found.is_none() {
        missing(program);
    }
    found
}

/// A Python that has DuckDB, as [`need`]: the one that `ATM_DUCKDB` names, or where `.ci/run` puts it.
///
/// # Panics
/// Where the machine lacks it and `CI` is `true`.
#[must_use]
pub fn need_duckdb() -> Option<PathBuf> {
    let found = find_duckdb();
    if found.is_none() {
        missing("duckdb (ATM_DUCKDB, or target/tools/duckdb)");
    }
    found
}

/// A Python that has DuckDB where the machine has one.
#[must_use]
pub fn find_duckdb() -> Option<PathBuf> {
    let named = env::var_os("ATM_DUCKDB").map(PathBuf::from);
    let python = named.unwrap_or_else(|| root().join("target/tools/duckdb/bin/python"));
    python.exists().then_some(python)
}

/// Says that the test is skipped for want of something that is no program of its own.
///
/// # Panics
/// Where `CI` is `true`: there nothing may be skipped.
pub fn missing(what: &str) {
    assert!(env::var("CI").as_deref() != Ok("true"), "{what} is not on this machine, and CI needs it");
    not_allowed(what);
}

/// Says that the test is skipped for want of a right, which CI may lack as any machine may.
pub fn not_allowed(what: &str) {
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    eprintln!("skipped: {test} needs {what}, which is not on this machine");
}

/// The program's file where the machine has it.
#[must_use]
pub fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let system = SYSTEM.iter().map(PathBuf::from);
    let folders = env::split_paths(&path).chain(system).chain(newest_first(Path::new(POSTGRESQL)));
    folders.map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// The folders of PostgreSQL's programs: one for each major version.
fn newest_first(versions: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(versions).into_iter().flatten().filter_map(Result::ok);
    let version = |folder: &Path| folder.file_name()?.to_str()?.parse::<u32>().ok();
    let mut folders: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    folders.sort_by_key(|folder| Reverse(version(folder)));
    folders.into_iter().map(|folder| folder.join("bin")).collect()
}
