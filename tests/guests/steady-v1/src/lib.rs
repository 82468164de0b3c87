//! A well-behaved guest: accounts at a simple app, one request for each change.
//!
//! Built three times, as `steady-v1` and `steady-v2`, which differ in the version they report, so that a
//! swap from one to the other is seen from outside and changes nothing else, and as `steady-v3`, which
//! loads like the others and fails in the way that the setting `in-version-3` says. `tests/guests/README.md`
//! says what the app has to answer.

use muster_sdk::{
    Account, AccountKind, AccountState, Accounts, Api, AttributeChange, AttributeSpec, Call,
    Connector, Descriptor, DesiredAccount, Host, LeavePlan, ObjectRef, OpContext, Outcome, Page,
    PageRequest, Path, ProbeReport, Problem, Result, Scalar, SecretSlot, Setting, Support,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// The one kind of account.
const KIND: &str = "user";
/// The key by which the app knows an account.
const KEY: &str = "employee-id";
/// What an account can have beside its key.
const ATTRIBUTES: [&str; 8] = [
    "user-name",
    "email",
    "display-name",
    "given-name",
    "family-name",
    "title",
    "department",
    "location",
];

/// What version 3 does: at every change and in every listing, or only where it is asked to set a state.
const DEEDS: [&str; 6] = [
    "panic",
    "panic-in-state",
    "defect",
    "garbage",
    "loop",
    "blame",
];

/// The guest.
#[derive(Debug, Default)]
pub struct Steady;

muster_sdk::export!(Steady: Accounts);

/// An account as the app writes it.
#[derive(Debug, Deserialize)]
struct AppAccount {
    key: String,
    state: AppState,
    #[serde(default)]
    attributes: Map<String, Value>,
}

#[derive(Debug, Clone, Copy, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
enum AppState {
    Active,
    Suspended,
}

#[derive(Debug, Deserialize)]
struct AppPage {
    accounts: Vec<AppAccount>,
    total: u32,
}

impl Connector for Steady {
    fn describe(&self) -> Descriptor {
        let mut kind = AccountKind::new(KIND, "User")
            .states([AccountState::Active, AccountState::Suspended])
            .match_key(KEY);
        for name in ATTRIBUTES {
            kind = kind.attribute(AttributeSpec::text(name));
        }
        kind.create_suspended = Support::Native;
        kind.max_page = 500;
        Descriptor::new(
            "steady",
            env!("CARGO_PKG_VERSION"),
            "The simple app of the tests",
        )
        .setting(Setting::required(
            "url",
            "url",
            "Where the app is: http://127.0.0.1:8080",
        ))
        .setting(Setting::with_default(
            "with-token",
            "boolean",
            "false",
            "Send the secret.",
        ))
        .setting(
            Setting::with_default("in-version-3", "text", "panic", "What version 3 does.")
                .choices(&DEEDS),
        )
        .secret(SecretSlot::optional(
            "api",
            &["bearer"],
            "A token, if the app asks for one.",
        ))
        .host("{url}")
        .accounts(kind)
    }

    fn probe(&self, host: &dyn Host) -> Result<ProbeReport> {
        api(host)?
            .get("/")
            .send(host)
            .map(|_| ProbeReport::default())
    }
}

impl Accounts for Steady {
    fn list_accounts(&self, host: &dyn Host, _: &str, page: &PageRequest) -> Result<Page<Account>> {
        if deed(host).as_deref() == Some("defect") {
            misbehave(host, "")?;
        }
        let path = Path::new("/accounts")
            .query("offset", page.offset()?)
            .query("limit", page.limit);
        let found: AppPage = api(host)?.get(path).send_json(host)?;
        let received = found.accounts.len();
        let accounts = found.accounts.into_iter().map(account);
        Ok(Page::of(accounts).next_offset(page, received, Some(found.total)))
    }

    fn get_account(&self, host: &dyn Host, key: &ObjectRef) -> Result<Option<Account>> {
        let found = api(host)?.get(path_of(&key.id)).find_json(host)?;
        Ok(found.map(account))
    }

    fn find_accounts(
        &self,
        host: &dyn Host,
        _: &str,
        keys: &[(String, String)],
    ) -> Result<Vec<Account>> {
        match keys.iter().find(|(name, _)| name == KEY) {
            Some((_, value)) => {
                let key = ObjectRef::new(KIND, value);
                Ok(self.get_account(host, &key)?.into_iter().collect())
            }
            None => Ok(Vec::new()),
        }
    }

    fn ensure_account(
        &self,
        host: &dyn Host,
        ctx: &OpContext,
        desired: &DesiredAccount,
    ) -> Result<Outcome> {
        misbehave(host, "")?;
        let key = match &desired.target {
            Some(target) => target.id.as_str(),
            None => desired
                .match_key(KEY)
                .ok_or_else(|| Problem::invalid(KEY, "required", "accounts are known by it"))?,
        };
        let mut body = json!({"attributes": attributes(desired)?});
        let mut call = api(host)?.put(path_of(key)).idempotent(ctx);
        if desired.target.is_none() {
            body["state"] = json!(app_state(desired.initial_state)?);
            if !desired.may_adopt {
                // Refused with 412 if there is such an account.
                call = call.header("if-none-match", "*");
            }
        }
        let reply = call.json(&body).accept(412).send(host)?;
        if reply.status() == 412 {
            return Err(Problem::Conflict(Some(Box::new(ObjectRef::new(KIND, key)))));
        }
        let known: Option<AppAccount> = serde_json::from_slice(reply.body()).ok();
        let state = known.map_or(desired.initial_state, |known| state(known.state));
        let id = if deed(host).as_deref() == Some("garbage") {
            ""
        } else {
            key
        };
        let account = Account::new(ObjectRef::new(KIND, id), state).correlated_by(KEY, key);
        Ok(outcome(reply.status())
            .evidence(reply.request_id())
            .account(account))
    }

    fn ensure_state(
        &self,
        host: &dyn Host,
        ctx: &OpContext,
        target: &ObjectRef,
        state: AccountState,
    ) -> Result<Outcome> {
        misbehave(host, "-in-state")?;
        let call = api(host)?
            .put(path_of(&target.id).push("state"))
            .idempotent(ctx)
            .about(target);
        ensure(host, call.json(&json!({"state": app_state(state)?})))
    }

    fn ensure_absent(
        &self,
        host: &dyn Host,
        ctx: &OpContext,
        target: &ObjectRef,
        _: &LeavePlan,
    ) -> Result<Outcome> {
        let call = api(host)?.delete(path_of(&target.id)).idempotent(ctx);
        call.already_if(404).ensure(host)
    }
}

/// What this version does wrong; none in versions 1 and 2.
fn deed(host: &dyn Host) -> Option<String> {
    let is_broken = env!("CARGO_PKG_VERSION").starts_with('3');
    host.setting("in-version-3").filter(|_| is_broken)
}

/// Does it. `place` is the end of the deeds that are done in this function only.
fn misbehave(host: &dyn Host, place: &str) -> Result<()> {
    match deed(host).as_deref() {
        Some("panic") => broken(),
        Some("panic-in-state") if place == "-in-state" => broken(),
        Some("defect") => Err(Problem::PluginDefect("this version gives up".to_owned())),
        Some("blame") => Err(Problem::transient("the app is said to be away")),
        Some("loop") => {
            let mut number = 0_u64;
            loop {
                number = std::hint::black_box(number.wrapping_add(1));
            }
        }
        Some(_) | None => Ok(()),
    }
}

#[expect(clippy::panic, reason = "this is how version 3 ends")]
fn broken() -> ! {
    panic!("this version never works")
}

fn api(host: &dyn Host) -> Result<Api> {
    let api = Api::at(host.required_setting("url")?);
    Ok(match host.setting("with-token").as_deref() {
        Some("false") | None => api,
        Some(_) => api.credential("api"),
    })
}

fn path_of(key: &str) -> Path {
    Path::new("/accounts").push(key)
}

fn ensure(host: &dyn Host, call: Call) -> Result<Outcome> {
    let reply = call.send(host)?;
    Ok(outcome(reply.status()).evidence(reply.request_id()))
}

/// The app says 208 (already reported) if nothing had to be changed.
fn outcome(status: u16) -> Outcome {
    match status {
        208 => Outcome::already(),
        _ => Outcome::done(),
    }
}

fn attributes(desired: &DesiredAccount) -> Result<Map<String, Value>> {
    let mut attributes = Map::new();
    for delta in &desired.attributes {
        let value = match &delta.change {
            AttributeChange::Set(values) | AttributeChange::Add(values) => match values.first() {
                Some(Scalar::Text(text)) => json!(text),
                Some(Scalar::Boolean(value)) => json!(value),
                Some(Scalar::Number(value)) => json!(value),
                Some(Scalar::Day(day)) => json!(day),
                Some(Scalar::Pointer(object)) => json!(object.id),
                Some(Scalar::Instant(_) | Scalar::Binary(_)) => {
                    return Err(Problem::invalid(
                        &delta.name,
                        "format",
                        "a text is expected",
                    ));
                }
                None => Value::Null,
            },
            AttributeChange::Clear | AttributeChange::Remove(_) => Value::Null,
        };
        attributes.insert(delta.name.clone(), value);
    }
    Ok(attributes)
}

fn account(known: AppAccount) -> Account {
    let key = ObjectRef::new(KIND, &known.key);
    let account = Account::new(key, state(known.state)).correlated_by(KEY, known.key);
    known
        .attributes
        .into_iter()
        .fold(account, |account, (name, value)| match value {
            Value::String(text) => account.value(&name, text),
            Value::Bool(value) => account.value(&name, value),
            Value::Number(value) => account.value(&name, value.as_f64().unwrap_or_default()),
            Value::Null | Value::Array(_) | Value::Object(_) => account.values(&name, []),
        })
}

fn state(state: AppState) -> AccountState {
    match state {
        AppState::Active => AccountState::Active,
        AppState::Suspended => AccountState::Suspended,
    }
}

fn app_state(state: AccountState) -> Result<AppState> {
    match state {
        AccountState::Active => Ok(AppState::Active),
        AccountState::Suspended => Ok(AppState::Suspended),
        AccountState::Locked
        | AccountState::Invited
        | AccountState::Deactivated
        | AccountState::Deleted => Err(Problem::unsupported("accounts are active or suspended")),
    }
}

#[cfg(test)]
mod tests {
    use muster_sdk::{Answer, FakeHost, OutcomeKind, all_pages};

    use super::*;

    fn host() -> FakeHost {
        FakeHost::new().setting("url", "http://app.test")
    }

    #[test]
    fn an_account_is_kept_with_one_request() {
        let host = host().on("PUT", "/accounts/E%2F1", Answer::status(201));
        let desired = DesiredAccount::new(KIND)
            .matched_by(KEY, "E/1")
            .set("title", "Lead");
        let outcome = Steady
            .ensure_account(&host, &OpContext::first("op-1"), &desired)
            .unwrap();
        assert_eq!(outcome.kind, OutcomeKind::Done);
        assert_eq!(outcome.account.unwrap().key.id, "E/1");
        let request = &host.requests()[0];
        assert_eq!(
            request.json(),
            json!({"state": "active", "attributes": {"title": "Lead"}})
        );
        assert_eq!(request.header("if-none-match"), Some("*"));
    }

    #[test]
    fn somebody_elses_account_is_a_conflict() {
        let host = host().answer(Answer::status(412));
        let desired = DesiredAccount::new(KIND).matched_by(KEY, "E1");
        let outcome = Steady.ensure_account(&host, &OpContext::first("op-1"), &desired);
        assert!(matches!(outcome, Err(Problem::Conflict(Some(_)))));
    }

    #[test]
    fn what_was_so_before_is_already() {
        let host = host()
            .answer(Answer::status(208))
            .answer(Answer::status(404));
        let (ctx, target) = (OpContext::first("op-1"), ObjectRef::new(KIND, "E1"));
        let state = Steady.ensure_state(&host, &ctx, &target, AccountState::Suspended);
        assert_eq!(state.unwrap().kind, OutcomeKind::Already);
        let absent = Steady.ensure_absent(&host, &ctx, &target, &LeavePlan::default());
        assert_eq!(absent.unwrap().kind, OutcomeKind::Already);
    }

    #[test]
    fn a_listing_has_everybody_and_ends() {
        let one = |key: &str| {
            let account = json!({"key": key, "state": "active", "attributes": {"title": "Lead"}});
            Answer::json(200, json!({"accounts": [account], "total": 2}))
        };
        let host = host().answer(one("E1")).answer(one("E2"));
        let listing = all_pages(1, |page| Steady.list_accounts(&host, KIND, page)).unwrap();
        assert!(listing.whole);
        assert_eq!(listing.items[1].text("title"), Some("Lead"));
        assert_eq!(host.asked()[1], "GET /accounts?offset=1&limit=1");
    }
}
