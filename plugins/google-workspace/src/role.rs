//! Administrator roles, where IT lets Muster give them. Only roles for the whole organisation are given and
//! taken; one that is limited to a part of it is shown and left alone. Super administrators are made by hand.

use muster_sdk::{
    Entitlement, EntitlementCategory, Grant, GrantKey, ObjectRef, Outcome, Page, PageRequest, Path,
    Problem, Result,
};
use serde_json::{Value, json};

use crate::group::GROUP;
use crate::service::{Google, USER, paged, required, text};

/// The kind of entitlement.
pub(crate) const ROLE: &str = "role";

/// Roles on a page, at most.
pub(crate) const PAGE_MAX: u32 = 100;

/// Assignments of one role to one principal, at most: one, or one for each part of the organisation.
const ASSIGNMENTS_MAX: u32 = 200;

/// The risk of a role, of 100.
const RISK: u8 = 80;
const RISK_OF_SUPER_ADMIN: u8 = 100;

impl Google<'_> {
    /// One page of the roles.
    pub(crate) fn roles(&self, page: &PageRequest) -> Result<Page<Entitlement>> {
        if !self.settings.has_roles {
            return Ok(Page::of([]).last());
        }
        let path = paged(self.customer_path().push("roles"), page);
        let list = self.list(self.directory.get(path), "admin#directory#roles", "items")?;
        let roles = list
            .entries
            .iter()
            .map(entitlement)
            .collect::<Result<Vec<_>>>()?;
        Ok(Page::of(roles).next_or_last(list.next))
    }

    /// One page of who has a role.
    pub(crate) fn holders(&self, role: &ObjectRef, page: &PageRequest) -> Result<Page<Grant>> {
        let path = paged(self.assignments(), page).query("roleId", &role.id);
        let list = self.list(
            self.directory.get(path).about(role),
            "admin#directory#roleAssignments",
            "items",
        )?;
        let grants = list
            .entries
            .iter()
            .map(assigned)
            .collect::<Result<Vec<_>>>()?;
        Ok(Page::of(grants).next_or_last(list.next))
    }

    /// One page of the roles that a principal has, through groups too.
    pub(crate) fn roles_of(
        &self,
        principal: &ObjectRef,
        page: &PageRequest,
    ) -> Result<(Vec<Grant>, Option<String>)> {
        let path = paged(self.assignments(), page)
            .query("userKey", &principal.id)
            .query("includeIndirectRoleAssignments", true);
        let list = self.list(
            self.directory.get(path).about(principal),
            "admin#directory#roleAssignments",
            "items",
        )?;
        let grant = |entry: &Value| -> Result<Grant> {
            let given = assigned(entry)?;
            if given.principal.id == principal.id {
                return Ok(given);
            }
            Ok(Grant {
                immutable_reason: given.immutable_reason,
                ..Grant::inherited(principal.clone(), given.entitlement, given.principal)
            })
        };
        Ok((
            list.entries.iter().map(grant).collect::<Result<_>>()?,
            list.next,
        ))
    }

    /// Grants a role for the whole organisation.
    pub(crate) fn assign(&self, grant: &GrantKey) -> Result<Outcome> {
        self.may_change_role(&grant.entitlement)?;
        if !self.assignments_of(grant)?.own.is_empty() {
            return Ok(Outcome::already());
        }
        let body = json!({
            "roleId": grant.entitlement.id,
            "assignedTo": grant.principal.id,
            "scopeType": "CUSTOMER",
        });
        match self.write_told(self.directory.post(self.assignments()).json(&body)) {
            Ok(Some(reply)) => Ok(Outcome::done().evidence(reply.request_id())),
            Ok(None) => Err(Problem::transient("the roles do not know the new user yet")),
            Err(Problem::Conflict(_)) => Ok(Outcome::already()),
            Err(problem) => Err(problem),
        }
    }

    /// Takes a role away.
    pub(crate) fn unassign(&self, grant: &GrantKey) -> Result<Outcome> {
        self.may_change_role(&grant.entitlement)?;
        let found = match self.assignments_of(grant) {
            Err(Problem::NotFound(_)) => return Ok(Outcome::already()),
            found => found?,
        };
        if found.own.is_empty() && found.is_through_group {
            let text = "has the role through a group, and has to be taken out of that one";
            return Err(Problem::guarded("externally-managed", text));
        }
        let mut outcome = Outcome::already();
        for id in found.own {
            let path = self.assignments().push(id);
            if let Some(reply) = self.write(self.directory.delete(path))? {
                outcome = Outcome::done().evidence(reply.request_id());
            }
        }
        Ok(outcome)
    }

    fn assignments_of(&self, grant: &GrantKey) -> Result<Assignments> {
        let path = paged(self.assignments(), &PageRequest::first(ASSIGNMENTS_MAX))
            .query("userKey", &grant.principal.id)
            .query("roleId", &grant.entitlement.id)
            .query("includeIndirectRoleAssignments", true);
        let list = self.list(
            self.directory.get(path).about(&grant.principal),
            "admin#directory#roleAssignments",
            "items",
        )?;
        let mut found = Assignments {
            own: Vec::new(),
            is_through_group: false,
        };
        for entry in &list.entries {
            if text(entry, "roleId") != Some(grant.entitlement.id.as_str()) || !is_for_all(entry) {
                continue;
            }
            if text(entry, "assignedTo") == Some(grant.principal.id.as_str()) {
                found
                    .own
                    .push(required(entry, "roleAssignmentId")?.to_owned());
            } else {
                found.is_through_group = true;
            }
        }
        Ok(found)
    }

    /// Refuses a role that is made by hand, or that IT does not let Muster give.
    fn may_change_role(&self, role: &ObjectRef) -> Result<()> {
        if !self.settings.has_roles {
            return Err(Problem::unsupported(
                "the setting `admin_roles` is not `true`",
            ));
        }
        let path = self.customer_path().push("roles").push(&role.id);
        let found = self.find(self.directory.get(path))?;
        let found = found.ok_or_else(|| Problem::not_found(role.clone()))?;
        if is_super_admin(&found) {
            let text = "super administrators are made and unmade by hand, in the Admin console";
            return Err(Problem::guarded("protected-account", text));
        }
        Ok(())
    }

    fn assignments(&self) -> Path {
        self.customer_path().push("roleassignments")
    }

    /// What belongs to the customer.
    pub(crate) fn customer_path(&self) -> Path {
        Path::new("/admin/directory/v1/customer").push(&self.settings.customer)
    }
}

/// The assignments of one role to one principal.
struct Assignments {
    /// Ids of those for the whole organisation that are its own.
    own: Vec<String>,
    is_through_group: bool,
}

fn is_super_admin(role: &Value) -> bool {
    role.get("isSuperAdminRole") == Some(&Value::Bool(true))
}

fn entitlement(role: &Value) -> Result<Entitlement> {
    let key = ObjectRef::new(ROLE, required(role, "roleId")?);
    let title = text(role, "roleName").unwrap_or_default();
    let mut entitlement = Entitlement::new(key, EntitlementCategory::Role, title)
        .grantable_to(USER)
        .grantable_to(GROUP);
    entitlement.description = text(role, "roleDescription").map(str::to_owned);
    entitlement.risk = Some(if is_super_admin(role) {
        RISK_OF_SUPER_ADMIN
    } else {
        RISK
    });
    entitlement.grantable = !is_super_admin(role);
    entitlement.revocable = !is_super_admin(role);
    Ok(entitlement)
}

fn assigned(entry: &Value) -> Result<Grant> {
    let kind = match text(entry, "assigneeType") {
        Some(kind) if kind.eq_ignore_ascii_case("group") => GROUP,
        _ => USER,
    };
    let principal = ObjectRef::new(kind, required(entry, "assignedTo")?);
    let role = ObjectRef::new(ROLE, required(entry, "roleId")?);
    let grant = Grant::direct(principal, role);
    if is_for_all(entry) {
        return Ok(grant);
    }
    Ok(grant.immutable("it is limited to a part of the organisation"))
}

/// Whether an assignment is for the whole organisation, without a condition.
fn is_for_all(entry: &Value) -> bool {
    let is_whole = text(entry, "scopeType").is_none_or(|scope| scope == "CUSTOMER");
    is_whole && text(entry, "condition").is_none()
}
