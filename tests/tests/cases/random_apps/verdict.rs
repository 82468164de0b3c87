//! What is not as it should be: at the app, of accounts that are nobody's, and between app and ledger.

use std::collections::{BTreeMap, BTreeSet};

use muster_tests::app::App;
use muster_tests::company::Row;
use serde_json::{Value, json};

use super::staff::Staff;

/// The users of an app, each with its groups, whatever the app calls them.
struct Seen {
    users: Vec<Value>,
}

fn groups(user: &Value) -> BTreeSet<String> {
    let groups = user["groups"].as_array().cloned().unwrap_or_default();
    let name = |group: &Value| group["display"].as_str().map(str::to_owned);
    groups.iter().filter_map(name).collect()
}

impl Seen {
    fn of(app: &App) -> Self {
        let state = app.state();
        Self {
            users: state["users"].as_array().cloned().unwrap_or_default(),
        }
    }

    fn of_person(&self, key: &str) -> Vec<&Value> {
        let users = self.users.iter();
        users
            .filter(|user| user["externalId"] == json!(key))
            .collect()
    }
}

/// Accounts that are nobody's, as they are now, by user name.
pub(super) fn unmanaged(app: &App, names: &[&str]) -> BTreeMap<String, Value> {
    let seen = Seen::of(app).users.into_iter();
    seen.filter_map(|user| {
        let name = user["userName"].as_str()?.to_owned();
        names.contains(&name.as_str()).then_some((name, user))
    })
    .collect()
}

/// What an account that is nobody's is now, apart from groups that it was in before and is not in any more, and how
/// many these are.
pub(super) fn now(app: &App, name: &str, before: &Value) -> (Value, usize) {
    let mut now = unmanaged(app, &[name]).remove(name).unwrap_or_default();
    let groups = |user: &Value| user["groups"].as_array().cloned().unwrap_or_default();
    let (had, has) = (groups(before), groups(&now));
    let lost = had.iter().filter(|group| !has.contains(group)).count();
    let is_new = has.iter().any(|group| !had.contains(group));
    if lost > 0 && !is_new && before.is_object() {
        now["groups"].clone_from(&before["groups"]);
    }
    (now, lost)
}

/// What is not as HR and the policy wish it, at the app.
pub(super) fn unwished(app: &App, staff: &Staff) -> Vec<String> {
    let seen = Seen::of(app);
    let mut wrong = Vec::new();
    for (key, row) in &staff.here {
        match seen.of_person(key).as_slice() {
            [user] => wrong.extend(differences(user, row)),
            users => wrong.push(format!("{key} has {} accounts", users.len())),
        }
    }
    for key in staff.gone.keys() {
        let users = seen.of_person(key);
        if users.len() > 1 {
            wrong.push(format!("{key} left and has {} accounts", users.len()));
        }
        for user in users {
            let groups = groups(user);
            if user["active"] != json!(false) || !groups.is_empty() {
                let active = &user["active"];
                wrong.push(format!("{key} left and is active: {active}, in {groups:?}"));
            }
        }
    }
    wrong
}

fn differences(user: &Value, row: &Row) -> Vec<String> {
    let key = &row.id;
    let mut wished = BTreeSet::from(["Everybody".to_owned()]);
    if row.department != "Legal" {
        wished.insert(row.department.clone());
    }
    let texts = [
        (&user["userName"], row.email.clone()),
        (&user["name"]["givenName"], row.first.clone()),
        (&user["name"]["familyName"], row.last.clone()),
        (&user["displayName"], format!("{} {}", row.first, row.last)),
    ];
    let mut wrong = Vec::new();
    for (shown, wished) in texts {
        if *shown != json!(wished) {
            wrong.push(format!("{key} has {shown} in place of {wished:?}"));
        }
    }
    if user["active"] != json!(true) {
        wrong.push(format!("{key} is not active"));
    }
    let groups = groups(user);
    if groups != wished {
        wrong.push(format!("{key} is in {groups:?} in place of {wished:?}"));
    }
    wrong
}

/// What the ledger says otherwise than the app holds it. `accounts` is what `muster accounts --json` lists.
pub(super) fn untrue(app: &App, accounts: &[Value], unmanaged: usize) -> Vec<String> {
    let seen = Seen::of(app);
    let mut wrong = Vec::new();
    let mut known = 0;
    for account in accounts {
        let person = account["person"].as_str().unwrap_or_default();
        let key = person.trim_start_matches("hr:");
        let user = match (seen.of_person(key).as_slice(), account["id"].as_str()) {
            ([user], Some(_)) => *user,
            ([], None) => continue,
            (users, id) => {
                let users = users.len();
                wrong.push(format!("{person} is {id:?} and the app has {users} of it"));
                continue;
            }
        };
        known += 1;
        let state = if user["active"] == json!(true) {
            "active"
        } else {
            "suspended"
        };
        if account["id"] != user["id"] || account["state"] != json!(state) {
            let (id, said) = (&account["id"], &account["state"]);
            let is = &user["id"];
            wrong.push(format!(
                "{person} is {id} {said}, and {is} {state} at the app"
            ));
        }
        let held = account["grants"].as_array().cloned().unwrap_or_default();
        let name = |grant: &Value| {
            let name = grant["entitlement"].as_str()?.trim_start_matches("group:");
            (grant["state"] == json!("held")).then(|| name.to_owned())
        };
        let held: BTreeSet<String> = held.iter().filter_map(name).collect();
        let groups = groups(user);
        if held != groups {
            wrong.push(format!(
                "{person} is said to be in {held:?} and is in {groups:?}"
            ));
        }
    }
    if seen.users.len() != known + unmanaged {
        let all = seen.users.len();
        wrong.push(format!(
            "the app has {all} accounts, {known} of them in the ledger and {unmanaged} nobody's"
        ));
    }
    wrong
}
