//! [`Spot`]: a list in which one value comes or goes: `members` of a group, `roles` of a user.
//!
//! A list is never replaced where the service can do otherwise: others change it at the same time. What a PATCH
//! did is read again, because services ignore the filter of a removal, drop everybody, or do nothing and say 204.
//! PUT of the whole list is the last resort, only with a list that was read whole, and checked against its version
//! where there is one.

use std::collections::BTreeSet;

use muster_sdk::{Grant, LogLevel, ObjectRef, Outcome, Problem, Result, SideEffect};
use serde_json::{Value, json};

use crate::resource::{Fields, Resource, entries, entry_value, field, spelling};
use crate::service::{Collection, Sent, Service, Target, Written};
use crate::settings::{AtUser, PatchStyle};
use crate::view;

/// How often a write is repeated when the list changed in between.
const ATTEMPTS_MAX: u32 = 5;

/// Refusals after which another form may do.
const FORMS: &[u16] = &[400, 405, 415, 422, 500, 501];

/// How often a PATCH may take others out of a list before none is sent to the groups of a service any more.
const SIDE_LOSSES_MAX: u32 = 2;

/// How long a list may be for additions to be checked against the version that was read. Longer ones are not, so
/// that many can be added at the same time.
const CHECKED_MAX: usize = 20;

/// A list that has as many values as services like to cut lists at may be cut.
const CUT_AT: usize = 100;

/// A list of one resource.
pub(crate) struct Spot<'a> {
    pub(crate) service: &'a Service<'a>,
    pub(crate) collection: Collection,
    /// The resource that has the list.
    pub(crate) holder: &'a ObjectRef,
    pub(crate) list: &'static str,
    /// The grant that a value of the list is.
    pub(crate) grant: &'a dyn Fn(&str) -> Grant,
}

/// The value that comes or goes.
pub(crate) struct Member<'a> {
    /// What is written.
    pub(crate) value: &'a str,
    /// Where it is, for services that ask for it.
    pub(crate) reference: Option<String>,
    /// By which other names the service may show it; asked for only when it is not there under its own.
    pub(crate) others: &'a dyn Fn() -> Result<Others>,
}

/// What else is known about a value.
#[derive(Debug, Default)]
pub(crate) struct Others {
    /// Names by which a service may show it.
    pub(crate) names: Vec<String>,
    /// It is said elsewhere to be in the list.
    pub(crate) is_listed: bool,
    /// Elsewhere it is said in which lists it is, this one or others.
    pub(crate) shows: bool,
}

impl Spot<'_> {
    /// Puts a value into the list.
    pub(crate) fn add(&self, member: &Member<'_>) -> Result<Outcome> {
        if self.asks_user() {
            let others = (member.others)()?;
            if others.is_listed {
                return Ok(Outcome::already());
            }
            // Where the list is not read, nobody sees whom a change took out of it.
            if others.shows && self.service.settings.groups_at_user == AtUser::Yes {
                return self.add_unseen(member);
            }
        }
        self.add_seen(member, ATTEMPTS_MAX)
    }

    /// Puts a value into a list that is read before and after.
    fn add_seen(&self, member: &Member<'_>, attempts: u32) -> Result<Outcome> {
        let before = match self.read() {
            Err(problem) if is_too_large(&problem) && !self.by_put() => {
                return self.add_unseen(member);
            }
            before => before?.ok_or_else(|| Problem::not_found(self.holder.clone()))?,
        };
        if self.shows(&before, member.value) {
            return Ok(Outcome::already());
        }
        if self.has_other_names(&before, member.value) && self.shown_as(&before, member)?.is_some()
        {
            return Ok(Outcome::already());
        }
        let written = match self.send_add(&before, member) {
            // Somebody else changed the list meanwhile.
            Err(Problem::Stale(_)) if attempts > 1 => {
                return self.add_seen(member, attempts - 1);
            }
            Err(problem) if is_open(&problem) => {
                return self.add_unanswered(&before, member, problem);
            }
            written => written?,
        };
        let before = made_from(before, written.as_ref());
        let after = self.after(written.as_ref(), |after| self.shows(after, member.value))?;
        let Some(after) = after else {
            return Err(Problem::not_found(self.holder.clone()));
        };
        let is_certain =
            self.is_checked_add(&before) && self.is_made(&before, written.as_ref(), &after);
        let outcome = Outcome::done().evidence(written.and_then(|written| written.evidence));
        let (outcome, after) = self.put_back(outcome, &before, (after, is_certain), member)?;
        self.seen_after(outcome, &after, member)
    }

    /// Nobody answered an addition usably. Whom it took along is known here and never again, so the list is looked
    /// at once; where that does not show the value either, it is as open as before.
    fn add_unanswered(
        &self,
        before: &Resource,
        member: &Member<'_>,
        problem: Problem,
    ) -> Result<Outcome> {
        let after = match self.read() {
            Ok(Some(after)) if self.shows(&after, member.value) => after,
            Ok(_) | Err(_) => return Err(problem),
        };
        let is_certain = self.is_checked_add(before) && self.is_replaced(before, &after, member);
        let (outcome, _) = self.put_back(Outcome::done(), before, (after, is_certain), member)?;
        Ok(outcome)
    }

    /// Whether an addition that nobody answered plainly took the place of the list: of several others nobody is
    /// left. One who is gone may have been removed by somebody else at the same moment; not all of them.
    fn is_replaced(&self, before: &Resource, after: &Resource, member: &Member<'_>) -> bool {
        let values = |resource: &Resource| view::ids(field(&resource.fields, self.list));
        let others = values(before)
            .into_iter()
            .filter(|value| value != member.value);
        others.count() > 1 && values(after) == [member.value]
    }

    /// Puts back whom an addition took out of the list, if it is certain that it was this addition: there are
    /// services that replace the list by what is added. Otherwise somebody else may have removed them meanwhile,
    /// rightly, Muster itself before all. In any case it is reported whom it was about.
    fn put_back(
        &self,
        outcome: Outcome,
        before: &Resource,
        (after, is_certain): (Resource, bool),
        member: &Member<'_>,
    ) -> Result<(Outcome, Resource)> {
        let lost = self.lost(before, &after, member.value);
        let outcome = self.with_lost(outcome, before, &after, member.value);
        if lost.is_empty() || !is_certain {
            return Ok((outcome, after));
        }
        let back = self.entries_of(before, &lost);
        let is_so = |now: &Resource| {
            self.lost(before, now, member.value).is_empty() && self.shows(now, member.value)
        };
        let edit = |list: &mut Vec<Value>| {
            for entry in &back {
                let value = entry_value(entry);
                if !list.iter().any(|known| entry_value(known) == value) {
                    list.push(entry.clone());
                }
            }
        };
        if let Err(problem) = self.put_from(&after, edit, is_so) {
            // Who lost it is reported all the same: whoever is known here is given it again.
            let text = format!("the service replaced `{}` by what was added", self.list);
            let problem = problem.to_string();
            self.service
                .host
                .log(LogLevel::Error, &text, &[("problem", &problem)]);
            return Ok((outcome.effect(SideEffect::Noted(text)), after));
        }
        let text = format!(
            "the service replaced `{}` by what was added; {} other values were put back",
            self.list,
            lost.len()
        );
        self.service
            .host
            .log(LogLevel::Error, &text, &[("list", self.list)]);
        let after = self.read()?.unwrap_or(after);
        Ok((outcome.effect(SideEffect::Noted(text)), after))
    }

    /// Whether an addition is checked against the version that was read: only so can what it took along be told
    /// from a removal by somebody else.
    fn is_checked_add(&self, before: &Resource) -> bool {
        let others = view::ids(field(&before.fields, self.list)).len();
        let has_version = self.service.settings.etag && before.version().is_some();
        has_version && (1..=CHECKED_MAX).contains(&others)
    }

    /// Whether what is there now is the version that a write made, so that nobody else has changed it since.
    fn is_made(&self, before: &Resource, written: Option<&Written>, after: &Resource) -> bool {
        let made = written.and_then(|written| written.version.as_deref());
        self.service.settings.etag
            && before.version().is_some()
            && made.is_some()
            && before.version() != made
            && made == after.version()
    }

    /// The outcome of an addition by what the list shows now.
    fn seen_after(
        &self,
        outcome: Outcome,
        after: &Resource,
        member: &Member<'_>,
    ) -> Result<Outcome> {
        if self.shown_as(after, member)?.is_some() {
            return Ok(outcome);
        }
        let list = self.list;
        if after.list(list).is_none() {
            let text = format!("the service does not show `{list}`, so this was not verified");
            return Ok(outcome.effect(SideEffect::Noted(text)));
        }
        Err(Problem::OutcomeUnknown(format!(
            "accepted, and `{list}` does not show it"
        )))
    }

    /// Puts a value into a list that is not read before: the user says what it is in, and the list may be long.
    fn add_unseen(&self, member: &Member<'_>) -> Result<Outcome> {
        let unread = Resource {
            fields: Fields::new(),
        };
        let written = self.send_add(&unread, member)?.unwrap_or_default();
        let outcome = Outcome::done().evidence(written.evidence);
        let shown = written
            .resource
            .is_some_and(|shown| self.shows(&shown, member.value));
        if shown || (member.others)()?.is_listed {
            return Ok(outcome);
        }
        match self.read() {
            Err(problem) if is_too_large(&problem) => {
                let text =
                    "accepted, the user does not show it, and the group is too large to be read";
                Err(Problem::OutcomeUnknown(text.to_owned()))
            }
            after => {
                let after = after?.ok_or_else(|| Problem::not_found(self.holder.clone()))?;
                self.seen_after(outcome, &after, member)
            }
        }
    }

    /// Takes a value out of a list that is too long to be read, by what the user says.
    fn remove_unseen(&self, member: &Member<'_>, problem: Problem) -> Result<Outcome> {
        let others = (member.others)()?;
        match (others.is_listed, others.shows) {
            (true, _) => {}
            (false, true) => return Ok(Outcome::already()),
            (false, false) => return Err(problem),
        }
        let unread = Resource {
            fields: Fields::new(),
        };
        let operation = json!({"op": "remove", "path": self.path_of(member.value)});
        match self
            .service
            .patch(&self.target(&unread, false), &[operation])?
        {
            Sent::Refused(problem) => Err(problem),
            Sent::Written(written) if !(member.others)()?.is_listed => {
                Ok(Outcome::done().evidence(written.evidence))
            }
            Sent::Written(_) => Err(Problem::OutcomeUnknown(
                "accepted, and the user still shows it".to_owned(),
            )),
        }
    }

    fn path_of(&self, value: &str) -> String {
        format!("{}[{}]", self.list, crate::find::equals("value", value))
    }

    /// Sends the addition; `None` if the service did it although it refused.
    fn send_add(&self, before: &Resource, member: &Member<'_>) -> Result<Option<Written>> {
        let plain = json!({"value": member.value});
        let is_checked = self.is_checked_add(before);
        let add = |entry: &Value| json!({"op": "add", "path": self.list, "value": [entry]});
        if self.by_put() {
            return self.put(
                |list| list.push(plain.clone()),
                |after| self.shows(after, member.value),
            );
        }
        let problem = match self
            .service
            .patch(&self.target(before, is_checked), &[add(&plain)])?
        {
            Sent::Written(written) => return Ok(Some(written)),
            Sent::Refused(problem) => problem,
        };
        match (problem, &member.reference) {
            (Problem::Unsupported(_), _) => self.put(
                |list| list.push(plain.clone()),
                |after| self.shows(after, member.value),
            ),
            // Some services want to be told where a member is.
            (problem @ Problem::Invalid(_), Some(reference)) => {
                let full = json!({"value": member.value, "$ref": reference});
                match self
                    .service
                    .patch(&self.target(before, is_checked), &[add(&full)])?
                {
                    Sent::Written(written) => Ok(Some(written)),
                    Sent::Refused(_) => Err(problem),
                }
            }
            (problem, _) => match self.read()? {
                Some(after) if self.shows(&after, member.value) => Ok(None),
                Some(_) | None => Err(problem),
            },
        }
    }

    /// Takes a value out of the list.
    pub(crate) fn remove(&self, member: &Member<'_>) -> Result<Outcome> {
        for _ in 0..ATTEMPTS_MAX {
            let before = match self.read() {
                Err(problem) if is_too_large(&problem) => {
                    return self.remove_unseen(member, problem);
                }
                before => before?,
            };
            let Some(before) = before else {
                return Ok(Outcome::already());
            };
            let Some(shown) = self.shown_or_said(&before, member)? else {
                return Ok(Outcome::already());
            };
            let written = match self.send_remove(&before, &shown) {
                Err(Problem::Stale(_)) => continue,
                written => written?,
            };
            let before = made_from(before, written.as_ref());
            let is_gone = |after: &Resource| !self.shows(after, &shown);
            let after = self.after(written.as_ref(), is_gone)?;
            let outcome = Outcome::done();
            let Some(after) = after else {
                return Ok(outcome);
            };
            let (before, written, after) = if is_gone(&after) {
                (before, written, Some(after))
            } else {
                // A service that says yes and does nothing.
                let written = self.put_without(&shown)?;
                let before = made_from(before, written.as_ref());
                let after = self.after(written.as_ref(), is_gone)?;
                (before, written, after)
            };
            let Some(after) = after else {
                return Ok(outcome);
            };
            if !is_gone(&after) {
                let text = format!(
                    "the service accepted it, and `{}` still shows the value",
                    self.list
                );
                return Err(Problem::remote_defect(text));
            }
            let (outcome, after) =
                self.mended(outcome, &before, after, (&shown, written.as_ref()))?;
            let outcome = self.with_lost(outcome, &before, &after, &shown);
            return Ok(outcome.evidence(written.and_then(|written| written.evidence)));
        }
        Err(Problem::Stale(None))
    }

    /// Sends the removal; `None` if the value was gone when the service refused.
    fn send_remove(&self, before: &Resource, shown: &str) -> Result<Option<Written>> {
        if self.by_put() {
            return self.put_without(shown);
        }
        let of_objects = before
            .list(self.list)
            .unwrap_or_default()
            .iter()
            .all(Value::is_object);
        if !of_objects {
            return self.put_without(shown);
        }
        let path = self.path_of(shown);
        let operation = json!({"op": "remove", "path": path});
        match self
            .service
            .patch(&self.target(before, true), &[operation])?
        {
            Sent::Written(written) => Ok(Some(written)),
            Sent::Refused(_) => self.put_without(shown),
        }
    }

    fn put_without(&self, shown: &str) -> Result<Option<Written>> {
        let take = |list: &mut Vec<Value>| {
            list.retain(|entry| entry_value(entry).as_deref() != Some(shown));
        };
        self.put(take, |after| !self.shows(after, shown))
    }

    /// Replaces the list by an edited one, from a fresh reading; `None` if it is so already.
    fn put(
        &self,
        edit: impl Fn(&mut Vec<Value>),
        is_so: impl Fn(&Resource) -> bool,
    ) -> Result<Option<Written>> {
        for _ in 0..ATTEMPTS_MAX {
            let fresh = self
                .read()?
                .ok_or_else(|| Problem::not_found(self.holder.clone()))?;
            if is_so(&fresh) {
                return Ok(None);
            }
            match self.put_edited(&fresh, &edit) {
                Err(Problem::Stale(_)) => {}
                written => {
                    let base = Some(fresh);
                    return written.map(|written| Some(Written { base, ..written }));
                }
            }
        }
        Err(Problem::Stale(None))
    }

    /// The same from a list that is known to be the newest: what is read may be older for a while.
    fn put_from(
        &self,
        newest: &Resource,
        edit: impl Fn(&mut Vec<Value>),
        is_so: impl Fn(&Resource) -> bool,
    ) -> Result<Option<Written>> {
        if newest.version().is_none() {
            return self.put(edit, is_so);
        }
        match self.put_edited(newest, &edit) {
            Err(Problem::Stale(_)) => self.put(edit, is_so),
            written => written.map(Some),
        }
    }

    fn put_edited(&self, before: &Resource, edit: impl Fn(&mut Vec<Value>)) -> Result<Written> {
        let mut list = before.list(self.list).unwrap_or_default().to_vec();
        if list.len() >= CUT_AT && list.len().is_multiple_of(CUT_AT) {
            return Err(Problem::unsupported(format!(
                "`{}` shows exactly {} values and may be cut, so it is not replaced",
                self.list,
                list.len()
            )));
        }
        edit(&mut list);
        let mut edited = before.clone();
        let key = spelling(&edited.fields, self.list);
        edited.fields.insert(key, Value::Array(list));
        self.service.put(&self.target(before, true), &edited)
    }

    /// The resource after a write: as the reply showed it if that shows what was wanted, or read anew. A reply may
    /// be older than the write.
    fn after(
        &self,
        written: Option<&Written>,
        is_so: impl Fn(&Resource) -> bool,
    ) -> Result<Option<Resource>> {
        let shown = written.and_then(|written| written.resource.as_ref());
        match shown.filter(|shown| shown.list(self.list).is_some() && is_so(shown)) {
            Some(shown) => Ok(Some(shown.clone())),
            None => self.read(),
        }
    }

    /// Puts back what a removal took along, if it is certain that it was this removal: it was checked against the
    /// version that was read, and what is there now is the version that it made. Otherwise somebody else may have
    /// removed them meanwhile, rightly.
    fn mended(
        &self,
        outcome: Outcome,
        before: &Resource,
        after: Resource,
        (shown, written): (&str, Option<&Written>),
    ) -> Result<(Outcome, Resource)> {
        let lost = self.lost(before, &after, shown);
        let is_certain = self.is_made(before, written, &after);
        let is_alone = self.collection == Collection::Users;
        if lost.is_empty() || !(is_certain || is_alone) {
            return Ok((outcome, after));
        }
        let back = self.entries_of(before, &lost);
        if self.by_put() {
            self.put_from(
                &after,
                |list| list.extend(back.iter().cloned()),
                |now| self.lost(before, now, shown).is_empty(),
            )?;
        } else {
            let operation = json!({"op": "add", "path": self.list, "value": back});
            self.service
                .patch(&self.target(&after, false), &[operation])?;
        }
        let text = format!(
            "the service dropped {} other values of `{}`, which were put back; set members = \"put\"",
            lost.len(),
            self.list
        );
        self.service
            .host
            .log(LogLevel::Error, &text, &[("list", self.list)]);
        let after = self.read()?.unwrap_or(after);
        Ok((outcome.effect(SideEffect::Noted(text)), after))
    }

    /// What went with a write although nobody asked for it.
    fn with_lost(
        &self,
        outcome: Outcome,
        before: &Resource,
        after: &Resource,
        shown: &str,
    ) -> Outcome {
        let lost = self.lost(before, after, shown);
        if lost.is_empty() {
            return outcome;
        }
        let count = lost.len().to_string();
        let text = "other values of a list went with a change, or were removed at the same time";
        self.service.host.log(
            LogLevel::Warn,
            text,
            &[("list", self.list), ("count", &count)],
        );
        let removed = lost
            .iter()
            .map(|value| SideEffect::GrantRemoved((self.grant)(value)));
        removed.fold(outcome, Outcome::effect)
    }

    /// The values that were there and are gone, but for the one that should go.
    fn lost(&self, before: &Resource, after: &Resource, shown: &str) -> BTreeSet<String> {
        let values = |resource: &Resource| -> BTreeSet<String> {
            view::ids(field(&resource.fields, self.list))
                .into_iter()
                .collect()
        };
        let kept = values(after);
        let lost = values(before)
            .into_iter()
            .filter(|value| value != shown && !kept.contains(value));
        lost.collect()
    }

    /// The entries of the list that have one of these values.
    fn entries_of(&self, resource: &Resource, values: &BTreeSet<String>) -> Vec<Value> {
        let entries = resource.list(self.list).unwrap_or_default().iter();
        entries
            .filter(|entry| entry_value(entry).is_some_and(|value| values.contains(&value)))
            .cloned()
            .collect()
    }

    fn read(&self) -> Result<Option<Resource>> {
        self.service.find(self.collection, &self.holder.id)
    }

    fn shows(&self, resource: &Resource, value: &str) -> bool {
        let list = entries(field(&resource.fields, self.list));
        list.iter()
            .any(|entry| entry_value(entry).as_deref() == Some(value))
    }

    /// The name under which the list shows the value.
    fn shown_as(&self, resource: &Resource, member: &Member<'_>) -> Result<Option<String>> {
        if self.shows(resource, member.value) {
            return Ok(Some(member.value.to_owned()));
        }
        if resource.list(self.list).is_none_or(<[_]>::is_empty) {
            return Ok(None);
        }
        let others = (member.others)()?;
        Ok(others
            .names
            .into_iter()
            .find(|name| self.shows(resource, name)))
    }

    /// As `shown_as`; where the list is not shown at all, what is said elsewhere counts.
    fn shown_or_said(&self, resource: &Resource, member: &Member<'_>) -> Result<Option<String>> {
        if let Some(shown) = self.shown_as(resource, member)? {
            return Ok(Some(shown));
        }
        let is_hidden = resource.list(self.list).is_none();
        let is_said = is_hidden && (member.others)()?.is_listed;
        Ok(is_said.then(|| member.value.to_owned()))
    }

    /// Whether the list shows other names than ids: none of its values is as long as the one that was asked for.
    fn has_other_names(&self, resource: &Resource, value: &str) -> bool {
        let shown = view::ids(field(&resource.fields, self.list));
        !shown.is_empty() && shown.iter().all(|known| known.len() != value.len())
    }

    /// Whether the user is asked first for the groups that it is in.
    fn asks_user(&self) -> bool {
        let is_group = self.collection == Collection::Groups;
        is_group && !self.by_put() && self.service.settings.groups_at_user != AtUser::No
    }

    fn by_put(&self) -> bool {
        let settings = &self.service.settings;
        match self.collection {
            Collection::Groups => {
                let is_given_up = settings.side_losses >= SIDE_LOSSES_MAX;
                settings.members_by_put || is_given_up || settings.patch == PatchStyle::Off
            }
            Collection::Users => settings.patch == PatchStyle::Off,
        }
    }

    fn target<'t>(&'t self, resource: &'t Resource, is_checked: bool) -> Target<'t> {
        Target {
            collection: self.collection,
            key: self.holder,
            resource,
            is_checked,
            forms: FORMS,
        }
    }
}

/// What a write was made from: what it took along is missing from that, and who was gone before it was removed by
/// somebody else.
fn made_from(before: Resource, written: Option<&Written>) -> Resource {
    let base = written.and_then(|written| written.base.clone());
    base.unwrap_or(before)
}

/// Whether a write may have been done although it was not answered so.
fn is_open(problem: &Problem) -> bool {
    matches!(
        problem,
        Problem::OutcomeUnknown(_) | Problem::RemoteDefect(_)
    )
}

/// Whether a reply was larger than the host takes: a group of very many.
fn is_too_large(problem: &Problem) -> bool {
    matches!(problem, Problem::RemoteDefect(text) if text.starts_with("the reply is too large"))
}
