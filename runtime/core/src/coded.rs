//! Errors that a person reads: each has a code with a page under `docs/errors/`, a sentence, and a
//! hint that says what to do next.
//!
//! [`Coded`] is what an error type implements so that the command line and the HTTP answers can
//! show it.

use crate::finding::Code;

/// An error with a code and a way out.
pub trait Coded: std::error::Error {
    /// The code; `docs/errors/<CODE>.md` explains it.
    fn code(&self) -> Code;

    /// What to do next, as a sentence without a full stop.
    fn hint(&self) -> String;
}

/// An error and all of its causes in one line: `first: because: because`. A cause that was quoted already is
/// left out: not every crate keeps its causes out of its own words.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let because = cause.to_string();
        if !text.contains(&because) {
            text.push_str(": ");
            text.push_str(&because);
        }
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("could not read `a`")]
    struct Outer(#[source] std::num::ParseIntError);

    #[test]
    fn a_chain_names_every_cause_once() {
        let cause = "x".parse::<u8>().unwrap_err();
        let text = chain(&Outer(cause.clone()));
        assert_eq!(text, format!("could not read `a`: {cause}"));
    }

    #[derive(Debug, thiserror::Error)]
    #[error("could not start: {0}")]
    struct Quotes(#[source] std::num::ParseIntError);

    #[test]
    fn a_cause_that_was_quoted_is_not_said_again() {
        let cause = "x".parse::<u8>().unwrap_err();
        let text = chain(&Quotes(cause.clone()));
        assert_eq!(text, format!("could not start: {cause}"));
    }
}
