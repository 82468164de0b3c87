//! A connector as the host sees it: what was not named, not described or is without an operation never reaches it.

use muster_sdk::{
    Account, AccountKind, AccountState, Accounts, Answer, Api, AttributeSpec, Capability,
    Connector, Descriptor, DesiredAccount, FakeHost, Function, Host, LeavePlan, ObjectRef,
    OpContext, Outcome, Page, PageRequest, ProbeReport, Problem, Result, capabilities, dispatch,
};

/// Answers everything, and shows the limit it was asked for as an id.
#[derive(Default)]
struct Eager;

impl Connector for Eager {
    fn describe(&self) -> Descriptor {
        let user = AccountKind::new("user", "User")
            .states([AccountState::Suspended])
            .attribute(AttributeSpec::text("mail").required())
            .without(Function::EnsureAbsent);
        Descriptor::new("eager", "1.0.0", "Eager").accounts(user)
    }

    fn probe(&self, _: &dyn Host) -> Result<ProbeReport> {
        Ok(ProbeReport::default())
    }
}

impl Accounts for Eager {
    fn list_accounts(&self, _: &dyn Host, _: &str, page: &PageRequest) -> Result<Page<Account>> {
        let key = ObjectRef::new("user", page.limit.to_string());
        Ok(Page::of([Account::new(key, AccountState::Active)]).last())
    }

    fn get_account(&self, _: &dyn Host, _: &ObjectRef) -> Result<Option<Account>> {
        Ok(None)
    }

    fn find_accounts(&self, _: &dyn Host, _: &str, _: &[(String, String)]) -> Result<Vec<Account>> {
        Ok(Vec::new())
    }

    fn ensure_account(&self, _: &dyn Host, _: &OpContext, _: &DesiredAccount) -> Result<Outcome> {
        Ok(Outcome::done())
    }

    fn ensure_state(
        &self,
        _: &dyn Host,
        _: &OpContext,
        _: &ObjectRef,
        _: AccountState,
    ) -> Result<Outcome> {
        Ok(Outcome::done())
    }

    fn ensure_absent(
        &self,
        _: &dyn Host,
        _: &OpContext,
        _: &ObjectRef,
        _: &LeavePlan,
    ) -> Result<Outcome> {
        Ok(Outcome::done())
    }
}

muster_sdk::export!(Eager: Accounts);

#[expect(
    clippy::needless_pass_by_value,
    reason = "answers are made where they are judged"
)]
fn refused<T>(result: Result<T>) -> bool {
    matches!(result, Err(Problem::Unsupported(_)))
}

#[test]
fn capabilities_are_the_traits_that_were_named() {
    assert_eq!(capabilities::<Eager>(), [Capability::Accounts]);
    let described = Eager.describe();
    let operations = described
        .account_kind("user")
        .unwrap()
        .operations(&capabilities::<Eager>());
    assert!(operations.contains(&Function::ListAccounts));
    assert!(
        !operations.contains(&Function::EnsureAbsent),
        "it is without this one"
    );
    assert!(
        !operations.contains(&Function::EndSessions),
        "credentials were not named"
    );
}

#[test]
fn what_was_not_named_is_unsupported() {
    let (host, ctx, user) = (
        FakeHost::new(),
        OpContext::first("1"),
        ObjectRef::new("user", "1"),
    );
    assert!(refused(dispatch::end_sessions::<Eager>(&host, &ctx, &user)));
    assert!(refused(dispatch::rotate_credential::<Eager>(
        &host, &ctx, &user
    )));
    assert!(refused(dispatch::transfer_owned::<Eager>(
        &host, &ctx, &user, &user
    )));
    assert!(refused(dispatch::poll::<Eager>(&host, &ctx, "x")));
    assert!(refused(dispatch::changes_since::<Eager>(&host, "x", 1)));
    assert!(refused(dispatch::list_entitlements::<Eager>(
        &host,
        "user",
        &PageRequest::first(1)
    )));
}

#[test]
fn what_the_descriptor_does_not_say_never_reaches_the_connector() {
    let (host, ctx, user) = (
        FakeHost::new(),
        OpContext::first("1"),
        ObjectRef::new("user", "1"),
    );
    let robot = ObjectRef::new("robot", "1");
    assert!(refused(dispatch::get_account::<Eager>(&host, &robot)));
    assert!(refused(dispatch::ensure_absent::<Eager>(
        &host,
        &ctx,
        &user,
        &LeavePlan::default()
    )));
    let state = |state| dispatch::ensure_state::<Eager>(&host, &ctx, &user, state);
    assert_eq!(state(AccountState::Suspended), Ok(Outcome::done()));
    assert!(refused(state(AccountState::Deactivated)));
    let specs = Eager.discover(&host, "user").unwrap();
    assert!(specs[0].required);
    assert!(refused(Eager.discover(&host, "robot")));
}

#[test]
fn a_page_is_never_larger_than_the_kind_allows_nor_empty() {
    let host = FakeHost::new();
    let asked = |limit| {
        let page = dispatch::list_accounts::<Eager>(&host, "user", &PageRequest::first(limit));
        page.unwrap().items()[0].key.id.clone()
    };
    assert_eq!([asked(0), asked(7), asked(1_000_000)], ["1", "7", "100"]);
}

#[test]
fn a_new_secret_is_taken_out_of_the_reply() {
    let issue = || Api::at("https://acme.example").post("/keys").seal("/key");
    let host = FakeHost::new().answer(Answer::json(201, r#"{"id": "k1", "key": "canary"}"#));
    let reply: serde_json::Value = issue().send_json(&host).unwrap();
    assert_eq!(reply, serde_json::json!({"id": "k1", "key": "sealed-0"}));
    let host = FakeHost::new().answer(Answer::json(201, r#"{"id": "k1"}"#));
    assert!(matches!(
        issue().send(&host),
        Err(Problem::OutcomeUnknown(_))
    ));
}

#[test]
fn a_fake_host_fails_the_test_for_answers_and_requests_that_do_not_meet() {
    let unasked = std::panic::catch_unwind(|| drop(FakeHost::new().answer(Answer::status(200))));
    assert!(unasked.is_err());
    let unprepared = std::panic::catch_unwind(|| {
        let host = FakeHost::new();
        drop(Api::at("https://acme.example").get("/x").send(&host));
    });
    assert!(unprepared.is_err());
}
