//! Groups and who is in them. Muster makes members; owners and managers are made at Google.
//!
//! Who is in a group through another group is listed too, with the group that brings them, so that nobody
//! wonders why access stays. A page of such members reads the page of the group again to know which groups come
//! next: the cursor stays small however many there are.

use muster_sdk::{
    Entitlement, EntitlementCategory, Grant, GrantKey, ObjectRef, Outcome, Page, PageRequest, Path,
    Problem, Result, SideEffect,
};
use serde_json::{Value, json};

use crate::service::{Google, List, USER, paged, required, text};

/// The kind of entitlement, and of principal for groups within groups.
pub(crate) const GROUP: &str = "group";

/// Groups and members on a page, at most.
pub(crate) const PAGE_MAX: u32 = 200;

/// How long to wait until Google's parts know a new user or group, in milliseconds.
const SETTLING_MS: u32 = 30_000;

/// The end of a cursor's text: no page token and no id has it.
const BETWEEN: char = ' ';

impl Google<'_> {
    /// One page of the groups.
    pub(crate) fn groups(&self, page: &PageRequest) -> Result<Page<Entitlement>> {
        let path = paged(self.in_scope(groups()), page);
        let list = self.list(self.directory.get(path), "admin#directory#groups", "groups")?;
        let groups = list
            .entries
            .iter()
            .map(entitlement)
            .collect::<Result<Vec<_>>>()?;
        Ok(Page::of(groups).next_or_last(list.next))
    }

    /// One page of the groups that a principal is in itself.
    pub(crate) fn groups_of(
        &self,
        principal: &ObjectRef,
        page: &PageRequest,
    ) -> Result<(Vec<Grant>, Option<String>)> {
        let path = paged(groups(), page).query("userKey", &principal.id);
        let call = self.directory.get(path).about(principal);
        let list = self.list(call, "admin#directory#groups", "groups")?;
        let grant = |group: &Value| Ok(Grant::direct(principal.clone(), key_of(group)?));
        Ok((
            list.entries.iter().map(grant).collect::<Result<_>>()?,
            list.next,
        ))
    }

    /// One page of who is in a group: first itself, then through each group that is in it.
    pub(crate) fn members(&self, group: &ObjectRef, page: &PageRequest) -> Result<Page<Grant>> {
        let place = Place::of(page.cursor())?;
        let here = PageRequest {
            limit: page.limit,
            cursor: place.page.clone(),
        };
        let list = self.member_list(group, &here, false)?;
        let mut nested: Vec<ObjectRef> = list
            .entries
            .iter()
            .filter(|member| text(member, "type") == Some("GROUP"))
            .map(|member| Ok(ObjectRef::new(GROUP, required(member, "id")?)))
            .collect::<Result<_>>()?;
        nested.sort_by(|one, other| one.id.cmp(&other.id));
        let part = match &place.within {
            None => Part {
                grants: grants(group, &list, None)?,
                next: nested.first().map(Within::beginning),
                skipped: None,
            },
            Some(within) => self.through(group, &nested, within, page.limit)?,
        };
        let next = match (part.next, list.next) {
            (Some(within), _) => Some(Place {
                page: place.page,
                within: Some(within),
            }),
            (None, Some(next)) => Some(Place {
                page: Some(next),
                within: None,
            }),
            (None, None) => None,
        };
        let open = Page::of(part.grants);
        let open = match part.skipped {
            Some(id) => open.skipping(id, "Google does not show who is in this group"),
            None => open,
        };
        Ok(open.next_or_last(next.map(|place| place.to_string())))
    }

    /// One page of the members that one group brings, and where to go on among those that are nested.
    fn through(
        &self,
        group: &ObjectRef,
        nested: &[ObjectRef],
        within: &Within,
        limit: u32,
    ) -> Result<Part> {
        let following = nested.iter().find(|other| other.id > within.group);
        let following = following.map(Within::beginning);
        let skip = |skipped| Part {
            grants: Vec::new(),
            next: following.clone(),
            skipped,
        };
        let Some(via) = nested.iter().find(|other| other.id == within.group) else {
            // It is no longer in the group.
            return Ok(skip(None));
        };
        let page = PageRequest {
            limit,
            cursor: within.page.clone(),
        };
        let list = match self.member_list(via, &page, true) {
            // A group of another organisation.
            Err(Problem::NotFound(_) | Problem::Forbidden(_)) => {
                return Ok(skip(Some(via.id.clone())));
            }
            list => list?,
        };
        let grants = grants(group, &list, Some(via))?;
        let next = list.next.map(|next| Within {
            group: via.id.clone(),
            page: Some(next),
        });
        Ok(Part {
            grants,
            next: next.or(following),
            skipped: None,
        })
    }

    fn member_list(&self, group: &ObjectRef, page: &PageRequest, is_deep: bool) -> Result<List> {
        let path = paged(group_path(group).push("members"), page);
        let path = if is_deep {
            path.query("includeDerivedMembership", true)
        } else {
            path
        };
        let call = self.directory.get(path).about(group);
        self.list(call, "admin#directory#members", "members")
    }

    /// The membership of a principal in a group, if it is a member itself.
    pub(crate) fn membership(&self, grant: &GrantKey) -> Result<Option<Value>> {
        self.find(self.directory.get(member_path(grant)))
    }

    /// Makes a principal a member.
    pub(crate) fn join(&self, grant: &GrantKey) -> Result<Outcome> {
        if self.membership(grant)?.is_some() {
            return Ok(Outcome::already());
        }
        let path = group_path(&grant.entitlement).push("members");
        let body = json!({"id": grant.principal.id, "role": "MEMBER"});
        match self.write_told(self.directory.post(path).json(&body)) {
            Ok(Some(reply)) => Ok(Outcome::done().evidence(reply.request_id())),
            Ok(None) => Err(self.not_found_for_join(grant)?),
            // Somebody was faster.
            Err(Problem::Conflict(_)) => Ok(Outcome::already()),
            Err(problem) => Err(problem),
        }
    }

    /// Which of the two is missing. If both are there, Google's parts do not agree yet.
    fn not_found_for_join(&self, grant: &GrantKey) -> Result<Problem> {
        let group = self.directory.get(group_path(&grant.entitlement));
        if self.find(group)?.is_none() {
            return Ok(Problem::not_found(grant.entitlement.clone()));
        }
        let is_there = match grant.principal.kind.as_str() {
            USER => self.user(&grant.principal.id)?.is_some(),
            _ => self
                .find(self.directory.get(group_path(&grant.principal)))?
                .is_some(),
        };
        if !is_there {
            return Ok(Problem::not_found(grant.principal.clone()));
        }
        Ok(Problem::Transient(muster_sdk::RetryHint {
            after_ms: Some(SETTLING_MS),
            message: "Google's groups do not know the new member yet".to_owned(),
            ..muster_sdk::RetryHint::default()
        }))
    }

    /// Takes a principal out of a group.
    pub(crate) fn leave(&self, grant: &GrantKey) -> Result<Outcome> {
        let Some(member) = self.membership(grant)? else {
            return self.left_already(grant);
        };
        if text(&member, "role") == Some("OWNER") {
            self.has_other_owner(grant)?;
        }
        match self.write(self.directory.delete(member_path(grant)))? {
            Some(reply) => {
                let outcome = Outcome::done().evidence(reply.request_id());
                Ok(match text(&member, "role") {
                    Some(role @ ("OWNER" | "MANAGER")) => {
                        let note = format!("was {role} of the group");
                        outcome.effect(SideEffect::Noted(note))
                    }
                    _ => outcome,
                })
            }
            None => Ok(Outcome::already()),
        }
    }

    /// No member itself. A member through another group cannot be taken out here.
    fn left_already(&self, grant: &GrantKey) -> Result<Outcome> {
        if grant.principal.kind != USER {
            return Ok(Outcome::already());
        }
        let path = group_path(&grant.entitlement)
            .push("hasMember")
            .push(&grant.principal.id);
        let is_member = match self.find(self.directory.get(path)) {
            Ok(found) => {
                found.is_some_and(|found| found.get("isMember") == Some(&Value::Bool(true)))
            }
            // Google answers so for whoever is not of the organisation, or no longer.
            Err(Problem::Invalid(_)) => false,
            Err(problem) => return Err(problem),
        };
        if is_member {
            let text = "is a member through another group, and has to be taken out of that one";
            return Err(Problem::guarded("externally-managed", text));
        }
        Ok(Outcome::already())
    }

    /// Refuses to take the last owner out: nobody could run the group any more.
    fn has_other_owner(&self, grant: &GrantKey) -> Result<()> {
        let path = group_path(&grant.entitlement)
            .push("members")
            .query("roles", "OWNER");
        let call = self
            .directory
            .get(path.query("maxResults", 2))
            .about(&grant.entitlement);
        let list = self.list(call, "admin#directory#members", "members")?;
        let is_other = |owner: &Value| text(owner, "id") != Some(grant.principal.id.as_str());
        if list.entries.iter().any(is_other) {
            return Ok(());
        }
        let text = "the only owner of the group; name another one first";
        Err(Problem::guarded("last-owner", text))
    }
}

/// What one page of members returns.
struct Part {
    grants: Vec<Grant>,
    /// The group among these whose members come next.
    next: Option<Within>,
    /// A group whose members cannot be read.
    skipped: Option<String>,
}

/// A group in a group, and the page of its members.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Within {
    group: String,
    page: Option<String>,
}

impl Within {
    fn beginning(group: &ObjectRef) -> Self {
        Self {
            group: group.id.clone(),
            page: None,
        }
    }
}

/// Where a listing of members is.
#[derive(Debug, PartialEq, Eq)]
struct Place {
    /// The page of the group's own members.
    page: Option<String>,
    /// The group among them whose members are listed.
    within: Option<Within>,
}

impl Place {
    fn of(cursor: Option<&str>) -> Result<Self> {
        let Some(cursor) = cursor else {
            return Ok(Self {
                page: None,
                within: None,
            });
        };
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let parts: Vec<&str> = cursor.split(BETWEEN).collect();
        let [page, group, inner] = parts[..] else {
            return Err(Problem::CursorExpired);
        };
        let within = some(group).map(|group| Within {
            group,
            page: some(inner),
        });
        Ok(Self {
            page: some(page),
            within,
        })
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let page = self.page.as_deref().unwrap_or_default();
        let within = self.within.as_ref();
        let group = within
            .map(|within| within.group.as_str())
            .unwrap_or_default();
        let inner = within
            .and_then(|within| within.page.as_deref())
            .unwrap_or_default();
        write!(f, "{page}{BETWEEN}{group}{BETWEEN}{inner}")
    }
}

fn grants(group: &ObjectRef, members: &List, via: Option<&ObjectRef>) -> Result<Vec<Grant>> {
    members
        .entries
        .iter()
        .map(|member| grant(group, member, via))
        .collect()
}

fn groups() -> Path {
    Path::new("/admin/directory/v1/groups")
}

/// One group.
pub(crate) fn group_path(group: &ObjectRef) -> Path {
    groups().push(&group.id)
}

fn member_path(grant: &GrantKey) -> Path {
    group_path(&grant.entitlement)
        .push("members")
        .push(&grant.principal.id)
}

/// The key of a group as Google shows it.
pub(crate) fn key_of(group: &Value) -> Result<ObjectRef> {
    let key = ObjectRef::new(GROUP, required(group, "id")?);
    Ok(match text(group, "email") {
        Some(email) => key.named(email),
        None => key,
    })
}

/// A group as Google shows it, as an entitlement.
pub(crate) fn entitlement(group: &Value) -> Result<Entitlement> {
    let key = key_of(group)?;
    // Names of groups are not unique and are changed at will: a policy names the address.
    let address = text(group, "email").unwrap_or(&key.id).to_owned();
    let mut entitlement = Entitlement::new(key, EntitlementCategory::Membership, address)
        .grantable_to(USER)
        .grantable_to(GROUP);
    let about = [text(group, "name"), text(group, "description")];
    let about: Vec<&str> = about.into_iter().flatten().collect();
    entitlement.description = (!about.is_empty()).then(|| about.join(": "));
    Ok(entitlement)
}

/// A member as Google shows it, as a grant; through another group if one is named.
pub(crate) fn grant(group: &ObjectRef, member: &Value, via: Option<&ObjectRef>) -> Result<Grant> {
    let kind = match text(member, "type") {
        Some("USER") | None => USER,
        Some("GROUP") => GROUP,
        Some("CUSTOMER") => "customer",
        Some(_) => "external",
    };
    // Those from outside have no id with Google, only an address.
    let id = text(member, "id").or(text(member, "email").filter(|_| kind == "external"));
    let id = id.ok_or_else(|| Problem::remote_defect("a member has no id"))?;
    let principal = ObjectRef::new(kind, id);
    let principal = match text(member, "email") {
        Some(email) => principal.named(email),
        None => principal,
    };
    let mut grant = match via {
        Some(via) => Grant::inherited(principal, group.clone(), via.clone()),
        None => Grant::direct(principal, group.clone()),
    };
    if let Some(role) = text(member, "role").filter(|role| *role != "MEMBER") {
        grant.extra.push(("x-role".to_owned(), role.to_owned()));
    }
    Ok(grant)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_was_written() {
        let within = |group: &str, page: Option<&str>| {
            Some(Within {
                group: group.to_owned(),
                page: page.map(str::to_owned),
            })
        };
        for (page, within) in [
            (Some("p1"), None),
            (None, within("g1", None)),
            (Some("p1"), within("g1", Some("t"))),
        ] {
            let place = Place {
                page: page.map(str::to_owned),
                within,
            };
            assert_eq!(Place::of(Some(&place.to_string())), Ok(place));
        }
        assert_eq!(Place::of(Some("p1")), Err(Problem::CursorExpired));
    }
}
