//! A guest that fails is a clear text about one call, and nothing else.
use std::time::{Duration, Instant};

use crate::support::{App, change, failed, host, lonely, on, target, tell};
use muster_core::connector::{Function, Problem};
use muster_host::{CallLimits, Credential, Scheme, Secret, TargetOptions};
use serde_json::json;

/// A target whose guests are stopped soon.
async fn strict(host: &muster_host::Host) -> muster_host::Target {
    let limits = CallLimits {
        cpu: Duration::from_millis(200),
        time: Duration::from_secs(20),
        ..CallLimits::default()
    };
    target(
        host,
        TargetOptions {
            name: "strict".to_owned(),
            limits,
            ..TargetOptions::default()
        },
    )
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_bad_deed_is_a_clear_text_and_the_next_call_is_fine() {
    let host = host();
    let target = strict(&host).await;
    for (deed, says) in [
        ("loop", "processor time"),
        ("trap", "gave up"),
        ("panic", "the puppet was told to panic"),
        ("memory", "may use 64 MiB"),
        ("stack", "stack"),
    ] {
        let (text, sent) = failed(tell(&target, json!({ "do": deed })).await.unwrap_err());
        // An overflow of the guest's own stack looks like an access outside of its memory.
        let is_said =
            text.contains(says) || (deed == "stack" && text.contains("outside of its memory"));
        assert!(
            is_said && text.contains("PLG-03") && !sent,
            "{deed}: {text}"
        );
        tell(&target, json!({ "do": "nothing" })).await.unwrap();
    }
}

#[tokio::test]
async fn an_answer_that_breaks_the_contract_is_refused_whole() {
    let host = host();
    let target = strict(&host).await;
    for (how, says) in [
        ("another", "another account"),
        ("empty-id", "the id of an object is empty"),
        ("twice", "`a` is there twice"),
        ("not-a-number", "no number"),
        ("not-a-day", "no calendar day"),
        ("large", "16384 KiB"),
        ("many", "PLG-03"),
    ] {
        let (text, _) = failed(
            tell(&target, json!({ "do": "lie", "how": how }))
                .await
                .unwrap_err(),
        );
        assert!(
            text.contains(says) && text.contains("PLG-03"),
            "{how}: {text}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_target_goes_on_while_guests_of_the_first_loop() {
    let host = host();
    let app = App::echo().await;
    let good = target(&host, on(&app)).await;
    let ask = json!({ "do": "send", "url": app.url("/") });
    tell(&good, ask.clone()).await.unwrap();
    let pace = async |calls: u32| {
        let began = Instant::now();
        for _ in 0..calls {
            tell(&good, ask.clone()).await.unwrap();
        }
        began.elapsed() / calls
    };
    let alone = pace(100).await;

    let limits = CallLimits {
        cpu: Duration::from_secs(30),
        time: Duration::from_secs(30),
        ..CallLimits::default()
    };
    let busy = target(
        &host,
        TargetOptions {
            name: "busy".to_owned(),
            limits,
            ..TargetOptions::default()
        },
    )
    .await;
    let busy = std::sync::Arc::new(busy);
    let loops: Vec<_> = (0..4)
        .map(|_| {
            let busy = std::sync::Arc::clone(&busy);
            tokio::spawn(async move { tell(&busy, json!({ "do": "loop" })).await })
        })
        .collect();
    let beside = pace(100).await;
    assert!(
        loops.iter().all(|looping| !looping.is_finished()),
        "the guests should still be looping"
    );
    for looping in loops {
        looping.abort();
    }
    // The pace itself is the machine's; starving would be a matter of seconds a call.
    assert!(
        beside < Duration::from_millis(60).max(alone * 10),
        "alone {alone:?}, beside {beside:?}"
    );
}

#[tokio::test]
async fn a_guest_that_waits_too_long_is_ended() {
    let host = host();
    let app = App::start(|_| panic!("the app breaks off")).await;
    let limits = CallLimits {
        time: Duration::from_millis(300),
        ..CallLimits::default()
    };
    let slow = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", slow.local_addr().unwrap());
    let mut options = TargetOptions { limits, ..on(&app) };
    options
        .hosts
        .push(url.trim_end_matches('/').parse().unwrap());
    let target = target(&host, options).await;
    let began = Instant::now();
    let shown = tell(&target, json!({ "do": "send", "url": url })).await;
    assert!(began.elapsed() < Duration::from_secs(5));
    // Either the request's share of the time ran out first, or the call's.
    match shown {
        Ok(shown) => assert!(shown["no-reply"].is_string(), "{shown}"),
        Err(Problem::OutcomeUnknown(text)) => {
            assert!(text.contains("the call's time of 300 ms was up"), "{text}");
        }
        Err(other) => panic!("it was the app that did not answer: {other:?}"),
    }
    let conduct = target.plugin().conduct();
    assert_eq!(
        conduct
            .of(Function::GetAccount)
            .map_or(0, muster_host::Record::failures),
        0
    );
}

#[tokio::test]
async fn c43_a_guest_that_hangs_by_itself_has_failed_and_so_has_one_that_says_so_or_answers_garbage()
 {
    let host = host();
    let limits = CallLimits {
        time: Duration::from_millis(300),
        ..CallLimits::default()
    };
    let options = TargetOptions {
        name: "lonely".to_owned(),
        limits,
        ..TargetOptions::default()
    };
    let target = target(&host, options).await;
    for (number, what) in [
        json!({ "do": "loop" }),
        json!({ "do": "panic" }),
        json!({ "do": "lie", "how": "twice" }),
        json!({ "do": "lie", "how": "another" }),
    ]
    .into_iter()
    .enumerate()
    {
        failed(tell(&target, what).await.unwrap_err());
        let conduct = target.plugin().conduct();
        let failures = conduct
            .of(Function::GetAccount)
            .map(muster_host::Record::failures);
        assert_eq!(failures, u32::try_from(number + 1).ok());
    }
}

#[tokio::test]
async fn c42_what_the_host_works_for_a_guest_counts_as_the_guests_own() {
    let host = host();
    let key = Scheme::SigningKey {
        key: Secret::new("a key of the tests"),
    };
    let limits = CallLimits {
        cpu: Duration::from_millis(250),
        ..CallLimits::default()
    };
    let options = TargetOptions {
        name: "lonely".to_owned(),
        credentials: [("hook".to_owned(), Credential::new(key))].into(),
        limits,
        ..TargetOptions::default()
    };
    let target = target(&host, options).await;
    let often = json!({ "do": "sign-often", "slot": "hook", "times": 2000, "bytes": 8 << 20 });
    let (text, _) = failed(tell(&target, often).await.unwrap_err());
    assert!(text.contains("processor time of 250 ms"), "{text}");
}

#[tokio::test]
async fn a_guest_that_fails_after_its_request_left_says_so() {
    let host = host();
    let app = App::echo().await;
    let target = target(&host, on(&app)).await;
    let what = json!({ "method": "POST", "url": app.url("/"), "then": "panic" });
    let (_, sent) = failed(change(&target, what, 1).await.unwrap_err());
    assert!(sent);
    assert_eq!(app.asked().len(), 1);
    let nowhere = json!({ "method": "POST", "url": "https://elsewhere.example/", "then": "panic" });
    let problem = change(&target, nowhere, 2).await.unwrap_err();
    assert!(
        matches!(&problem, muster_core::connector::Problem::Denied(text) if text.contains("NET-001")),
        "{problem:?}"
    );
}

#[tokio::test]
async fn remarks_are_bounded_and_do_not_stop_a_call() {
    let host = host();
    let target = lonely(&host).await;
    tell(
        &target,
        json!({ "do": "log", "times": 1000, "text": "x".repeat(1000) }),
    )
    .await
    .unwrap();
}

#[tokio::test]
async fn what_surrounds_a_call_is_as_the_contract_says() {
    let host = host();
    let target = lonely(&host).await;
    let first = tell(&target, json!({ "do": "around" })).await.unwrap();
    let second = tell(&target, json!({ "do": "around" })).await.unwrap();
    assert_eq!(first["settings"], json!([["colour", "blue"]]));
    assert_eq!(first["more"], 4096);
    assert_ne!(first["random"], second["random"]);
    let now: jiff::Timestamp = first["now"].as_str().unwrap().parse().unwrap();
    assert!(now.duration_until(jiff::Timestamp::now()).as_secs().abs() < 60);
}
