//! Objects at the app and their values: [`ObjectRef`], [`Scalar`], [`Extras`].
//!
//! An object is known by its kind, container and id, which the app never changes. Names, e-mail addresses
//! and revisions travel along and are never compared: two people may share the first two, and the third
//! changes with every write.

use crate::time::Instant;

/// What this version of a record has no field for: names and texts. Names that begin with `x-` belong to
/// the connector.
pub type Extras = Vec<(String, String)>;

/// The key of an object at the app, with what is handy to carry along.
///
/// Two of them are equal when kind, container and id are; the rest does not count.
#[derive(Debug, Clone, Default)]
pub struct ObjectRef {
    /// The connector's name for this kind of object, as in its descriptor.
    pub kind: String,
    /// The workspace or organisation that holds it; `None` where the app has just one.
    pub container: Option<String>,
    /// The app's own immutable id.
    pub id: String,
    /// The version that was read (an `ETag`).
    pub revision: Option<String>,
    /// A name for people.
    pub name_hint: Option<String>,
    /// See [`Extras`].
    pub extra: Extras,
}

impl ObjectRef {
    /// An object of this kind with this id.
    pub fn new(kind: impl Into<String>, id: impl Into<String>) -> Self {
        Self {
            kind: kind.into(),
            id: id.into(),
            ..Self::default()
        }
    }

    /// In this container.
    #[must_use]
    pub fn within(mut self, container: impl Into<String>) -> Self {
        self.container = Some(container.into());
        self
    }

    /// As it was read at this revision.
    #[must_use]
    pub fn at_revision(mut self, revision: impl Into<String>) -> Self {
        self.revision = Some(revision.into());
        self
    }

    /// With a name for people.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name_hint = Some(name.into());
        self
    }
}

impl PartialEq for ObjectRef {
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind && self.container == other.container && self.id == other.id
    }
}

impl Eq for ObjectRef {}

impl std::hash::Hash for ObjectRef {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        (&self.kind, &self.container, &self.id).hash(state);
    }
}

/// One value of an attribute, with its type.
#[derive(Debug, Clone, PartialEq)]
pub enum Scalar {
    /// Text.
    Text(String),
    /// True or false, never text.
    Boolean(bool),
    /// A number, exact for whole numbers up to 2^53.
    Number(f64),
    /// A point in time.
    Instant(Instant),
    /// A calendar day, `2026-11-22`.
    Day(String),
    /// Bytes.
    Binary(Vec<u8>),
    /// Another object at the app.
    Pointer(ObjectRef),
}

impl Scalar {
    /// The text, if it is text.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The truth value, if it is one.
    pub fn as_boolean(&self) -> Option<bool> {
        match self {
            Self::Boolean(value) => Some(*value),
            _ => None,
        }
    }
}

impl From<&str> for Scalar {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Scalar {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<bool> for Scalar {
    fn from(value: bool) -> Self {
        Self::Boolean(value)
    }
}

impl From<f64> for Scalar {
    fn from(value: f64) -> Self {
        Self::Number(value)
    }
}

impl From<i32> for Scalar {
    fn from(value: i32) -> Self {
        Self::Number(f64::from(value))
    }
}

impl From<u32> for Scalar {
    fn from(value: u32) -> Self {
        Self::Number(f64::from(value))
    }
}

impl From<Instant> for Scalar {
    fn from(value: Instant) -> Self {
        Self::Instant(value)
    }
}

impl From<ObjectRef> for Scalar {
    fn from(value: ObjectRef) -> Self {
        Self::Pointer(value)
    }
}
