//! Users, states, sessions and what a service says about itself, against answers that are written down request by
//! request. The services of the field are in `services.rs`.

mod script;

use muster_plugin_scim::Scim;
use muster_sdk::{
    AccountState, Accounts, Answer, AttributeChange, Connector, Credentials, DesiredAccount,
    Entitlements, FakeHost, Grants, HttpFault, LeavePlan, OutcomeKind, PageRequest, Problem,
    SideEffect,
};
use serde_json::{Value, json};

use script::{
    ANN, CONFIG, GROUP, USER, USERS, ann, config, ctx, desired, done, host, list, membership,
    nothing, operations, user, with,
};

fn ensure(host: &FakeHost, desired: &DesiredAccount) -> muster_sdk::Result<muster_sdk::Outcome> {
    Scim.ensure_account(host, &ctx(), desired)
}

#[test]
fn a_new_user_is_searched_by_each_key_and_created_in_its_state() {
    let host = host()
        .on("GET", USERS, nothing())
        .on("GET", USERS, nothing())
        .on(
            "POST",
            USERS,
            Answer::json(201, with(ann(), "active", false)),
        );
    let outcome = ensure(&host, &desired().starting(AccountState::Suspended)).unwrap();
    assert_eq!(outcome.kind, OutcomeKind::Done);
    let account = outcome.account.unwrap();
    assert_eq!(
        (account.key.id.as_str(), account.state),
        ("7", AccountState::Suspended)
    );
    assert_eq!(
        host.asked(),
        [
            "GET /scim/v2/Users?filter=externalId%20eq%20%22E1%22",
            "GET /scim/v2/Users?filter=userName%20eq%20%22ann%22",
            "POST /scim/v2/Users",
        ]
    );
    let sent = host.requests().pop().unwrap();
    assert_eq!(sent.header("content-type"), Some("application/scim+json"));
    assert_eq!(sent.credential.as_deref(), Some("api"));
    assert_eq!(
        sent.json(),
        json!({
            "schemas": [USER], "active": false, "userName": "ann", "externalId": "E1",
            "emails": [{"type": "work", "value": "ann@x"}],
        })
    );
}

#[test]
fn a_user_that_is_as_it_should_be_is_already_so_with_one_read() {
    let host = host().on("GET", ANN, Answer::json(200, ann()));
    let settled = desired()
        .for_target(user("7"))
        .change("title", AttributeChange::Clear);
    let outcome = ensure(&host, &settled).unwrap();
    assert_eq!(outcome.kind, OutcomeKind::Already);
    assert_eq!(host.requests().len(), 1);
}

#[test]
fn only_what_differs_is_sent_and_checked_against_the_version() {
    let host =
        host()
            .on("GET", ANN, Answer::json(200, ann()))
            .on("PATCH", ANN, Answer::status(204));
    let change = desired().for_target(user("7")).set("title", "Boss");
    assert_eq!(ensure(&host, &change).unwrap().kind, OutcomeKind::Done);
    let sent = host.requests().pop().unwrap();
    assert_eq!(sent.header("if-match"), Some("W/\"1\""));
    assert_eq!(
        operations(&host),
        [json!({"op": "add", "path": "title", "value": "Boss"})]
    );
}

#[test]
fn what_was_written_is_read_back_under_the_same_names() {
    let names = [
        "userName",
        "emails.work",
        "emails[type eq \"work\"].value",
        "name.givenName",
        "title",
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department",
    ];
    for name in names {
        let wanted = DesiredAccount::new("user")
            .matched_by("userName", "ann")
            .set("userName", "ann");
        let wanted = if name == "userName" {
            wanted
        } else {
            wanted.set(name, "new")
        };
        let draft = host().on("GET", USERS, nothing()).on(
            "POST",
            USERS,
            Answer::json(201, json!({"id": "7", "userName": "ann"})),
        );
        done(ensure(&draft, &wanted));
        let sent = with(draft.requests().pop().unwrap().json(), "id", "7");
        let again = host().on("GET", ANN, Answer::json(200, sent));
        let account = Scim.get_account(&again, &user("7")).unwrap().unwrap();
        let value = if name == "userName" { "ann" } else { "new" };
        assert_eq!(account.text(name), Some(value), "{name}");
    }
}

#[test]
fn a_service_without_patch_gets_a_put_that_keeps_what_it_had() {
    let full = with(
        with(ann(), "urn:acme", json!({"plan": "gold"})),
        "groups",
        json!([{"value": "g1"}]),
    );
    let host = host()
        .on("GET", ANN, Answer::json(200, &full))
        .on("PATCH", ANN, Answer::status(501))
        .on(
            "PUT",
            ANN,
            Answer::json(200, with(full.clone(), "title", "Boss")),
        );
    let outcome = ensure(
        &host,
        &DesiredAccount::new("user")
            .for_target(user("7"))
            .set("title", "Boss"),
    );
    assert_eq!(
        outcome.unwrap().account.unwrap().text("title"),
        Some("Boss")
    );
    let sent = host.requests().pop().unwrap();
    assert_eq!(sent.header("if-match"), Some("W/\"1\""));
    assert_eq!(sent.json()["urn:acme"], json!({"plan": "gold"}));
    assert_eq!(
        (sent.json().get("meta"), sent.json().get("groups")),
        (None, None)
    );
}

#[test]
fn a_patch_without_paths_carries_single_values_in_one_operation() {
    let host = host()
        .setting("patch", "object")
        .on("GET", ANN, Answer::json(200, ann()))
        .on("PATCH", ANN, Answer::status(204));
    let change = DesiredAccount::new("user")
        .for_target(user("7"))
        .set("active", false)
        .set("name.givenName", "Ann")
        .set("emails.work", "new@x");
    done(ensure(&host, &change));
    let email = "emails[type eq \"work\"].value";
    assert_eq!(
        operations(&host),
        [
            json!({"op": "replace", "value": {"active": false, "name": {"givenName": "Ann"}}}),
            json!({"op": "replace", "path": email, "value": "new@x"}),
        ]
    );
}

#[test]
fn a_stale_answer_after_a_patch_is_not_believed() {
    let new = with(ann(), "title", "Boss");
    let host = host()
        .on("GET", ANN, Answer::json(200, ann()))
        .on("PATCH", ANN, Answer::json(200, ann()))
        .on("GET", ANN, Answer::json(200, new));
    let outcome = ensure(
        &host,
        &DesiredAccount::new("user")
            .for_target(user("7"))
            .set("title", "Boss"),
    );
    let outcome = outcome.unwrap();
    assert_eq!(outcome.account.unwrap().text("title"), Some("Boss"));
    assert_eq!(outcome.effects, []);
}

#[test]
fn an_answer_that_shows_nothing_is_not_believed_until_the_user_shows_the_change() {
    let change = DesiredAccount::new("user")
        .for_target(user("7"))
        .set("title", "Boss");
    let asked = |shown: Value| {
        let host = host()
            .on("GET", ANN, Answer::json(200, with(ann(), "title", "Clerk")))
            .on("PATCH", ANN, Answer::status(200))
            .on("GET", ANN, Answer::json(200, shown));
        ensure(&host, &change)
    };
    let done = asked(with(ann(), "title", "Boss")).unwrap();
    assert_eq!(done.kind, OutcomeKind::Done);
    let problem = asked(with(ann(), "title", "Clerk")).unwrap_err();
    assert!(matches!(problem, Problem::OutcomeUnknown(_)), "{problem:?}");
}

#[test]
fn what_the_service_did_not_take_is_said() {
    let created = json!({"id": "7", "userName": "ann", "active": true});
    let host = host()
        .on("GET", USERS, nothing())
        .on("GET", USERS, nothing())
        .on("POST", USERS, Answer::json(201, created));
    let outcome = ensure(&host, &desired()).unwrap();
    assert!(matches!(
        outcome.effects[..],
        [SideEffect::AccountChanged(_)]
    ));
}

#[test]
fn f19_an_account_is_adopted_only_if_every_key_agrees_and_it_may_be() {
    let found = |account: Value| host().on("GET", USERS, list(&[account]));
    let adopted = ensure(&found(ann()), &desired().adopting()).unwrap();
    assert_eq!(adopted.kind, OutcomeKind::Adopted);
    assert_eq!(adopted.account.unwrap().key, user("7"));

    let conflict =
        |problem: Problem| matches!(problem, Problem::Conflict(Some(other)) if *other == user("7"));
    assert!(
        conflict(ensure(&found(ann()), &desired()).unwrap_err()),
        "not without permission"
    );
    let other_name = with(ann(), "userName", "bob");
    assert!(conflict(
        ensure(&found(other_name), &desired().adopting()).unwrap_err()
    ));
}

#[test]
fn f19_swapped_addresses_never_take_over_the_other_account() {
    let keys = DesiredAccount::new("user")
        .matched_by("externalId", "E2")
        .matched_by("emails.work", "ann@x")
        .set("userName", "bob")
        .adopting();
    let host = host()
        .on("GET", USERS, nothing())
        .on("GET", USERS, list(&[ann()]));
    let problem = ensure(&host, &keys).unwrap_err();
    assert!(matches!(problem, Problem::Conflict(Some(other)) if *other == user("7")));
    assert!(
        host.requests()
            .iter()
            .all(|request| request.method == "GET")
    );
}

#[test]
fn f19_two_holders_of_a_key_are_a_conflict() {
    let host = host().on("GET", USERS, list(&[ann(), with(ann(), "id", "8")]));
    assert_eq!(
        ensure(&host, &desired().adopting()),
        Err(Problem::Conflict(None))
    );
}

#[test]
fn an_ignored_filter_finds_only_who_really_holds_the_key() {
    let others: Vec<_> = ["1", "2"]
        .map(|id| json!({"id": id, "userName": format!("u{id}")}))
        .into();
    let found = host().on(
        "GET",
        USERS,
        list(&[others[0].clone(), ann(), others[1].clone()]),
    );
    let keys = [("userName".to_owned(), "ANN".to_owned())];
    let accounts = Scim.find_accounts(&found, "user", &keys).unwrap();
    assert_eq!(accounts.len(), 1);
    assert!(
        accounts[0].correlation_keys.contains(&keys[0]),
        "in the words of the asker"
    );
    assert_eq!(
        Scim.find_accounts(&host().on("GET", USERS, list(&others)), "user", &keys),
        Ok(vec![])
    );
}

#[test]
fn an_ignored_filter_with_more_pages_is_followed_by_a_walk() {
    let first = json!({"totalResults": 501, "Resources": [{"id": "1", "userName": "zoe"}]});
    let page = |start: u32, ids: &[u32]| {
        let user = |id: &u32| json!({"id": id.to_string(), "userName": format!("u{id}")});
        let users: Vec<_> = ids.iter().map(user).collect();
        Answer::json(
            200,
            json!({"totalResults": 501, "startIndex": start, "Resources": users}),
        )
    };
    let all: Vec<u32> = (1..=500).collect();
    let host = host()
        .on("GET", USERS, Answer::json(200, first))
        .on("GET", USERS, page(1, &all))
        .on("GET", USERS, page(500, &[500, 501]))
        .on("GET", USERS, page(501, &[501]));
    let keys = [("userName".to_owned(), "u501".to_owned())];
    let found = Scim.find_accounts(&host, "user", &keys).unwrap();
    assert_eq!(found[0].key, user("501"));
}

#[test]
fn a_key_is_quoted_so_that_it_cannot_change_the_filter() {
    let host = host().on("GET", USERS, nothing());
    let keys = [(
        "userName".to_owned(),
        "a\" or id pr or userName eq \"".to_owned(),
    )];
    Scim.find_accounts(&host, "user", &keys).unwrap();
    assert_eq!(
        host.asked(),
        [
            "GET /scim/v2/Users?filter=userName%20eq%20%22a%5C%22%20or%20id%20pr%20or%20userName%20eq%20%5C%22%22"
        ]
    );
}

#[test]
fn a_taken_name_names_the_account_that_has_it() {
    let host = host()
        .on("GET", ANN, Answer::json(200, ann()))
        .on(
            "PATCH",
            ANN,
            Answer::json(409, json!({"scimType": "uniqueness"})),
        )
        .on("GET", USERS, list(&[json!({"id": "9", "userName": "bob"})]));
    let problem = ensure(
        &host,
        &DesiredAccount::new("user")
            .for_target(user("7"))
            .set("userName", "bob"),
    );
    assert!(matches!(problem, Err(Problem::Conflict(Some(other))) if *other == user("9")));
}

#[test]
fn f6_a_suspension_is_typed_and_already_so_where_it_is() {
    let off = with(ann(), "active", "False");
    let host1 =
        host()
            .on("GET", ANN, Answer::json(200, ann()))
            .on("PATCH", ANN, Answer::status(204));
    done(Scim.ensure_state(&host1, &ctx(), &user("7"), AccountState::Suspended));
    assert_eq!(
        operations(&host1),
        [json!({"op": "replace", "path": "active", "value": false})]
    );
    let host2 = host().on("GET", ANN, Answer::json(200, off));
    let outcome = Scim
        .ensure_state(&host2, &ctx(), &user("7"), AccountState::Suspended)
        .unwrap();
    assert_eq!(outcome.kind, OutcomeKind::Already);
}

#[test]
fn a_suspension_that_the_service_does_not_carry_out_is_no_success() {
    let host = host()
        .on("GET", ANN, Answer::json(200, ann()))
        .on("PATCH", ANN, Answer::json(200, ann()))
        .on("GET", ANN, Answer::json(200, ann()));
    let outcome = Scim.ensure_state(&host, &ctx(), &user("7"), AccountState::Suspended);
    assert!(matches!(outcome, Err(Problem::RemoteDefect(_))));
}

#[test]
fn a_service_that_creates_active_accounts_is_told_again() {
    let host = host()
        .on("GET", USERS, nothing())
        .on("GET", USERS, nothing())
        .on("POST", USERS, Answer::json(201, ann()))
        .on("PATCH", ANN, Answer::status(204));
    let outcome = ensure(&host, &desired().starting(AccountState::Suspended)).unwrap();
    assert_eq!(outcome.account.unwrap().state, AccountState::Suspended);
    assert!(matches!(outcome.effects[..], [SideEffect::Noted(_)]));
}

#[test]
fn problems_of_a_write_say_whether_it_may_have_been_done() {
    let write = |answer: Answer| {
        let host = host()
            .on("GET", ANN, Answer::json(200, ann()))
            .on("PATCH", ANN, answer);
        ensure(
            &host,
            &DesiredAccount::new("user")
                .for_target(user("7"))
                .set("title", "Boss"),
        )
        .unwrap_err()
    };
    let lost = Answer::fault(HttpFault::SentNoReply("reset".into()));
    assert!(matches!(write(lost), Problem::OutcomeUnknown(_)));
    assert!(matches!(
        write(Answer::status(500)),
        Problem::OutcomeUnknown(_)
    ));
    assert!(matches!(
        write(Answer::text(200, "text/html", "<html>")),
        Problem::OutcomeUnknown(_)
    ));
    assert!(matches!(write(Answer::status(412)), Problem::Stale(_)));
    let busy = write(Answer::status(429).header("retry-after", "3"));
    assert!(matches!(busy, Problem::RateLimited(hint) if hint.after_ms == Some(3000)));
    let unsent = Answer::fault(HttpFault::NotSent("refused".into()));
    assert!(matches!(write(unsent), Problem::Transient(_)));
    assert_eq!(write(Answer::status(404)), Problem::not_found(user("7")));
}

#[test]
fn f16_a_service_that_answers_404_to_everything_has_lost_nobody() {
    let gone = || {
        host().on("GET", CONFIG, Answer::status(404)).on(
            "GET",
            "/scim/v2/Users?startIndex=1&count=1",
            Answer::status(404),
        )
    };
    let read = gone().on("GET", ANN, Answer::status(404));
    assert!(matches!(
        Scim.get_account(&read, &user("7")),
        Err(Problem::RemoteDefect(_))
    ));
    let delete = gone().on("DELETE", ANN, Answer::status(404));
    let outcome = Scim.ensure_absent(&delete, &ctx(), &user("7"), &LeavePlan::default());
    assert!(matches!(outcome, Err(Problem::RemoteDefect(_))));
    let revoke = gone().on("GET", GROUP, Answer::status(404));
    assert!(matches!(
        Scim.ensure_revoked(&revoke, &ctx(), &membership("7")),
        Err(Problem::RemoteDefect(_))
    ));
}

#[test]
fn one_that_is_gone_is_none_and_already_removed() {
    let not_found = || Answer::json(404, include_str!("rfc/rfc7644-3.12-error-not_found.json"));
    let read = host()
        .on("GET", ANN, not_found())
        .on("GET", CONFIG, config());
    assert_eq!(Scim.get_account(&read, &user("7")), Ok(None));
    let delete = host()
        .on("DELETE", ANN, not_found())
        .on("GET", CONFIG, config());
    let outcome = Scim.ensure_absent(&delete, &ctx(), &user("7"), &LeavePlan::default());
    assert_eq!(outcome.unwrap().kind, OutcomeKind::Already);
}

#[test]
fn an_answer_about_another_id_is_not_the_account() {
    let read = host().on("GET", "/scim/v2/Users/ann", Answer::json(200, ann()));
    assert_eq!(Scim.get_account(&read, &user("ann")), Ok(None));
    let foreign = user("7").within("other-tenant");
    assert_eq!(Scim.get_account(&host(), &foreign), Ok(None));
    assert_eq!(
        Scim.ensure_absent(&host(), &ctx(), &foreign, &LeavePlan::default()),
        Err(Problem::not_found(foreign.clone()))
    );
}

#[test]
fn deleting_honours_what_must_stay() {
    let hold = LeavePlan {
        legal_hold: true,
        ..LeavePlan::default()
    };
    let refused = Scim.ensure_absent(&host(), &ctx(), &user("7"), &hold);
    assert!(matches!(refused, Err(Problem::Guarded(refusal)) if refusal.guard == "legal-hold"));
    let off = host()
        .setting("deprovision", "deactivate")
        .on("GET", ANN, Answer::json(200, ann()))
        .on("GET", ANN, Answer::json(200, ann()))
        .on(
            "PATCH",
            ANN,
            Answer::json(200, with(ann(), "active", false)),
        );
    let outcome = Scim.ensure_absent(&off, &ctx(), &user("7"), &hold).unwrap();
    assert_eq!(outcome.account.unwrap().state, AccountState::Deleted);
}

#[test]
fn f21_the_last_owner_stays_and_a_person_is_asked() {
    let refusal = json!({"detail": "The last owner cannot be removed", "status": "403"});
    let host = host().on("DELETE", ANN, Answer::json(403, refusal));
    let outcome = Scim.ensure_absent(&host, &ctx(), &user("7"), &LeavePlan::default());
    assert!(matches!(outcome, Err(Problem::Guarded(refusal)) if refusal.guard == "last-owner"));
}

#[test]
fn sessions_are_said_to_go_on_where_nothing_ends_them() {
    let outcome = Scim.end_sessions(&host(), &ctx(), &user("7")).unwrap();
    assert!(
        matches!(&outcome.effects[..], [SideEffect::CredentialsUnreached(left)] if left.category == "session")
    );
    let path = "/scim/v2/Users/7/sessions";
    let host = host().setting("sessions_url", "/Users/{id}/sessions").on(
        "DELETE",
        path,
        Answer::status(204),
    );
    assert_eq!(
        Scim.end_sessions(&host, &ctx(), &user("7")).unwrap().kind,
        OutcomeKind::Done
    );
}

#[test]
fn an_address_of_sessions_that_is_wrong_ended_nothing() {
    let host = host()
        .setting("sessions_url", "/Users/{id}/wrong")
        .on("DELETE", "/scim/v2/Users/7/wrong", Answer::status(404))
        .on("GET", ANN, Answer::json(200, ann()));
    assert!(matches!(
        Scim.end_sessions(&host, &ctx(), &user("7")),
        Err(Problem::RemoteDefect(_))
    ));
}

#[test]
fn settings_that_cannot_work_are_named() {
    let wrong = FakeHost::new()
        .setting("base_url", "https://acme.example/scim/v2/Users")
        .setting("sessions_url", "https://other.example/{id}")
        .setting("extensions", "acme");
    let faults = Scim.check_settings(&wrong).unwrap_err();
    let fields: Vec<_> = faults.iter().map(|fault| fault.field.as_str()).collect();
    assert_eq!(fields, ["base_url", "sessions_url", "extensions"]);
    assert_eq!(Scim.check_settings(&host()), Ok(()));
}

#[test]
fn roles_are_those_of_the_settings_and_of_the_schema() {
    let schema = json!({"id": USER, "attributes": [
        {"name": "roles", "subAttributes": [{"name": "value", "canonicalValues": ["owner"]}]},
    ]});
    let path = "/scim/v2/Schemas/urn%3Aietf%3Aparams%3Ascim%3Aschemas%3Acore%3A2.0%3AUser";
    let host = host()
        .setting("roles", "viewer, admin")
        .on("GET", path, Answer::json(200, schema));
    let page = Scim
        .list_entitlements(&host, "role", &PageRequest::first(10))
        .unwrap();
    let titles: Vec<_> = page
        .items()
        .iter()
        .map(|role| role.title.as_str())
        .collect();
    assert_eq!(titles, ["admin", "owner", "viewer"]);
}

#[test]
fn the_schema_of_the_service_says_which_attributes_there_are() {
    let text = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    let schemas = list(&[
        text(include_str!("rfc/rfc7643-8.7.1-schema-user.json")),
        text(include_str!(
            "rfc/rfc7643-8.7.1-schema-enterprise_user.json"
        )),
    ]);
    let host = host().on("GET", "/scim/v2/Schemas", schemas).on(
        "GET",
        "/scim/v2/ResourceTypes",
        Answer::status(404),
    );
    let specs = Scim.discover(&host, "user").unwrap();
    let spec = |name: &str| {
        specs
            .iter()
            .find(|spec| spec.name == name)
            .unwrap_or_else(|| panic!("{name}"))
    };
    assert!(spec("userName").required);
    assert!(!spec("password").readable);
    assert_eq!(spec("active").value_type, "boolean");
    assert!(spec("emails").multiple && !spec("emails.work").multiple);
    assert_eq!(spec("name.givenName").value_type, "text");
    let manager = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager";
    assert_eq!(spec(manager).value_type, "pointer");
    assert!(
        !specs.iter().any(|spec| spec.name == "roles"),
        "roles are grants"
    );
}

#[test]
fn a_put_says_what_is_cleared_instead_of_leaving_it_out() {
    let named = with(
        with(ann(), "title", "Boss"),
        "name",
        json!({"givenName": "Ann", "middleName": "B"}),
    );
    let host = host()
        .setting("patch", "off")
        .on("GET", ANN, Answer::json(200, named))
        .on("PUT", ANN, Answer::status(204));
    let cleared = DesiredAccount::new("user")
        .for_target(user("7"))
        .change("title", AttributeChange::Clear)
        .change("name.middleName", AttributeChange::Clear)
        .change("emails.work", AttributeChange::Clear);
    done(ensure(&host, &cleared));
    let sent = host.requests().pop().unwrap().json();
    assert_eq!(sent["title"], Value::Null);
    assert!(sent.as_object().unwrap().contains_key("title"));
    assert_eq!(
        sent["name"],
        json!({"givenName": "Ann", "middleName": null})
    );
    assert_eq!(sent["emails"], json!([]));
    assert_eq!(sent["userName"], "ann", "what nobody named stays");
}

#[test]
fn a_second_attempt_finds_what_the_first_one_made_by_the_keys_that_it_wrote() {
    let host = host().on("GET", USERS, nothing()).on(
        "POST",
        USERS,
        Answer::json(201, json!({"id": "7", "userName": "ann"})),
    );
    let wanted = DesiredAccount::new("user")
        .matched_by("externalId", "E1")
        .set("userName", "ann");
    done(ensure(&host, &wanted));
    assert_eq!(host.requests().pop().unwrap().json()["externalId"], "E1");
}

#[test]
fn what_the_connector_says_it_can_do_is_what_it_does() {
    let described = Scim.describe();
    let users = described.account_kind("user").unwrap();
    for state in [
        AccountState::Locked,
        AccountState::Invited,
        AccountState::Deactivated,
    ] {
        assert!(!users.states.contains(&state));
        let host = host();
        let outcome = muster_sdk::dispatch::ensure_state::<Scim>(&host, &ctx(), &user("7"), state);
        assert!(matches!(outcome, Err(Problem::Unsupported(_))), "{state:?}");
    }
    let host = host();
    let revoked = muster_sdk::dispatch::revoke_credentials::<Scim>(&host, &ctx(), &user("7"), &[]);
    assert!(matches!(revoked, Err(Problem::Unsupported(_))));
    let settings: Vec<_> = described
        .settings
        .iter()
        .map(|setting| setting.key.as_str())
        .collect();
    let guide = include_str!("../../../docs/guides/connector-scim.md");
    for setting in settings {
        assert!(
            guide.contains(&format!("`{setting}`")),
            "the guide says nothing about `{setting}`"
        );
    }
}

#[test]
fn c54_a_selector_that_the_service_does_not_read_becomes_the_whole_list() {
    let before = with(
        ann(),
        "emails",
        json!([{"type": "work", "value": "old@x"}, {"type": "home", "value": "ann@home"}]),
    );
    let refused =
        json!({"status": "400", "scimType": "invalidPath", "detail": "emails[type eq \"work\"]"});
    let host = host()
        .on("GET", ANN, Answer::json(200, before))
        .on("PATCH", ANN, Answer::json(400, refused))
        .on("PATCH", ANN, Answer::status(204));
    done(ensure(&host, &desired().for_target(user("7"))));
    let sent = operations(&host);
    assert!(
        sent[0]["path"].as_str().unwrap().contains("emails[type eq"),
        "{sent:?}"
    );
    let list = sent.last().unwrap();
    assert_eq!(
        (&list["op"], &list["path"]),
        (&json!("replace"), &json!("emails"))
    );
    let values: Vec<_> = list["value"].as_array().unwrap().iter().collect();
    assert!(
        values.len() == 2
            && values.iter().any(|entry| entry["value"] == "ann@x")
            && values.iter().any(|entry| entry["value"] == "ann@home"),
        "{list}"
    );
}

#[test]
fn c54_who_was_invited_and_is_shown_inactive_is_invited_where_the_setting_says_so() {
    let off = with(ann(), "active", false);
    let answers = |host: FakeHost| {
        host.on("GET", ANN, Answer::json(200, off.clone()))
            .on("PATCH", ANN, Answer::json(200, off.clone()))
            .on("GET", ANN, Answer::json(200, off.clone()))
    };
    let host1 = answers(host());
    let refused = Scim.ensure_state(&host1, &ctx(), &user("7"), AccountState::Active);
    assert!(
        matches!(&refused, Err(Problem::RemoteDefect(text)) if text.contains("active_shown")),
        "{refused:?}"
    );
    let host2 = answers(host().setting("active_shown", "after-invitation"));
    let outcome = Scim
        .ensure_state(&host2, &ctx(), &user("7"), AccountState::Active)
        .unwrap();
    assert_eq!(outcome.kind, OutcomeKind::Done);
    assert_eq!(outcome.account.unwrap().state, AccountState::Invited);
    // Somebody who leaves is suspended all the same.
    let host3 = host()
        .setting("active_shown", "after-invitation")
        .on("GET", ANN, Answer::json(200, ann()))
        .on("PATCH", ANN, Answer::json(200, off));
    let outcome = Scim
        .ensure_state(&host3, &ctx(), &user("7"), AccountState::Suspended)
        .unwrap();
    assert_eq!(outcome.account.unwrap().state, AccountState::Suspended);
}

#[test]
fn c54_what_a_service_never_shows_is_done_and_not_read_back_where_the_setting_says_so() {
    let mut silent = ann();
    silent.as_object_mut().unwrap().remove("active");
    let host1 = host()
        .setting("active_shown", "no")
        .on("GET", ANN, Answer::json(200, silent.clone()))
        .on("PATCH", ANN, Answer::json(200, silent.clone()))
        .on("GET", ANN, Answer::json(200, silent.clone()));
    let outcome = Scim
        .ensure_state(&host1, &ctx(), &user("7"), AccountState::Suspended)
        .unwrap();
    assert_eq!((outcome.kind, outcome.account), (OutcomeKind::Done, None));
    assert_eq!(operations(&host1)[0]["value"], json!(false));
    let host2 = host()
        .setting("active_shown", "no")
        .on("GET", ANN, Answer::json(200, silent));
    let read = Scim.get_account(&host2, &user("7"));
    assert!(matches!(read, Err(Problem::Unsupported(_))), "{read:?}");
}

#[test]
fn c07_a_creation_that_answers_with_somebody_else_is_a_conflict_that_names_them() {
    let other = json!({"id": "1", "userName": "boss", "active": true,
        "emails": [{"type": "work", "value": "ann@x"}]});
    let host = host()
        .on("GET", USERS, nothing())
        .on("GET", USERS, nothing())
        .on("POST", USERS, Answer::json(200, other));
    let outcome = ensure(&host, &desired());
    assert_eq!(outcome, Err(Problem::Conflict(Some(Box::new(user("1"))))));
}

#[test]
fn c07_a_creation_that_is_not_called_one_is_looked_for() {
    let host = host()
        .on("GET", USERS, nothing())
        .on("GET", USERS, nothing())
        .on("POST", USERS, Answer::json(200, ann()));
    let outcome = ensure(&host, &desired());
    assert!(
        matches!(outcome, Err(Problem::OutcomeUnknown(_))),
        "{outcome:?}"
    );
}
