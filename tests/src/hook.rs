//! A sender of deliveries, as an HR system is one.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;

use crate::daemon::Daemon;

/// How long a sender waits for an answer.
const TIMEOUT: Duration = Duration::from_secs(20);

/// The secret that deliveries are signed with where no other is named.
pub const SECRET: &[u8] = b"a secret of thirty-two bytes, ok";

/// A secret as it is handed out.
pub fn written(secret: &[u8]) -> String {
    format!("whsec_{}", STANDARD.encode(secret))
}

/// What came back.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// 0 where nothing came back.
    pub status: u16,
    /// In lower case.
    pub head: String,
    /// Its text.
    pub body: String,
}

/// Sends an event of this type about somebody, signed.
pub fn event(daemon: &Daemon<'_>, id: &str, body: &str) -> Answer {
    deliver(daemon, SECRET, id, "application/json", body)
}

/// Sends a delivery, signed with this secret.
pub fn deliver(daemon: &Daemon<'_>, secret: &[u8], id: &str, kind: &str, body: &str) -> Answer {
    let at = jiff::Timestamp::now().as_second();
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    let tag = hmac::sign(&key, format!("{id}.{at}.{body}").as_bytes());
    let signature = format!("v1,{}", STANDARD.encode(tag.as_ref()));
    let head = head(id, kind, at, &signature, body.len());
    send(daemon, &format!("{head}{body}")).unwrap_or_default()
}

/// The head of a delivery to the feed `hr`, with the empty line at its end.
pub fn head(id: &str, kind: &str, at: i64, signature: &str, bytes: usize) -> String {
    format!(
        "POST /v1/feeds/hr HTTP/1.1\r\nHost: muster\r\nConnection: close\r\nContent-Type: {kind}\r\n\
         webhook-id: {id}\r\nwebhook-timestamp: {at}\r\nwebhook-signature: {signature}\r\n\
         Content-Length: {bytes}\r\n\r\n"
    )
}

/// Asks for a path.
pub fn get(daemon: &Daemon<'_>, path: &str) -> Answer {
    let request = format!("GET {path} HTTP/1.1\r\nHost: muster\r\nConnection: close\r\n\r\n");
    send(daemon, &request).unwrap_or_default()
}

/// Sends these bytes and reads until the daemon hangs up.
///
/// # Errors
/// The connection cannot be made, or nothing comes back in time.
pub fn send(daemon: &Daemon<'_>, request: &str) -> io::Result<Answer> {
    let mut stream = TcpStream::connect(daemon.address())?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    stream.write_all(request.as_bytes())?;
    read(&mut stream)
}

/// Reads an answer until the daemon hangs up.
///
/// # Errors
/// Nothing comes back in time.
pub fn read(stream: &mut TcpStream) -> io::Result<Answer> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    Ok(Answer {
        status: status.unwrap_or(0),
        head: head.to_ascii_lowercase(),
        body: body.to_owned(),
    })
}
