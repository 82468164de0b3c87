//! Push notifications.

use muster_plugin_google_workspace::GoogleWorkspace as Google;
use muster_sdk::{
    Changed, FakeHost, HookMessage, Instant, ObjectRef, Problem, Translation, dispatch,
};
use serde_json::json;

/// Stands for HMAC-SHA256: what matters here is what is signed with which key.
fn host() -> FakeHost {
    FakeHost::new().signer("channel-key", |algorithm, data| {
        assert_eq!(algorithm, "hmac-sha256");
        data.iter().rev().copied().collect()
    })
}

fn token(channel: &str) -> String {
    let signed = format!("muster:{channel}");
    signed
        .bytes()
        .rev()
        .fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}

fn message(state: &str) -> HookMessage {
    let body = json!({
        "kind": "admin#directory#user", "id": "111220860655841818702", "etag": "\"x\"",
        "primaryEmail": "ann@example.com",
    });
    HookMessage::new(
        body.to_string(),
        Instant::parse("2026-11-22T08:00:00Z").unwrap(),
    )
    .with_header("X-Goog-Channel-ID", "c1")
    .with_header("X-Goog-Channel-Token", token("c1"))
    .with_header("X-Goog-Channel-Expiration", "Tue, 24 Nov 2026 01:13:52 GMT")
    .with_header("X-Goog-Resource-State", state)
}

fn translate(message: &HookMessage) -> muster_sdk::Result<Translation> {
    dispatch::translate::<Google>(&host(), message)
}

#[test]
fn a_notification_says_which_user_to_look_at_again() {
    for state in ["add", "delete", "update", "makeAdmin", "undelete"] {
        let told = translate(&message(state)).unwrap();
        let user = ObjectRef::new("user", "111220860655841818702");
        assert_eq!(
            told.changes,
            [Changed::LookAgain(user)],
            "{state}: no more is believed"
        );
    }
    assert_eq!(translate(&message("sync")).unwrap(), Translation::default());
}

#[test]
fn a_notification_without_the_channels_token_is_refused() {
    let with = |name: &str, value: &str| {
        let mut message = message("update");
        message
            .headers
            .retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        message.with_header(name, value)
    };
    for message in [
        with("X-Goog-Channel-Token", ""),
        with("X-Goog-Channel-Token", "c1"),
        with("X-Goog-Channel-Token", &token("c2")),
        with("X-Goog-Channel-ID", "c2"),
        with("X-Goog-Channel-ID", ""),
        with("X-Goog-Channel-Expiration", "Sat, 21 Nov 2026 08:00:00 GMT"),
    ] {
        let refused = translate(&message);
        assert!(
            matches!(refused, Err(Problem::Unauthenticated(_))),
            "{message:?}: {refused:?}"
        );
    }
    let keyless = dispatch::translate::<Google>(&FakeHost::new(), &message("update"));
    assert!(matches!(keyless, Err(Problem::Unauthenticated(_))));
}

#[test]
fn a_notification_that_names_nobody_is_a_defect() {
    for body in ["", "{}", "<html>", r#"{"id": 7}"#] {
        let mut message = message("update");
        message.body = body.into();
        assert!(
            matches!(translate(&message), Err(Problem::RemoteDefect(_))),
            "{body}"
        );
    }
}
