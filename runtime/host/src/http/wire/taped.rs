//! A plugin's request on its way to a tape, and from one.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use memchr::memmem;
use memchr::memmem::Finder;

use super::{Asked, Player, Recorder, Said};
use crate::http::client::Reply;
use crate::http::send::{Incoming, Outgoing, Ready, Refusal, Sender};

/// What stands on a tape for a secret that the host took out of a reply: the handle is another in each call.
const SEALED: &[u8] = b"[sealed]";

impl Sender<'_> {
    /// Puts an exchange on a tape. One that is not on it is not shown to the plugin either: what is recorded
    /// has to be whole. What the host itself refused never came near the wire.
    pub(crate) fn tape(
        &self,
        recorder: &Recorder,
        outgoing: &Outgoing,
        answered: Result<Incoming, Refusal>,
    ) -> Result<Incoming, Refusal> {
        let said = match &answered {
            Ok(incoming) => Said::Reply(self.heard(incoming)),
            Err(Refusal::NotSent(text)) => Said::NotSent(text.clone()),
            Err(Refusal::SentNoReply(text)) => Said::SentNoReply(text.clone()),
            Err(Refusal::TooLarge(text)) => Said::TooLarge(text.clone()),
            Err(Refusal::Denied(_) | Refusal::NoCredential(_) | Refusal::BudgetSpent(_)) => {
                return answered;
            }
        };
        match recorder.put(&self.asked(outgoing), &said) {
            Ok(()) => answered,
            Err(text) if matches!(said, Said::NotSent(_)) => Err(Refusal::NotSent(text)),
            Err(text) => Err(Refusal::SentNoReply(text)),
        }
    }

    /// Answers a request from a tape. It is permitted and complete: a tape grants nothing that IT did not.
    pub(crate) async fn play(
        &self,
        player: &Player,
        outgoing: &Outgoing,
        ready: &Ready,
    ) -> Result<Incoming, Refusal> {
        let said = player.answer(&self.asked(outgoing));
        match said.map_err(Refusal::Denied)? {
            Said::NotSent(text) => Err(Refusal::NotSent(text)),
            Said::SentNoReply(text) => {
                self.departures.note();
                Err(Refusal::SentNoReply(text))
            }
            Said::TooLarge(text) => {
                self.departures.note();
                Err(Refusal::TooLarge(text))
            }
            Said::Reply(reply) => {
                self.departures.note();
                self.incoming(reply, &outgoing.seal, &ready.used).await
            }
        }
    }

    /// A request as a tape knows it. The words that stand for secrets are others in each call, so they become
    /// the name of the slot. What IT wrote into a setting and into a slot may be the same, so the text is
    /// searched for secrets as a reply would be.
    fn asked(&self, outgoing: &Outgoing) -> Asked {
        let forms = self.placeholders.iter();
        let forms: Vec<Finder<'static>> =
            forms.flat_map(|made| made.forms.iter().cloned()).collect();
        let clean = |bytes: &[u8]| {
            let bytes = self
                .placeholders
                .iter()
                .fold(bytes.to_vec(), |bytes, made| {
                    let slot = format!("[secret {}]", made.slot);
                    replaced(bytes, made.word.as_bytes(), slot.as_bytes())
                });
            let bytes = self.context.redactor.bytes(bytes, &forms);
            self.context.remembered.take_out(bytes)
        };
        let text = |text: &str| String::from_utf8_lossy(&clean(text.as_bytes())).into_owned();
        let headers = outgoing.headers.iter();
        let mut asked = Asked {
            method: outgoing.method.clone(),
            url: text(&outgoing.url),
            headers: headers
                .map(|(name, value)| (name.clone(), text(value)))
                .collect(),
            body: outgoing.body.as_deref().map(clean).unwrap_or_default(),
            credential: outgoing.credential.clone(),
        };
        asked.in_order();
        asked
    }

    /// A reply as the plugin heard it, without the handles of this call.
    fn heard(&self, incoming: &Incoming) -> Reply {
        let header = |(name, value): &(String, String)| {
            let name = HeaderName::try_from(name.as_str()).ok()?;
            Some((name, HeaderValue::from_bytes(value.as_bytes()).ok()?))
        };
        let mut headers = HeaderMap::new();
        // They were in a map of headers before, so none is lost.
        for (name, value) in incoming.headers.iter().filter_map(header) {
            headers.append(name, value);
        }
        let handles = self.handles.iter();
        let body = handles.fold(incoming.body.clone(), |body, handle| {
            replaced(body, handle.as_bytes(), SEALED)
        });
        Reply {
            status: StatusCode::from_u16(incoming.status).unwrap_or_default(),
            headers,
            body: Bytes::from(body),
        }
    }
}

/// The bytes with another word in the place of each one of these.
fn replaced(bytes: Vec<u8>, word: &[u8], by: &[u8]) -> Vec<u8> {
    let mut rest = 0;
    let mut changed = Vec::new();
    for at in memmem::find_iter(&bytes, word) {
        changed.extend_from_slice(&bytes[rest..at]);
        changed.extend_from_slice(by);
        rest = at + word.len();
    }
    if rest == 0 {
        return bytes;
    }
    changed.extend_from_slice(&bytes[rest..]);
    changed
}
