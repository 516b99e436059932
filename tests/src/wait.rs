//! Waiting for what comes by itself: always bounded, and never longer than it takes.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use std::process::{Child, ExitStatus};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Longer than anything takes that works, on a machine that does much else.
pub const PATIENCE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(10);

/// Asks again until there is a result.
///
/// # Panics
/// With `what` and the last reason when [`PATIENCE`] ends.
pub fn eventually<T>(what: &str, mut probe: impl FnMut() -> Result<T, String>) -> T {
    let begun = Instant::now();
    loop {
        match probe() {
            Ok(result) => return result,
            Err(reason) if begun.elapsed() > PATIENCE => panic!("{what}: not within {PATIENCE:?}: {reason}"),
            Err(_) => sleep(PAUSE),
        }
    }
}

/// Waits for a process to end; `None` where it did not in that time.
///
/// # Panics
/// Where the system does not let us wait for it.
pub fn exit(child: &mut Child, within: Duration) -> Option<ExitStatus> {
    let deadline = Instant::now() + within;
    if let Some(status) = child.try_wait().expect("a child can be waited for") {
        return Some(status);
    }
    let process = pidfd_open(Pid::from_child(child), PidfdFlags::empty()).expect("a child has a descriptor");
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let left = Timespec::try_from(left).expect("a wait fits");
        match poll(&mut [PollFd::new(&process, PollFlags::IN)], Some(&left)) {
            Ok(0) => return None,
            Ok(_) => return Some(child.wait().expect("a child that ended can be waited for")),
            Err(Errno::INTR) => {}
            Err(error) => panic!("poll: {error}"),
        }
    }
}
