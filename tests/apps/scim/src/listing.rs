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

/// One page of what meets the query among the resources of some types.
pub(crate) fn list(
    store: &Store,
    types: &[ResourceType],
    query: &Query,
    paging: Paging,
    base: &str,
) -> Result<Value, ScimError> {
    let mut found = found_in(store, types, query.filter.as_deref(), base)?;
    if let (Some(most), None, [ResourceType::User]) =
        (store.rules.lists_at_most, &query.filter, types)
    {
        let shown = store.all(ResourceType::User).take(most);
        found = Found::Numbers(shown.map(|record| record.number).collect());
    }
    if let Some(name) = &query.sort_by {
        found = sorted(store, found, types, name, query.is_descending)?;
    }
    let count = match query.count {
        Some(count) if count < 0 => 0,
        Some(count) => usize::try_from(count).unwrap_or(usize::MAX),
        None => paging.page_max,
    };
    let count = count.min(paging.page_max);
    let (page, position) = match &query.cursor {
        Some(cursor) if paging.has_cursors => {
            let mut page = found.after(store, read_cursor(cursor)?, count + 1);
            let has_more = page.len() > count;
            page.truncate(count);
            let last = page.last().filter(|_| has_more);
            let next = last.map(|record| cursor_after(record.number));
            (page, Position::Cursor(next))
        }
        Some(_) => return Err(ScimError::plain(400, "this service offers no cursors")),
        None => {
            let start = query.start_index.unwrap_or(1).max(1);
            let skipped = usize::try_from(start - 1).unwrap_or(usize::MAX);
            (found.skip(store, skipped, count), Position::Index(start))
        }
    };
    let (attributes, excluded) = (&query.attributes, &query.excluded_attributes);
    let shown = |record: &Record| {
        let projection = Projection::read(
            record.resource_type,
            attributes.as_deref(),
            excluded.as_deref(),
        );
        Value::Object(View::new(store, record, base).projected(&projection))
    };
    let resources: Vec<Value> = page.into_iter().map(shown).collect();
    let mut answer = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
        "totalResults": found.total(store),
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
    /// Everything of a type, which is not copied to be counted.
    All(ResourceType),
    Numbers(Vec<Number>),
}

impl Found {
    fn total(&self, store: &Store) -> usize {
        match self {
            Self::All(resource_type) => store.count(*resource_type),
            Self::Numbers(numbers) => numbers.len(),
        }
    }

    fn numbers(self, store: &Store) -> Vec<Number> {
        match self {
            Self::All(of) => store.all(of).map(|record| record.number).collect(),
            Self::Numbers(numbers) => numbers,
        }
    }

    fn skip<'store>(
        &self,
        store: &'store Store,
        skipped: usize,
        count: usize,
    ) -> Vec<&'store Record> {
        match self {
            Self::All(of) => store.all(*of).skip(skipped).take(count).collect(),
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
        after: Number,
        count: usize,
    ) -> Vec<&'store Record> {
        match self {
            Self::All(of) => store.all_after(*of, after).take(count).collect(),
            Self::Numbers(numbers) => {
                let page = numbers.iter().filter(|number| **number > after).take(count);
                page.filter_map(|number| store.by_number(*number)).collect()
            }
        }
    }
}

/// What meets the filter in any of the types. A filter may name attributes that only one type has;
/// it is refused if no type has them.
fn found_in(
    store: &Store,
    types: &[ResourceType],
    filter: Option<&str>,
    base: &str,
) -> Result<Found, ScimError> {
    if let ([one], None) = (types, filter) {
        return Ok(Found::All(*one));
    }
    let mut numbers = Vec::new();
    let mut refused = None;
    let mut is_read = false;
    for resource_type in types {
        let parsed = filter
            .map(|text| filter::parse(*resource_type, text))
            .transpose();
        match parsed {
            Ok(Some(filter)) => {
                is_read = true;
                numbers.extend(matching(store, *resource_type, &filter, base));
            }
            Ok(None) => {
                is_read = true;
                numbers.extend(store.all(*resource_type).map(|record| record.number));
            }
            Err(error) => refused = Some(error),
        }
    }
    match refused {
        Some(error) if !is_read => Err(error),
        _ => {
            numbers.sort_unstable();
            Ok(Found::Numbers(numbers))
        }
    }
}

fn matching(
    store: &Store,
    resource_type: ResourceType,
    filter: &Filter,
    base: &str,
) -> Vec<Number> {
    let is_match = |record: &&Record| matches(&View::new(store, record, base), filter);
    let number = |record: &Record| record.number;
    match store.candidates(resource_type, filter) {
        Some(candidates) => {
            let records = of_type(store, resource_type, &candidates);
            records.filter(is_match).map(number).collect()
        }
        None => store
            .all(resource_type)
            .filter(is_match)
            .map(number)
            .collect(),
    }
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
    types: &[ResourceType],
    sort_by: &str,
    is_descending: bool,
) -> Result<Found, ScimError> {
    if types
        .iter()
        .all(|of| schema::resolve(*of, sort_by).is_none())
    {
        let detail = format!("there is no attribute {sort_by:?} to sort by");
        return Err(ScimError::bad("invalidPath", detail));
    }
    let keyed = found.numbers(store).into_iter().filter_map(|number| {
        let record = store.by_number(number)?;
        let path = schema::resolve(record.resource_type, sort_by);
        Some((path.and_then(|path| sort_key(store, record, path)), number))
    });
    let mut keyed: Vec<(Option<String>, Number)> = keyed.collect();
    // Resources without the attribute come last when ascending (RFC 7644, section 3.4.2.3).
    keyed.sort_by(|(left, _), (right, _)| {
        let by_presence = left.is_none().cmp(&right.is_none());
        by_presence.then_with(|| left.cmp(right))
    });
    if is_descending {
        keyed.reverse();
    }
    let numbers = keyed.into_iter().map(|(_, number)| number).collect();
    Ok(Found::Numbers(numbers))
}

fn sort_key(store: &Store, record: &Record, path: Path) -> Option<String> {
    let view = View::new(store, record, "");
    let value = view.attribute(path)?.into_owned();
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
