//! The routes for tests and people: what is kept, what was asked, what goes wrong next.
//!
//! They ask for no token and are never hit by faults. The service belongs on the loopback only.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::State;
use crate::error::ScimError;
use crate::faults::{FAULTS_MAX, Fault};
use crate::page;
use crate::record::Requests;
use crate::resource::{Document, ResourceType};
use crate::rules::Rules;
use crate::store::Store;
use crate::view::View;

/// What an admin route answers.
pub(crate) enum Answer {
    Json(u16, Value),
    Text(String),
}

/// Carries out a request to an admin route.
pub(crate) fn answer(state: &mut State, method: &str, path: &str, body: &[u8]) -> Answer {
    let answered = match (method, path) {
        ("GET", "/") => return Answer::Text(page::render(&state.store)),
        ("GET", "/_state") => Ok(snapshot(&state.store)),
        ("GET", "/_log") => serde_json::to_value(&state.requests).map_err(|e| refused(&e)),
        ("DELETE", "/_log") => {
            state.requests = Requests::default();
            Ok(json!({}))
        }
        ("GET", "/_faults") => Ok(json!(state.faults.waiting().collect::<Vec<_>>())),
        ("POST", "/_faults") => add_faults(state, body),
        ("DELETE", "/_faults") => {
            state.faults.clear();
            Ok(json!({}))
        }
        ("GET", "/_rules") => Ok(json!(state.store.rules)),
        ("PUT", "/_rules") => read::<Rules>(body).map(|rules| {
            state.store.rules = rules;
            json!(state.store.rules)
        }),
        ("POST", "/_by_hand") => by_hand(&mut state.store, body),
        ("GET", "/_sessions") => Ok(sessions(&state.store)),
        ("POST", "/_sessions") => sign_in(&mut state.store, body),
        _ => Err(ScimError::plain(404, "no such route; README.md lists them")),
    };
    match answered {
        Ok(value) => Answer::Json(200, value),
        Err(error) => Answer::Json(error.status, error.to_json()),
    }
}

/// Everything that is kept.
pub(crate) fn snapshot(store: &Store) -> Value {
    let all = |resource_type| -> Vec<Value> {
        let views = store
            .all(resource_type)
            .map(|record| View::new(store, record, ""));
        views.map(|view| Value::Object(view.to_json())).collect()
    };
    json!({
        "users": all(ResourceType::User),
        "groups": all(ResourceType::Group),
        "sessions": sessions(store),
        "created": created(store),
    })
}

/// How many resources were ever made, and the names of those made more than once.
fn created(store: &Store) -> Value {
    let of = |resource_type| {
        let made = || {
            store
                .created
                .by_name
                .iter()
                .filter(move |((of, _), _)| *of == resource_type)
        };
        let twice: Vec<&str> = made()
            .filter(|(_, times)| **times > 1)
            .map(|((_, name), _)| name.as_str())
            .collect();
        json!({"total": made().map(|(_, times)| u64::from(*times)).sum::<u64>(), "twice": twice})
    };
    json!({"users": of(ResourceType::User), "groups": of(ResourceType::Group)})
}

fn sessions(store: &Store) -> Value {
    let users = store.all(ResourceType::User);
    let live = users.map(|user| (user, store.sessions_of(user.number)));
    let live = live.filter(|(_, sessions)| *sessions > 0).map(|(user, sessions)| {
        json!({"userName": user.text("userName"), "id": user.id(), "sessions": sessions})
    });
    live.collect()
}

/// A user by the name that they sign in with.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SignIn {
    user_name: String,
}

fn sign_in(store: &mut Store, body: &[u8]) -> Result<Value, ScimError> {
    let SignIn { user_name } = read(body)?;
    let user = store.by_user_name(&user_name);
    let id = user
        .ok_or_else(|| ScimError::not_found("User", &user_name))?
        .id();
    Ok(json!({"sessions": store.sign_in(&id)?}))
}

/// What somebody does to a user at the service itself: `suspend`, `activate`, `delete`, or `renumber`, which
/// gives the user another id.
fn by_hand(store: &mut Store, body: &[u8]) -> Result<Value, ScimError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    struct ByHand {
        user_name: String,
        what: String,
    }
    let ByHand { user_name, what } = read(body)?;
    let user = store.by_user_name(&user_name);
    let id = user
        .ok_or_else(|| ScimError::not_found("User", &user_name))?
        .id();
    let now = Timestamp::now();
    match what.as_str() {
        "suspend" => store.set_active(&id, false, now)?,
        "activate" => store.set_active(&id, true, now)?,
        "delete" => store.delete(ResourceType::User, &id, now)?,
        "renumber" => {
            let id = crate::store::id_of(store.renumber(&id)?);
            return Ok(json!({ "id": id }));
        }
        _ => return Err(ScimError::plain(400, "nobody can do that by hand")),
    }
    Ok(json!({ "id": id }))
}

fn add_faults(state: &mut State, body: &[u8]) -> Result<Value, ScimError> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum OneOrMany {
        One(Fault),
        Many(Vec<Fault>),
    }
    let faults = match read::<OneOrMany>(body)? {
        OneOrMany::One(fault) => vec![fault],
        OneOrMany::Many(faults) => faults,
    };
    for fault in faults {
        if !state.faults.add(fault) {
            return Err(ScimError::plain(
                400,
                format!("more than {FAULTS_MAX} faults wait"),
            ));
        }
    }
    Ok(json!({"waiting": state.faults.waiting().count()}))
}

/// Adds users and groups to begin with.
pub(crate) fn seed(store: &mut Store, seed: &Value, now: Timestamp) -> Result<(), ScimError> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Seed {
        #[serde(default)]
        users: Vec<Document>,
        #[serde(default)]
        groups: Vec<SeedGroup>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    struct SeedGroup {
        display_name: String,
        #[serde(default)]
        members: Vec<String>,
    }
    let seed: Seed = serde_json::from_value(seed.clone()).map_err(|error| refused(&error))?;
    for user in &seed.users {
        store.create(ResourceType::User, user, now)?;
    }
    for group in &seed.groups {
        let mut members = Vec::with_capacity(group.members.len());
        for name in &group.members {
            let user = store.by_user_name(name);
            let user = user.ok_or_else(|| ScimError::not_found("User", name))?;
            members.push(json!({"value": user.id()}));
        }
        let mut sent = Document::new();
        sent.insert("displayName".to_owned(), group.display_name.as_str().into());
        sent.insert("members".to_owned(), Value::Array(members));
        store.create(ResourceType::Group, &sent, now)?;
    }
    Ok(())
}

fn read<'body, T: Deserialize<'body>>(body: &'body [u8]) -> Result<T, ScimError> {
    serde_json::from_slice(body).map_err(|error| refused(&error))
}

fn refused(error: &serde_json::Error) -> ScimError {
    ScimError::plain(400, error.to_string())
}
