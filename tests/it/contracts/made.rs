//! Keys and certificates, made afresh.

use std::path::PathBuf;
use std::process::{Command, Stdio};

/// A key and a certificate for 127.0.0.1, and an application's RSA key with its public half.
pub struct Made {
    folder: tempfile::TempDir,
}

impl Made {
    pub fn new() -> Made {
        let folder = tempfile::tempdir().unwrap();
        let made = Made { folder };
        std::fs::write(made.path("ext"), "subjectAltName=IP:127.0.0.1\nbasicConstraints=CA:FALSE\n").unwrap();
        for line in [
            "req -x509 -newkey rsa:2048 -nodes -days 2 -keyout ca.key -out ca.pem -subj /CN=authority",
            "req -newkey rsa:2048 -nodes -keyout tls.key -out tls.csr -subj /CN=recorder",
            "x509 -req -in tls.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile ext -out tls.pem",
        ] {
            made.openssl(&line.split(' ').collect::<Vec<_>>());
        }
        made.openssl(&["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", "app.key"]);
        made.openssl(&["rsa", "-in", "app.key", "-pubout", "-out", "app.pub"]);
        made
    }

    fn openssl(&self, arguments: &[&str]) {
        let ran =
            Command::new("openssl").args(arguments).current_dir(self.folder.path()).stderr(Stdio::null()).status();
        assert!(ran.expect("openssl is installed").success(), "{arguments:?}");
    }

    pub fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    pub fn read(&self, file: &str) -> String {
        std::fs::read_to_string(self.path(file)).unwrap()
    }
}
