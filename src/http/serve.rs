//! The server: bounded connections, a time limit for the request head, and a
//! shutdown that lets running requests end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};

use crate::config::ServerOptions;

/// A running server.
pub struct Served {
    /// Where it listens.
    pub address: SocketAddr,
    stop: watch::Sender<bool>,
    ended: tokio::task::JoinHandle<()>,
}

impl Served {
    /// Takes no new connections and lets running requests end.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        // The accept loop ends by itself; it cannot panic.
        let _ = self.ended.await;
    }
}

/// Serves until stopped.
pub async fn serve(listener: TcpListener, router: Router, options: &ServerOptions) -> std::io::Result<Served> {
    let address = listener.local_addr()?;
    let (stop, stopping) = watch::channel(false);
    let connections = Arc::new(Semaphore::new(options.connections));
    let head = Duration::from_secs(options.header_timeout_seconds);
    let grace = Duration::from_secs(options.request_timeout_seconds);
    let ended = tokio::spawn(accept(listener, router, connections, head, grace, stopping));
    Ok(Served { address, stop, ended })
}

async fn accept(
    listener: TcpListener,
    router: Router,
    connections: Arc<Semaphore>,
    head: Duration,
    grace: Duration,
    mut stopping: watch::Receiver<bool>,
) {
    let running = GracefulShutdown::new();
    loop {
        let next = async {
            let permit = connections.clone().acquire_owned().await;
            (permit, listener.accept().await)
        };
        let (permit, accepted) = tokio::select! {
            next = next => next,
            _ = stopping.wait_for(|stop| *stop) => break,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Too many open files: wait for some to close instead of spinning.
                tracing::warn!(%error, "A connection could not be accepted.");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        // Small answers must not wait for an acknowledgement of the one before.
        let _ = stream.set_nodelay(true);
        let connection = hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(head)
            .max_headers(64)
            .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router.clone()));
        let connection = running.watch(connection);
        tokio::spawn(async move {
            // A client that goes away or speaks no HTTP ends only its own connection.
            let _ = connection.await;
            drop(permit);
        });
    }
    drop(listener);
    let _ = tokio::time::timeout(grace, running.shutdown()).await;
}
