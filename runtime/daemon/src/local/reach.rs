//! What a target's settings and rules ask for that its app does not have.

use std::collections::BTreeSet;
use std::time::Duration;

use muster_config::Target;
use muster_core::finding::{Code, Finding, Severity};
use muster_core::nearest::nearest;
use muster_core::permission::HostPattern;
use muster_core::policy::AttributeRule;
use muster_core::subject::Subject;
use muster_host::AttributeSpec;

use crate::targets::Connected;

/// A setting names a host that the plugin may not reach.
const HOST: Code = Code::new("CFG-011");
/// The rules set an attribute that the app does not have.
const ATTRIBUTE: Code = Code::new("CFG-014");

/// The rules give a text to an attribute that is another account.
const NO_ACCOUNT: Code = Code::new("CFG-015");

/// How long an app may take to say which attributes its accounts have.
const PATIENCE: Duration = Duration::from_secs(5);

/// Settings that are addresses on hosts which are not granted: each call there would be refused.
pub(super) fn hosts(target: &Target) -> Vec<Finding> {
    let granted: Vec<HostPattern> = target
        .hosts
        .iter()
        .filter_map(|host| HostPattern::parse(host).ok())
        .collect();
    let Some(none) = HostPattern::parse("https://host.invalid").ok() else {
        return Vec::new();
    };
    let mut findings = Vec::new();
    for (key, value) in &target.settings {
        let is_address = none.covers(value).is_some();
        let is_granted = granted.iter().any(|host| host.covers(value) == Some(true));
        if !is_address || is_granted {
            continue;
        }
        let mut hosts = target.hosts.clone();
        hosts.extend(origin(value));
        let text = format!("`{key}` is {value}, and `hosts` does not have that host");
        let hint = format!(
            "if it is right, write under [target.{}]: hosts = {hosts:?}",
            target.name
        );
        let subject = Subject::Target(target.name.clone());
        findings.push(Finding::new(HOST, Severity::Error, subject, text).hint(hint));
    }
    findings
}

/// `https://host:port` of an address.
fn origin(address: &str) -> Option<String> {
    let (scheme, rest) = address.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = authority.rsplit('@').next()?;
    Some(format!("{scheme}://{host}"))
}

/// Attributes that the rules give to accounts and that the app's accounts do not have, or have in another
/// form, where the app says which they have.
pub(super) async fn attributes(connected: &Connected) -> Vec<Finding> {
    let asked = tokio::time::timeout(PATIENCE, connected.attributes()).await;
    let Ok(Ok(specs)) = asked else {
        return Vec::new();
    };
    let target = connected.config();
    let known: Vec<&str> = specs.iter().map(|spec| spec.name.as_str()).collect();
    let mut findings = unknown(target, &known);
    findings.extend(texts_for_accounts(target, &specs));
    findings
}

/// Attributes that are another account at the app, and that the rules give a text: HR's key of the manager,
/// which is the app's id of nobody, or of somebody else.
fn texts_for_accounts(target: &Target, specs: &[AttributeSpec]) -> Vec<Finding> {
    let is_account = |name: &str| {
        let mut specs = specs.iter();
        let spec = specs.find(|spec| spec.name.eq_ignore_ascii_case(name));
        spec.is_some_and(|spec| spec.value_type == "pointer")
    };
    let attributes = target.rules.attributes.iter();
    let texts = attributes
        .filter(|(name, source)| is_account(name) && AttributeRule::reference(source).is_none());
    texts
        .map(|(name, source)| {
            let text =
                format!("`{name}` is another account at the app, and `{source}` gives a text");
            let hint =
                format!("write account_of({source}) where `{source}` is HR's key of that person");
            let subject = Subject::Target(target.name.clone());
            Finding::new(NO_ACCOUNT, Severity::Error, subject, text).hint(hint)
        })
        .collect()
}

/// Attributes that the app's accounts do not have.
fn unknown(target: &Target, known: &[&str]) -> Vec<Finding> {
    let lower = |name: &str| name.to_ascii_lowercase();
    let names: BTreeSet<String> = known.iter().map(|name| lower(name)).collect();
    let bases: BTreeSet<&str> = known.iter().map(|name| base(name)).collect();
    let is_known = |name: &str| {
        let is_part = bases
            .iter()
            .any(|known| known.eq_ignore_ascii_case(base(name)));
        names.contains(&lower(name)) || is_part
    };
    let unknown = target
        .rules
        .attributes
        .keys()
        .filter(|name| !is_known(name));
    unknown
        .map(|name| {
            let text = format!("the app's accounts have no attribute `{name}`");
            let hint = match nearest(name, known.iter().copied()) {
                Some(nearest) => format!("did you mean `{nearest}`?"),
                None => format!("they have: {}", known.join(", ")),
            };
            let subject = Subject::Target(target.name.clone());
            Finding::new(ATTRIBUTE, Severity::Error, subject, text).hint(hint)
        })
        .collect()
}

/// The attribute that a part or a choice is of: `emails` of `emails.work` and `emails[type eq "work"]`. The
/// name of an extension has points of its own.
fn base(name: &str) -> &str {
    let from = name.rfind(':').map_or(0, |at| at + 1);
    let end = name.get(from..).and_then(|rest| rest.find(['.', '[']));
    end.and_then(|end| name.get(..from + end)).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_and_choices_are_of_their_attribute() {
        for (name, of) in [
            ("emails.work", "emails"),
            ("emails[type eq \"work\"].value", "emails"),
            ("displayName", "displayName"),
            (
                "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager",
                "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager",
            ),
        ] {
            assert_eq!(base(name), of);
        }
        assert_eq!(
            origin("https://a.example:8443/scim/v2").as_deref(),
            Some("https://a.example:8443")
        );
        assert_eq!(origin("nowhere"), None);
    }
}
