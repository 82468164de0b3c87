//! Who or what did something: the actor that stands in the header of every journal entry.
//!
//! A person at the command line is known by what the kernel says of the socket's other end; the name that
//! they give themselves is kept beside it and never in its place. Texts are bounded and free of control
//! characters from the start, because they are shown on terminals and in reports.

use std::fmt;

use crate::id::{Digest, FeedName, PolicyVersion};

/// Longest name that somebody may give themselves, in characters.
pub const NAME_CHARS_MAX: usize = 64;

/// Longest reason that somebody may give, in characters.
pub const REASON_CHARS_MAX: usize = 500;

/// Who or what did something.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Actor {
    /// Somebody at the command line, over the socket.
    Operator(Operator),
    /// Whoever edited a file of the configuration or put it in place: a policy, a plugin, a secret.
    Editor(Editor),
    /// A file or delivery of a feed.
    File {
        /// The feed.
        feed: FeedName,
        /// The file's name.
        name: String,
        /// SHA-256 of its bytes.
        digest: Digest,
    },
    /// A version of the policy.
    Policy(PolicyVersion),
    /// A date that was reached.
    Date,
    /// A connector: what it did, or saw, at its app.
    Connector(ConnectorVersion),
    /// Muster itself, by its own rules.
    Daemon,
}

/// The owner of a file, as the system says. Several people may share one user, and copying a file makes it the
/// copier's: it is what can be known of an edit.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Editor {
    /// The file, as it was written or found.
    pub file: String,
    /// Its owner; `None` if the file was gone, or nobody edited one.
    pub uid: Option<u32>,
    /// What the system calls this user; empty where it has no name for it.
    pub user: String,
}

/// Which connector.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConnectorVersion {
    /// The name of the plugin's file, without its ending.
    pub plugin: String,
    /// The version that it gives itself.
    pub version: String,
    /// SHA-256 of its file.
    pub digest: Digest,
}

impl Actor {
    /// The person at the command line, where it is one.
    pub fn operator(&self) -> Option<&Operator> {
        match self {
            Actor::Operator(operator) => Some(operator),
            _ => None,
        }
    }
}

impl From<Operator> for Actor {
    fn from(operator: Operator) -> Self {
        Actor::Operator(operator)
    }
}

/// Somebody who gives the daemon an order over its socket.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Operator {
    /// The user at the other end, as the kernel knows it; `None` if it did not say.
    pub uid: Option<u32>,
    /// What the system calls this user; empty where it has no name for it.
    pub user: String,
    /// What they call themselves: several people may share one user.
    pub called: Option<String>,
    /// Why, in their own words.
    pub reason: Option<String>,
}

/// A name or reason that cannot be kept.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum InvalidOperator {
    /// The name is too long.
    #[error("the name is longer than {NAME_CHARS_MAX} characters")]
    Name,
    /// The reason is too long.
    #[error("the reason is longer than {REASON_CHARS_MAX} characters")]
    Reason,
    /// One of them could steer the terminal of whoever reads it.
    #[error("the {0} has a control character in it")]
    Steers(&'static str),
}

impl Operator {
    /// The user with this number, under the name that the system has for it.
    pub fn new(uid: Option<u32>, user: String) -> Self {
        Self {
            uid,
            user,
            ..Self::default()
        }
    }

    /// The same, with what they say of themselves. Blank is nothing.
    pub fn saying(
        self,
        called: Option<&str>,
        reason: Option<&str>,
    ) -> Result<Self, InvalidOperator> {
        let called = said(called, "name", NAME_CHARS_MAX, InvalidOperator::Name)?;
        let reason = said(reason, "reason", REASON_CHARS_MAX, InvalidOperator::Reason)?;
        Ok(Self {
            called,
            reason,
            ..self
        })
    }
}

fn said(
    text: Option<&str>,
    what: &'static str,
    chars_max: usize,
    too_long: InvalidOperator,
) -> Result<Option<String>, InvalidOperator> {
    let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    if text.chars().count() > chars_max {
        return Err(too_long);
    }
    let turns_direction =
        |char: char| matches!(char, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    if text
        .chars()
        .any(|char| char.is_control() || turns_direction(char))
    {
        return Err(InvalidOperator::Steers(what));
    }
    Ok(Some(text.to_owned()))
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        user(f, &self.user, self.uid)?;
        match &self.called {
            Some(called) => write!(f, " as {called}"),
            None => Ok(()),
        }
    }
}

fn user(f: &mut fmt::Formatter<'_>, name: &str, uid: Option<u32>) -> fmt::Result {
    match (name, uid) {
        ("", Some(uid)) => write!(f, "uid {uid}"),
        ("", None) => f.write_str("an unknown user"),
        (name, Some(uid)) => write!(f, "{name} (uid {uid})"),
        (name, None) => f.write_str(name),
    }
}

impl fmt::Display for Editor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        user(f, &self.user, self.uid)?;
        write!(f, ", who owns {}", self.file)
    }
}

impl fmt::Display for ConnectorVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digest = self.digest.short();
        write!(f, "connector {} {} ({digest})", self.plugin, self.version)
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Actor::Operator(operator) => operator.fmt(f),
            Actor::Editor(editor) => editor.fmt(f),
            Actor::File { feed, name, .. } => write!(f, "file {name} of feed {feed}"),
            Actor::Policy(version) => write!(f, "policy {version}"),
            Actor::Date => f.write_str("a date that was reached"),
            Actor::Connector(connector) => connector.fmt(f),
            Actor::Daemon => f.write_str("Muster"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c51_what_somebody_says_of_themselves_stands_beside_what_the_kernel_says() {
        let operator = Operator::new(Some(1000), "ops".to_owned());
        assert_eq!(operator.to_string(), "ops (uid 1000)");
        let operator = operator.saying(Some(" Ann Lee "), Some(" ")).unwrap();
        assert_eq!(operator.to_string(), "ops (uid 1000) as Ann Lee");
        assert_eq!(operator.reason, None);
        assert_eq!(Operator::new(Some(7), String::new()).to_string(), "uid 7");
        assert_eq!(Operator::default().to_string(), "an unknown user");
    }

    #[test]
    fn c51_names_and_reasons_are_bounded_and_cannot_steer_a_terminal() {
        let operator = Operator::default();
        let said = |called: &str, reason: &str| {
            let operator = operator.clone();
            operator.saying(Some(called), Some(reason)).map(drop)
        };
        assert_eq!(said(&"é".repeat(64), &"é".repeat(500)), Ok(()));
        assert_eq!(said(&"a".repeat(65), ""), Err(InvalidOperator::Name));
        assert_eq!(said("", &"a".repeat(501)), Err(InvalidOperator::Reason));
        for bad in ["a\u{1b}[2Jb", "a\nb", "a\u{202e}b"] {
            assert_eq!(said(bad, ""), Err(InvalidOperator::Steers("name")));
            assert_eq!(said("", bad), Err(InvalidOperator::Steers("reason")));
        }
    }
}
