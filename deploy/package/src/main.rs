//! Makes the Debian package out of programs that are built: `cargo run -p atm-package -- --help`.
//!
//! - `tree`: which file goes where, as a table. `pages`: manual and completion, asked of the programs' own trees.
//! - `deb`: control files and the archive, by Debian's own tools.

mod deb;
mod pages;
mod tree;

use anyhow::Context;
use clap::Parser;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

/// Makes the Debian package out of programs that are built
#[derive(Debug, Parser)]
#[command(name = "package", version)]
struct Arguments {
    /// The folder of the built programs
    #[arg(long, default_value = "target/release", value_name = "DIR")]
    programs: PathBuf,
    /// The folder that the package is written to
    #[arg(long, default_value = ".", value_name = "DIR")]
    out: PathBuf,
    /// What distinguishes this package from others of the same version, such as 2
    #[arg(long, default_value = "1", value_name = "TEXT", value_parser = revision)]
    revision: String,
}

/// What Debian takes behind the last hyphen of a version.
fn revision(text: &str) -> Result<String, String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "+.~".contains(c);
    match !text.is_empty() && text.chars().all(fits) {
        true => Ok(text.to_owned()),
        false => Err("a revision has letters, digits and + . ~ only".to_owned()),
    }
}

fn main() -> ExitCode {
    match make(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn make(arguments: &Arguments) -> anyhow::Result<()> {
    let stage = tempfile::tempdir().context("no folder can be made to put the package together in")?;
    let root = stage.path().join("root");
    tree::fill(&root, &arguments.programs)?;
    let package = deb::build(stage.path(), &root, &arguments.out, &arguments.revision)?;
    writeln!(io::stdout(), "{}", package.display())?;
    Ok(())
}
