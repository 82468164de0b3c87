//! What a SCIM service means by a refusal: [`explain`], before the status alone decides.
//!
//! RFC 7644 has a `scimType` for some refusals and a text for people in `detail`. A text counts only where it
//! says plainly that no seat is left or that the last owner is protected; otherwise the status decides.

use muster_sdk::{Problem, Reply, says_none_is_left};
use serde_json::Value;

use crate::resource::field;

/// Guards of the contract and words that say each plainly; the first that fits counts. Words that only have to do
/// with it are not enough: "only admins may do this" is a missing permission, and "the current user" is Muster.
const GUARDS: [(&str, &[&str]); 6] = [
    (
        "last-owner",
        &[
            "last owner",
            "last remaining owner",
            "the only owner",
            "sole owner",
            "at least one owner",
            "without an owner",
        ],
    ),
    (
        "last-admin",
        &[
            "last admin",
            "last remaining admin",
            "the only admin",
            "sole admin",
            "at least one admin",
            "without an admin",
        ],
    ),
    ("legal-hold", &["legal hold", "litigation hold"]),
    (
        "self-lockout",
        &[
            "delete yourself",
            "remove yourself",
            "deactivate yourself",
            "disable yourself",
            "suspend yourself",
            "delete your own account",
            "remove your own account",
            "deactivate your own account",
            "disable your own account",
            "suspend your own account",
            "delete your own user",
            "deactivate your own user",
        ],
    ),
    (
        "externally-managed",
        &[
            "is managed by your",
            "is managed externally",
            "is externally managed",
            "is synchronized from",
            "is synced from",
            "is federated",
        ],
    ),
    (
        "protected-account",
        &[
            "user is protected",
            "account is protected",
            "member is protected",
            "protected account",
            "protected user",
            "system account",
            "built-in account",
            "built-in user",
            "cannot be deleted",
        ],
    ),
];

/// What the service says about a refusal.
pub(crate) struct Refusal {
    /// The keyword of RFC 7644 or RFC 9865.
    pub(crate) keyword: String,
    /// The text for people.
    pub(crate) detail: String,
}

impl Refusal {
    /// What the body of a reply says; empty if it says nothing.
    pub(crate) fn of(reply: &Reply) -> Self {
        let body: Value = serde_json::from_slice(reply.body()).unwrap_or_default();
        let text = |name: &str| {
            let found = body.as_object().and_then(|body| field(body, name));
            found.and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        Self {
            keyword: text("scimType"),
            detail: text("detail"),
        }
    }
}

/// What a reply that is not a success means, if the service says more than the status does.
pub(crate) fn explain(reply: &Reply) -> Option<Problem> {
    let refusal = Refusal::of(reply);
    let text = refusal.detail.to_ascii_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    match (reply.status(), refusal.keyword.as_str()) {
        (402, _) => return Some(Problem::no_seat_left(excerpt(&refusal.detail))),
        (400, "expiredCursor" | "invalidCursor") => return Some(Problem::CursorExpired),
        (400 | 403 | 409 | 422, _) => {}
        _ => return None,
    }
    // A keyword says what it is about, and no keyword is about seats.
    if refusal.keyword.is_empty() && says_none_is_left(&text) {
        return Some(Problem::no_seat_left(excerpt(&refusal.detail)));
    }
    for (guard, words) in GUARDS {
        if reply.status() != 400 && has(words) {
            return Some(Problem::guarded(guard, excerpt(&refusal.detail)));
        }
    }
    match (reply.status(), refusal.keyword.as_str()) {
        (400, "uniqueness") => Some(Problem::Conflict(None)),
        (400 | 422, keyword) => {
            let rule = match keyword {
                "mutability" => "immutable",
                "invalidValue" => "format",
                "invalidPath" | "noTarget" => "unknown-field",
                _ => return None,
            };
            Some(Problem::invalid(
                String::new(),
                rule,
                excerpt(&refusal.detail),
            ))
        }
        _ => None,
    }
}

/// The service's text, shortened, on one line.
fn excerpt(text: &str) -> String {
    text.chars()
        .filter(|char| !char.is_control())
        .take(200)
        .collect()
}

#[cfg(test)]
mod tests {
    use muster_sdk::{Answer, Api, FakeHost};
    use serde_json::json;

    use super::*;

    fn problem(status: u16, scim_type: &str, detail: &str) -> Problem {
        let body = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"],
            "status": status.to_string(), "scimType": scim_type, "detail": detail,
        });
        let host = FakeHost::new().answer(Answer::json(status, body));
        let api = Api::at("https://acme.example").explained_by(explain);
        api.delete("/Users").send(&host).unwrap_err()
    }

    #[test]
    fn f21_the_last_owner_is_protected_and_not_merely_forbidden() {
        for (status, detail, guard) in [
            (
                403,
                "Cannot remove the last owner of the organization",
                "last-owner",
            ),
            (409, "The workspace needs at least one admin", "last-admin"),
            (403, "You are the only Owner", "last-owner"),
            (403, "Account is under legal hold", "legal-hold"),
            (403, "You cannot delete yourself", "self-lockout"),
            (
                409,
                "This user is managed by your identity provider",
                "externally-managed",
            ),
        ] {
            let problem = problem(status, "", detail);
            assert!(
                matches!(&problem, Problem::Guarded(refusal) if refusal.guard == guard),
                "{problem:?}"
            );
        }
    }

    #[test]
    fn no_seat_left_is_no_capacity_and_other_refusals_are_not() {
        for (status, detail) in [
            (402, ""),
            (403, "No licenses available"),
            (409, "Seat limit reached for this subscription"),
            (400, "User quota exceeded"),
        ] {
            let problem = problem(status, "", detail);
            assert!(matches!(problem, Problem::NoCapacity(_)), "{detail}");
        }
        assert!(matches!(
            problem(403, "", "Missing scope scim.write"),
            Problem::Forbidden(_)
        ));
        assert!(matches!(
            problem(409, "uniqueness", "userName is taken"),
            Problem::Conflict(None)
        ));
        assert!(matches!(
            problem(400, "uniqueness", "userName is taken"),
            Problem::Conflict(None)
        ));
    }

    #[test]
    fn c52_a_refusal_that_only_speaks_of_a_subscription_keeps_its_words() {
        let refused = problem(403, "", "Not available on your current subscription");
        assert!(
            matches!(&refused, Problem::Forbidden(lacks) if lacks.message.contains("current subscription")),
            "{refused:?}"
        );
        let refused = problem(400, "invalidValue", "license must be one of full, limited");
        assert!(
            matches!(&refused, Problem::Invalid(faults) if faults[0].message.contains("one of full")),
            "{refused:?}"
        );
        // A keyword says what it is about.
        let refused = problem(400, "invalidValue", "seat limit reached");
        assert!(matches!(refused, Problem::Invalid(_)), "{refused:?}");
        let Problem::NoCapacity(Some(seats)) = problem(403, "", "No seats available") else {
            panic!("not understood")
        };
        assert_eq!(
            seats.extra,
            [("message".to_owned(), "No seats available".to_owned())]
        );
    }

    #[test]
    fn c17_what_does_not_say_plainly_that_something_is_protected_is_a_missing_permission() {
        for detail in [
            "The current user is not allowed to do this",
            "Only admins may deactivate users",
            "This API is protected by scopes",
            "Administrator approval is the last step, at least",
            "Data retention is managed by the owner",
            "You may only use your own account's token",
        ] {
            let problem = problem(403, "", detail);
            assert!(
                matches!(problem, Problem::Forbidden(_)),
                "{detail}: {problem:?}"
            );
        }
    }

    #[test]
    fn keywords_name_the_rule_that_a_value_breaks() {
        for (keyword, rule) in [
            ("mutability", "immutable"),
            ("invalidValue", "format"),
            ("noTarget", "unknown-field"),
        ] {
            let problem = problem(400, keyword, "no");
            assert!(
                matches!(&problem, Problem::Invalid(faults) if faults[0].rule == rule),
                "{problem:?}"
            );
        }
        assert_eq!(problem(400, "expiredCursor", ""), Problem::CursorExpired);
    }
}
