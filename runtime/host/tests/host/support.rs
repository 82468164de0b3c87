//! What the host's tests share: the built guests, a host, a target on them, and an app on the
//! loopback that answers as a test wants and remembers what it was asked.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use muster_core::connector::{
    AccountSpec, AccountState, CallContext, Change, DesiredAccount, ObjectRef, Outcome, Problem,
    Scalar,
};
use muster_core::id::{OperationId, PlanId};
use muster_host::{Host, HostOptions, HostPattern, PrivateAccess, Slot, Target, TargetOptions};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// The file of a guest of the tests.
pub(crate) fn guest(name: &str) -> PathBuf {
    plugin(&format!("test/{name}"))
}

/// The file of a plugin.
pub(crate) fn plugin(name: &str) -> PathBuf {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    #[expect(
        clippy::disallowed_methods,
        reason = "where the plugins are is the environment's to say"
    )]
    let plugins =
        std::env::var("MUSTER_PLUGINS_DIR").map_or(workspace.join("target/plugins"), PathBuf::from);
    let path = plugins.join(format!("{name}.wasm"));
    assert!(
        path.exists(),
        "there is no {name}.wasm: run `cargo xtask plugins` first"
    );
    path
}

/// The bytes of a guest.
pub(crate) fn bytes(name: &str) -> Vec<u8> {
    std::fs::read(guest(name)).unwrap()
}

/// A host that keeps compiled guests between the tests.
pub(crate) fn host() -> Host {
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("compiled");
    Host::new(HostOptions {
        cache: Some(cache),
        ..HostOptions::default()
    })
    .unwrap()
}

/// The same component with another digest: a custom section more, which means nothing.
pub(crate) fn another_version(mut component: Vec<u8>, mark: u8) -> Vec<u8> {
    component.extend_from_slice(&[0, 6, 4, b'm', b'a', b'r', b'k', mark]);
    component
}

/// Options of a target that may reach this app on the loopback.
pub(crate) fn on(app: &App) -> TargetOptions {
    TargetOptions {
        name: "crm".to_owned(),
        hosts: vec![HostPattern::parse(&app.base()).unwrap()],
        private: PrivateAccess::only(vec!["127.0.0.1".parse().unwrap()]),
        ..TargetOptions::default()
    }
}

/// An active account without attributes.
pub(crate) fn desired(
    object: Option<ObjectRef>,
    match_keys: Vec<(String, String)>,
) -> DesiredAccount {
    let spec = AccountSpec {
        match_keys,
        may_adopt: false,
        initial_state: AccountState::Active,
        attributes: [].into(),
    };
    DesiredAccount {
        object,
        may_adopt: false,
        spec: Arc::new(spec),
    }
}

/// A target with the puppet, and options.
pub(crate) async fn target(host: &Host, options: TargetOptions) -> Target {
    let plugin = host.load(guest("puppet")).await.unwrap();
    Target::new(host, Arc::new(Slot::new(plugin)), options).unwrap()
}

/// A target with the puppet that may reach nothing.
pub(crate) async fn lonely(host: &Host) -> Target {
    target(
        host,
        TargetOptions {
            name: "lonely".to_owned(),
            ..TargetOptions::default()
        },
    )
    .await
}

/// Has the puppet do something, and returns what it shows.
pub(crate) async fn tell(target: &Target, what: Value) -> Result<Value, Problem> {
    let account = target
        .read_account(&object(&what))
        .await?
        .expect("the puppet always answers");
    let shown = match account.attributes.get("shown").map(Vec::as_slice) {
        Some([Scalar::Text(text)]) => text.clone(),
        _ => "null".to_owned(),
    };
    Ok(serde_json::from_str(&shown).unwrap())
}

/// Has the puppet make one request as a change.
pub(crate) async fn change(target: &Target, what: Value, number: u32) -> Result<Outcome, Problem> {
    let change = Change::EnsureState(object(&what), AccountState::Active);
    target.change(&change, &context(number)).await
}

/// An account whose id says what to do.
pub(crate) fn object(what: &Value) -> ObjectRef {
    ObjectRef {
        kind: "user".to_owned(),
        container: None,
        id: what.to_string(),
        revision: None,
        name_hint: None,
    }
}

/// The context of an operation.
pub(crate) fn context(number: u32) -> CallContext {
    let operation = OperationId {
        plan: PlanId(1),
        number,
    };
    CallContext {
        operation,
        attempt: 1,
        reason: "a test".to_owned(),
    }
}

/// The text of a failed plugin.
pub(crate) fn failed(problem: Problem) -> (String, bool) {
    match problem {
        Problem::PluginFailed { text, sent } => (text, sent),
        other => panic!("the plugin should have failed, and it is {other:?}"),
    }
}

/// A request as the app got it.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// A field of a form.
    pub(crate) fn field(&self, name: &str) -> Option<String> {
        url::form_urlencoded::parse(self.body.as_bytes())
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.into_owned())
    }
}

/// What the app answers.
pub(crate) type Answer = http::Response<Full<Bytes>>;

/// An app on the loopback. It stops when it is dropped.
pub(crate) struct App {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
    accepting: tokio::task::JoinHandle<()>,
}

impl App {
    /// An app that answers each request so.
    pub(crate) async fn start(answer: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (log, answer) = (Arc::clone(&asked), Arc::new(answer));
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (log, answer) = (Arc::clone(&log), Arc::clone(&answer));
                tokio::spawn(async move {
                    let service = service_fn(move |request: http::Request<Incoming>| {
                        let (log, answer) = (Arc::clone(&log), Arc::clone(&answer));
                        async move {
                            let asked = asked_of(request).await;
                            let reply = answer(&asked);
                            log.lock().unwrap().push(asked);
                            Ok::<_, Infallible>(reply)
                        }
                    });
                    // A client that goes away in the middle is part of some tests.
                    drop(
                        hyper::server::conn::http1::Builder::new()
                            .serve_connection(TokioIo::new(stream), service)
                            .await,
                    );
                });
            }
        });
        Self {
            address,
            asked,
            accepting,
        }
    }

    /// An app that says who asked it.
    pub(crate) async fn echo() -> Self {
        Self::start(|asked| {
            json_answer(
                200,
                &json!({
                    "path": asked.path, "headers": asked.headers, "body": asked.body,
                }),
            )
        })
        .await
    }

    pub(crate) fn base(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base())
    }

    /// What it was asked until now.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

impl Drop for App {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn asked_of(request: http::Request<Incoming>) -> Asked {
    let (head, body) = request.into_parts();
    let body = body
        .collect()
        .await
        .map(http_body_util::Collected::to_bytes)
        .unwrap_or_default();
    Asked {
        path: head.uri.to_string(),
        headers: head
            .headers
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap_or("?").to_owned()))
            .collect(),
        body: String::from_utf8_lossy(&body).into_owned(),
    }
}

/// An answer with a JSON body.
pub(crate) fn json_answer(status: u16, body: &Value) -> Answer {
    http::Response::builder()
        .status(status)
        .header("content-type", "application/json")
        .body(Full::new(Bytes::from(body.to_string())))
        .unwrap()
}
