//! What a policy asks for and a connector cannot do is found at load.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use muster_core::capability;
use muster_core::connector::{
    AccountKind, AccountSpec, AccountState, ContainerRule, CredentialClass, Descriptor,
    EntitlementKey, EntitlementKind, Function, GrantScope, ObjectRef,
};
use muster_core::needs::Proof;
use muster_core::observe::{self, can_be_seen};
use muster_core::operation::Action;
use muster_core::person::Account;
use muster_core::policy::{Adopt, Policy, Prehire, TargetRules};

use crate::world::{World, person, role, target};

fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// A connector that can do everything.
pub(crate) fn descriptor() -> Descriptor {
    let account = AccountKind {
        name: "user".to_owned(),
        operations: [
            Function::ListAccounts,
            Function::GetAccount,
            Function::FindAccounts,
            Function::EnsureAccount,
            Function::EnsureState,
            Function::EnsureAbsent,
            Function::EndSessions,
            Function::RevokeCredentials,
            Function::ListCredentials,
            Function::TransferOwned,
        ]
        .into(),
        states: [AccountState::Active, AccountState::Suspended].into(),
        match_keys: vec!["externalId".to_owned(), "email".to_owned()],
        immutable_attributes: Vec::new(),
        credential_categories: [CredentialClass::Session, CredentialClass::ApiKey].into(),
        needed_settings: Vec::new(),
        read_after_write_lag_ms: 0,
        is_id_reused: false,
        reactivation_keeps_grants: true,
        page_max: 100,
    };
    let group = EntitlementKind {
        name: "group".to_owned(),
        operations: [
            Function::ListEntitlements,
            Function::ListGrants,
            Function::EnsureGranted,
            Function::EnsureRevoked,
        ]
        .into(),
        grant_scopes: [GrantScope::OfPrincipal].into(),
        container_rule: ContainerRule::None,
        read_after_write_lag_ms: 0,
        page_max: 100,
    };
    Descriptor {
        name: "fake".to_owned(),
        version: "1.0.0".to_owned(),
        vendor: "Muster".to_owned(),
        contract: "0.1.0".to_owned(),
        app: "Fake".to_owned(),
        capabilities: names(&[
            "accounts",
            "entitlements",
            "grants",
            "credentials",
            "ownership",
        ]),
        account_kinds: vec![account],
        entitlement_kinds: vec![group],
        hosts: Vec::new(),
        secret_slots: Vec::new(),
        settings: Vec::new(),
        rate_buckets: Vec::new(),
        accepts_cursors_from: Vec::new(),
    }
}

/// Checks a policy that asks for everything, after these changes, and compares the findings:
/// `E` before an error, `W` before a warning.
#[track_caller]
fn check(change: impl FnOnce(&mut Descriptor, &mut TargetRules), expected: &[&str]) {
    let mut world = World::new();
    world.connect("crm", &["sales"]);
    world.source.roles = vec![role("all", "true", "crm", &["group:sales"])];
    let mut descriptor = descriptor();
    let rules = world.rules("crm");
    rules.keys.push(("email".to_owned(), "email".to_owned()));
    rules.adopt = Adopt::WhenKeysAgree;
    rules.prehire = Prehire::Suspended;
    rules.leaver.transfer_to_manager = true;
    rules.leaver.delete_after = Some(Duration::from_hours(24));
    change(&mut descriptor, rules);
    let policy = Policy::compile(world.source).unwrap();
    let findings = capability::check(&policy, &[(target("crm"), descriptor)].into());
    let found: Vec<String> = findings
        .iter()
        .map(|finding| {
            assert!(!finding.hint.is_empty() && finding.subject.to_string() == "target crm");
            let severity = &finding.severity.as_str()[..1];
            format!("{} {}", severity.to_uppercase(), finding.code)
        })
        .collect();
    assert_eq!(found, expected, "{findings:#?}");
}

fn without(function: Function) -> impl Fn(&mut Descriptor, &mut TargetRules) {
    move |descriptor, _| {
        descriptor.account_kinds[0].operations.remove(&function);
        descriptor.entitlement_kinds[0].operations.remove(&function);
    }
}

#[test]
fn a_connector_that_can_do_everything_leaves_nothing_to_say() {
    check(|_, _| {}, &[]);
}

#[test]
fn every_function_that_a_policy_needs_is_missed_by_name() {
    check(without(Function::EnsureAccount), &["E TGT-001"]);
    check(without(Function::GetAccount), &["E TGT-001"]);
    check(without(Function::FindAccounts), &["E TGT-001"]);
    check(without(Function::EndSessions), &["W TGT-004"]);
    check(without(Function::RevokeCredentials), &["W TGT-005"]);
    check(without(Function::EnsureAbsent), &["E TGT-006"]);
    check(without(Function::TransferOwned), &["E TGT-007"]);
    check(without(Function::EnsureGranted), &["E TGT-008"]);
    check(without(Function::EnsureRevoked), &["E TGT-008"]);
    check(without(Function::ListEntitlements), &["E TGT-008"]);
    check(without(Function::ListGrants), &["W TGT-009"]);
    check(without(Function::ListCredentials), &["W TGT-009"]);
}

#[test]
fn an_action_is_carried_out_by_the_function_that_it_needs() {
    let object = |id: &str| ObjectRef {
        kind: "user".to_owned(),
        container: None,
        id: id.to_owned(),
        revision: None,
        name_hint: None,
    };
    let account = Account {
        object: Some(object("u1")),
        state: Some(AccountState::Active),
        ..Account::default()
    };
    let key = EntitlementKey {
        kind: "group".to_owned(),
        container: None,
        id: "g-sales".to_owned(),
    };
    let spec = AccountSpec {
        match_keys: Vec::new(),
        may_adopt: false,
        initial_state: AccountState::Active,
        attributes: BTreeMap::new(),
    };
    for action in [
        Action::EnsureAccount(Arc::new(spec)),
        Action::EnsureState(AccountState::Suspended),
        Action::EndSessions,
        Action::RevokeCredentials,
        Action::EnsureGranted(key.clone()),
        Action::EnsureRevoked(key),
        Action::TransferOwned(person("2")),
        Action::EnsureAbsent,
    ] {
        let call = observe::call(&action, &account, Some(&object("u2"))).unwrap();
        assert_eq!(call.function(), action.function());
        // Who can be asked, and who can say that it was done, are one table.
        let has_proof = action.function().proof() != Proof::Nothing;
        assert_eq!(observe::question(&action, &account).is_some(), has_proof);
    }
}

#[test]
fn c26_what_a_connector_never_lists_is_never_seen() {
    let mut google = descriptor();
    google.account_kinds[0].credential_categories =
        [CredentialClass::OauthConsent, CredentialClass::AppPassword].into();
    assert!(!can_be_seen(&Action::EndSessions, &google));
    assert!(can_be_seen(&Action::RevokeCredentials, &google));
    let mut scim = descriptor();
    scim.account_kinds[0].credential_categories =
        [CredentialClass::Session, CredentialClass::Password].into();
    assert!(can_be_seen(&Action::EndSessions, &scim));
    assert!(!can_be_seen(&Action::RevokeCredentials, &scim));
    scim.account_kinds[0]
        .operations
        .remove(&Function::ListCredentials);
    assert!(!can_be_seen(&Action::EndSessions, &scim));
    let key = EntitlementKey {
        kind: "group".to_owned(),
        container: None,
        id: "g-sales".to_owned(),
    };
    let revoked = Action::EnsureRevoked(key);
    assert!(can_be_seen(&revoked, &scim));
    scim.entitlement_kinds[0].grant_scopes.clear();
    assert!(!can_be_seen(&revoked, &scim));
    // It is said before.
    let no_sessions = |descriptor: &mut Descriptor, _: &mut TargetRules| {
        descriptor.account_kinds[0].credential_categories = [CredentialClass::AppPassword].into();
    };
    check(no_sessions, &["W TGT-009"]);
}

#[test]
fn c28_a_setting_that_is_missing_is_said_before_somebody_leaves() {
    let needs = |descriptor: &mut Descriptor| {
        let needed = (Function::EndSessions, "sessions_url".to_owned());
        descriptor.account_kinds[0].needed_settings.push(needed);
    };
    check(|descriptor, _| needs(descriptor), &["W TGT-004"]);
    check(
        |descriptor, rules| {
            needs(descriptor);
            rules.leaver.end_sessions = false;
        },
        &[],
    );
    check(
        |descriptor, _| {
            needs(descriptor);
            *descriptor = descriptor
                .clone()
                .with_settings(|key| key == "sessions_url");
        },
        &[],
    );
}

#[test]
fn an_account_that_cannot_be_shut_is_named_by_how_long_it_stays_open() {
    check(without(Function::EnsureState), &["W TGT-003", "E TGT-014"]);
    check(
        |descriptor, rules| {
            descriptor.account_kinds[0]
                .states
                .remove(&AccountState::Suspended);
            rules.leaver.delete_after = None;
            rules.prehire = Prehire::Nothing;
        },
        &["E TGT-003"],
    );
}

#[test]
fn keys_that_the_connector_does_not_know_are_refused() {
    let unknown = |descriptor: &mut Descriptor, _: &mut TargetRules| {
        descriptor.account_kinds[0].match_keys.truncate(1);
    };
    check(unknown, &["E TGT-002"]);
    check(|_, rules| rules.keys.truncate(1), &["E TGT-015"]);
}

#[test]
fn a_kind_of_right_that_the_app_does_not_have_is_refused() {
    let unknown = |descriptor: &mut Descriptor, _: &mut TargetRules| {
        descriptor.entitlement_kinds.clear();
    };
    check(unknown, &["E TGT-008"]);
}

#[test]
fn what_a_policy_does_not_ask_for_is_not_missed() {
    check(
        |descriptor, rules| {
            for function in [
                Function::EndSessions,
                Function::RevokeCredentials,
                Function::EnsureAbsent,
                Function::TransferOwned,
            ] {
                descriptor.account_kinds[0].operations.remove(&function);
            }
            rules.leaver.end_sessions = false;
            rules.leaver.revoke_credentials = false;
            rules.leaver.delete_after = None;
            rules.leaver.transfer_to_manager = false;
        },
        &[],
    );
}

#[test]
fn a_target_whose_connector_is_not_loaded_is_not_judged() {
    let mut world = World::new();
    world.connect("crm", &[]);
    let policy = Policy::compile(world.source).unwrap();
    assert_eq!(capability::check(&policy, &[].into()), []);
}
