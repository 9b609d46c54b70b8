//! What the gateway tells about itself: the OpenAPI document, its page, the problems,
//! health and metrics.

use std::collections::BTreeSet;
use std::path::Path;

use reqwest::Method;
use serde_json::Value;

use crate::gateway::{Gateway, tells};

const OPERATIONS: [(&str, &str); 11] = [
    ("/v1/verifications", "post"),
    ("/v1/verifications/{id}", "get"),
    ("/v1/verifications/{id}", "delete"),
    ("/v1/verifications/{id}/deliveries", "post"),
    ("/v1/verifications/{id}/check", "post"),
    ("/v1/verifications/{id}/help", "get"),
    ("/v1/messages", "post"),
    ("/v1/messages/{id}", "get"),
    ("/v1/numbers/lookup", "post"),
    ("/v1/carriers", "get"),
    ("/v1/support/attempts", "post"),
];

#[tokio::test(flavor = "multi_thread")]
async fn the_openapi_document_names_every_operation() {
    let gateway = Gateway::demo();
    let (status, headers, bytes) = gateway.fetch(gateway.request_without_key(Method::GET, "/openapi.json")).await;
    assert_eq!((status, headers["content-type"].to_str().unwrap()), (200, "application/json"));
    let document: Value = serde_json::from_slice(&bytes).unwrap();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1."));
    assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
    let paths = document["paths"].as_object().unwrap();
    let described: BTreeSet<(&str, &str)> = paths
        .iter()
        .flat_map(|(path, methods)| methods.as_object().unwrap().keys().map(|method| (path.as_str(), method.as_str())))
        .collect();
    assert_eq!(described, BTreeSet::from(OPERATIONS));
    let mut names = BTreeSet::new();
    for (path, method) in OPERATIONS {
        let operation = &document["paths"][path][method];
        assert!(operation["summary"].is_string(), "{method} {path} says what it does");
        assert!(names.insert(operation["operationId"].as_str().expect("an operation has a name")), "{method} {path}");
        let responses = operation["responses"].as_object().unwrap();
        assert!(responses.keys().any(|status| status.starts_with('2')) && responses.contains_key("4XX"), "{path}");
    }
    // Every reference leads somewhere.
    let text = document.to_string();
    for reference in text.split("\"$ref\":\"#").skip(1).map(|rest| rest.split('"').next().unwrap()) {
        assert!(document.pointer(reference).is_some(), "{reference} is described");
    }
    assert_eq!(document["components"]["securitySchemes"]["api_key"]["scheme"], "bearer");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_openapi_document_changes_only_on_purpose() {
    let gateway = Gateway::demo();
    let document = gateway.get("/openapi.json").await.expect(200);
    let now = serde_json::to_string_pretty(&document).unwrap() + "\n";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/golden/openapi.json");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &now).unwrap();
    }
    let golden = std::fs::read_to_string(&path).expect("UPDATE_GOLDEN=1 writes the file");
    let differs = golden.lines().zip(now.lines()).position(|(golden, now)| golden != now);
    assert!(
        golden == now,
        "line {differs:?} differs; if that is wanted, run with UPDATE_GOLDEN=1: callers will notice"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_readable_page_needs_no_other_origin() {
    let gateway = Gateway::demo();
    let page = gateway.get("/docs/").await;
    assert!(page.headers["content-type"].to_str().unwrap().starts_with("text/html"));
    let html = page.expect(200).as_str().unwrap().to_owned();
    for foreign in ["src=\"http", "href=\"http", "src=\"//", "href=\"//", "//cdn", "@import"] {
        assert!(!html.contains(foreign), "{foreign}");
    }
    let quoted = ["src=\"", "href=\""].iter().flat_map(|mark| html.split(mark).skip(1));
    let files: BTreeSet<&str> = quoted.map(|rest| rest.split('"').next().unwrap()).collect();
    assert!(files.len() >= 3, "{files:?}");
    for file in files {
        let path =
            if file.starts_with('/') { file.to_owned() } else { format!("/docs/{}", file.trim_start_matches("./")) };
        let (status, _, bytes) = gateway.fetch(gateway.request_without_key(Method::GET, &path)).await;
        assert!(status == 200 && !bytes.is_empty(), "{path} answers {status}");
        if path.ends_with(".css") {
            let text = String::from_utf8_lossy(&bytes);
            assert!(!text.contains("url(http") && !text.contains("url(//") && !text.contains("@import"), "{path}");
        }
        if path.ends_with("initializer.js") {
            let text = String::from_utf8_lossy(&bytes);
            assert!(
                text.contains("/openapi.json") && !text.contains("http://") && !text.contains("https://"),
                "{text}"
            );
        }
    }
    let home = gateway.get("/").await.expect(200);
    for link in ["/docs/", "/openapi.json", "/sandbox", "/metrics", "/readyz", "/healthz"] {
        assert!(home.as_str().unwrap().contains(&format!("href=\"{link}\"")), "{link}");
        assert_eq!(gateway.get(link).await.status, 200, "{link}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_problem_has_a_page() {
    let gateway = Gateway::demo();
    for kind in otp_gateway::http::Kind::ALL {
        let page = gateway.get(&format!("/problems/{}", kind.as_str())).await.expect(200);
        let text = page.as_str().unwrap();
        assert!(text.contains(kind.as_str()) && text.contains(&kind.status().to_string()), "{text}");
    }
    assert_eq!(gateway.get("/problems/nothing").await.problem(), "not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn health_and_metrics_tell_no_secret() {
    let gateway = Gateway::demo();
    for (path, text) in [("/healthz", "ok\n"), ("/readyz", "ready\n")] {
        let (status, _, bytes) = gateway.fetch(gateway.request_without_key(Method::GET, path)).await;
        assert_eq!((status, &*bytes), (200, text.as_bytes()));
    }
    let to = gateway.number();
    let id = gateway.start(&to).await;
    gateway.delivery(&id, 1, "delivered").await;
    gateway.get(&format!("/v1/verifications/{id}/nothing?to={}", &to[1..])).await;
    let (status, headers, bytes) = gateway.fetch(gateway.request_without_key(Method::GET, "/metrics")).await;
    assert_eq!(status, 200);
    assert!(headers["content-type"].to_str().unwrap().starts_with("application/openmetrics-text"));
    let text = String::from_utf8(bytes).unwrap();
    assert!(text.ends_with("# EOF\n"));
    assert!(text.contains("otp_requests_total{endpoint=\"POST /v1/verifications\",status=\"201\"} 1\n"), "{text}");
    assert!(text.contains("otp_deliveries_total{channel=\"sms\",state=\"delivered\",cause=\"\"} 1\n"), "{text}");
    for untold in [&*id, &id[4..], &to, &to[1..], &gateway.key] {
        assert!(!tells(&text, untold), "{untold}");
    }
}
