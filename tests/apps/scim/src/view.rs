//! A resource as clients see it: with id, meta, groups and members, and only the attributes they
//! asked for.

use std::borrow::Cow;

use serde_json::{Value, json};

use crate::matching::Attributes;
use crate::resource::{Document, ResourceType};
use crate::schema::{self, Path};
use crate::store::{Number, Record, Store, id_of};

/// A resource in its surroundings.
pub(crate) struct View<'store> {
    store: &'store Store,
    record: &'store Record,
    /// The address that locations begin with, without a slash at the end.
    base: &'store str,
}

impl<'store> View<'store> {
    /// A view of a resource whose location begins with `base`.
    pub(crate) fn new(store: &'store Store, record: &'store Record, base: &'store str) -> Self {
        Self {
            store,
            record,
            base,
        }
    }

    /// Its address.
    pub(crate) fn location(&self) -> String {
        location(self.record, self.base)
    }

    /// All of it.
    pub(crate) fn to_json(&self) -> Document {
        self.with(&Projection::Everything)
    }

    /// All of it but the lists made on the spot that nobody asked for: a group can have 100,000 members.
    fn with(&self, projection: &Projection) -> Document {
        let record = self.record;
        let mut schemas = vec![record.resource_type.schema()];
        if let Some(extension) = record.resource_type.extension()
            && record.document.contains_key(extension.schema)
        {
            schemas.push(extension.schema);
        }
        let mut document = Document::new();
        document.insert("schemas".to_owned(), schemas.into());
        document.insert("id".to_owned(), record.id().into());
        document.extend(
            record
                .document
                .iter()
                .map(|(name, value)| (name.clone(), value.clone())),
        );
        if projection.wants("groups") {
            document.extend(self.groups().map(|groups| ("groups".to_owned(), groups)));
        }
        if projection.wants("members") {
            document.extend(
                self.members()
                    .map(|members| ("members".to_owned(), members)),
            );
        }
        document.insert("meta".to_owned(), self.meta());
        document
    }

    /// The part of it that a client asked for.
    pub(crate) fn projected(&self, projection: &Projection) -> Document {
        projection.of(self.with(projection))
    }

    fn meta(&self) -> Value {
        json!({
            "resourceType": self.record.resource_type.name(),
            "created": self.record.created.to_string(),
            "lastModified": self.record.modified.to_string(),
            "location": self.location(),
            "version": self.record.version(),
        })
    }

    fn groups(&self) -> Option<Value> {
        if self.record.resource_type != ResourceType::User {
            return None;
        }
        let groups = self.store.groups_of(self.record.number).map(|group| {
            json!({
                "value": group.id(),
                "$ref": location(group, self.base),
                "display": group.text("displayName"),
                "type": "direct",
            })
        });
        let groups: Vec<Value> = groups.collect();
        (!groups.is_empty()).then_some(Value::Array(groups))
    }

    fn members(&self) -> Option<Value> {
        let members = self.record.members.iter();
        let members: Vec<Value> = members
            .map(|number| member(self.store, *number, self.base))
            .collect();
        (!members.is_empty()).then_some(Value::Array(members))
    }
}

impl Attributes for View<'_> {
    fn attribute(&self, path: Path) -> Option<Cow<'_, Value>> {
        let name = path.attribute.name;
        if let Some(extension) = path.extension {
            return self
                .record
                .document
                .get(extension)?
                .get(name)
                .map(Cow::Borrowed);
        }
        match name {
            "id" => Some(Cow::Owned(self.record.id().into())),
            "meta" => Some(Cow::Owned(self.meta())),
            "groups" => self.groups().map(Cow::Owned),
            "members" => self.members().map(Cow::Owned),
            name => self.record.document.get(name).map(Cow::Borrowed),
        }
    }
}

/// A member of a group, as an element of its `members`.
pub(crate) fn member(store: &Store, number: Number, base: &str) -> Value {
    let Some(record) = store.by_number(number) else {
        return json!({"value": id_of(number)});
    };
    json!({
        "value": record.id(),
        "$ref": location(record, base),
        "type": record.resource_type.name(),
    })
}

fn location(record: &Record, base: &str) -> String {
    format!("{base}/{}/{}", record.resource_type.endpoint(), record.id())
}

/// Which attributes an answer holds (RFC 7644, section 3.9).
#[derive(Debug)]
pub(crate) enum Projection {
    Everything,
    Only(Vec<Path>),
    Without(Vec<Path>),
}

impl Projection {
    /// Reads the lists of names; names that this service does not know select nothing.
    pub(crate) fn read(
        resource_type: ResourceType,
        attributes: Option<&str>,
        excluded: Option<&str>,
    ) -> Self {
        let paths = |names: &str| {
            let names = names.split(',').map(str::trim);
            names
                .filter_map(|name| schema::resolve(resource_type, name))
                .collect()
        };
        match (attributes, excluded) {
            (Some(names), _) => Self::Only(paths(names)),
            (None, Some(names)) => Self::Without(paths(names)),
            (None, None) => Self::Everything,
        }
    }

    /// Whether an attribute can be in the answer.
    fn wants(&self, name: &str) -> bool {
        let named = |path: &Path| path.attribute.name == name;
        match self {
            Self::Everything => true,
            Self::Only(paths) => paths.iter().any(named),
            Self::Without(paths) => !paths.iter().any(|path| named(path) && path.sub.is_none()),
        }
    }

    fn of(&self, mut document: Document) -> Document {
        match self {
            Self::Everything => document,
            Self::Only(paths) => {
                let mut kept = Document::new();
                for name in ["schemas", "id"] {
                    kept.extend(document.remove(name).map(|value| (name.to_owned(), value)));
                }
                for path in paths {
                    copy(&document, &mut kept, *path);
                }
                kept
            }
            Self::Without(paths) => {
                for path in paths
                    .iter()
                    .filter(|path| !path.attribute.is_always_returned)
                {
                    strike(&mut document, *path);
                }
                document
            }
        }
    }
}

fn copy(from: &Document, to: &mut Document, path: Path) {
    let (from, to) = match path.extension {
        None => (from, to),
        Some(urn) => {
            let Some(Value::Object(inner)) = from.get(urn) else {
                return;
            };
            let slot = to.entry(urn).or_insert_with(|| json!({}));
            let Some(slot) = slot.as_object_mut() else {
                return;
            };
            (inner, slot)
        }
    };
    let name = path.attribute.name;
    let Some(value) = from.get(name) else { return };
    let Some(sub) = path.sub else {
        to.insert(name.to_owned(), value.clone());
        return;
    };
    let part = |value: &Value| value.get(sub.name).map(|part| json!({ sub.name: part }));
    match (value, to.get_mut(name)) {
        // A second part of the same attribute joins the first.
        (Value::Object(parts), Some(Value::Object(kept))) => {
            kept.extend(
                parts
                    .get(sub.name)
                    .map(|part| (sub.name.to_owned(), part.clone())),
            );
        }
        (Value::Array(values), Some(Value::Array(kept))) => {
            for (value, kept) in values.iter().zip(kept) {
                if let (Some(part), Some(kept)) = (value.get(sub.name), kept.as_object_mut()) {
                    kept.insert(sub.name.to_owned(), part.clone());
                }
            }
        }
        (Value::Array(values), _) => {
            let parts = values
                .iter()
                .map(|value| part(value).unwrap_or_else(|| json!({})));
            to.insert(name.to_owned(), Value::Array(parts.collect()));
        }
        (value, _) => to.extend(part(value).map(|part| (name.to_owned(), part))),
    }
}

fn strike(document: &mut Document, path: Path) {
    let holder = match path.extension {
        None => Some(document),
        Some(urn) => document.get_mut(urn).and_then(Value::as_object_mut),
    };
    let Some(holder) = holder else { return };
    match (path.sub, holder.get_mut(path.attribute.name)) {
        (None, _) => {
            holder.remove(path.attribute.name);
        }
        (Some(sub), Some(Value::Object(parts))) => {
            parts.remove(sub.name);
        }
        (Some(sub), Some(Value::Array(values))) => {
            for parts in values.iter_mut().filter_map(Value::as_object_mut) {
                parts.remove(sub.name);
            }
        }
        (Some(_), _) => {}
    }
}
