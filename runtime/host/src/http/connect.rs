//! Connecting to a server: the name is looked up here, every address is checked, and the connection
//! goes to an address that was checked. There is no second look-up that could give another answer.
//!
//! Through a proxy it is the proxy that looks the name up. An address that is written as such is checked as
//! ever, and so is a name that can be looked up here; one that cannot is left to the proxy.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use muster_core::permission::{PrivateAccess, Proxy};
use tokio::net::TcpStream;
use tower::Service;

use super::proxy;

/// How long one address may take to answer.
const CONNECT_TIME: Duration = Duration::from_secs(10);

/// How long looking up a name may take that a proxy will look up all the same.
const LOOK_UP_TIME: Duration = Duration::from_secs(2);

/// Why there is no connection. In every case nothing was sent.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectError {
    /// The name leads inside, and that is not granted.
    #[error("{}{what}", named(host, *address))]
    Private {
        host: String,
        address: IpAddr,
        what: &'static str,
    },
    /// The name leads nowhere.
    #[error(
        "the name {host} could not be looked up (where only a proxy leads out, the target needs `proxy`)"
    )]
    Name {
        host: String,
        #[source]
        source: std::io::Error,
    },
    /// The name has no address.
    #[error("the name {host} has no address")]
    NoAddress { host: String },
    /// Nobody answers there.
    #[error("could not connect to {address}")]
    Refused {
        address: SocketAddr,
        #[source]
        source: std::io::Error,
    },
    /// The proxy cannot be used.
    #[error("the proxy {proxy} does not lead to {host}: {text} (NET-022)")]
    Proxy {
        proxy: Proxy,
        host: String,
        text: String,
    },
    /// Nobody answered in time.
    #[error("{address} did not answer within {} s", CONNECT_TIME.as_secs())]
    Slow { address: SocketAddr },
}

/// Connects for one target, within its permissions.
#[derive(Clone)]
pub(crate) struct CheckedConnector {
    access: Arc<PrivateAccess>,
    proxy: Option<Arc<Proxy>>,
}

impl CheckedConnector {
    pub(crate) fn new(access: Arc<PrivateAccess>, proxy: Option<Proxy>) -> Self {
        Self {
            access,
            proxy: proxy.map(Arc::new),
        }
    }
}

impl fmt::Debug for CheckedConnector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CheckedConnector")
    }
}

impl Service<Uri> for CheckedConnector {
    type Response = Joined;
    type Error = ConnectError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let (access, proxy) = (Arc::clone(&self.access), self.proxy.clone());
        Box::pin(async move {
            match proxy {
                None => Joined::directly(connect(&access, &uri).await?),
                Some(proxy) => through(&access, &proxy, &uri).await,
            }
        })
    }
}

/// A connection, with the word for the client whether it ends at a proxy that wants whole addresses.
pub(crate) struct Joined {
    stream: TokioIo<TcpStream>,
    is_proxied: bool,
}

impl Joined {
    #[expect(
        clippy::unnecessary_wraps,
        reason = "what connecting directly gives, too"
    )]
    fn directly(stream: TcpStream) -> Result<Self, ConnectError> {
        Ok(Self {
            stream: TokioIo::new(stream),
            is_proxied: false,
        })
    }
}

impl Connection for Joined {
    fn connected(&self) -> Connected {
        self.stream.connected().proxy(self.is_proxied)
    }
}

impl Read for Joined {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl Write for Joined {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bytes)
    }
}

/// Host and port of an address.
fn server_of(uri: &Uri) -> (String, u16) {
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    let usual = if uri.scheme_str() == Some("https") {
        443
    } else {
        80
    };
    (host.to_owned(), uri.port_u16().unwrap_or(usual))
}

/// Connects through a proxy.
async fn through(access: &PrivateAccess, proxy: &Proxy, uri: &Uri) -> Result<Joined, ConnectError> {
    let (host, port) = server_of(uri);
    let looking = tokio::time::timeout(LOOK_UP_TIME, look_up(&host, port));
    // What cannot be looked up here is left to the proxy.
    if let Ok(Ok(addresses)) = looking.await {
        check_some(access, &host, &addresses)?;
    }
    let refused = |text: String| ConnectError::Proxy {
        proxy: proxy.clone(),
        host: host.clone(),
        text,
    };
    let to_proxy = TcpStream::connect((proxy.host(), proxy.port()));
    let joined = tokio::time::timeout(CONNECT_TIME, to_proxy).await;
    let mut stream = joined
        .map_err(|_| {
            refused(format!(
                "it did not answer within {} s",
                CONNECT_TIME.as_secs()
            ))
        })?
        .map_err(|error| refused(format!("it cannot be reached: {error}")))?;
    without_delay(&stream);
    let is_tunnel = uri.scheme_str() == Some("https");
    if is_tunnel {
        let asked = tokio::time::timeout(CONNECT_TIME, proxy::tunnel(&mut stream, &host, port));
        asked
            .await
            .map_err(|_| {
                refused(format!(
                    "it did not answer within {} s",
                    CONNECT_TIME.as_secs()
                ))
            })?
            .map_err(refused)?;
    }
    Ok(Joined {
        stream: TokioIo::new(stream),
        is_proxied: !is_tunnel,
    })
}

/// Refuses a name that leads inside only, where that is not granted.
fn check_some(
    access: &PrivateAccess,
    host: &str,
    addresses: &[SocketAddr],
) -> Result<(), ConnectError> {
    let refusal = |address: &SocketAddr| {
        let what = access.refusal(host, address.ip())?;
        Some(ConnectError::Private {
            host: host.to_owned(),
            address: address.ip(),
            what,
        })
    };
    // The proxy chooses among them, and may choose any.
    addresses.iter().find_map(refusal).map_or(Ok(()), Err)
}

async fn connect(access: &PrivateAccess, uri: &Uri) -> Result<TcpStream, ConnectError> {
    let (host, port) = server_of(uri);
    let addresses = look_up(&host, port).await?;
    let mut refused = None;
    for address in addresses {
        if let Some(what) = access.refusal(&host, address.ip()) {
            refused.get_or_insert(ConnectError::Private {
                host: host.clone(),
                address: address.ip(),
                what,
            });
            continue;
        }
        match tokio::time::timeout(CONNECT_TIME, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                without_delay(&stream);
                return Ok(stream);
            }
            Ok(Err(source)) => refused = Some(ConnectError::Refused { address, source }),
            Err(_) => refused = Some(ConnectError::Slow { address }),
        }
    }
    Err(refused.unwrap_or(ConnectError::NoAddress { host }))
}

/// Requests are small and complete; waiting for more to send would only delay them.
fn without_delay(stream: &TcpStream) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(error = %error, "could not turn delay off");
    }
}

/// A name with the address that it leads to, as the beginning of a sentence about that.
fn named(host: &str, address: IpAddr) -> String {
    if host.parse() == Ok(address) {
        return format!("{address} is ");
    }
    format!("{host} is {address}, which is ")
}

async fn look_up(host: &str, port: u16) -> Result<Vec<SocketAddr>, ConnectError> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    match tokio::net::lookup_host((host, port)).await {
        Ok(addresses) => Ok(addresses.collect()),
        Err(source) => Err(ConnectError::Name {
            host: host.to_owned(),
            source,
        }),
    }
}
