//! The listener for machines that look after atmd: `/metrics` for Prometheus, `/livez` and `/readyz` for whoever
//! starts, stops and routes to it. It asks nobody who they are, and tells nothing of customers.

use super::Monitor;
use super::text::{CONTENT_TYPE, render};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE as TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tracing::{debug, warn};

/// Connections at a time; more wait with the system.
const CONNECTIONS_MAX: usize = 256;
/// How long a request's head may take, and a connection be without one.
const HEAD_TIMEOUT: Duration = Duration::from_secs(3);
/// How long a connection may last, which bounds who does not take the answer.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(60);
/// Bytes of a request's head.
const HEAD_MAX: usize = 16 * 1024;
/// The pause after the system refused to accept.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
const TEXT: &str = "text/plain; charset=utf-8";

type Answer = Response<Full<Bytes>>;

/// Answers until the process ends: while it starts and while it stops, too.
pub async fn serve(listener: TcpListener, monitor: Arc<Monitor>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, peer)) => {
                let monitor = Arc::clone(&monitor);
                tokio::spawn(async move {
                    match timeout(CONNECTION_TIMEOUT, connection(stream, monitor)).await {
                        Ok(Ok(())) => {}
                        Ok(Err(error)) => debug!(%peer, %error, "a connection for metrics ended"),
                        Err(_) => debug!(%peer, "a connection for metrics lasted too long"),
                    }
                    drop(place);
                });
            }
            Err(error) => {
                warn!(%error, "a connection for metrics could not be accepted");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn connection(stream: TcpStream, monitor: Arc<Monitor>) -> hyper::Result<()> {
    let service = service_fn(move |request| {
        let answer = answer(&request, &monitor);
        async move { Ok::<_, Infallible>(answer) }
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        // One question a connection: places are few, and nobody keeps one.
        .keep_alive(false)
        .max_buf_size(HEAD_MAX)
        .serve_connection(TokioIo::new(stream), service)
        .await
}

fn answer(request: &Request<Incoming>, monitor: &Monitor) -> Answer {
    let path = request.uri().path();
    if !["/metrics", "/livez", "/readyz"].contains(&path) {
        return text(StatusCode::NOT_FOUND, "there are /metrics, /livez and /readyz\n".to_owned());
    }
    if ![Method::GET, Method::HEAD].contains(request.method()) {
        let mut refused = text(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD\n".to_owned());
        refused.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return refused;
    }
    match path {
        "/livez" => match monitor.not_alive() {
            None => text(StatusCode::OK, "ok\n".to_owned()),
            Some(why) => text(StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")),
        },
        "/readyz" => {
            let why: String = monitor.not_ready().iter().map(|why| format!("{why}\n")).collect();
            match why.as_str() {
                "" => text(StatusCode::OK, "ok\n".to_owned()),
                _ => text(StatusCode::SERVICE_UNAVAILABLE, why),
            }
        }
        _ => {
            let measured = monitor.measure();
            let mut told = text(StatusCode::OK, render(measured.as_ref(), &monitor.not_ready()));
            told.headers_mut().insert(TYPE, HeaderValue::from_static(CONTENT_TYPE));
            told
        }
    }
}

fn text(status: StatusCode, text: String) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from(text)));
    *answer.status_mut() = status;
    answer.headers_mut().insert(TYPE, HeaderValue::from_static(TEXT));
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}
