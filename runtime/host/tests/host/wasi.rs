//! Components of other toolchains import WASI. They get it, and there is nothing behind it.

use std::sync::Arc;

use muster_core::connector::ObjectRef;
use muster_host::{HostPattern, PrivateAccess, Slot, Target, TargetOptions};
use serde_json::{Value, json};

use crate::support::{guest, host};

#[tokio::test]
async fn a_component_with_wasi_imports_runs_and_reaches_nothing() {
    let host = host();
    let plugin = host.load(guest("tourist")).await.unwrap();
    // Whatever HTTP may reach, WASI's sockets may not: somebody listens, and nobody comes.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let options = TargetOptions {
        name: "abroad".to_owned(),
        hosts: vec![HostPattern::parse(&format!("http://127.0.0.1:{port}")).unwrap()],
        private: PrivateAccess::everything(),
        ..TargetOptions::default()
    };
    let target = Target::new(&host, Arc::new(Slot::new(plugin)), options).unwrap();
    let look = async || {
        let key = ObjectRef {
            kind: "user".to_owned(),
            container: None,
            id: port.to_string(),
            revision: None,
            name_hint: None,
        };
        let account = target.read_account(&key).await.unwrap().unwrap();
        serde_json::from_str::<Value>(&account.keys[0].1).unwrap()
    };
    let seen = look().await;
    assert_eq!(seen["environment"], json!([]));
    assert_eq!(seen["arguments"], json!([]));
    assert_eq!(seen["folder"], Value::Null);
    assert_eq!(seen["folders"], 0);
    assert_eq!(seen["name-found"], false);
    assert_eq!(seen["connected"], false);
    let now = jiff::Timestamp::now().as_second();
    assert!((seen["seconds"].as_i64().unwrap() - now).abs() < 60);
    assert_ne!(seen["random"], look().await["random"]);
}
