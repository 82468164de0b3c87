//! The demo's SCIM service, in this process: it can be told to fail, to have no seats, and to protect its owner.

use std::net::Ipv4Addr;
use std::sync::Arc;

use muster_demo_scim::{Options, Service, serve};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use super::http::{WebHost, exchange};

/// The service. It ends with this value.
pub(crate) struct App {
    pub(crate) service: Arc<Service>,
    server: String,
    _runtime: Runtime,
}

impl App {
    /// A service that behaves like this.
    pub(crate) fn with(options: Options) -> Self {
        let service = Arc::new(Service::new(Options {
            token: Some("t0k".to_owned()),
            ..options
        }));
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build();
        let runtime = runtime.expect("a runtime for the service");
        let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)));
        let listener = listener.expect("a free port for the service");
        let server = format!("http://{}", listener.local_addr().expect("its address"));
        runtime.spawn(serve(listener, Arc::clone(&service)));
        Self {
            service,
            server,
            _runtime: runtime,
        }
    }

    /// A host that reaches it.
    pub(crate) fn host(&self) -> WebHost {
        WebHost::of(&format!("{}/scim/v2", self.server), "t0k")
            .setting("sessions_url", "/Users/{id}/sessions")
    }

    /// Tells it something by its routes for tests.
    pub(crate) fn tell(&self, method: &str, path: &str, body: &Value) -> Value {
        let headers = [("content-type".to_owned(), "application/json".to_owned())];
        let url = format!("{}{path}", self.server);
        let reply =
            exchange(method, &url, &headers, Some(body.to_string().as_bytes())).expect("a reply");
        assert!(
            (200..300).contains(&reply.status),
            "{path}: {}",
            String::from_utf8_lossy(&reply.body)
        );
        serde_json::from_slice(&reply.body).unwrap_or_default()
    }
}
