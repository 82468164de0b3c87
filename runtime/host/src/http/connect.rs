//! Connecting to a server: the name is looked up here, every address is checked, and the connection
//! goes to an address that was checked. There is no second look-up that could give another answer.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower::Service;

use super::address::PrivateAccess;

/// How long one address may take to answer.
const CONNECT_TIME: Duration = Duration::from_secs(10);

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
    #[error("the name {host} could not be looked up")]
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
    /// Nobody answered in time.
    #[error("{address} did not answer within {} s", CONNECT_TIME.as_secs())]
    Slow { address: SocketAddr },
}

/// Connects for one target, within its permissions.
#[derive(Clone)]
pub(crate) struct CheckedConnector {
    access: Arc<PrivateAccess>,
}

impl CheckedConnector {
    pub(crate) fn new(access: Arc<PrivateAccess>) -> Self {
        Self { access }
    }
}

impl fmt::Debug for CheckedConnector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CheckedConnector")
    }
}

impl Service<Uri> for CheckedConnector {
    type Response = TokioIo<TcpStream>;
    type Error = ConnectError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        Box::pin(connect(Arc::clone(&self.access), uri))
    }
}

async fn connect(access: Arc<PrivateAccess>, uri: Uri) -> Result<TokioIo<TcpStream>, ConnectError> {
    let host = uri
        .host()
        .unwrap_or_default()
        .trim_matches(['[', ']'])
        .to_owned();
    let usual = if uri.scheme_str() == Some("https") {
        443
    } else {
        80
    };
    let port = uri.port_u16().unwrap_or(usual);
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
                // Requests are small and complete; waiting for more to send would only delay them.
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(error = %error, "could not turn delay off");
                }
                return Ok(TokioIo::new(stream));
            }
            Ok(Err(source)) => refused = Some(ConnectError::Refused { address, source }),
            Err(_) => refused = Some(ConnectError::Slow { address }),
        }
    }
    Err(refused.unwrap_or(ConnectError::NoAddress { host }))
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
