//! What this machine's disk does: how long it takes until bytes are on it.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

/// Bytes that are appended each time.
const BLOCK: [u8; 4096] = [0x5a; 4096];
/// How often.
const COUNT: usize = 2_000;

/// How long it takes to append 4 KiB and have them on the disk (fdatasync): the median of many.
///
/// # Panics
/// Where the folder takes no file.
#[must_use]
pub fn fdatasync_median(folder: &Path) -> Duration {
    let path = folder.join("fdatasync");
    let mut file = File::create(&path).expect("the folder takes a file");
    let mut took: Vec<Duration> = (0..COUNT)
        .map(|_| {
            let begun = Instant::now();
            file.write_all(&BLOCK).and_then(|()| file.sync_data()).expect("the disk takes 4 KiB");
            begun.elapsed()
        })
        .collect();
    std::fs::remove_file(&path).expect("the file can be removed");
    took.sort_unstable();
    took[COUNT / 2]
}
