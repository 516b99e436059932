//! Asking over plain HTTP, as machines ask atmd how it is, and reading what metrics say.

use crate::wait;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Its number, such as 200.
    pub status: u16,
    /// The head, as it came.
    pub head: String,
    /// The rest.
    pub body: String,
}

/// Gets a path.
///
/// # Errors
/// Where nobody listens there, or what comes is no answer.
pub fn get(at: SocketAddr, path: &str) -> io::Result<Answer> {
    ask(at, &format!("GET {path} HTTP/1.1\r\nHost: {at}\r\nConnection: close\r\n\r\n"))
}

/// Sends a request as it is, and reads until the other end closes.
///
/// # Errors
/// As [`get`].
pub fn ask(at: SocketAddr, request: &str) -> io::Result<Answer> {
    let mut stream = TcpStream::connect(at)?;
    stream.set_read_timeout(Some(wait::PATIENCE))?;
    stream.write_all(request.as_bytes())?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    let broken = || io::Error::other(format!("no answer of HTTP: {text:?}"));
    let (head, body) = text.split_once("\r\n\r\n").ok_or_else(broken)?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(broken)?;
    Ok(Answer { status, head: head.to_owned(), body: body.to_owned() })
}

/// What `/metrics` says now.
///
/// # Panics
/// Where it says nothing.
#[must_use]
pub fn metrics(at: SocketAddr) -> Metrics {
    let answer = get(at, "/metrics").unwrap_or_else(|error| panic!("{at}: {error}"));
    assert_eq!(answer.status, 200, "{answer:?}");
    Metrics(answer.body)
}

/// Text for Prometheus.
#[derive(Clone, Debug)]
pub struct Metrics(pub String);

impl Metrics {
    /// The value of a series, written as the text has it: `atmd_connections{service="customer"}`.
    #[must_use]
    pub fn find(&self, series: &str) -> Option<f64> {
        let mut values =
            self.0.lines().filter_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok());
        values.next()
    }

    /// As [`find`](Self::find).
    ///
    /// # Panics
    /// Where there is none.
    #[must_use]
    pub fn value(&self, series: &str) -> f64 {
        self.find(series).unwrap_or_else(|| panic!("there is no {series} in\n{}", self.0))
    }

    /// All series of a metric together.
    #[must_use]
    pub fn sum(&self, metric: &str) -> f64 {
        let series = self.0.lines().filter_map(|line| line.strip_prefix(metric));
        let own = series.filter(|rest| rest.starts_with('{') || rest.starts_with(' '));
        own.filter_map(|rest| rest.rsplit(' ').next()?.parse::<f64>().ok()).sum()
    }
}
