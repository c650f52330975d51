//! An authority of the test's own, and certificates of servers that it signs: made by the `openssl` command, which a
//! PostgreSQL server brings along on Debian.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tempfile::TempDir;

const EXTENSIONS: &str = "\
[req]
distinguished_name = name
[name]
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign
subjectKeyIdentifier = hash
[server]
basicConstraints = CA:FALSE
extendedKeyUsage = serverAuth
subjectAltName = ";

/// An authority, whose files are gone when it is dropped.
#[derive(Debug)]
pub struct Authority(TempDir);

/// A certificate and its key, in files of PEM.
#[derive(Debug)]
pub struct Certificate {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

impl Authority {
    /// Makes one.
    ///
    /// # Panics
    ///
    /// When `openssl` is not installed.
    #[must_use]
    pub fn new() -> Self {
        let authority = Self(tempfile::tempdir().expect("there is room for a folder"));
        let own = authority.paths("authority");
        authority.issue(&own, "DNS:nobody.test", &["-extensions", "authority"]);
        authority
    }

    /// Returns the file of its certificate.
    #[must_use]
    pub fn file(&self) -> PathBuf {
        self.paths("authority").certificate
    }

    /// Signs a certificate for one name, as `DNS:localhost` or `IP:127.0.0.1`.
    ///
    /// # Panics
    ///
    /// When the name is none.
    #[must_use]
    pub fn certify(&self, name: &str) -> Certificate {
        let (own, new) = (self.paths("authority"), self.paths("server"));
        let [certificate, key] = [&own.certificate, &own.key].map(|path| text(path));
        let signed = ["-extensions", "server", "-CA", &certificate, "-CAkey", &key];
        self.issue(&new, name, &signed);
        new
    }

    fn paths(&self, name: &str) -> Certificate {
        Certificate {
            certificate: self.0.path().join(format!("{name}.pem")),
            key: self.0.path().join(format!("{name}.key")),
        }
    }

    /// Issues a certificate, whose subject nobody else has: two authorities of one name are one.
    fn issue(&self, new: &Certificate, name: &str, options: &[&str]) {
        let config = self.0.path().join("config");
        fs::write(&config, format!("{EXTENSIONS}{name}\n")).expect("the folder can be written to");
        let made = Command::new("openssl")
            .args(["req", "-x509", "-newkey", "ec", "-nodes", "-days", "2"])
            .args(["-pkeyopt", "ec_paramgen_curve:P-256"])
            .args([
                "-subj",
                &format!("/CN={}", text(&new.certificate).replace('/', ".")),
            ])
            .args(["-config", &text(&config)])
            .args(["-out", &text(&new.certificate), "-keyout", &text(&new.key)])
            .args(options)
            .stderr(Stdio::null())
            .status();
        let made = made.expect("openssl is installed, as tests/all does it");
        assert!(made.success(), "{options:?}: {made}");
    }
}

impl Certificate {
    /// Returns how a server speaks that shows it.
    ///
    /// # Panics
    ///
    /// When its files are gone.
    #[must_use]
    pub fn server(&self) -> ServerConfig {
        let certificate = CertificateDer::from_pem_file(&self.certificate);
        let key = PrivateKeyDer::from_pem_file(&self.key);
        ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("the versions are known")
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.expect("the file is whole")],
                key.expect("the file is whole"),
            )
            .expect("the key is that of the certificate")
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

fn text(path: &Path) -> String {
    path.display().to_string()
}
