//! Licences, transfers and the log of the fake.

use muster_sdk::Instant;
use serde_json::{Value, json};

use super::{Answered, State, refused};
use crate::discovery::Asked;

pub(super) fn answer(state: &mut State, asked: &Asked, now: &str) -> Option<Answered> {
    let (api, method) = asked.method.split_once('.')?;
    Some(match (api, method) {
        ("licensing", method) => licence(state, asked, method),
        ("datatransfer", "applications.list") => {
            let all = [
                ("55656082996", "Drive and Docs", "PRIVACY_LEVEL"),
                ("435070579839", "Calendar", "RELEASE_RESOURCES"),
            ];
            let application = |(id, name, key)| {
                json!({
                    "kind": "admin#datatransfer#ApplicationResource", "id": id, "name": name,
                    "transferParams": [{"key": key, "value": ["PRIVATE", "SHARED"]}],
                })
            };
            let all = all.into_iter().map(application).collect();
            Ok(state.list(
                asked,
                "admin#datatransfer#applicationsList",
                "applications",
                all,
            ))
        }
        ("datatransfer", "transfers.insert") => {
            let mut transfer = asked.body.clone();
            transfer["kind"] = "admin#datatransfer#DataTransfer".into();
            transfer["id"] = format!("T{}", state.number()).into();
            transfer["overallTransferStatusCode"] = "inProgress".into();
            transfer["requestTime"] = now.into();
            state.transfers.push(transfer.clone());
            Ok(transfer)
        }
        ("datatransfer", "transfers.list") => {
            let is = |transfer: &&Value| {
                ["oldOwnerUserId", "newOwnerUserId"]
                    .iter()
                    .all(|name| asked.query(name).is_none_or(|id| transfer[name] == id))
            };
            let all = state.transfers.iter().filter(is).cloned().collect();
            Ok(state.list(
                asked,
                "admin#datatransfer#dataTransfersList",
                "dataTransfers",
                all,
            ))
        }
        ("datatransfer", "transfers.get") => {
            let id = asked.at("dataTransferId");
            match state.transfers.iter().find(|transfer| transfer["id"] == id) {
                Some(transfer) => Ok(transfer.clone()),
                None => refused(404, "notFound", "Resource Not Found"),
            }
        }
        ("reports", "activities.list") => Ok(activities(state, asked)),
        _ => return None,
    })
}

fn shown(product: &str, sku: &str, user: &str) -> Value {
    json!({
        "kind": "licensing#licenseAssignment", "userId": user, "productId": product,
        "skuId": sku, "skuName": format!("Plan {sku}"),
    })
}

fn licence(state: &mut State, asked: &Asked, method: &str) -> Answered {
    let (product, sku) = (asked.at("productId"), asked.at("skuId"));
    if method == "licenseAssignments.listForProductAndSku" {
        if asked.query("customerId") == Some("my_customer") {
            return refused(400, "invalid", "Invalid customerId");
        }
        let is = |(known, of, _): &&(String, String, String)| known == product && of == sku;
        let all = state
            .seats
            .iter()
            .filter(is)
            .map(|(_, _, user)| shown(product, sku, user));
        let all = all.collect();
        return Ok(state.list(asked, "licensing#licenseAssignmentList", "items", all));
    }
    let user = match method {
        "licenseAssignments.insert" => asked.body["userId"].as_str().unwrap(),
        _ => asked.at("userId"),
    };
    let Some(at) = state.find_user(user) else {
        return refused(404, "notFound", "Not Found");
    };
    if state.users[at]["primaryEmail"] != user {
        return refused(400, "invalid", "Invalid userId: not the primary address");
    }
    let place = state
        .seats
        .iter()
        .position(|(p, s, u)| p == product && s == sku && u == user);
    match (method, place) {
        ("licenseAssignments.get", Some(_)) => Ok(shown(product, sku, user)),
        ("licenseAssignments.insert", _) => {
            if state
                .seats
                .iter()
                .any(|(p, _, u)| p == product && u == user)
            {
                let text = "User already has a license for the specified product and SKU(s)";
                return refused(412, "conditionNotMet", text);
            }
            if is_used_up(state, &format!("{product}/{sku}")) {
                return none_left();
            }
            state
                .seats
                .push((product.to_owned(), sku.to_owned(), user.to_owned()));
            Ok(shown(product, sku, user))
        }
        ("licenseAssignments.patch", Some(at)) => {
            let to = asked.body["skuId"].as_str().unwrap();
            if is_used_up(state, &format!("{product}/{to}")) {
                return none_left();
            }
            to.clone_into(&mut state.seats[at].1);
            Ok(shown(product, to, user))
        }
        ("licenseAssignments.delete", Some(at)) => {
            state.seats.remove(at);
            Ok(json!({}))
        }
        (_, _) => refused(
            404,
            "notFound",
            "User does not have a license for specified sku",
        ),
    }
}

fn none_left() -> Answered {
    let text = "There aren't enough available licenses for the specified product-SKU pair";
    refused(412, "conditionNotMet", text)
}

fn is_used_up(state: &State, name: &str) -> bool {
    let taken = state
        .seats
        .iter()
        .filter(|(p, s, _)| format!("{p}/{s}") == name)
        .count();
    state
        .purchased
        .get(name)
        .is_some_and(|purchased| taken >= *purchased)
}

/// Newest first, and both ends count.
fn activities(state: &State, asked: &Asked) -> Value {
    let at = |text: &str| Instant::parse(text).unwrap();
    let from = asked.query("startTime").map(at);
    let until = asked.query("endTime").map(at);
    let mut all: Vec<Value> = state.activities.clone();
    all.retain(|activity| {
        let time = at(activity["id"]["time"].as_str().unwrap()).unix_seconds();
        from.as_ref().is_none_or(|from| time >= from.unix_seconds())
            && until
                .as_ref()
                .is_none_or(|until| time <= until.unix_seconds())
    });
    all.sort_by_key(|activity| {
        std::cmp::Reverse(activity["id"]["time"].as_str().unwrap().to_owned())
    });
    state.list(asked, "admin#reports#activities", "items", all)
}
