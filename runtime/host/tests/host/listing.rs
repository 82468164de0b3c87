//! Listings through a real guest: turned by the host, in one run, with what one run shares.

use muster_core::connector::{
    Change, ContainerRule, DesiredAccount, ObjectRef, OutcomeKind, Problem,
};

use crate::support::{App, context, desired, host, lonely, on, target};

fn object(kind: &str, container: Option<&str>, id: &str) -> ObjectRef {
    ObjectRef {
        kind: kind.to_owned(),
        container: container.map(str::to_owned),
        id: id.to_owned(),
        revision: None,
        name_hint: None,
    }
}

#[tokio::test]
async fn a_listing_is_gathered_whole_and_its_pages_share_scratch_space() {
    let host = host();
    let target = lonely(&host).await;
    for _ in 0..2 {
        let listing = target.list_accounts(None).await.unwrap();
        assert!(listing.is_whole, "{:?}", listing.why_not);
        assert_eq!(listing.items.len(), 250);
        // Each page saw how many were before it in its own run, and none of another run.
        let before = |index: usize| listing.items[index].keys[0].1.as_str();
        assert_eq!([before(0), before(100), before(249)], ["0", "1", "2"]);
    }
}

#[tokio::test]
async fn accounts_are_found_by_their_keys() {
    let host = host();
    let target = lonely(&host).await;
    let keys = [
        ("email".to_owned(), "ann".to_owned()),
        ("email".to_owned(), "bob".to_owned()),
    ];
    let found = target.find_accounts(None, &keys).await.unwrap();
    assert_eq!(
        found
            .iter()
            .map(|account| account.object.id.as_str())
            .collect::<Vec<_>>(),
        ["ann", "bob"]
    );
}

#[tokio::test]
async fn f24_a_grant_between_two_containers_is_refused_before_the_plugin_is_asked() {
    let host = host();
    let app = App::echo().await;
    let target = target(&host, on(&app)).await;
    let rule = target
        .descriptor()
        .entitlement_kind("group")
        .unwrap()
        .container_rule;
    assert_eq!(rule, ContainerRule::MustMatch);
    let group = object("group", Some("workspace-a"), "admins");
    for (container, goes) in [
        (Some("workspace-a"), true),
        (Some("workspace-b"), false),
        (None, false),
    ] {
        let person = object("user", container, "1");
        for change in [
            Change::EnsureGranted(person.clone(), group.clone()),
            Change::EnsureRevoked(person.clone(), group.clone()),
        ] {
            match target.change(&change, &context(1)).await {
                Ok(_) => assert!(goes, "{container:?}"),
                Err(Problem::Unsupported(text)) => {
                    assert!(
                        !goes && text.contains("PLG-035") && text.contains("workspace-a"),
                        "{text}"
                    );
                }
                Err(other) => panic!("{container:?}: {other:?}"),
            }
        }
    }
    // A kind that the connector does not describe gets the strictest rule.
    let unknown = Change::EnsureGranted(object("user", None, "1"), object("guild", Some("a"), "1"));
    assert!(matches!(
        target.change(&unknown, &context(2)).await,
        Err(Problem::Unsupported(_))
    ));
}

#[tokio::test]
async fn a_pending_answer_has_its_handle_and_an_adoption_needs_permission() {
    let host = host();
    let target = lonely(&host).await;
    let absent = Change::EnsureAbsent(object("user", None, "1"));
    let outcome = target.change(&absent, &context(1)).await.unwrap();
    assert_eq!(
        outcome.kind,
        OutcomeKind::Pending {
            handle: "handle".to_owned(),
            poll_after_ms: 5
        }
    );
    let wanted = |may_adopt: bool| {
        Change::EnsureAccount(DesiredAccount {
            may_adopt,
            ..desired(None, Vec::new())
        })
    };
    assert_eq!(
        target
            .change(&wanted(true), &context(2))
            .await
            .unwrap()
            .kind,
        OutcomeKind::Adopted
    );
    let problem = target
        .change(&wanted(false), &context(3))
        .await
        .unwrap_err();
    assert!(
        matches!(&problem, Problem::PluginFailed { text, .. } if text.contains("not allowed")),
        "{problem:?}"
    );
}

#[tokio::test]
async fn what_a_connector_does_not_do_is_unsupported() {
    let host = host();
    let target = lonely(&host).await;
    let end = Change::EndSessions(object("user", None, "1"));
    assert!(matches!(
        target.change(&end, &context(1)).await,
        Err(Problem::Unsupported(_))
    ));
    assert!(matches!(
        target.current_token().await,
        Err(Problem::Unsupported(_))
    ));
    assert!(target.check_settings().await.unwrap().is_empty());
    assert!(target.probe().await.unwrap().missing.is_empty());
}
