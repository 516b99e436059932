//! A time of day that is set while atmd runs, or was set while it did not: seen, told, and no reason to serve nobody.

use atm_rpc::types::key::RequestKey;
use atm_tests::bank::{self, rupees};
use atm_tests::daemon::{Atmd, Options};
use atm_tests::http;
use atm_tests::link;
use atm_tests::need::{missing, need};
use atm_tests::wait::eventually;
use std::fs;
use std::path::PathBuf;
use tokio::task::block_in_place;

/// What the program puts between another and its clock, without itself in between.
fn library() -> Option<PathBuf> {
    need("faketime")?;
    let folders = ["/usr/lib", "/usr/lib64"].map(PathBuf::from);
    let inner = fs::read_dir("/usr/lib").into_iter().flatten().flatten().map(|entry| entry.path());
    let mut all = folders.into_iter().chain(inner).map(|folder| folder.join("faketime/libfaketime.so.1"));
    let found = all.find(|file| file.exists());
    if found.is_none() {
        missing("libfaketime.so.1");
    }
    found
}

/// Waits until a metric is about so much: seconds pass meanwhile.
fn about(atmd: &Atmd, metric: &str, expected: f64) {
    eventually(metric, || match http::metrics(atmd.metrics()).value(metric) {
        value if (value - expected).abs() < 120.0 => Ok(()),
        value => Err(format!("{value} and not {expected}")),
    });
}

fn steps(atmd: &Atmd, expected: f64) {
    eventually("a step is seen", || match http::metrics(atmd.metrics()).value("atmd_clock_steps_total") {
        steps if (steps - expected).abs() < 0.5 => Ok(()),
        steps => Err(format!("{steps} and not {expected}")),
    });
}

/// What `status` warns of, of an atmd that is ready.
fn warned(atmd: &Atmd) -> String {
    assert_eq!(http::get(atmd.metrics(), "/readyz").unwrap().status, 200);
    let status = atmd.ctl(&["status", "-o", "json"]).json();
    status["data"][0]["warnings"].as_str().unwrap_or_default().to_owned()
}

async fn deposit(atmd: &Atmd) {
    let mut customer = link::logged_in(atmd, bank::number(1)).await;
    let _ = customer.deposit(RequestKey::generate(), rupees(1)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_set_is_told_of_and_keeps_nobody_out() {
    let Some(library) = library() else { return };
    let folder = tempfile::tempdir().unwrap();
    let offset = folder.path().join("offset");
    let set = |to: &str| {
        // All at once: it is read at each look at the clock.
        let new = folder.path().join("new");
        fs::write(&new, to).unwrap();
        fs::rename(new, &offset).unwrap();
    };
    set("+0");
    let preload = format!("LD_PRELOAD={}", library.display());
    let file = format!("FAKETIME_TIMESTAMP_FILE={}", offset.display());
    let Some(env) = need("env") else { return };
    let within =
        [env.to_str().unwrap(), &preload, &file, "FAKETIME_NO_CACHE=1", "FAKETIME_DONT_FAKE_MONOTONIC=1"];
    let mut atmd = Atmd::prepare(&Options::default().with_metrics()).within(&within);
    block_in_place(|| atmd.restart());
    link::register(&atmd, bank::number(1)).await;
    deposit(&atmd).await;
    block_in_place(|| {
        about(&atmd, "atmd_clock_behind_seconds", 0.0);
        steps(&atmd, 0.0);
        assert_eq!(warned(&atmd), "");
        set("-1h");
        steps(&atmd, 1.0);
        about(&atmd, "atmd_clock_stepped_seconds", -3_600.0);
        about(&atmd, "atmd_clock_behind_seconds", 3_600.0);
        let told = warned(&atmd);
        assert!(told.contains("set back by 3600 s") && told.contains("behind that of the journal"), "{told}");
        let log = atmd.log();
        assert!(log.contains("the time of day was set") && log.contains("by_ms=-3"), "{log}");
    });
    deposit(&atmd).await;
    block_in_place(|| {
        set("+1d");
        steps(&atmd, 2.0);
        about(&atmd, "atmd_clock_stepped_seconds", 86_400.0);
        about(&atmd, "atmd_clock_behind_seconds", 0.0);
        let told = warned(&atmd);
        assert!(told.contains("set forward by 90000 s") && !told.contains("behind"), "{told}");
    });
    deposit(&atmd).await;
    block_in_place(|| {
        // A start looks at what the journal has: this one is a day too late, or the journal was too early.
        atmd.stop();
        set("+0");
        atmd.restart();
        about(&atmd, "atmd_clock_behind_seconds", 86_400.0);
        steps(&atmd, 0.0);
        let told = warned(&atmd);
        assert!(told.contains("behind that of the journal") && !told.contains("was set"), "{told}");
        let _ = atmd.ctl(&["ledger", "verify"]).coded(0);
    });
}
