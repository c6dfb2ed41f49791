//! The connection file: where the front end will connect, and the key of its signatures.

use std::net::IpAddr;
use std::path::Path;

use serde::Deserialize;

use crate::error::{Code, Error, Result};

/// What Jupyter writes for a kernel before it starts it.
#[derive(Debug, Clone, Deserialize)]
pub struct Connection {
    transport: String,
    signature_scheme: String,
    pub(super) ip: String,
    pub(super) shell_port: u16,
    pub(super) iopub_port: u16,
    pub(super) stdin_port: u16,
    pub(super) control_port: u16,
    pub(super) hb_port: u16,
    /// Messages are not signed where it is empty.
    pub(super) key: String,
}

impl Connection {
    /// Reads a connection file.
    ///
    /// # Errors
    /// [`Code::InvalidRequest`] for a file that can't be read or asks for what there is not.
    pub fn read(path: &Path) -> Result<Self> {
        let invalid = |detail: String| {
            Error::new(Code::InvalidRequest, format!("{}: {detail}", path.display()))
        };
        let text = std::fs::read_to_string(path).map_err(|error| invalid(error.to_string()))?;
        let connection: Self = serde_json::from_str(&text)
            .map_err(|error| invalid(format!("is no connection file of Jupyter: {error}")))?;
        if connection.transport != "tcp" {
            return Err(invalid(format!("transport {}: there is tcp", connection.transport)));
        }
        if connection.signature_scheme != "hmac-sha256" {
            let scheme = &connection.signature_scheme;
            return Err(invalid(format!("signature_scheme {scheme}: there is hmac-sha256")));
        }
        let is_local = connection.ip.parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
        if connection.key.is_empty() && !is_local {
            return Err(invalid(
                "the key is empty, and whoever reaches this machine could run cells: give one"
                    .into(),
            ));
        }
        Ok(connection)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_supported_is_named() {
        let file = |transport: &str, scheme: &str| {
            let file = tempfile::NamedTempFile::new().unwrap();
            let text = format!(
                r#"{{"ip": "127.0.0.1", "transport": "{transport}", "signature_scheme": "{scheme}",
                "key": "k", "shell_port": 1, "iopub_port": 2, "stdin_port": 3, "control_port": 4,
                "hb_port": 5, "kernel_name": "actuary"}}"#
            );
            std::fs::write(&file, text).unwrap();
            Connection::read(file.path())
        };
        assert_eq!(file("tcp", "hmac-sha256").unwrap().hb_port, 5);
        assert!(file("ipc", "hmac-sha256").unwrap_err().to_string().contains("transport ipc"));
        assert!(file("tcp", "hmac-md5").unwrap_err().to_string().contains("hmac-md5"));
        let error = Connection::read(Path::new("/no/such/file")).unwrap_err();
        assert!(error.to_string().starts_with("/no/such/file: "), "{error}");
    }
}
