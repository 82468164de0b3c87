//! A service on a port of its own and a client for it.
#![expect(clippy::unwrap_used, clippy::panic, reason = "test code")]
#![allow(dead_code, reason = "each test file uses a part of this")]

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{HeaderMap, Request};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use muster_demo_scim::{Options, Service, serve};
use serde_json::{Value, json};
use tokio::net::TcpListener;

pub(crate) const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
pub(crate) const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
pub(crate) const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
pub(crate) const TOKEN: &str = "t0k";

pub(crate) struct Running {
    pub(crate) origin: String,
    pub(crate) service: Arc<Service>,
    client: Client<HttpConnector, Full<Bytes>>,
    server: tokio::task::JoinHandle<()>,
}

pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {}", self.text))
    }

    pub(crate) fn id(&self) -> String {
        self.json()["id"]
            .as_str()
            .unwrap_or_else(|| panic!("no id: {}", self.text))
            .to_owned()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Running {
    pub(crate) async fn start(options: Options) -> Self {
        let options = Options {
            token: Some(TOKEN.to_owned()),
            ..options
        };
        let service = Arc::new(Service::new(options));
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let listener = TcpListener::bind(address).await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let server = tokio::spawn(serve(listener, Arc::clone(&service)));
        let client = Client::builder(TokioExecutor::new()).build_http();
        Self {
            origin,
            service,
            client,
            server,
        }
    }

    /// A SCIM request with the token; `None` is a connection that was dropped.
    pub(crate) async fn try_send(&self, method: &str, path: &str, body: &Value) -> Option<Reply> {
        let is_admin = path == "/" || path.starts_with("/_");
        let base = if is_admin { "" } else { "/scim/v2" };
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{base}{path}", self.origin))
            .header("authorization", format!("Bearer {TOKEN}"))
            .header("content-type", "application/scim+json")
            .body(Full::new(Bytes::from(body)))
            .unwrap();
        self.send_request(request).await
    }

    pub(crate) async fn send_request(&self, request: Request<Full<Bytes>>) -> Option<Reply> {
        let (parts, body) = self.client.request(request).await.ok()?.into_parts();
        let bytes = body.collect().await.ok()?.to_bytes();
        Some(Reply {
            status: parts.status.as_u16(),
            headers: parts.headers,
            text: String::from_utf8(bytes.to_vec()).unwrap(),
        })
    }

    pub(crate) async fn send(&self, method: &str, path: &str, body: Value) -> Reply {
        self.try_send(method, path, &body).await.unwrap()
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.send("GET", path, Value::Null).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Reply {
        self.send("DELETE", path, Value::Null).await
    }

    /// Makes a user; its id.
    pub(crate) async fn user(&self, name: &str) -> String {
        let email = format!("{name}@example.org");
        let user = json!({
            "schemas": [USER], "userName": name, "externalId": format!("W-{name}"),
            "emails": [{"value": email, "type": "work", "primary": true}],
        });
        let reply = self.send("POST", "/Users", user).await;
        assert_eq!(reply.status, 201, "{}", reply.text);
        reply.id()
    }

    /// Makes a group; its id.
    pub(crate) async fn group(&self, name: &str, members: &[&str]) -> String {
        let members: Vec<Value> = members.iter().map(|id| json!({"value": id})).collect();
        let group = json!({"schemas": [GROUP], "displayName": name, "members": members});
        let reply = self.send("POST", "/Groups", group).await;
        assert_eq!(reply.status, 201, "{}", reply.text);
        reply.id()
    }

    pub(crate) async fn patch(&self, path: &str, operations: Value) -> Reply {
        let message = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
        self.send(
            "PATCH",
            path,
            json!({"schemas": [message], "Operations": operations}),
        )
        .await
    }

    /// User names that a filter finds.
    pub(crate) async fn found(&self, filter: &str) -> Vec<String> {
        let filter: String = url::form_urlencoded::byte_serialize(filter.as_bytes()).collect();
        let reply = self.get(&format!("/Users?filter={filter}")).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        let found = reply.json();
        let users = found["Resources"].as_array().unwrap().iter();
        users
            .map(|user| user["userName"].as_str().unwrap().to_owned())
            .collect()
    }
}
