//! How bytes travel: TLS 1.3, ALPN, length-delimited frames, and the bounds on all of it.
//!
//! tarpc sends what stands in [`wire`], by the [`codec`]: its own messages would let a stranger's
//! deadline crash the server.

pub mod codec;
pub mod tls;
pub mod wire;

use std::time::Duration;

/// A service as a connection sees it: its ALPN name, format of frames and bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Service {
    /// The name agreed on in the TLS handshake; it has the version.
    pub alpn: &'static [u8],
    /// The format of frames.
    pub format: wire::Format,
    /// The most bytes of one frame.
    pub frame_bytes_max: usize,
}

/// The service for customers.
pub const CUSTOMER: Service =
    Service { alpn: b"atm/1", format: wire::Format::Postcard, frame_bytes_max: 16 * 1024 };
/// The service for operators.
pub const OPERATOR: Service =
    Service { alpn: b"atmctl/1", format: wire::Format::Json, frame_bytes_max: 1024 * 1024 };

/// Requests of one connection that may be under way at a time.
pub const IN_FLIGHT_MAX: usize = 8;
/// The longest time a client may ask for. Longer ones are cut to it.
pub const DEADLINE_MAX: Duration = Duration::from_secs(30);
/// The time in which a TLS handshake must be done.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);

/// The instant from which a deadline or patience is counted. The only reading of a clock here.
#[expect(clippy::disallowed_methods, reason = "both ends of a connection bound their waiting by it")]
pub(crate) fn monotonic() -> std::time::Instant {
    std::time::Instant::now()
}
