//! Messages of Jupyter: read from the frames of a request, and signed.

use bytes::Bytes;
use ring::hmac;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value as Json, json};

use super::socket::{Peer, Received};
use super::zmtp;

/// Stands between the frames of the route and those of the message.
const DELIMITER: &[u8] = b"<IDS|MSG>";
/// Of the messaging protocol: the first with `iopub_welcome`.
pub(super) const VERSION: &str = "5.4";

/// What a front end asks.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) peer: Peer,
    /// Goes back before the answer, as it came.
    route: Vec<Bytes>,
    /// The whole header, which answers and outputs name as their parent.
    pub(super) header: Bytes,
    /// Such as `execute_request`.
    pub(super) kind: String,
    content: Bytes,
}

impl Request {
    /// What it asks for in particular.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn content<T: DeserializeOwned>(&self) -> serde_json::Result<T> {
        serde_json::from_slice(&self.content)
    }
}

/// Signs messages of one session, and checks the signatures of others.
pub(super) struct Signer {
    /// None where messages are not signed.
    key: Option<hmac::Key>,
    /// Stands in the header of every message.
    session: String,
}

impl Signer {
    pub(super) fn new(key: &str) -> Self {
        let key = (!key.is_empty()).then(|| hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes()));
        Self { key, session: uuid::Uuid::new_v4().to_string() }
    }

    /// Whether a message has the right signature.
    pub(super) fn knows(&self, frames: &[Bytes]) -> bool {
        let at = frames.iter().position(|frame| frame == DELIMITER);
        let message = at.and_then(|at| frames.get(at..)).unwrap_or_default();
        let [_, signature, header, parent, metadata, content, ..] = message else { return false };
        let Some(key) = &self.key else { return true };
        let signed = [header, parent, metadata, content].map(|part| part.as_ref()).concat();
        hex::decode(signature).is_ok_and(|given| hmac::verify(key, &signed, &given).is_ok())
    }

    /// The request that was received; none where it is no message or its signature is wrong.
    pub(super) fn open(&self, received: Received) -> Option<Request> {
        #[derive(Deserialize)]
        struct Header {
            msg_type: String,
        }
        let Received { peer, mut frames } = received;
        if !self.knows(&frames) {
            return None;
        }
        let at = frames.iter().position(|frame| frame == DELIMITER)?;
        let message = frames.split_off(at);
        // Buffers may follow, which no request has a use for.
        let [_, _, header, _, _, content, ..] = message.as_slice() else { return None };
        let kind = serde_json::from_slice::<Header>(header).ok()?.msg_type;
        Some(Request {
            peer,
            route: frames,
            header: header.clone(),
            kind,
            content: content.clone(),
        })
    }

    /// The answer to a request.
    pub(super) fn answer(&self, request: &Request, kind: &str, content: &Json) -> Bytes {
        let route: Vec<&[u8]> = request.route.iter().map(|frame| frame.as_ref()).collect();
        self.message(&route, &request.header, kind, content)
    }

    /// Says to one who begins to listen to a topic that it does.
    pub(super) fn welcome(&self, topic: &[u8]) -> Bytes {
        let content = json!({"subscription": String::from_utf8_lossy(topic)});
        self.message(&[topic], b"{}", "iopub_welcome", &content)
    }

    /// What all are told; its kind is the topic.
    pub(super) fn publication(&self, parent: &[u8], kind: &str, content: &Json) -> Bytes {
        self.message(&[kind.as_bytes()], parent, kind, content)
    }

    fn message(&self, route: &[&[u8]], parent: &[u8], kind: &str, content: &Json) -> Bytes {
        let header = json!({
            "msg_id": uuid::Uuid::new_v4().to_string(),
            "session": self.session,
            "username": "actuary",
            "date": chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Micros, true),
            "msg_type": kind,
            "version": VERSION,
        })
        .to_string();
        let content = content.to_string();
        let parts = [header.as_bytes(), parent, b"{}", content.as_bytes()];
        let signature = match &self.key {
            Some(key) => hex::encode(hmac::sign(key, &parts.concat())),
            None => String::new(),
        };
        let head = [DELIMITER, signature.as_bytes()];
        zmtp::message(route.iter().copied().chain(head).chain(parts))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::kernel::zmtp::Incoming;

    fn received(frames: Vec<Bytes>) -> Received {
        Received { peer: Peer::nobody(), frames }
    }

    fn frames(bytes: &Bytes) -> Vec<Bytes> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        match runtime.block_on(zmtp::read(&mut &**bytes, 1 << 20)).unwrap() {
            Incoming::Message(frames) => frames,
            other => panic!("{other:?}"),
        }
    }

    fn sent(signer: &Signer) -> Vec<Bytes> {
        frames(&signer.publication(b"{}", "execute_request", &json!({"code": "1"})))
    }

    #[test]
    fn a_signed_request_is_opened_and_answered_on_its_route() {
        let signer = Signer::new("secret");
        let request = signer.open(received(sent(&signer))).unwrap();
        assert_eq!(request.kind, "execute_request");
        assert_eq!(request.content::<Json>().unwrap(), json!({"code": "1"}));
        let answer = frames(&signer.answer(&request, "execute_reply", &json!({})));
        assert_eq!(answer[0], "execute_request", "the route");
        assert_eq!(answer[4], request.header, "the parent");
        assert_eq!(signer.open(received(answer)).unwrap().kind, "execute_reply");
    }

    #[test]
    fn a_signature_as_the_protocol_wants_it() {
        // What Python's hmac gives for this key and b'{"msg_type":"x"}{}{}{}'.
        let signature = "a12b6524aed7e13b6e186830afe43e3d1323d2b48314ac47dd35b78ea6972787";
        let parts = ["<IDS|MSG>", signature, r#"{"msg_type":"x"}"#, "{}", "{}", "{}"];
        let parts = parts.map(Bytes::from).to_vec();
        assert!(Signer::new("a0436f6c").open(received(parts)).is_some());
    }

    #[test]
    fn what_is_not_signed_by_the_key_is_dropped() {
        let signer = Signer::new("secret");
        assert!(signer.open(received(sent(&Signer::new("other")))).is_none());
        assert!(signer.open(received(sent(&Signer::new("")))).is_none());
        for changed in 2..7 {
            let mut frames = sent(&signer);
            frames[changed] = [frames[changed].as_ref(), b" "].concat().into();
            assert!(signer.open(received(frames)).is_none(), "{changed}");
        }
        assert!(
            Signer::new("").open(received(sent(&signer))).is_some(),
            "without a key all is taken"
        );
    }

    proptest! {
        #[test]
        fn nonsense_is_dropped(
            mut frames in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 0..9),
            at in 0_usize..9,
        ) {
            if let Some(frame) = frames.get_mut(at) {
                *frame = DELIMITER.to_vec();
            }
            let frames: Vec<Bytes> = frames.into_iter().map(Bytes::from).collect();
            prop_assert!(Signer::new("secret").open(received(frames.clone())).is_none());
            prop_assert!(Signer::new("").open(received(frames)).is_none());
        }
    }
}
