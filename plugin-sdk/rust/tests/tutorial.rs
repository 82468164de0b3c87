//! The connector of `docs/guides/write-a-connector.md` and its tests, compiled and run. The guide shows this
//! file's code, which the last test compares.

#![expect(missing_docs, reason = "the guide says what it is")]

use muster_sdk::{
    Api, Connector, Descriptor, EntitlementCategory, EntitlementKind, Grant, GrantKey, GrantScope,
    Grants, Host, Instant, ObjectRef, OpContext, Outcome, Page, PageRequest, Path, ProbeReport,
    Result, SecretSlot,
};

#[derive(Default)]
pub struct AcmeChat;

impl Connector for AcmeChat {
    fn describe(&self) -> Descriptor {
        let token = SecretSlot::required("api", &["bearer"], "A token from Settings > API.");
        let channel = EntitlementKind::new("channel", "Channel", EntitlementCategory::Membership);
        let chat = Descriptor::new("acme-chat", "1.0.0", "Acme Chat").host("api.acme.example");
        chat.secret(token).entitlements(channel)
    }
    fn probe(&self, host: &dyn Host) -> Result<ProbeReport> {
        api().get("/me").send(host).map(|_| ProbeReport::default())
    }
}

impl Grants for AcmeChat {
    fn list_grants(
        &self,
        host: &dyn Host,
        scope: &GrantScope,
        page: &PageRequest,
    ) -> Result<Page<Grant>> {
        let channel = scope.entitlement()?;
        let path = members(channel).query_opt("after", page.cursor());
        let found: Members = api().get(path).about(channel).send_json(host)?;
        let grant = |id| Grant::direct(ObjectRef::new("user", id), channel.clone());
        Ok(Page::of(found.members.into_iter().map(grant)).next_or_last(found.next))
    }
    fn ensure_granted(
        &self,
        host: &dyn Host,
        ctx: &OpContext,
        grant: &GrantKey,
        _: Option<&Instant>,
    ) -> Result<Outcome> {
        let call = api().put(members(&grant.entitlement).push(&grant.principal.id));
        let call = call.idempotent(ctx).about(&grant.entitlement);
        call.already_if(409).ensure(host)
    }
    fn ensure_revoked(&self, host: &dyn Host, _: &OpContext, grant: &GrantKey) -> Result<Outcome> {
        let call = api().delete(members(&grant.entitlement).push(&grant.principal.id));
        call.already_if(404).ensure(host)
    }
}

muster_sdk::export!(AcmeChat: Grants);

fn api() -> Api {
    Api::at("https://api.acme.example/v1").credential("api")
}

fn members(channel: &ObjectRef) -> Path {
    Path::new("/channels").push(&channel.id).push("members")
}

#[derive(serde::Deserialize)]
struct Members {
    members: Vec<String>,
    next: Option<String>,
}

#[cfg(test)]
mod tests {
    use muster_sdk::{Answer, FakeHost, HttpFault, OutcomeKind, Problem, all_pages};

    use super::*;

    fn ann_in_general() -> GrantKey {
        GrantKey::new(
            ObjectRef::new("user", "ann"),
            ObjectRef::new("channel", "general"),
        )
    }

    #[test]
    fn a_member_is_added_once() {
        let host = FakeHost::new()
            .answer(Answer::status(201))
            .answer(Answer::status(409));
        let ctx = OpContext::first("op-1");
        let add = || {
            AcmeChat
                .ensure_granted(&host, &ctx, &ann_in_general(), None)
                .unwrap()
                .kind
        };
        assert_eq!([add(), add()], [OutcomeKind::Done, OutcomeKind::Already]);
        assert_eq!(host.asked()[0], "PUT /v1/channels/general/members/ann");
        assert_eq!(host.requests()[0].header("Idempotency-Key"), Some("op-1"));
    }

    #[test]
    fn a_member_who_is_gone_is_removed_already() {
        let host = FakeHost::new().answer(Answer::status(404));
        let outcome = AcmeChat.ensure_revoked(&host, &OpContext::first("op-2"), &ann_in_general());
        assert_eq!(outcome, Ok(Outcome::already()));
    }

    #[test]
    fn the_listing_has_all_members_and_ends() {
        let members = "/v1/channels/general/members";
        let host = FakeHost::new()
            .on(
                "GET",
                members,
                Answer::json(200, r#"{"members": ["ann"], "next": "p2"}"#),
            )
            .on(
                "GET",
                members,
                Answer::json(200, r#"{"members": ["bob"], "next": null}"#),
            );
        let scope = GrantScope::OfEntitlement(ann_in_general().entitlement);
        let listing = all_pages(100, |page| AcmeChat.list_grants(&host, &scope, page)).unwrap();
        assert_eq!(listing.items.len(), 2);
        assert!(listing.whole);
        assert_eq!(
            host.requests()[1].path(),
            "/v1/channels/general/members?after=p2"
        );
    }

    #[test]
    fn a_login_page_is_no_empty_channel() {
        let login = Answer::text(200, "text/html", "<html>Please sign in</html>");
        let host = FakeHost::new().answer(login);
        let scope = GrantScope::OfEntitlement(ann_in_general().entitlement);
        let listing = AcmeChat.list_grants(&host, &scope, &PageRequest::first(100));
        assert!(matches!(listing, Err(Problem::RemoteDefect(_))));
    }

    #[test]
    fn a_lost_reply_leaves_the_outcome_open() {
        let lost = Answer::fault(HttpFault::SentNoReply("connection reset".to_owned()));
        let host = FakeHost::new().answer(lost);
        let outcome =
            AcmeChat.ensure_granted(&host, &OpContext::first("op-3"), &ann_in_general(), None);
        assert!(matches!(outcome, Err(Problem::OutcomeUnknown(_))));
    }
}

/// Every block of Rust in the guide is a piece of this file, letter for letter.
#[test]
fn the_guide_shows_the_code_that_was_compiled() {
    let guide = include_str!("../../../docs/guides/write-a-connector.md");
    let blocks: Vec<&str> = guide
        .split(
            "```rust
",
        )
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .collect();
    assert_eq!(
        blocks.len(),
        3,
        "the guide shows the connector, its data and its tests"
    );
    for block in blocks {
        assert!(
            include_str!("tutorial.rs").contains(block),
            "not in tests/tutorial.rs:
{block}"
        );
    }
}
