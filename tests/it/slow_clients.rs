//! Clients that are slow, broken or gone do not keep others from being served.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::gateway::{Gateway, SOON};

fn gateway() -> Gateway {
    Gateway::setup()
        .argument("--relaxed-limits")
        .option("OTP_SERVER__HEADER_TIMEOUT_SECONDS", "1")
        .option("OTP_SERVER__REQUEST_TIMEOUT_SECONDS", "1")
        .start()
}

impl Gateway {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.url.trim_start_matches("http://")).await.expect("it listens")
    }

    /// Sends bytes, and reads until the gateway closes the connection.
    async fn sends(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect().await;
        stream.write_all(bytes).await.expect("it reads");
        let mut answer = Vec::new();
        let read = tokio::time::timeout(SOON, stream.read_to_end(&mut answer)).await.expect("it closes the connection");
        // A reset is a close too.
        let _ = read;
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// A whole request for a start.
    fn start_bytes(&self, to: &str) -> Vec<u8> {
        let body = json!({ "to": to }).to_string();
        let key = &self.key;
        let head = format!(
            "POST /v1/verifications HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\n"
        );
        format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn half_a_request_is_given_up() {
    let gateway = gateway();
    let begun = Instant::now();
    for head in ["", "POST /v1/verif", "POST /v1/verifications HTTP/1.1\r\nHost: x\r\nAuthoriz"] {
        let answer = gateway.sends(head.as_bytes()).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408"), "{answer}");
    }
    let body = "POST /v1/verifications HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer demo-key\r\n\
                Content-Type: application/json\r\nContent-Length: 50\r\n\r\n{\"to\":";
    let answer = gateway.sends(body.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 408") && answer.contains("/problems/request_timeout"), "{answer}");
    assert!(begun.elapsed() < SOON, "each took about a second: {:?}", begun.elapsed());
    gateway.start(&gateway.number()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_drips_is_given_up() {
    let gateway = gateway();
    let mut stream = gateway.connect().await;
    let whole = gateway.start_bytes(&gateway.number());
    let (head, body) = whole.split_at(whole.len() - 20);
    stream.write_all(head).await.unwrap();
    let begun = Instant::now();
    let mut answer = [0; 12];
    for byte in body {
        // A drop each time nothing came back for a while.
        match tokio::time::timeout(Duration::from_millis(300), stream.read_exact(&mut answer)).await {
            Ok(read) => {
                assert!(read.is_err() || &answer == b"HTTP/1.1 408", "{answer:?}");
                break;
            }
            Err(_) => drop(stream.write_all(&[*byte]).await),
        }
    }
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    gateway.start(&gateway.number()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_is_closed() {
    let gateway = gateway();
    let tls = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 a client that speaks TLS\r\n\r\n";
    let huge = format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(1 << 20));
    let many = format!("GET / HTTP/1.1\r\n{}\r\n", "X: y\r\n".repeat(1_000));
    for bytes in
        [&tls[..], b"\0\0\0\0\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", huge.as_bytes(), many.as_bytes()]
    {
        let mut stream = gateway.connect().await;
        // It may close before all is written.
        let _ = stream.write_all(bytes).await;
        let mut answer = Vec::new();
        let _ = tokio::time::timeout(SOON, stream.read_to_end(&mut answer)).await.expect("it closes the connection");
        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
    }
    gateway.start(&gateway.number()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_idle_connections_are_in_nobodys_way() {
    let gateway = Gateway::demo();
    let mut idle = Vec::new();
    for n in 0..200 {
        let mut stream = gateway.connect().await;
        if n % 2 == 0 {
            stream.write_all(b"POST /v1/verifications HTTP/1.1\r\nHost:").await.unwrap();
        }
        idle.push(stream);
    }
    let begun = Instant::now();
    let id = gateway.start(&gateway.number()).await;
    gateway.delivery(&id, 1, "delivered").await;
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    assert_eq!(idle.len(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn when_all_connections_are_taken_the_next_is_served_after_a_while() {
    let gateway = Gateway::setup()
        .argument("--relaxed-limits")
        .option("OTP_SERVER__CONNECTIONS", "4")
        .option("OTP_SERVER__HEADER_TIMEOUT_SECONDS", "1")
        .start();
    let mut idle = Vec::new();
    for _ in 0..8 {
        idle.push(gateway.connect().await);
    }
    let begun = Instant::now();
    gateway.start(&gateway.number()).await;
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_hangs_up_harms_nobody() {
    let gateway = gateway();
    let gone: Vec<String> = (0..20).map(|_| gateway.number()).collect();
    for to in &gone {
        let mut stream = gateway.connect().await;
        stream.write_all(&gateway.start_bytes(to)).await.unwrap();
        drop(stream);
    }
    let id = gateway.start(&gateway.number()).await;
    gateway.delivery(&id, 1, "delivered").await;
    for to in &gone {
        assert!(gateway.arrived(to).await.len() <= 1);
    }
}
