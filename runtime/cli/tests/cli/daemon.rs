//! Somebody at the socket who speaks the daemon's API, with answers made up beforehand: what the command line asks, and
//! how it shows what it is told. What the daemon makes of a question is tested where it is answered.

use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use muster_api::v1;
use serde::Serialize;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::answers;

/// Digest of the plan that is held.
pub(crate) const HELD: &str = "3fa2b1c0d9e8f7a6b5c4d3e2f1a0b9c8d7e6f5a4b3c2d1e0f9a8b7c6d5e4f3a2";

/// What was asked, and what is held.
struct Told {
    asked: Mutex<Vec<String>>,
    held: Mutex<Vec<v1::Held>>,
}

/// A daemon that answers as long as this lives.
pub(crate) struct Daemon {
    told: Arc<Told>,
    pub(crate) socket: PathBuf,
    pub(crate) folder: tempfile::TempDir,
    stop: watch::Sender<bool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Daemon {
    /// Answers in a folder of its own.
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("data/muster.sock");
        std::fs::create_dir(folder.path().join("data")).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let (stop, stopped) = watch::channel(false);
        let told = Arc::new(Told {
            asked: Mutex::default(),
            held: Mutex::new(answers::held()),
        });
        let (telling, at) = (Arc::clone(&told), socket.clone());
        let listener = runtime.block_on(async { UnixListener::bind(&at) }).unwrap();
        let thread = std::thread::spawn(move || {
            runtime.block_on(serve(listener, telling, stopped));
            std::fs::remove_file(at).unwrap();
        });
        Self {
            told,
            socket,
            folder,
            stop,
            thread: Some(thread),
        }
    }

    /// What was asked with more than a path, and what was ordered, since this was asked last.
    pub(crate) fn was_asked(&self) -> Vec<String> {
        std::mem::take(&mut self.told.asked.lock().unwrap())
    }

    /// Has this held from now on.
    pub(crate) fn hold(&self, held: Vec<v1::Held>) {
        *self.told.held.lock().unwrap() = held;
    }

    /// Stops, and waits until nobody answers.
    pub(crate) fn close(&mut self) {
        self.stop.send_replace(true);
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.close();
    }
}

async fn serve(listener: UnixListener, told: Arc<Told>, mut stop: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    loop {
        let stream = tokio::select! {
            taken = listener.accept() => taken.unwrap().0,
            _ = stop.wait_for(|stop| *stop) => return,
        };
        connections.spawn(talk(stream, Arc::clone(&told)));
    }
}

async fn talk(stream: UnixStream, told: Arc<Told>) {
    let service = service_fn(|request: Request<Incoming>| {
        let told = Arc::clone(&told);
        async move {
            let (parts, body) = request.into_parts();
            let sent = body.collect().await.unwrap().to_bytes();
            let path = parts.uri.path().to_owned();
            let query = parts.uri.query().unwrap_or_default().to_owned();
            Ok::<_, Infallible>(told.answer(&parts.method, &path, &query, &sent))
        }
    });
    let talked = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    // A client that has read enough may hang up.
    drop(talked.await);
}

type Said = Response<Full<Bytes>>;

fn said<T: Serialize>(status: StatusCode, answer: &T) -> Said {
    let body = serde_json::to_vec(answer).unwrap();
    let response = Response::builder().status(status);
    response.body(Full::from(body)).unwrap()
}

fn json<T: Serialize>(answer: T) -> Said {
    said(StatusCode::OK, &answer)
}

/// One page of a listing, and the last.
fn page<T: Serialize>(items: Vec<T>) -> Said {
    json(v1::Page { items, next: None })
}

/// Long work: how far it has come, and what it came to.
fn lines<T: Serialize>(answer: T) -> Said {
    let progress = v1::Progress {
        stage: "reading rows".to_owned(),
        done: 1,
        total: 2,
    };
    let mut text = serde_json::to_string(&v1::Line::<T>::Progress(progress)).unwrap();
    text.push('\n');
    text.push_str(&serde_json::to_string(&v1::Line::Done(answer)).unwrap());
    text.push('\n');
    Response::new(Full::from(text))
}

fn refused(status: StatusCode, code: &str, message: &str, hint: &str) -> Said {
    let error = v1::Error {
        code: code.to_owned(),
        message: message.to_owned(),
        hint: hint.to_owned(),
        page: format!("docs/errors/{code}.md"),
    };
    said(status, &error)
}

impl Told {
    fn answer(&self, method: &Method, path: &str, query: &str, sent: &Bytes) -> Said {
        let parameter = |name: &str| {
            let mut all = query.split('&').filter_map(|pair| pair.split_once('='));
            all.find_map(|(key, value)| (key == name).then(|| value.to_owned()))
        };
        self.note(method, path, query, sent);
        let parts: Vec<&str> = path.trim_start_matches("/v1/").split('/').collect();
        match (method.as_str(), parts.as_slice()) {
            ("GET", ["status"]) => json(answers::status()),
            ("GET", ["people"]) => people(parameter("cursor"), parameter("limit")),
            ("GET", ["people", "hr:1042"]) => json(answers::person()),
            ("GET", ["people", other]) => {
                let message = format!("there is no person `{other}`");
                let hint = "`muster people` lists them";
                refused(StatusCode::NOT_FOUND, "API-003", &message, hint)
            }
            ("GET", ["keys", "1042" | "hr:1042"]) => json(["hr:1042"]),
            ("GET", ["keys", "7"]) => json(["agency:7", "hr:7"]),
            ("GET", ["keys", _]) => json([""; 0]),
            ("GET", ["accounts"]) => page(answers::person().accounts),
            ("GET", ["operations"]) => page(answers::operations()),
            ("POST", ["operations", "retry"]) => json(v1::Retried { operations: 3 }),
            ("POST", ["operations", id, "retry"]) => retry(id),
            ("GET", ["findings"]) => page(answers::findings()),
            ("GET", ["why", _]) => json(answers::why()),
            ("GET", ["history"] | ["history", _]) => page(answers::history()),
            ("POST", ["preview"]) => lines(answers::preview(&parameter("file").unwrap())),
            ("POST", ["preview", "policy"]) => lines(v1::Preview {
                feed: String::new(),
                ..answers::preview("the policy")
            }),
            ("POST", ["remarks", "policy"]) => lines(Vec::<v1::Finding>::new()),
            ("GET", ["held"]) => json(&*self.held.lock().unwrap()),
            ("GET", ["held", HELD]) => json(answers::preview("workers.csv")),
            ("POST", ["held", HELD, "apply"]) => self.apply(),
            ("GET", ["plans", plan, "follow"]) => lines(follow(plan.parse().unwrap())),
            ("GET", ["plugins"]) => json(answers::plugins()),
            ("GET", ["ledger", "check"]) => lines(answers::ledger_check()),
            _ => panic!("nobody should ask {method} {path}?{query}"),
        }
    }

    fn note(&self, method: &Method, path: &str, query: &str, sent: &Bytes) {
        let mut asked = format!("{method} {path}");
        if !query.is_empty() {
            asked.push('?');
            asked.push_str(query);
        }
        if path == "/v1/preview/policy" {
            let policy = muster_daemon::policy::text::read(sent).unwrap();
            asked += " with ";
            asked += &policy.source().roles.len().to_string();
            asked += " roles";
        } else if !sent.is_empty() {
            asked += " with ";
            asked += &sent.len().to_string();
            asked += " bytes";
        }
        let is_remarks = path == "/v1/remarks/policy";
        if !is_remarks && (*method == Method::POST || !query.is_empty()) {
            self.asked.lock().unwrap().push(asked);
        }
    }

    fn apply(&self) -> Said {
        self.held.lock().unwrap().clear();
        json(v1::Applied {
            plan: 13,
            digest: HELD.to_owned(),
            counts: v1::Counts::default(),
            approved_by: Some(answers::approver()),
        })
    }
}

fn people(cursor: Option<String>, limit: Option<String>) -> Said {
    let all = answers::people();
    let begin: usize = cursor.map_or(0, |cursor| cursor.parse().unwrap());
    let limit: usize = limit.map_or(100, |limit| limit.parse().unwrap());
    let items: Vec<v1::PersonRow> = all.iter().skip(begin).take(limit).cloned().collect();
    let end = begin + items.len();
    let next = (end < all.len()).then(|| end.to_string());
    json(v1::Page { items, next })
}

fn retry(id: &str) -> Said {
    let mut operations = answers::operations().into_iter();
    match operations.find(|operation| operation.id == id) {
        Some(operation) if operation.state == "halted" => json(v1::Operation {
            state: "queued".to_owned(),
            ..operation
        }),
        Some(_) => {
            let message = format!("operation {id} does not wait");
            refused(StatusCode::CONFLICT, "API-007", &message, "")
        }
        None => {
            let message = "an operation is named PLAN-NUMBER, such as 12-3";
            let hint = "`muster help` shows what can be asked, and how";
            refused(StatusCode::BAD_REQUEST, "API-002", message, hint)
        }
    }
}

fn follow(plan: u64) -> v1::PlanStatus {
    v1::PlanStatus {
        plan,
        cause: "file workers.csv of feed hr".to_owned(),
        made_at: "2026-11-22T09:00:00Z".to_owned(),
        operations: 4,
        done: 3,
        waiting: 0,
        halted: 1,
        approved_by: None,
    }
}
