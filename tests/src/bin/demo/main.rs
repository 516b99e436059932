//! `cargo demo`: the main job of the system in under a minute, with its real programs on a fresh database in
//! a temporary folder. Every command is printed before it runs, and runs exactly as printed.
#![expect(clippy::disallowed_methods, reason = "the demo bounds its own waiting")]

mod shell;
mod story;

use anyhow::{Context, Result, anyhow};
use atm_tests::programs;
use clap::Parser;
use shell::{Screen, Shell};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;
use tokio::signal::unix::{SignalKind, signal};

/// Shows what the ATM system does.
#[derive(Debug, Parser)]
#[command(name = "cargo demo")]
struct Arguments {
    /// Leave atmd running at the end, and say how to talk to it and how to stop it.
    #[arg(long)]
    keep: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let interrupted = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&interrupted);
    let (Ok(mut interrupt), Ok(mut terminate)) =
        (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return ExitCode::FAILURE;
    };
    let story = tokio::task::spawn_blocking(move || show(&arguments, &told));
    tokio::pin!(story);
    let ended = tokio::select! {
        ended = &mut story => ended,
        _ = async { tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} } } => {
            // The story sees it at its next wait, cleans up and ends.
            interrupted.store(true, Ordering::Relaxed);
            story.await
        }
    };
    match ended.map_err(anyhow::Error::from).flatten() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let said = Screen::new().say(&format!("\nThe demo stops here: {error:#}"));
            if interrupted.load(Ordering::Relaxed) || said.is_err() { 130.into() } else { ExitCode::FAILURE }
        }
    }
}

fn show(arguments: &Arguments, interrupted: &Arc<AtomicBool>) -> Result<()> {
    let mut screen = Screen::new();
    screen.say("Building all programs with cargo; the first time takes minutes ...")?;
    let begun = Instant::now();
    let programs = programs::build().map_err(|said| anyhow!("the build failed:\n{said}"))?;
    screen.say(&format!("Built in {:.1} s.", begun.elapsed().as_secs_f64()))?;
    let folder = tempfile::Builder::new().prefix("atm-demo-").tempdir().context("no temporary folder")?;
    let mut shell = Shell::start(folder.path(), Arc::clone(interrupted), screen)?;
    story::tell(&mut shell, programs.folder())?;
    if arguments.keep {
        story::explain_how_to_go_on(&mut shell, programs.folder())?;
        shell.leave_running();
        let _ = folder.keep();
        return Ok(());
    }
    story::stop(&mut shell)?;
    drop(shell);
    folder.close().context("the temporary folder cannot be removed")
}
