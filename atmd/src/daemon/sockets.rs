//! The addresses that atmd listens on.

use super::StartError;
use crate::config::Config;
use crate::pki::Pki;
use crate::rpc::{Gate, Listener, Services};
use atm_rpc::transport::{CUSTOMER, OPERATOR};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::task::TaskTracker;

/// All, bound.
pub(super) struct Sockets {
    pub(super) metrics: Option<TcpListener>,
    customers: TcpListener,
    operators: TcpListener,
}

impl Sockets {
    pub(super) async fn bind(config: &Config) -> Result<Self, StartError> {
        let server = &config.server;
        let metrics = match config.metrics.listen {
            Some(on) => Some(listen("metrics", "listen", on).await?),
            None => None,
        };
        Ok(Self {
            metrics,
            customers: listen("server", "port", (server.host, server.port).into()).await?,
            operators: listen("operator", "listen", config.operator.listen).await?,
        })
    }

    pub(super) fn addresses(&self) -> [String; 2] {
        [&self.customers, &self.operators]
            .map(|socket| socket.local_addr().map_or_else(|error| error.to_string(), |at| at.to_string()))
    }

    pub(super) fn serve(
        self,
        config: &Config,
        pki: &Pki,
        services: &Arc<Services>,
        gates: [Arc<Gate>; 2],
        connections: &TaskTracker,
    ) -> Result<[JoinHandle<()>; 2], StartError> {
        let [customers_gate, operators_gate] = gates;
        let endpoints = pki.endpoints(config)?;
        services.monitor.shows(endpoints.certificates);
        let customers = Listener {
            socket: self.customers,
            service: CUSTOMER,
            tls: endpoints.customers,
            gate: customers_gate,
            services: Arc::clone(services),
        };
        let operators = Listener {
            socket: self.operators,
            service: OPERATOR,
            tls: endpoints.operators,
            gate: operators_gate,
            services: Arc::clone(services),
        };
        Ok([customers, operators].map(|listener| tokio::spawn(listener.run(connections.clone()))))
    }
}

async fn listen(section: &'static str, key: &'static str, on: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(on).await.map_err(|source| {
        let wrong_address = source.kind() == io::ErrorKind::AddrNotAvailable && section == "server";
        StartError::Listen { section, key: if wrong_address { "host" } else { key }, source }
    })
}
