//! The connection to atmd that a plugin is given: an open descriptor, and no credential.

use std::io;
use std::os::fd::{BorrowedFd, RawFd};
use std::os::unix::net::UnixStream;

/// The descriptor of the connection.
pub const FD: RawFd = 3;
/// Tells a plugin its [`FD`]. Not set where the command needs no connection.
pub const ENV_FD: &str = "ATMCTL_FD";

/// The connection that the host left on [`FD`]: a descriptor of its own, [`FD`] stays open.
/// The connection may be asked one thing at a time by several processes; see `atmctl api`.
///
/// # Errors
/// Where nothing is open there, or something else than a Unix socket.
pub fn connection() -> io::Result<UnixStream> {
    #[expect(unsafe_code, reason = "std has no other way to name an inherited descriptor")]
    // SAFETY: the borrow ends with this statement, in which nothing is closed; where FD is not
    // open, duplicating it fails with EBADF.
    let descriptor = unsafe { BorrowedFd::borrow_raw(FD) }.try_clone_to_owned()?;
    let stream = UnixStream::from(descriptor);
    stream.local_addr()?;
    Ok(stream)
}
