//! Users of the fake: made, read, searched, changed, deleted, brought back; their sessions and credentials.

use muster_sdk::ObjectRef;
use serde_json::{Map, Value, json};

use super::{Answered, State, Workspace, refused};
use crate::discovery::Asked;

impl Workspace {
    /// A user who was there before, with a session.
    pub(crate) fn user(&self, email: &str, employee_id: &str) -> String {
        self.change(|state| {
            let user = state.make(&json!({
                "primaryEmail": email,
                "name": {"givenName": "Given", "familyName": "Family"},
                "externalIds": [{"type": "organization", "value": employee_id}],
            }));
            let id = user["id"].as_str().unwrap().to_owned();
            state.sessions.insert(id.clone(), 1);
            id
        })
    }

    /// The user as it is stored.
    pub(crate) fn stored(&self, id: &str) -> Value {
        self.change(|state| state.users.iter().find(|user| user["id"] == id).cloned())
            .unwrap_or_default()
    }
}

/// The key of a user.
pub(crate) fn user(id: &str) -> ObjectRef {
    ObjectRef::new("user", id)
}

impl State {
    fn make(&mut self, fields: &Value) -> Value {
        let number = self.number();
        let mut user = json!({
            "kind": "admin#directory#user",
            "id": format!("1{number:020}"),
            "customerId": "C01fake",
            "isAdmin": false, "isDelegatedAdmin": false, "suspended": false, "archived": false,
            "agreedToTerms": false, "isEnrolledIn2Sv": false, "orgUnitPath": "/",
            "creationTime": "2026-11-22T08:00:00.000Z", "lastLoginTime": "1970-01-01T00:00:00.000Z",
        });
        merge(&mut user, fields);
        self.stamp(&mut user);
        self.users.push(user.clone());
        user
    }

    fn stamp(&mut self, user: &mut Value) {
        let number = self.number();
        user["etag"] = format!("\"v{number}\"").into();
        let email = user["primaryEmail"].as_str().unwrap().to_lowercase();
        user["primaryEmail"] = email.into();
    }

    /// The place of a user by id, address or alias.
    pub(crate) fn find_user(&self, key: &str) -> Option<usize> {
        self.users.iter().position(|user| {
            user["id"] == key
                || addresses(user)
                    .iter()
                    .any(|known| known.eq_ignore_ascii_case(key))
        })
    }

    fn is_taken(&self, email: &str) -> bool {
        let is_group = |group: &Value| {
            group["email"]
                .as_str()
                .is_some_and(|it| it.eq_ignore_ascii_case(email))
        };
        self.find_user(email).is_some() || self.groups.iter().any(is_group)
    }
}

fn addresses(user: &Value) -> Vec<String> {
    let aliases = user["aliases"].as_array().into_iter().flatten();
    let all = std::iter::once(&user["primaryEmail"]).chain(aliases);
    all.filter_map(Value::as_str).map(str::to_owned).collect()
}

pub(super) fn answer(state: &mut State, asked: &Asked, now: &str) -> Option<Answered> {
    let method = asked.method.strip_prefix("directory.")?;
    Some(match method {
        "users.list" => list(state, asked),
        "users.insert" => insert(state, asked),
        "users.undelete" => undelete(state, asked),
        "users.get"
        | "users.patch"
        | "users.delete"
        | "users.signOut"
        | "tokens.list"
        | "tokens.delete"
        | "asps.list"
        | "asps.delete"
        | "verificationCodes.list"
        | "verificationCodes.generate"
        | "verificationCodes.invalidate" => {
            let key = asked.at("userKey");
            if !key.contains('@') || key.to_lowercase().ends_with("example.com") {
                match state.find_user(key) {
                    Some(at) => of_user(state, asked, method, at, now),
                    None => refused(404, "notFound", "Resource Not Found: userKey"),
                }
            } else {
                refused(
                    403,
                    "forbidden",
                    "Not Authorized to access this resource/api",
                )
            }
        }
        _ => return None,
    })
}

fn of_user(state: &mut State, asked: &Asked, method: &str, at: usize, now: &str) -> Answered {
    let id = state.users[at]["id"].as_str().unwrap().to_owned();
    match method {
        "users.get" => return Ok(shown(&state.users[at], asked)),
        "users.patch" => return patch(state, asked, at),
        "users.delete" => {
            let mut user = state.users.remove(at);
            let email = user["primaryEmail"].as_str().unwrap().to_owned();
            user["deletionTime"] = now.into();
            state.bin.push(user);
            state.seats.retain(|(_, _, holder)| *holder != email);
            for members in state.members.values_mut() {
                members.retain(|member| member["id"] != id.as_str());
            }
            for all in [&mut state.tokens, &mut state.app_passwords] {
                all.remove(&id);
            }
        }
        "users.signOut" => {
            state.sessions.insert(id, 0);
        }
        "tokens.list" => {
            let tokens = state.tokens.get(&id).cloned().unwrap_or_default();
            return Ok(unpaged("admin#directory#tokenList", tokens));
        }
        "tokens.delete" => {
            let client = asked.at("clientId").to_owned();
            return removed(state.tokens.entry(id).or_default(), |it| {
                it["clientId"] == client.as_str()
            });
        }
        "asps.list" => {
            let all = state.app_passwords.get(&id).cloned().unwrap_or_default();
            return Ok(unpaged("admin#directory#aspList", all));
        }
        "asps.delete" => {
            let code: i64 = asked.at("codeId").parse().unwrap();
            return removed(state.app_passwords.entry(id).or_default(), |it| {
                it["codeId"] == code
            });
        }
        "verificationCodes.list" => {
            let codes = state
                .codes
                .get(&id)
                .cloned()
                .unwrap_or_default()
                .into_iter();
            let items = codes.map(|code| {
                json!({
                    "kind": "admin#directory#verificationCode",
                    "userId": id, "verificationCode": code,
                })
            });
            return Ok(unpaged(
                "admin#directory#verificationCodesList",
                items.collect(),
            ));
        }
        "verificationCodes.generate" => {
            let number = state.number();
            let codes = (0..10).map(|at| format!("canary-{number}-{at}")).collect();
            state.codes.insert(id, codes);
        }
        _ => {
            state.codes.remove(&id);
        }
    }
    Ok(Value::Null)
}

fn unpaged(kind: &str, items: Vec<Value>) -> Value {
    let mut reply = json!({"kind": kind, "etag": "\"list\""});
    if !items.is_empty() {
        reply["items"] = items.into();
    }
    reply
}

fn removed(all: &mut Vec<Value>, is_meant: impl Fn(&Value) -> bool) -> Answered {
    match all.iter().position(is_meant) {
        Some(at) => {
            all.remove(at);
            Ok(Value::Null)
        }
        None => refused(404, "notFound", "Resource Not Found"),
    }
}

fn list(state: &State, asked: &Asked) -> Answered {
    if asked.query("customer").is_none() && asked.query("domain").is_none() {
        return refused(400, "badRequest", "Bad Request");
    }
    let all = if asked.query("showDeleted") == Some("true") {
        &state.bin
    } else {
        &state.users
    };
    let is_meant = |user: &&Value| {
        let domain = asked.query("domain").map(|domain| format!("@{domain}"));
        let email = user["primaryEmail"].as_str().unwrap();
        domain.is_none_or(|domain| email.ends_with(&domain))
            && asked.query("query").is_none_or(|query| {
                !state.unsettled.contains(user["id"].as_str().unwrap()) && finds(query, user)
            })
    };
    let shown = all
        .iter()
        .filter(is_meant)
        .map(|user| shown(user, asked))
        .collect();
    Ok(state.list(asked, "admin#directory#users", "users", shown))
}

/// Searches loosely, as Google does: what begins so is found too.
fn finds(query: &str, user: &Value) -> bool {
    if query.starts_with("isAdmin") {
        return user["isAdmin"] == true && user["suspended"] == false;
    }
    let (field, value) = query.split_once('=').unwrap();
    let value = value
        .trim_matches('\'')
        .replace("\\'", "'")
        .replace("\\\\", "\\")
        .to_lowercase();
    let held: Vec<String> = match field {
        "externalId" => {
            let ids = user["externalIds"].as_array().into_iter().flatten();
            ids.filter_map(|id| id["value"].as_str())
                .map(str::to_owned)
                .collect()
        }
        "email" => addresses(user),
        other => panic!("the fake does not search by `{other}`"),
    };
    held.iter()
        .any(|held| held.to_lowercase().starts_with(&value))
}

/// Custom fields come only when everything is asked for.
fn shown(user: &Value, asked: &Asked) -> Value {
    let mut user = user.clone();
    user.as_object_mut().unwrap().remove("password");
    if asked.query("projection") != Some("full") {
        user.as_object_mut().unwrap().remove("customSchemas");
    }
    user
}

fn insert(state: &mut State, asked: &Asked) -> Answered {
    let email = asked.body["primaryEmail"].as_str().unwrap();
    if state.is_taken(email) {
        return refused(409, "duplicate", "Entity already exists.");
    }
    if asked.body["password"].as_str().unwrap().len() < 8 {
        return refused(400, "invalid", "Invalid Password");
    }
    let user = state.make(&asked.body);
    Ok(shown(&user, asked))
}

fn patch(state: &mut State, asked: &Asked, at: usize) -> Answered {
    if let Some(email) = asked.body["primaryEmail"].as_str() {
        if state.find_user(email).is_some_and(|other| other != at) {
            return refused(409, "duplicate", "Entity already exists.");
        }
        let old = state.users[at]["primaryEmail"].clone();
        let user = state.users[at].as_object_mut().unwrap();
        let aliases = user.entry("aliases").or_insert_with(|| json!([]));
        aliases.as_array_mut().unwrap().push(old);
    }
    let mut user = state.users[at].clone();
    merge(&mut user, &asked.body);
    if user["suspended"] == true {
        user["suspensionReason"] = "ADMIN".into();
    } else {
        user.as_object_mut().unwrap().remove("suspensionReason");
    }
    state.stamp(&mut user);
    state.users[at] = user.clone();
    Ok(shown(&user, asked))
}

fn undelete(state: &mut State, asked: &Asked) -> Answered {
    let Some(at) = state
        .bin
        .iter()
        .position(|user| user["id"] == asked.at("userKey"))
    else {
        return refused(404, "notFound", "Resource Not Found: userKey");
    };
    let mut user = state.bin.remove(at);
    user.as_object_mut().unwrap().remove("deletionTime");
    user["orgUnitPath"] = asked.body["orgUnitPath"].clone();
    state.users.push(user);
    Ok(Value::Null)
}

/// RFC 7396, which is what Google's PATCH does: null clears, lists are replaced.
fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let fields = target.as_object_mut().unwrap();
    for (name, value) in patch {
        if value.is_null() {
            fields.remove(name);
        } else {
            merge(fields.entry(name.clone()).or_insert(Value::Null), value);
        }
    }
}
