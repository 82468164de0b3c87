//! Searching and turning pages: filter, order, index paging (RFC 7644, section 3.4.2) and, where it is
//! switched on, cursor paging (RFC 9865).

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::error::ScimError;
use crate::filter::{self, Filter};
use crate::matching::{Attributes, matches};
use crate::resource::ResourceType;
use crate::schema::{self, Path};
use crate::store::{Number, Record, Store};
use crate::view::{Projection, View};

/// What a client asked for.
#[derive(Debug, Default, Clone)]
pub(crate) struct Query {
    pub(crate) filter: Option<String>,
    pub(crate) start_index: Option<i64>,
    pub(crate) count: Option<i64>,
    pub(crate) cursor: Option<String>,
    pub(crate) sort_by: Option<String>,
    pub(crate) is_descending: bool,
    pub(crate) attributes: Option<String>,
    pub(crate) excluded_attributes: Option<String>,
}

/// How this service pages.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Paging {
    /// Resources on a page, at most.
    pub(crate) page_max: usize,
    /// Whether cursors of RFC 9865 are offered.
    pub(crate) has_cursors: bool,
}

/// One page of what meets the query.
pub(crate) fn list(
    store: &Store,
    resource_type: ResourceType,
    query: &Query,
    paging: Paging,
    base: &str,
) -> Result<Value, ScimError> {
    let filter = match &query.filter {
        Some(text) => Some(filter::parse(resource_type, text)?),
        None => None,
    };
    let projection = Projection::read(
        resource_type,
        query.attributes.as_deref(),
        query.excluded_attributes.as_deref(),
    );
    let count = match query.count {
        Some(count) if count < 0 => 0,
        Some(count) => usize::try_from(count).unwrap_or(usize::MAX),
        None => paging.page_max,
    };
    let count = count.min(paging.page_max);
    let found = found(store, resource_type, filter.as_ref(), base);
    let found = match &query.sort_by {
        Some(name) => sorted(store, found, resource_type, name, query.is_descending)?,
        None => found,
    };
    let total = found.total(store, resource_type);
    let (page, position) = match &query.cursor {
        Some(cursor) if paging.has_cursors => {
            let after = read_cursor(cursor)?;
            let mut page = found.after(store, resource_type, after, count + 1);
            let next = (page.len() > count).then(|| page.truncate(count));
            let next = next
                .and(page.last())
                .map(|record| cursor_after(record.number));
            (page, Position::Cursor(next))
        }
        Some(_) => return Err(ScimError::plain(400, "this service offers no cursors")),
        None => {
            let start = query.start_index.unwrap_or(1).max(1);
            let skipped = usize::try_from(start - 1).unwrap_or(usize::MAX);
            (
                found.skip(store, resource_type, skipped, count),
                Position::Index(start),
            )
        }
    };
    let resources: Vec<Value> = page
        .into_iter()
        .map(|record| {
            Value::Object(
                View {
                    store,
                    record,
                    base,
                }
                .projected(&projection),
            )
        })
        .collect();
    let mut answer = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
        "totalResults": total,
        "itemsPerPage": resources.len(),
    });
    match position {
        Position::Index(start) => answer["startIndex"] = start.into(),
        Position::Cursor(Some(next)) => answer["nextCursor"] = next.into(),
        Position::Cursor(None) => {}
    }
    answer["Resources"] = Value::Array(resources);
    Ok(answer)
}

/// How the answer says where the page is.
enum Position {
    Index(i64),
    Cursor(Option<String>),
}

/// What meets the filter.
enum Found {
    All,
    Numbers(Vec<Number>),
}

impl Found {
    fn total(&self, store: &Store, resource_type: ResourceType) -> usize {
        match self {
            Self::All => store.count(resource_type),
            Self::Numbers(numbers) => numbers.len(),
        }
    }

    fn skip<'store>(
        &self,
        store: &'store Store,
        resource_type: ResourceType,
        skipped: usize,
        count: usize,
    ) -> Vec<&'store Record> {
        match self {
            Self::All => store.all(resource_type).skip(skipped).take(count).collect(),
            Self::Numbers(numbers) => {
                let page = numbers.iter().skip(skipped).take(count);
                page.filter_map(|number| store.by_number(*number)).collect()
            }
        }
    }

    /// The page after a number: what is removed or added meanwhile moves nothing.
    fn after<'store>(
        &self,
        store: &'store Store,
        resource_type: ResourceType,
        after: Number,
        count: usize,
    ) -> Vec<&'store Record> {
        match self {
            Self::All => store.all_after(resource_type, after).take(count).collect(),
            Self::Numbers(numbers) => {
                let page = numbers.iter().filter(|number| **number > after).take(count);
                page.filter_map(|number| store.by_number(*number)).collect()
            }
        }
    }
}

fn found(store: &Store, resource_type: ResourceType, filter: Option<&Filter>, base: &str) -> Found {
    let Some(filter) = filter else {
        return Found::All;
    };
    let is_match = |record: &&Record| {
        matches(
            &View {
                store,
                record,
                base,
            },
            filter,
        )
    };
    Found::Numbers(match store.candidates(resource_type, filter) {
        Some(candidates) => of_type(store, resource_type, &candidates)
            .filter(is_match)
            .map(|record| record.number)
            .collect(),
        None => store
            .all(resource_type)
            .filter(is_match)
            .map(|record| record.number)
            .collect(),
    })
}

fn of_type<'store>(
    store: &'store Store,
    resource_type: ResourceType,
    numbers: &BTreeSet<Number>,
) -> impl Iterator<Item = &'store Record> {
    let records = numbers.iter().filter_map(|number| store.by_number(*number));
    records.filter(move |record| record.resource_type == resource_type)
}

fn sorted(
    store: &Store,
    found: Found,
    resource_type: ResourceType,
    sort_by: &str,
    is_descending: bool,
) -> Result<Found, ScimError> {
    let path = schema::resolve(resource_type, sort_by).ok_or_else(|| {
        ScimError::bad(
            "invalidPath",
            format!("there is no attribute {sort_by:?} to sort by"),
        )
    })?;
    let mut keyed: Vec<(Option<String>, Number)> = match found {
        Found::All => store
            .all(resource_type)
            .map(|record| record.number)
            .collect(),
        Found::Numbers(numbers) => numbers,
    }
    .into_iter()
    .filter_map(|number| Some((sort_key(store, store.by_number(number)?, path), number)))
    .collect();
    // Resources without the attribute come last when ascending (RFC 7644, section 3.4.2.3).
    keyed.sort_by(|(left, _), (right, _)| {
        left.is_none()
            .cmp(&right.is_none())
            .then_with(|| left.cmp(right))
    });
    if is_descending {
        keyed.reverse();
    }
    Ok(Found::Numbers(
        keyed.into_iter().map(|(_, number)| number).collect(),
    ))
}

fn sort_key(store: &Store, record: &Record, path: Path) -> Option<String> {
    let value = View {
        store,
        record,
        base: "",
    }
    .attribute(path)?
    .into_owned();
    let part = path.compared();
    let one = match &value {
        Value::Array(values) => values
            .iter()
            .find(|v| crate::resource::is_primary(v))
            .or_else(|| values.first())?,
        one => one,
    };
    let scalar = one.get(part.name).unwrap_or(one);
    let text = match scalar {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    Some(if part.is_case_exact {
        text
    } else {
        text.to_lowercase()
    })
}

const CURSOR: &str = "after-";

fn cursor_after(number: Number) -> String {
    format!("{CURSOR}{number:x}")
}

fn read_cursor(cursor: &str) -> Result<Number, ScimError> {
    if cursor.is_empty() {
        return Ok(0);
    }
    let number = cursor
        .strip_prefix(CURSOR)
        .and_then(|hex| Number::from_str_radix(hex, 16).ok());
    number.ok_or_else(|| ScimError::bad("invalidCursor", "this service gave out no such cursor"))
}
