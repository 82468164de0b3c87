//! Opening the doors, and letting people in: the TCP address and the unix socket.
//!
//! Each connection is bounded: how many there are, how long the head of a request may take. When
//! the daemon stops, no new connection is taken and what is being answered is answered.

use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::{Extension, Router};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use muster_core::finding::Code;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener, UnixStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use super::engine::Engine;
use super::{admin, public};
use crate::error::Coded;

/// The address of the public door cannot be had.
pub const ADDRESS_TAKEN: Code = Code::new("API-008");
/// The socket of the command line cannot be made.
pub const NO_SOCKET: Code = Code::new("API-009");

/// Connections at each door at once; further ones wait to be taken.
const CONNECTIONS_MAX: usize = 128;

/// Longest time for the head of a request to arrive.
const HEAD_TIME_MAX: Duration = Duration::from_secs(10);

/// Longest time that open answers may take when the daemon stops.
const GRACE: Duration = Duration::from_secs(10);

/// How long to wait before taking connections again after the system could not give one.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A door that cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum DoorError {
    /// The address cannot be listened on.
    #[error("could not listen on {address}")]
    Address {
        /// The address.
        address: SocketAddr,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The socket cannot be made.
    #[error("could not make the socket {path}")]
    Socket {
        /// The socket.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Another daemon answers at the socket.
    #[error("a daemon is running on this data folder already: it answers at {path}")]
    Running {
        /// The socket.
        path: PathBuf,
    },
}

impl Coded for DoorError {
    fn code(&self) -> Code {
        match self {
            DoorError::Address { .. } => ADDRESS_TAKEN,
            DoorError::Socket { .. } | DoorError::Running { .. } => NO_SOCKET,
        }
    }

    fn hint(&self) -> String {
        match self {
            DoorError::Address { .. } => {
                "if that is another Muster, stop it or leave it in peace; otherwise name another address, or none: listen = \"off\" under [daemon]".to_owned()
            }
            DoorError::Socket { .. } => {
                "the data folder has to be writable, and its path no longer \
                                         than 90 bytes: data = \"...\" under [daemon]"
                    .to_owned()
            }
            DoorError::Running { .. } => {
                "stop it first, or give this one a data folder of its own".to_owned()
            }
        }
    }
}

/// Who is at the other end of a connection on the unix socket.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Peer {
    /// The user, as the kernel knows it.
    pub uid: Option<u32>,
}

/// The doors, open: connections wait, and are taken once [`Doors::serve`] runs.
#[derive(Debug)]
pub struct Doors {
    public: Option<TcpListener>,
    admin: UnixListener,
    socket: PathBuf,
}

impl Doors {
    /// Opens the doors. A socket that a killed daemon left behind is replaced.
    pub async fn open(address: Option<SocketAddr>, socket: &Path) -> Result<Self, DoorError> {
        let public = match address {
            Some(address) => {
                let listener = TcpListener::bind(address).await;
                Some(listener.map_err(|source| DoorError::Address { address, source })?)
            }
            None => None,
        };
        let admin = open_socket(socket).await?;
        Ok(Self {
            public,
            admin,
            socket: socket.to_owned(),
        })
    }

    /// Where the public door is; with port 0 configured, the port that the system chose.
    pub fn address(&self) -> Option<SocketAddr> {
        self.public.as_ref()?.local_addr().ok()
    }

    /// Answers until `stop` turns true, then until what was asked is answered.
    pub async fn serve(
        self,
        engine: Arc<dyn Engine>,
        file_bytes_max: u64,
        stop: watch::Receiver<bool>,
    ) {
        let bytes_max = usize::try_from(file_bytes_max).unwrap_or(usize::MAX);
        let admin = admin::router(Arc::clone(&engine), bytes_max);
        let admin_door = serve_socket(self.admin, admin, stop.clone());
        match self.public {
            Some(listener) => {
                let public = serve_address(listener, public::router(engine, bytes_max), stop);
                tokio::join!(admin_door, public);
            }
            None => admin_door.await,
        }
        // Left behind, it would only be replaced by the next daemon.
        drop(std::fs::remove_file(&self.socket));
    }
}

async fn open_socket(path: &Path) -> Result<UnixListener, DoorError> {
    let failed = |source| DoorError::Socket {
        path: path.to_owned(),
        source,
    };
    if let Some(folder) = path.parent() {
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true).mode(0o700);
        builder.create(folder).map_err(failed)?;
    }
    let listener = match UnixListener::bind(path) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            if UnixStream::connect(path).await.is_ok() {
                return Err(DoorError::Running {
                    path: path.to_owned(),
                });
            }
            std::fs::remove_file(path).map_err(failed)?;
            UnixListener::bind(path).map_err(failed)?
        }
        bound => bound.map_err(failed)?,
    };
    let owner_only = std::fs::Permissions::from_mode(0o600);
    std::fs::set_permissions(path, owner_only).map_err(failed)?;
    Ok(listener)
}

async fn serve_address(listener: TcpListener, router: Router, mut stop: watch::Receiver<bool>) {
    let mut connections = Connections::new();
    loop {
        let room = connections.room().await;
        tokio::select! {
            taken = listener.accept() => match taken {
                Ok((stream, _)) => connections.take(stream, router.clone(), room, stop.clone()),
                Err(error) => pause(&error).await,
            },
            () = stopped(&mut stop) => break,
        }
    }
    connections.drain().await;
}

async fn serve_socket(listener: UnixListener, router: Router, mut stop: watch::Receiver<bool>) {
    let mut connections = Connections::new();
    loop {
        let room = connections.room().await;
        tokio::select! {
            taken = listener.accept() => match taken {
                Ok((stream, _)) => {
                    let uid = stream.peer_cred().ok().map(|cred| cred.uid());
                    let router = router.clone().layer(Extension(Peer { uid }));
                    connections.take(stream, router, room, stop.clone());
                }
                Err(error) => pause(&error).await,
            },
            () = stopped(&mut stop) => break,
        }
    }
    connections.drain().await;
}

async fn stopped(stop: &mut watch::Receiver<bool>) {
    // A sender that is gone means that the daemon is, too.
    drop(stop.wait_for(|stop| *stop).await);
}

/// The system may be out of file descriptors: trying again at once would only heat the room.
async fn pause(error: &io::Error) {
    tracing::warn!(%error, "could not take a connection");
    tokio::time::sleep(ACCEPT_PAUSE).await;
}

/// The connections of one door.
struct Connections {
    tasks: JoinSet<()>,
    room: Arc<Semaphore>,
}

type Room = Option<tokio::sync::OwnedSemaphorePermit>;

impl Connections {
    fn new() -> Self {
        Self {
            tasks: JoinSet::new(),
            room: Arc::new(Semaphore::new(CONNECTIONS_MAX)),
        }
    }

    /// Waits until another connection may be taken.
    async fn room(&mut self) -> Room {
        while self.tasks.try_join_next().is_some() {}
        Arc::clone(&self.room).acquire_owned().await.ok()
    }

    fn take<S>(&mut self, stream: S, router: Router, room: Room, mut stop: watch::Receiver<bool>)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        self.tasks.spawn(async move {
            let connection = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD_TIME_MAX)
                .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
            let mut connection = pin!(connection);
            let ended = tokio::select! {
                ended = connection.as_mut() => ended,
                () = stopped(&mut stop) => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            };
            if let Err(error) = ended {
                tracing::debug!(%error, "a connection ended early");
            }
            drop(room);
        });
    }

    async fn drain(mut self) {
        let all = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(GRACE, all).await.is_err() {
            tracing::warn!("connections were still open when the daemon stopped");
        }
    }
}
