//! [`Google`]: the four APIs of one customer, with its settings, for the length of one call.
//!
//! It reads one user and one page of a list. A page counts only if Google says of what kind it is: a redirect,
//! a login page or an empty object is a defect, never an empty list.

use muster_sdk::{Api, Call, Host, ObjectRef, PageRequest, Path, Problem, Reply, Result};
use serde_json::Value;

use crate::refusal::{self, is_googles_404};
use crate::settings::Settings;
use crate::user::User;

/// The secret slot of the service account.
pub(crate) const SECRET: &str = "service-account";

/// The kind of account, and of principal.
pub(crate) const USER: &str = "user";

/// How many pages of the bin are looked through for one user: deleted users stay there for 20 days.
const BIN_PAGES_MAX: usize = 20;

/// Users on a page of the bin.
const BIN_PAGE: u32 = 500;

/// One page of a list as Google answered it.
pub(crate) struct List {
    /// The entries; each is an object.
    pub(crate) entries: Vec<Value>,
    /// Where the next page begins.
    pub(crate) next: Option<String>,
}

/// The four APIs of one customer and the host through which they are reached.
pub(crate) struct Google<'a> {
    pub(crate) host: &'a dyn Host,
    pub(crate) settings: Settings,
    pub(crate) directory: Api,
    pub(crate) licensing: Api,
    pub(crate) transfer: Api,
    pub(crate) reports: Api,
}

impl<'a> Google<'a> {
    /// Those of this target.
    ///
    /// # Errors
    ///
    /// `Invalid` if the settings cannot be right.
    pub(crate) fn of(host: &'a dyn Host) -> Result<Self> {
        let settings = Settings::of(host)?;
        let api = |url: &str, bucket: &str, explain| {
            let api = Api::at(url).credential(SECRET).bucket(bucket);
            api.header("accept", "application/json")
                .explained_by(explain)
        };
        Ok(Self {
            host,
            directory: api(
                &settings.directory_url,
                refusal::DIRECTORY,
                refusal::of_directory,
            ),
            licensing: api(
                &settings.licensing_url,
                refusal::LICENSING,
                refusal::of_licensing,
            ),
            transfer: api(
                &settings.transfer_url,
                refusal::TRANSFER,
                refusal::of_transfer,
            ),
            reports: api(&settings.reports_url, refusal::REPORTS, refusal::of_reports),
            settings,
        })
    }

    /// One user by id; `None` if there is none.
    ///
    /// Google looks a key up as an address too: what comes back under another id is not what was meant.
    pub(crate) fn user(&self, id: &str) -> Result<Option<User>> {
        Ok(self.user_by(id)?.filter(|user| user.id() == id))
    }

    /// One user by id, address or alias.
    pub(crate) fn user_by(&self, key: &str) -> Result<Option<User>> {
        let path = users().push(key).query("projection", "full");
        self.find(self.directory.get(path))?
            .map(User::of)
            .transpose()
    }

    /// A user that must be there.
    pub(crate) fn user_of(&self, key: &ObjectRef) -> Result<User> {
        self.user(&key.id)?
            .ok_or_else(|| Problem::not_found(key.clone()))
    }

    /// A user in the bin.
    pub(crate) fn deleted_user(&self, is_meant: impl Fn(&User) -> bool) -> Result<Option<User>> {
        let mut page = PageRequest::first(BIN_PAGE);
        for _ in 0..BIN_PAGES_MAX {
            let path = paged(self.in_scope(users()), &page).query("showDeleted", "true");
            let list = self.list(self.directory.get(path), "admin#directory#users", "users")?;
            for entry in list.entries {
                let user = User::of(entry)?;
                if is_meant(&user) {
                    return Ok(Some(user));
                }
            }
            match list.next {
                Some(next) => page = PageRequest::from_cursor(BIN_PAGE, next),
                None => return Ok(None),
            }
        }
        Ok(None)
    }

    /// Narrows a list down to the customer, or to its one domain.
    pub(crate) fn in_scope(&self, path: Path) -> Path {
        match &self.settings.domain {
            Some(domain) => path.query("domain", domain),
            None => path.query("customer", &self.settings.customer),
        }
    }

    /// One page of a list whose `kind` begins so and whose entries are in this field.
    pub(crate) fn list(&self, call: Call, kind: &str, field: &str) -> Result<List> {
        let body: Value = call.send_json(self.host)?;
        let said = body.get("kind").and_then(Value::as_str).unwrap_or_default();
        if !said.starts_with(kind) {
            return Err(Problem::remote_defect(format!(
                "a list of kind `{kind}` was asked for and none came"
            )));
        }
        let entries = match body.get(field) {
            None => Vec::new(),
            Some(Value::Array(entries)) if entries.iter().all(Value::is_object) => entries.clone(),
            Some(_) => {
                return Err(Problem::remote_defect(format!(
                    "`{field}` is no list of objects"
                )));
            }
        };
        let next = body.get("nextPageToken").and_then(Value::as_str);
        Ok(List {
            entries,
            next: next.filter(|next| !next.is_empty()).map(str::to_owned),
        })
    }

    /// The JSON of one object; `None` if Google says that there is none.
    pub(crate) fn find(&self, call: Call) -> Result<Option<Value>> {
        match self.unless_gone(call)? {
            Some(reply) => reply.json().map(Some),
            None => Ok(None),
        }
    }

    /// Sends a change; `None` if Google says that what it is about is not there.
    ///
    /// Google answers with nothing or with JSON. Anything else is from somebody in between, who may not have
    /// passed the change on.
    pub(crate) fn write(&self, call: Call) -> Result<Option<Reply>> {
        let Some(reply) = self.unless_gone(call)? else {
            return Ok(None);
        };
        if !reply.body().trim_ascii().is_empty() {
            reply.json::<Value>()?;
        }
        Ok(Some(reply))
    }

    /// Sends a change that Google answers with what there is now.
    pub(crate) fn write_told(&self, call: Call) -> Result<Option<Reply>> {
        let reply = self.unless_gone(call)?;
        if let Some(reply) = &reply {
            reply.json::<Value>()?;
        }
        Ok(reply)
    }

    /// Sends it; `None` if Google says that what it is about is not there.
    fn unless_gone(&self, call: Call) -> Result<Option<Reply>> {
        let reply = call.accept(404).accept(410).send(self.host)?;
        match reply.status() {
            404 | 410 if is_googles_404(&reply) => Ok(None),
            404 | 410 => Err(Problem::remote_defect(
                "a 404 that is not Google's; is the address right?",
            )),
            _ => Ok(Some(reply)),
        }
    }
}

/// The users.
pub(crate) fn users() -> Path {
    Path::new("/admin/directory/v1/users")
}

/// One user.
pub(crate) fn user_path(user: &ObjectRef) -> Path {
    users().push(&user.id)
}

/// A page of a list: how many, and from where on.
pub(crate) fn paged(path: Path, page: &PageRequest) -> Path {
    path.query("maxResults", page.limit)
        .query_opt("pageToken", page.cursor())
}

/// A text of an object of Google's.
pub(crate) fn text<'v>(value: &'v Value, name: &str) -> Option<&'v str> {
    value
        .get(name)
        .and_then(Value::as_str)
        .filter(|text| !text.is_empty())
}

/// A text that every object of this kind has.
pub(crate) fn required<'v>(value: &'v Value, name: &str) -> Result<&'v str> {
    text(value, name).ok_or_else(|| Problem::remote_defect(format!("an entry has no `{name}`")))
}
