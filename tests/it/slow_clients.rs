//! Clients that are slow, silent or broken cost little and stop nobody.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::gateway::{Gateway, SOON};

fn connect(gateway: &Gateway) -> TcpStream {
    let stream = TcpStream::connect(gateway.url.strip_prefix("http://").unwrap()).unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    stream
}

/// Everything until the other side closes.
fn rest(mut stream: TcpStream) -> String {
    let mut all = Vec::new();
    // A reset is an end too.
    let _ = stream.read_to_end(&mut all);
    String::from_utf8_lossy(&all).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_heads_and_bodies_are_ended_in_time() {
    let gateway = Gateway::setup()
        .argument("--relaxed-limits")
        .option("OTP_SERVER__HEADER_TIMEOUT_SECONDS", "1")
        .option("OTP_SERVER__REQUEST_TIMEOUT_SECONDS", "1")
        .start();
    let begun = Instant::now();
    let mut half_head = connect(&gateway);
    half_head.write_all(b"POST /v1/verifications HTTP/1.1\r\nHost: x\r\n").unwrap();
    assert!(!rest(half_head).contains(" 20"));
    assert!((Duration::from_millis(900)..Duration::from_secs(5)).contains(&begun.elapsed()));

    let begun = Instant::now();
    let mut half_body = connect(&gateway);
    let head = "POST /v1/verifications HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer demo-key\r\n\
                Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{\"to\":";
    half_body.write_all(head.as_bytes()).unwrap();
    let answer = rest(half_body);
    assert!(answer.starts_with("HTTP/1.1 408") && answer.contains("request_timeout"), "{answer}");
    assert!((Duration::from_millis(900)..Duration::from_secs(5)).contains(&begun.elapsed()));

    let mut garbage = connect(&gateway);
    garbage.write_all(&[0x16, 0x03, 0x01, 0xff, 0x00, 0x0a, 0x0a]).unwrap();
    let answer = rest(garbage);
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400"), "{answer}");
    gateway.start(&gateway.number()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn idle_connections_and_vanishing_clients_stop_nobody() {
    let gateway = Gateway::demo();
    let idle: Vec<_> = (0..300).map(|_| connect(&gateway)).collect();
    for _ in 0..20 {
        let body = json!({ "to": gateway.number() }).to_string();
        let mut gone = connect(&gateway);
        let head = format!(
            "POST /v1/verifications HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer demo-key\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        gone.write_all(head.as_bytes()).unwrap();
        drop(gone);
    }
    let to = gateway.number();
    let begun = Instant::now();
    gateway.start(&to).await;
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    gateway.nth(&to, 1).await;
    drop(idle);
}
