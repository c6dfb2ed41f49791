//! What the kernel says: answers to who asked, and what all are told.

use std::sync::Arc;

use serde_json::{Value as Json, json};
use tokio::sync::mpsc;

use super::message::{Request, Signer};
use super::socket::{Received, Socket};

/// The kernel's voice.
pub(super) struct Wire {
    pub(super) signer: Arc<Signer>,
    pub(super) iopub: Socket,
}

impl Wire {
    /// Tells all; `parent` is the header of the request that it comes from.
    pub(super) async fn publish(&self, parent: &[u8], kind: &str, content: &Json) {
        let message = self.signer.publication(parent, kind, content);
        self.iopub.publish(kind.as_bytes(), &message).await;
    }

    /// Tells all that a request is being carried out, or is done with. What it gave must have
    /// been published before: front ends do not look for it any more.
    pub(super) async fn status(&self, request: &Request, state: &str) {
        let content = json!({"execution_state": state});
        self.publish(&request.header, "status", &content).await;
    }

    /// Answers a request.
    pub(super) async fn reply(&self, request: &Request, content: &Json) {
        let kind = reply_kind(&request.kind);
        request.peer.send(self.signer.answer(request, &kind, content)).await;
    }

    /// Welcomes those who begin to listen, so that they know when.
    pub(super) async fn welcome(&self, mut subscribers: mpsc::Receiver<Received>) {
        while let Some(Received { peer, frames }) = subscribers.recv().await {
            if let Some(topic) = peer.subscribe(&frames) {
                peer.offer(self.signer.welcome(&topic));
            }
        }
    }

    /// The request that was received, unless it is none.
    pub(super) fn open(&self, received: Received) -> Option<Request> {
        self.signer.open(received)
    }
}

/// `execute_reply` for `execute_request`.
fn reply_kind(kind: &str) -> String {
    format!("{}_reply", kind.strip_suffix("_request").unwrap_or(kind))
}

/// The content of an answer to what failed.
pub(super) fn failure(name: &str, value: &str, traceback: &[String]) -> Json {
    json!({"status": "error", "ename": name, "evalue": value, "traceback": traceback})
}

/// The content of an answer to a request whose content can't be read.
pub(super) fn unreadable(error: &serde_json::Error) -> Json {
    failure("InvalidRequest", &format!("the request can't be read: {error}"), &[])
}
