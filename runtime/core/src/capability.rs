//! Compares what a policy asks of each target with what its connector says it can do.
//!
//! A step that is missing is found when policy or connector is loaded, and not on the day on which
//! somebody leaves. An [`Severity::Error`] means that something the policy asks for would never
//! happen; a [`Severity::Warning`] names what stays open although everything else is done.

use std::collections::{BTreeMap, BTreeSet};

use crate::connector::{AccountKind, AccountState, Descriptor, Function};
use crate::finding::{Code, Finding, Severity};
use crate::id::TargetName;
use crate::needs;
use crate::observe;
use crate::operation::Action;
use crate::policy::{Adopt, EntitlementName, LeaverRules, Policy, Prehire, Target};
use crate::subject::Subject;

/// A connector lacks what every account needs: to be made, read and found.
pub const NO_ACCOUNTS: Code = Code::new("TGT-001");
/// Accounts cannot be found by a key that the policy uses.
pub const UNKNOWN_KEY: Code = Code::new("TGT-002");
/// A leaver's account cannot be shut.
pub const NO_SUSPEND: Code = Code::new("TGT-003");
/// A leaver's sessions cannot be ended.
pub const NO_END_SESSIONS: Code = Code::new("TGT-004");
/// A leaver's tokens and keys cannot be revoked.
pub const NO_REVOKE_CREDENTIALS: Code = Code::new("TGT-005");
/// A leaver's account cannot be deleted.
pub const NO_DELETE: Code = Code::new("TGT-006");
/// What a leaver owns cannot be handed on.
pub const NO_TRANSFER: Code = Code::new("TGT-007");
/// A role has a kind of entitlement that cannot be granted, or not be taken away again.
pub const NO_GRANT: Code = Code::new("TGT-008");
/// What was taken away cannot be read back.
pub const NO_PROOF: Code = Code::new("TGT-009");
/// An account cannot be made before the first day without being usable.
pub const NO_PREHIRE: Code = Code::new("TGT-014");
/// Accounts are taken over by fewer than two keys.
pub const ADOPTION_BY_ONE_KEY: Code = Code::new("TGT-015");

/// Every code that [`check`] finds.
pub const CODES: [Code; 11] = [
    NO_ACCOUNTS,
    UNKNOWN_KEY,
    NO_SUSPEND,
    NO_END_SESSIONS,
    NO_REVOKE_CREDENTIALS,
    NO_DELETE,
    NO_TRANSFER,
    NO_GRANT,
    NO_PROOF,
    NO_PREHIRE,
    ADOPTION_BY_ONE_KEY,
];

/// What the policy asks for and the connectors cannot do. Targets whose connector is not loaded are
/// not compared.
pub fn check(policy: &Policy, descriptors: &BTreeMap<TargetName, Descriptor>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (name, rules) in policy.targets() {
        let mut check = Check {
            subject: Subject::from(name),
            findings: &mut findings,
        };
        check.adoption(rules);
        let Some(descriptor) = descriptors.get(name) else {
            continue;
        };
        check.accounts(descriptor, rules);
        if let Some(kind) = descriptor.people() {
            check.leaving(descriptor, kind, rules.leaver);
            check.prehire(kind, rules.prehire);
        }
        check.entitlements(descriptor, &entitlement_names(policy, name));
    }
    findings
}

/// The entitlements that roles give at a target, one name for each kind.
fn entitlement_names<'p>(
    policy: &'p Policy,
    target: &TargetName,
) -> BTreeMap<&'p str, &'p EntitlementName> {
    let roles = policy.roles().iter();
    let names = roles.filter_map(|role| role.access.get(target)).flatten();
    names.map(|name| (name.kind.as_str(), name)).collect()
}

struct Check<'f> {
    subject: Subject,
    findings: &'f mut Vec<Finding>,
}

impl Check<'_> {
    fn error(&mut self, code: Code, text: String, hint: &str) {
        self.report(code, Severity::Error, text, hint);
    }

    fn warn(&mut self, code: Code, text: &str, hint: &str) {
        self.report(code, Severity::Warning, text.to_owned(), hint);
    }

    fn report(&mut self, code: Code, severity: Severity, text: String, hint: &str) {
        let finding = Finding::new(code, severity, self.subject.clone(), text);
        self.findings.push(finding.hint(hint));
    }

    fn adoption(&mut self, rules: &Target) {
        if rules.adopt == Adopt::WhenKeysAgree && rules.keys.len() < 2 {
            self.error(
                ADOPTION_BY_ONE_KEY,
                "accounts are to be taken over, and only one key says whose they are".to_owned(),
                "give a second key under [target.NAME.account.keys], or set adopt = \"never\"",
            );
        }
    }

    fn accounts(&mut self, descriptor: &Descriptor, rules: &Target) {
        let missing: Vec<&str> = needs::OF_EVERY_ACCOUNT
            .into_iter()
            .filter(|function| !descriptor.can(*function))
            .map(Function::as_str)
            .collect();
        if !missing.is_empty() {
            self.error(
                NO_ACCOUNTS,
                format!(
                    "the connector {} lacks {}",
                    descriptor.name,
                    missing.join(", ")
                ),
                "use a connector, or a version of it, that has these",
            );
        }
        let Some(kind) = descriptor.people() else {
            return;
        };
        for (key, _) in &rules.keys {
            if !kind.match_keys.contains(key) {
                self.error(
                    UNKNOWN_KEY,
                    format!("accounts cannot be found by `{key}`"),
                    &format!(
                        "the connector finds them by: {}",
                        kind.match_keys.join(", ")
                    ),
                );
            }
        }
    }

    fn leaving(&mut self, descriptor: &Descriptor, kind: &AccountKind, rules: LeaverRules) {
        let can = |function| kind.can(function);
        let deletes = rules.delete_after.is_some();
        if rules.suspend && !kind.can_become(AccountState::Suspended) {
            self.open_account(deletes && can(Function::EnsureAbsent));
        }
        if rules.end_sessions && !can(Function::EndSessions) {
            self.warn(
                NO_END_SESSIONS,
                "sessions that are open go on after somebody left, until they end by themselves",
                "shorten the session time at the app, or set leaver.end_sessions = false to accept it",
            );
        }
        let needed = kind.needed_settings.iter();
        let mut needed = needed.filter(|(function, _)| *function == Function::EndSessions);
        if let Some((_, setting)) = needed.next().filter(|_| rules.end_sessions) {
            self.warn(
                NO_END_SESSIONS,
                &format!(
                    "sessions that are open go on after somebody left: none is ended without the setting `{setting}`"
                ),
                &format!(
                    "give `{setting}` in the target's settings, or set leaver.end_sessions = false to accept it"
                ),
            );
        }
        if rules.revoke_credentials && !can(Function::RevokeCredentials) {
            self.warn(
                NO_REVOKE_CREDENTIALS,
                "tokens, keys and app passwords outlive the person who made them",
                "see whether suspending ends them there, or set leaver.revoke_credentials = false to accept it",
            );
        }
        if deletes && !can(Function::EnsureAbsent) {
            self.error(
                NO_DELETE,
                "accounts are to be deleted, and the connector cannot".to_owned(),
                "take leaver.delete_after out, or delete them at the app",
            );
        }
        if rules.transfer_to_manager && !can(Function::TransferOwned) {
            self.error(
                NO_TRANSFER,
                "what a leaver owns is to go to the manager, and the connector cannot hand it on"
                    .to_owned(),
                "set leaver.transfer_to = \"nobody\", and hand it on at the app before the account is deleted",
            );
        }
        let is_unseen =
            |action: &Action| can(action.function()) && !observe::can_be_seen(action, descriptor);
        let unseen: Vec<&str> = [
            (Action::EndSessions, "ended sessions"),
            (Action::RevokeCredentials, "revoked tokens"),
        ]
        .into_iter()
        .filter(|(action, _)| is_unseen(action))
        .map(|(_, what)| what)
        .collect();
        if !unseen.is_empty() {
            self.warn(
                NO_PROOF,
                &format!(
                    "{} cannot be read back: the app's answer is all there is",
                    unseen.join(" and ")
                ),
                "nothing has to be done; reports show them as done and not as verified",
            );
        }
    }

    /// A leaver's account that nothing shuts.
    fn open_account(&mut self, is_deleted_later: bool) {
        if is_deleted_later {
            self.warn(
                NO_SUSPEND,
                "a leaver's account stays usable until it is deleted, because it cannot be suspended",
                "set leaver.delete_after = \"0s\" to delete it at once",
            );
        } else {
            self.error(
                NO_SUSPEND,
                "a leaver's account stays usable for good: it can neither be suspended nor is it deleted"
                    .to_owned(),
                "set leaver.delete_after, or leaver.suspend = false to accept it",
            );
        }
    }

    fn prehire(&mut self, kind: &AccountKind, prehire: Prehire) {
        if prehire == Prehire::Suspended && !kind.can_become(AccountState::Suspended) {
            self.error(
                NO_PREHIRE,
                "accounts are to be made before the first day, and would be usable at once"
                    .to_owned(),
                "set prehire.create = \"no\"",
            );
        }
    }

    fn entitlements(&mut self, descriptor: &Descriptor, names: &BTreeMap<&str, &EntitlementName>) {
        let known: BTreeSet<&str> = descriptor
            .entitlement_kinds
            .iter()
            .map(|kind| kind.name.as_str())
            .collect();
        for (kind, name) in names {
            let Some(found) = descriptor.entitlement_kind(kind) else {
                let known: Vec<&str> = known.iter().copied().collect();
                self.error(
                    NO_GRANT,
                    format!("`{name}` is given by a role, and the app has no `{kind}`"),
                    &format!("it has: {}", known.join(", ")),
                );
                continue;
            };
            for (function, lacks) in [
                (Function::EnsureGranted, "cannot be given"),
                (Function::EnsureRevoked, "could not be taken away again"),
                (Function::ListEntitlements, "cannot be found by its name"),
            ] {
                if !found.can(function) {
                    self.error(
                        NO_GRANT,
                        format!("`{name}` is given by a role, and {lacks} through this connector"),
                        "take it out of the roles, or use a connector that can",
                    );
                }
            }
            if !found.lists_grants() {
                self.warn(
                    NO_PROOF,
                    &format!("whether a `{kind}` was taken away cannot be read back: the app's answer is all there is"),
                    "nothing has to be done; reports show it as done and not as verified",
                );
            }
        }
    }
}
