//! Accounts: as they were read ([`Account`]) and as they should be ([`DesiredAccount`]).
//!
//! Changes are relative: what is not mentioned is left alone. [`DesiredAccount::changes_against`] leaves only
//! what differs from the account that is there, so that a second call writes nothing.

use crate::object::{Extras, ObjectRef, Scalar};
use crate::time::Instant;

/// In which state an account is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AccountState {
    /// Can be used.
    Active,
    /// Kept whole, cannot be used until it is made active again.
    Suspended,
    /// Locked by the app itself.
    Locked,
    /// Invited; nobody has accepted yet.
    Invited,
    /// Switched off; the app may have taken grants or seats away with it.
    Deactivated,
    /// Gone, or in the app's bin.
    Deleted,
}

/// Who uses an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum PrincipalClass {
    /// A person.
    Human,
    /// A service.
    Service,
    /// Several people.
    Shared,
    /// A device.
    Machine,
    /// A software agent that acts for people.
    Agent,
    /// Not known.
    #[default]
    Unknown,
}

impl PrincipalClass {
    /// The word of the contract.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Human => "human",
            Self::Service => "service",
            Self::Shared => "shared",
            Self::Machine => "machine",
            Self::Agent => "agent",
            Self::Unknown => "unknown",
        }
    }
}

/// How much of an attribute's values was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Completeness {
    /// All values are here.
    #[default]
    Whole,
    /// There are more.
    Partial,
    /// The app did not say.
    Unavailable,
}

/// An attribute as it was read.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Attribute {
    /// Its name.
    pub name: String,
    /// Its values; one value is a list of one.
    pub values: Vec<Scalar>,
    /// Whether these are all.
    pub completeness: Completeness,
    /// See [`Extras`].
    pub extra: Extras,
}

/// An account as it was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Account {
    /// Its key.
    pub key: ObjectRef,
    /// Its state.
    pub state: AccountState,
    /// Who uses it.
    pub principal_class: PrincipalClass,
    /// By which it can be recognised as somebody's: (`employee-id`, `E1`).
    pub correlation_keys: Vec<(String, String)>,
    /// Its attributes; a name occurs once.
    pub attributes: Vec<Attribute>,
    /// When it was created.
    pub created: Option<Instant>,
    /// When it was last used; `None` is "not known".
    pub last_seen: Option<Instant>,
    /// Where `last_seen` is from: `login`, `api`, `token`.
    pub last_seen_source: Option<String>,
    /// Whether a second factor is set up.
    pub mfa_enrolled: Option<bool>,
    /// Whether the app holds it to be privileged.
    pub privileged: Option<bool>,
    /// Who answers for an account that is not a person's.
    pub owners: Vec<ObjectRef>,
    /// Why it cannot be changed, if so.
    pub protected_reason: Option<String>,
    /// See [`Extras`].
    pub extra: Extras,
}

impl Account {
    /// An account of which only key and state are known.
    pub fn new(key: ObjectRef, state: AccountState) -> Self {
        Self {
            key,
            state,
            principal_class: PrincipalClass::Unknown,
            correlation_keys: Vec::new(),
            attributes: Vec::new(),
            created: None,
            last_seen: None,
            last_seen_source: None,
            mfa_enrolled: None,
            privileged: None,
            owners: Vec::new(),
            protected_reason: None,
            extra: Vec::new(),
        }
    }

    /// Used by these.
    #[must_use]
    pub fn class(mut self, class: PrincipalClass) -> Self {
        self.principal_class = class;
        self
    }

    /// Recognisable by this key. A key without a value is none, so an account that has no address simply
    /// cannot be found by one.
    #[must_use]
    pub fn correlated_by(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        let (key, value) = (key.into(), value.into());
        if !key.is_empty() && !value.is_empty() {
            self.correlation_keys.push((key, value));
        }
        self
    }

    /// With one more value of an attribute. The values of a name are kept together, as the contract asks.
    #[must_use]
    pub fn value(self, name: &str, value: impl Into<Scalar>) -> Self {
        self.values(name, [value.into()])
    }

    /// With more values of an attribute; with none, the attribute is known to be empty.
    #[must_use]
    pub fn values(mut self, name: &str, values: impl IntoIterator<Item = Scalar>) -> Self {
        match self
            .attributes
            .iter_mut()
            .find(|attribute| attribute.name == name)
        {
            Some(attribute) => attribute.values.extend(values),
            None => self.attributes.push(Attribute {
                name: name.to_owned(),
                values: values.into_iter().collect(),
                ..Attribute::default()
            }),
        }
        self
    }

    /// The attribute of this name.
    pub fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.attributes
            .iter()
            .find(|attribute| attribute.name == name)
    }

    /// The first value of this attribute, if it is text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.attribute(name)?.values.first()?.as_text()
    }
}

/// What becomes of an attribute.
#[derive(Debug, Clone, PartialEq)]
pub enum AttributeChange {
    /// These values and no others.
    Set(Vec<Scalar>),
    /// No value.
    Clear,
    /// These values as well.
    Add(Vec<Scalar>),
    /// Without these values.
    Remove(Vec<Scalar>),
}

/// One change of one attribute.
#[derive(Debug, Clone, PartialEq)]
pub struct AttributeDelta {
    /// Its name.
    pub name: String,
    /// What becomes of it.
    pub change: AttributeChange,
    /// See [`Extras`].
    pub extra: Extras,
}

impl AttributeDelta {
    /// Whether the attribute, as it was read, is so already. An attribute that was not read whole is not
    /// known to be: a write that changes nothing costs less than one that is left out.
    pub fn holds_in(&self, account: &Account) -> bool {
        let Some(attribute) = account.attribute(&self.name) else {
            return false;
        };
        let whole = attribute.completeness == Completeness::Whole;
        let has = |value: &Scalar| attribute.values.contains(value);
        match &self.change {
            AttributeChange::Set(values) => whole && *values == attribute.values,
            AttributeChange::Clear => whole && attribute.values.is_empty(),
            AttributeChange::Add(values) => values.iter().all(has),
            AttributeChange::Remove(values) => whole && !values.iter().any(has),
        }
    }
}

/// An account as it should be.
#[derive(Debug, Clone, PartialEq)]
pub struct DesiredAccount {
    /// The account that is meant; `None`: find it by `match_keys`, and create it if there is none.
    pub target: Option<ObjectRef>,
    /// The kind of account.
    pub kind: String,
    /// Where to create it.
    pub container: Option<String>,
    /// By which an existing one is found, strongest first.
    pub match_keys: Vec<(String, String)>,
    /// An account found by key may be taken over. If not, answer `Problem::Conflict`.
    pub may_adopt: bool,
    /// The state of a new account, from its first moment.
    pub initial_state: AccountState,
    /// What its attributes should be.
    pub attributes: Vec<AttributeDelta>,
    /// The secret slot with the password of a new account, for [`Host::placeholder`](crate::Host::placeholder).
    pub password_slot: Option<String>,
    /// See [`Extras`].
    pub extra: Extras,
}

impl DesiredAccount {
    /// A new, active account of this kind that may adopt nothing and about which nothing is said yet.
    pub fn new(kind: impl Into<String>) -> Self {
        Self {
            target: None,
            kind: kind.into(),
            container: None,
            match_keys: Vec::new(),
            may_adopt: false,
            initial_state: AccountState::Active,
            attributes: Vec::new(),
            password_slot: None,
            extra: Vec::new(),
        }
    }

    /// The account that is meant.
    #[must_use]
    pub fn for_target(mut self, target: ObjectRef) -> Self {
        self.target = Some(target);
        self
    }

    /// To be found by this key, after those said before.
    #[must_use]
    pub fn matched_by(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.match_keys.push((key.into(), value.into()));
        self
    }

    /// One that is found may be taken over.
    #[must_use]
    pub fn adopting(mut self) -> Self {
        self.may_adopt = true;
        self
    }

    /// A new one starts in this state.
    #[must_use]
    pub fn starting(mut self, state: AccountState) -> Self {
        self.initial_state = state;
        self
    }

    /// With this one value of an attribute and no other.
    #[must_use]
    pub fn set(self, name: &str, value: impl Into<Scalar>) -> Self {
        self.change(name, AttributeChange::Set(vec![value.into()]))
    }

    /// With this change of an attribute.
    #[must_use]
    pub fn change(mut self, name: &str, change: AttributeChange) -> Self {
        self.attributes.push(AttributeDelta {
            name: name.to_owned(),
            change,
            extra: Vec::new(),
        });
        self
    }

    /// The value of this match key.
    pub fn match_key(&self, key: &str) -> Option<&str> {
        self.match_keys
            .iter()
            .find(|(name, _)| name == key)
            .map(|(_, value)| value.as_str())
    }

    /// The first value that is set or added for this attribute.
    pub fn wanted(&self, name: &str) -> Option<&Scalar> {
        self.attributes
            .iter()
            .filter(|delta| delta.name == name)
            .find_map(|delta| match &delta.change {
                AttributeChange::Set(values) | AttributeChange::Add(values) => values.first(),
                AttributeChange::Clear | AttributeChange::Remove(_) => None,
            })
    }

    /// The first value that is set or added for this attribute, if it is text.
    pub fn wanted_text(&self, name: &str) -> Option<&str> {
        self.wanted(name)?.as_text()
    }

    /// The changes that the account does not show already: none means `Outcome::already()`.
    pub fn changes_against<'a>(&'a self, account: &Account) -> Vec<&'a AttributeDelta> {
        self.attributes
            .iter()
            .filter(|delta| !delta.holds_in(account))
            .collect()
    }
}

/// What becomes of what a removed account leaves.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LeavePlan {
    /// Who gets what it owned.
    pub transfer_to: Option<ObjectRef>,
    /// Mail and files must stay readable for the organisation.
    pub keep_data: bool,
    /// Nothing may be destroyed.
    pub legal_hold: bool,
    /// Out of the bin as well, for good.
    pub purge: bool,
    /// See [`Extras`].
    pub extra: Extras,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account() -> Account {
        Account::new(ObjectRef::new("user", "1"), AccountState::Active)
            .value("mail", "a@x")
            .value("mail", "b@x")
            .values("phone", [])
    }

    #[test]
    fn what_holds_already_is_no_change() {
        let settled = DesiredAccount::new("user")
            .change(
                "mail",
                AttributeChange::Set(vec!["a@x".into(), "b@x".into()]),
            )
            .change("phone", AttributeChange::Clear)
            .change("mail", AttributeChange::Add(vec!["a@x".into()]))
            .change("mail", AttributeChange::Remove(vec!["c@x".into()]));
        assert_eq!(
            settled.changes_against(&account()),
            Vec::<&AttributeDelta>::new()
        );
        let different = DesiredAccount::new("user")
            .set("mail", "a@x")
            .set("name", "Ann");
        assert_eq!(different.changes_against(&account()).len(), 2);
    }

    #[test]
    fn an_attribute_that_was_not_read_whole_is_written() {
        let mut partial = account();
        for attribute in &mut partial.attributes {
            attribute.completeness = Completeness::Partial;
        }
        let desired = DesiredAccount::new("user")
            .change("phone", AttributeChange::Clear)
            .change("mail", AttributeChange::Remove(vec!["c@x".into()]))
            .change("mail", AttributeChange::Add(vec!["b@x".into()]));
        assert_eq!(desired.changes_against(&partial).len(), 2);
    }

    #[test]
    fn a_name_occurs_once_in_an_account() {
        assert_eq!(account().attributes.len(), 2);
    }
}
