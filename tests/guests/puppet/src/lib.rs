//! A guest that does what it is told, good or bad: the host's tests pull its strings.
//!
//! What to do is JSON in the id of the account that is asked for: `{"do": "loop"}`. What came of it
//! is in the attributes of the account that it answers with. One component, so that every bad deed
//! is seen to be a matter of one call and not of one plugin.

use muster_sdk::{
    Account, AccountKind, AccountState, Accounts, Attribute, Connector, ContainerRule, Descriptor,
    DesiredAccount, Entitlement, EntitlementCategory, EntitlementKind, Entitlements, Grant,
    GrantKey, GrantScope, Grants, Host, HttpFault, Instant, LeavePlan, LogLevel, ObjectRef,
    OpContext, Outcome, Page, PageRequest, ProbeReport, Problem, RateBucket, Request, Response,
    Result, Scalar, SecretSlot, Setting,
};
use serde_json::{Value, json};

/// The guest.
#[derive(Default)]
pub struct Puppet;

/// How many people its app has.
const PEOPLE: u32 = 250;

impl Connector for Puppet {
    fn describe(&self) -> Descriptor {
        let mut descriptor = Descriptor::new("puppet", "1.0.0", "The app of the tests");
        let mut user = AccountKind::new("user", "User").states([AccountState::Active]);
        user.max_page = 100;
        descriptor.account_kinds.push(user);
        descriptor.entitlement_kinds.push(
            EntitlementKind::new("group", "Group", EntitlementCategory::Membership)
                .containers(ContainerRule::MustMatch),
        );
        descriptor
            .settings
            .push(Setting::with_default("colour", "text", "blue", "A colour."));
        descriptor
            .settings
            .push(Setting::optional("base.url", "url", "An address."));
        let slots: [(&str, &[&str]); 3] = [
            (
                "api",
                &[
                    "bearer",
                    "basic",
                    "header",
                    "oauth2-client-credentials",
                    "jwt-bearer",
                ],
            ),
            ("password", &["value"]),
            ("hook", &["signing-key"]),
        ];
        for (name, schemes) in slots {
            descriptor
                .secret_slots
                .push(SecretSlot::optional(name, schemes, "For the tests."));
        }
        descriptor.rate_buckets.push(RateBucket {
            name: "slow".to_owned(),
            per_minute: 1,
            extra: Vec::new(),
        });
        descriptor
    }

    fn probe(&self, _: &dyn Host) -> Result<ProbeReport> {
        Ok(ProbeReport::default())
    }
}

impl Accounts for Puppet {
    fn list_accounts(
        &self,
        host: &dyn Host,
        kind: &str,
        page: &PageRequest,
    ) -> Result<Page<Account>> {
        let from = page.offset()?;
        let seen = host.scratch_get("pages").map_or(0, |bytes| bytes.len());
        host.scratch_set("pages", &vec![0; seen + 1])
            .map_err(Problem::PluginDefect)?;
        let to = from.saturating_add(page.limit).min(PEOPLE);
        let people = (from..to).map(|number| {
            Account::new(
                ObjectRef::new(kind, number.to_string()),
                AccountState::Active,
            )
            .correlated_by("pages-before", seen.to_string())
        });
        let next = (to < PEOPLE).then(|| to.to_string());
        let page = Page::of(people.collect::<Vec<_>>()).of_total(Some(PEOPLE));
        Ok(page.next_or_last(next))
    }

    fn get_account(&self, host: &dyn Host, key: &ObjectRef) -> Result<Option<Account>> {
        let said = serde_json::from_str::<Value>(&key.id).unwrap_or_default();
        let account = Account::new(key.clone(), AccountState::Active);
        Ok(Some(do_as_told(host, &said, account)))
    }

    fn find_accounts(
        &self,
        _: &dyn Host,
        _: &str,
        keys: &[(String, String)],
    ) -> Result<Vec<Account>> {
        let found = keys.iter().map(|(_, value)| {
            Account::new(ObjectRef::new("user", value.clone()), AccountState::Active)
        });
        Ok(found.collect())
    }

    fn ensure_account(
        &self,
        host: &dyn Host,
        ctx: &OpContext,
        desired: &DesiredAccount,
    ) -> Result<Outcome> {
        let Some(slot) = &desired.password_slot else {
            return Ok(Outcome::adopted(Account::new(
                ObjectRef::new("user", "1"),
                AccountState::Active,
            )));
        };
        let word = host.placeholder(slot).map_err(Problem::PluginDefect)?;
        let url = host.setting("base.url").unwrap_or_default();
        let said = json!({
            "method": "POST", "url": url, "body": json!({ "password": word }).to_string(),
            "headers": { "content-type": "application/json", "idempotency-key": ctx.operation_id },
        });
        change(host, &said)
    }

    fn ensure_state(
        &self,
        host: &dyn Host,
        _: &OpContext,
        target: &ObjectRef,
        _: AccountState,
    ) -> Result<Outcome> {
        let said = serde_json::from_str::<Value>(&target.id).unwrap_or_default();
        change(host, &said)
    }

    fn ensure_absent(
        &self,
        _: &dyn Host,
        _: &OpContext,
        _: &ObjectRef,
        _: &LeavePlan,
    ) -> Result<Outcome> {
        Ok(Outcome::pending("handle", 5))
    }
}

impl Entitlements for Puppet {
    fn list_entitlements(
        &self,
        _: &dyn Host,
        _: &str,
        _: &PageRequest,
    ) -> Result<Page<Entitlement>> {
        Ok(Page::of(Vec::new()).last())
    }
}

impl Grants for Puppet {
    fn list_grants(&self, _: &dyn Host, _: &GrantScope, _: &PageRequest) -> Result<Page<Grant>> {
        Ok(Page::of(Vec::new()).last())
    }

    fn ensure_granted(
        &self,
        _: &dyn Host,
        _: &OpContext,
        _: &GrantKey,
        _: Option<&Instant>,
    ) -> Result<Outcome> {
        Ok(Outcome::done())
    }

    fn ensure_revoked(&self, _: &dyn Host, _: &OpContext, _: &GrantKey) -> Result<Outcome> {
        Ok(Outcome::already())
    }
}

/// A change that is one request. What the host says of it becomes the problem it stands for.
fn change(host: &dyn Host, said: &Value) -> Result<Outcome> {
    let sent = host.send(request(said));
    if said["then"] == "panic" {
        deed("panic");
    }
    match sent {
        Ok(response) if response.status < 300 => Ok(Outcome::done()),
        Ok(response) => Err(Problem::RemoteDefect(format!(
            "it answered {}",
            response.status
        ))),
        Err(HttpFault::DeniedByPolicy(text)) => Err(Problem::forbidden(["network:app"], text)),
        Err(HttpFault::NotSent(text)) => Err(Problem::transient(text)),
        Err(HttpFault::BudgetSpent(text)) => Err(Problem::rate_limited(None, text)),
        Err(HttpFault::SentNoReply(text) | HttpFault::TooLarge(text)) => {
            Err(Problem::OutcomeUnknown(text))
        }
    }
}

fn do_as_told(host: &dyn Host, said: &Value, account: Account) -> Account {
    let text = |name: &str| said[name].as_str().unwrap_or_default().to_owned();
    let shown = match text("do").as_str() {
        "send" => reply(host.send(request(said))),
        "send-often" => {
            let mut last = Value::Null;
            for _ in 0..said["times"].as_u64().unwrap_or(0) {
                last = reply(host.send(request(said)));
            }
            last
        }
        "send-placeholder" => {
            let word = host.placeholder(&text("slot"));
            let mut said = said.clone();
            if let Ok(word) = &word {
                said["body"] = Value::from(text("body").replace("{}", word));
            }
            let mut shown = reply(host.send(request(&said)));
            shown["word"] = json!(word.unwrap_or_else(|error| error));
            shown
        }
        "sign" => match host.sign(&text("slot"), &text("algorithm"), text("data").as_bytes()) {
            Ok(signature) => json!({ "bytes": signature }),
            Err(error) => json!({ "error": error }),
        },
        "sign-often" => {
            let data =
                vec![b'x'; usize::try_from(said["bytes"].as_u64().unwrap_or(0)).unwrap_or(0)];
            let times = said["times"].as_u64().unwrap_or(0);
            json!(
                (0..times)
                    .filter(|_| host.sign(&text("slot"), "hmac-sha256", &data).is_ok())
                    .count()
            )
        }
        "around" => json!({
            "settings": host.settings(), "now": host.now().as_str(),
            "random": host.random(16), "more": host.random(9999).len(),
        }),
        "log" => {
            for number in 0..said["times"].as_u64().unwrap_or(1) {
                host.log(
                    LogLevel::Warn,
                    &text("text"),
                    &[("number", &number.to_string())],
                );
            }
            Value::Null
        }
        "lie" => return lie(&text("how"), account),
        other => {
            deed(other);
            Value::Null
        }
    };
    with(account, "shown", Scalar::Text(shown.to_string()))
}

fn request(said: &Value) -> Request {
    let text = |name: &str| said[name].as_str().map(str::to_owned);
    let headers = said["headers"].as_object().cloned().unwrap_or_default();
    Request {
        method: text("method").unwrap_or_else(|| "GET".to_owned()),
        url: text("url").unwrap_or_default(),
        headers: headers
            .into_iter()
            .map(|(name, value)| (name, value.as_str().unwrap_or_default().to_owned()))
            .collect(),
        body: match said["bytes"].as_u64() {
            Some(count) => Some(vec![b'x'; usize::try_from(count).unwrap_or(0)]),
            None => text("body").map(String::into_bytes),
        },
        credential: text("credential"),
        bucket: text("bucket"),
        timeout_ms: said["timeout"]
            .as_u64()
            .and_then(|ms| u32::try_from(ms).ok()),
        seal: text("seal").into_iter().collect(),
        extra: Vec::new(),
    }
}

fn reply(sent: std::result::Result<Response, HttpFault>) -> Value {
    match sent {
        Ok(response) => json!({
            "status": response.status,
            "headers": response.headers,
            "body": String::from_utf8_lossy(&response.body),
        }),
        Err(HttpFault::DeniedByPolicy(text)) => json!({ "denied": text }),
        Err(HttpFault::NotSent(text)) => json!({ "not-sent": text }),
        Err(HttpFault::SentNoReply(text)) => json!({ "no-reply": text }),
        Err(HttpFault::TooLarge(text)) => json!({ "too-large": text }),
        Err(HttpFault::BudgetSpent(text)) => json!({ "spent": text }),
    }
}

fn with(mut account: Account, name: &str, value: Scalar) -> Account {
    account.attributes.push(Attribute {
        name: name.to_owned(),
        values: vec![value],
        ..Attribute::default()
    });
    account
}

/// Answers that break the contract.
fn lie(how: &str, mut account: Account) -> Account {
    match how {
        "another" => "another".clone_into(&mut account.key.id),
        "empty-id" => account.key.id = String::new(),
        "twice" => {
            account = with(
                with(account, "a", Scalar::Boolean(true)),
                "a",
                Scalar::Boolean(false),
            );
        }
        "not-a-number" => account = with(account, "a", Scalar::Number(f64::NAN)),
        "not-a-day" => account = with(account, "a", Scalar::Day("22.11.2026".to_owned())),
        "large" => account = with(account, "a", Scalar::Text("x".repeat(20 << 20))),
        "many" => {
            account.correlation_keys = vec![("k".repeat(1000), "v".repeat(1000)); 200_000];
        }
        _ => {}
    }
    account
}

/// Bad deeds.
fn deed(what: &str) {
    match what {
        "loop" => {
            let mut number = 0_u64;
            loop {
                number = std::hint::black_box(number.wrapping_add(1));
            }
        }
        #[expect(clippy::panic, reason = "this is what it was told to do")]
        "panic" => panic!("the puppet was told to panic"),
        "memory" => {
            let mut hoard = Vec::new();
            loop {
                hoard.push(std::hint::black_box(vec![1_u8; 1 << 20]));
            }
        }
        "stack" => {
            std::hint::black_box(deeper(1));
        }
        #[cfg(target_family = "wasm")]
        "trap" => core::arch::wasm32::unreachable(),
        _ => {}
    }
}

fn deeper(depth: u64) -> u64 {
    let space = std::hint::black_box([depth; 64]);
    if depth == 0 {
        0
    } else {
        deeper(depth + 1) + space[1]
    }
}

muster_sdk::export!(Puppet: Accounts, Entitlements, Grants);
