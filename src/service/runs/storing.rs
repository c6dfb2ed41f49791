//! What a run writes, stored while it is written.

use std::io::Write;

use tokio::sync::mpsc;

use super::{Service, blocking};
use crate::error::{Code, Context, Error, Result};
use crate::frame::Output;
use crate::service::content::{ChannelWriter, send};
use crate::store::{Blob, Store, Unfinished};

/// Bytes that are handed over at a time.
const PIECE: usize = 1 << 20;
/// Pieces that wait until the database has taken those before.
const WAITING: usize = 2;

/// A blob that is still to be named, before this is dropped.
pub(super) struct Stored {
    pub(super) blob: Blob,
    _unfinished: Unfinished,
}

impl Service {
    /// Does work on a thread that may block, and stores what it writes.
    ///
    /// # Errors
    /// Those of the work; [`Code::Unavailable`] when the database can't be reached.
    pub(super) async fn storing<T: Send + 'static>(
        &self,
        work: impl FnOnce(&dyn Output) -> Result<T> + Send + 'static,
    ) -> Result<(T, Stored)> {
        let (sender, pieces) = mpsc::channel(WAITING);
        let storing = tokio::spawn(store(self.store().clone(), pieces));
        let done = blocking(move || work(&Pieces(sender))).await;
        let stored = storing.await.context("waiting for what is stored")?;
        match (done, stored) {
            (Ok(done), Ok(Some(stored))) => Ok((done, stored)),
            (Ok(_), Ok(None)) => Err(Error::internal("storing", "nothing was written")),
            (Err(error), Ok(stored)) => {
                // At once: a child whose job failed is soon gone.
                if let Some(stored) = stored
                    && let Err(error) = self.store().discard_blob(stored.blob.id).await
                {
                    tracing::warn!(%error, "the sweep will remove what was stored in vain");
                }
                Err(error)
            }
            // What is wrong with a file stays so, whatever else went wrong.
            (Err(error @ Error::Problem { .. }), Err(_)) if error.code() != Code::Unavailable => {
                Err(error)
            }
            // Else why storing failed is also why the work could not be written.
            (_, Err(error)) => Err(error),
        }
    }
}

enum Piece {
    /// What came before is void.
    Begin,
    Bytes(Vec<u8>),
}

struct Pieces(mpsc::Sender<Piece>);

impl Output for Pieces {
    fn begin(&self) -> Result<Box<dyn Write + Send>> {
        send(&self.0, Piece::Begin).context("beginning to store")?;
        Ok(Box::new(ChannelWriter::new(self.0.clone(), PIECE, Piece::Bytes)))
    }
}

/// Stores what was written since it last began.
async fn store(store: Store, mut pieces: mpsc::Receiver<Piece>) -> Result<Option<Stored>> {
    let mut begun = None;
    while let Some(piece) = pieces.recv().await {
        match (piece, &mut begun) {
            (Piece::Begin, _) => {
                let writer = store.write_blob().await?;
                begun = Some((store.discarding(writer.id()), writer));
            }
            (Piece::Bytes(bytes), Some((_, writer))) => writer.write(&bytes).await?,
            (Piece::Bytes(_), None) => {
                return Err(Error::internal("storing", "it has not begun"));
            }
        }
    }
    let Some((unfinished, writer)) = begun else { return Ok(None) };
    Ok(Some(Stored { blob: writer.complete().await?, _unfinished: unfinished }))
}
