//! What stands between atmd and its database server and can fail as a network does: cut connections at once, let
//! nothing through, or cut one exactly at a COMMIT. It sees words in plain text only.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What both protocols have in the frame of a commit: MySQL's COM_QUERY, PostgreSQL's simple query.
const COMMIT: &[u8] = b"COMMIT";
const BUFFER: usize = 64 * 1024;

/// What happens to the connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fault {
    /// They are handed on.
    #[default]
    None,
    /// Those there are end, and those that come end at once.
    Down,
    /// They stay and nothing passes, in no direction.
    Stall,
    /// The next connection that commits is cut before the server hears of it: nothing was committed.
    BeforeCommit,
    /// The next connection that commits is cut when the server has answered: it was committed, and nobody was
    /// told.
    AfterCommit,
    /// The next connection that commits is cut as soon as the server was sent the word: nobody knows.
    AtCommit,
    /// Nothing passes any more once somebody commits; the word itself is held back as well, and comes late.
    StallBeforeCommit,
    /// Nothing passes any more once somebody commits; the word itself did.
    StallAtCommit,
}

impl Fault {
    const fn waits_for_commit(self) -> bool {
        !matches!(self, Self::None | Self::Down | Self::Stall)
    }

    /// What follows when a commit met it.
    const fn then(self) -> Self {
        match self {
            Self::StallBeforeCommit | Self::StallAtCommit => Self::Stall,
            _ => Self::None,
        }
    }
}

/// A proxy. It ends when dropped.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepts: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    fault: watch::Sender<Fault>,
    commits_hit: AtomicU64,
}

impl Shared {
    /// Takes the fault that waits for a commit, once.
    fn take(&self) -> Option<Fault> {
        let mut taken = None;
        self.fault.send_if_modified(|fault| {
            taken = fault.waits_for_commit().then(|| std::mem::replace(fault, fault.then()));
            taken.is_some()
        });
        if taken.is_some() {
            self.commits_hit.fetch_add(1, Ordering::Relaxed);
        }
        taken
    }
}

impl Proxy {
    /// Listens on a port of its own, and hands connections on to that address.
    ///
    /// # Panics
    /// Where there is no port.
    pub async fn start(to: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("there is a port");
        let address = listener.local_addr().expect("a listener has an address");
        let shared =
            Arc::new(Shared { fault: watch::Sender::new(Fault::None), commits_hit: AtomicU64::new(0) });
        let own = Arc::clone(&shared);
        let accepts = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(carry(client, to, Arc::clone(&own)));
            }
        });
        Self { address, shared, accepts }
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on.
    pub fn set(&self, fault: Fault) {
        self.shared.fault.send_replace(fault);
    }

    /// How many commits met a fault that waited for one.
    #[must_use]
    pub fn commits_hit(&self) -> u64 {
        self.shared.commits_hit.load(Ordering::Relaxed)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepts.abort();
        // Tasks that carry see it and end.
        self.set(Fault::Down);
    }
}

/// Carries one connection until an end closes it or a fault does.
async fn carry(mut client: TcpStream, to: SocketAddr, shared: Arc<Shared>) {
    let mut faults = shared.fault.subscribe();
    if *faults.borrow_and_update() == Fault::Down {
        return;
    }
    let Ok(mut server) = TcpStream::connect(to).await else { return };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (mut asked, mut answered) = (vec![0; BUFFER], vec![0; BUFFER]);
    let mut late = Vec::new();
    loop {
        let stalls = *faults.borrow_and_update() == Fault::Stall;
        if !stalls && server.write_all(&std::mem::take(&mut late)).await.is_err() {
            return;
        }
        tokio::select! {
            changed = faults.changed() => {
                if changed.is_err() || *faults.borrow() == Fault::Down {
                    return;
                }
            }
            count = client.read(&mut asked), if !stalls => {
                let bytes = &asked[..count.unwrap_or(0)];
                if bytes.is_empty() {
                    return;
                }
                match if commits(bytes) { shared.take() } else { None } {
                    Some(Fault::StallBeforeCommit) => {
                        late.extend_from_slice(bytes);
                        continue;
                    }
                    None | Some(Fault::StallAtCommit) => {}
                    Some(fault) => return cut(fault, bytes, &mut server, &mut answered).await,
                }
                if server.write_all(bytes).await.is_err() {
                    return;
                }
            }
            count = server.read(&mut answered), if !stalls => {
                let bytes = &answered[..count.unwrap_or(0)];
                if bytes.is_empty() || client.write_all(bytes).await.is_err() {
                    return;
                }
            }
        }
    }
}

async fn cut(fault: Fault, bytes: &[u8], server: &mut TcpStream, answer: &mut [u8]) {
    if fault == Fault::BeforeCommit {
        return;
    }
    // A server that ended meanwhile cuts the connection itself.
    let sent = server.write_all(bytes).await;
    if fault == Fault::AfterCommit && sent.is_ok() {
        let _ = server.read(answer).await;
    }
}

/// Whether the word is said; READ COMMITTED is another one.
fn commits(bytes: &[u8]) -> bool {
    let places = bytes.windows(COMMIT.len()).enumerate().filter(|(_, word)| *word == COMMIT);
    places.map(|(at, _)| at + COMMIT.len()).any(|end| !bytes.get(end).is_some_and(u8::is_ascii_alphanumeric))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers each message with `+` and the message.
    async fn echo() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("there is a port");
        let address = listener.local_addr().expect("a listener has an address");
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let mut bytes = [0; 64];
                    while let Ok(count @ 1..) = stream.read(&mut bytes).await {
                        let answer = [b"+", &bytes[..count]].concat();
                        if stream.write_all(&answer).await.is_err() {
                            return;
                        }
                    }
                });
            }
        });
        address
    }

    /// What comes back; empty where the connection is cut.
    async fn ask(stream: &mut TcpStream, text: &str) -> String {
        let mut bytes = [0; 64];
        let _ = stream.write_all(text.as_bytes()).await;
        let count = stream.read(&mut bytes).await.unwrap_or(0);
        String::from_utf8_lossy(&bytes[..count]).into_owned()
    }

    #[tokio::test]
    async fn cuts_at_a_commit_once_and_only_there() {
        let proxy = Proxy::start(echo().await).await;
        let connect = || TcpStream::connect(proxy.address());
        let mut stream = connect().await.expect("it listens");
        assert_eq!(ask(&mut stream, "COMMIT").await, "+COMMIT");
        for fault in [Fault::BeforeCommit, Fault::AtCommit, Fault::AfterCommit] {
            proxy.set(fault);
            assert_eq!(ask(&mut stream, "READ COMMITTED").await, "+READ COMMITTED");
            assert_eq!(ask(&mut stream, "COMMIT").await, "");
            stream = connect().await.expect("it listens");
            assert_eq!(ask(&mut stream, "COMMIT").await, "+COMMIT");
        }
        assert_eq!(proxy.commits_hit(), 3);
        proxy.set(Fault::Down);
        assert_eq!(ask(&mut stream, "SELECT").await, "");
        assert_eq!(ask(&mut connect().await.expect("it listens"), "SELECT").await, "");
    }

    #[tokio::test]
    async fn holds_back_what_was_said_and_lets_it_go() {
        let proxy = Proxy::start(echo().await).await;
        let mut stream = TcpStream::connect(proxy.address()).await.expect("it listens");
        assert_eq!(ask(&mut stream, "one").await, "+one");
        proxy.set(Fault::Stall);
        let pause = std::time::Duration::from_millis(200);
        assert!(tokio::time::timeout(pause, ask(&mut stream, "two")).await.is_err(), "nothing passes");
        proxy.set(Fault::None);
        assert_eq!(ask(&mut stream, "").await, "+two");
        for fault in [Fault::StallBeforeCommit, Fault::StallAtCommit] {
            proxy.set(fault);
            assert!(tokio::time::timeout(pause, ask(&mut stream, "COMMIT")).await.is_err(), "nothing passes");
            proxy.set(Fault::None);
            assert_eq!(ask(&mut stream, "").await, "+COMMIT");
        }
        assert_eq!(proxy.commits_hit(), 2);
    }
}
