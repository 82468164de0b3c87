//! The routes of SCIM below the base address: from a method, a path and a body to an answer.
//!
//! Nothing here waits or knows of connections; the server around it does, and the faults.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::discovery;
use crate::error::ScimError;
use crate::listing::{self, Paging, Query};
use crate::patch;
use crate::resource::{Document, ResourceType};
use crate::store::Store;
use crate::view::{Projection, View};

/// How many members a group may have to be answered whole after a PATCH; a larger one would be sent
/// back again for each member that is added, and is answered with 204 instead.
pub(crate) const MEMBERS_SHOWN_MAX: usize = 100;

/// A request, as far as SCIM cares.
#[derive(Debug)]
pub(crate) struct Request<'request> {
    pub(crate) method: &'request str,
    /// The path below the base address, with its leading slash.
    pub(crate) path: &'request str,
    /// The query string.
    pub(crate) query: &'request str,
    pub(crate) if_match: Option<&'request str>,
    pub(crate) if_none_match: Option<&'request str>,
    pub(crate) body: &'request [u8],
    /// The address that locations begin with.
    pub(crate) base: &'request str,
    pub(crate) now: Timestamp,
}

/// What is answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Option<Value>,
    pub(crate) location: Option<String>,
    pub(crate) version: Option<String>,
}

impl Answer {
    fn ok(body: Value) -> Self {
        Self {
            status: 200,
            body: Some(body),
            location: None,
            version: None,
        }
    }

    fn empty(status: u16) -> Self {
        Self {
            status,
            body: None,
            location: None,
            version: None,
        }
    }

    /// The answer that a refusal becomes.
    pub(crate) fn refused(error: &ScimError) -> Self {
        Self {
            status: error.status,
            ..Self::ok(error.to_json())
        }
    }
}

/// Carries out a request.
pub(crate) fn answer(store: &mut Store, request: &Request, paging: Paging) -> Answer {
    route(store, request, paging).unwrap_or_else(|error| Answer::refused(&error))
}

fn route(store: &mut Store, request: &Request, paging: Paging) -> Result<Answer, ScimError> {
    let path = request.path.trim_matches('/');
    let parts: Vec<&str> = path.split('/').collect();
    match (request.method, parts.as_slice()) {
        ("GET", ["ServiceProviderConfig"]) => Ok(Answer::ok(discovery::service_provider_config(
            request.base,
            paging,
        ))),
        ("GET", ["ResourceTypes"]) => {
            let types = ResourceType::ALL.iter();
            let types = types.map(|resource| discovery::resource_type(*resource, request.base));
            Ok(Answer::ok(whole_list(&types.collect::<Vec<_>>())))
        }
        ("GET", ["ResourceTypes", name]) => {
            let found = ResourceType::ALL
                .into_iter()
                .find(|resource| resource.name() == *name);
            let found = found.ok_or_else(|| ScimError::not_found("ResourceType", name))?;
            Ok(Answer::ok(discovery::resource_type(found, request.base)))
        }
        ("GET", ["Schemas"]) => {
            let schemas = discovery::schemas(request.base)
                .into_iter()
                .map(|(_, schema)| schema);
            Ok(Answer::ok(whole_list(&schemas.collect::<Vec<_>>())))
        }
        ("GET", ["Schemas", urn]) => {
            let mut schemas = discovery::schemas(request.base).into_iter();
            let found = schemas.find(|(known, _)| known.eq_ignore_ascii_case(urn));
            let (_, schema) = found.ok_or_else(|| ScimError::not_found("Schema", urn))?;
            Ok(Answer::ok(schema))
        }
        (_, ["ServiceProviderConfig" | "ResourceTypes" | "Schemas", ..]) => Err(not_allowed()),
        ("POST", [".search"]) => {
            let query = search_of(&body_of(request)?)?;
            let types = &ResourceType::ALL;
            Ok(Answer::ok(listing::list(
                store,
                types,
                &query,
                paging,
                request.base,
            )?))
        }
        (_, ["Me" | "Bulk", ..]) => Err(ScimError::plain(
            501,
            format!("this service has no /{}", parts[0]),
        )),
        (_, [endpoint, rest @ ..]) => {
            let types = ResourceType::ALL.into_iter();
            let found = types
                .clone()
                .find(|resource| resource.endpoint() == *endpoint);
            let resource_type = found
                .ok_or_else(|| ScimError::plain(404, format!("this service has no /{endpoint}")))?;
            resources(store, request, resource_type, rest, paging)
        }
        (_, []) => Err(ScimError::plain(404, "there is nothing here")),
    }
}

#[expect(
    clippy::too_many_lines,
    reason = "one arm for each request that SCIM knows"
)]
fn resources(
    store: &mut Store,
    request: &Request,
    resource_type: ResourceType,
    rest: &[&str],
    paging: Paging,
) -> Result<Answer, ScimError> {
    match (request.method, rest) {
        ("GET", []) => {
            let query = query_of(request.query)?;
            Ok(Answer::ok(listing::list(
                store,
                &[resource_type],
                &query,
                paging,
                request.base,
            )?))
        }
        ("POST", [".search"]) => {
            let query = search_of(&body_of(request)?)?;
            Ok(Answer::ok(listing::list(
                store,
                &[resource_type],
                &query,
                paging,
                request.base,
            )?))
        }
        ("POST", []) => {
            let sent = body_of(request)?;
            if let (Some(status), ResourceType::User) =
                (store.rules.answers_existing, resource_type)
                && let Some(holder) = store.holder(&sent).map(crate::store::Record::id)
            {
                return shown(store, request, resource_type, &holder, status);
            }
            if store.rules.forgets_creations && resource_type == ResourceType::User {
                let mut elsewhere = store.clone();
                let number = elsewhere.create(resource_type, &sent, request.now)?;
                store.skip_number();
                let id = crate::store::id_of(number);
                return shown(&elsewhere, request, resource_type, &id, 201);
            }
            let number = store.create(resource_type, &sent, request.now)?;
            let id = crate::store::id_of(number);
            let status = store.rules.created_status.unwrap_or(201);
            shown(store, request, resource_type, &id, status)
        }
        ("GET", [id]) => {
            let version = store.get(resource_type, id)?.version();
            if request
                .if_none_match
                .is_some_and(|tags| names_version(tags, &version))
            {
                return Ok(Answer {
                    version: Some(version),
                    ..Answer::empty(304)
                });
            }
            shown(store, request, resource_type, id, 200)
        }
        ("PUT", [id]) => {
            check_version(store, request, resource_type, id)?;
            store.replace(resource_type, id, &body_of(request)?, request.now)?;
            shown(store, request, resource_type, id, 200)
        }
        ("PATCH", [id]) => {
            check_version(store, request, resource_type, id)?;
            let operations = patch::read(resource_type, &body_of(request)?)?;
            store.patch(resource_type, id, &operations, request.now)?;
            let record = store.get(resource_type, id)?;
            if record.members.len() <= MEMBERS_SHOWN_MAX {
                return shown(store, request, resource_type, id, 200);
            }
            Ok(Answer {
                version: Some(record.version()),
                ..Answer::empty(204)
            })
        }
        ("DELETE", [id]) => {
            check_version(store, request, resource_type, id)?;
            store.delete(resource_type, id, request.now)?;
            Ok(Answer::empty(204))
        }
        (method, [id, "sessions"]) if resource_type == ResourceType::User => {
            sessions(store, method, id)
        }
        (_, [] | [_]) => Err(not_allowed()),
        _ => Err(ScimError::plain(404, "there is nothing here")),
    }
}

/// An addition of this service, not of SCIM: the sessions of a user, which suspending does not end.
fn sessions(store: &mut Store, method: &str, id: &str) -> Result<Answer, ScimError> {
    match method {
        "GET" => {
            let number = store.get(ResourceType::User, id)?.number;
            let count = store.sessions_of(number);
            let live: Vec<Value> = (1..=count)
                .map(|session| json!({"id": format!("{id}.{session}")}))
                .collect();
            Ok(Answer::ok(
                json!({"totalResults": count, "Resources": live}),
            ))
        }
        "POST" => {
            let sessions = store.sign_in(id)?;
            Ok(Answer {
                status: 201,
                ..Answer::ok(json!({"sessions": sessions}))
            })
        }
        "DELETE" => Ok(Answer::ok(json!({"ended": store.end_sessions(id)?}))),
        _ => Err(not_allowed()),
    }
}

fn shown(
    store: &Store,
    request: &Request,
    resource_type: ResourceType,
    id: &str,
    status: u16,
) -> Result<Answer, ScimError> {
    let query = query_of(request.query)?;
    let record = store.get(resource_type, id)?;
    let projection = Projection::read(
        resource_type,
        query.attributes.as_deref(),
        query.excluded_attributes.as_deref(),
    );
    let view = View::new(store, record, request.base);
    Ok(Answer {
        status,
        body: Some(Value::Object(view.projected(&projection))),
        location: Some(view.location()),
        version: Some(record.version()),
    })
}

fn check_version(
    store: &Store,
    request: &Request,
    resource_type: ResourceType,
    id: &str,
) -> Result<(), ScimError> {
    let version = store.get(resource_type, id)?.version();
    match request.if_match {
        Some(tags) if !names_version(tags, &version) => Err(ScimError::plain(
            412,
            format!("the resource has changed; it is at {version}"),
        )),
        _ => Ok(()),
    }
}

fn names_version(tags: &str, version: &str) -> bool {
    // Weak comparison: the tags of this service are weak, and some clients drop the mark.
    let bare = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    tags.split(',')
        .any(|tag| tag.trim() == "*" || bare(tag) == bare(version))
}

fn body_of(request: &Request) -> Result<Document, ScimError> {
    match serde_json::from_slice(request.body) {
        Ok(Value::Object(body)) => Ok(body),
        Ok(_) => Err(ScimError::bad(
            "invalidSyntax",
            "the body must be a JSON object",
        )),
        Err(error) => Err(ScimError::bad(
            "invalidSyntax",
            format!("the body is no JSON: {error}"),
        )),
    }
}

fn query_of(text: &str) -> Result<Query, ScimError> {
    let mut query = Query::default();
    for (name, value) in url::form_urlencoded::parse(text.as_bytes()) {
        let value = value.into_owned();
        match name.to_ascii_lowercase().as_str() {
            "filter" => query.filter = Some(value),
            "startindex" => query.start_index = Some(number(&value)?),
            "count" => query.count = Some(number(&value)?),
            "cursor" => query.cursor = Some(value),
            "sortby" => query.sort_by = Some(value),
            "sortorder" => query.is_descending = value.eq_ignore_ascii_case("descending"),
            "attributes" => query.attributes = Some(value),
            "excludedattributes" => query.excluded_attributes = Some(value),
            _ => {}
        }
    }
    Ok(query)
}

/// The query in the body of a `POST .search` (RFC 7644, section 3.4.3).
fn search_of(body: &Document) -> Result<Query, ScimError> {
    let text = |name: &str| body.get(name).and_then(Value::as_str).map(str::to_owned);
    let names = |name: &str| {
        let names = body.get(name).and_then(Value::as_array)?;
        let names: Vec<&str> = names.iter().filter_map(Value::as_str).collect();
        Some(names.join(","))
    };
    let number = |name: &str| match body.get(name) {
        None => Ok(None),
        Some(value) => value.as_i64().map(Some).ok_or_else(|| {
            ScimError::bad("invalidValue", format!("{name} must be a whole number"))
        }),
    };
    Ok(Query {
        filter: text("filter"),
        start_index: number("startIndex")?,
        count: number("count")?,
        cursor: text("cursor"),
        sort_by: text("sortBy"),
        is_descending: text("sortOrder").is_some_and(|o| o.eq_ignore_ascii_case("descending")),
        attributes: names("attributes"),
        excluded_attributes: names("excludedAttributes"),
    })
}

fn number(text: &str) -> Result<i64, ScimError> {
    text.parse()
        .map_err(|_| ScimError::bad("invalidValue", format!("{text:?} is no whole number")))
}

fn whole_list(resources: &[Value]) -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
        "totalResults": resources.len(),
        "itemsPerPage": resources.len(),
        "startIndex": 1,
        "Resources": resources,
    })
}

fn not_allowed() -> ScimError {
    ScimError::plain(405, "this method is not allowed here")
}
