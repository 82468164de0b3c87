//! Users: made as they should be, switched on and off, removed.
//!
//! One read and one write: the user is read, what differs is sent, and nothing is sent if nothing differs. What
//! the service made of it is compared with what was asked for wherever it says.

use muster_sdk::{
    Account, AccountState, DesiredAccount, Instant, LeavePlan, ObjectRef, Outcome, Problem, Result,
    Scalar, SideEffect,
};
use serde_json::{Value, json};

use crate::change::{self, Change};
use crate::find::{self, Candidate};
use crate::name::{Name, USER};
use crate::resource::{Fields, Resource, field};
use crate::service::{Collection, Sent, Service, Target, Written, is_ours, with_body};
use crate::settings::{ActiveShown, Deprovision, PatchStyle};
use crate::view;

/// Refusals of a PATCH after which a user is changed by PUT: the service has no PATCH.
const NO_PATCH: &[u16] = &[405, 415, 501];

/// Likewise of a PATCH with a selector such as `emails[type eq "work"]`, which some services do not read.
const NO_SELECTOR: &[u16] = &[400, 405, 415, 422, 501];

/// What was created longer ago than this was not created by the call that shows it, whatever the clocks say.
const NEW_MAX_SECONDS: i64 = 600;

/// Keys that services hold to be unique, to find out who has one of them.
const UNIQUE: [&str; 3] = ["userName", "externalId", "emails"];

/// Makes an account be as it should be.
pub(crate) fn ensure(service: &Service<'_>, desired: &DesiredAccount) -> Result<Outcome> {
    let changes = desired
        .attributes
        .iter()
        .map(Change::of)
        .collect::<Result<Vec<_>>>()?;
    if let Some(target) = &desired.target {
        let user = service.get(Collection::Users, target)?;
        return update(service, &user, &changes);
    }
    let keys = keys(desired)?;
    match find::candidate(service, &keys)? {
        Candidate::Nobody => create(service, desired, &changes, &keys),
        Candidate::Clash(other) => Err(Problem::Conflict(other.map(Box::new))),
        Candidate::Agrees(user) if !desired.may_adopt => {
            Err(Problem::Conflict(view::user_ref(&user).map(Box::new)))
        }
        Candidate::Agrees(user) => {
            let mut outcome = update(service, &user, &changes)?;
            let mut adopted = user;
            for change in &changes {
                change.apply(&mut adopted);
            }
            let known = || view::account(&adopted, service.settings.deprovision);
            let account = outcome.account.take().or_else(known);
            let account = account.ok_or_else(|| Problem::remote_defect("the user has no id"))?;
            Ok(Outcome {
                effects: outcome.effects,
                evidence: outcome.evidence,
                ..Outcome::adopted(account)
            })
        }
    }
}

/// The keys to search by. Without any, the user name is one: a second attempt must find what the first made.
fn keys(desired: &DesiredAccount) -> Result<Vec<(String, String)>> {
    if !desired.match_keys.is_empty() {
        return Ok(desired.match_keys.clone());
    }
    match desired.wanted_text("userName") {
        Some(name) => Ok(vec![("userName".to_owned(), name.to_owned())]),
        None => Err(Problem::invalid(
            "userName",
            "required",
            "a user needs a user name",
        )),
    }
}

/// Changes what differs.
fn update(service: &Service<'_>, user: &Resource, changes: &[Change]) -> Result<Outcome> {
    let missing: Vec<_> = changes
        .iter()
        .filter(|change| !change.holds_in(user))
        .cloned()
        .collect();
    let seen = view::account(user, service.settings.deprovision);
    let seen = seen.ok_or_else(|| Problem::remote_defect("the user has no id"))?;
    if missing.is_empty() {
        return Ok(Outcome::already().account(seen));
    }
    let written = write(service, user, &missing).map_err(|problem| match problem {
        Problem::Conflict(None) => {
            let keys = unique_values(&missing);
            let other = find::holder(service, &keys, Some(&seen.key.id));
            Problem::Conflict(other.map(Box::new))
        }
        problem => problem,
    })?;
    settled(service, &seen.key, &missing, written)
}

/// The outcome of a write, with the account where the service showed it. An answer that does not show the change
/// may be older than it, so the user is read once more before that is said. One that shows nothing at all, and
/// that SCIM does not know, is no answer to a change: only the user itself says what came of it.
fn settled(
    service: &Service<'_>,
    key: &ObjectRef,
    changes: &[Change],
    written: Written,
) -> Result<Outcome> {
    let outcome = Outcome::done().evidence(written.evidence);
    let Some(shown) = written.resource else {
        if written.is_bare && !is_so(service, key, changes)? {
            let text = "answered 200 without a body, and the user does not show the change";
            return Err(Problem::OutcomeUnknown(text.to_owned()));
        }
        return Ok(outcome);
    };
    let is_whole = shown.text("userName").is_some();
    let shown = if is_whole && changes.iter().all(|change| change.holds_in(&shown)) {
        shown
    } else {
        match service.find(Collection::Users, &key.id) {
            Ok(Some(user)) => user,
            // The write was accepted; that it cannot be looked at is for the next read to say.
            Ok(None) | Err(_) => return Ok(outcome),
        }
    };
    let Some(account) = view::account(&shown, service.settings.deprovision) else {
        return Ok(outcome);
    };
    let outcome = outcome.account(account.clone());
    let is_as_asked = changes.iter().all(|change| change.holds_in(&shown));
    Ok(if is_as_asked {
        outcome
    } else {
        outcome.effect(SideEffect::AccountChanged(account))
    })
}

/// Whether a user shows changes, where it can be known: what is never shown was taken, as far as anybody can say.
fn is_so(service: &Service<'_>, key: &ObjectRef, changes: &[Change]) -> Result<bool> {
    let user = service
        .find(Collection::Users, &key.id)
        .map_err(|problem| {
            Problem::OutcomeUnknown(format!(
                "answered 200 without a body, and the user could not be read: {problem}"
            ))
        })?;
    let is_hidden = |change: &Change, user: &Resource| user.values(&change.name).is_empty();
    Ok(user.is_some_and(|user| {
        let mut changes = changes.iter();
        changes.all(|change| change.holds_in(&user) || is_hidden(change, &user))
    }))
}

/// Writes changes to a user: PATCH, or PUT where that is the way.
fn write(service: &Service<'_>, user: &Resource, changes: &[Change]) -> Result<Written> {
    let key = view::user_ref(user).ok_or_else(|| Problem::remote_defect("the user has no id"))?;
    let to = Target {
        collection: Collection::Users,
        key: &key,
        resource: user,
        is_checked: true,
        forms: NO_PATCH,
    };
    if service.settings.patch != PatchStyle::Off {
        let mut operations: Vec<_> = changes
            .iter()
            .flat_map(|change| change.operations(user))
            .collect();
        if service.settings.patch == PatchStyle::Object {
            operations = merged(operations);
        }
        let has_selector = operations.iter().any(|operation| {
            operation["path"]
                .as_str()
                .is_some_and(|path| path.contains('['))
        });
        let forms = if has_selector { NO_SELECTOR } else { NO_PATCH };
        match service.patch(&Target { forms, ..to }, &operations)? {
            Sent::Written(written) => return Ok(written),
            Sent::Refused(Problem::Invalid(_)) if has_selector => {
                let lists = whole_lists(user, changes);
                if let Sent::Written(written) = service.patch(&to, &lists)? {
                    return Ok(written);
                }
            }
            Sent::Refused(_) => {}
        }
    }
    let mut whole = user.clone();
    for change in changes {
        change.apply(&mut whole);
    }
    change::name_the_cleared(&user.fields, &mut whole.fields);
    service.put(&to, &whole)
}

/// The operations without a selector: a list of which one entry has to change is written whole.
fn whole_lists(user: &Resource, changes: &[Change]) -> Vec<Value> {
    let mut whole = user.clone();
    for change in changes {
        change.apply(&mut whole);
    }
    let mut operations: Vec<Value> = Vec::new();
    for change in changes {
        let is_in_list = change.name.entry.is_some() && change.name.schema.is_none();
        if !is_in_list {
            operations.extend(change.operations(user));
            continue;
        }
        let path = change.name.attribute.as_str();
        if operations.iter().any(|known| known["path"] == path) {
            continue;
        }
        let list = field(&whole.fields, path)
            .filter(|list| list.as_array().is_some_and(|list| !list.is_empty()));
        operations.push(match list {
            Some(list) => json!({"op": "replace", "path": path, "value": list}),
            None => json!({"op": "remove", "path": path}),
        });
    }
    operations
}

/// Operations with a plain path as one without: `{"op": "replace", "value": {"name": {"givenName": "Ann"}}}`.
fn merged(operations: Vec<Value>) -> Vec<Value> {
    let mut fields = Fields::new();
    let mut others = Vec::new();
    for operation in operations {
        let path = operation["path"].as_str().unwrap_or_default();
        let is_list = operation["value"].is_array() && operation["op"] == "add";
        match Name::parse(path) {
            Ok(name) if name.entry.is_none() && operation["op"] != "remove" && !is_list => {
                let words = name
                    .schema
                    .iter()
                    .chain([&name.attribute])
                    .chain(&name.part);
                let words: Vec<&str> = words.map(String::as_str).collect();
                insert(&mut fields, &words, operation["value"].clone());
            }
            Ok(_) | Err(_) => others.push(operation),
        }
    }
    if !fields.is_empty() {
        others.insert(0, json!({"op": "replace", "value": fields}));
    }
    others
}

fn insert(fields: &mut Fields, words: &[&str], value: Value) {
    match words {
        [] => {}
        [last] => {
            fields.insert((*last).to_owned(), value);
        }
        [first, rest @ ..] => {
            let inner = fields.entry(*first).or_insert_with(|| json!({}));
            if let Value::Object(inner) = inner {
                insert(inner, rest, value);
            }
        }
    }
}

/// The values of attributes that services hold to be unique.
fn unique_values(changes: &[Change]) -> Vec<(String, String)> {
    let mut scratch = Resource {
        fields: Fields::new(),
    };
    for change in changes {
        change.apply(&mut scratch);
    }
    let mut keys = Vec::new();
    for key in UNIQUE {
        for value in Name::parse(key)
            .map(|name| scratch.values(&name))
            .unwrap_or_default()
        {
            if let Scalar::Text(value) = value {
                keys.push((key.to_owned(), value));
            }
        }
    }
    keys
}

/// Creates a user, in its state from the first moment.
fn create(
    service: &Service<'_>,
    desired: &DesiredAccount,
    changes: &[Change],
    keys: &[(String, String)],
) -> Result<Outcome> {
    let is_active = match desired.initial_state {
        AccountState::Active => true,
        AccountState::Suspended => false,
        _ => {
            return Err(Problem::unsupported(
                "a user can be created active or suspended",
            ));
        }
    };
    let user = draft(service, desired, changes, keys, is_active)?;
    let call = with_body(
        service.api.post("/Users"),
        &Value::Object(user.fields.clone()),
    );
    let reply = call.send(service.host).map_err(|problem| match problem {
        Problem::Conflict(None) => {
            let mut keys = keys.to_vec();
            keys.extend(unique_values(changes));
            Problem::Conflict(find::holder(service, &keys, None).map(Box::new))
        }
        problem => problem,
    })?;
    service.wrote();
    let written = Written::of(&reply)?;
    let created = match written.resource {
        Some(created) => created,
        None => located(service, reply.header("location"))?,
    };
    if reply.status() != 201 {
        return Err(not_created(service, &created, changes, keys));
    }
    let account = view::account(&created, service.settings.deprovision);
    let account = account.map(|account| invited(service, account, is_active));
    let Some(account) = account else {
        return Err(Problem::OutcomeUnknown(
            "the user was created and its id did not come".to_owned(),
        ));
    };
    let outcome = Outcome::done().evidence(written.evidence);
    if created.is_active() && !is_active {
        let off = [Change::set(Name::parse("active")?, false)];
        write(service, &created, &off)?;
        let text = "the service created the account active; it was switched off in a second step";
        let mut account = account;
        account.state = AccountState::Suspended;
        return Ok(outcome
            .account(account)
            .effect(SideEffect::Noted(text.to_owned())));
    }
    let is_as_wanted = created.text("userName").is_none()
        || changes.iter().all(|change| change.holds_in(&created));
    let outcome = outcome.account(account.clone());
    Ok(if is_as_wanted {
        outcome
    } else {
        outcome.effect(SideEffect::AccountChanged(account))
    })
}

/// What a success means that does not say "created". Some services answer so to every POST; others with the
/// user who has the name or the address already, and that one is nobody's to take. Whether it was created is
/// for a look to say, unless it plainly was not.
fn not_created(
    service: &Service<'_>,
    shown: &Resource,
    changes: &[Change],
    keys: &[(String, String)],
) -> Problem {
    let holds = |(key, value): &(String, String)| {
        Name::parse(key).is_ok_and(|name| shown.holds(&name, value))
    };
    let is_as_asked = keys.iter().all(holds) && changes.iter().all(|change| change.holds_in(shown));
    let created = shown.meta("created").and_then(Instant::parse);
    let age = |created: Instant| service.host.now().unix_seconds() - created.unix_seconds();
    let is_old = created.is_some_and(|created| age(created) > NEW_MAX_SECONDS);
    if !is_as_asked || is_old {
        return Problem::Conflict(view::user_ref(shown).map(Box::new));
    }
    Problem::OutcomeUnknown(
        "the service accepted it and does not say that it created a user".to_owned(),
    )
}

/// The user to create.
fn draft(
    service: &Service<'_>,
    desired: &DesiredAccount,
    changes: &[Change],
    keys: &[(String, String)],
    is_active: bool,
) -> Result<Resource> {
    let fields = json!({"schemas": [USER], "active": is_active});
    let Some(mut user) = Resource::of(fields) else {
        return Err(Problem::PluginDefect(String::new()));
    };
    for schema in &service.settings.extensions {
        change::name_schema(&mut user.fields, schema);
    }
    for change in changes {
        change.apply(&mut user);
    }
    // What it will be found by must be in it, or the next attempt would not find it.
    for (key, value) in keys {
        let name = Name::parse(key)?;
        if user.values(&name).is_empty() && name.not_writable().is_none() {
            Change::set(name, value.as_str()).apply(&mut user);
        }
    }
    if !is_active {
        user.fields.insert("active".to_owned(), Value::Bool(false));
    }
    if user.text("userName").is_none_or(str::is_empty) {
        return Err(Problem::invalid(
            "userName",
            "required",
            "a user needs a user name",
        ));
    }
    if let Some(slot) = &desired.password_slot {
        let placeholder = service.host.placeholder(slot);
        let placeholder = placeholder.map_err(|text| Problem::forbidden(["secret"], text))?;
        user.fields
            .insert("password".to_owned(), Value::String(placeholder));
    }
    Ok(user)
}

/// The user that a `Location` names. Its last word may be a name, so the id is taken from what is there.
fn located(service: &Service<'_>, location: Option<&str>) -> Result<Resource> {
    let unknown =
        || Problem::OutcomeUnknown("the user was created and its id did not come".to_owned());
    let last = location.and_then(|location| location.trim_end_matches('/').rsplit('/').next());
    let last = last.filter(|last| !last.is_empty()).ok_or_else(unknown)?;
    // It comes percent-encoded already where it needs to; what needs it and is not would be no usable word.
    let plain = last
        .chars()
        .all(|char| char.is_ascii_alphanumeric() || "-._~@".contains(char));
    let path = plain
        .then(|| Collection::Users.path().push(last))
        .ok_or_else(unknown)?;
    let found = service.api.get(path).send_json::<Value>(service.host).ok();
    found.and_then(Resource::of).ok_or_else(unknown)
}

/// Switches an account on or off.
pub(crate) fn ensure_state(
    service: &Service<'_>,
    target: &ObjectRef,
    state: AccountState,
) -> Result<Outcome> {
    let wanted = match state {
        AccountState::Active => true,
        AccountState::Suspended => false,
        _ => {
            return Err(Problem::unsupported(
                "SCIM knows active and inactive users only",
            ));
        }
    };
    let user = service.get(Collection::Users, target)?;
    let change = Change::set(Name::parse("active")?, wanted);
    let seen = view::account(&user, service.settings.deprovision);
    let seen = seen.ok_or_else(|| Problem::remote_defect("the user has no id"))?;
    let is_never_shown = service.settings.active_shown == ActiveShown::No && !user.shows_active();
    if user.is_active() == wanted && !is_never_shown {
        return Ok(Outcome::already().account(seen));
    }
    let written = write(service, &user, std::slice::from_ref(&change))?;
    let outcome = settled(service, &seen.key, &[change], written)?;
    let shows_another = outcome
        .account
        .as_ref()
        .is_some_and(|account| (account.state == AccountState::Active) != wanted);
    let accepted = || Outcome::done().evidence(outcome.evidence.clone());
    match (&outcome.account, service.settings.active_shown) {
        (Some(_), ActiveShown::No) if is_never_shown => Ok(accepted()),
        (Some(account), ActiveShown::AfterInvitation) if shows_another && wanted => {
            Ok(accepted().account(invited(service, account.clone(), wanted)))
        }
        _ if shows_another => {
            let text = "the service accepted the change of `active` and shows the old value; where it shows people \
                        inactive until they have accepted an invitation, set active_shown = \"after-invitation\", \
                        and where it never shows `active`, active_shown = \"no\"";
            Err(Problem::remote_defect(text))
        }
        _ => Ok(outcome),
    }
}

/// The account of somebody who should be active and is shown inactive, where that only says that an invitation
/// was not accepted yet.
fn invited(service: &Service<'_>, mut account: Account, is_active: bool) -> Account {
    let is_after_invitation = service.settings.active_shown == ActiveShown::AfterInvitation;
    if is_after_invitation && is_active && account.state == AccountState::Suspended {
        account.state = AccountState::Invited;
    }
    account
}

/// Refuses to say of a user whether it is active where that is never shown.
///
/// # Errors
///
/// `Unsupported`.
pub(crate) fn check_shown(service: &Service<'_>, user: &Resource) -> Result<()> {
    if service.settings.active_shown == ActiveShown::No && !user.shows_active() {
        return Err(Problem::unsupported(
            "the service never shows whether a user is active, as the setting `active_shown` says",
        ));
    }
    Ok(())
}

/// Removes an account.
pub(crate) fn ensure_absent(
    service: &Service<'_>,
    target: &ObjectRef,
    plan: &LeavePlan,
) -> Result<Outcome> {
    is_ours(target)?;
    if plan.transfer_to.is_some() {
        return Err(Problem::unsupported(
            "SCIM cannot hand on what an account owns",
        ));
    }
    if service.settings.deprovision == Deprovision::Deactivate && !plan.purge {
        let Some(_) = service.find(Collection::Users, &target.id)? else {
            return Ok(Outcome::already());
        };
        let mut outcome = ensure_state(service, target, AccountState::Suspended)?;
        let text = "switched off and not deleted, as the setting `deprovision` says";
        outcome.effects.push(SideEffect::Noted(text.to_owned()));
        return Ok(outcome);
    }
    if plan.legal_hold || plan.keep_data {
        let guard = if plan.legal_hold {
            "legal-hold"
        } else {
            "keep-data"
        };
        let text = "SCIM does not say what a DELETE leaves; `deprovision = \"deactivate\"` keeps everything";
        return Err(Problem::guarded(guard, text));
    }
    let call = service
        .api
        .delete(Collection::Users.path().push(&target.id))
        .about(target);
    let reply = call
        .accept(404)
        .accept(405)
        .accept(410)
        .accept(501)
        .send(service.host)?;
    match reply.status() {
        404 | 410 => {
            service.confirm()?;
            Ok(Outcome::already())
        }
        405 | 501 => {
            let text = "the service does not delete users; set deprovision = \"deactivate\"";
            Err(Problem::unsupported(text))
        }
        _ => Ok(Outcome::done().evidence(Written::of(&reply)?.evidence)),
    }
}
