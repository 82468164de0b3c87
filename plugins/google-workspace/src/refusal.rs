//! What Google means by a reply that is no success: the reason in `error.errors[]`, before the status alone
//! decides.
//!
//! Google says 403 both for "you may not" and for "not so fast", and 412 both for a changed object and for a
//! licence that is used up. The reason tells them apart; a text for people counts only for licences, where
//! there is no reason of its own. Texts are passed on without addresses, which are personal.

use muster_sdk::{MissingPermissions, Problem, Reply, RetryHint, says_none_is_left};
use serde_json::Value;

/// The rate buckets, one for each API.
pub(crate) const DIRECTORY: &str = "directory";
pub(crate) const LICENSING: &str = "licensing";
pub(crate) const TRANSFER: &str = "transfer";
pub(crate) const REPORTS: &str = "reports";

/// The longest text of Google's that is passed on, in characters.
const TEXT_MAX: usize = 200;

const TOO_FAST: [&str; 9] = [
    "rateLimitExceeded",
    "userRateLimitExceeded",
    "quotaExceeded",
    "dailyLimitExceeded",
    "dailyLimitExceededUnreg",
    "concurrentLimitExceeded",
    "servingLimitExceeded",
    "RATE_LIMIT_EXCEEDED",
    "RESOURCE_EXHAUSTED",
];
const NO_SCOPE: [&str; 3] = [
    "insufficientPermissions",
    "ACCESS_TOKEN_SCOPE_INSUFFICIENT",
    "insufficientScope",
];

/// What Google says about a refusal.
#[derive(Debug, Default)]
pub(crate) struct Refusal {
    /// `notFound`, `duplicate`, ...; of the newer form, `RESOURCE_EXHAUSTED`, ...
    pub(crate) reasons: Vec<String>,
    /// The text for people.
    pub(crate) message: String,
    /// What it is about: a parameter or a header.
    location: Option<String>,
}

impl Refusal {
    /// What a reply says; `None` if it is not in Google's form.
    pub(crate) fn of(reply: &Reply) -> Option<Self> {
        let body: Value = serde_json::from_slice(reply.body()).ok()?;
        let error = body.get("error")?.as_object()?;
        let text = |value: &Value, name: &str| value.get(name)?.as_str().map(str::to_owned);
        let list = |name: &str| {
            let found = error.get(name).and_then(Value::as_array);
            found.map(Vec::as_slice).unwrap_or_default()
        };
        let (errors, details) = (list("errors"), list("details"));
        let mut reasons: Vec<String> = errors
            .iter()
            .chain(details)
            .filter_map(|entry| text(entry, "reason"))
            .collect();
        reasons.extend(
            error
                .get("status")
                .and_then(Value::as_str)
                .map(str::to_owned),
        );
        let message = error
            .get("message")
            .and_then(Value::as_str)
            .map(str::to_owned);
        Some(Self {
            reasons,
            message: message
                .or_else(|| errors.first().and_then(|entry| text(entry, "message")))
                .unwrap_or_default(),
            location: errors.first().and_then(|entry| text(entry, "location")),
        })
    }

    fn is(&self, any: &[&str]) -> bool {
        self.reasons
            .iter()
            .any(|reason| any.contains(&reason.as_str()))
    }

    fn speaks_of(&self, any: &[&str]) -> bool {
        let text = self.message.to_ascii_lowercase();
        any.iter().any(|word| text.contains(word))
    }
}

/// Whether a 404 is Google's: one of something else in between says nothing about the object.
pub(crate) fn is_googles_404(reply: &Reply) -> bool {
    matches!(reply.status(), 404 | 410) && Refusal::of(reply).is_some()
}

/// For the Directory API.
pub(crate) fn of_directory(reply: &Reply) -> Option<Problem> {
    explain(reply, DIRECTORY)
}

/// For the Licensing API.
pub(crate) fn of_licensing(reply: &Reply) -> Option<Problem> {
    explain(reply, LICENSING)
}

/// For the Data Transfer API.
pub(crate) fn of_transfer(reply: &Reply) -> Option<Problem> {
    explain(reply, TRANSFER)
}

/// For the Reports API.
pub(crate) fn of_reports(reply: &Reply) -> Option<Problem> {
    explain(reply, REPORTS)
}

fn explain(reply: &Reply, bucket: &str) -> Option<Problem> {
    let status = reply.status();
    let refusal = match Refusal::of(reply) {
        Some(refusal) => refusal,
        None if matches!(status, 404 | 410) => {
            return Some(Problem::remote_defect(format!(
                "a {status} that is not Google's; is the address right?"
            )));
        }
        None => return None,
    };
    let message = without_addresses(&refusal.message);
    if matches!(status, 403 | 429) && refusal.is(&TOO_FAST) {
        return Some(Problem::RateLimited(RetryHint {
            after_ms: reply.retry_after_ms(),
            bucket: Some(bucket.to_owned()),
            message,
            ..RetryHint::default()
        }));
    }
    match status {
        403 if refusal.is(&NO_SCOPE) => Some(Problem::Forbidden(MissingPermissions {
            missing: scopes(reply),
            message,
            ..MissingPermissions::default()
        })),
        400 | 403 | 409 | 412 => refused(status, &refusal, message),
        _ => None,
    }
}

/// What a refusal means that is about the object or the values.
fn refused(status: u16, refusal: &Refusal, message: String) -> Option<Problem> {
    let is_last = refusal.speaks_of(&["last ", "only ", "at least one"]);
    if is_last && refusal.speaks_of(&["super admin", "administrator"]) {
        return Some(Problem::guarded("last-admin", message));
    }
    if is_last && refusal.speaks_of(&["owner"]) {
        return Some(Problem::guarded("last-owner", message));
    }
    if refusal.is(&["limitExceeded"]) || says_none_is_left(&refusal.message) {
        return Some(Problem::no_seat_left(message));
    }
    match status {
        400 if refusal.speaks_of(&["pagetoken", "page token", "page_token"]) => {
            Some(Problem::CursorExpired)
        }
        400 | 409 if refusal.is(&["duplicate", "entityExists", "memberAlreadyExists"]) => {
            Some(Problem::Conflict(None))
        }
        400 => {
            let field = refusal
                .location
                .clone()
                .unwrap_or_else(|| field_in(&refusal.message));
            let rule = if refusal.is(&["required"]) {
                "required"
            } else {
                "rejected"
            };
            Some(Problem::invalid(field, rule, message))
        }
        403 => Some(Problem::forbidden(Vec::<String>::new(), message)),
        412 => Some(Problem::Stale(None)),
        _ => None,
    }
}

/// The field in `Invalid Input: primary_user_email`; empty if what follows is more than a word.
fn field_in(message: &str) -> String {
    let rest = message.strip_prefix("Invalid Input: ").unwrap_or_default();
    let is_word = |char: char| char.is_ascii_alphanumeric() || "_.".contains(char);
    if rest.chars().all(is_word) {
        rest.to_owned()
    } else {
        String::new()
    }
}

/// The scopes that `WWW-Authenticate` asks for: any one of them would do.
fn scopes(reply: &Reply) -> Vec<String> {
    let header = reply.header("www-authenticate").unwrap_or_default();
    let rest = header.split_once("scope=\"").map(|(_, rest)| rest);
    let list = rest
        .and_then(|rest| rest.split_once('"'))
        .map(|(list, _)| list);
    list.unwrap_or_default()
        .split_whitespace()
        .map(str::to_owned)
        .collect()
}

/// A text of Google's without mail addresses, shortened, on one line.
fn without_addresses(text: &str) -> String {
    let words = text.split_whitespace();
    let plain = words.map(|word| {
        if word.contains('@') {
            "(an address)"
        } else {
            word
        }
    });
    plain
        .collect::<Vec<_>>()
        .join(" ")
        .chars()
        .take(TEXT_MAX)
        .collect()
}

#[cfg(test)]
mod tests {
    use muster_sdk::{Answer, Api, FakeHost};
    use serde_json::json;

    use super::*;

    fn problem(status: u16, reason: &str, message: &str) -> Problem {
        let body = json!({"error": {"code": status, "message": message, "errors": [
            {"domain": "global", "reason": reason, "message": message},
        ]}});
        let answer = Answer::json(status, body).header("retry-after", "7").header(
            "www-authenticate",
            r#"Bearer realm="https://accounts.google.com/", error="insufficient_scope", scope="a b""#,
        );
        let api = Api::at("https://admin.example").explained_by(of_directory);
        api.post("/x")
            .send(&FakeHost::new().answer(answer))
            .unwrap_err()
    }

    #[test]
    fn too_fast_is_no_missing_permission() {
        for reason in TOO_FAST {
            let problem = problem(403, reason, "Request rate higher than configured.");
            let Problem::RateLimited(hint) = problem else {
                panic!("{reason}: {problem}")
            };
            assert_eq!(
                (hint.after_ms, hint.bucket.as_deref()),
                (Some(7000), Some(DIRECTORY))
            );
        }
        assert!(matches!(
            problem(429, "rateLimitExceeded", ""),
            Problem::RateLimited(_)
        ));
    }

    #[test]
    fn a_missing_scope_is_named() {
        let problem = problem(403, "insufficientPermissions", "Insufficient Permission");
        assert!(matches!(&problem, Problem::Forbidden(lacks) if lacks.missing == ["a", "b"]));
    }

    #[test]
    fn f15_no_seat_left_is_no_capacity_in_every_form_google_has_for_it() {
        for (status, reason, message) in [
            (412, "limitExceeded", "Domain user limit reached."),
            (
                412,
                "conditionNotMet",
                "There aren't enough available licenses for the specified product-SKU pair",
            ),
            (403, "forbidden", "Insufficient archived user licenses"),
        ] {
            let problem = problem(status, reason, message);
            assert!(matches!(problem, Problem::NoCapacity(_)), "{message}");
        }
        assert_eq!(
            problem(412, "conditionNotMet", "Precondition Failed"),
            Problem::Stale(None)
        );
    }

    #[test]
    fn f21_what_google_protects_asks_a_person() {
        let last = problem(
            403,
            "forbidden",
            "Cannot remove the last super administrator",
        );
        assert!(matches!(&last, Problem::Guarded(refusal) if refusal.guard == "last-admin"));
        let owner = problem(400, "invalid", "A group needs at least one owner");
        assert!(matches!(&owner, Problem::Guarded(refusal) if refusal.guard == "last-owner"));
    }

    #[test]
    fn reasons_name_what_is_wrong_without_an_address() {
        assert_eq!(
            problem(409, "duplicate", "Entity already exists."),
            Problem::Conflict(None)
        );
        assert_eq!(
            problem(400, "invalid", "Invalid pageToken value"),
            Problem::CursorExpired
        );
        let invalid = problem(400, "invalid", "Invalid Input: primary_user_email");
        assert!(
            matches!(&invalid, Problem::Invalid(faults) if faults[0].field == "primary_user_email")
        );
        let quoted = problem(
            400,
            "invalid",
            "Invalid Input: ann@example.com is not allowed",
        );
        assert!(!quoted.to_string().contains("ann@"), "{quoted}");
    }
}
