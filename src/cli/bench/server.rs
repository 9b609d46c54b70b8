//! A ceiling: a bare axum server that does only what the gateway cannot do
//! without. It is a process of its own, as the gateway is, and ends when whoever
//! started it does.

use std::io::Write;
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::serve::ListenerExt;
use axum::{Json, Router};
use serde::Deserialize;
use tokio::net::TcpListener;

use super::calls::{Calls, Failed};
use super::drive::UNDONE;
use super::load::START;
use super::{CeilingArgs, CeilingKind};
use crate::app::open_store;
use crate::cli::{Failure, run};
use crate::model::{Channel, E164, Secret};
use crate::telemetry::start_logs;

/// Serves until standard input is closed. The first line on standard output is the address.
pub async fn serve(args: CeilingArgs) -> Result<bool, Failure> {
    start_logs(false, "warn")?;
    let router = match args.kind {
        CeilingKind::Parse => Router::new().route(START, post(parse)),
        kind => {
            let url = args.store.ok_or("a ceiling that calls the store needs --store URL")?;
            // The same environment as the gateway's: the same limits, times and bounds.
            let mut config = run::load(None)?.config;
            config.store.url = Secret::new(url);
            let store = open_store(&config.store).await?.store;
            // It works on nothing that is due: the gateway keeps all of that.
            store.fleet.leave().await?;
            let calls = Arc::new(Calls::new(store, config, args.relaxed_limits));
            let start = if kind == CeilingKind::OneCall { post(one_call) } else { post(same_calls) };
            Router::new().route(START, start).route("/metrics", get(metrics)).with_state(calls)
        }
    };
    let listener = TcpListener::bind(args.listen).await.map_err(|error| format!("{}: {error}", args.listen))?;
    let mut out = std::io::stdout();
    writeln!(out, "{}", listener.local_addr()?)?;
    out.flush()?;
    let listener = listener.tap_io(|stream| {
        // As the gateway does; a stream that is gone is met when it is read.
        let _ = stream.set_nodelay(true);
    });
    tokio::select! {
        served = axum::serve(listener, router).into_future() => served?,
        () = input_closed() => {}
    }
    Ok(true)
}

/// In a thread of its own, which nobody waits for.
async fn input_closed() {
    let (closed, wait) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        // Whether it ended or cannot be read: nobody is there any more.
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        let _ = closed.send(());
    });
    let _ = wait.await;
}

/// The part of a start that the load sends.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    to: String,
    #[allow(dead_code, reason = "read, as the gateway reads it")]
    channel: Option<Channel>,
}

impl Asked {
    fn number(&self) -> Result<E164, StatusCode> {
        E164::new(&self.to, 2).ok_or(StatusCode::UNPROCESSABLE_ENTITY)
    }
}

fn answered(result: Result<(), Failed>) -> StatusCode {
    match result {
        Ok(()) => StatusCode::CREATED,
        Err(error) => {
            tracing::warn!(%error, "A ceiling's start failed.");
            StatusCode::SERVICE_UNAVAILABLE
        }
    }
}

async fn parse(Json(asked): Json<Asked>) -> Result<StatusCode, StatusCode> {
    asked.number().map(|_| StatusCode::CREATED)
}

async fn one_call(State(calls): State<Arc<Calls>>, Json(asked): Json<Asked>) -> Result<StatusCode, StatusCode> {
    Ok(answered(calls.start_only(&asked.number()?).await))
}

async fn same_calls(State(calls): State<Arc<Calls>>, Json(asked): Json<Asked>) -> Result<StatusCode, StatusCode> {
    Ok(answered(calls.start_and_deliver(&asked.number()?).await))
}

async fn metrics(State(calls): State<Arc<Calls>>) -> String {
    format!("{UNDONE} {}\n", calls.undone())
}
