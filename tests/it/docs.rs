//! The documents: the interface's golden file, pages that need no network.

use serde_json::Value;

use crate::gateway::Gateway;

#[tokio::test(flavor = "multi_thread")]
async fn the_interface_is_the_golden_file() {
    let gateway = Gateway::demo();
    let document = gateway.get("/openapi.json").await.expect(200);
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/golden/openapi.json");
    let served = serde_json::to_string_pretty(&document).unwrap() + "\n";
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(golden, &served).unwrap();
    }
    let kept = std::fs::read_to_string(golden).unwrap();
    assert!(
        kept == served,
        "the interface changed; if that is meant, run this test with UPDATE_GOLDEN=1 and read the diff"
    );
    let mut operations: Vec<_> = document["paths"]
        .as_object()
        .unwrap()
        .values()
        .flat_map(|path| path.as_object().unwrap().values())
        .filter_map(|operation| operation["operationId"].as_str())
        .collect();
    let all = operations.len();
    operations.sort();
    operations.dedup();
    assert_eq!((all, operations.len()), (9, 9), "each operation has an id of its own: {operations:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pages_name_no_other_origin() {
    let gateway = Gateway::demo();
    let page = gateway.get("/docs/").await;
    let html = page.body.as_str().unwrap();
    let named: Vec<&str> =
        html.split(['"', '\'']).filter(|text| text.ends_with(".js") || text.ends_with(".css")).collect();
    assert!(named.len() >= 3, "{html}");
    for file in named {
        assert!(!file.contains("//"), "{file}");
        let answer = gateway.get(&format!("/docs/{}", file.trim_start_matches("./"))).await;
        assert_eq!(answer.status, 200, "{file}");
    }
    assert!(gateway.get("/").await.body.as_str().unwrap().contains("/docs/"));
}

#[tokio::test(flavor = "multi_thread")]
async fn health_metrics_and_problems_have_their_pages() {
    let gateway = Gateway::demo();
    assert_eq!(gateway.get("/healthz").await.body, Value::String("ok\n".into()));
    assert_eq!(gateway.get("/readyz").await.status, 200);
    let metrics = gateway.get("/metrics").await;
    assert!(metrics.headers["content-type"].to_str().unwrap().starts_with("application/openmetrics-text"));
    let text = metrics.body.as_str().unwrap();
    assert!(text.contains("otp_requests_total{endpoint=\"GET /healthz\",status=\"200\"} 1"), "{text}");
    assert!(text.ends_with("# EOF\n"));
    for kind in otp_gateway::http::Kind::ALL {
        let page = gateway.get(&format!("/problems/{}", kind.as_str())).await;
        assert_eq!(page.status, 200, "{}", kind.as_str());
        assert!(page.body.as_str().unwrap().contains(kind.title()));
    }
    assert_eq!(gateway.get("/problems/nothing").await.problem(), "not_found");
    let answer = gateway.get("/healthz").await;
    assert!(answer.headers["x-request-id"].to_str().unwrap().starts_with("req_"));
}
