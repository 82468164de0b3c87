//! Groups and administrator roles of the fake.

use muster_sdk::ObjectRef;
use serde_json::{Value, json};

use super::{Answered, State, Workspace, refused};
use crate::discovery::Asked;

impl Workspace {
    /// A group that was there before.
    pub(crate) fn group(&self, email: &str) -> ObjectRef {
        self.change(|state| {
            let id = format!("g{:04}", state.number());
            state.groups.push(json!({
                "kind": "admin#directory#group", "id": id, "email": email, "name": email,
                "directMembersCount": "0", "etag": "\"g\"",
            }));
            state.members.insert(id.clone(), Vec::new());
            ObjectRef::new("group", id)
        })
    }

    /// A member that was there before.
    pub(crate) fn member(&self, group: &ObjectRef, kind: &str, id: &str, role: &str) {
        let member =
            json!({"kind": "admin#directory#member", "id": id, "type": kind, "role": role});
        self.change(|state| state.members.get_mut(&group.id).unwrap().push(member));
    }

    /// The ids of who is in a group itself.
    pub(crate) fn members_of(&self, group: &ObjectRef) -> Vec<String> {
        self.change(|state| {
            let ids = state.members[&group.id]
                .iter()
                .map(|member| member["id"].as_str().unwrap());
            ids.map(str::to_owned).collect()
        })
    }

    /// A role that was there before.
    pub(crate) fn role(&self, name: &str, is_super_admin: bool) -> ObjectRef {
        self.change(|state| {
            let id = format!("77{}", state.number());
            state.roles.push(json!({
                "kind": "admin#directory#role", "roleId": id, "roleName": name,
                "isSuperAdminRole": is_super_admin,
            }));
            ObjectRef::new("role", id)
        })
    }

    /// A role that somebody has already.
    pub(crate) fn assigned(&self, role: &ObjectRef, to: &str, kind: &str, scope: &str) {
        self.change(|state| {
            let number = state.number();
            state.assignments.push(json!({
                "kind": "admin#directory#roleAssignment", "roleAssignmentId": format!("88{number}"),
                "roleId": role.id, "assignedTo": to, "assigneeType": kind, "scopeType": scope,
            }));
        });
    }
}

impl State {
    fn find_group(&self, key: &str) -> Option<String> {
        let is = |group: &&Value| group["id"] == key || group["email"] == key;
        let found = self.groups.iter().find(is)?;
        found["id"].as_str().map(str::to_owned)
    }

    /// Everybody in a group, through others too.
    fn derived(&self, group: &str) -> Vec<Value> {
        let mut found: Vec<Value> = Vec::new();
        let mut open = vec![group.to_owned()];
        while let Some(group) = open.pop() {
            for member in self.members.get(&group).into_iter().flatten() {
                if found.iter().any(|known| known["id"] == member["id"]) {
                    continue;
                }
                if member["type"] == "GROUP" {
                    open.push(member["id"].as_str().unwrap().to_owned());
                }
                found.push(member.clone());
            }
        }
        found
    }

    fn groups_with(&self, member: &str) -> Vec<String> {
        let has = |(_, members): &(&String, &Vec<Value>)| {
            members.iter().any(|known| known["id"] == member)
        };
        self.members
            .iter()
            .filter(has)
            .map(|(group, _)| group.clone())
            .collect()
    }
}

pub(super) fn answer(state: &mut State, asked: &Asked) -> Option<Answered> {
    let method = asked.method.strip_prefix("directory.")?;
    Some(match method {
        "groups.list" => list(state, asked),
        "groups.get" => match state.find_group(asked.at("groupKey")) {
            Some(id) => Ok(state
                .groups
                .iter()
                .find(|it| it["id"] == id.as_str())
                .unwrap()
                .clone()),
            None => no_group(),
        },
        "members.list" | "members.get" | "members.hasMember" | "members.insert"
        | "members.delete" => match state.find_group(asked.at("groupKey")) {
            Some(group) => of_group(state, asked, method, &group),
            None => no_group(),
        },
        "roles.list" => {
            Ok(state.list(asked, "admin#directory#roles", "items", state.roles.clone()))
        }
        "roles.get" => match state
            .roles
            .iter()
            .find(|role| role["roleId"] == asked.at("roleId"))
        {
            Some(role) => Ok(role.clone()),
            None => refused(404, "notFound", "Resource Not Found: roleId"),
        },
        "roleAssignments.list" => Ok(assignments(state, asked)),
        "roleAssignments.insert" => {
            let number = state.number();
            let mut assignment = asked.body.clone();
            assignment["kind"] = "admin#directory#roleAssignment".into();
            assignment["roleAssignmentId"] = format!("88{number}").into();
            assignment["assigneeType"] = "user".into();
            state.assignments.push(assignment.clone());
            Ok(assignment)
        }
        "roleAssignments.delete" => {
            state
                .assignments
                .retain(|it| it["roleAssignmentId"] != asked.at("roleAssignmentId"));
            Ok(Value::Null)
        }
        "schemas.list" => {
            let mut reply = json!({"kind": "admin#directory#schemas"});
            reply["schemas"] = state.schemas.clone().into();
            Ok(reply)
        }
        _ => return None,
    })
}

fn no_group() -> Answered {
    refused(404, "notFound", "Resource Not Found: groupKey")
}

fn no_member() -> Answered {
    refused(404, "notFound", "Resource Not Found: memberKey")
}

fn list(state: &State, asked: &Asked) -> Answered {
    let all = match asked.query("userKey") {
        Some(_) if asked.query("customer").is_some() => {
            return refused(400, "invalid", "Invalid Input: userKey with customer");
        }
        Some(key) if state.find_user(key).is_none() && state.find_group(key).is_none() => {
            return refused(404, "notFound", "Resource Not Found: userKey");
        }
        Some(key) => {
            let of = state.groups_with(key);
            let is = |group: &&Value| of.iter().any(|id| group["id"] == id.as_str());
            state.groups.iter().filter(is).cloned().collect()
        }
        None => state.groups.clone(),
    };
    Ok(state.list(asked, "admin#directory#groups", "groups", all))
}

fn of_group(state: &mut State, asked: &Asked, method: &str, group: &str) -> Answered {
    if method == "members.list" {
        let all = match asked.query("includeDerivedMembership") {
            Some("true") => state.derived(group),
            _ => state.members[group].clone(),
        };
        let role = asked.query("roles");
        let all = all
            .into_iter()
            .filter(|it| role.is_none_or(|role| it["role"] == role))
            .collect();
        return Ok(state.list(asked, "admin#directory#members", "members", all));
    }
    let id = |state: &State, key: &str| match state.find_user(key) {
        Some(at) => state.users[at]["id"].as_str().unwrap().to_owned(),
        None => state.find_group(key).unwrap_or_else(|| key.to_owned()),
    };
    let key = match method {
        "members.insert" => asked.body["id"].as_str().unwrap(),
        _ => asked.at("memberKey"),
    };
    let key = id(state, key);
    let place = state.members[group]
        .iter()
        .position(|member| member["id"] == key.as_str());
    match (method, place) {
        ("members.get", Some(at)) => Ok(state.members[group][at].clone()),
        ("members.hasMember", _) => match state.find_user(&key) {
            Some(_) => {
                let all = state.derived(group);
                Ok(json!({"isMember": all.iter().any(|member| member["id"] == key.as_str())}))
            }
            None => refused(400, "invalid", "Invalid Input: memberKey"),
        },
        ("members.insert", Some(_)) => refused(409, "duplicate", "Member already exists."),
        ("members.insert", None) => {
            let kind = match (state.find_user(&key), state.find_group(&key)) {
                (Some(_), _) if !state.unsettled.contains(&key) => "USER",
                (None, Some(_)) => "GROUP",
                (_, _) => return no_member(),
            };
            let member = json!({
                "kind": "admin#directory#member", "etag": "\"m\"",
                "id": key, "type": kind, "role": asked.body["role"], "status": "ACTIVE",
            });
            state.members.get_mut(group).unwrap().push(member.clone());
            Ok(member)
        }
        ("members.delete", Some(at)) => {
            state.members.get_mut(group).unwrap().remove(at);
            Ok(Value::Null)
        }
        (_, _) => no_member(),
    }
}

fn assignments(state: &State, asked: &Asked) -> Value {
    let user = asked.query("userKey");
    let through = match (user, asked.query("includeIndirectRoleAssignments")) {
        (Some(user), Some("true")) => state.groups_with(user),
        _ => Vec::new(),
    };
    let is = |entry: &&Value| {
        let to = entry["assignedTo"].as_str().unwrap();
        asked
            .query("roleId")
            .is_none_or(|role| entry["roleId"] == role)
            && user.is_none_or(|user| to == user || through.iter().any(|group| group == to))
    };
    let all = state.assignments.iter().filter(is).cloned().collect();
    state.list(asked, "admin#directory#roleAssignments", "items", all)
}
