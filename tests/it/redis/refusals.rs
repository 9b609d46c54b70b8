//! What a gateway refuses to start with, in one line that says what to do; and two fleets
//! on one Redis.

use super::proxy::free_port;
use super::servers::Server;
use super::{master_key, refused, shared};
use crate::gateway::tells;

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_not_there_or_cannot_be_read_as_one() {
    let port = free_port();
    let gone = ["redis://", "rediss://", "redis-cluster://"].map(|scheme| format!("{scheme}127.0.0.1:{port}"));
    let gone = gone.into_iter().chain([format!("redis-sentinel://127.0.0.1:{port}/otp")]);
    for url in gone {
        let line = refused(&url, &[("OTP_MASTER_KEY", &master_key())]).await;
        println!("{url}: {line}");
        assert!(line.contains("store") && line.contains("refused"), "{url}: {line}");
    }
    for url in ["http://secret@127.0.0.1", "redis://", "127.0.0.1:6379", "redis-sentinel://127.0.0.1"] {
        let line = refused(url, &[("OTP_MASTER_KEY", &master_key())]).await;
        println!("{url}: {line}");
        assert!(line.contains("write redis://host:6379") && !tells(&line, "secret"), "{url}: {line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_master_key_that_is_missing_or_not_the_stores() {
    let server = Server::start(&[]).await;
    let line = refused(&server.url(), &[("OTP_MASTER_KEY", "")]).await;
    assert!(line.contains("set OTP_MASTER_KEY"), "{line}");
    assert_eq!(server.command(&["KEYS", "*wrapped*"]), "", "keys were made that nothing wraps");
    let first = shared(&server.url(), &master_key()).start();
    let line = refused(&server.url(), &[("OTP_MASTER_KEY", &master_key())]).await;
    println!("a foreign master: {line}");
    assert!(line.contains("sealed by a master key that is not given"), "{line}");
    // And the store is as it was.
    first.start(&first.number()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_prefixes_are_two_stores() {
    let server = Server::start(&[]).await;
    let fleet = |prefix: &str| shared(&server.url(), &master_key()).option("OTP_STORE__KEY_PREFIX", prefix).start();
    // Each with a master key of its own.
    let (one, other) = (fleet("a:"), fleet("b:"));
    let to = one.number();
    let id = one.start(&to).await;
    let code = one.code(&to).await;
    assert_eq!(other.get(&format!("/v1/verifications/{id}")).await.status, 404);
    assert_eq!(other.check(&id, &code).await.status, 404);
    // Not even the limits of the number.
    other.start(&to).await;
    assert_eq!(other.nth(&to, 1).await["channel"], "sms");
    assert_eq!(one.arrived(&to).await.len(), 1, "one fleet did the other's work");
    assert_eq!(one.check(&id, &code).await.expect(200)["status"], "approved");
    let keys = server.command(&["KEYS", "*"]);
    assert!(keys.lines().all(|key| key.starts_with("a:") || key.starts_with("b:")), "{keys}");
}
