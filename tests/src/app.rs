//! The app to provision: the demo's SCIM service, in this process, so that tests see inside.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use muster_demo_scim::{Options, Service, serve};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

/// A SCIM service on the loopback. It ends with this value.
pub struct App {
    /// The service itself.
    pub service: Arc<Service>,
    /// Where it listens.
    pub address: SocketAddr,
    /// The token that it asks for.
    pub token: String,
    runtime: Runtime,
}

impl App {
    /// A service with these groups.
    pub fn start(groups: &[&str]) -> Self {
        Self::with(groups, Options::default())
    }

    /// A service with these groups that behaves like this.
    pub fn with(groups: &[&str], options: Options) -> Self {
        let token = "t0p-s3cret-canary-of-the-app".to_owned();
        let service = Arc::new(Service::new(Options {
            token: Some(token.clone()),
            ..options
        }));
        let groups: Vec<Value> = groups
            .iter()
            .map(|name| json!({ "displayName": name }))
            .collect();
        service
            .seed(&json!({ "groups": groups }))
            .expect("groups that SCIM takes");
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("a runtime for the app");
        let listener = runtime
            .block_on(TcpListener::bind(SocketAddr::from((
                Ipv4Addr::LOCALHOST,
                0,
            ))))
            .expect("a free port for the app");
        let address = listener.local_addr().expect("the app's address");
        runtime.spawn(serve(listener, Arc::clone(&service)));
        Self {
            service,
            address,
            token,
            runtime,
        }
    }

    /// The base address of SCIM.
    pub fn base_url(&self) -> String {
        format!(
            "http://{}{}",
            self.address,
            self.service.options().base_path
        )
    }

    /// Everything that it keeps.
    pub fn state(&self) -> Value {
        self.service.snapshot()
    }

    /// Its users, by `externalId`; one without stands under its id.
    pub fn users(&self) -> std::collections::BTreeMap<String, Value> {
        let state = self.state();
        let users = state["users"].as_array().cloned().unwrap_or_default();
        let key = |user: &Value| {
            user["externalId"]
                .as_str()
                .or_else(|| user["id"].as_str())
                .unwrap_or_default()
                .to_owned()
        };
        users.into_iter().map(|user| (key(&user), user)).collect()
    }

    /// The user with this `externalId`.
    pub fn user(&self, external_id: &str) -> Option<Value> {
        self.users().remove(external_id)
    }

    /// Whether the user is there and active.
    pub fn is_active(&self, external_id: &str) -> bool {
        self.user(external_id)
            .is_some_and(|user| user["active"] == json!(true))
    }

    /// Names of the groups that hold the user.
    pub fn groups_of(&self, external_id: &str) -> Vec<String> {
        let Some(id) = self
            .user(external_id)
            .and_then(|user| user["id"].as_str().map(str::to_owned))
        else {
            return Vec::new();
        };
        let state = self.state();
        let mut names: Vec<String> = state["groups"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|group| {
                group["members"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .any(|member| member["value"] == json!(id))
            })
            .filter_map(|group| group["displayName"].as_str().map(str::to_owned))
            .collect();
        names.sort();
        names
    }

    /// What is asked of an admin route: `/_faults`, `/_rules`, `/_sessions`, `/_log`.
    pub fn admin(&self, method: &str, path: &str, body: &Value) -> Value {
        self.service.admin(method, path, body)
    }

    /// What somebody does to a user at the app itself: `suspend`, `activate`, `delete`, `renumber`.
    pub fn by_hand(&self, user_name: &str, what: &str) {
        let done = self.admin(
            "POST",
            "/_by_hand",
            &json!({ "userName": user_name, "what": what }),
        );
        assert!(done["id"].is_string(), "{done}");
    }

    /// Sets rules, all others off.
    pub fn rules(&self, rules: &Value) {
        let set = self.admin("PUT", "/_rules", rules);
        assert!(set.get("status").is_none(), "{set}");
    }

    /// Adds a fault.
    pub fn fault(&self, fault: &Value) {
        self.admin("POST", "/_faults", fault);
    }

    /// The runtime that the app runs on.
    pub fn runtime(&self) -> &Runtime {
        &self.runtime
    }
}
