//! The command line's end of the unix socket: one question, one answer, or one line after the other.

use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use muster_api::v1;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;

use super::error::CliError;
use super::printer::Printer;

/// How long the daemon may be silent before it counts as gone.
const SILENCE_MAX: Duration = Duration::from_mins(1);

/// Longest answer that is read, in bytes.
const ANSWER_BYTES_MAX: usize = 512 << 20;

/// What stands in paths and questions as it is.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b':');

/// A path of the API with its parameters.
#[derive(Clone, Debug)]
pub(super) struct Route(String);

impl Route {
    /// A path without anything that the user typed.
    pub(super) fn new(path: &str) -> Self {
        Self(path.to_owned())
    }

    /// Adds a part of the path, percent-encoded.
    #[must_use]
    pub(super) fn part(mut self, part: &str) -> Self {
        self.0.push('/');
        self.0.extend(utf8_percent_encode(part, PLAIN));
        self
    }

    /// Adds a parameter where there is one.
    #[must_use]
    pub(super) fn parameter(mut self, name: &str, value: Option<&str>) -> Self {
        if let Some(value) = value {
            self.0.push(if self.0.contains('?') { '&' } else { '?' });
            self.0.push_str(name);
            self.0.push('=');
            self.0.extend(utf8_percent_encode(value, PLAIN));
        }
        self
    }
}

/// Where the daemon can be asked.
#[derive(Clone, Debug)]
pub(super) struct Client {
    socket: PathBuf,
}

impl Client {
    /// A client of the daemon that listens at this socket.
    pub(super) fn new(socket: &Path) -> Self {
        Self {
            socket: socket.to_owned(),
        }
    }

    /// Asks for something.
    pub(super) async fn get<T: DeserializeOwned>(&self, route: Route) -> Result<T, CliError> {
        self.whole(Method::GET, route).await
    }

    /// Asks to do something.
    pub(super) async fn post<T: DeserializeOwned>(&self, route: Route) -> Result<T, CliError> {
        self.whole(Method::POST, route).await
    }

    async fn whole<T: DeserializeOwned>(
        &self,
        method: Method,
        route: Route,
    ) -> Result<T, CliError> {
        let question = format!("{method} {}", route.0);
        let mut body = self.ask(method, &route, Bytes::new()).await?;
        let mut text = Vec::new();
        while let Some(bytes) = next(&mut body, &question).await? {
            text.extend_from_slice(&bytes);
            if text.len() > ANSWER_BYTES_MAX {
                return Err(no_answer(&question, "it is too long"));
            }
        }
        serde_json::from_slice(&text).map_err(|error| no_answer(&question, &error.to_string()))
    }

    /// Asks for long work, and shows how far it has come.
    pub(super) async fn work<T: DeserializeOwned>(
        &self,
        method: Method,
        route: Route,
        sent: Bytes,
        printer: &mut Printer<'_>,
    ) -> Result<T, CliError> {
        let question = format!("{method} {}", route.0);
        let mut body = self.ask(method, &route, sent).await?;
        let mut text: Vec<u8> = Vec::new();
        while let Some(mut bytes) = next(&mut body, &question).await? {
            while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
                text.extend_from_slice(&bytes.split_to(end + 1));
                let line: v1::Line<T> = serde_json::from_slice(&text)
                    .map_err(|error| no_answer(&question, &error.to_string()))?;
                text.clear();
                match line {
                    v1::Line::Progress(progress) => printer.progress(&progress)?,
                    v1::Line::Done(answer) => {
                        printer.end_progress()?;
                        return Ok(answer);
                    }
                    v1::Line::Failed(error) => return Err(CliError::Refused(error)),
                }
            }
            text.extend_from_slice(&bytes);
            if text.len() > ANSWER_BYTES_MAX {
                return Err(no_answer(&question, "a line is too long"));
            }
        }
        Err(no_answer(&question, "it broke off"))
    }

    /// Sends a question and returns the body of the answer, if it is one.
    async fn ask(&self, method: Method, route: &Route, sent: Bytes) -> Result<Incoming, CliError> {
        let question = format!("{method} {}", route.0);
        let stream =
            UnixStream::connect(&self.socket)
                .await
                .map_err(|source| CliError::NotRunning {
                    socket: self.socket.clone(),
                    source,
                })?;
        let broken = |error: hyper::Error| no_answer(&question, &error.to_string());
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(broken)?;
        // It ends by itself when the answer was read; what broke it shows in the answer.
        tokio::spawn(async move { drop(connection.await) });
        let request = Request::builder()
            .method(method)
            .uri(&route.0)
            .header(header::HOST, "muster")
            .body(Full::new(sent))
            .map_err(|error| no_answer(&question, &error.to_string()))?;
        let response = tokio::time::timeout(SILENCE_MAX, sender.send_request(request))
            .await
            .map_err(|_| no_answer(&question, "it did not come"))?
            .map_err(broken)?;
        let status = response.status();
        let mut body = response.into_body();
        if status.is_success() {
            return Ok(body);
        }
        let mut text = Vec::new();
        while let Some(bytes) = next(&mut body, &question).await? {
            text.extend_from_slice(&bytes);
        }
        Err(refused(&question, status, &text))
    }
}

fn refused(question: &str, status: StatusCode, text: &[u8]) -> CliError {
    match serde_json::from_slice::<v1::Error>(text) {
        Ok(error) => CliError::Refused(error),
        Err(_) => no_answer(question, &format!("it answered {status}")),
    }
}

async fn next(body: &mut Incoming, question: &str) -> Result<Option<Bytes>, CliError> {
    loop {
        let frame = tokio::time::timeout(SILENCE_MAX, body.frame())
            .await
            .map_err(|_| no_answer(question, "it stopped in the middle"))?;
        match frame {
            None => return Ok(None),
            Some(Err(error)) => return Err(no_answer(question, &error.to_string())),
            Some(Ok(frame)) => {
                // Anything but data is of no interest.
                if let Ok(bytes) = frame.into_data() {
                    return Ok(Some(bytes));
                }
            }
        }
    }
}

fn no_answer(question: &str, reason: &str) -> CliError {
    CliError::NoAnswer {
        question: question.to_owned(),
        reason: reason.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_user_typed_stays_inside_its_part_of_the_path() {
        let route = Route::new("/v1/why")
            .part("hr:../a b?c")
            .parameter("target", Some("x&y"))
            .parameter("none", None)
            .parameter("limit", Some("5"));
        assert_eq!(route.0, "/v1/why/hr:..%2Fa%20b%3Fc?target=x%26y&limit=5");
    }
}
