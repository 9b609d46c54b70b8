//! A full disk refuses starts and loses nothing; service comes back by itself.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use serde_json::json;

use crate::gateway::{Gateway, SOON, until};

/// A small file system in memory, gone with the value. Needs root, as `./test` has.
struct Small(Arc<tempfile::TempDir>);

impl Small {
    fn mount() -> Small {
        let folder = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=2m", "tmpfs"]).arg(folder.path()).status();
        assert!(mounted.is_ok_and(|status| status.success()), "mount needs root: run ./test as root or with sudo");
        Small(Arc::new(folder))
    }

    /// Writes until nothing more fits.
    fn fill(&self) -> std::path::PathBuf {
        let path = self.0.path().join("filler");
        let mut file = std::fs::File::create(&path).unwrap();
        while std::io::Write::write_all(&mut file, &[0; 4096]).is_ok() {}
        path
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        unmount(self.0.path());
    }
}

fn unmount(path: &Path) {
    // Lazily: a program that was just killed may hold it for a moment.
    let _ = Command::new("umount").arg("-l").arg(path).status();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_starts_and_comes_back() {
    let small = Small::mount();
    let gateway = Gateway::setup().on(small.0.clone()).argument("--relaxed-limits").start();
    let to = gateway.number();
    let id = gateway.start(&to).await;
    let code = gateway.code(&to).await;
    gateway.delivery(&id, 1, "delivered").await;

    let filler = small.fill();
    let refused = until(SOON, "the refusal", || async {
        let answer = gateway.post("/v1/verifications", json!({ "to": gateway.number() })).await;
        (answer.status != 201).then_some(answer)
    })
    .await;
    assert_eq!((refused.status, refused.problem()), (503, "store_unavailable"));
    assert_eq!(refused.headers["retry-after"], "1");
    assert_eq!(gateway.get("/healthz").await.status, 200);
    assert_eq!(gateway.verification(&id).await["status"], "pending", "what was accepted stays readable");

    std::fs::remove_file(filler).unwrap();
    until(SOON, "service", || async {
        let answer = gateway.post("/v1/verifications", json!({ "to": gateway.number() })).await;
        (answer.status == 201).then_some(())
    })
    .await;
    assert_eq!(gateway.check(&id, &code).await.expect(200)["status"], "approved");
    assert_eq!(gateway.get("/readyz").await.status, 200);
}
