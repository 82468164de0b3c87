//! A proxy that leads out, as IT names it: a host and a port.

use std::fmt;
use std::str::FromStr;

use url::Url;

/// A proxy for the requests of a target.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Proxy {
    host: String,
    port: u16,
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

impl Proxy {
    /// Its host: a name, or an address without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }
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
