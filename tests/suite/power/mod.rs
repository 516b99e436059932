//! The power is cut, again and again: of the database's files there is left what was synced, and nothing else.
//! What was acknowledged is there. And the control: where syncs do nothing, the same checker finds the loss.

use crate::checker::{self, Difference};
use crate::load::{self, Load, Progress};
use atm_tests::books::Books;
use atm_tests::daemon::Atmd;
use atm_tests::need::need;
use atm_tests::process;
use atm_tests::random::Random;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;
use tokio::task::{block_in_place, spawn_blocking};

const CLIENTS: u32 = 16;

/// The library that keeps copies of what is durable, compiled. `None` where there is no compiler.
fn library(folder: &Path) -> Option<PathBuf> {
    let compiler = need("gcc")?;
    let (source, library) = (folder.join("durable.c"), folder.join("durable.so"));
    fs::write(&source, include_str!("durable.c")).unwrap();
    let mut command = Command::new(compiler);
    command.args(["-Wall", "-Werror", "-O2", "-shared", "-fPIC", "-o"]).arg(&library).arg(&source);
    command.args(["-ldl", "-lpthread"]);
    let _ = process::run(command, "").coded(0);
    Some(library)
}

/// Ends atmd at once, and leaves of its database what was durable.
fn cut(atmd: &mut Atmd) {
    atmd.kill();
    for name in ["bank.db", "bank.db-wal"] {
        let (file, durable) = (atmd.data().join(name), atmd.data().join(format!("{name}.durable")));
        // The copy goes on to be one.
        let _ = fs::copy(&durable, &file).unwrap();
    }
    // Lives in memory while the power is on.
    let _ = fs::remove_file(atmd.data().join("bank.db-shm"));
}

fn rounds(mut atmd: Atmd, progress: &Progress, rounds: u32) -> Atmd {
    let mut random = Random::new(17);
    for _ in 0..rounds {
        progress.wait_for(1 + random.below(300));
        cut(&mut atmd);
        atmd.restart();
    }
    atmd
}

/// An atmd on such a disk, and customers at work. `None` where there is no compiler.
async fn begin(folder: &TempDir, power: &str) -> Option<(Atmd, Load)> {
    let preload = format!("LD_PRELOAD={}", library(folder.path())?.display());
    let within = ["env", &preload, &format!("POWER={power}")];
    let mut atmd = Atmd::prepare(&load::options()).within(&within);
    block_in_place(|| atmd.restart());
    let load = Load::start(&atmd, CLIENTS).await;
    Some((atmd, load))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_synced_is_all_that_was_acknowledged() {
    let count = env::var("ATM_KILLS").map_or(10, |number| number.parse().unwrap());
    let folder = TempDir::with_prefix("power-").unwrap();
    let Some((atmd, load)) = begin(&folder, "kept").await else { return };
    let progress = load.progress();
    let mut atmd = spawn_blocking(move || rounds(atmd, &progress, count)).await.unwrap();
    let settled = checker::settle(load.end().await).await;
    assert_eq!(settled.differences, []);
    assert!(block_in_place(|| atmd.stop()).success());
    let books = Books::of(&atmd.config()).await;
    assert_eq!(checker::compare(&books, &settled), []);
}

/// Only up to a point syncs are kept. Then they do nothing, and say that they did.
#[tokio::test(flavor = "multi_thread")]
async fn the_checker_finds_the_loss_where_syncs_do_nothing() {
    let folder = TempDir::with_prefix("power-").unwrap();
    let Some((atmd, load)) = begin(&folder, "kept").await else { return };
    let progress = load.progress();
    let atmd = spawn_blocking(move || {
        let mut atmd = rounds(atmd, &progress, 1);
        progress.wait_for(100);
        // A cut at a moment when nothing is lost, and from then on the disk lies.
        cut(&mut atmd);
        let preload = format!("LD_PRELOAD={}", folder.path().join("durable.so").display());
        let mut atmd = atmd.within(&["env", &preload, "POWER=lost"]);
        atmd.restart();
        progress.wait_for(200);
        cut(&mut atmd);
        atmd.restart();
        (atmd, folder)
    });
    let (atmd, _folder) = atmd.await.unwrap();
    let settled = checker::settle(load.end().await).await;
    let lost = settled.differences.iter().filter(|found| matches!(found, Difference::Lost(_))).count();
    assert!(lost > 0, "the checker found {:?}", settled.differences);
    drop(atmd);
}
