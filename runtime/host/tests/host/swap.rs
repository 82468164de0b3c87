//! A plugin is swapped under load, and nobody notices.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use muster_core::coded::Coded as _;
use muster_core::connector::{AccountState, Change, ObjectRef, OutcomeKind};
use muster_host::{Slot, Target};
use serde_json::json;

use crate::support::{App, another_version, bytes, change, context, guest, host, on};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_swaps_fail_and_double_nothing() {
    let host = host();
    let app = App::echo().await;
    let old = host.load(guest("steady-v1")).await.unwrap();
    let new = host.load(guest("steady-v2")).await.unwrap();
    assert_ne!(old.descriptor().version, new.descriptor().version);
    let slot = Arc::new(Slot::new(Arc::clone(&old)));
    let mut options = on(&app);
    options.settings.insert("url".to_owned(), app.base());
    let target = Arc::new(Target::new(&host, Arc::clone(&slot), options).unwrap());
    let (stop, numbers) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicU32::new(1)),
    );
    let workers: Vec<_> = (0..4)
        .map(|_| {
            let (target, stop, numbers) =
                (Arc::clone(&target), Arc::clone(&stop), Arc::clone(&numbers));
            tokio::spawn(async move {
                let mut done = 0_u32;
                while !stop.load(Ordering::Relaxed) {
                    let number = numbers.fetch_add(1, Ordering::Relaxed);
                    let account = account(&number.to_string());
                    let suspend = Change::EnsureState(account, AccountState::Suspended);
                    let outcome = target.change(&suspend, &context(number)).await.unwrap();
                    assert_eq!(outcome.kind, OutcomeKind::Done);
                    done += 1;
                }
                done
            })
        })
        .collect();
    let mut before = Arc::clone(&old);
    for swap in 0..200 {
        let next = if swap % 2 == 0 { &new } else { &old };
        let seen = numbers.load(Ordering::Relaxed);
        let out = slot.swap(Arc::clone(next));
        assert_eq!(out.digest(), before.digest());
        before = Arc::clone(next);
        // At least one call begins on each version.
        while numbers.load(Ordering::Relaxed) < seen + 2 {
            tokio::task::yield_now().await;
        }
    }
    stop.store(true, Ordering::Relaxed);
    let mut done = 0;
    for worker in workers {
        done += worker.await.unwrap();
    }
    let mut times = BTreeMap::<String, u32>::new();
    for asked in app.asked() {
        let operation = asked.header("idempotency-key").unwrap().to_owned();
        *times.entry(operation).or_default() += 1;
    }
    assert!(done >= 200);
    assert_eq!(u32::try_from(times.len()).unwrap(), done);
    assert!(times.values().all(|count| *count == 1));
}

fn account(id: &str) -> ObjectRef {
    ObjectRef {
        kind: "user".to_owned(),
        container: None,
        id: id.to_owned(),
        revision: None,
        name_hint: None,
    }
}

#[tokio::test]
async fn a_file_that_does_not_load_leaves_the_old_version_serving() {
    let host = host();
    let app = App::echo().await;
    let old = host.load_bytes(bytes("puppet")).await.unwrap();
    let slot = Arc::new(Slot::new(Arc::clone(&old)));
    let target = Target::new(&host, Arc::clone(&slot), on(&app)).unwrap();
    let half = bytes("puppet");
    let error = host
        .load_bytes(half[..half.len() / 2].to_vec())
        .await
        .unwrap_err();
    assert_eq!(error.code().as_str(), "PLG-002", "{error}");
    assert_eq!(slot.current().digest(), old.digest());
    change(&target, json!({ "method": "POST", "url": app.url("/") }), 1)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_call_in_flight_keeps_its_version() {
    let host = host();
    let gate = Arc::new(tokio::sync::Notify::new());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let (arrived, mut has_arrived) = tokio::sync::mpsc::channel(1);
    let opened = Arc::clone(&gate);
    let app = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut bytes = [0; 1024];
        tokio::io::AsyncReadExt::read(&mut stream, &mut bytes)
            .await
            .unwrap();
        arrived.send(()).await.unwrap();
        opened.notified().await;
        tokio::io::AsyncWriteExt::write_all(
            &mut stream,
            b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
        )
        .await
        .unwrap();
    });
    let old = host.load_bytes(bytes("puppet")).await.unwrap();
    let new = host
        .load_bytes(another_version(bytes("puppet"), 2))
        .await
        .unwrap();
    let slot = Arc::new(Slot::new(Arc::clone(&old)));
    let echo = App::echo().await;
    let mut options = on(&echo);
    options
        .hosts
        .push(url.trim_end_matches('/').parse().unwrap());
    let target = Arc::new(Target::new(&host, Arc::clone(&slot), options).unwrap());
    let calling = Arc::clone(&target);
    let call =
        tokio::spawn(
            async move { change(&calling, json!({ "method": "POST", "url": url }), 1).await },
        );
    has_arrived.recv().await.unwrap();
    drop(slot.swap(new));
    // The old version is held by the call, and by this test.
    assert!(Arc::strong_count(&old) >= 2);
    gate.notify_one();
    call.await.unwrap().unwrap();
    app.await.unwrap();
    assert_eq!(Arc::strong_count(&old), 1);
}
