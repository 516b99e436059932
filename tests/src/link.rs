//! Connections to a test's atmd, from one that mends itself down to single frames.

use crate::bank;
use crate::daemon::Atmd;
use crate::wait::PATIENCE;
use atm_rpc::client::{Customer, Endpoint, Patience};
use atm_rpc::customer::{CustomerClient, CustomerRequest, Session};
use atm_rpc::error::ServiceError;
use atm_rpc::operator::{OperatorClient, OperatorRequest, OperatorResponse};
use atm_rpc::transport::tls::{self, Identity};
use atm_rpc::transport::wire::ToServer;
use atm_rpc::transport::{CUSTOMER, OPERATOR, Service, codec};
use atm_rpc::types::key::RequestKey;
use atm_rpc::types::mobile::MobileNumber;
use futures::{SinkExt, StreamExt};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{fs, io};
use tarpc::client::Channel;
use tarpc::context::{self, Context};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::ClientConfig;
use tokio_util::codec::Framed;

/// Where test clients come from unless they say otherwise.
pub const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// A customer's client as terminals have it: it connects again and repeats by itself, for long.
///
/// # Panics
/// Where the CA cannot be used.
#[must_use]
pub fn customer(atmd: &Atmd) -> Customer {
    let patience = Patience { call: Duration::from_secs(20), total: PATIENCE };
    let endpoint = Endpoint::customer(&atmd.customers().to_string(), &ca(atmd)).expect("the CA is usable");
    Customer::new(endpoint, patience)
}

/// A new customer of that number, with the tests' PIN.
///
/// # Panics
/// Where the bank does not register the number.
pub async fn register(atmd: &Atmd, mobile: MobileNumber) {
    let receipt = customer(atmd).register(RequestKey::generate(), &bank::right(mobile)).await;
    receipt.unwrap_or_else(|error| panic!("{mobile:?} is not registered: {error}"));
}

/// A client that [mends itself](customer), logged in.
///
/// # Panics
/// Where the bank does not let the number in.
pub async fn logged_in(atmd: &Atmd, mobile: MobileNumber) -> Customer {
    let mut customer = customer(atmd);
    let session = customer.login(&bank::right(mobile), &bank::terminal()).await;
    session.unwrap_or_else(|error| panic!("{mobile:?} cannot log in: {error}"));
    customer
}

/// The first operator's client.
///
/// # Panics
/// Where there is no connection.
pub async fn operator(atmd: &Atmd) -> OperatorClient {
    let endpoint = Endpoint::operator(&atmd.operators().to_string(), &ca(atmd), root_identity(atmd));
    endpoint.expect("the identity is usable").operate().await.expect("atmd takes operators")
}

/// The client of whoever has that certificate and key.
///
/// # Panics
/// Where there is no connection.
pub async fn operator_as(atmd: &Atmd, pem: &str) -> OperatorClient {
    let transport = codec::client(operator_stream(atmd, identity(pem.as_bytes())).await, OPERATOR);
    OperatorClient::new(tarpc::client::Config::default(), transport).spawn()
}

/// The first operator's connection, for calls of whatever method.
///
/// # Panics
/// Where there is no connection.
pub async fn operator_calls(atmd: &Atmd) -> Channel<OperatorRequest, OperatorResponse> {
    let transport = codec::client(operator_stream(atmd, root_identity(atmd)).await, OPERATOR);
    tarpc::client::new(tarpc::client::Config::default(), transport).spawn()
}

/// The same of whoever has that certificate and key.
///
/// # Panics
/// Where there is no connection.
pub async fn calls_as(atmd: &Atmd, pem: &str) -> Channel<OperatorRequest, OperatorResponse> {
    let transport = codec::client(operator_stream(atmd, identity(pem.as_bytes())).await, OPERATOR);
    tarpc::client::new(tarpc::client::Config::default(), transport).spawn()
}

async fn operator_stream(atmd: &Atmd, identity: Identity) -> TlsStream<TcpStream> {
    let config = tls::client_config(OPERATOR, &ca(atmd), Some(identity)).expect("the CA is usable");
    handshake(tcp(atmd.operators(), HERE).await, config).await.expect("atmd takes us")
}

/// A client on one connection, from that address: it neither connects again nor repeats anything.
pub async fn plain(atmd: &Atmd, source: IpAddr) -> CustomerClient {
    let transport = codec::client(stream(atmd, CUSTOMER, source).await, CUSTOMER);
    CustomerClient::new(tarpc::client::Config::default(), transport).spawn()
}

/// A plain log-in with the tests' PIN.
///
/// # Panics
/// Where the connection breaks.
pub async fn login(client: &CustomerClient, mobile: MobileNumber) -> Result<Session, ServiceError> {
    client.login(patient(), bank::right(mobile), bank::terminal()).await.expect("the connection holds")
}

/// A call that may take as long as the service lets it.
#[must_use]
pub fn patient() -> Context {
    let mut context = context::current();
    context.deadline = Instant::now() + atm_rpc::transport::DEADLINE_MAX;
    context
}

/// A connection on which single frames are sent and read.
#[derive(Debug)]
pub struct Frames(Framed<TlsStream<TcpStream>, tokio_util::codec::LengthDelimitedCodec>);

impl Frames {
    /// Opens one.
    pub async fn open(atmd: &Atmd) -> Self {
        Self(Framed::new(stream(atmd, CUSTOMER, HERE).await, codec::frames(CUSTOMER)))
    }

    /// Sends a call, and gives the bytes of the answer's frame.
    ///
    /// # Panics
    /// Where the connection ends instead.
    pub async fn ask(&mut self, call: CustomerRequest) -> Vec<u8> {
        let message = ToServer::Request { id: 1, deadline_ms: 30_000, call };
        let bytes = CUSTOMER.format.encode(&message).expect("a call can be written");
        self.0.send(bytes::Bytes::from(bytes)).await.expect("a frame can be sent");
        self.0.next().await.expect("an answer comes").expect("an answer is a frame").to_vec()
    }
}

/// A connection to one of the two services, as its clients have it, from that address.
///
/// # Panics
/// Where atmd does not take it.
pub async fn stream(atmd: &Atmd, service: Service, source: IpAddr) -> TlsStream<TcpStream> {
    let identity = (service == OPERATOR).then(|| root_identity(atmd));
    let config = tls::client_config(service, &ca(atmd), identity).expect("the CA is usable");
    handshake(tcp(address(atmd, service), source).await, config).await.expect("atmd takes us")
}

/// Where a service is.
#[must_use]
pub fn address(atmd: &Atmd, service: Service) -> SocketAddr {
    if service == OPERATOR { atmd.operators() } else { atmd.customers() }
}

/// A connection without anything on it, from that address.
///
/// # Panics
/// Where nobody listens.
pub async fn tcp(to: SocketAddr, source: IpAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("there are sockets");
    socket.bind(SocketAddr::from((source, 0))).expect("each loopback address is ours");
    let stream = socket.connect(to).await.expect("atmd listens");
    stream.set_nodelay(true).expect("a socket takes options");
    stream
}

/// TLS over a connection, by that configuration.
///
/// # Errors
/// What the two could not agree on.
pub async fn handshake(stream: TcpStream, config: Arc<ClientConfig>) -> io::Result<TlsStream<TcpStream>> {
    let name = tls::server_name(&stream.peer_addr()?.to_string()).expect("an address is a name");
    TlsConnector::from(config).connect(name, stream).await
}

fn root_identity(atmd: &Atmd) -> Identity {
    identity(&fs::read(atmd.root_identity()).expect("there is a first operator"))
}

fn identity(pem: &[u8]) -> Identity {
    Identity::from_pem(pem, pem).expect("an identity is usable")
}

/// The certificate that an atmd's clients trust.
///
/// # Panics
/// Where atmd does not publish it.
#[must_use]
pub fn ca(atmd: &Atmd) -> Vec<u8> {
    fs::read(atmd.ca()).expect("atmd publishes its CA")
}
