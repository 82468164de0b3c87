//! Everything the service keeps, in memory: users, groups, who is in which group, sessions.
//!
//! Searches by id, user name, external id, e-mail address, group name and member go through indexes,
//! so that 100,000 users stay fast. Members are a set beside the group's other attributes: adding one
//! to a group of many costs the same as adding one to a group of few. A change happens whole or not
//! at all, and one that changes nothing leaves version and date alone.

mod membership;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::Value;

use crate::error::ScimError;
use crate::filter::{Filter, Operator};
use crate::patch::{self, Operation, listed};
use crate::resource::{Document, ResourceType, checked};
use crate::rules::Rules;

/// The number behind an id; one sequence for everything, never used twice.
pub(crate) type Number = u64;

/// A user or a group.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    pub(crate) resource_type: ResourceType,
    pub(crate) number: Number,
    /// What the client set, checked; without id, meta, groups and members.
    pub(crate) document: Document,
    pub(crate) members: BTreeSet<Number>,
    pub(crate) has_password: bool,
    pub(crate) created: Timestamp,
    pub(crate) modified: Timestamp,
    pub(crate) revision: u64,
}

impl Record {
    /// The id that clients see.
    pub(crate) fn id(&self) -> String {
        id_of(self.number)
    }

    /// The entity tag.
    pub(crate) fn version(&self) -> String {
        format!("W/\"{}\"", self.revision)
    }

    /// Whether a user can sign in; a service that is not told assumes so.
    pub(crate) fn is_active(&self) -> bool {
        self.document
            .get("active")
            .and_then(Value::as_bool)
            .unwrap_or(true)
    }

    /// A text attribute, or nothing.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.document
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
    }
}

/// The id of the resource with this number.
pub(crate) fn id_of(number: Number) -> String {
    format!("5c1de000-0000-4000-8000-{number:012x}")
}

/// The number in an id; `None` if this service never gave it out.
pub(crate) fn number_of(id: &str) -> Option<Number> {
    let number = Number::from_str_radix(id.get(24..)?, 16).ok()?;
    (id_of(number) == id).then_some(number)
}

/// What resources are found by without looking at all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    UserName,
    ExternalId,
    Email,
    DisplayName,
}

/// The state of the service.
#[derive(Debug, Default, Clone)]
pub(crate) struct Store {
    records: BTreeMap<(ResourceType, Number), Record>,
    by_key: BTreeMap<(ResourceType, Key, String), BTreeSet<Number>>,
    /// Which groups something is a member of.
    memberships: BTreeMap<Number, BTreeSet<Number>>,
    /// Live sessions by user.
    sessions: BTreeMap<Number, u32>,
    last_number: Number,
    last_revision: u64,
    active_users: usize,
    pub(crate) created: Created,
    pub(crate) rules: Rules,
}

/// How often something was made, ever: the proof that nothing was made twice.
#[derive(Debug, Default, Clone)]
pub(crate) struct Created {
    /// By type and external id, or user name or group name where there is none.
    pub(crate) by_name: BTreeMap<(ResourceType, String), u32>,
}

impl Store {
    /// All resources of a type, oldest first.
    pub(crate) fn all(&self, resource_type: ResourceType) -> impl Iterator<Item = &Record> {
        let range = (resource_type, 0)..=(resource_type, Number::MAX);
        self.records.range(range).map(|(_, record)| record)
    }

    /// All resources of a type that were made after the one with a number.
    pub(crate) fn all_after(
        &self,
        resource_type: ResourceType,
        after: Number,
    ) -> impl Iterator<Item = &Record> {
        let range = (resource_type, after.saturating_add(1))..=(resource_type, Number::MAX);
        self.records.range(range).map(|(_, record)| record)
    }

    /// How many resources of a type there are.
    pub(crate) fn count(&self, resource_type: ResourceType) -> usize {
        match resource_type {
            // The rarer type is counted, the other is the rest.
            ResourceType::Group => self.all(ResourceType::Group).count(),
            ResourceType::User => self.records.len() - self.count(ResourceType::Group),
        }
    }

    /// One resource by its id.
    pub(crate) fn get(&self, resource_type: ResourceType, id: &str) -> Result<&Record, ScimError> {
        number_of(id)
            .and_then(|number| self.records.get(&(resource_type, number)))
            .ok_or_else(|| ScimError::not_found(resource_type.name(), id))
    }

    /// The resource with a number, of whatever type.
    pub(crate) fn by_number(&self, number: Number) -> Option<&Record> {
        let mut types = ResourceType::ALL.iter();
        types.find_map(|resource_type| self.records.get(&(*resource_type, number)))
    }

    /// The user with this user name.
    pub(crate) fn by_user_name(&self, name: &str) -> Option<&Record> {
        let key = (ResourceType::User, Key::UserName, name.to_lowercase());
        let number = self.by_key.get(&key)?.first()?;
        self.records.get(&(ResourceType::User, *number))
    }

    /// The groups that something is a member of.
    pub(crate) fn groups_of(&self, number: Number) -> impl Iterator<Item = &Record> {
        let groups = self.memberships.get(&number).into_iter().flatten();
        groups.filter_map(|group| self.records.get(&(ResourceType::Group, *group)))
    }

    /// How many sessions of a user are alive.
    pub(crate) fn sessions_of(&self, number: Number) -> u32 {
        self.sessions.get(&number).copied().unwrap_or(0)
    }

    /// Numbers among which everything that meets the filter is; `None` if only a full look helps.
    pub(crate) fn candidates(
        &self,
        resource_type: ResourceType,
        filter: &Filter,
    ) -> Option<BTreeSet<Number>> {
        match filter {
            Filter::And(left, right) => self
                .candidates(resource_type, left)
                .or_else(|| self.candidates(resource_type, right)),
            Filter::Or(left, right) => {
                let mut found = self.candidates(resource_type, left)?;
                found.extend(self.candidates(resource_type, right)?);
                Some(found)
            }
            Filter::Within { condition, .. } => self.candidates(resource_type, condition),
            Filter::Compare {
                path,
                operator: Operator::Equal,
                literal,
            } => {
                let literal = literal.as_str()?;
                let key = match (path.attribute.name, path.compared().name) {
                    ("id", _) => return Some(number_of(literal).into_iter().collect()),
                    ("members", "value") => {
                        let groups = number_of(literal).and_then(|id| self.memberships.get(&id));
                        return Some(groups.cloned().unwrap_or_default());
                    }
                    ("userName", _) => (Key::UserName, literal.to_lowercase()),
                    ("externalId", _) => (Key::ExternalId, literal.to_owned()),
                    ("emails", "value") => (Key::Email, literal.to_lowercase()),
                    ("displayName", _) => (Key::DisplayName, literal.to_lowercase()),
                    _ => return None,
                };
                let found = self.by_key.get(&(resource_type, key.0, key.1));
                Some(found.cloned().unwrap_or_default())
            }
            Filter::Compare { .. } | Filter::Not(_) | Filter::Present(_) => None,
        }
    }

    /// Makes a resource of what a client sent.
    pub(crate) fn create(
        &mut self,
        resource_type: ResourceType,
        sent: &Document,
        now: Timestamp,
    ) -> Result<Number, ScimError> {
        let mut document = checked(resource_type, sent)?;
        if resource_type == ResourceType::User {
            document.entry("active").or_insert(Value::Bool(true));
        }
        let has_password = document.remove("password").is_some();
        let members = self.members_in(document.remove("members").as_ref())?;
        let number = self.last_number + 1;
        let record = Record {
            resource_type,
            number,
            document,
            members: BTreeSet::new(),
            has_password,
            created: now,
            modified: now,
            revision: self.last_revision + 1,
        };
        self.check_unique(&record)?;
        self.rules.check_seat(self.active_users, false, &record)?;

        self.last_number = number;
        self.last_revision += 1;
        let name = [
            record.text("externalId"),
            record.text("userName"),
            record.text("displayName"),
        ]
        .into_iter()
        .find(|name| !name.is_empty())
        .unwrap_or_default()
        .to_owned();
        *self
            .created
            .by_name
            .entry((resource_type, name))
            .or_default() += 1;
        self.insert(record);
        self.set_members(number, &members);
        Ok(number)
    }

    /// Puts what a client sent in the place of what there was.
    pub(crate) fn replace(
        &mut self,
        resource_type: ResourceType,
        id: &str,
        sent: &Document,
        now: Timestamp,
    ) -> Result<(), ScimError> {
        let old = self.get(resource_type, id)?.clone();
        let mut document = checked(resource_type, sent)?;
        if resource_type == ResourceType::User {
            document.entry("active").or_insert(Value::Bool(true));
        }
        let has_password = document.remove("password").is_some() || old.has_password;
        let members = self.members_in(document.remove("members").as_ref())?;
        let new = Record {
            document,
            has_password,
            ..old.clone()
        };
        self.commit(&old, new, &members, now)
    }

    /// Carries out the operations of a PATCH, all or none.
    pub(crate) fn patch(
        &mut self,
        resource_type: ResourceType,
        id: &str,
        operations: &[Operation],
        now: Timestamp,
    ) -> Result<(), ScimError> {
        let number = self.get(resource_type, id)?.number;
        // Taken out and put back, so that a group of 100,000 is not copied to add one member.
        let record = self.records.get_mut(&(resource_type, number));
        let Some(record) = record else {
            return Err(ScimError::not_found(resource_type.name(), id));
        };
        let mut members = std::mem::take(&mut record.members);
        let old = record.clone();
        let mut undo = Vec::new();
        let patched = self.patched(&old, operations, &mut members, &mut undo);
        let checked = patched.and_then(|new| {
            self.check_change(&old, &new, members.is_empty() && !undo.is_empty())?;
            Ok(new)
        });
        if checked.is_err() {
            for (member, was_in) in undo.drain(..).rev() {
                if was_in {
                    members.insert(member)
                } else {
                    members.remove(&member)
                };
            }
        }
        if let Some(record) = self.records.get_mut(&(resource_type, number)) {
            record.members = members;
        }
        let new = checked?;
        let is_changed = !undo.is_empty()
            || new.document != old.document
            || new.has_password != old.has_password;
        if is_changed {
            self.update_memberships(number, &undo);
            self.store_change(&old, new.document, new.has_password, now);
        }
        Ok(())
    }

    fn patched(
        &self,
        old: &Record,
        operations: &[Operation],
        members: &mut BTreeSet<Number>,
        undo: &mut Vec<(Number, bool)>,
    ) -> Result<Record, ScimError> {
        let mut document = old.document.clone();
        for operation in operations {
            if operation.place.is_members() {
                self.patch_members(operation, members, undo)?;
            } else {
                patch::apply(&mut document, operation)?;
            }
        }
        let mut document = checked(old.resource_type, &document)?;
        let has_password = document.remove("password").is_some() || old.has_password;
        Ok(Record {
            document,
            has_password,
            ..old.clone()
        })
    }

    fn commit(
        &mut self,
        old: &Record,
        new: Record,
        members: &BTreeSet<Number>,
        now: Timestamp,
    ) -> Result<(), ScimError> {
        self.check_change(old, &new, members.is_empty() && !old.members.is_empty())?;
        let is_changed = new.document != old.document
            || new.has_password != old.has_password
            || *members != old.members;
        if is_changed {
            self.store_change(old, new.document, new.has_password, now);
            self.set_members(old.number, members);
        }
        Ok(())
    }

    fn check_change(
        &self,
        old: &Record,
        new: &Record,
        empties_group: bool,
    ) -> Result<(), ScimError> {
        self.check_unique(new)?;
        self.rules
            .check_seat(self.active_users, old.is_active(), new)?;
        if empties_group {
            self.rules.check_group_emptied(old)?;
        }
        let is_disabled = new.resource_type == ResourceType::User && !new.is_active();
        if is_disabled && old.is_active() {
            self.check_last_owner(old)?;
        }
        Ok(())
    }

    fn check_last_owner(&self, user: &Record) -> Result<(), ScimError> {
        for group in self.groups_of(user.number) {
            let is_other_active = |member: &&Number| {
                **member != user.number && self.by_number(**member).is_some_and(Record::is_active)
            };
            if !group.members.iter().any(|member| is_other_active(&member)) {
                self.rules.check_group_emptied(group)?;
            }
        }
        Ok(())
    }

    /// Removes a resource, its memberships and its sessions.
    pub(crate) fn delete(
        &mut self,
        resource_type: ResourceType,
        id: &str,
        now: Timestamp,
    ) -> Result<(), ScimError> {
        let record = self.get(resource_type, id)?.clone();
        if resource_type == ResourceType::User {
            self.check_last_owner(&record)?;
        }
        self.set_members(record.number, &BTreeSet::new());
        for group in self.memberships.remove(&record.number).unwrap_or_default() {
            self.last_revision += 1;
            if let Some(group) = self.records.get_mut(&(ResourceType::Group, group)) {
                group.members.remove(&record.number);
                group.modified = now;
                group.revision = self.last_revision;
            }
        }
        self.sessions.remove(&record.number);
        self.remove(&record);
        Ok(())
    }

    /// Uses up a number that nobody gets.
    pub(crate) fn skip_number(&mut self) {
        self.last_number += 1;
    }

    /// Switches a user on or off, as somebody does at the service itself.
    pub(crate) fn set_active(
        &mut self,
        id: &str,
        is_active: bool,
        now: Timestamp,
    ) -> Result<(), ScimError> {
        let old = self.get(ResourceType::User, id)?.clone();
        let mut document = old.document.clone();
        document.insert("active".to_owned(), Value::Bool(is_active));
        self.store_change(&old, document, old.has_password, now);
        Ok(())
    }

    /// Moves a user to another id, with everything that is the user's, as services do when they move accounts.
    pub(crate) fn renumber(&mut self, id: &str) -> Result<Number, ScimError> {
        let mut record = self.get(ResourceType::User, id)?.clone();
        let (old, new) = (record.number, self.last_number + 1);
        self.last_number = new;
        self.remove(&record);
        record.number = new;
        self.insert(record);
        let groups = self.memberships.remove(&old).unwrap_or_default();
        for group in &groups {
            if let Some(group) = self.records.get_mut(&(ResourceType::Group, *group)) {
                group.members.remove(&old);
                group.members.insert(new);
            }
        }
        self.memberships.insert(new, groups);
        if let Some(sessions) = self.sessions.remove(&old) {
            self.sessions.insert(new, sessions);
        }
        Ok(new)
    }

    /// The user who has the name or an address of what a client sent.
    pub(crate) fn holder(&self, sent: &Document) -> Option<&Record> {
        let name = sent.get("userName").and_then(Value::as_str);
        if let Some(holder) = name.and_then(|name| self.by_user_name(name)) {
            return Some(holder);
        }
        let emails = sent.get("emails").map(listed).unwrap_or_default();
        let address = |email: &Value| email.get("value")?.as_str().map(str::to_lowercase);
        let addresses = emails.iter().filter_map(address);
        // Some services take the user name for an address.
        let mut addresses = addresses.chain(name.map(str::to_lowercase));
        addresses.find_map(|address| {
            let found = self
                .by_key
                .get(&(ResourceType::User, Key::Email, address))?;
            self.by_number(*found.first()?)
        })
    }

    /// Signs a user in: one more session, if the account is active.
    pub(crate) fn sign_in(&mut self, id: &str) -> Result<u32, ScimError> {
        let user = self.get(ResourceType::User, id)?;
        if !user.is_active() {
            return Err(ScimError::plain(403, "the account is suspended"));
        }
        let sessions = self.sessions.entry(user.number).or_default();
        *sessions += 1;
        Ok(*sessions)
    }

    /// Ends every session of a user; how many there were.
    pub(crate) fn end_sessions(&mut self, id: &str) -> Result<u32, ScimError> {
        let number = self.get(ResourceType::User, id)?.number;
        Ok(self.sessions.remove(&number).unwrap_or(0))
    }

    fn store_change(
        &mut self,
        old: &Record,
        document: Document,
        has_password: bool,
        now: Timestamp,
    ) {
        self.last_revision += 1;
        let mut record = old.clone();
        // The members were put back before, and are changed by the caller.
        if let Some(current) = self.records.get_mut(&(old.resource_type, old.number)) {
            record.members = std::mem::take(&mut current.members);
        }
        self.remove(old);
        record.document = document;
        record.has_password = has_password;
        record.modified = now;
        record.revision = self.last_revision;
        if self.rules.sessions_end_on_suspend && !record.is_active() {
            self.sessions.remove(&record.number);
        }
        self.insert(record);
    }

    fn insert(&mut self, record: Record) {
        for (key, value) in keys(&record) {
            let index = (record.resource_type, key, value);
            self.by_key.entry(index).or_default().insert(record.number);
        }
        if record.resource_type == ResourceType::User && record.is_active() {
            self.active_users += 1;
        }
        self.records
            .insert((record.resource_type, record.number), record);
    }

    fn remove(&mut self, record: &Record) {
        for (key, value) in keys(record) {
            let index = (record.resource_type, key, value);
            if let Some(numbers) = self.by_key.get_mut(&index) {
                numbers.remove(&record.number);
                if numbers.is_empty() {
                    self.by_key.remove(&index);
                }
            }
        }
        if record.resource_type == ResourceType::User && record.is_active() {
            self.active_users -= 1;
        }
        self.records.remove(&(record.resource_type, record.number));
    }

    fn check_unique(&self, record: &Record) -> Result<(), ScimError> {
        if record.resource_type == ResourceType::User
            && let Some(other) = self.by_user_name(record.text("userName"))
            && other.number != record.number
        {
            return Err(ScimError::uniqueness("userName"));
        }
        Ok(())
    }
}

fn keys(record: &Record) -> Vec<(Key, String)> {
    let texts = [
        (Key::UserName, record.text("userName").to_lowercase()),
        (Key::ExternalId, record.text("externalId").to_owned()),
        (Key::DisplayName, record.text("displayName").to_lowercase()),
    ];
    let emails = record
        .document
        .get("emails")
        .map(listed)
        .unwrap_or_default();
    let emails = emails
        .iter()
        .filter_map(|email| email.get("value")?.as_str());
    let emails = emails.map(|email| (Key::Email, email.to_lowercase()));
    texts
        .into_iter()
        .filter(|(_, text)| !text.is_empty())
        .chain(emails)
        .collect()
}
