//! [`Service`]: one SCIM service, with its settings, for the length of one call.
//!
//! It reads one resource, asks for a list, and writes; how a list is proven whole is in `listing.rs`, and what
//! a search is worth in `find.rs`.

use std::cell::Cell;

use muster_sdk::{Api, Call, Host, ObjectRef, Outcome, Path, Problem, Reply, Result};
use serde_json::{Value, json};

use crate::refusal::{Refusal, explain};
use crate::resource::{Fields, Resource, entries, field};
use crate::settings::Settings;

/// The secret slot of the service.
pub(crate) const SECRET: &str = "api";

/// The media type of RFC 7644.
const SCIM_JSON: &str = "application/scim+json";

/// A collection of resources.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Collection {
    Users,
    Groups,
}

impl Collection {
    /// Its path below the address of the service.
    pub(crate) fn path(self) -> Path {
        match self {
            Self::Users => Path::new("/Users"),
            Self::Groups => Path::new("/Groups"),
        }
    }
}

/// A list as the service answered it.
#[derive(Debug)]
pub(crate) struct List {
    /// The resources; what is no object is left out and counted in `odd`.
    pub(crate) resources: Vec<Resource>,
    /// How many there are over all pages.
    pub(crate) total: Option<u32>,
    /// The index of the first one, if the service says.
    pub(crate) start: Option<u32>,
    /// The cursor of the next page (RFC 9865).
    pub(crate) next_cursor: Option<String>,
    /// How many entries were no objects.
    pub(crate) odd: usize,
}

impl List {
    /// How many entries came.
    pub(crate) fn received(&self) -> usize {
        self.resources.len() + self.odd
    }

    /// Whether this one answer holds everything.
    pub(crate) fn is_everything(&self) -> bool {
        self.odd == 0
            && self.start.is_none_or(|start| start <= 1)
            && self.next_cursor.is_none()
            && self
                .total
                .is_some_and(|total| usize::try_from(total) == Ok(self.resources.len()))
    }
}

/// A service and the host through which it is reached.
pub(crate) struct Service<'a> {
    pub(crate) host: &'a dyn Host,
    pub(crate) settings: Settings,
    pub(crate) api: Api,
    /// Whether the service has accepted a write in this call.
    has_written: Cell<bool>,
}

impl<'a> Service<'a> {
    /// The service of this target.
    ///
    /// # Errors
    ///
    /// `Invalid` if there is no address.
    pub(crate) fn of(host: &'a dyn Host) -> Result<Self> {
        let settings = Settings::of(host)?;
        let api = Api::at(settings.base_url.as_str())
            .credential(SECRET)
            .header("accept", "application/scim+json, application/json")
            .explained_by(explain);
        Ok(Self {
            host,
            settings,
            api,
            has_written: Cell::new(false),
        })
    }

    /// The service has accepted a write, or failed at one that it may have done all the same.
    pub(crate) fn wrote(&self) {
        self.has_written.set(true);
    }

    /// What came of a change. Most problems say that nothing was changed; behind a write they only say that nobody could see what it did.
    pub(crate) fn told(&self, outcome: Result<Outcome>) -> Result<Outcome> {
        outcome.map_err(|problem| match problem {
            Problem::Transient(_) | Problem::RateLimited(_) | Problem::Stale(_)
                if self.has_written.get() =>
            {
                Problem::OutcomeUnknown(format!("sent, and not seen since: {problem}"))
            }
            problem => problem,
        })
    }

    /// One resource; `None` if it is not there, or if what came is another one.
    ///
    /// An id is looked up as a name by some services: what comes back under another id is not what was meant.
    pub(crate) fn find(&self, collection: Collection, id: &str) -> Result<Option<Resource>> {
        let call = self.api.get(collection.path().push(id));
        let Some(value) = call.find_json::<Value>(self.host)? else {
            self.confirm()?;
            return Ok(None);
        };
        let resource = Resource::of(value)
            .ok_or_else(|| Problem::remote_defect("one resource was asked for and none came"))?;
        match resource.id() {
            Some(known) if known == id => Ok(Some(resource)),
            Some(_) => Ok(None),
            None => Err(Problem::remote_defect("the resource that came has no id")),
        }
    }

    /// Makes sure that a 404 was about the resource: a service that has moved answers 404 to everything, and
    /// then nothing is known to be gone.
    pub(crate) fn confirm(&self) -> Result<()> {
        let about = self
            .api
            .get("/ServiceProviderConfig")
            .find_json::<Value>(self.host);
        if matches!(about, Ok(Some(Value::Object(_)))) {
            return Ok(());
        }
        let users = Path::new("/Users").query("startIndex", 1).query("count", 1);
        let users = self.api.get(users).find_json::<Value>(self.host)?;
        let lost =
            || Problem::remote_defect("the service answers 404 to everything; is base_url right?");
        read_list(users.ok_or_else(lost)?).map(|_| ())
    }

    /// One resource that must be there.
    pub(crate) fn get(&self, collection: Collection, key: &ObjectRef) -> Result<Resource> {
        is_ours(key)?;
        self.find(collection, &key.id)?
            .ok_or_else(|| Problem::not_found(key.clone()))
    }

    /// The address of a resource, for services that want to be told where a member is.
    pub(crate) fn address_of(&self, collection: Collection, id: &str) -> String {
        let base = self.settings.base_url.trim_end_matches('/');
        format!("{base}{}", collection.path().push(id))
    }

    /// A list, at this path with its query.
    pub(crate) fn list(&self, path: Path) -> Result<List> {
        read_list(self.api.get(path).send_json(self.host)?)
    }

    /// Adds the check of the version, where there is one and it is wanted.
    pub(crate) fn checked(&self, call: Call, resource: &Resource) -> Call {
        match resource.version() {
            Some(version) if self.settings.etag => call.header("if-match", version),
            Some(_) | None => call,
        }
    }

    /// Sends operations to a resource.
    ///
    /// A refusal that is about the form of the request comes back as `Refused`: the caller looks again and may
    /// try another form.
    pub(crate) fn patch(&self, to: &Target<'_>, operations: &[Value]) -> Result<Sent> {
        let body = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": operations,
        });
        let call = self
            .api
            .patch(to.collection.path().push(&to.key.id))
            .about(to.key);
        let call = with_body(call, &body);
        let call = if to.is_checked {
            self.checked(call, to.resource)
        } else {
            call
        };
        let call = to
            .forms
            .iter()
            .fold(call, |call, status| call.accept(*status));
        let reply = call.send(self.host)?;
        match reply.status() {
            200..300 => {
                self.wrote();
                Written::of(&reply).map(Sent::Written)
            }
            status => match refused(&reply) {
                problem @ (Problem::NoCapacity(_) | Problem::Guarded(_) | Problem::Conflict(_)) => {
                    Err(problem)
                }
                problem => {
                    // A service that does not know the form answers 500 as well as one that fails after it has
                    // written: another form may be tried, and nothing is known until something was seen.
                    if status == 500 {
                        self.wrote();
                    }
                    Ok(Sent::Refused(problem))
                }
            },
        }
    }

    /// Replaces a resource.
    pub(crate) fn put(&self, to: &Target<'_>, resource: &Resource) -> Result<Written> {
        let mut fields = resource.fields.clone();
        // What only the service can say is left out: some services refuse to be told.
        for name in ["meta", "groups"] {
            fields.retain(|known, _| !known.eq_ignore_ascii_case(name));
        }
        let call = self
            .api
            .put(to.collection.path().push(&to.key.id))
            .about(to.key);
        let call = self.checked(with_body(call, &Value::Object(fields)), to.resource);
        let reply = call.send(self.host)?;
        self.wrote();
        Written::of(&reply)
    }
}

/// A call that carries SCIM JSON.
pub(crate) fn with_body(call: Call, body: &Value) -> Call {
    call.header("content-type", SCIM_JSON).json(body)
}

/// What a refusal means that was accepted in order to try another form.
fn refused(reply: &Reply) -> Problem {
    let detail = Refusal::of(reply).detail;
    let text = format!("the service answered {} {detail}", reply.status());
    match (explain(reply), reply.status()) {
        (Some(problem), _) => problem,
        (None, 500) => Problem::OutcomeUnknown(text),
        (None, 405 | 415 | 501) => Problem::unsupported(text),
        (None, _) => Problem::invalid("", "rejected", text),
    }
}

/// How a PATCH went.
#[derive(Debug)]
pub(crate) enum Sent {
    /// It was accepted.
    Written(Written),
    /// Its form was not; this is the problem if there is no other form.
    Refused(Problem),
}

/// What a write is about.
pub(crate) struct Target<'a> {
    pub(crate) collection: Collection,
    pub(crate) key: &'a ObjectRef,
    /// As it was read.
    pub(crate) resource: &'a Resource,
    /// The version has to be checked in a PATCH.
    pub(crate) is_checked: bool,
    /// Refusals of a PATCH after which there is another form to try.
    pub(crate) forms: &'static [u16],
}

/// What a service said after a write.
#[derive(Debug, Default)]
pub(crate) struct Written {
    /// The resource as it is now, if it said.
    pub(crate) resource: Option<Resource>,
    /// Its version.
    pub(crate) version: Option<String>,
    /// What it calls the request.
    pub(crate) evidence: Option<String>,
    /// It said 200 and nothing else, where SCIM has the resource in the answer or says 204.
    pub(crate) is_bare: bool,
    /// What it was made from, where that was read anew for it.
    pub(crate) base: Option<Resource>,
}

impl Written {
    /// What a successful reply says. No body is normal; one that is no JSON leaves it open what happened.
    pub(crate) fn of(reply: &Reply) -> Result<Self> {
        let resource = match reply.body().trim_ascii() {
            [] => None,
            _ => Resource::of(reply.json::<Value>()?).filter(|resource| resource.id().is_some()),
        };
        let version = resource
            .as_ref()
            .and_then(Resource::version)
            .map(str::to_owned);
        Ok(Self {
            version: version.or_else(|| reply.header("etag").map(str::to_owned)),
            evidence: reply.request_id().map(str::to_owned),
            is_bare: reply.status() == 200 && reply.body().trim_ascii().is_empty(),
            base: None,
            resource,
        })
    }
}

/// Refuses a key that a SCIM service cannot have: it has no containers, so one is from another connector.
pub(crate) fn is_ours(key: &ObjectRef) -> Result<()> {
    match key.container {
        Some(_) => Err(Problem::not_found(key.clone())),
        None => Ok(()),
    }
}

/// Reads a list. An answer that is no list is a defect, never an empty list.
pub(crate) fn read_list(value: Value) -> Result<List> {
    let defect = |text: &str| Err(Problem::remote_defect(text));
    let Value::Object(fields) = value else {
        return defect("a list was asked for and none came");
    };
    let number = |name: &str| number(&fields, name);
    let total = number("totalResults");
    let found = match field(&fields, "Resources") {
        Some(Value::Array(found)) => found.clone(),
        Some(Value::Null) | None if total == Some(0) => Vec::new(),
        Some(_) | None => return defect("a list was asked for and none came"),
    };
    let received = found.len();
    let resources: Vec<Resource> = found.into_iter().filter_map(Resource::of).collect();
    let cursor = field(&fields, "nextCursor").and_then(Value::as_str);
    Ok(List {
        odd: received - resources.len(),
        resources,
        total,
        start: number("startIndex"),
        next_cursor: cursor
            .filter(|cursor| !cursor.is_empty())
            .map(str::to_owned),
    })
}

/// A count, also where a service writes it as text.
pub(crate) fn number(fields: &Fields, name: &str) -> Option<u32> {
    match field(fields, name)? {
        Value::Number(number) => number
            .as_u64()
            .and_then(|number| u32::try_from(number).ok()),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

/// Whether a list at the top of a resource holds a value.
pub(crate) fn lists(resource: &Resource, list: &str, value: &str) -> bool {
    let known = entries(field(&resource.fields, list));
    known
        .iter()
        .any(|entry| crate::resource::entry_value(entry).as_deref() == Some(value))
}
