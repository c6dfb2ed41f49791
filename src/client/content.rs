//! What is downloaded.

use bytes::Bytes;

use super::Client;
use super::failure::Failure;
use crate::error::Result;

/// A download, piece by piece.
#[derive(Debug)]
pub struct Content {
    client: Client,
    response: reqwest::Response,
}

impl Content {
    pub(super) fn new(client: Client, response: reqwest::Response) -> Self {
        Self { client, response }
    }

    /// The next piece; None at the end.
    ///
    /// # Errors
    /// [`Code::Unavailable`](crate::error::Code::Unavailable) when the connection is lost.
    pub async fn next(&mut self) -> Result<Option<Bytes>> {
        let piece = self.response.chunk().await;
        piece.map_err(|e| Failure::transport(self.client.url(), e, true).error)
    }
}
