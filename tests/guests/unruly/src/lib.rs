//! A guest that misbehaves in the way that its setting `deed` says, whenever it is asked to change an account.
//!
//! It is configured like any other connector, so that a test sees what becomes of it in a running daemon:
//! which outcome, which text, and whether other targets go on. What is read from it is well-behaved unless
//! `in-listing` is true.

use std::hint::black_box;

use muster_sdk::{
    Account, AccountKind, AccountState, Accounts, Api, AttributeSpec, Connector, Descriptor,
    DesiredAccount, Host, HttpFault, LeavePlan, LogLevel, ObjectRef, OpContext, Outcome, Page,
    PageRequest, ProbeReport, Problem, Request, Response, Result, SecretSlot, Setting, SideEffect,
};

/// The one kind of account.
const KIND: &str = "user";

/// What it can do wrong.
const DEEDS: [&str; 13] = [
    "none",
    "loop",
    "trap",
    "panic",
    "memory",
    "stack",
    "huge-answer",
    "foreign-host",
    "secrets",
    "garbage",
    "http-flood",
    "log-flood",
    "defect",
];

/// Larger than any answer that a host should take: 64 MiB.
const HUGE_BYTES: usize = 64 << 20;
/// More than any call should be allowed to ask or log.
const FLOOD: u32 = 100_000;

/// The guest.
#[derive(Debug, Default)]
pub struct Unruly;

muster_sdk::export!(Unruly: Accounts);

impl Connector for Unruly {
    fn describe(&self) -> Descriptor {
        let kind = AccountKind::new(KIND, "User")
            .states([AccountState::Active, AccountState::Suspended])
            .match_key("employee-id")
            .attribute(AttributeSpec::text("user-name"))
            .attribute(AttributeSpec::text("display-name"))
            .attribute(AttributeSpec::text("email"));
        Descriptor::new("unruly", env!("CARGO_PKG_VERSION"), "Nothing good")
            .setting(Setting::with_default("deed", "text", "none", "What it does.").choices(&DEEDS))
            .setting(Setting::with_default(
                "in-listing",
                "boolean",
                "false",
                "In listings too.",
            ))
            .setting(Setting::with_default(
                "url",
                "url",
                "http://127.0.0.1:9",
                "An app of its own that answers anything.",
            ))
            .setting(Setting::with_default(
                "foreign-url",
                "url",
                "http://169.254.169.254/latest/meta-data",
                "An address that was not granted.",
            ))
            .secret(SecretSlot::optional("api", &["bearer"], "A canary."))
            .host("{url}")
            .accounts(kind)
    }

    fn probe(&self, _: &dyn Host) -> Result<ProbeReport> {
        Ok(ProbeReport::default())
    }
}

impl Accounts for Unruly {
    fn list_accounts(&self, host: &dyn Host, _: &str, _: &PageRequest) -> Result<Page<Account>> {
        if host.setting("in-listing").as_deref() != Some("true") {
            return Ok(Page::of([]).last());
        }
        let outcome = misbehave(host)?;
        Ok(Page::of(outcome.account.into_iter().chain([garbage()])).next("the same cursor again"))
    }

    fn get_account(&self, _: &dyn Host, _: &ObjectRef) -> Result<Option<Account>> {
        Ok(None)
    }

    fn find_accounts(&self, _: &dyn Host, _: &str, _: &[(String, String)]) -> Result<Vec<Account>> {
        Ok(Vec::new())
    }

    fn ensure_account(
        &self,
        host: &dyn Host,
        _: &OpContext,
        desired: &DesiredAccount,
    ) -> Result<Outcome> {
        let outcome = misbehave(host)?;
        if outcome.account.is_some() {
            return Ok(outcome);
        }
        let id = desired
            .match_keys
            .first()
            .map_or("nobody", |(_, value)| value.as_str());
        let account = Account::new(ObjectRef::new(KIND, id), desired.initial_state);
        Ok(outcome.account(account))
    }

    fn ensure_state(
        &self,
        host: &dyn Host,
        _: &OpContext,
        _: &ObjectRef,
        _: AccountState,
    ) -> Result<Outcome> {
        misbehave(host)
    }

    fn ensure_absent(
        &self,
        host: &dyn Host,
        _: &OpContext,
        _: &ObjectRef,
        _: &LeavePlan,
    ) -> Result<Outcome> {
        misbehave(host)
    }
}

/// Does the deed; an outcome only if the host lets it live.
fn misbehave(host: &dyn Host) -> Result<Outcome> {
    match host.setting("deed").as_deref() {
        Some("loop") => spin(),
        Some("trap") => trap(),
        Some("panic") => fall_over(),
        Some("memory") => exhaust_memory(),
        Some("stack") => Ok(Outcome::done().effect(SideEffect::Noted(dig(u64::MAX).to_string()))),
        Some("huge-answer") => {
            Ok(Outcome::done().effect(SideEffect::Noted("x".repeat(HUGE_BYTES))))
        }
        Some("foreign-host") => ask_elsewhere(host),
        Some("secrets") => dig_for_secrets(host),
        Some("garbage") => Ok(Outcome::done().account(garbage())),
        Some("http-flood") => flood_with_requests(host),
        Some("log-flood") => {
            for number in 0..FLOOD {
                let text = format!("{number}: {}", "noise ".repeat(200));
                host.log(LogLevel::Error, &text, &[("field", &text)]);
            }
            Ok(Outcome::done())
        }
        Some("defect") => Err(Problem::PluginDefect("it gave up".to_owned())),
        Some(_) | None => Ok(Outcome::done()),
    }
}

fn spin() -> ! {
    let mut number = 0_u64;
    loop {
        number = black_box(number.wrapping_add(1));
    }
}

/// Ends the instance without a word: what a defect in unsafe code looks like.
fn trap() -> ! {
    std::process::abort()
}

#[expect(clippy::panic, reason = "a panic is what the test asked for")]
fn fall_over() -> ! {
    panic!("the unruly guest fell over on purpose")
}

fn exhaust_memory() -> ! {
    let mut hoard: Vec<Vec<u8>> = Vec::new();
    loop {
        hoard.push(black_box(vec![1; 1 << 20]));
    }
}

/// Recursion that no compiler can turn into a loop.
fn dig(depth: u64) -> u64 {
    let here = black_box([depth; 64]);
    if depth == 0 {
        return 0;
    }
    dig(depth - 1).wrapping_add(here[usize::from(here[0].to_le_bytes()[0] & 63)])
}

fn ask_elsewhere(host: &dyn Host) -> Result<Outcome> {
    let url = host.required_setting("foreign-url")?;
    let reply = Api::at(url).get("/").send(host)?;
    let text = format!("the foreign host answered {}", reply.status());
    Ok(Outcome::done().effect(SideEffect::Noted(text)))
}

/// Tries everything that might show a secret, and puts what it saw wherever it can write.
fn dig_for_secrets(host: &dyn Host) -> Result<Outcome> {
    let mut seen: Vec<String> = host
        .settings()
        .into_iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    for slot in ["api", "password", "../api", ""] {
        seen.push(host.placeholder(slot).unwrap_or_else(|refusal| refusal));
    }
    let url = host.required_setting("url")?;
    // An app that echoes what it got would give the credential away.
    seen.push(described(send(host, &format!("{url}/echo"), true)));
    let placeholder = host.placeholder("api").unwrap_or_default();
    seen.push(described(send(
        host,
        &format!("{url}/echo?it={placeholder}"),
        false,
    )));
    let seen = seen.join("\n");
    host.log(LogLevel::Error, &seen, &[("seen", &seen)]);
    host.scratch_set("seen", seen.as_bytes()).ok();
    Ok(Outcome::done().effect(SideEffect::Noted(seen)))
}

fn send(
    host: &dyn Host,
    url: &str,
    with_credential: bool,
) -> core::result::Result<Response, HttpFault> {
    host.send(Request {
        method: "GET".to_owned(),
        url: url.to_owned(),
        credential: with_credential.then(|| "api".to_owned()),
        ..Request::default()
    })
}

fn described(reply: core::result::Result<Response, HttpFault>) -> String {
    match reply {
        Ok(response) => {
            format!(
                "{:?} {}",
                response.headers,
                String::from_utf8_lossy(&response.body)
            )
        }
        Err(fault) => format!("{fault:?}"),
    }
}

fn flood_with_requests(host: &dyn Host) -> Result<Outcome> {
    let url = host.required_setting("url")?;
    let mut sent = 0_u32;
    for _ in 0..FLOOD {
        match send(host, &url, false) {
            Ok(_) => sent += 1,
            Err(HttpFault::BudgetSpent(text)) => {
                return Err(Problem::rate_limited(
                    None,
                    format!("stopped after {sent}: {text}"),
                ));
            }
            Err(fault) => return Err(Problem::transient(format!("{fault:?}"))),
        }
    }
    Ok(Outcome::done().effect(SideEffect::Noted(format!("{sent} requests went out"))))
}

/// An account that no app has: an empty id, a foreign kind, absurd texts, far too many values.
fn garbage() -> Account {
    let key = ObjectRef::new("no-such-kind", "").named("\u{0}\u{202e}\n\r\u{1b}[31m");
    let mut account = Account::new(key, AccountState::Deleted).correlated_by("", "");
    for number in 0..2_000 {
        account = account.value(&format!("a\u{0}{number}"), "\u{feff}".repeat(100));
    }
    account
}

#[cfg(test)]
mod tests {
    use muster_sdk::{FakeHost, OutcomeKind};

    use super::*;

    #[test]
    fn it_does_as_the_setting_says() {
        let (ctx, desired) = (OpContext::first("op-1"), DesiredAccount::new(KIND));
        let run = |deed: &str| {
            let host = FakeHost::new().setting("deed", deed);
            Unruly.ensure_account(&host, &ctx, &desired)
        };
        assert_eq!(run("none").unwrap().kind, OutcomeKind::Done);
        assert_eq!(run("garbage").unwrap().account.unwrap().key.id, "");
        assert_eq!(
            run("defect"),
            Err(Problem::PluginDefect("it gave up".to_owned()))
        );
    }

    #[test]
    fn every_deed_is_a_choice_that_does_something() {
        let described = Unruly.describe();
        let deed = described
            .settings
            .iter()
            .find(|setting| setting.key == "deed")
            .unwrap();
        assert_eq!(deed.choices, DEEDS);
        let source = include_str!("lib.rs");
        for name in DEEDS.iter().filter(|name| **name != "none") {
            assert!(source.contains(&format!("Some(\"{name}\") =>")), "{name}");
        }
    }
}
