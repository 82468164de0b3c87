//! Google's push notifications about users, which say that something changed and carry no signature.
//!
//! A channel has a token that Google sends with each notification. It is made from the channel's id with a key
//! that the host keeps, so it can be checked here without knowing the key:
//! `hex(HMAC-SHA256(key, "muster:" + channel id))`. There is no time in it, so a notification could be sent
//! again by whoever has seen one. Therefore a notification is believed only this far: that the user should be
//! looked at again.

use muster_sdk::{
    Changed, Events, HookMessage, Host, Instant, ObjectRef, Problem, Result, Translation,
    signatures_match,
};
use serde_json::Value;

use crate::GoogleWorkspace;
use crate::service::{USER, text};

/// The slot with the key of the channels.
pub(crate) const CHANNEL_KEY: &str = "channel-key";

impl Events for GoogleWorkspace {
    fn translate(&self, host: &dyn Host, message: &HookMessage) -> Result<Translation> {
        let refused = |text: &str| Problem::Unauthenticated(text.to_owned());
        let header = |name: &str| message.header(name).filter(|value| !value.is_empty());
        let channel = header("x-goog-channel-id").ok_or_else(|| refused("it names no channel"))?;
        let token = header("x-goog-channel-token").ok_or_else(|| refused("it has no token"))?;
        let signed = format!("muster:{channel}");
        let ours = host
            .sign(CHANNEL_KEY, "hmac-sha256", signed.as_bytes())
            .map_err(Problem::Unauthenticated)?;
        if !signatures_match(hex(&ours).as_bytes(), token.to_ascii_lowercase().as_bytes()) {
            return Err(refused("the token is not that of the channel"));
        }
        if header("x-goog-channel-expiration")
            .and_then(http_date)
            .is_some_and(|until| until < message.received.unix_seconds())
        {
            return Err(refused("the channel has expired"));
        }
        let changes = match header("x-goog-resource-state") {
            // The first notification of a channel, about nothing.
            Some("sync") => Vec::new(),
            Some(_) => vec![Changed::LookAgain(user_in(&message.body)?)],
            None => return Err(Problem::remote_defect("a notification says no state")),
        };
        Ok(Translation {
            changes,
            ..Translation::default()
        })
    }
}

fn user_in(body: &[u8]) -> Result<ObjectRef> {
    let defect = || Problem::remote_defect("a notification names no user");
    let user: Value = serde_json::from_slice(body).map_err(|_| defect())?;
    let key = ObjectRef::new(USER, text(&user, "id").ok_or_else(defect)?);
    Ok(match text(&user, "primaryEmail") {
        Some(email) => key.named(email),
        None => key,
    })
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble & 15)]);
    bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(*byte)])
        .collect()
}

/// `Tue, 19 Nov 2026 01:13:52 GMT` in seconds since 1970.
fn http_date(text: &str) -> Option<i64> {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let words: Vec<&str> = text.split_whitespace().collect();
    let [_, day, month, year, clock, "GMT"] = words[..] else {
        return None;
    };
    let month = MONTHS.iter().position(|known| *known == month)? + 1;
    let at = format!("{year}-{month:02}-{day:0>2}T{clock}Z");
    Instant::parse(&at).map(|at| at.unix_seconds())
}
