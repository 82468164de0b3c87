//! The connector against services: two that nobody here wrote, and the demo's own, which can be told to fail.
//! `docs/guides/connector-scim.md` has a table of what they do differently.

#![expect(clippy::unwrap_used, reason = "test code")]

mod common;

use common::app::App;
use common::http::WebHost;
use common::service::Service;
use muster_demo_scim::Options;
use muster_plugin_scim::Scim;
use muster_sdk::{
    AccountState, Accounts, AttributeChange, Connector, Credentials, DesiredAccount, Entitlements,
    GrantKey, GrantScope, Grants, LeavePlan, Listing, ObjectRef, OpContext, Outcome, OutcomeKind,
    Problem, Result, SideEffect, all_pages, dispatch,
};
use serde_json::json;

/// How many members the large group has.
const MANY: usize = 250;

const DEPARTMENT: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department";

fn ctx() -> OpContext {
    OpContext::first("op-1")
}

fn kind(outcome: Result<Outcome>) -> OutcomeKind {
    outcome.unwrap().kind
}

/// A user that every service takes.
fn desired(name: &str) -> DesiredAccount {
    DesiredAccount::new("user")
        .matched_by("userName", name)
        .set("userName", name)
        .set("name.formatted", format!("{name} Example"))
        .set("name.givenName", name)
        .set("name.familyName", "Example")
        .set("emails", format!("{name}@example.org"))
}

fn made(host: &WebHost, name: &str) -> ObjectRef {
    let outcome = Scim.ensure_account(host, &ctx(), &desired(name)).unwrap();
    outcome.account.unwrap().key
}

/// A group, which is made by hand: the connector makes none.
fn group(host: &WebHost, name: &str, members: &[&ObjectRef]) -> ObjectRef {
    use muster_sdk::Host;
    let base = host.setting("base_url").unwrap();
    let reference = |member: &&ObjectRef| json!({"value": member.id, "$ref": format!("{base}/Users/{}", member.id)});
    let body = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": name,
        "members": members.iter().map(reference).collect::<Vec<_>>(),
    });
    let request = muster_sdk::Request {
        method: "POST".into(),
        url: format!("{base}/Groups"),
        headers: vec![("content-type".into(), "application/scim+json".into())],
        body: Some(body.to_string().into_bytes()),
        credential: Some("api".into()),
        ..muster_sdk::Request::default()
    };
    let reply = host.send(request).unwrap();
    assert_eq!(
        reply.status,
        201,
        "{}",
        String::from_utf8_lossy(&reply.body)
    );
    let made: serde_json::Value = serde_json::from_slice(&reply.body).unwrap();
    host.asked();
    ObjectRef::new("group", made["id"].as_str().unwrap())
}

fn writes(host: &WebHost) -> Vec<String> {
    host.asked()
        .into_iter()
        .filter(|asked| !asked.starts_with("GET "))
        .collect()
}

fn grants(host: &WebHost, scope: &GrantScope) -> Listing<muster_sdk::Grant> {
    all_pages(100, |page| Scim.list_grants(host, scope, page)).unwrap()
}

/// Joiner, mover, leaver.
fn lives_and_leaves(host: &WebHost) {
    assert_eq!(Scim.check_settings(host), Ok(()));
    assert_eq!(Scim.probe(host).unwrap().missing, []);
    let specs = Scim.discover(host, "user").unwrap();
    assert!(
        specs.iter().any(|spec| spec.name == "name.givenName"),
        "{specs:?}"
    );
    let key = joins(host);
    moves(host, &key);
    leaves(host, &key);
}

/// Joins suspended, before the first day; the same again writes nothing.
fn joins(host: &WebHost) -> ObjectRef {
    let zoe = desired("zoe").starting(AccountState::Suspended);
    let outcome = Scim.ensure_account(host, &ctx(), &zoe).unwrap();
    assert_eq!(
        (outcome.kind, &outcome.effects[..]),
        (OutcomeKind::Done, &[][..])
    );
    let account = outcome.account.unwrap();
    assert_eq!(account.state, AccountState::Suspended);
    let key = account.key;

    // The same again finds it: adopted, or a conflict that names it.
    host.asked();
    let again = zoe.clone().for_target(key.clone());
    assert_eq!(
        kind(Scim.ensure_account(host, &ctx(), &again)),
        OutcomeKind::Already
    );
    assert_eq!(
        kind(Scim.ensure_account(host, &ctx(), &zoe.clone().adopting())),
        OutcomeKind::Adopted
    );
    assert_eq!(writes(host), [""; 0], "nothing was written");
    let conflict = Scim.ensure_account(host, &ctx(), &zoe);
    assert!(matches!(conflict, Err(Problem::Conflict(Some(other))) if *other == key));
    key
}

/// The first day, and then a change.
fn moves(host: &WebHost, key: &ObjectRef) {
    let state = |state| kind(Scim.ensure_state(host, &ctx(), key, state));
    assert_eq!(state(AccountState::Active), OutcomeKind::Done);
    assert_eq!(state(AccountState::Active), OutcomeKind::Already);
    let moved = DesiredAccount::new("user")
        .for_target(key.clone())
        .set("title", "Boss")
        .set(DEPARTMENT, "Sales")
        .set("emails", "zoe.new@example.org")
        .set("name.familyName", "Newname");
    assert_eq!(
        kind(Scim.ensure_account(host, &ctx(), &moved)),
        OutcomeKind::Done
    );
    host.asked();
    assert_eq!(
        kind(Scim.ensure_account(host, &ctx(), &moved)),
        OutcomeKind::Already
    );
    assert_eq!(host.asked().len(), 1, "one read says so");
    let account = Scim.get_account(host, key).unwrap().unwrap();
    for (name, value) in [
        ("title", "Boss"),
        (DEPARTMENT, "Sales"),
        ("emails", "zoe.new@example.org"),
    ] {
        assert_eq!(account.text(name), Some(value), "{name}");
    }
    assert_eq!(
        account.text("name.givenName"),
        Some("zoe"),
        "what nobody named stays"
    );
    let cleared = DesiredAccount::new("user")
        .for_target(key.clone())
        .change("title", AttributeChange::Clear);
    assert_eq!(
        kind(Scim.ensure_account(host, &ctx(), &cleared)),
        OutcomeKind::Done
    );
    assert_eq!(
        kind(Scim.ensure_account(host, &ctx(), &cleared)),
        OutcomeKind::Already
    );
}

fn leaves(host: &WebHost, key: &ObjectRef) {
    let state = |state| kind(Scim.ensure_state(host, &ctx(), key, state));
    assert_eq!(state(AccountState::Suspended), OutcomeKind::Done);
    assert_eq!(
        Scim.get_account(host, key).unwrap().unwrap().state,
        AccountState::Suspended
    );
    let remove = || kind(Scim.ensure_absent(host, &ctx(), key, &LeavePlan::default()));
    assert_eq!(remove(), OutcomeKind::Done);
    assert_eq!(remove(), OutcomeKind::Already);
    assert_eq!(Scim.get_account(host, key), Ok(None));
    let keys = [("userName".to_owned(), "zoe".to_owned())];
    assert_eq!(Scim.find_accounts(host, "user", &keys), Ok(vec![]));
    let gone = Scim.ensure_state(host, &ctx(), key, AccountState::Active);
    assert_eq!(gone, Err(Problem::not_found(key.clone())));
}

/// Comes into a group and goes out of it, beside others.
fn joins_and_leaves_a_group(host: &WebHost) {
    let (ann, bob) = (made(host, "ann"), made(host, "bob"));
    let team = group(host, "Team", &[&ann]);
    let key = GrantKey::new(bob.clone(), team.clone());
    assert_eq!(
        kind(Scim.ensure_granted(host, &ctx(), &key, None)),
        OutcomeKind::Done
    );
    host.asked();
    assert_eq!(
        kind(Scim.ensure_granted(host, &ctx(), &key, None)),
        OutcomeKind::Already
    );
    assert_eq!(writes(host), [""; 0]);
    let of_team = GrantScope::OfEntitlement(team.clone());
    let members = grants(host, &of_team);
    let mut ids: Vec<_> = members
        .items
        .iter()
        .map(|grant| grant.principal.id.clone())
        .collect();
    let mut wanted = [ann.id.clone(), bob.id.clone()];
    ids.sort();
    wanted.sort();
    assert_eq!((ids.as_slice(), members.whole), (wanted.as_slice(), true));
    let of_bob = GrantScope::OfPrincipal(bob.clone());
    let has = grants(host, &of_bob);
    assert_eq!((has.items.len(), has.whole), (1, true));
    assert_eq!(has.items[0].entitlement, team);

    assert_eq!(
        kind(Scim.ensure_revoked(host, &ctx(), &key)),
        OutcomeKind::Done
    );
    host.asked();
    assert_eq!(
        kind(Scim.ensure_revoked(host, &ctx(), &key)),
        OutcomeKind::Already
    );
    assert_eq!(writes(host), [""; 0]);
    let left = grants(host, &of_team);
    assert_eq!(
        (left.items.len(), left.items[0].principal.id.as_str()),
        (1, ann.id.as_str())
    );
    assert_eq!(
        (
            grants(host, &of_bob).items.len(),
            grants(host, &of_bob).whole
        ),
        (0, true)
    );
    // The last one goes, too.
    let last = GrantKey::new(ann, team.clone());
    assert_eq!(
        kind(Scim.ensure_revoked(host, &ctx(), &last)),
        OutcomeKind::Done
    );
    let left = grants(host, &of_team);
    assert_eq!((left.items.len(), left.whole), (0, true));
    let teams = all_pages(100, |page| Scim.list_entitlements(host, "group", page)).unwrap();
    assert!(
        teams.whole
            && teams
                .items
                .iter()
                .any(|known| known.key == team && known.title == "Team")
    );
}

/// Two at once into and out of a group of many.
fn f7_two_at_once_keep_the_others(host: impl Fn() -> WebHost, many: usize) {
    let main = host();
    let everybody: Vec<_> = (0..many + 4)
        .map(|number| made(&main, &format!("m{number:03}")))
        .collect();
    let (newcomers, members) = everybody.split_at(4);
    let all: Vec<_> = members.iter().collect();
    let big = group(&main, "Everybody", &all);
    let at_once = |act: &(dyn Fn(&WebHost, &GrantKey) -> Result<Outcome> + Sync),
                   who: &[ObjectRef]| {
        std::thread::scope(|scope| {
            let threads: Vec<_> = who
                .iter()
                .map(|user| {
                    let (host, key) = (host(), GrantKey::new(user.clone(), big.clone()));
                    scope.spawn(move || {
                        act(&host, &key).map(|outcome| (outcome.kind, outcome.effects))
                    })
                })
                .collect();
            for thread in threads {
                let (kind, effects) = thread.join().unwrap().unwrap();
                assert_eq!((kind, effects), (OutcomeKind::Done, vec![]));
            }
        });
    };
    let count = || {
        let scope = GrantScope::OfEntitlement(big.clone());
        let all = grants(&main, &scope);
        assert!(all.whole);
        all.items.len()
    };
    at_once(
        &|host, key| Scim.ensure_granted(host, &ctx(), key, None),
        &newcomers[..2],
    );
    assert_eq!(count(), many + 2, "both are in, and nobody is lost");
    let leaver = &newcomers[..1];
    at_once(&|host, key| Scim.ensure_revoked(host, &ctx(), key), leaver);
    assert_eq!(count(), many + 1, "one is out, and nobody else");
}

fn listed(host: &WebHost, limit: u32) -> Result<Listing<muster_sdk::Account>> {
    all_pages(limit, |page| {
        dispatch::list_accounts::<Scim>(host, "user", page)
    })
}

/// The whole list with every page size.
fn lists_whole(host: &WebHost, count: usize) {
    for limit in [1, 2, 3, 7, 100] {
        let all = listed(host, limit).unwrap();
        let mut ids: Vec<_> = all
            .items
            .iter()
            .map(|account| account.key.id.as_str())
            .collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!((ids.len(), all.whole), (count, true), "limit {limit}");
    }
}

#[test]
fn scim2_server_joiner_mover_leaver() {
    let service = Service::scim2_server();
    lives_and_leaves(&service.host());
}

#[test]
fn scim2_server_groups_roles_and_listings() {
    let service = Service::scim2_server();
    let host = service.host();
    joins_and_leaves_a_group(&host);
    gives_and_takes_a_role(&host);
    lists_whole(&host, 3);
}

#[test]
fn f7_scim2_server_keeps_the_others() {
    let service = Service::scim2_server();
    f7_two_at_once_keep_the_others(|| service.host(), MANY);
}

#[test]
fn scim2_server_by_put() {
    let service = Service::scim2_server();
    lives_and_leaves(&service.host().setting("patch", "off"));
    joins_and_leaves_a_group(&service.host().setting("members", "put"));
}

#[test]
fn canaille_joiner_mover_leaver_groups_and_listings() {
    let service = Service::canaille();
    let host = service.host();
    lives_and_leaves(&host);
    joins_and_leaves_a_group(&host);
    lists_whole(&host, 3);
}

#[test]
fn f7_canaille_keeps_the_others() {
    let service = Service::canaille();
    f7_two_at_once_keep_the_others(|| service.host(), 10);
}

fn gives_and_takes_a_role(host: &WebHost) {
    let cyd = made(host, "cyd");
    let key = |role: &str| GrantKey::new(cyd.clone(), ObjectRef::new("role", role));
    for role in ["viewer", "editor"] {
        assert_eq!(
            kind(Scim.ensure_granted(host, &ctx(), &key(role), None)),
            OutcomeKind::Done
        );
    }
    assert_eq!(
        kind(Scim.ensure_granted(host, &ctx(), &key("viewer"), None)),
        OutcomeKind::Already
    );
    let scope = GrantScope::OfEntitlement(ObjectRef::new("role", "editor"));
    assert_eq!(grants(host, &scope).items[0].principal, cyd);
    assert_eq!(
        kind(Scim.ensure_revoked(host, &ctx(), &key("editor"))),
        OutcomeKind::Done
    );
    assert_eq!(
        kind(Scim.ensure_revoked(host, &ctx(), &key("editor"))),
        OutcomeKind::Already
    );
    let has = grants(host, &GrantScope::OfPrincipal(cyd.clone()));
    let roles: Vec<_> = has
        .items
        .iter()
        .map(|grant| grant.entitlement.id.as_str())
        .collect();
    assert_eq!((roles.as_slice(), has.whole), (["viewer"].as_slice(), true));
}

#[test]
fn the_demo_service_does_all_of_it() {
    let app = App::with(Options::default());
    let host = app.host();
    lives_and_leaves(&host);
    joins_and_leaves_a_group(&host);
    gives_and_takes_a_role(&host);
    lists_whole(&host, 3);
    f7_two_at_once_keep_the_others(|| app.host(), MANY);
}

#[test]
fn cursors_list_the_same_as_indexes() {
    let app = App::with(Options {
        has_cursors: true,
        page_max: 5,
        ..Options::default()
    });
    let host = app.host();
    for number in 0..17 {
        made(&host, &format!("u{number}"));
    }
    host.asked();
    lists_whole(&host, 17);
    assert!(host.asked().iter().any(|asked| asked.contains("cursor=")));
    lists_whole(&app.host().setting("paging", "auto"), 17);
    lists_whole(&app.host().setting("paging", "index"), 17);
}

#[test]
fn f2_a_fault_on_any_page_never_leaves_a_whole_listing() {
    let app = App::with(Options {
        page_max: 4,
        ..Options::default()
    });
    let host = app.host();
    for number in 0..12 {
        made(&host, &format!("u{number}"));
    }
    let answers = [
        json!({"kind": "redirect", "location": "/login"}),
        json!({"kind": "html"}),
        json!({"kind": "empty"}),
        json!({"kind": "cut"}),
        json!({"kind": "drop"}),
        json!({"kind": "status", "status": 404}),
        json!({"kind": "status", "status": 500}),
        json!({"kind": "status", "status": 429, "retry_after": "1"}),
    ];
    for skip in 0..4 {
        for answer in &answers {
            app.tell("DELETE", "/_faults", &json!({}));
            let fault = json!({"method": "GET", "path": "/Users", "skip": skip, "times": 50, "answer": answer});
            app.tell("POST", "/_faults", &fault);
            let whole = listed(&host, 4).is_ok_and(|all| all.whole);
            assert!(!whole, "page {skip}, {answer}");
        }
    }
    app.tell("DELETE", "/_faults", &json!({}));
    assert!(listed(&host, 4).unwrap().whole);
}

#[test]
fn a_lost_reply_is_unknown_and_what_was_made_is_found() {
    let app = App::with(Options::default());
    let host = app.host();
    let lost = json!({"method": "POST", "path": "/Users", "times": 1, "apply": true, "answer": {"kind": "drop"}});
    app.tell("POST", "/_faults", &lost);
    let outcome = Scim.ensure_account(&host, &ctx(), &desired("zoe"));
    assert!(
        matches!(outcome, Err(Problem::OutcomeUnknown(_))),
        "{outcome:?}"
    );
    let keys = [("userName".to_owned(), "zoe".to_owned())];
    let found = Scim.find_accounts(&host, "user", &keys).unwrap();
    assert!(found[0].correlation_keys.contains(&keys[0]));
    assert_eq!(found[0].text("emails"), Some("zoe@example.org"));
}

#[test]
fn no_seat_is_no_capacity_and_the_last_owner_is_guarded() {
    let app = App::with(Options::default());
    let host = app.host();
    let ann = made(&host, "ann");
    let owners = group(&host, "Owners", &[&ann]);
    app.tell(
        "PUT",
        "/_rules",
        &json!({"seats": 1, "last_owner_of": "Owners"}),
    );
    let full = Scim.ensure_account(&host, &ctx(), &desired("bob"));
    assert!(matches!(full, Err(Problem::NoCapacity(_))), "{full:?}");
    let last = Scim.ensure_revoked(&host, &ctx(), &GrantKey::new(ann.clone(), owners.clone()));
    assert!(matches!(&last, Err(Problem::Guarded(_))), "F21: {last:?}");
    assert_eq!(
        grants(&host, &GrantScope::OfEntitlement(owners)).items[0].principal,
        ann
    );
}

#[test]
fn sessions_end_where_the_service_has_an_address_for_it() {
    let app = App::with(Options::default());
    let host = app.host();
    let zoe = made(&host, "zoe");
    app.tell("POST", "/_sessions", &json!({"userName": "zoe"}));
    let sessions = |host: &WebHost| {
        all_pages(100, |page| Scim.list_credentials(host, Some(&zoe), page))
            .unwrap()
            .items
            .len()
    };
    assert_eq!(sessions(&host), 1);
    assert_eq!(
        kind(Scim.end_sessions(&host, &ctx(), &zoe)),
        OutcomeKind::Done
    );
    assert_eq!(sessions(&host), 0);
    let unset = host.setting("sessions_url", "");
    let outcome = Scim.end_sessions(&unset, &ctx(), &zoe).unwrap();
    assert!(matches!(
        outcome.effects[..],
        [SideEffect::CredentialsUnreached(_)]
    ));
}

#[test]
fn an_id_of_another_tenant_means_nobody_here() {
    let (one, other) = (App::with(Options::default()), App::with(Options::default()));
    let (here, there) = (one.host(), other.host());
    made(&there, "first");
    let foreign = made(&there, "zoe");
    made(&here, "ann");
    assert_eq!(Scim.get_account(&here, &foreign), Ok(None));
    let state = Scim.ensure_state(&here, &ctx(), &foreign, AccountState::Suspended);
    assert_eq!(state, Err(Problem::not_found(foreign)));
}
