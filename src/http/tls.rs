//! TLS by rustls with the ring provider.

use std::path::Path;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::error::{Code, Error, Result};

/// Reads a certificate chain and its key.
///
/// # Errors
/// [`Code::InvalidRequest`] naming the file that can't be used.
pub(super) fn load(cert: &Path, key: &Path) -> Result<ServerConfig> {
    let chain = CertificateDer::pem_file_iter(cert)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|e| unusable("tls_cert", cert, &e))?;
    if chain.is_empty() {
        let swapped = PrivateKeyDer::from_pem_file(cert).is_ok();
        let hint = if swapped { ", but a private key: that is --tls-key" } else { "" };
        return Err(unusable("tls_cert", cert, &format!("it holds no certificate{hint}")));
    }
    let secret = PrivateKeyDer::from_pem_file(key).map_err(|e| unusable("tls_key", key, &e))?;
    ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|e| Error::internal("preparing TLS", e))?
        .with_no_client_auth()
        .with_single_cert(chain, secret)
        .map_err(|e| unusable("tls_cert", cert, &e))
}

fn unusable(pointer: &str, path: &Path, error: &dyn std::fmt::Display) -> Error {
    let detail = format!("{} can't be used: {error}", path.display());
    Error::field(Code::InvalidRequest, pointer, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_without_a_certificate_is_blamed() {
        let dir = tempfile::tempdir().unwrap();
        let pem = |name: &str, what: &str| {
            let path = dir.path().join(name);
            let text = format!("-----BEGIN {what}-----\nAAAA\n-----END {what}-----\n");
            std::fs::write(&path, text).unwrap();
            path
        };
        let (cert, key) = (pem("cert.pem", "CERTIFICATE"), pem("key.pem", "PRIVATE KEY"));
        let blamed = |cert: &Path, key: &Path| match load(cert, key).unwrap_err() {
            Error::Problem { errors, detail, .. } => (errors[0].pointer.clone(), detail),
            other => panic!("{other}"),
        };
        let (pointer, detail) = blamed(&key, &cert);
        assert_eq!(pointer, "tls_cert");
        assert!(detail.contains("no certificate, but a private key"), "{detail}");
        let (pointer, detail) = blamed(&pem("empty.pem", "NOTHING"), &key);
        assert_eq!(pointer, "tls_cert");
        assert!(detail.ends_with("it holds no certificate"), "{detail}");
        assert_eq!(blamed(&cert, &cert).0, "tls_key");
    }
}
