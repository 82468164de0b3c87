//! Which servers a target's plugin may talk to: `https://api.example.com`, `*.example.com:8443`.
//!
//! A pattern is a scheme, a host and a port, and nothing else. Both the pattern and the address of
//! a request are read by the same parser and then compared part by part, so that no spelling of an
//! address (`user@host`, a trailing dot, octal digits, capital letters) looks like another server.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::str::FromStr;

use url::{Host, Url};

use super::address::PrivateAccess;

/// A server, or all servers under a domain, that IT lets a plugin talk to.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct HostPattern {
    is_tls: bool,
    host: Hosts,
    port: u16,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Hosts {
    /// This one, as the parser of addresses writes it.
    One(String),
    /// Every name that ends in a dot and this domain.
    Under(String),
}

/// A text that is no pattern for a server.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("`{text}` is not a server that can be granted: {reason}")]
pub struct InvalidHostPattern {
    /// What was given.
    pub text: String,
    /// Why it cannot be used.
    pub reason: &'static str,
}

impl HostPattern {
    /// Reads `[scheme://]host[:port]`; without a scheme it is `https`, without a port the scheme's.
    /// The host may be `*.example.com`: every name below it, and not `example.com` itself.
    pub fn parse(text: &str) -> Result<Self, InvalidHostPattern> {
        let refuse = |reason| InvalidHostPattern {
            text: text.to_owned(),
            reason,
        };
        let (is_tls, authority) = match text.split_once("://") {
            None => (true, text),
            Some(("https", rest)) => (true, rest),
            Some(("http", rest)) => (false, rest),
            Some(_) => return Err(refuse("its scheme is neither https nor http")),
        };
        if authority.contains(['/', '?', '#', '\\']) {
            return Err(refuse("a path cannot be granted, only a server"));
        }
        if authority.contains('@') || authority.contains(char::is_whitespace) {
            return Err(refuse("only a host and a port may stand in it"));
        }
        let suffix = authority.strip_prefix("*.");
        let plain = suffix.unwrap_or(authority);
        if plain.is_empty() || plain.contains('*') {
            return Err(refuse(
                "a star may only stand for the names below a domain: `*.example.com`",
            ));
        }
        let scheme = if is_tls { "https" } else { "http" };
        let url = Url::parse(&format!("{scheme}://{plain}/"))
            .map_err(|_| refuse("its host or port cannot be read"))?;
        let (Some(host), Some(port)) = (url.host(), url.port_or_known_default()) else {
            return Err(refuse("it has no host"));
        };
        let host = match (suffix, host) {
            (None, host) => Hosts::One(host.to_string()),
            (Some(_), Host::Domain(domain)) if domain.contains('.') => {
                Hosts::Under(domain.to_owned())
            }
            (Some(_), Host::Domain(_)) => {
                return Err(refuse("a whole top-level domain cannot be granted"));
            }
            (Some(_), _) => return Err(refuse("there are no names below an address")),
        };
        Ok(Self { is_tls, host, port })
    }

    /// Whether a request to this address goes to such a server.
    pub fn matches(&self, url: &Url) -> bool {
        let scheme = if self.is_tls { "https" } else { "http" };
        if url.scheme() != scheme || url.port_or_known_default() != Some(self.port) {
            return false;
        }
        match (&self.host, url.host()) {
            (Hosts::One(one), Some(host)) => host.to_string() == *one,
            (Hosts::Under(domain), Some(Host::Domain(host))) => host
                .strip_suffix(domain.as_str())
                .is_some_and(|below| below.len() > 1 && below.ends_with('.')),
            _ => false,
        }
    }

    /// Whether an address is on such a server; `None` for a text that is no address of its own.
    pub fn covers(&self, address: &str) -> Option<bool> {
        let url = Url::parse(address).ok()?;
        matches!(url.scheme(), "http" | "https").then(|| self.matches(&url))
    }

    /// The pattern that grants exactly the server of this address; `None` for a text that is no address.
    pub fn of_text(address: &str) -> Option<Self> {
        Self::of(&Url::parse(address).ok()?)
    }

    /// Why no request could ever reach it, where that shows without looking up a name: it is an address
    /// inside, or this machine, and that is not granted.
    pub fn refused_by(&self, access: &PrivateAccess) -> Option<&'static str> {
        let Hosts::One(host) = &self.host else {
            return None;
        };
        let address = match host.as_str() {
            "localhost" => IpAddr::V4(Ipv4Addr::LOCALHOST),
            host => host.trim_matches(['[', ']']).parse().ok()?,
        };
        access.refusal(host, address)
    }

    /// The pattern that grants exactly the server of this address.
    pub fn of(url: &Url) -> Option<Self> {
        let (host, port) = (url.host()?, url.port_or_known_default()?);
        let is_tls = match url.scheme() {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        Some(Self {
            is_tls,
            host: Hosts::One(host.to_string()),
            port,
        })
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, usual) = if self.is_tls {
            ("https", 443)
        } else {
            ("http", 80)
        };
        match &self.host {
            Hosts::One(host) => write!(f, "{scheme}://{host}")?,
            Hosts::Under(domain) => write!(f, "{scheme}://*.{domain}")?,
        }
        if self.port == usual {
            Ok(())
        } else {
            write!(f, ":{}", self.port)
        }
    }
}

impl FromStr for HostPattern {
    type Err = InvalidHostPattern;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, url: &str, goes: bool) {
        let pattern = HostPattern::parse(pattern).unwrap();
        let matches = Url::parse(url).is_ok_and(|url| pattern.matches(&url));
        assert_eq!(matches, goes, "{pattern} and {url}");
    }

    #[test]
    fn a_server_is_granted_by_scheme_host_and_port() {
        check(
            "api.example.com",
            "https://api.example.com/v1/users?x=1",
            true,
        );
        check("api.example.com", "https://API.Example.COM/", true);
        check("API.example.com", "https://api.example.com:443/", true);
        check("api.example.com", "http://api.example.com/", false);
        check("api.example.com", "https://api.example.com:8443/", false);
        check(
            "api.example.com:8443",
            "https://api.example.com:8443/",
            true,
        );
        check("http://127.0.0.1:8080", "http://127.0.0.1:8080/x", true);
        check("http://[::1]:8080", "http://[0:0:0:0:0:0:0:1]:8080/x", true);
    }

    #[test]
    fn a_lookalike_is_not_granted() {
        check("http://127.0.0.1", "http://127.0.0.1.evil.com/", false);
        check(
            "api.example.com",
            "https://api.example.com@evil.com/",
            false,
        );
        check("api.example.com", "https://evil.com/api.example.com", false);
        check(
            "api.example.com",
            "https://api.example.com.evil.com/",
            false,
        );
        check("api.example.com", "https://api.example.com./", false);
        check("api.example.com", "https://xapi.example.com/", false);
        check(
            "api.example.com",
            "https://api.example.com\\@evil.com/",
            true,
        );
        check("http://127.0.0.1", "http://[::ffff:127.0.0.1]/", false);
        check("http://127.0.0.1", "http://0x7f.1/", true);
    }

    #[test]
    fn a_star_stands_for_names_below_a_domain() {
        check("*.example.com", "https://a.example.com/", true);
        check("*.example.com", "https://a.b.example.com/", true);
        check("*.example.com", "https://example.com/", false);
        check("*.example.com", "https://.example.com/", false);
        check("*.example.com", "https://notexample.com/", false);
        check("*.example.com", "https://a.example.com.evil.com/", false);
    }

    #[test]
    fn what_is_no_server_is_refused() {
        for text in [
            "",
            "*",
            "*.",
            "*.com",
            "*foo.com",
            "a.*.com",
            "https://",
            "ftp://a.example",
            "https://a.example/path",
            "user@a.example",
            "a.example:port",
            "*.127.0.0.1",
            "a b.example",
        ] {
            assert!(HostPattern::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_pattern_is_written_as_it_can_be_read() {
        for text in [
            "https://a.example",
            "http://a.example:81",
            "https://*.a.example:8443",
            "http://[::1]",
        ] {
            assert_eq!(HostPattern::parse(text).unwrap().to_string(), text);
        }
    }
}
