//! A proxy that leads out: `CONNECT` for https, and whole addresses for http.
//!
//! The permissions stay those of the server at the end: its name has to be granted, and TLS is spoken with it
//! and not with the proxy. What the proxy itself may be is for IT to say, so its address is not checked.

use std::fmt;
use std::str::FromStr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use url::Url;

/// Largest answer to `CONNECT`, in bytes.
const ANSWER_BYTES_MAX: usize = 16 << 10;

/// A proxy for the requests of a target.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Proxy {
    pub(crate) host: String,
    pub(crate) port: u16,
}

/// A text that names no proxy.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("`{text}` is no proxy: {reason}")]
pub struct InvalidProxy {
    /// What was given.
    pub text: String,
    /// Why it cannot be used.
    pub reason: &'static str,
}

impl FromStr for Proxy {
    type Err = InvalidProxy;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refuse = |reason| InvalidProxy {
            // A password in it is not repeated.
            text: text
                .rsplit_once('@')
                .map_or(text, |(_, rest)| rest)
                .to_owned(),
            reason,
        };
        let url =
            Url::parse(text).map_err(|_| refuse("write it as http://proxy.example.com:3128"))?;
        if url.scheme() != "http" {
            return Err(refuse("only proxies that are spoken to by http are known"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refuse(
                "a user name cannot be given; let the proxy know this machine by its address",
            ));
        }
        if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
            return Err(refuse("only a host and a port may stand in it"));
        }
        match (url.host_str(), url.port_or_known_default()) {
            (Some(host), Some(port)) => Ok(Self {
                host: host.trim_matches(['[', ']']).to_owned(),
                port,
            }),
            _ => Err(refuse("it has no host")),
        }
    }
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}:{}", self.host, self.port)
    }
}

/// Asks the proxy at the other end to connect to a server. The text says why it does not.
pub(super) async fn tunnel(stream: &mut TcpStream, host: &str, port: u16) -> Result<(), String> {
    let host = if host.contains(':') {
        format!("[{host}]")
    } else {
        host.to_owned()
    };
    let asked = format!("CONNECT {host}:{port} HTTP/1.1\r\nhost: {host}:{port}\r\n\r\n");
    let broken = |error: std::io::Error| format!("it broke off: {error}");
    stream.write_all(asked.as_bytes()).await.map_err(broken)?;
    let mut answer = Vec::new();
    // Byte by byte, so that nothing of what follows is taken: the server may be the first to speak.
    while !answer.ends_with(b"\r\n\r\n") {
        if answer.len() == ANSWER_BYTES_MAX {
            return Err("its answer does not end".to_owned());
        }
        answer.push(stream.read_u8().await.map_err(broken)?);
    }
    let first = answer
        .split(|byte| *byte == b'\r')
        .next()
        .unwrap_or_default();
    let first = String::from_utf8_lossy(first);
    let status = first.split(' ').nth(1).unwrap_or_default();
    if first.starts_with("HTTP/1.") && status.len() == 3 && status.starts_with('2') {
        return Ok(());
    }
    Err(format!(
        "it answered `{}`",
        crate::failure::cut_to(&first, 100)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c54_a_proxy_is_a_host_and_a_port_and_nothing_else() {
        for text in ["http://proxy.example.com:3128", "http://10.0.0.1:8080"] {
            assert_eq!(text.parse::<Proxy>().unwrap().to_string(), text);
        }
        for text in [
            "proxy.example.com:3128",
            "https://proxy.example.com",
            "socks5://proxy.example.com",
            "http://user:canary@proxy.example.com",
            "http://proxy.example.com/path",
            "",
        ] {
            let error = text.parse::<Proxy>().unwrap_err();
            assert!(!error.to_string().contains("canary"), "{error}");
        }
    }
}
