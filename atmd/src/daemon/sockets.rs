//! The addresses that atmd listens on.

use super::StartError;
use crate::config::Config;
use crate::live::Live;
use crate::rpc::{Gate, Listener, Services};
use atm_rpc::transport::{CUSTOMER, OPERATOR};
use rustls::ServerConfig;
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
        [for_customers, for_operators]: [Live<ServerConfig>; 2],
        services: &Arc<Services>,
        [customers_gate, operators_gate]: [Arc<Gate>; 2],
        connections: &TaskTracker,
    ) -> [JoinHandle<()>; 2] {
        let customers = Listener {
            socket: self.customers,
            service: CUSTOMER,
            tls: for_customers,
            gate: customers_gate,
            services: Arc::clone(services),
        };
        let operators = Listener {
            socket: self.operators,
            service: OPERATOR,
            tls: for_operators,
            gate: operators_gate,
            services: Arc::clone(services),
        };
        [customers, operators].map(|listener| tokio::spawn(listener.run(connections.clone())))
    }
}

async fn listen(section: &'static str, key: &'static str, on: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(on).await.map_err(|source| {
        let wrong_address = source.kind() == io::ErrorKind::AddrNotAvailable && section == "server";
        StartError::Listen { section, key: if wrong_address { "host" } else { key }, source }
    })
}
