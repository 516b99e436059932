//! Connections: how many, by whom, for how long; TLS; and one task for each.

use super::Services;
use super::counted::Counted;
use super::customer::CustomerConnection;
use super::operator::OperatorConnection;
use crate::auth::throttle::network;
use crate::live::{Live, Places, Terms};
use crate::monitor::ConnectionGuard;
use crate::pki;
use atm_rpc::operator::metrics::{RefusedConnection, Side};
use atm_rpc::transport::{
    CUSTOMER, DEADLINE_MAX, HANDSHAKE_TIMEOUT, IN_FLIGHT_MAX, OPERATOR, Service, codec,
};
use futures::StreamExt;
use rustix::net::sockopt;
use rustls::ServerConfig;
use std::cmp::Reverse;
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tarpc::ChannelError;
use tarpc::server::{BaseChannel, Channel, Config};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{Instrument, debug, error_span, field, warn};

/// The pause after the system refused to accept, which it does when it runs out of something.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// After this time of silence a peer is asked whether it is there; four times without an answer it is not.
const KEEPALIVE: Duration = Duration::from_secs(60);

/// Bounds the connections of a listener: in all, and per peer. Counted before the handshake.
#[derive(Debug)]
pub struct Gate {
    side: Side,
    terms: Live<Terms>,
    inside: Mutex<Inside>,
}

#[derive(Debug, Default)]
struct Inside {
    count: usize,
    peers: HashMap<IpAddr, usize>,
}

/// A connection's place. Given back when dropped.
#[derive(Debug)]
struct Pass {
    gate: Arc<Gate>,
    peer: IpAddr,
}

impl Gate {
    /// A gate for as many connections of that side as the terms have places for.
    #[must_use]
    pub fn new(side: Side, terms: Live<Terms>) -> Arc<Self> {
        Arc::new(Self { side, terms, inside: Mutex::default() })
    }

    fn places(&self) -> Places {
        let [customers, operators] = self.terms.now().places;
        match self.side {
            Side::Customer => customers,
            Side::Operator => operators,
        }
    }

    /// How many there may be.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.places().count_max
    }

    /// The addresses with the most connections, so many at the most, and how many each has.
    #[must_use]
    pub fn busiest(&self, count: usize) -> Vec<(IpAddr, usize)> {
        let inside = self.inside.lock().unwrap_or_else(PoisonError::into_inner);
        let mut peers: Vec<(IpAddr, usize)> =
            inside.peers.iter().map(|(peer, count)| (*peer, *count)).collect();
        drop(inside);
        peers.sort_by_key(|(peer, count)| (Reverse(*count), *peer));
        peers.truncate(count);
        peers
    }

    fn enter(self: &Arc<Self>, peer: IpAddr) -> Result<Pass, RefusedConnection> {
        let places = self.places();
        let mut inside = self.inside.lock().unwrap_or_else(PoisonError::into_inner);
        if inside.count >= places.count_max {
            return Err(RefusedConnection::Limit);
        }
        let peer = network(peer);
        let of_peer = inside.peers.entry(peer).or_default();
        if *of_peer >= places.per_peer_max {
            return Err(RefusedConnection::PeerLimit);
        }
        *of_peer += 1;
        inside.count += 1;
        Ok(Pass { gate: Arc::clone(self), peer })
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        let mut inside = self.gate.inside.lock().unwrap_or_else(PoisonError::into_inner);
        inside.count = inside.count.saturating_sub(1);
        if let Some(of_peer) = inside.peers.get_mut(&self.peer) {
            *of_peer -= 1;
            if *of_peer == 0 {
                inside.peers.remove(&self.peer);
            }
        }
    }
}

/// How a connection ends that its client does not end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// What is under way is answered.
    InOrder,
    /// Nothing more is.
    AtOnce,
}

/// A listener of one of the two services.
#[derive(Debug)]
pub struct Listener {
    /// Where connections come in.
    pub socket: TcpListener,
    /// Which service.
    pub service: Service,
    /// Certificate, key, and for operators whose certificates are taken: asked for at each connection.
    pub tls: Live<ServerConfig>,
    /// Bounds.
    pub gate: Arc<Gate>,
    /// What the service works with.
    pub services: Arc<Services>,
}

impl Listener {
    /// Accepts connections until atmd stops. Each has a task, which `connections` knows.
    pub async fn run(self, connections: TaskTracker) {
        let (side, monitor) = (side(self.service), Arc::clone(&self.services.monitor));
        loop {
            let accepted = tokio::select! {
                () = self.services.stop.cancelled() => return,
                accepted = self.socket.accept() => accepted,
            };
            let (stream, peer) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    monitor.refused(side, RefusedConnection::Accept);
                    warn!(%error, "a connection could not be accepted");
                    sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            match self.gate.enter(peer.ip()) {
                Ok(pass) => {
                    let (acceptor, services) =
                        (TlsAcceptor::from(self.tls.now()), Arc::clone(&self.services));
                    connections.spawn(connection(stream, peer, pass, acceptor, self.service, services));
                }
                Err(reason) => {
                    monitor.refused(side, reason);
                    let reason = match reason {
                        RefusedConnection::PeerLimit => {
                            "this peer has as many connections as max_connections_per_peer allows"
                        }
                        _ => "there are as many connections as max_connections allows",
                    };
                    warn!(%peer, "connection refused: {reason}");
                }
            }
        }
    }
}

fn side(service: Service) -> Side {
    if service == CUSTOMER { Side::Customer } else { Side::Operator }
}

/// Answers at once, and finds out about peers that vanished.
fn prepare(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    sockopt::set_socket_keepalive(stream, true)?;
    sockopt::set_tcp_keepidle(stream, KEEPALIVE)?;
    sockopt::set_tcp_keepintvl(stream, KEEPALIVE / 4)?;
    Ok(sockopt::set_tcp_keepcnt(stream, 4)?)
}

async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    _pass: Pass,
    acceptor: TlsAcceptor,
    service: Service,
    services: Arc<Services>,
) {
    let side = side(service);
    let counted = services.monitor.connected(side);
    let refused = |reason| services.monitor.refused(side, reason);
    if let Err(error) = prepare(&stream) {
        debug!(%peer, %error, "the socket does not take its options");
    }
    let handshake = timeout(HANDSHAKE_TIMEOUT, acceptor.accept(stream));
    let handshake = tokio::select! {
        () = services.stop.cancelled() => return,
        handshake = handshake => handshake,
    };
    let stream = match handshake {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => {
            refused(RefusedConnection::Handshake);
            return warn!(%peer, %error, "handshake failed");
        }
        Err(_) => {
            refused(RefusedConnection::HandshakeTimeout);
            return warn!(%peer, "handshake took too long");
        }
    };
    if stream.get_ref().1.alpn_protocol() != Some(service.alpn) {
        refused(RefusedConnection::Protocol);
        return warn!(%peer, "handshake without the name of the service");
    }
    match side {
        Side::Customer => serve_customer(stream, peer, services, counted).await,
        Side::Operator => serve_operator(stream, peer, services, counted).await,
    }
}

/// Serves one channel: reads until `end`, answers what is under way, and is done. A client that does not
/// take its answers is not waited for. The span around it names the peer.
macro_rules! serve {
    ($stream:expr, $service:expr, $end:expr, $server:expr) => {{
        let ended = CancellationToken::new();
        let transport = codec::server($stream, $service).take_until(ended.clone().cancelled_owned());
        let channel =
            BaseChannel::new(Config { pending_response_buffer: IN_FLIGHT_MAX }, Box::pin(transport));
        let calls = channel.max_concurrent_requests(IN_FLIGHT_MAX).requests();
        let server = $server;
        let served = calls
            .take_while(|call| {
                if let Err(error) = call {
                    tell_end(error);
                }
                std::future::ready(call.is_ok())
            })
            .for_each_concurrent(None, |call| async {
                if let Ok(call) = call {
                    call.execute(server.clone()).await;
                }
            });
        // Beside the channel and not in it: nothing is read of a client that does not take its answers.
        let late = async {
            let end = $end.await;
            ended.cancel();
            if end == End::InOrder {
                sleep(DEADLINE_MAX).await;
            }
            end
        };
        tokio::select! {
            () = served => {}
            end = late => match end {
                End::InOrder => warn!("connection ended: the client does not take its answers"),
                End::AtOnce => warn!("connection ended: its operator was disabled"),
            },
        }
    }};
}

/// A client that just went away is nothing to warn of; one that sends other bytes is.
fn tell_end(error: &ChannelError<io::Error>) {
    match error {
        ChannelError::Read(cause) if cause.kind() == io::ErrorKind::InvalidData => {
            warn!(error = %cause, "connection ended: these bytes are not of the protocol");
        }
        other => debug!(error = %other, "connection ended"),
    }
}

async fn serve_customer(
    stream: TlsStream<TcpStream>,
    peer: SocketAddr,
    services: Arc<Services>,
    _counted: ConnectionGuard,
) {
    let connection = CustomerConnection::new(services, peer.ip());
    let watched = connection.clone();
    async {
        serve!(stream, CUSTOMER, watched.until_it_ends(), Counted(connection));
    }
    .instrument(error_span!("customer", %peer, session = field::Empty))
    .await;
}

async fn serve_operator(
    stream: TlsStream<TcpStream>,
    peer: SocketAddr,
    services: Arc<Services>,
    _counted: ConnectionGuard,
) {
    let certificate = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
    let Some(fingerprint) = certificate.map(pki::fingerprint) else {
        services.monitor.refused(Side::Operator, RefusedConnection::Operator);
        return warn!(%peer, "operator without a certificate");
    };
    let monitor = Arc::clone(&services.monitor);
    async {
        match OperatorConnection::enter(services, fingerprint).await {
            Ok(connection) => {
                let watched = connection.clone();
                serve!(stream, OPERATOR, watched.until_it_ends(), connection);
            }
            Err(error) => {
                monitor.refused(Side::Operator, RefusedConnection::Operator);
                warn!(%error, "operator is not let in");
            }
        }
    }
    .instrument(error_span!("operator", %peer))
    .await;
}
