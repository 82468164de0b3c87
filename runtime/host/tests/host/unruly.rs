//! The hostile guest of all tests, deed by deed: each ends as one problem of one call, and the
//! canary is nowhere.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use muster_core::connector::{Change, Outcome, Problem};
use muster_host::{CallLimits, Credential, Scheme, Secret, Slot, Target, TargetOptions};

use crate::support::{App, context, desired, guest, host, on};

const CANARY: &str = "canary-e91b-unruly";

async fn deed(app: &App, deed: &str) -> Result<Outcome, Problem> {
    let host = host();
    let plugin = host.load(guest("unruly")).await.unwrap();
    let settings = [("deed", deed.to_owned()), ("url", app.base())];
    let bearer = Scheme::Bearer {
        token: Secret::new(CANARY),
    };
    let options = TargetOptions {
        settings: settings.map(|(key, value)| (key.to_owned(), value)).into(),
        credentials: BTreeMap::from([("api".to_owned(), Credential::new(bearer))]),
        limits: CallLimits {
            cpu: Duration::from_millis(300),
            ..CallLimits::default()
        },
        ..on(app)
    };
    let target = Target::new(&host, Arc::new(Slot::new(plugin)), options).unwrap();
    let desired = desired(None, vec![("employee-id".to_owned(), "E1".to_owned())]);
    target
        .change(&Change::EnsureAccount(desired), &context(1))
        .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_deed_is_a_problem_with_a_code() {
    let app = App::echo().await;
    for (name, code) in [
        ("loop", "PLG-031"),
        ("trap", "PLG-030"),
        ("panic", "PLG-030"),
        ("memory", "PLG-032"),
        ("stack", "PLG-030"),
        ("huge-answer", "PLG-03"),
        ("garbage", "PLG-034"),
    ] {
        let problem = deed(&app, name).await.unwrap_err();
        let Problem::PluginFailed { text, .. } = &problem else {
            panic!("{name}: {problem:?}")
        };
        assert!(text.contains(code), "{name}: {text}");
    }
    let problem = deed(&app, "foreign-host").await.unwrap_err();
    assert!(
        matches!(&problem, Problem::Denied(text) if text.contains("NET-001")),
        "{problem:?}"
    );
    let problem = deed(&app, "defect").await.unwrap_err();
    assert!(
        matches!(problem, Problem::PluginFailed { sent: false, .. }),
        "{problem:?}"
    );
}

#[tokio::test]
async fn a_flood_of_requests_stops_at_the_limit_and_one_of_remarks_is_harmless() {
    let app = App::echo().await;
    drop(deed(&app, "http-flood").await);
    let requests_max = usize::try_from(CallLimits::default().requests).unwrap();
    assert_eq!(app.asked().len(), requests_max);
    drop(deed(&app, "log-flood").await);
}

#[tokio::test]
async fn a_guest_that_digs_for_secrets_finds_none() {
    let app = App::echo().await;
    let answer = format!("{:?}", deed(&app, "secrets").await);
    assert!(!answer.contains("canary"), "{answer}");
    // The app got it, so there was something to find.
    let bearer = format!("Bearer {CANARY}");
    assert!(
        app.asked()
            .iter()
            .any(|asked| asked.header("authorization") == Some(&bearer))
    );
}
