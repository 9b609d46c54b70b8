//! Redis over TLS: with the operator's authority it works, and whatever is wrong with the
//! certificate ends the program before it has said anything to the server.

use std::path::Path;
use std::process::Command;

use super::proxy::free_port;
use super::servers::Server;
use super::{master_key, refused, shared};
use crate::gateway::{Setup, until};

/// A folder with an authority's certificate `ca.pem`, and `cert.pem`, `key.pem` of a server
/// that it vouches for under a name like `IP:127.0.0.1`.
fn certificates(name: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let new = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2";
    openssl(folder.path(), &format!("{new} -subj /CN=authority -keyout ca.key -out ca.pem"));
    let signed = format!("-CA ca.pem -CAkey ca.key -addext subjectAltName={name} -addext basicConstraints=CA:FALSE");
    openssl(folder.path(), &format!("{new} -subj /CN=server -keyout key.pem -out cert.pem {signed}"));
    folder
}

fn openssl(folder: &Path, arguments: &str) {
    let ran = Command::new("openssl").args(arguments.split(' ')).current_dir(folder).output();
    let ran = ran.unwrap_or_else(|error| panic!("no openssl ({error}): install Debian's package openssl"));
    assert!(ran.status.success(), "openssl {arguments}: {}", String::from_utf8_lossy(&ran.stderr));
}

/// A server that speaks TLS at the returned port, and plain at its own, for the test.
async fn server(folder: &Path, extra: &[&str]) -> (Server, u16) {
    let (port, file) = (free_port(), |name| folder.join(name).to_str().expect("a plain path").to_owned());
    let files = [file("cert.pem"), file("key.pem"), file("ca.pem")];
    let port_text = port.to_string();
    let tls = ["--tls-port", &port_text, "--tls-cert-file", &files[0], "--tls-key-file", &files[1]];
    let tls = [&tls[..], &["--tls-ca-cert-file", &files[2], "--tls-auth-clients", "no"], extra].concat();
    (Server::start(&tls).await, port)
}

fn trusting(setup: Setup, folder: &Path) -> Setup {
    setup.option("OTP_STORE__TLS_CA_FILE", folder.join("ca.pem").to_str().expect("a plain path"))
}

/// A code is sent and checked.
async fn works(url: &str, folder: &Path) {
    let gateway = trusting(shared(url, &master_key()), folder).start();
    let to = gateway.number();
    let id = gateway.start(&to).await;
    let code = gateway.code(&to).await;
    assert_eq!(gateway.check(&id, &code).await.expect(200)["status"], "approved");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_server() {
    let folder = certificates("IP:127.0.0.1");
    let (server, port) = server(folder.path(), &[]).await;
    works(&format!("rediss://127.0.0.1:{port}"), folder.path()).await;
    assert_ne!(server.command(&["DBSIZE"]), "0", "it used another server");
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_a_sentinel() {
    let folder = certificates("IP:127.0.0.1");
    let (master, port) = server(folder.path(), &["--tls-replication", "yes"]).await;
    // It asks the master over TLS, and is asked so.
    let (sentinel, sentinel_port) = server(folder.path(), &["--tls-replication", "yes", "--sentinel"]).await;
    sentinel.command(&["SENTINEL", "MONITOR", "otp", "127.0.0.1", &port.to_string(), "1"]);
    until(super::LONG, "a sentinel that sees its master", || async {
        sentinel.command(&["SENTINEL", "MASTERS"]).contains("role-reported\nmaster").then_some(())
    })
    .await;
    works(&format!("rediss-sentinel://127.0.0.1:{sentinel_port}/otp"), folder.path()).await;
    assert_ne!(master.command(&["DBSIZE"]), "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster() {
    let folder = certificates("IP:127.0.0.1");
    let extra =
        "--cluster-enabled yes --cluster-config-file nodes.conf --cluster-announce-ip 127.0.0.1 --tls-cluster yes";
    let extra: Vec<&str> = extra.split(' ').collect();
    let (node, port) = server(folder.path(), &extra).await;
    node.command(&["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]);
    until(super::LONG, "a whole cluster", || async {
        node.command(&["CLUSTER", "INFO"]).contains("cluster_state:ok").then_some(())
    })
    .await;
    works(&format!("rediss-cluster://127.0.0.1:{port}"), folder.path()).await;
    assert_ne!(node.command(&["DBSIZE"]), "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_trusted_is_refused_and_plain_is_not_tried() {
    let (own, other, named) =
        (certificates("IP:127.0.0.1"), certificates("IP:127.0.0.1"), certificates("DNS:redis.example"));
    let (good, good_port) = server(own.path(), &[]).await;
    let (wrong, wrong_port) = server(named.path(), &[]).await;
    let file = |folder: &tempfile::TempDir| folder.path().join("ca.pem").to_str().expect("a plain path").to_owned();
    let url = |port: u16| format!("rediss://127.0.0.1:{port}");
    let (own_file, other_file, named_file) = (file(&own), file(&other), file(&named));
    let cases = [
        ("an authority of somebody else", url(good_port), other_file.as_str(), "certificate"),
        ("the system's authorities", url(good_port), "", "certificate"),
        ("another name", url(wrong_port), named_file.as_str(), "certificate"),
        ("a server that speaks plain", url(good.port()), own_file.as_str(), "timed out"),
        ("a file that is not there", url(good_port), "/nowhere/ca.pem", "store.tls_ca_file /nowhere/ca.pem"),
        ("a file without a certificate", url(good_port), "/dev/null", "store.tls_ca_file"),
    ];
    for (what, url, ca, says) in cases {
        let line = refused(&url, &[("OTP_STORE__TLS_CA_FILE", ca), ("OTP_MASTER_KEY", &master_key())]).await;
        println!("{what}: {line}");
        assert!(line.contains(says), "{what}: {line}");
    }
    for server in [&good, &wrong] {
        assert_eq!(server.command(&["DBSIZE"]), "0", "a gateway got through");
    }
}
