//! Reads what the targets really hold: what they can give, and whose accounts are there.
//!
//! A listing counts only where it is proven whole. Accounts that nobody here owns are reported and
//! never touched.

use std::sync::Arc;
use std::time::Duration;

use muster_core::connector::{AccountState, Entitlement, Problem, RemoteAccount, Scalar};
use muster_core::fact::Fact;
use muster_core::finding::{Code, Finding, Severity};
use muster_core::id::TargetName;
use muster_core::redact;
use tokio::sync::watch;

use crate::app::App;
use crate::driver::REFUSED;
use crate::replan::{self, waiting};
use crate::targets::Connected;

/// A target could not be read.
pub const UNREADABLE: Code = Code::new("TGT-010");
/// A listing was not whole, so nothing follows from what is not in it.
pub const NOT_WHOLE: Code = Code::new("TGT-011");
/// Accounts that belong to nobody whom a feed describes.
pub const ORPHANS: Code = Code::new("TGT-012");
/// An account that the ledger believes to be there is not.
pub const VANISHED: Code = Code::new("TGT-013");

/// How often each target is read.
const EVERY: Duration = Duration::from_hours(1);

/// How soon a target that could not be read is read again.
const AGAIN: Duration = Duration::from_mins(1);

/// Most ids that a finding names.
const NAMED_MAX: usize = 20;

/// Reads what every target can give, so that the first plan knows it. A target that does not answer
/// in time is read later.
pub async fn first(app: &Arc<App>, patience: Duration) {
    let reading = app
        .targets
        .values()
        .filter(|target| target.is_usable())
        .map(|target| catalogue(app, target));
    let all = futures_util::future::join_all(reading);
    if tokio::time::timeout(patience, all).await.is_err() {
        tracing::warn!("some targets have not yet said what they can give");
    }
}

/// Reads one target again and again until the daemon stops.
pub async fn run(app: Arc<App>, target: Arc<Connected>, mut stop: watch::Receiver<bool>) {
    let mut wait = Duration::ZERO;
    let mut versions = target.versions();
    while !*stop.borrow() {
        // What another version read may have been wrong, or not whole.
        if std::mem::replace(&mut versions, target.versions()) != target.versions() {
            wait = Duration::ZERO;
        }
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = target.became_ready() => {}
            changed = stop.changed() => if changed.is_err() { return },
        }
        if !target.is_usable() {
            wait = EVERY;
            continue;
        }
        versions = target.versions();
        wait = if read(&app, &target).await {
            EVERY
        } else {
            AGAIN
        };
    }
}

/// Reads a target; false where it has to be tried again soon.
async fn read(app: &Arc<App>, target: &Connected) -> bool {
    match catalogue(app, target).await {
        None => return false,
        Some(true) => {
            if let Err(error) = replan::everybody(app).await {
                tracing::error!(
                    error = crate::error::chain(&error),
                    "could not plan after a target was read for the first time"
                );
            }
        }
        Some(false) => {}
    }
    accounts(app, target).await
}

/// Reads what a target can give. True where that is known for the first time; none where it could not be
/// read.
async fn catalogue(app: &Arc<App>, target: &Connected) -> Option<bool> {
    let name = target.name();
    let mut listing = match target.entitlements().await {
        Ok(listing) => listing,
        Err(problem) => {
            unreadable(app, name, "what it can give", &problem).await;
            return None;
        }
    };
    if !listing.is_whole {
        not_whole(app, name, "what it can give", listing.why_not.as_deref()).await;
        return None;
    }
    let sort_key = |entitlement: &Entitlement| {
        (
            entitlement.object.kind.clone(),
            entitlement.object.id.clone(),
        )
    };
    listing.items.sort_by_key(sort_key);
    let before = app
        .ledger
        .read()
        .and_then(|reader| reader.catalogue(name))
        .ok()
        .flatten();
    let before = before.map(|kept| kept.entitlements);
    let is_same = before
        .as_ref()
        .is_some_and(|before| waiting::is_same_catalogue(before, &listing.items));
    // A connector that has nothing to list has asked the app nothing.
    let accepted = (!listing.items.is_empty()).then_some(REFUSED);
    let codes: Vec<Code> = [UNREADABLE, NOT_WHOLE]
        .into_iter()
        .chain(accepted)
        .collect();
    let mut facts = closed(app, name, &codes);
    if before.is_none() {
        facts.push(Fact::CatalogueRead {
            target: name.clone(),
            entitlements: listing.items.clone(),
        });
    }
    app.say(facts).await;
    if let Some(before) = &before {
        if is_same {
            waiting::catalogue_is_same(app, name).await;
            return Some(false);
        }
        let taken = waiting::catalogue_changed(app, name, before, listing.items).await;
        if let Err(error) = taken {
            tracing::error!(
                error = crate::error::chain(&error),
                "could not plan after a catalogue changed"
            );
        }
        return Some(false);
    }
    if let Err(error) = app.refresh_known() {
        tracing::error!(%error, "could not read what the targets can give");
    }
    Some(true)
}

/// Compares the accounts at a target with those that the ledger knows of. Changes nothing. False
/// where it has to be done again soon.
async fn accounts(app: &Arc<App>, target: &Connected) -> bool {
    let name = target.name();
    // An account that is just being made would look like nobody's.
    if has_open_operations(app, name) {
        return false;
    }
    let listing = match target.accounts().await {
        Ok(listing) => listing,
        Err(Problem::Unsupported(_)) => return true,
        Err(problem) => {
            unreadable(app, name, "its accounts", &problem).await;
            return false;
        }
    };
    match compare(app, name, &listing.items, listing.is_whole) {
        // Something began while the listing was read.
        Ok(_) if has_open_operations(app, name) => return false,
        Ok(mut facts) => {
            if listing.is_whole {
                facts.extend(closed(app, name, &[NOT_WHOLE, UNREADABLE, REFUSED]));
            }
            app.say(facts).await;
        }
        Err(error) => tracing::error!(%error, "could not compare a listing with the ledger"),
    }
    if !listing.is_whole {
        not_whole(app, name, "its accounts", listing.why_not.as_deref()).await;
    }
    true
}

/// Kind, container and id of the accounts that a listing shows.
type Seen = std::collections::BTreeSet<(String, Option<String>, String)>;

fn has_open_operations(app: &App, target: &TargetName) -> bool {
    let counts = app.ledger.read().and_then(|reader| reader.counts());
    counts.is_ok_and(|counts| {
        let states = counts.operations.get(target).into_iter().flatten();
        states
            .filter(|(state, _)| **state != "halted")
            .any(|(_, count)| *count > 0)
    })
}

fn compare(
    app: &App,
    target: &TargetName,
    listed: &[RemoteAccount],
    is_whole: bool,
) -> Result<Vec<Fact>, muster_ledger::Error> {
    let reader = app.ledger.read()?;
    let subject = format!("target {target}");
    let policy = app.policy.load();
    let keys: Vec<&str> = policy
        .targets()
        .get(target)
        .into_iter()
        .flat_map(|rules| rules.keys.iter().map(|(name, _)| name.as_str()))
        .collect();
    let mut orphans = Vec::new();
    let mut seen = Seen::new();
    for account in listed {
        seen.insert((
            account.object.kind.clone(),
            account.object.container.clone(),
            account.object.id.clone(),
        ));
        let is_open = account.state != AccountState::Deleted;
        if is_open && reader.linked(target, &account.object)?.is_none() {
            orphans.push(called(account, &keys));
        }
    }
    let mut facts = Vec::new();
    let text = |what: &str, ids: &[String]| {
        let named: Vec<&str> = ids.iter().take(NAMED_MAX).map(String::as_str).collect();
        let more = ids.len().saturating_sub(NAMED_MAX);
        let more = if more > 0 {
            format!(" and {more} more")
        } else {
            String::new()
        };
        format!("{what} ({}): {}{more}", ids.len(), named.join(", "))
    };
    let state = |code: Code, what: &str, ids: &[String], hint: &str| match ids {
        [] => Fact::FindingClosed {
            code,
            subject: subject.clone(),
        },
        ids => Fact::FindingOpened(
            Finding::new(code, Severity::Warning, subject.clone(), text(what, ids)).hint(hint),
        ),
    };
    facts.push(state(
        ORPHANS,
        "accounts that belong to nobody whom a feed describes",
        &orphans,
        "see at the app whose they are; Muster does not touch them",
    ));
    if is_whole {
        facts.push(state(
            VANISHED,
            "accounts that were there are gone",
            &vanished(&reader, target, &seen)?,
            "somebody deleted them at the app; `muster why PERSON` shows what the person should have",
        ));
    }
    Ok(facts)
}

/// An account as people find it at the app: by its keys, with its id behind them.
fn called(account: &RemoteAccount, keys: &[&str]) -> String {
    let id = &account.object.id;
    let listed = account.keys.iter();
    let listed = listed.map(|(_, value)| value.clone());
    let shown = keys
        .iter()
        .filter_map(|name| match account.attributes.get(*name)?.first()? {
            Scalar::Text(text) => Some(text.clone()),
            _ => None,
        });
    let mut names: Vec<String> = Vec::new();
    for name in listed.chain(shown) {
        let name = name.trim().to_owned();
        if !name.is_empty() && name != *id && !names.contains(&name) {
            names.push(name);
        }
    }
    match names.as_slice() {
        [] => id.clone(),
        names => format!("{} (id {id})", names.join(" / ")),
    }
}

/// The people whose account the ledger believes to be there, and that no listing shows.
fn vanished(
    reader: &muster_ledger::Reader,
    target: &TargetName,
    seen: &Seen,
) -> Result<Vec<String>, muster_ledger::Error> {
    let mut vanished = Vec::new();
    for person in reader.people_at(target)? {
        let person = person?;
        let account = person.accounts.get(target);
        // One that is being worked on may be in any state.
        let quiet = account.filter(|account| account.exists() && account.operations.is_empty());
        let Some(object) = quiet.and_then(|account| account.object.as_ref()) else {
            continue;
        };
        let key = (
            object.kind.clone(),
            object.container.clone(),
            object.id.clone(),
        );
        if !seen.contains(&key) && !is_seen_elsewhere(seen, object) {
            vanished.push(person.id.to_string());
        }
    }
    Ok(vanished)
}

/// An app may name the container only in listings.
fn is_seen_elsewhere(seen: &Seen, object: &muster_core::connector::ObjectRef) -> bool {
    object.container.is_none()
        && seen
            .iter()
            .any(|(kind, _, id)| *kind == object.kind && *id == object.id)
}

/// What closes those findings of a target that are open.
fn closed(app: &App, target: &TargetName, codes: &[Code]) -> Vec<Fact> {
    let subject = format!("target {target}");
    let Ok(reader) = app.ledger.read() else {
        return Vec::new();
    };
    let is_open = |code: &&Code| {
        reader
            .finding(code, &subject)
            .is_ok_and(|kept| kept.is_some())
    };
    codes
        .iter()
        .filter(is_open)
        .map(|code| Fact::FindingClosed {
            code: code.clone(),
            subject: subject.clone(),
        })
        .collect()
}

async fn unreadable(app: &App, target: &TargetName, what: &str, problem: &Problem) {
    let text = format!(
        "could not read {what}: {}",
        redact::without_people(&problem.text())
    );
    let finding = Finding::new(
        UNREADABLE,
        Severity::Warning,
        format!("target {target}"),
        text,
    );
    app.open_finding(
        finding
            .hint("see whether the app can be reached with these credentials; it is tried again"),
    )
    .await;
}

async fn not_whole(app: &App, target: &TargetName, what: &str, why: Option<&str>) {
    let text = format!(
        "the listing of {what} is not whole: {}",
        redact::without_people(why.unwrap_or("the connector does not say why"))
    );
    let finding = Finding::new(
        NOT_WHOLE,
        Severity::Warning,
        format!("target {target}"),
        text,
    );
    app.open_finding(
        finding.hint("nothing is concluded from what is missing in it; it is read again"),
    )
    .await;
}
