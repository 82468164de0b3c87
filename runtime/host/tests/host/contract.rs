//! Every function of the contract is found in a component, and takes what the host calls it with.

use std::sync::Arc;

use muster_core::connector::{AccountState, Change, DesiredAccount, ObjectRef, Problem};
use muster_host::{GrantScope, Slot, Target};

use crate::support::{App, context, guest, host, on};

/// `steady` has accounts only, and the SDK answers for it that the rest is not supported. A function
/// that is missing, or that takes something else, would be a failure of the plugin.
#[tokio::test]
async fn every_function_takes_what_it_is_called_with() {
    let host = host();
    let app = App::echo().await;
    let plugin = host.load(guest("steady-v1")).await.unwrap();
    let mut options = on(&app);
    options.settings.insert("url".to_owned(), app.base());
    let target = Target::new(&host, Arc::new(Slot::new(plugin)), options).unwrap();
    let object = ObjectRef {
        kind: "user".to_owned(),
        container: None,
        id: "1".to_owned(),
        revision: None,
        name_hint: None,
    };
    let desired = DesiredAccount {
        object: Some(object.clone()),
        attributes: [].into(),
        match_keys: Vec::new(),
        may_adopt: false,
        initial_state: AccountState::Active,
    };
    let changes = [
        Change::EnsureAccount(desired),
        Change::EnsureState(object.clone(), AccountState::Suspended),
        Change::EnsureAbsent(object.clone()),
        Change::EnsureGranted(object.clone(), object.clone()),
        Change::EnsureRevoked(object.clone(), object.clone()),
        Change::EndSessions(object.clone()),
        Change::RevokeCredentials(object.clone()),
        Change::TransferOwned(object.clone(), object.clone()),
        Change::Poll("handle".to_owned()),
    ];
    let (mut said, mut number) = (Vec::new(), 0);
    for change in &changes {
        number += 1;
        said.push(target.change(change, &context(number)).await.err());
    }
    let keys = [("employee-id".to_owned(), "1".to_owned())];
    said.push(target.check_settings().await.err());
    said.push(target.probe().await.err());
    said.push(target.discover(None).await.err());
    said.push(target.read_account(&object).await.err());
    said.push(target.find_accounts(None, &keys).await.err());
    said.push(target.list_accounts(None).await.err());
    said.push(target.list_entitlements("group").await.err());
    let of_principal = GrantScope::OfPrincipal(object.clone());
    said.push(target.list_grants(&of_principal).await.err());
    said.push(target.list_credentials(Some(&object)).await.err());
    said.push(target.rotate_credential(&object, &context(99)).await.err());
    said.push(target.current_token().await.err());
    said.push(target.changes_since("token", 10).await.err());
    said.push(target.translate(Vec::new(), Vec::new()).await.err());
    assert_eq!(said.len(), 22, "describe was called when it was loaded");
    let failed = |problem: &&Problem| matches!(problem, Problem::PluginFailed { .. });
    let failed: Vec<_> = said.iter().flatten().filter(failed).collect();
    assert!(failed.is_empty(), "{failed:#?}");
    let unsupported = |problem: &&Problem| matches!(problem, Problem::Unsupported(_));
    assert!(
        said.iter().flatten().filter(unsupported).count() >= 10,
        "what was called reached the guest: {said:#?}"
    );
}
