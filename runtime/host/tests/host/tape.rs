//! What a plugin and its app said to each other is recorded, and played without the app.

use std::path::Path;
use std::sync::Arc;

use muster_core::connector::Problem;
use muster_host::{
    Credential, Host, Player, Recorder, Scheme, Secret, Slot, TapeError, Target, TargetOptions,
};
use serde_json::{Value, json};

use crate::support::{App, Asked, change, guest, host, json_answer, on, tell};

const CANARY: &str = "canary-7f3a91";

/// A slot with a puppet in it.
async fn puppet(host: &Host) -> Arc<Slot> {
    Arc::new(Slot::new(host.load(guest("puppet")).await.unwrap()))
}

async fn recorded(host: &Host, options: TargetOptions, tape: &Path) -> Target {
    let recorder = Recorder::create(tape).unwrap();
    Target::recorded(host, puppet(host).await, options, recorder).unwrap()
}

async fn played(host: &Host, options: TargetOptions, tape: &Path) -> Target {
    let player = Player::open(tape).unwrap();
    Target::played(host, puppet(host).await, options, player).unwrap()
}

/// Options with these secrets.
fn with(app: &App, secret: &str) -> TargetOptions {
    let mut options = on(app);
    let token = Scheme::Bearer {
        token: Secret::new(secret),
    };
    let value = Scheme::Value {
        value: Secret::new(format!("{secret}-password")),
    };
    for (slot, scheme) in [("api", token), ("password", value)] {
        let credential = Credential::new(scheme);
        options.credentials.insert(slot.to_owned(), credential);
    }
    options
}

/// An app that repeats what it was sent, and issues keys.
fn answer(asked: &Asked) -> crate::support::Answer {
    match asked.path.as_str() {
        "/keys" => json_answer(201, &json!({ "key": format!("{CANARY}-issued") })),
        _ => json_answer(
            200,
            &json!({ "headers": asked.headers, "body": asked.body }),
        ),
    }
}

/// What a plugin may ask of such an app.
fn requests(app: &App) -> Vec<Value> {
    vec![
        json!({
            "do": "send", "url": app.url("/users"), "credential": "api",
            "headers": { "Accept": "application/json" },
        }),
        json!({
            "do": "send-placeholder", "slot": "password", "method": "POST", "url": app.url("/users"),
            "headers": { "content-type": "application/json" }, "body": r#"{"password":"{}"}"#,
        }),
        json!({ "do": "send", "method": "POST", "url": app.url("/keys"), "seal": "/key" }),
        json!({ "do": "send", "method": "POST", "url": app.url("/bytes"), "bytes": 300 }),
    ]
}

/// What was shown, without what is another word in each call.
fn settled(mut shown: Value) -> Value {
    if let Some(shown) = shown.as_object_mut() {
        shown.remove("word");
    }
    let text = shown.to_string();
    let parts: Vec<&str> = text.split("sealed:").collect();
    let rest = parts.iter().skip(1).map(|part| &part[32..]);
    let settled: String = parts[..1].iter().copied().chain(rest).collect();
    serde_json::from_str(&settled).unwrap()
}

#[tokio::test]
async fn what_was_recorded_is_played_without_the_app_and_without_its_secrets() {
    let host = host();
    let folder = tempfile::tempdir().unwrap();
    let tape = folder.path().join("crm.tape");
    let app = App::start(answer).await;
    let (what, elsewhere) = (requests(&app), app.url("/elsewhere"));
    let target = recorded(&host, with(&app, CANARY), &tape).await;
    let mut shown = Vec::new();
    for what in &what {
        shown.push(settled(tell(&target, what.clone()).await.unwrap()));
    }
    assert_eq!(app.asked().len(), what.len());
    let sent = app.asked().iter().any(|asked| asked.body.contains(CANARY));
    assert!(sent, "the app got the password");

    let text = std::fs::read_to_string(&tape).unwrap();
    assert!(!text.contains(CANARY), "{text}");
    assert_eq!(text.lines().next(), Some(r#"{"tape":1}"#));
    assert_eq!(text.lines().count(), 1 + what.len());
    assert!(
        text.contains(r"[secret password]") && text.contains("[sealed]"),
        "{text}"
    );

    let options = with(&app, "another-secret");
    drop((target, app));
    let target = played(&host, options, &tape).await;
    for (what, shown) in what.iter().zip(&shown) {
        assert_eq!(settled(tell(&target, what.clone()).await.unwrap()), *shown);
    }
    let again = tell(&target, what[0].clone()).await.unwrap();
    let text = again["denied"].as_str().unwrap();
    assert!(
        text.contains("crm.tape") && text.contains("no more: 1"),
        "{text}"
    );
    let unknown = json!({ "do": "send", "url": elsewhere });
    let text = tell(&target, unknown).await.unwrap()["denied"].to_string();
    assert!(
        text.contains("has no answer to GET") && text.contains("/elsewhere"),
        "{text}"
    );
}

#[tokio::test]
async fn a_sealed_secret_of_a_tape_has_a_handle_of_the_call() {
    let host = host();
    let folder = tempfile::tempdir().unwrap();
    let tape = folder.path().join("crm.tape");
    let app = App::start(answer).await;
    let what = json!({ "do": "send", "method": "POST", "url": app.url("/keys"), "seal": "/key" });
    let target = recorded(&host, on(&app), &tape).await;
    tell(&target, what.clone()).await.unwrap();
    let target = played(&host, on(&app), &tape).await;
    let shown = tell(&target, what).await.unwrap();
    let body: Value = serde_json::from_str(shown["body"].as_str().unwrap()).unwrap();
    let handle = body["key"].as_str().unwrap();
    assert!(target.take_sealed(handle).is_some(), "{handle}");
}

#[tokio::test]
async fn a_reply_that_was_lost_is_lost_again() {
    let host = host();
    let folder = tempfile::tempdir().unwrap();
    let tape = folder.path().join("crm.tape");
    let app = App::echo().await;
    // This one takes the request and closes.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let takes = silent.local_addr().unwrap();
    let taking = tokio::spawn(async move {
        while let Ok((mut stream, _)) = silent.accept().await {
            let mut bytes = [0; 64];
            drop(tokio::io::AsyncReadExt::read(&mut stream, &mut bytes).await);
        }
    });
    let granting = |app: &App| {
        let mut options = on(app);
        let granted = muster_host::HostPattern::parse(&format!("http://{takes}")).unwrap();
        options.hosts.push(granted);
        options
    };
    let what = json!({ "method": "POST", "url": format!("http://{takes}/") });
    let target = recorded(&host, granting(&app), &tape).await;
    let lost = change(&target, what.clone(), 1).await;
    assert!(matches!(&lost, Err(Problem::OutcomeUnknown(_))), "{lost:?}");
    taking.abort();
    let target = played(&host, granting(&app), &tape).await;
    assert_eq!(change(&target, what, 1).await, lost);
    // A tape grants nothing: what IT did not permit is refused before it is looked for.
    let target = played(&host, on(&app), &tape).await;
    let what = json!({ "do": "send", "method": "POST", "url": format!("http://{takes}/") });
    let denied = tell(&target, what).await.unwrap()["denied"].to_string();
    assert!(denied.contains("NET-001"), "{denied}");
}

#[tokio::test]
async fn a_file_that_is_no_tape_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("no.tape");
    assert!(matches!(Player::open(&path), Err(TapeError::Read { .. })));
    std::fs::write(&path, "GET /users\n").unwrap();
    let error = Player::open(&path).unwrap_err();
    assert!(matches!(error, TapeError::Line { line: 1, .. }), "{error}");
}
