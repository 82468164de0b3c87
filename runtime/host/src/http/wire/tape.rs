//! The format of a tape: lines of JSON, of which the first one names the version and each other one is an
//! exchange.

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde::{Deserialize, Serialize};

use crate::http::client::Reply;

/// Largest tape, in bytes.
pub const TAPE_BYTES_MAX: u64 = 256 << 20;

/// The version of the format.
const VERSION: u32 = 1;

/// A tape that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TapeError {
    /// It could not be made.
    #[error("could not make the tape {}", path.display())]
    Create {
        /// The file.
        path: PathBuf,
        /// What the file system says.
        #[source]
        source: std::io::Error,
    },
    /// It could not be read.
    #[error("could not read the tape {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the file system says.
        #[source]
        source: std::io::Error,
    },
    /// It is too large.
    #[error("the tape {} is larger than {} MiB", path.display(), TAPE_BYTES_MAX >> 20)]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// It is no tape, or one of another version.
    #[error("the tape {} cannot be understood in line {line}: {reason}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
}

/// A request as a tape knows it. Two are the same when they agree in everything.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Asked {
    pub(super) method: String,
    pub(super) url: String,
    /// Names in lower case, in order of name.
    pub(super) headers: Vec<(String, String)>,
    /// Empty where there is none.
    pub(super) body: Vec<u8>,
    /// The secret slot that signs it in.
    pub(super) credential: Option<String>,
}

/// What came of a request.
#[derive(Debug)]
pub(super) enum Said {
    Reply(Reply),
    /// It did not reach the app.
    NotSent(String),
    /// It left, and no whole reply came.
    SentNoReply(String),
    /// The reply was too large.
    TooLarge(String),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct HeadV1 {
    tape: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LineV1 {
    request: RequestV1,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reply: Option<ReplyV1>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fault: Option<FaultV1>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RequestV1 {
    method: String,
    url: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    credential: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    headers: Vec<(String, String)>,
    #[serde(default, skip_serializing_if = "BodyV1::is_empty")]
    body: BodyV1,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ReplyV1 {
    status: u16,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    headers: Vec<(String, String)>,
    #[serde(default, skip_serializing_if = "BodyV1::is_empty")]
    body: BodyV1,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
enum FaultV1 {
    NotSent(String),
    SentNoReply(String),
    TooLarge(String),
}

/// A body: a text where it is one, so that people can read a tape and change it.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum BodyV1 {
    Text(String),
    Bytes { base64: String },
}

impl Default for BodyV1 {
    fn default() -> Self {
        Self::Text(String::new())
    }
}

impl BodyV1 {
    fn is_empty(&self) -> bool {
        matches!(self, Self::Text(text) if text.is_empty())
    }

    fn of(bytes: &[u8]) -> Self {
        match std::str::from_utf8(bytes) {
            Ok(text) => Self::Text(text.to_owned()),
            Err(_) => Self::Bytes {
                base64: STANDARD.encode(bytes),
            },
        }
    }

    fn into_bytes(self) -> Result<Vec<u8>, String> {
        match self {
            Self::Text(text) => Ok(text.into_bytes()),
            Self::Bytes { base64 } => STANDARD
                .decode(base64)
                .map_err(|error| format!("a body is no Base64: {error}")),
        }
    }
}

/// The first line.
pub(super) fn head() -> String {
    line(&HeadV1 { tape: VERSION })
}

/// An exchange as a line.
pub(super) fn print(asked: &Asked, said: &Said) -> String {
    let request = RequestV1 {
        method: asked.method.clone(),
        url: asked.url.clone(),
        credential: asked.credential.clone(),
        headers: asked.headers.clone(),
        body: BodyV1::of(&asked.body),
    };
    let (mut reply, mut fault) = (None, None);
    match said {
        Said::Reply(said) => {
            let header = |(name, value): (&HeaderName, &HeaderValue)| {
                let value = String::from_utf8_lossy(value.as_bytes());
                (name.as_str().to_owned(), value.into_owned())
            };
            reply = Some(ReplyV1 {
                status: said.status.as_u16(),
                headers: said.headers.iter().map(header).collect(),
                body: BodyV1::of(&said.body),
            });
        }
        Said::NotSent(text) => fault = Some(FaultV1::NotSent(text.clone())),
        Said::SentNoReply(text) => fault = Some(FaultV1::SentNoReply(text.clone())),
        Said::TooLarge(text) => fault = Some(FaultV1::TooLarge(text.clone())),
    }
    line(&LineV1 {
        request,
        reply,
        fault,
    })
}

/// JSON of our own types always has a text; an empty line would be refused when the tape is read.
fn line(value: &impl Serialize) -> String {
    let mut line = serde_json::to_string(value).unwrap_or_default();
    line.push('\n');
    line
}

/// Every exchange of a tape, in its order; else the line that is wrong, and why.
pub(super) fn parse(text: &str) -> Result<Vec<(Asked, Said)>, (usize, String)> {
    let mut lines = (1..).zip(text.lines());
    let head = lines.next().map_or("", |(_, head)| head);
    let head: HeadV1 = serde_json::from_str(head)
        .map_err(|error| (1, format!("it does not begin as a tape does: {error}")))?;
    if head.tape != VERSION {
        let reason = format!(
            "it is a tape of version {}, and this one is known: {VERSION}",
            head.tape
        );
        return Err((1, reason));
    }
    lines
        .map(|(number, line)| exchange(line).map_err(|reason| (number, reason)))
        .collect()
}

fn exchange(line: &str) -> Result<(Asked, Said), String> {
    let line: LineV1 = serde_json::from_str(line).map_err(|error| error.to_string())?;
    let said = match (line.reply, line.fault) {
        (Some(reply), None) => Said::Reply(reply_of(reply)?),
        (None, Some(FaultV1::NotSent(text))) => Said::NotSent(text),
        (None, Some(FaultV1::SentNoReply(text))) => Said::SentNoReply(text),
        (None, Some(FaultV1::TooLarge(text))) => Said::TooLarge(text),
        (Some(_), Some(_)) | (None, None) => {
            return Err("an exchange has either a reply or a fault".to_owned());
        }
    };
    let request = line.request;
    let mut asked = Asked {
        method: request.method,
        url: request.url,
        headers: request.headers,
        body: request.body.into_bytes()?,
        credential: request.credential,
    };
    asked.in_order();
    Ok((asked, said))
}

fn reply_of(reply: ReplyV1) -> Result<Reply, String> {
    let status =
        StatusCode::from_u16(reply.status).map_err(|_| format!("{} is no status", reply.status))?;
    let mut headers = HeaderMap::with_capacity(reply.headers.len());
    for (name, value) in &reply.headers {
        let name = HeaderName::try_from(name).map_err(|_| format!("`{name}` is no header name"))?;
        let value = HeaderValue::from_bytes(value.as_bytes())
            .map_err(|_| format!("the value of the header `{name}` is none"))?;
        headers.append(name, value);
    }
    Ok(Reply {
        status,
        headers,
        body: reply.body.into_bytes()?.into(),
    })
}

impl Asked {
    /// Puts the headers in order, so that it does not matter in which one they were set.
    pub(super) fn in_order(&mut self) {
        for (name, _) in &mut self.headers {
            name.make_ascii_lowercase();
        }
        self.headers.sort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(body: &[u8]) -> Asked {
        Asked {
            method: "POST".to_owned(),
            url: "https://crm.example.com/users?x=1".to_owned(),
            headers: vec![("accept".to_owned(), "application/json".to_owned())],
            body: body.to_vec(),
            credential: Some("api".to_owned()),
        }
    }

    #[test]
    fn what_is_printed_is_read_back() {
        let reply = Reply {
            status: StatusCode::CREATED,
            headers: HeaderMap::from_iter([(
                HeaderName::from_static("etag"),
                HeaderValue::from_static("\"7\""),
            )]),
            body: vec![0xff, 0].into(),
        };
        let tape = [
            head(),
            print(&asked(b"{\"name\":\"Ann\"}"), &Said::Reply(reply)),
            print(
                &asked(&[0xfe]),
                &Said::SentNoReply("it broke off".to_owned()),
            ),
        ]
        .concat();
        assert_eq!(tape.lines().count(), 3, "{tape}");
        let read = parse(&tape).unwrap();
        assert_eq!(read[0].0, asked(b"{\"name\":\"Ann\"}"));
        let Said::Reply(reply) = &read[0].1 else {
            panic!("{:?}", read[0].1)
        };
        assert_eq!(
            (reply.status, &reply.body[..]),
            (StatusCode::CREATED, &[0xff, 0][..])
        );
        assert_eq!(reply.headers["etag"], "\"7\"");
        assert_eq!(read[1].0, asked(&[0xfe]));
        assert!(matches!(&read[1].1, Said::SentNoReply(text) if text == "it broke off"));
    }

    #[test]
    fn a_tape_that_is_wrong_is_refused_with_the_line() {
        let request = r#""request":{"method":"GET","url":"https://a.example"}"#;
        for (tape, line, says) in [
            (String::new(), 1, "does not begin"),
            ("{\"tape\":2}\n".to_owned(), 1, "version 2"),
            (format!("{{\"tape\":1}}\n{{{request}}}\n"), 2, "either"),
            ("{\"tape\":1}\n\n".to_owned(), 2, "EOF"),
            (
                format!("{{\"tape\":1}}\n{{{request},\"reply\":{{\"status\":1000}}}}\n"),
                2,
                "no status",
            ),
            (
                format!("{{\"tape\":1}}\n{{{request},\"reply\":{{\"status\":200,\"took\":3}}}}\n"),
                2,
                "took",
            ),
        ] {
            let (at, reason) = parse(&tape).unwrap_err();
            assert!(
                at == line && reason.contains(says),
                "{tape}: {at}: {reason}"
            );
        }
    }
}
