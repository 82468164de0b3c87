//! [`User`]: a user as Google shows it, and as an [`Account`].

use muster_sdk::{Account, AccountState, Instant, ObjectRef, PrincipalClass, Problem, Result};
use serde_json::{Map, Value};

use crate::attribute;
use crate::service::USER;

/// The keys by which a user can be found.
pub(crate) const EMPLOYEE_ID: &str = "employee-id";
pub(crate) const EMAIL: &str = "email";

/// A user as Google shows it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct User(Map<String, Value>);

impl User {
    /// Reads one.
    ///
    /// # Errors
    ///
    /// `RemoteDefect` if it has no id.
    pub(crate) fn of(value: Value) -> Result<Self> {
        match value {
            Value::Object(fields) if fields.get("id").is_some_and(is_some_text) => Ok(Self(fields)),
            _ => Err(Problem::remote_defect(
                "a user was asked for, and what came has no id",
            )),
        }
    }

    /// One that is not there yet.
    pub(crate) fn none() -> Self {
        Self(Map::new())
    }

    pub(crate) fn id(&self) -> &str {
        self.text("id").unwrap_or_default()
    }

    pub(crate) fn email(&self) -> &str {
        self.text("primaryEmail").unwrap_or_default()
    }

    pub(crate) fn etag(&self) -> Option<&str> {
        self.text("etag")
    }

    pub(crate) fn value(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.0
            .get(name)
            .and_then(Value::as_str)
            .filter(|text| !text.is_empty())
    }

    pub(crate) fn flag(&self, name: &str) -> Option<bool> {
        self.0.get(name).and_then(Value::as_bool)
    }

    /// The entries of a list of objects.
    pub(crate) fn entries(&self, list: &str) -> Vec<Map<String, Value>> {
        let found = self.0.get(list).and_then(Value::as_array);
        let objects = found.into_iter().flatten().filter_map(Value::as_object);
        objects.cloned().collect()
    }

    /// Every address under which mail arrives.
    pub(crate) fn addresses(&self) -> Vec<&str> {
        let list = |name: &str| {
            self.0
                .get(name)
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
        };
        let aliases = list("aliases")
            .chain(list("nonEditableAliases"))
            .filter_map(Value::as_str);
        self.text("primaryEmail")
            .into_iter()
            .chain(aliases)
            .collect()
    }

    /// As one that was found in the bin, where not every entry says so itself.
    pub(crate) fn deleted(mut self) -> Self {
        let at = Value::from("1970-01-01T00:00:00.000Z");
        self.0.entry("deletionTime").or_insert(at);
        self
    }

    /// Whether it is found by this key.
    pub(crate) fn holds(&self, key: &str, value: &str) -> bool {
        match key {
            EMAIL => self
                .addresses()
                .iter()
                .any(|held| held.eq_ignore_ascii_case(value)),
            EMPLOYEE_ID => self.employee_ids().iter().any(|held| held == value),
            _ => false,
        }
    }

    fn employee_ids(&self) -> Vec<String> {
        let ids = attribute::read(self, "employeeId");
        ids.iter()
            .filter_map(|id| id.as_text().map(str::to_owned))
            .collect()
    }

    /// A super administrator.
    pub(crate) fn is_super_admin(&self) -> bool {
        self.flag("isAdmin") == Some(true)
    }

    pub(crate) fn state(&self) -> AccountState {
        if self.text("deletionTime").is_some() {
            return AccountState::Deleted;
        }
        match (self.flag("archived"), self.flag("suspended")) {
            (Some(true), _) => AccountState::Deactivated,
            (_, Some(true)) => AccountState::Suspended,
            (_, _) => AccountState::Active,
        }
    }

    pub(crate) fn key(&self) -> ObjectRef {
        let key = ObjectRef::new(USER, self.id());
        let key = match self.etag() {
            Some(etag) => key.at_revision(etag),
            None => key,
        };
        match self.text("primaryEmail") {
            Some(email) => key.named(email),
            None => key,
        }
    }

    /// As an account.
    pub(crate) fn account(&self) -> Account {
        let mut account = Account::new(self.key(), self.state()).class(PrincipalClass::Human);
        for id in self.employee_ids() {
            account = account.correlated_by(EMPLOYEE_ID, id);
        }
        for address in self.addresses() {
            account = account.correlated_by(EMAIL, address);
        }
        for name in attribute::names_in(self) {
            let values = attribute::read(self, &name);
            account = account.values(&name, values);
        }
        let instant = |name: &str| self.text(name).and_then(Instant::parse);
        account.created = instant("creationTime");
        // Google writes 1970 for "never", and for "never" the contract has no word but "not known".
        account.last_seen = instant("lastLoginTime").filter(|at| at.unix_seconds() > 0);
        account.last_seen_source = account.last_seen.as_ref().map(|_| "login".to_owned());
        account.mfa_enrolled = self.flag("isEnrolledIn2Sv");
        let is_admin = |name: &str| self.flag(name) == Some(true);
        account.privileged = Some(is_admin("isAdmin") || is_admin("isDelegatedAdmin"));
        if is_admin("isGuestUser") {
            account.protected_reason = Some("a guest, who belongs to somebody else".to_owned());
        }
        if let Some(reason) = self.text("suspensionReason") {
            account
                .extra
                .push(("x-suspension-reason".to_owned(), reason.to_owned()));
        }
        account
    }
}

fn is_some_text(value: &Value) -> bool {
    value.as_str().is_some_and(|text| !text.is_empty())
}
