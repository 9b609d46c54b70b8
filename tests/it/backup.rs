//! `store backup`: a copy of a running gateway's store, on which another one goes on.

use std::sync::Arc;

use crate::command::run;
use crate::gateway::{Gateway, fresh_number};

#[tokio::test]
async fn a_copy_of_a_running_store_is_whole() {
    let gateway = Gateway::demo();
    let (to, waiting) = (fresh_number(), fresh_number());
    let id = gateway.start(&to).await;
    let code = gateway.code(&to).await;
    let used = gateway.start(&waiting).await;
    let used_code = gateway.code(&waiting).await;
    gateway.check(&used, &used_code).await.expect(200);

    let folder = Arc::new(tempfile::tempdir().unwrap());
    let copy = folder.path().join("gateway.db");
    let (from, to_file) = (gateway.database(), copy.to_str().unwrap().to_owned());
    let backup = ["store", "backup", &to_file, "--path", from.to_str().unwrap(), "--json"];
    let ran = run(&backup, &[]).await;
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let told: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(told["bytes"], std::fs::metadata(&copy).unwrap().len());
    #[cfg(unix)]
    assert_eq!(
        std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&copy).unwrap().permissions()) & 0o777,
        0o600
    );
    // Nothing is written over.
    let again = run(&backup, &[]).await;
    assert_eq!(again.code, Some(1));
    assert!(again.err.contains("exists"), "{}", again.err);

    std::fs::copy(gateway.folder().join("master.key"), folder.path().join("master.key")).unwrap();
    drop(gateway);
    let restored = Gateway::setup().argument("--relaxed-limits").on(folder).start();
    restored.secret(&code);
    let checked = restored.check(&id, &code).await.expect(200);
    assert_eq!(checked["status"], "approved");
    assert_eq!(restored.check(&used, &used_code).await.problem(), "already_approved");
    assert_eq!(restored.post("/v1/verifications", serde_json::json!({ "to": to })).await.status, 429);
}

#[tokio::test]
async fn a_store_that_is_not_there_or_shared_is_told() {
    let ran = run(&["store", "backup", "/nowhere/copy.db", "--path", "/nowhere/gateway.db"], &[]).await;
    assert_eq!(ran.code, Some(1));
    assert!(ran.err.contains("/nowhere/gateway.db"), "{}", ran.err);
    let ran = run(&["store", "backup", "/nowhere/copy.db"], &[("OTP_STORE__URL", "redis://127.0.0.1:1")]).await;
    assert_eq!(ran.code, Some(1));
    assert!(ran.err.contains("docs/operations.md"), "{}", ran.err);
}
