//! Where a server is, and how a connection to it is opened.

use crate::operator::OperatorClient;
use crate::transport::tls::{self, Identity, TlsError};
use crate::transport::{CUSTOMER, HANDSHAKE_TIMEOUT, OPERATOR, Service, codec};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use std::io;
use std::sync::Arc;
use thiserror::Error;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

/// The stream of an open connection.
pub type Connection = tokio_rustls::client::TlsStream<TcpStream>;

/// A server's address, and what TLS needs to talk with it.
#[derive(Clone, Debug)]
pub struct Endpoint {
    service: Service,
    address: String,
    name: ServerName<'static>,
    tls: Arc<ClientConfig>,
}

impl Endpoint {
    /// The listener for customers at `address` (`HOST:PORT`), trusted by the CA in `ca_pem`.
    ///
    /// # Errors
    /// [`TlsError`] where the CA or the host's name is not usable.
    pub fn customer(address: &str, ca_pem: &[u8]) -> Result<Self, TlsError> {
        Self::new(CUSTOMER, address, ca_pem, None)
    }

    /// The listener for operators at `address`, met with the operator's own certificate.
    ///
    /// # Errors
    /// [`TlsError`] where the CA, the identity or the host's name is not usable.
    pub fn operator(address: &str, ca_pem: &[u8], identity: Identity) -> Result<Self, TlsError> {
        Self::new(OPERATOR, address, ca_pem, Some(identity))
    }

    fn new(
        service: Service,
        address: &str,
        ca_pem: &[u8],
        identity: Option<Identity>,
    ) -> Result<Self, TlsError> {
        Ok(Self {
            service,
            address: address.to_owned(),
            name: tls::server_name(address)?,
            tls: tls::client_config(service, ca_pem, identity)?,
        })
    }

    /// `HOST:PORT`.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Opens a connection, handshake included.
    ///
    /// # Errors
    /// [`ConnectError`] tells an absent server from one that is not trusted or does not trust us.
    pub async fn open(&self) -> Result<Connection, ConnectError> {
        let not_reachable = |source| ConnectError::NotReachable { address: self.address.clone(), source };
        let late = |_| not_reachable(io::Error::from(io::ErrorKind::TimedOut));
        let stream = timeout(HANDSHAKE_TIMEOUT, TcpStream::connect(&self.address)).await.map_err(late)?;
        let stream = stream.map_err(not_reachable)?;
        stream.set_nodelay(true).map_err(not_reachable)?;
        let connector = TlsConnector::from(Arc::clone(&self.tls));
        let handshake = connector.connect(self.name.clone(), stream);
        match timeout(HANDSHAKE_TIMEOUT, handshake).await.map_err(late)? {
            Ok(stream) if stream.get_ref().1.alpn_protocol() == Some(self.service.alpn) => Ok(stream),
            // A server that knows nothing of ALPN lets the handshake pass.
            Ok(_) => {
                let source = io::Error::other(rustls::Error::AlertReceived(
                    rustls::AlertDescription::NoApplicationProtocol,
                ));
                Err(ConnectError::NotTrusted { address: self.address.clone(), source })
            }
            Err(source) if source.get_ref().is_some_and(|inner| inner.is::<rustls::Error>()) => {
                Err(ConnectError::NotTrusted { address: self.address.clone(), source })
            }
            Err(source) => Err(not_reachable(source)),
        }
    }

    /// Opens a connection for an operator and starts to serve it.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn operate(&self) -> Result<OperatorClient, ConnectError> {
        let transport = codec::client(self.open().await?, OPERATOR);
        Ok(OperatorClient::new(tarpc::client::Config::default(), transport).spawn())
    }
}

/// Why there is no connection.
#[derive(Debug, Error)]
pub enum ConnectError {
    /// Nothing answers there, or not in time.
    #[error("no connection to atmd at {address}: {source}")]
    NotReachable {
        /// Where.
        address: String,
        /// What the system says.
        source: io::Error,
    },
    /// Something answers, and one side does not trust the other or speaks another protocol.
    #[error("atmd at {address} and this program do not trust each other: {source}")]
    NotTrusted {
        /// Where.
        address: String,
        /// What TLS says.
        source: io::Error,
    },
}
