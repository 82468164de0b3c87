//! Sessions. SCIM has none: where the service has an address beside SCIM at which a DELETE ends all sessions of a
//! user, the setting `sessions_url` names it; elsewhere the answer says that sessions go on.

use muster_sdk::{
    Credential, ObjectRef, Outcome, Page, PageRequest, Path, Problem, Result, SideEffect,
    UnreachedCredentials,
};
use serde_json::Value;

use crate::resource::{Resource, entries, entry_value, field};
use crate::service::{Collection, Service, Written, is_ours, number};

/// The category of the contract.
const SESSION: &str = "session";

/// Where the sessions of a user are.
fn path(template: &str, id: &str) -> Path {
    let words = template.split('/').filter(|word| !word.is_empty());
    words.fold(Path::new(""), |path, word| {
        path.push(word.replace("{id}", id))
    })
}

/// Ends all sessions of an account.
pub(crate) fn end(service: &Service<'_>, target: &ObjectRef) -> Result<Outcome> {
    is_ours(target)?;
    let Some(template) = &service.settings.sessions_url else {
        let reason =
            "SCIM has no sessions; where the app has an address to end them, set `sessions_url`";
        let unreached = UnreachedCredentials {
            category: SESSION.to_owned(),
            reason: reason.to_owned(),
            ..UnreachedCredentials::default()
        };
        return Ok(Outcome::already().effect(SideEffect::CredentialsUnreached(unreached)));
    };
    let call = service.api.delete(path(template, &target.id)).about(target);
    let reply = call.accept(404).accept(410).send(service.host)?;
    if !matches!(reply.status(), 404 | 410) {
        return Ok(Outcome::done().evidence(Written::of(&reply)?.evidence));
    }
    // Either the user is gone, or the address is wrong and nothing was ended.
    match service.find(Collection::Users, &target.id)? {
        None => Ok(Outcome::already()),
        Some(_) => Err(Problem::remote_defect(
            "sessions_url answers 404 for a user that is there",
        )),
    }
}

/// The sessions of an account, as far as the service shows them at the same address.
pub(crate) fn list(
    service: &Service<'_>,
    owner: Option<&ObjectRef>,
    request: &PageRequest,
) -> Result<Page<Credential>> {
    let (Some(template), Some(owner)) = (&service.settings.sessions_url, owner) else {
        return Err(Problem::unsupported(
            "SCIM has no sessions, and `sessions_url` shows those of one user",
        ));
    };
    is_ours(owner)?;
    let answer: Value = service
        .api
        .get(path(template, &owner.id))
        .about(owner)
        .send_json(service.host)?;
    let defect = || Problem::remote_defect("sessions were asked for and none came");
    let (list, total) = match &answer {
        Value::Array(_) => (entries(Some(&answer)), None),
        Value::Object(fields) => {
            let list = field(fields, "Resources").or_else(|| field(fields, "sessions"));
            (
                entries(Some(
                    list.filter(|list| list.is_array()).ok_or_else(defect)?,
                )),
                number(fields, "totalResults"),
            )
        }
        _ => return Err(defect()),
    };
    let mut sessions = Vec::new();
    for entry in list {
        let id = Resource::of(entry.clone())
            .and_then(|session| session.id())
            .or_else(|| entry_value(entry));
        let id = id.ok_or_else(|| Problem::remote_defect("a session has no id"))?;
        let key = ObjectRef::new(SESSION, id.as_str());
        sessions.push((id, Credential::new(key, SESSION, owner.clone())));
    }
    if total.is_some_and(|total| usize::try_from(total) != Ok(sessions.len())) {
        return Err(Problem::remote_defect("not all sessions came"));
    }
    crate::listing::sorted(sessions, request)
}
