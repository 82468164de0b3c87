//! Replies that an app encodes although nobody asked it to: decoded here, so that they are searched for
//! secrets and read like any other.

use std::io::Read;

use bytes::Bytes;
use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};

/// Why a reply could not be decoded.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Undecoded {
    /// The encoding is none of those that are known, or the bytes are not in it.
    Unreadable(String),
    /// Decoded it would be larger than a reply may be.
    TooLarge,
}

/// Decodes a body as its headers say, and takes away what they say of the encoding.
pub(crate) async fn decode(
    headers: &mut HeaderMap,
    body: Bytes,
    bytes_max: usize,
) -> Result<Bytes, Undecoded> {
    let Some(encoding) = headers.remove(CONTENT_ENCODING) else {
        return Ok(body);
    };
    let encoding = String::from_utf8_lossy(encoding.as_bytes())
        .trim()
        .to_ascii_lowercase();
    if matches!(encoding.as_str(), "" | "identity") || body.is_empty() {
        return Ok(body);
    }
    headers.remove(CONTENT_LENGTH);
    let decoding = tokio::task::spawn_blocking(move || decode_now(&encoding, &body, bytes_max));
    decoding
        .await
        .unwrap_or_else(|_| Err(Undecoded::Unreadable("decoding it broke off".to_owned())))
}

fn decode_now(encoding: &str, body: &[u8], bytes_max: usize) -> Result<Bytes, Undecoded> {
    match encoding {
        "gzip" | "x-gzip" => bounded(encoding, MultiGzDecoder::new(body), bytes_max),
        // The standard means zlib by it, and some servers send the bare stream.
        "deflate" => match bounded(encoding, ZlibDecoder::new(body), bytes_max) {
            Err(Undecoded::Unreadable(_)) => {
                bounded(encoding, DeflateDecoder::new(body), bytes_max)
            }
            other => other,
        },
        other => Err(Undecoded::Unreadable(format!(
            "it is in the encoding `{}`, which was not asked for",
            crate::failure::cut_to(other, 40)
        ))),
    }
}

fn bounded(encoding: &str, decoder: impl Read, bytes_max: usize) -> Result<Bytes, Undecoded> {
    let mut plain = Vec::new();
    let limit = u64::try_from(bytes_max)
        .unwrap_or(u64::MAX)
        .saturating_add(1);
    decoder
        .take(limit)
        .read_to_end(&mut plain)
        .map_err(|error| {
            Undecoded::Unreadable(format!("it says `{encoding}` and is not: {error}"))
        })?;
    if plain.len() > bytes_max {
        return Err(Undecoded::TooLarge);
    }
    Ok(plain.into())
}
