//! What a reply that is not a success, or no reply at all, means: the table behind [`Call::send`].
//!
//! The difference that matters is whether a change may have happened. A write whose reply was lost, or that
//! failed inside the app, is `OutcomeUnknown`: the host reads before it tries again. A read can always be
//! repeated.
//!
//! [`Call::send`]: crate::Call::send

use crate::host::HttpFault;
use crate::http::Reply;
use crate::object::ObjectRef;
use crate::problem::{MissingPermissions, Problem, RetryHint};

/// The longest text of the app's that is passed on, in characters.
const EXCERPT_MAX: usize = 200;

/// Whether a request can have changed something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    Reads,
    Writes,
}

/// What it means that there is no reply.
pub(crate) fn of_fault(
    fault: HttpFault,
    effect: Effect,
    server: &str,
    bucket: Option<String>,
) -> Problem {
    match (fault, effect) {
        (HttpFault::DeniedByPolicy(text), _) => {
            let missing = format!("network:{server}");
            Problem::forbidden([missing], format!("refused by the host: {text}"))
        }
        (HttpFault::NotSent(text), _) => Problem::transient(format!("not sent: {text}")),
        (HttpFault::BudgetSpent(text), _) => {
            let message = format!("not sent: {text}");
            Problem::RateLimited(RetryHint {
                bucket,
                message,
                ..RetryHint::default()
            })
        }
        (HttpFault::SentNoReply(text), Effect::Reads) => {
            Problem::transient(format!("no reply: {text}"))
        }
        (HttpFault::TooLarge(text), Effect::Reads) => {
            Problem::remote_defect(format!("the reply is too large: {text}"))
        }
        (HttpFault::SentNoReply(text), Effect::Writes) => {
            Problem::OutcomeUnknown(format!("sent, no reply: {text}"))
        }
        (HttpFault::TooLarge(text), Effect::Writes) => {
            Problem::OutcomeUnknown(format!("the reply is too large: {text}"))
        }
    }
}

/// What a status means that is neither 2xx nor accepted.
pub(crate) fn of_reply(reply: &Reply, about: Option<ObjectRef>) -> Problem {
    let message = || match excerpt(reply) {
        Some(text) => format!("{}: {text}", reply.described()),
        None => reply.described(),
    };
    let hint = || RetryHint {
        after_ms: reply.retry_after_ms(),
        bucket: reply.bucket(),
        message: message(),
        ..RetryHint::default()
    };
    match (reply.status(), reply.effect()) {
        (401, _) => Problem::Unauthenticated(message()),
        (403, _) => Problem::Forbidden(MissingPermissions {
            message: message(),
            ..MissingPermissions::default()
        }),
        (404 | 410, _) => match about {
            Some(object) => Problem::not_found(object),
            None => Problem::RemoteDefect(format!("{}; is the address right?", message())),
        },
        (409, _) => Problem::Conflict(None),
        (412, _) => Problem::Stale(reply.header("etag").map(str::to_owned)),
        (429, _) => Problem::RateLimited(hint()),
        (501, _) => Problem::Unsupported(message()),
        // When to come back says nothing about what was done: apps fail after they have written, and what stands
        // in front of them adds the header.
        (503, Effect::Reads) if reply.retry_after_ms().is_some() => Problem::RateLimited(hint()),
        (425, _) | (408 | 500.., Effect::Reads) => Problem::Transient(hint()),
        (408 | 500.., Effect::Writes) => Problem::OutcomeUnknown(message()),
        (400..500, _) => Problem::invalid("", "rejected", message()),
        (..400, _) => Problem::RemoteDefect(message()),
    }
}

/// What the app says in one of the places where apps say it, shortened. No other part of a body is passed on.
fn excerpt(reply: &Reply) -> Option<String> {
    const PLACES: [&str; 6] = [
        "/detail",
        "/error/message",
        "/error_description",
        "/message",
        "/errors/0/message",
        "/error",
    ];
    let body: serde_json::Value = serde_json::from_slice(reply.body()).ok()?;
    let text = PLACES
        .iter()
        .find_map(|place| body.pointer(place)?.as_str())?;
    Some(
        text.chars()
            .filter(|char| !char.is_control())
            .take(EXCERPT_MAX)
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Answer, Api, Call, FakeHost};

    fn api() -> Api {
        Api::at("https://acme.example").bucket("b")
    }

    fn problem(call: Call, answer: Answer) -> Problem {
        call.send_json::<serde_json::Value>(&FakeHost::new().answer(answer))
            .unwrap_err()
    }

    fn read(answer: Answer) -> Problem {
        problem(api().get("/users"), answer)
    }

    fn write(answer: Answer) -> Problem {
        problem(api().post("/users"), answer)
    }

    #[test]
    fn a_lost_reply_to_a_write_is_an_unknown_outcome_and_a_read_is_repeated() {
        let lost = || Answer::fault(HttpFault::SentNoReply("reset".into()));
        assert!(matches!(write(lost()), Problem::OutcomeUnknown(_)));
        assert!(matches!(read(lost()), Problem::Transient(_)));
        assert!(matches!(
            problem(api().post("/search").reads(), lost()),
            Problem::Transient(_)
        ));
        let huge = || Answer::fault(HttpFault::TooLarge("8 MiB".into()));
        assert!(matches!(write(huge()), Problem::OutcomeUnknown(_)));
        assert!(matches!(read(huge()), Problem::RemoteDefect(_)));
    }

    #[test]
    fn what_was_not_sent_changed_nothing() {
        let fault = |fault: HttpFault| write(Answer::fault(fault));
        assert!(matches!(
            fault(HttpFault::NotSent("no name".into())),
            Problem::Transient(_)
        ));
        let spent = fault(HttpFault::BudgetSpent("20".into()));
        assert!(matches!(spent, Problem::RateLimited(hint) if hint.bucket.as_deref() == Some("b")));
        let Problem::Forbidden(denied) = fault(HttpFault::DeniedByPolicy("add a line".into()))
        else {
            panic!("not forbidden")
        };
        assert_eq!(denied.missing, ["network:acme.example"]);
        assert!(
            denied.message.contains("add a line"),
            "what would allow it is passed on"
        );
    }

    #[test]
    fn c19_a_failure_inside_the_app_is_unknown_after_a_write_also_where_it_says_when_to_return() {
        for status in [408, 500, 502, 503, 504, 599] {
            assert!(
                matches!(write(Answer::status(status)), Problem::OutcomeUnknown(_)),
                "{status}"
            );
            assert!(
                matches!(read(Answer::status(status)), Problem::Transient(_)),
                "{status}"
            );
        }
        for status in [500, 502, 503, 504] {
            let busy = write(Answer::status(status).header("retry-after", "2"));
            assert!(
                matches!(busy, Problem::OutcomeUnknown(_)),
                "{status}: {busy}"
            );
        }
        let busy = read(Answer::status(503).header("retry-after", "2"));
        assert!(matches!(busy, Problem::RateLimited(hint) if hint.after_ms == Some(2000)));
    }

    #[test]
    fn each_status_has_its_case() {
        assert!(matches!(
            read(Answer::status(401)),
            Problem::Unauthenticated(_)
        ));
        assert!(matches!(read(Answer::status(403)), Problem::Forbidden(_)));
        assert!(matches!(
            write(Answer::status(409)),
            Problem::Conflict(None)
        ));
        let stale = write(Answer::status(412).header("ETag", "W/5"));
        assert_eq!(stale, Problem::Stale(Some("W/5".into())));
        assert!(matches!(
            write(Answer::status(501)),
            Problem::Unsupported(_)
        ));
        let late = "Sun, 22 Nov 2026 08:00:10 GMT";
        let limited = read(Answer::status(429).header("Retry-After", late));
        assert!(matches!(limited, Problem::RateLimited(hint) if hint.after_ms == Some(10_000)));
        assert!(
            matches!(read(Answer::status(429)), Problem::RateLimited(hint) if hint.after_ms.is_none())
        );
        let refused = write(Answer::json(400, r#"{"detail": "userName is taken"}"#));
        assert!(
            matches!(refused, Problem::Invalid(f) if f[0].message.ends_with("userName is taken"))
        );
    }

    #[test]
    fn not_found_needs_an_object_otherwise_the_address_is_wrong() {
        let user = ObjectRef::new("user", "7");
        assert_eq!(
            problem(api().get("/users").about(&user), Answer::status(404)),
            Problem::not_found(user)
        );
        assert!(matches!(
            read(Answer::status(404)),
            Problem::RemoteDefect(_)
        ));
        let none: Option<String> = api()
            .get("/users")
            .find_json(&FakeHost::new().answer(Answer::status(410)))
            .unwrap();
        assert_eq!(none, None);
    }

    #[test]
    fn a_reply_that_is_not_json_is_never_a_success() {
        let login = || Answer::text(200, "text/html", "<html>Sign in</html>");
        for answer in [login(), Answer::status(200), Answer::json(200, "{\"a\":")] {
            assert!(matches!(read(answer.clone()), Problem::RemoteDefect(_)));
            assert!(matches!(write(answer), Problem::OutcomeUnknown(_)));
        }
        let redirect = read(Answer::status(302).header("location", "/login"));
        assert!(matches!(redirect, Problem::RemoteDefect(_)));
    }

    #[test]
    fn an_error_never_quotes_a_value_of_the_reply() {
        let answer = Answer::json(200, r#"{"id": "canary-7"}"#);
        let wrong = api()
            .get("/u")
            .send_json::<Vec<u8>>(&FakeHost::new().answer(answer))
            .unwrap_err();
        assert!(!wrong.to_string().contains("canary"), "{wrong}");
    }

    #[test]
    fn an_app_that_explains_itself_is_asked_first() {
        fn explain(reply: &Reply) -> Option<Problem> {
            (reply.status() == 403).then_some(Problem::NoCapacity(None))
        }
        let call = || api().explained_by(explain).post("/users");
        assert_eq!(
            problem(call(), Answer::status(403)),
            Problem::NoCapacity(None)
        );
        assert!(matches!(
            problem(call(), Answer::status(401)),
            Problem::Unauthenticated(_)
        ));
    }

    #[test]
    fn an_address_or_id_that_cannot_be_right_is_never_sent() {
        let host = FakeHost::new();
        for base in [
            "",
            "acme.example",
            "https://",
            "https://a@b",
            "ftp://x",
            "https://x?y",
        ] {
            assert!(
                matches!(
                    Api::at(base).get("/u").send(&host),
                    Err(Problem::Invalid(_))
                ),
                "{base}"
            );
        }
        let empty = api()
            .delete(crate::Path::new("/users").push(""))
            .send(&host);
        assert!(matches!(empty, Err(Problem::Invalid(_))));
        assert_eq!(host.requests(), []);
    }
}
