//! What an operator may set about the HTTP server.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::{Code, Error, FieldError, Result};

/// Settings of the HTTP server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HttpSettings {
    /// Where it listens; port 0 takes any free one.
    pub address: SocketAddr,
    /// Certificate chain (PEM). Together with `tls_key` it turns TLS on.
    pub tls_cert: Option<PathBuf>,
    /// Private key of the certificate (PEM).
    pub tls_key: Option<PathBuf>,
    /// A proxy before the server ends TLS, so that another address than loopback may be plain.
    pub behind_proxy: bool,
    /// Threads that serve connections; one per core when absent.
    pub workers: Option<NonZeroUsize>,
    /// Most open connections per worker; further ones wait.
    pub max_connections: usize,
    /// Most bytes of one upload.
    pub upload_limit_bytes: u64,
    /// Longest silence within a request's body.
    pub body_idle_seconds: u64,
    /// Slowest pace of a request's body, once `body_idle_seconds` are over.
    pub body_min_bytes_per_second: u64,
    /// How long requests under way may take to end when the server stops.
    pub shutdown_seconds: u64,
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            address: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080),
            tls_cert: None,
            tls_key: None,
            behind_proxy: false,
            workers: None,
            max_connections: 4096,
            upload_limit_bytes: 10 << 30,
            body_idle_seconds: 30,
            body_min_bytes_per_second: 1024,
            shutdown_seconds: 30,
        }
    }
}

impl HttpSettings {
    /// The certificate and key when TLS is on.
    ///
    /// # Errors
    /// [`Code::InvalidRequest`] when only one of them is given, or when keys would travel in the
    /// clear over a network.
    pub(super) fn tls(&self) -> Result<Option<(&PathBuf, &PathBuf)>> {
        match (&self.tls_cert, &self.tls_key) {
            (Some(cert), Some(key)) => Ok(Some((cert, key))),
            (None, None) if self.behind_proxy || self.address.ip().is_loopback() => Ok(None),
            (None, None) => Err(Error::field(
                Code::InvalidRequest,
                "address",
                format!(
                    "{} can be reached from other machines, and keys would cross the network in \
                     the clear: give --tls-cert and --tls-key, or --behind-proxy where a proxy \
                     ends TLS",
                    self.address
                ),
            )),
            (cert, _) => {
                let missing = if cert.is_some() { "tls_key" } else { "tls_cert" };
                let detail = "TLS needs both --tls-cert and --tls-key";
                let errors = vec![FieldError::new(missing, detail)];
                Err(Error::fields(Code::InvalidRequest, detail, errors))
            }
        }
    }

    /// Whether a server could begin with these: that keys are not in the clear, and that the
    /// certificate can be read.
    ///
    /// # Errors
    /// [`Code::InvalidRequest`] with the way out.
    pub fn check(&self) -> Result<()> {
        match self.tls()? {
            Some((cert, key)) => super::tls::load(cert, key).map(|_| ()),
            None => Ok(()),
        }
    }

    pub(super) fn body_idle(&self) -> Duration {
        Duration::from_secs(self.body_idle_seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_may_be_plain() {
        let on = |address: &str| HttpSettings {
            address: address.parse().unwrap(),
            ..HttpSettings::default()
        };
        for plain in ["127.0.0.1:0", "[::1]:80"] {
            assert_eq!(on(plain).tls().unwrap(), None, "{plain}");
        }
        let open = on("0.0.0.0:8080");
        let refusal = open.tls().unwrap_err().to_string();
        assert!(refusal.contains("--behind-proxy"), "{refusal}");
        assert!(HttpSettings { behind_proxy: true, ..open.clone() }.tls().is_ok());
        let half = HttpSettings { tls_cert: Some("c.pem".into()), ..open.clone() };
        assert!(half.tls().unwrap_err().to_string().contains("--tls-key"));
        let whole = HttpSettings { tls_key: Some("k.pem".into()), ..half };
        assert!(whole.tls().unwrap().is_some());
    }
}
