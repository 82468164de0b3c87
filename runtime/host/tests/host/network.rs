//! What a guest can reach: what IT granted, and nothing that only looks like it.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use muster_core::connector::Problem;
use muster_host::{CallLimits, HostPattern, PrivateAccess, TargetOptions};
use serde_json::json;

use crate::support::{App, change, host, json_answer, lonely, on, target, tell};

#[tokio::test]
async fn a_server_that_is_not_granted_is_denied_with_the_line_that_would_grant_it() {
    let host = host();
    let target = lonely(&host).await;
    let shown = tell(
        &target,
        json!({ "do": "send", "url": "https://api.example.com/v1/x" }),
    )
    .await
    .unwrap();
    let text = shown["denied"].as_str().unwrap();
    assert!(
        text.contains("NET-001") && text.contains("[target.lonely]"),
        "{text}"
    );
    assert!(
        text.contains(r#"hosts = ["https://api.example.com"]"#),
        "{text}"
    );
}

#[tokio::test]
async fn a_lookalike_of_a_granted_server_is_denied() {
    let host = host();
    let app = App::echo().await;
    let target = target(&host, on(&app)).await;
    let port = app.port();
    let good = tell(&target, json!({ "do": "send", "url": app.url("/") }))
        .await
        .unwrap();
    assert_eq!(good["status"], 200);
    for url in [
        format!("http://127.0.0.1.evil.com:{port}/"),
        format!("http://127.0.0.1:{port}@evil.com/"),
        format!("http://user@127.0.0.1:{port}/"),
        format!("http://localhost:{port}/"),
        format!("http://[::ffff:127.0.0.1]:{port}/"),
        format!("http://127.0.0.2:{port}/"),
        format!("https://127.0.0.1:{port}/"),
        format!("http://127.0.0.1:{}/", port ^ 1),
        "file:///etc/passwd".to_owned(),
        "not an address".to_owned(),
    ] {
        let shown = tell(&target, json!({ "do": "send", "url": url }))
            .await
            .unwrap();
        assert!(shown["denied"].is_string(), "{url}: {shown}");
    }
    assert_eq!(app.asked().len(), 1);
}

#[tokio::test]
async fn an_address_inside_is_refused_even_under_a_granted_name() {
    let host = host();
    let app = App::echo().await;
    for server in ["localhost", "127.0.0.1"] {
        let granted = format!("http://{server}:{}", app.port());
        let options = TargetOptions {
            hosts: vec![HostPattern::parse(&granted).unwrap()],
            private: PrivateAccess::nothing(),
            ..on(&app)
        };
        let target = target(&host, options).await;
        let shown = tell(
            &target,
            json!({ "do": "send", "url": format!("{granted}/") }),
        )
        .await
        .unwrap();
        let text = shown["denied"]
            .as_str()
            .unwrap_or_else(|| panic!("{server}: {shown}"));
        assert!(
            text.contains("NET-002") && text.contains("this machine itself"),
            "{text}"
        );
        assert!(
            text.contains(&format!("allow_private = [\"{server}\"]")),
            "{text}"
        );
        let problem = change(&target, json!({ "url": format!("{granted}/") }), 1)
            .await
            .unwrap_err();
        assert!(
            matches!(&problem, Problem::Denied(text) if text.contains("NET-002")),
            "{problem:?}"
        );
    }
    assert!(app.asked().is_empty());
}

#[tokio::test]
async fn a_name_that_leads_inside_is_reached_when_it_was_granted() {
    let host = host();
    let app = App::echo().await;
    let granted = format!("http://localhost:{}", app.port());
    let options = TargetOptions {
        hosts: vec![HostPattern::parse(&granted).unwrap()],
        private: PrivateAccess::only(vec!["localhost".parse().unwrap()]),
        ..on(&app)
    };
    let target = target(&host, options).await;
    let shown = tell(
        &target,
        json!({ "do": "send", "url": format!("{granted}/") }),
    )
    .await
    .unwrap();
    assert_eq!(shown["status"], 200);
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let host = host();
    let elsewhere = App::echo().await;
    let to = elsewhere.url("/stolen");
    let app = App::start(move |_| {
        http::Response::builder()
            .status(302)
            .header("location", to.as_str())
            .body(Full::new(Bytes::new()))
            .unwrap()
    })
    .await;
    let target = target(&host, on(&app)).await;
    let shown = tell(&target, json!({ "do": "send", "url": app.url("/") }))
        .await
        .unwrap();
    assert_eq!(shown["status"], 302);
    assert!(elsewhere.asked().is_empty());
}

#[tokio::test]
async fn headers_of_the_host_and_odd_methods_are_refused() {
    let host = host();
    let app = App::echo().await;
    let target = target(&host, on(&app)).await;
    for header in [
        "Host",
        "content-length",
        "Transfer-Encoding",
        "connection",
        "bad header",
    ] {
        let what = json!({ "do": "send", "url": app.url("/"), "headers": { header: "x" } });
        let shown = tell(&target, what).await.unwrap();
        assert!(
            shown["denied"].as_str().unwrap().contains("NET-003"),
            "{header}: {shown}"
        );
    }
    for method in ["CONNECT", "TRACE", "get", ""] {
        let what = json!({ "do": "send", "url": app.url("/"), "method": method });
        let shown = tell(&target, what).await.unwrap();
        assert!(shown["denied"].is_string(), "{method}: {shown}");
    }
    let what = json!({ "do": "send", "url": app.url("/"), "headers": { "x-a": "1\r\nx-b: 2" } });
    assert!(tell(&target, what).await.unwrap()["denied"].is_string());
    assert!(app.asked().is_empty());
}

#[tokio::test]
async fn bodies_are_bounded_both_ways() {
    let host = host();
    let app = App::start(|asked| match asked.path.as_str() {
        "/large" => json_answer(200, &json!({ "large": "x".repeat(3000) })),
        _ => json_answer(200, &json!({})),
    })
    .await;
    let limits = CallLimits {
        request_bytes: 1000,
        reply_bytes: 2048,
        ..CallLimits::default()
    };
    let target = target(&host, TargetOptions { limits, ..on(&app) }).await;
    let large = tell(&target, json!({ "do": "send", "url": app.url("/large") }))
        .await
        .unwrap();
    assert!(
        large["too-large"].as_str().unwrap().contains("NET-005"),
        "{large}"
    );
    let ask =
        |bytes: u32| json!({ "do": "send", "method": "POST", "url": app.url("/"), "bytes": bytes });
    assert_eq!(tell(&target, ask(1000)).await.unwrap()["status"], 200);
    assert!(
        tell(&target, ask(1001)).await.unwrap()["denied"]
            .as_str()
            .unwrap()
            .contains("NET-005")
    );
    assert_eq!(app.asked().len(), 2);
}

#[tokio::test]
async fn a_call_has_a_number_of_requests_and_a_bucket_has_a_budget() {
    let host = host();
    let app = App::echo().await;
    let limits = CallLimits {
        requests: 3,
        time: Duration::from_secs(5),
        ..CallLimits::default()
    };
    let target = target(&host, TargetOptions { limits, ..on(&app) }).await;
    let often = json!({ "do": "send-often", "times": 4, "url": app.url("/") });
    let shown = tell(&target, often).await.unwrap();
    assert!(
        shown["spent"].as_str().unwrap().contains("NET-006"),
        "{shown}"
    );
    assert_eq!(app.asked().len(), 3);
    let slow = json!({ "do": "send-often", "times": 2, "url": app.url("/"), "bucket": "slow" });
    let shown = tell(&target, slow).await.unwrap();
    assert!(
        shown["spent"]
            .as_str()
            .unwrap()
            .contains("1 requests a minute"),
        "{shown}"
    );
    assert_eq!(app.asked().len(), 4);
}

#[tokio::test]
async fn not_sent_and_sent_without_a_reply_are_told_apart() {
    let host = host();
    let app = App::echo().await;
    // Nobody listens on this one any more.
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nobody = closed.local_addr().unwrap();
    drop(closed);
    // This one takes the request and closes.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let takes = silent.local_addr().unwrap();
    let taking = tokio::spawn(async move {
        while let Ok((mut stream, _)) = silent.accept().await {
            let mut bytes = [0; 64];
            drop(tokio::io::AsyncReadExt::read(&mut stream, &mut bytes).await);
        }
    });
    let mut options = on(&app);
    for address in [nobody, takes] {
        options
            .hosts
            .push(HostPattern::parse(&format!("http://{address}")).unwrap());
    }
    let target = target(&host, options).await;
    let problem = change(
        &target,
        json!({ "method": "POST", "url": format!("http://{nobody}/") }),
        1,
    )
    .await;
    assert!(
        matches!(&problem, Err(Problem::Transient { .. })),
        "{problem:?}"
    );
    let problem = change(
        &target,
        json!({ "method": "POST", "url": format!("http://{takes}/") }),
        2,
    )
    .await;
    assert!(
        matches!(&problem, Err(Problem::OutcomeUnknown(_))),
        "{problem:?}"
    );
    taking.abort();
}

#[tokio::test]
async fn the_budget_of_the_target_holds_for_every_bucket() {
    let host = host();
    let app = App::echo().await;
    let limits = CallLimits {
        time: Duration::from_secs(5),
        ..CallLimits::default()
    };
    let options = TargetOptions {
        limits,
        requests_per_minute: Some(24),
        ..on(&app)
    };
    let target = target(&host, options).await;
    // A burst of two, and the third would have to wait for longer than half of the call.
    let often = json!({ "do": "send-often", "times": 4, "url": app.url("/"), "timeout": 1000 });
    let shown = tell(&target, often).await.unwrap();
    assert!(
        shown["spent"]
            .as_str()
            .is_some_and(|text| text.contains("24 requests")),
        "{shown}"
    );
    assert!(app.asked().len() < 4);
}
