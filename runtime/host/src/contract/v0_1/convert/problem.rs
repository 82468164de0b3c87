//! Why a call did not succeed, in the core's words.

use muster_core::connector as core;

use super::from_guest::object;
use crate::contract::Reported;
use crate::contract::v0_1::bindings::muster::connector::types as wit;
use crate::failure::{Garbage, cut, plugin_failed};

/// A problem that a plugin reports, which may itself break the contract. `sent`: a request had left.
pub(crate) fn reported(problem: wit::Problem, sent: bool) -> Reported {
    let bucket = match &problem {
        wit::Problem::RateLimited(hint) => hint.bucket.clone(),
        _ => None,
    };
    Reported {
        problem: from_guest(problem, sent).unwrap_or_else(|garbage| plugin_failed(garbage, sent)),
        bucket,
    }
}

fn from_guest(problem: wit::Problem, sent: bool) -> Result<core::Problem, Garbage> {
    Ok(match problem {
        wit::Problem::Transient(hint) => core::Problem::Transient {
            text: cut(&hint.message),
            after_ms: hint.after_ms,
        },
        wit::Problem::RateLimited(hint) => core::Problem::RateLimited {
            after_ms: hint.after_ms,
        },
        wit::Problem::OutcomeUnknown(text) => core::Problem::OutcomeUnknown(cut(&text)),
        wit::Problem::CursorExpired => core::Problem::CursorExpired,
        wit::Problem::TokenExpired => core::Problem::TokenExpired,
        wit::Problem::Unauthenticated(text) => core::Problem::Unauthenticated(cut(&text)),
        wit::Problem::Forbidden(missing) => core::Problem::Forbidden(lacks(&missing)),
        wit::Problem::NotFound(gone) => core::Problem::NotFound(Some(object(gone)?)),
        wit::Problem::Conflict(other) => core::Problem::Conflict(other.map(object).transpose()?),
        wit::Problem::Stale(_) => core::Problem::Stale,
        wit::Problem::Invalid(faults) => core::Problem::Invalid(fields(&faults)),
        wit::Problem::NoCapacity(seats) => core::Problem::NoCapacity(capacity(seats)),
        wit::Problem::Guarded(refusal) => core::Problem::Guarded(guard(&refusal)),
        wit::Problem::Unsupported(text) => core::Problem::Unsupported(cut(&text)),
        wit::Problem::RemoteDefect(text) => core::Problem::RemoteDefect(cut(&text)),
        wit::Problem::PluginDefect(text) => core::Problem::PluginFailed {
            text: cut(&text),
            sent,
        },
    })
}

fn lacks(missing: &wit::MissingPermissions) -> Vec<String> {
    if missing.missing.is_empty() && !missing.message.is_empty() {
        return vec![format!("a permission: {}", cut(&missing.message))];
    }
    missing
        .missing
        .iter()
        .take(100)
        .map(|permission| cut(permission))
        .collect()
}

/// Fields with what is wrong with them.
pub(crate) fn fields(faults: &[wit::FieldFault]) -> Vec<(String, String)> {
    let words = |fault: &wit::FieldFault| match (fault.rule.as_str(), fault.message.as_str()) {
        ("", message) => cut(message),
        (rule, "") => cut(rule),
        (rule, message) => cut(&format!("{rule}: {message}")),
    };
    let mut fields: Vec<(String, String)> = faults
        .iter()
        .take(100)
        .map(|fault| (cut(&fault.field), words(fault)))
        .collect();
    if fields.is_empty() {
        fields.push((
            "?".to_owned(),
            "the app did not say which value it refuses".to_owned(),
        ));
    }
    fields
}

fn capacity(seats: Option<wit::SeatFacts>) -> String {
    let Some(seats) = seats else {
        return "the app did not say of what".to_owned();
    };
    let said = seats.extra.iter().find(|(name, _)| name == "message");
    if let (true, Some((_, text))) = (seats.sku.is_empty(), said) {
        return cut(&format!("the app says: {text}"));
    }
    let number =
        |count: Option<u32>| count.map_or_else(|| "?".to_owned(), |count| count.to_string());
    cut(&format!(
        "{} ({} of {} in use)",
        seats.sku,
        number(seats.consumed),
        number(seats.purchased)
    ))
}

fn guard(refusal: &wit::GuardRefusal) -> String {
    if refusal.message.is_empty() {
        cut(&refusal.guard)
    } else {
        cut(&format!("{}: {}", refusal.guard, refusal.message))
    }
}
