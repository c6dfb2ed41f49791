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
