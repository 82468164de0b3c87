//! Opening the doors, and letting people in: the TCP address and the unix socket.
//!
//! What a connection may take is bounded (`connection`). Nothing is waited for but the next one:
//! so a stop is noticed whoever hangs at the door. When the daemon stops, no new connection is taken and
//! what is being answered is answered.

use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use muster_core::coded::Coded;
use muster_core::finding::Code;
use tokio::net::{TcpListener, UnixListener, UnixStream};
use tokio::sync::watch;

use super::connection::{Connections, Limits, stopped};
use super::gate::Gate;
use crate::answers::operator::Peer;
use crate::clock::Retrying;

/// The address of the public door cannot be had.
pub const ADDRESS_TAKEN: Code = Code::new("API-008");
/// The socket of the command line cannot be made.
pub const NO_SOCKET: Code = Code::new("API-009");

/// What the public door allows. Half of its places are enough for a proxy that stands before it, and leave
/// the other half to everybody else.
const PUBLIC: Limits = Limits {
    connections_max: 128,
    of_one_peer_max: 64,
    answer_stall_max: Duration::from_secs(10),
    time_max: Some(Duration::from_mins(3)),
    buffer_bytes: 64 << 10,
};

/// What the admin door allows: who can open it is trusted, and may watch a plan for hours.
const ADMIN: Limits = Limits {
    connections_max: 128,
    of_one_peer_max: 128,
    answer_stall_max: Duration::from_mins(1),
    time_max: None,
    buffer_bytes: 512 << 10,
};

/// How long to wait before taking connections again after the system could not give one: at first, and at
/// most.
const ACCEPT_PAUSE: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(5));

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

    /// Answers with whatever is behind the gate when something is asked, until `stop` turns true; then until what was
    /// asked is answered.
    pub async fn serve(self, gate: Arc<Gate>, stop: watch::Receiver<bool>) {
        let admin_door = serve_socket(self.admin, Arc::clone(&gate), stop.clone());
        match self.public {
            Some(listener) => {
                let public = serve_address(listener, gate, stop);
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

async fn serve_address(listener: TcpListener, gate: Arc<Gate>, mut stop: watch::Receiver<bool>) {
    let mut connections = Connections::new(PUBLIC);
    let mut accepting = Retrying::new(ACCEPT_PAUSE.0, ACCEPT_PAUSE.1);
    loop {
        let taken = tokio::select! {
            taken = listener.accept() => taken,
            () = stopped(&mut stop) => break,
        };
        match taken {
            Ok((stream, address)) => {
                accepting.succeeded();
                let gate = Arc::clone(&gate);
                let router = move || gate.public();
                connections.take(
                    stream,
                    (Some(address.ip()), Peer { uid: None }),
                    router,
                    stop.clone(),
                );
            }
            Err(error) => pause(&mut accepting, &error, &mut stop).await,
        }
    }
    drop(listener);
    connections.drain().await;
}

async fn serve_socket(listener: UnixListener, gate: Arc<Gate>, mut stop: watch::Receiver<bool>) {
    let mut connections = Connections::new(ADMIN);
    let mut accepting = Retrying::new(ACCEPT_PAUSE.0, ACCEPT_PAUSE.1);
    loop {
        let taken = tokio::select! {
            taken = listener.accept() => taken,
            () = stopped(&mut stop) => break,
        };
        match taken {
            Ok((stream, _)) => {
                accepting.succeeded();
                let uid = stream.peer_cred().ok().map(|cred| cred.uid());
                let gate = Arc::clone(&gate);
                let router = move || gate.admin();
                connections.take(stream, (None, Peer { uid }), router, stop.clone());
            }
            Err(error) => pause(&mut accepting, &error, &mut stop).await,
        }
    }
    drop(listener);
    connections.drain().await;
}

/// The system may be out of file descriptors: trying again at once would only heat the room.
async fn pause(accepting: &mut Retrying, error: &io::Error, stop: &mut watch::Receiver<bool>) {
    if accepting.failed(&error.to_string()) {
        tracing::warn!(%error, "could not take a connection; it is tried again");
    }
    tokio::select! {
        () = tokio::time::sleep(accepting.pause()) => {}
        () = stopped(stop) => {}
    }
}
