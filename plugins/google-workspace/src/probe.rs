//! Trying the target out: one small reading for each permission, changing nothing.

use crate::describe::scope;
use crate::group::GROUP;
use crate::role::ROLE;
use crate::seat::SEAT;
use crate::service::{Google, USER, paged, required, users};
use muster_sdk::{
    Call, Function, MissingPermission, PageRequest, Path, ProbeReport, Problem, Result,
};

/// A permission, what it is tried out with, and what does not work without it.
struct Trial {
    scope: &'static str,
    call: Call,
    kind: &'static str,
    functions: &'static [Function],
}

/// A user of the target, to try out what works on one.
struct Someone {
    id: String,
    email: String,
}

const ON_USERS: &[Function] = &[
    Function::ListAccounts,
    Function::GetAccount,
    Function::FindAccounts,
    Function::EnsureAccount,
    Function::EnsureState,
    Function::EnsureAbsent,
];

const ON_ENTITLEMENTS: &[Function] = &[
    Function::ListEntitlements,
    Function::ListGrants,
    Function::EnsureGranted,
    Function::EnsureRevoked,
];

impl Google<'_> {
    /// Names what is missing. Any other problem is one of the target as a whole.
    pub(crate) fn probe(&self) -> Result<ProbeReport> {
        let mut missing = Vec::new();
        let user = match self.any_user() {
            Ok(user) => Some(user),
            Err(problem) => {
                missing.extend(lacking(problem, scope::USERS, USER, ON_USERS)?);
                None
            }
        };
        for trial in self.trials(user.as_ref()) {
            if let Err(problem) = self.find(trial.call) {
                missing.extend(lacking(problem, trial.scope, trial.kind, trial.functions)?);
            }
        }
        Ok(ProbeReport {
            missing,
            signed_in_as: self.settings.acting_admin.clone(),
            ..ProbeReport::default()
        })
    }

    /// Some user, to try out what works on one. There is at least an administrator.
    fn any_user(&self) -> Result<Someone> {
        let path = paged(self.in_scope(users()), &PageRequest::first(1));
        let path = path.query("fields", "kind,users(id,primaryEmail)");
        let list = self.list(self.directory.get(path), "admin#directory#users", "users")?;
        let user = list.entries.first();
        let user = user.ok_or_else(|| Problem::remote_defect("Google shows no user at all"))?;
        let part = |name: &str| required(user, name).map(str::to_owned);
        Ok(Someone {
            id: part("id")?,
            email: part("primaryEmail")?,
        })
    }

    fn trials(&self, user: Option<&Someone>) -> Vec<Trial> {
        let one = PageRequest::first(1);
        let groups = paged(self.in_scope(Path::new("/admin/directory/v1/groups")), &one);
        let applications = paged(Path::new("/admin/datatransfer/v1/applications"), &one)
            .query_opt("customerId", self.settings.customer_id());
        let mut trials = vec![
            Trial {
                scope: scope::GROUPS,
                call: self.directory.get(groups.query("fields", "kind")),
                kind: GROUP,
                functions: ON_ENTITLEMENTS,
            },
            Trial {
                scope: scope::TRANSFER,
                call: self.transfer.get(applications.query("fields", "kind")),
                kind: USER,
                functions: &[Function::TransferOwned],
            },
        ];
        if let Some(user) = user {
            let tokens = users()
                .push(&user.id)
                .push("tokens")
                .query("fields", "kind");
            trials.push(Trial {
                scope: scope::SECURITY,
                call: self.directory.get(tokens),
                kind: USER,
                functions: &[
                    Function::ListCredentials,
                    Function::EndSessions,
                    Function::RevokeCredentials,
                    Function::RotateCredential,
                ],
            });
            if let Some(sku) = self.settings.skus.first() {
                let path = Path::new("/apps/licensing/v1/product").push(&sku.product);
                let path = path
                    .push("sku")
                    .push(&sku.id)
                    .push("user")
                    .push(&user.email);
                trials.push(Trial {
                    scope: scope::LICENSING,
                    call: self.licensing.get(path),
                    kind: SEAT,
                    functions: ON_ENTITLEMENTS,
                });
            }
        }
        if self.settings.has_roles {
            let roles = paged(self.customer_path().push("roles"), &one).query("fields", "kind");
            trials.push(Trial {
                scope: scope::ROLES,
                call: self.directory.get(roles),
                kind: ROLE,
                functions: ON_ENTITLEMENTS,
            });
        }
        trials
    }
}

/// What does not work, if the problem is that a permission is missing at Google.
fn lacking(
    problem: Problem,
    scope: &str,
    kind: &str,
    functions: &[Function],
) -> Result<Vec<MissingPermission>> {
    let Problem::Forbidden(lacks) = problem else {
        return Err(problem);
    };
    if lacks
        .missing
        .iter()
        .any(|missing| missing.starts_with("network:"))
    {
        // The host does not let the request out: that is for IT to allow, not for Google.
        return Err(Problem::Forbidden(lacks));
    }
    let missing = |function: &Function| MissingPermission {
        kind: Some(kind.to_owned()),
        operation: *function,
        permission: scope.to_owned(),
        extra: vec![("x-google-says".to_owned(), lacks.message.clone())],
    };
    Ok(functions.iter().map(missing).collect())
}
