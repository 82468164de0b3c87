//! Every function of the contract is found in a component, and takes what the host calls it with.

use std::sync::Arc;

use muster_core::connector::{AccountState, Change, ObjectRef, Problem};
use muster_host::{Credential, JwtBearer, Scheme, Secret, Slot, Target, WhichGrants};

use crate::credentials::throwaway_key;
use crate::support::{App, context, desired, guest, host, on, plugin};

/// `google-workspace` implements every function, so each call reaches the guest, whose app here knows nothing. A
/// function that is missing, or that takes something else, would be a failure of the plugin.
#[tokio::test]
async fn every_function_takes_what_it_is_called_with() {
    let host = host();
    let app = App::echo().await;
    let plugin = host.load(plugin("google-workspace")).await.unwrap();
    let mut options = on(&app);
    for url in ["directory_url", "licensing_url"] {
        options.settings.insert(url.to_owned(), app.base());
    }
    let account = Scheme::JwtBearer(JwtBearer {
        token_url: app.url("/token"),
        issuer: "muster@project.iam.gserviceaccount.com".to_owned(),
        subject: None,
        audience: None,
        scopes: Vec::new(),
        private_key: Secret::new(throwaway_key()),
        key_id: None,
    });
    let account = Credential::new(account);
    options
        .credentials
        .insert("service-account".to_owned(), account);
    let target = Target::new(&host, Arc::new(Slot::new(plugin)), options).unwrap();
    let object = ObjectRef {
        kind: "user".to_owned(),
        container: None,
        id: "1".to_owned(),
        revision: None,
        name_hint: None,
    };
    let group = ObjectRef {
        kind: "group".to_owned(),
        ..object.clone()
    };
    let changes = [
        Change::EnsureAccount(desired(Some(object.clone()), Vec::new())),
        Change::EnsureState(object.clone(), AccountState::Suspended),
        Change::EnsureAbsent(object.clone()),
        Change::EnsureGranted(object.clone(), group.clone()),
        Change::EnsureRevoked(object.clone(), group),
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
    let of_principal = WhichGrants::OfPrincipal(object.clone());
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
    let unasked = |problem: &&Problem| problem.text().contains("PLG-038");
    let unasked: Vec<_> = said.iter().flatten().filter(unasked).collect();
    assert!(unasked.is_empty(), "the guest was not asked: {unasked:#?}");
}

/// `steady` has accounts, and nothing to give them.
#[tokio::test]
async fn what_a_plugin_does_not_describe_never_reaches_it() {
    let host = host();
    let app = App::echo().await;
    let plugin = host.load(guest("steady-v1")).await.unwrap();
    let mut options = on(&app);
    options.settings.insert("url".to_owned(), app.base());
    let target = Target::new(&host, Arc::new(Slot::new(plugin)), options).unwrap();
    let account = |kind: &str| ObjectRef {
        kind: kind.to_owned(),
        container: None,
        id: "1".to_owned(),
        revision: None,
        name_hint: None,
    };
    let refused = [
        (
            Change::EnsureAbsent(account("robot")),
            "the connector steady knows no account `robot` (PLG-038)",
        ),
        (
            Change::EndSessions(account("user")),
            "the connector steady has no `end-sessions` for `user` (PLG-038)",
        ),
        (
            Change::EnsureState(account("user"), AccountState::Locked),
            "the connector steady cannot make `user` locked (PLG-038)",
        ),
        (
            Change::EnsureGranted(account("user"), account("group")),
            "the connector steady knows no entitlement `group` (PLG-038)",
        ),
    ];
    for (number, (change, text)) in (1..).zip(refused) {
        let problem = target.change(&change, &context(number)).await.unwrap_err();
        assert_eq!(problem, Problem::Unsupported(text.to_owned()));
    }
    let of_principal = WhichGrants::OfPrincipal(account("user"));
    assert_eq!(
        target.list_grants(&of_principal).await.unwrap_err(),
        Problem::Unsupported(
            "the connector steady knows no listing of grants `of-principal` (PLG-038)".to_owned()
        )
    );
    assert!(app.asked().is_empty());
}
