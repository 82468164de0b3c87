//! [`WebHost`]: the host's side of the contract over real HTTP, as small as it can be: one connection a request,
//! no redirects, the bearer token put in here, so that the connector never has it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::Duration;

use muster_sdk::{Host, HttpFault, Instant, LogLevel, Request, Response};

/// How long a service may take for an answer.
const ANSWER_MAX: Duration = Duration::from_secs(30);

/// A host that sends.
#[derive(Default)]
pub(crate) struct WebHost {
    settings: BTreeMap<String, String>,
    token: String,
    asked: RefCell<Vec<String>>,
}

impl WebHost {
    /// For the service at this address, with this token.
    pub(crate) fn of(base_url: &str, token: &str) -> Self {
        let host = Self {
            token: token.to_owned(),
            ..Self::default()
        };
        host.setting("base_url", base_url)
    }

    /// With this setting.
    pub(crate) fn setting(mut self, key: &str, value: &str) -> Self {
        self.settings.insert(key.to_owned(), value.to_owned());
        self
    }

    /// The methods and paths that were asked since the last call of this.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.take()
    }
}

impl Host for WebHost {
    fn send(&self, request: Request) -> Result<Response, HttpFault> {
        let asked = format!("{} {}", request.method, request.path());
        self.asked.borrow_mut().push(asked);
        let mut headers = request.headers.clone();
        if request.credential.as_deref() == Some("api") {
            headers.push(("authorization".to_owned(), format!("Bearer {}", self.token)));
        }
        exchange(
            &request.method,
            &request.url,
            &headers,
            request.body.as_deref(),
        )
    }

    fn placeholder(&self, slot: &str) -> Result<String, String> {
        Err(format!("there is no secret slot `{slot}`"))
    }

    fn sign(&self, slot: &str, _: &str, _: &[u8]) -> Result<Vec<u8>, String> {
        Err(format!("there is no key in `{slot}`"))
    }

    fn settings(&self) -> Vec<(String, String)> {
        self.settings.clone().into_iter().collect()
    }

    fn now(&self) -> Instant {
        Instant::from_unix_seconds(1_795_000_000)
    }

    fn random(&self, count: u32) -> Vec<u8> {
        (0..count).map(|_| 4).collect()
    }

    fn log(&self, _: LogLevel, _: &str, _: &[(&str, &str)]) {}

    fn scratch_get(&self, _: &str) -> Option<Vec<u8>> {
        None
    }

    fn scratch_set(&self, _: &str, _: &[u8]) -> Result<(), String> {
        Ok(())
    }
}

/// One request and its reply.
pub(crate) fn exchange(
    method: &str,
    url: &str,
    headers: &[(String, String)],
    body: Option<&[u8]>,
) -> Result<Response, HttpFault> {
    let rest = url
        .strip_prefix("http://")
        .ok_or_else(|| HttpFault::NotSent("no http".to_owned()))?;
    let (server, path) = rest.split_once('/').unwrap_or((rest, ""));
    let unsent = |error: std::io::Error| HttpFault::NotSent(error.to_string());
    let mut stream = TcpStream::connect(server).map_err(unsent)?;
    stream.set_read_timeout(Some(ANSWER_MAX)).map_err(unsent)?;
    let body = body.unwrap_or_default();
    let mut head = format!("{method} /{path} HTTP/1.1\r\nhost: {server}\r\nconnection: close\r\n");
    for (name, value) in headers {
        head = format!("{head}{name}: {value}\r\n");
    }
    head = format!("{head}content-length: {}\r\n\r\n", body.len());
    let lost = |error: std::io::Error| HttpFault::SentNoReply(error.to_string());
    stream
        .write_all(head.as_bytes())
        .and_then(|()| stream.write_all(body))
        .map_err(lost)?;
    let mut reply = BufReader::new(stream);
    read(&mut reply, method).map_err(lost)
}

fn read(reply: &mut impl BufRead, method: &str) -> std::io::Result<Response> {
    let broken = || std::io::Error::other("this is no HTTP reply");
    let mut line = String::new();
    reply.read_line(&mut line)?;
    let status = line
        .split(' ')
        .nth(1)
        .and_then(|status| status.trim().parse().ok())
        .ok_or_else(broken)?;
    let mut headers = Vec::new();
    loop {
        line.clear();
        reply.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let header = |name: &str| {
        headers
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.clone())
    };
    let mut body = Vec::new();
    if method == "HEAD" || status == 204 || status == 304 {
        return Ok(Response {
            status,
            headers,
            body,
            extra: Vec::new(),
        });
    }
    if header("transfer-encoding").is_some_and(|value| value.contains("chunked")) {
        loop {
            line.clear();
            reply.read_line(&mut line)?;
            let size = usize::from_str_radix(line.trim(), 16).map_err(|_| broken())?;
            let at = body.len();
            body.resize(at + size, 0);
            reply.read_exact(body.get_mut(at..).unwrap_or_default())?;
            line.clear();
            reply.read_line(&mut line)?;
            if size == 0 {
                break;
            }
        }
    } else if let Some(length) = header("content-length").and_then(|length| length.parse().ok()) {
        body.resize(length, 0);
        reply.read_exact(&mut body)?;
    } else {
        reply.read_to_end(&mut body)?;
    }
    Ok(Response {
        status,
        headers,
        body,
        extra: Vec::new(),
    })
}
