//! Members of groups and values of users, against answers that are written down request by request.

mod script;

use muster_plugin_scim::Scim;
use muster_sdk::{
    Answer, GrantKey, GrantScope, Grants, ObjectRef, OutcomeKind, PageRequest, Problem, SideEffect,
    all_pages,
};
use serde_json::{Value, json};

use script::{ANN, GROUP, ann, ctx, done, group, list, membership, operations, user, with};

/// A service whose users do not show their groups.
fn host() -> muster_sdk::FakeHost {
    script::host().setting("groups_at_user", "no")
}

fn members(ids: &[&str]) -> Value {
    let members: Vec<_> = ids.iter().map(|id| json!({"value": id})).collect();
    json!({"id": "g1", "displayName": "Tour Guides", "members": members, "meta": {"version": "W/\"1\""}})
}

fn at_version(group: Value, version: &str) -> Value {
    with(group, "meta", json!({"version": version}))
}

#[test]
fn a_member_is_added_alone_and_looked_for_afterwards() {
    let host = host()
        .on("GET", GROUP, Answer::json(200, members(&["1"])))
        .on("PATCH", GROUP, Answer::status(204))
        .on("GET", GROUP, Answer::json(200, members(&["1", "7"])));
    let outcome = Scim
        .ensure_granted(&host, &ctx(), &membership("7"), None)
        .unwrap();
    assert_eq!(outcome.kind, OutcomeKind::Done);
    assert_eq!(
        operations(&host),
        [json!({"op": "add", "path": "members", "value": [{"value": "7"}]})]
    );
    let example: Value = serde_json::from_str(include_str!(
        "rfc/rfc7644-3.5.2.1-patch_op-add_members.json"
    ))
    .unwrap();
    let patch = host
        .requests()
        .into_iter()
        .find(|request| request.method == "PATCH")
        .unwrap();
    assert_eq!(patch.json()["schemas"], example["schemas"]);
}

#[test]
fn a_member_that_is_there_or_gone_is_already_so_without_a_write() {
    let there = host().on("GET", GROUP, Answer::json(200, members(&["1", "7"])));
    let outcome = Scim
        .ensure_granted(&there, &ctx(), &membership("7"), None)
        .unwrap();
    assert_eq!(outcome.kind, OutcomeKind::Already);
    let gone = host()
        .on("GET", GROUP, Answer::json(200, members(&["1"])))
        .on("GET", ANN, Answer::json(200, ann()));
    let outcome = Scim
        .ensure_revoked(&gone, &ctx(), &membership("7"))
        .unwrap();
    assert_eq!(outcome.kind, OutcomeKind::Already);
}

#[test]
fn a_member_is_removed_by_a_filter_on_its_value() {
    let host = host()
        .on("GET", GROUP, Answer::json(200, members(&["1", "7"])))
        .on("PATCH", GROUP, Answer::status(204))
        .on("GET", GROUP, Answer::json(200, members(&["1"])));
    done(Scim.ensure_revoked(&host, &ctx(), &membership("7")));
    let example: Value = serde_json::from_str(include_str!(
        "rfc/rfc7644-3.5.2.2-patch_op-remove_one_member.json"
    ))
    .unwrap();
    let path = operations(&host)[0]["path"].as_str().unwrap().to_owned();
    assert_eq!(path, "members[value eq \"7\"]");
    assert!(
        example["Operations"][0]["path"]
            .as_str()
            .unwrap()
            .starts_with("members[value eq \"")
    );
}

#[test]
fn a_group_that_changed_meanwhile_is_read_again_before_a_removal() {
    let host = host()
        .on("GET", GROUP, Answer::json(200, members(&["1", "7"])))
        .on("PATCH", GROUP, Answer::status(412))
        .on(
            "GET",
            GROUP,
            Answer::json(200, at_version(members(&["1", "2", "7"]), "W/\"2\"")),
        )
        .on(
            "PATCH",
            GROUP,
            Answer::status(204).header("etag", "W/\"3\""),
        )
        .on(
            "GET",
            GROUP,
            Answer::json(200, at_version(members(&["1", "2"]), "W/\"3\"")),
        );
    let outcome = Scim
        .ensure_revoked(&host, &ctx(), &membership("7"))
        .unwrap();
    assert_eq!((outcome.kind, outcome.effects), (OutcomeKind::Done, vec![]));
}

#[test]
fn f7_members_that_an_ignored_filter_dropped_are_put_back() {
    let host = host()
        .on("GET", GROUP, Answer::json(200, members(&["1", "2", "7"])))
        .on(
            "PATCH",
            GROUP,
            Answer::status(204).header("etag", "W/\"2\""),
        )
        .on(
            "GET",
            GROUP,
            Answer::json(200, at_version(members(&[]), "W/\"2\"")),
        )
        .on("PATCH", GROUP, Answer::status(204))
        .on(
            "GET",
            GROUP,
            Answer::json(200, at_version(members(&["1", "2"]), "W/\"3\"")),
        );
    let outcome = Scim
        .ensure_revoked(&host, &ctx(), &membership("7"))
        .unwrap();
    assert!(
        matches!(outcome.effects[..], [SideEffect::Noted(_)]),
        "{:?}",
        outcome.effects
    );
    assert_eq!(
        operations(&host)[1],
        json!({"op": "add", "path": "members", "value": [{"value": "1"}, {"value": "2"}]})
    );
}

#[test]
fn f7_a_loss_that_may_be_somebody_elses_removal_is_reported_and_not_undone() {
    let host = host()
        .on("GET", GROUP, Answer::json(200, members(&["1", "2", "7"])))
        .on(
            "PATCH",
            GROUP,
            Answer::status(204).header("etag", "W/\"2\""),
        )
        .on(
            "GET",
            GROUP,
            Answer::json(200, at_version(members(&["1"]), "W/\"3\"")),
        );
    let outcome = Scim
        .ensure_revoked(&host, &ctx(), &membership("7"))
        .unwrap();
    let [SideEffect::GrantRemoved(grant)] = &outcome.effects[..] else {
        panic!("{:?}", outcome.effects)
    };
    assert_eq!(
        (&grant.principal, &grant.entitlement),
        (&user("2"), &group("g1"))
    );
}

#[test]
fn a_service_that_ignores_the_removal_gets_the_whole_group() {
    let host = host()
        .on("GET", GROUP, Answer::json(200, members(&["1", "7"])))
        .on("PATCH", GROUP, Answer::status(204))
        .on("GET", GROUP, Answer::json(200, members(&["1", "7"])))
        .on("GET", GROUP, Answer::json(200, members(&["1", "7"])))
        .on("PUT", GROUP, Answer::json(200, members(&["1"])));
    done(Scim.ensure_revoked(&host, &ctx(), &membership("7")));
    let put = host
        .requests()
        .into_iter()
        .find(|request| request.method == "PUT")
        .unwrap();
    assert_eq!(put.json()["members"], json!([{"value": "1"}]));
    assert_eq!(put.header("if-match"), Some("W/\"1\""));
}

#[test]
fn f7_a_member_list_that_may_be_cut_is_never_replaced() {
    let ids: Vec<String> = (1..=100).map(|id| id.to_string()).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let cut = members(&ids);
    let host = host()
        .setting("members", "put")
        .on("GET", GROUP, Answer::json(200, &cut))
        .on("GET", GROUP, Answer::json(200, &cut));
    let outcome = Scim.ensure_revoked(&host, &ctx(), &membership("7"));
    assert!(matches!(outcome, Err(Problem::Unsupported(_))));
}

#[test]
fn a_member_shown_by_name_is_known_by_the_user() {
    let id = "6b5ca39a-20c0-4a88-b79d-e84bc4574b3a";
    let path = format!("/scim/v2/Users/{id}");
    let shown = json!({"id": "g1", "members": [{"value": "ann", "$ref": "https://acme.example/scim/v2/Users/ann"}]});
    let key = GrantKey::new(user(id), group("g1"));
    let there = host().on("GET", GROUP, Answer::json(200, &shown)).on(
        "GET",
        &path,
        Answer::json(200, with(ann(), "id", id)),
    );
    let outcome = Scim.ensure_granted(&there, &ctx(), &key, None).unwrap();
    assert_eq!(outcome.kind, OutcomeKind::Already);
    let scope = GrantScope::OfEntitlement(group("g1"));
    let host = host()
        .on("GET", GROUP, Answer::json(200, &shown))
        .on(
            "GET",
            "/scim/v2/Users/ann",
            Answer::json(200, with(ann(), "id", id)),
        )
        .on(
            "GET",
            "/scim/v2/Users/ann",
            Answer::json(200, with(ann(), "id", id)),
        );
    let grants = Scim
        .list_grants(&host, &scope, &PageRequest::first(10))
        .unwrap();
    assert_eq!(grants.items()[0].principal, user(id));
}

#[test]
fn a_refused_member_is_sent_again_with_its_address() {
    let refused = json!({"status": "400", "detail": "Field 'ref' is required"});
    let host = host()
        .on("GET", GROUP, Answer::json(200, members(&["1"])))
        .on("PATCH", GROUP, Answer::json(400, refused))
        .on("PATCH", GROUP, Answer::json(200, members(&["1", "7"])));
    done(Scim.ensure_granted(&host, &ctx(), &membership("7"), None));
    let full = json!([{"value": "7", "$ref": "https://acme.example/scim/v2/Users/7"}]);
    assert_eq!(operations(&host)[1]["value"], full);
}

#[test]
fn an_addition_that_the_service_forgot_is_not_done() {
    let host = host()
        .on("GET", GROUP, Answer::json(200, members(&["1"])))
        .on("PATCH", GROUP, Answer::status(204))
        .on("GET", GROUP, Answer::json(200, members(&["1"])))
        .on("GET", ANN, Answer::json(200, ann()));
    let outcome = Scim.ensure_granted(&host, &ctx(), &membership("7"), None);
    assert!(matches!(outcome, Err(Problem::OutcomeUnknown(_))));
}

#[test]
fn a_role_is_one_value_of_the_user_and_the_others_stay() {
    let role = GrantKey::new(user("7"), ObjectRef::new("role", "admin"));
    let of = |roles: Value| Answer::json(200, with(ann(), "roles", roles));
    let give = host()
        .on("GET", ANN, of(json!([{"value": "viewer"}])))
        .on("PATCH", ANN, Answer::status(204))
        .on(
            "GET",
            ANN,
            of(json!([{"value": "viewer"}, {"value": "admin"}])),
        );
    done(Scim.ensure_granted(&give, &ctx(), &role, None));
    assert_eq!(
        operations(&give),
        [json!({"op": "add", "path": "roles", "value": [{"value": "admin"}]})]
    );
    let take = host()
        .on(
            "GET",
            ANN,
            of(json!([{"value": "viewer"}, {"value": "admin"}])),
        )
        .on("PATCH", ANN, of(json!([{"value": "viewer"}])));
    done(Scim.ensure_revoked(&take, &ctx(), &role));
    assert_eq!(
        operations(&take),
        [json!({"op": "remove", "path": "roles[value eq \"admin\"]"})]
    );
}

#[test]
fn what_an_account_has_is_its_lists_and_its_groups() {
    let scope = GrantScope::OfPrincipal(user("7"));
    let named = with(
        with(ann(), "roles", json!([{"value": "admin"}, "viewer"])),
        "groups",
        json!([{"value": "g1", "type": "direct"}, {"value": "g2", "type": "indirect"}]),
    );
    let host1 = script::host().on("GET", ANN, Answer::json(200, named));
    let page = Scim
        .list_grants(&host1, &scope, &PageRequest::first(10))
        .unwrap();
    let shown = |grant: &muster_sdk::Grant| {
        (
            grant.entitlement.kind.clone(),
            grant.entitlement.id.clone(),
            grant.direct,
        )
    };
    let seen: Vec<_> = page.items().iter().map(shown).collect();
    let seen: Vec<_> = seen
        .iter()
        .map(|(kind, id, direct)| (kind.as_str(), id.as_str(), *direct))
        .collect();
    assert_eq!(
        seen,
        [
            ("group", "g1", true),
            ("group", "g2", false),
            ("role", "admin", true),
            ("role", "viewer", true)
        ]
    );
    assert!(page.is_last() && page.is_whole());
}

#[test]
fn groups_that_a_user_does_not_name_are_asked_for_the_member() {
    // The user says nothing, and neither does another member: every group is looked at, without a filter.
    let scope = GrantScope::OfPrincipal(user("7"));
    let other = json!({"id": "g9", "members": [{"value": "1"}]});
    let last = Answer::json(
        200,
        json!({"totalResults": 2, "startIndex": 2, "Resources": [other]}),
    );
    let all = || list(&[members(&["1", "7"]), other.clone()]);
    let host = script::host()
        .on("GET", ANN, Answer::json(200, ann()))
        .on("GET", "/scim/v2/Groups?startIndex=1&count=3", all())
        .on(
            "GET",
            "/scim/v2/Users/1",
            Answer::json(200, with(ann(), "id", "1")),
        )
        .on("GET", "/scim/v2/Groups?startIndex=1&count=10", all())
        .on("GET", "/scim/v2/Groups?startIndex=2&count=11", last);
    let all = all_pages(10, |page| Scim.list_grants(&host, &scope, page)).unwrap();
    assert!(all.whole);
    assert_eq!(all.items.len(), 1);
    assert_eq!(all.items[0].entitlement, group("g1"));
}

#[test]
fn a_service_that_shows_the_groups_of_others_shows_that_there_are_none() {
    let scope = GrantScope::OfPrincipal(user("7"));
    let one = with(with(ann(), "id", "1"), "groups", json!([{"value": "g1"}]));
    let host = script::host()
        .on("GET", ANN, Answer::json(200, ann()))
        .on("GET", "/scim/v2/Groups", list(&[members(&["1"])]))
        .on("GET", "/scim/v2/Users/1", Answer::json(200, one));
    let all = all_pages(10, |page| Scim.list_grants(&host, &scope, page)).unwrap();
    assert_eq!((all.items.len(), all.whole), (0, true));
}

#[test]
fn members_are_listed_the_same_with_every_page_size() {
    let ids: Vec<String> = (1..=23).map(|id| format!("{id:020}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let scope = GrantScope::OfEntitlement(group("g1"));
    for limit in 1..=24 {
        let pages = 23_u32.div_ceil(limit);
        let host = (0..pages).fold(host(), |host, _| {
            host.on("GET", GROUP, Answer::json(200, members(&ids)))
        });
        let all = all_pages(limit, |page| Scim.list_grants(&host, &scope, page)).unwrap();
        let seen: Vec<_> = all
            .items
            .iter()
            .map(|grant| grant.principal.id.as_str())
            .collect();
        assert_eq!((seen, all.whole), (ids.clone(), true), "limit {limit}");
    }
}

#[test]
fn a_user_that_shows_its_groups_saves_reading_a_large_one() {
    let seven = |groups: Value| Answer::json(200, with(ann(), "groups", groups));
    let host = script::host()
        .setting("groups_at_user", "yes")
        .on("GET", ANN, seven(json!([{"value": "g2"}])))
        .on("PATCH", GROUP, Answer::status(204))
        .on("GET", ANN, seven(json!([{"value": "g2"}, {"value": "g1"}])));
    done(Scim.ensure_granted(&host, &ctx(), &membership("7"), None));
    let there = script::host().on("GET", ANN, seven(json!([{"value": "g1"}])));
    let outcome = Scim
        .ensure_granted(&there, &ctx(), &membership("7"), None)
        .unwrap();
    assert_eq!(outcome.kind, OutcomeKind::Already);
}

#[test]
fn a_group_too_large_to_be_read_can_be_left_by_what_the_user_shows() {
    let seven = |groups: Value| Answer::json(200, with(ann(), "groups", groups));
    let large = || Answer::fault(muster_sdk::HttpFault::TooLarge("8 MiB".into()));
    let host = script::host()
        .on("GET", GROUP, large())
        .on("GET", ANN, seven(json!([{"value": "g1"}, {"value": "g2"}])))
        .on("PATCH", GROUP, Answer::status(204))
        .on("GET", ANN, seven(json!([{"value": "g2"}])));
    done(Scim.ensure_revoked(&host, &ctx(), &membership("7")));
    assert_eq!(operations(&host)[0]["path"], "members[value eq \"7\"]");
    let unknown = script::host()
        .on("GET", GROUP, large())
        .on("GET", ANN, Answer::json(200, ann()));
    let outcome = Scim.ensure_revoked(&unknown, &ctx(), &membership("7"));
    assert!(
        matches!(outcome, Err(Problem::RemoteDefect(_))),
        "nothing says that it is out"
    );
}

#[test]
fn nobody_is_put_into_a_group() {
    let host = script::host().on("GET", ANN, Answer::status(404)).on(
        "GET",
        script::CONFIG,
        script::config(),
    );
    let outcome = Scim.ensure_granted(&host, &ctx(), &membership("7"), None);
    assert_eq!(outcome, Err(Problem::not_found(user("7"))));
}

#[test]
fn c21_members_that_an_addition_replaced_are_put_back_and_reported() {
    let host = script::host()
        .on("GET", ANN, Answer::json(200, ann()))
        .on("GET", GROUP, Answer::json(200, members(&["8", "9"])))
        .on(
            "PATCH",
            GROUP,
            Answer::status(204).header("etag", "W/\"2\""),
        )
        .on(
            "GET",
            GROUP,
            Answer::json(200, at_version(members(&["7"]), "W/\"2\"")),
        )
        .on("PUT", GROUP, Answer::json(200, members(&["7", "8", "9"])))
        .on("GET", GROUP, Answer::json(200, members(&["7", "8", "9"])));
    let outcome = Scim
        .ensure_granted(&host, &ctx(), &membership("7"), None)
        .unwrap();
    let lost = outcome.effects.iter().filter(
        |effect| matches!(effect, SideEffect::GrantRemoved(grant) if grant.principal.id != "7"),
    );
    assert_eq!(lost.count(), 2, "{:?}", outcome.effects);
    let put = host
        .requests()
        .into_iter()
        .find(|sent| sent.path().contains("Groups") && sent.json()["members"].is_array());
    let sent = put.unwrap().json();
    assert_eq!(sent["members"].as_array().map(Vec::len), Some(3));
}

#[test]
fn members_that_an_unanswered_addition_replaced_are_put_back_and_reported() {
    let answered = |after: &[&str], is_put: bool| {
        let mut host = script::host()
            .on("GET", ANN, Answer::json(200, ann()))
            .on("GET", GROUP, Answer::json(200, members(&["8", "9"])))
            .on("PATCH", GROUP, Answer::status(502))
            .on(
                "GET",
                GROUP,
                Answer::json(200, at_version(members(after), "W/\"2\"")),
            );
        if is_put {
            let whole = || Answer::json(200, members(&["7", "8", "9"]));
            host = host.on("PUT", GROUP, whole()).on("GET", GROUP, whole());
        }
        Scim.ensure_granted(&host, &ctx(), &membership("7"), None)
    };
    let lost = |done: muster_sdk::Result<muster_sdk::Outcome>| {
        let effects = done.unwrap().effects.into_iter();
        let lost = effects.filter(|effect| matches!(effect, SideEffect::GrantRemoved(_)));
        lost.count()
    };
    assert_eq!(lost(answered(&["7"], true)), 2);
    // One who is gone may have been removed by somebody else, rightly.
    assert_eq!(lost(answered(&["7", "8"], false)), 1);
    // What does not show the member is as open as before.
    let open = answered(&["8", "9"], false);
    assert!(matches!(open, Err(Problem::OutcomeUnknown(_))), "{open:?}");
}

#[test]
fn a_removal_that_was_accepted_and_not_seen_is_open_and_not_undone() {
    // What is read is behind what was written: the member is shown still, at the version of before.
    let mut host = script::host()
        .on("GET", GROUP, Answer::json(200, members(&["7", "8"])))
        .on("PATCH", GROUP, Answer::status(204))
        .on("GET", GROUP, Answer::json(200, members(&["7", "8"])));
    for _ in 0..5 {
        host = host
            .on("GET", GROUP, Answer::json(200, members(&["7", "8"])))
            .on("PUT", GROUP, Answer::status(412));
    }
    let problem = Scim.ensure_revoked(&host, &ctx(), &membership("7"));
    assert!(
        matches!(problem, Err(Problem::OutcomeUnknown(_))),
        "{problem:?}"
    );
}

#[test]
fn an_addition_that_was_accepted_and_could_not_be_looked_at_is_open() {
    let host = script::host()
        .on("GET", ANN, Answer::json(200, ann()))
        .on("GET", GROUP, Answer::json(200, members(&["8"])))
        .on("PATCH", GROUP, Answer::status(204))
        .on("GET", GROUP, Answer::status(503));
    let problem = Scim.ensure_granted(&host, &ctx(), &membership("7"), None);
    assert!(
        matches!(problem, Err(Problem::OutcomeUnknown(_))),
        "{problem:?}"
    );
}

#[test]
fn members_that_cannot_be_put_back_are_reported_all_the_same() {
    let host = script::host()
        .on("GET", ANN, Answer::json(200, ann()))
        .on("GET", GROUP, Answer::json(200, members(&["8", "9"])))
        .on(
            "PATCH",
            GROUP,
            Answer::json(200, at_version(members(&["7"]), "W/\"2\"")),
        )
        .on("PUT", GROUP, Answer::status(429));
    let outcome = Scim
        .ensure_granted(&host, &ctx(), &membership("7"), None)
        .unwrap();
    let effects = outcome.effects.iter();
    let lost = effects.filter(|effect| matches!(effect, SideEffect::GrantRemoved(_)));
    assert_eq!(lost.count(), 2, "{:?}", outcome.effects);
}

#[test]
fn c21_members_that_another_call_removed_meanwhile_stay_removed() {
    let host = script::host()
        .on("GET", ANN, Answer::json(200, ann()))
        .on("GET", GROUP, Answer::json(200, members(&["8", "9"])))
        .on(
            "PATCH",
            GROUP,
            Answer::status(204).header("etag", "W/\"2\""),
        )
        .on(
            "GET",
            GROUP,
            Answer::json(200, at_version(members(&["7"]), "W/\"4\"")),
        );
    let outcome = Scim
        .ensure_granted(&host, &ctx(), &membership("7"), None)
        .unwrap();
    assert_eq!(outcome.kind, OutcomeKind::Done);
    assert_eq!(outcome.effects.len(), 2, "{:?}", outcome.effects);
    assert!(
        host.requests()
            .iter()
            .all(|sent| !sent.json()["members"].is_array())
    );
}

#[test]
fn c21_where_additions_took_others_out_twice_the_whole_list_is_written() {
    let host = script::host()
        .setting("host.side-losses", "2")
        .on("GET", GROUP, Answer::json(200, members(&["8"])))
        .on("GET", GROUP, Answer::json(200, members(&["8"])))
        .on("PUT", GROUP, Answer::json(200, members(&["8", "7"])));
    done(Scim.ensure_granted(&host, &ctx(), &membership("7"), None));
}

#[test]
fn whom_another_call_removed_before_a_list_was_written_is_not_put_back() {
    let host = script::host()
        .setting("members", "put")
        .on("GET", GROUP, Answer::json(200, members(&["7", "8", "9"])))
        .on("GET", GROUP, Answer::json(200, members(&["7", "8", "9"])))
        // Another call takes 8 out.
        .on("PUT", GROUP, Answer::status(412))
        .on(
            "GET",
            GROUP,
            Answer::json(200, at_version(members(&["7", "9"]), "W/\"2\"")),
        )
        .on(
            "PUT",
            GROUP,
            Answer::json(200, at_version(members(&["9"]), "W/\"3\"")),
        );
    let outcome = Scim
        .ensure_revoked(&host, &ctx(), &membership("7"))
        .unwrap();
    assert_eq!(outcome.effects, [], "nobody went with it");
    let puts = host.requests().into_iter();
    assert_eq!(puts.filter(|sent| sent.method == "PUT").count(), 2);
}

#[test]
fn c19_a_refusal_that_may_have_been_a_failure_leaves_open_what_was_done() {
    // A 500 stands for a form that the service does not know, and for a failure after the write.
    for (before, revoke) in [(members(&["1", "7"]), true), (members(&["1"]), false)] {
        let host = host()
            .on("GET", GROUP, Answer::json(200, before))
            .on("PATCH", GROUP, Answer::status(500))
            .on("GET", GROUP, Answer::status(503));
        let outcome = if revoke {
            Scim.ensure_revoked(&host, &ctx(), &membership("7"))
        } else {
            Scim.ensure_granted(&host, &ctx(), &membership("7"), None)
        };
        assert!(
            matches!(outcome, Err(Problem::OutcomeUnknown(_))),
            "{revoke}: {outcome:?}"
        );
    }
}
