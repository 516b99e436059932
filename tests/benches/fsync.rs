//! What this machine's disk does: no acknowledged movement can be quicker than that, alone.
#![expect(clippy::expect_used, reason = "a benchmark that cannot go on ends")]

use atm_tests::disk::fdatasync_median;
use atm_tests::figures::{self, Figure};
use tempfile::TempDir;

fn main() {
    let folder = TempDir::with_prefix("fsync-").expect("a temporary folder can be made");
    let mut median = Figure::default();
    for _ in 0..figures::repeats() {
        median.add(fdatasync_median(folder.path()).as_secs_f64() * 1e6);
    }
    let note = "4 KiB appended and on the disk (fdatasync), alone.";
    figures::table("The disk", note, &["what", "µs, median"]);
    figures::row(&["write and fdatasync of 4 KiB", &median.to_string()]);
}
