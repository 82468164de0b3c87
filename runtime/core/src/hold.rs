//! What waits for a person: a file, an edited policy, dates beyond a budget, what a target can give by now, a feed
//! that is used no more, a clock that is far ahead.
//!
//! All of them wait in one way. Nothing of what is held has taken effect; it is approved by the digest of the plan that
//! was shown, and by nothing else; and the journal has when it came to wait, what became of it, and who decided that.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;

use crate::connector::Entitlement;
use crate::correlation::Doubtful;
use crate::fact::{Counts, Fact, FeedFile};
use crate::finding::Finding;
use crate::id::{Digest, FeedName, PersonId, TargetName};
use crate::policy::PolicySource;

/// Something that waits for a person.
#[derive(Clone, PartialEq, Debug)]
pub struct Hold {
    /// What waits.
    pub what: What,
    /// The digest of the plan that it would lead to; approving names it. `None` if it cannot lead to one as it is.
    pub plan: Option<Digest>,
    /// Why it waits.
    pub reasons: Vec<Finding>,
    /// What it would change, in numbers.
    pub counts: Counts,
    /// Since when it waits. Of a plan that came out otherwise meanwhile it is still the first instant: news of the
    /// people of a held file counts from then on, and not the file.
    pub since: Timestamp,
}

/// What waits.
#[derive(Clone, PartialEq, Debug)]
pub enum What {
    /// A file, or an event as one.
    File(FeedFile),
    /// A policy. The one before decides until it is approved.
    Policy(Arc<PolicySource>),
    /// People whose date has come, and who are more than go without asking.
    Dates(Vec<PersonId>),
    /// That the clock is right.
    Clock,
    /// That everybody of a retired feed leaves.
    Retired(FeedName),
    /// What a target can give now. What it could give before decides until then.
    Catalogue {
        /// The target.
        target: TargetName,
        /// Everything it can give.
        entitlements: Vec<Entitlement>,
        /// What changed, for people.
        changed: String,
    },
    /// A record of which it is not known whose it is.
    Record(Doubtful),
}

/// What a hold is about. One thing waits about each of these: what comes to be held later takes its place.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum About {
    /// A file of this feed.
    File(FeedName),
    /// The policy.
    Policy,
    /// The days that come.
    Dates,
    /// The machine's clock.
    Clock,
    /// The end of this feed.
    Retired(FeedName),
    /// What this target can give.
    Catalogue(TargetName),
    /// Whose this record is.
    Record(PersonId),
}

/// What became of something that was held.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// A person approved it, and it took effect.
    Approved,
    /// Something newer took its place.
    Replaced,
    /// It was taken back: a file out of its folder, an edit out of the policy.
    GivenUp,
    /// Nothing is left that a person would have to decide.
    Over,
}

impl What {
    /// What it is about.
    pub fn about(&self) -> About {
        match self {
            What::File(file) => About::File(file.feed.clone()),
            What::Policy(_) => About::Policy,
            What::Dates(_) => About::Dates,
            What::Clock => About::Clock,
            What::Retired(feed) => About::Retired(feed.clone()),
            What::Catalogue { target, .. } => About::Catalogue(target.clone()),
            What::Record(doubtful) => About::Record(doubtful.record.clone()),
        }
    }
}

impl Hold {
    /// What it is about.
    pub fn about(&self) -> About {
        self.what.about()
    }

    /// The file, where one waits.
    pub fn file(&self) -> Option<&FeedFile> {
        match &self.what {
            What::File(file) => Some(file),
            _ => None,
        }
    }

    /// What it is called in a listing.
    pub fn title(&self) -> String {
        match &self.what {
            What::File(file) => file.name.clone(),
            What::Policy(_) => "the policy".to_owned(),
            What::Dates(_) => "dates that have come".to_owned(),
            What::Clock => "the clock, which is far ahead".to_owned(),
            What::Retired(feed) => format!("the end of feed {feed}"),
            What::Catalogue {
                target, changed, ..
            } => format!("what {target} can give: {changed}"),
            What::Record(doubtful) => format!("whose record {} is", doubtful.record),
        }
    }

    /// The fact that it waits no longer.
    pub fn decided(&self, end: End) -> Fact {
        Fact::HoldDecided {
            about: self.about(),
            plan: self.plan,
            end,
        }
    }

    /// The same hold of a file once its feed has another name.
    #[must_use]
    pub fn of_renamed_feed(mut self, from: &FeedName, to: &FeedName) -> Self {
        if let What::File(file) = &mut self.what {
            file.feed = to.clone();
        }
        for reason in &mut self.reasons {
            if let Some(subject) = reason.subject.of_renamed_feed(from, to) {
                reason.subject = subject;
            }
        }
        self
    }
}

impl fmt::Display for About {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            About::File(feed) => write!(f, "feed {feed}"),
            About::Policy => f.write_str("the policy"),
            About::Dates => f.write_str("the dates that have come"),
            About::Clock => f.write_str("the clock"),
            About::Retired(feed) => write!(f, "the end of feed {feed}"),
            About::Catalogue(target) => write!(f, "what {target} can give"),
            About::Record(record) => write!(f, "whose record {record} is"),
        }
    }
}

impl End {
    /// The word for it in tables and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            End::Approved => "approved",
            End::Replaced => "replaced",
            End::GivenUp => "given-up",
            End::Over => "over",
        }
    }
}
