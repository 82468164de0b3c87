//! Layout 1 of what waits for a person, and of what became of it.

use muster_core::correlation::{Candidate, Doubtful};
use muster_core::hold as core;
use serde::{Deserialize, Serialize};

use super::connector::Catalogue;
use super::fact::{Counts, Finding};
use super::feed::FeedFile;
use super::identity::Identity;
use super::parts::{Fixed, Who, feed, target};
use super::policy::PolicySource;
use crate::codec::{Unreadable, instant, micros};

/// What a hold is about.
#[derive(Serialize, Deserialize)]
pub(crate) enum About<'a> {
    #[serde(rename = "f")]
    File(&'a str),
    #[serde(rename = "p")]
    Policy,
    #[serde(rename = "d")]
    Dates,
    #[serde(rename = "k")]
    Clock,
    #[serde(rename = "r")]
    Retired(&'a str),
    #[serde(rename = "c")]
    Catalogue(&'a str),
    #[serde(rename = "w", borrow)]
    Record(Who<'a>),
}

impl<'a> About<'a> {
    pub(crate) fn of(about: &'a core::About) -> Self {
        match about {
            core::About::File(feed) => About::File(feed.as_str()),
            core::About::Policy => About::Policy,
            core::About::Dates => About::Dates,
            core::About::Clock => About::Clock,
            core::About::Retired(feed) => About::Retired(feed.as_str()),
            core::About::Catalogue(target) => About::Catalogue(target.as_str()),
            core::About::Record(record) => About::Record(Who::of(record)),
        }
    }

    pub(crate) fn into_core(self) -> Result<core::About, Unreadable> {
        Ok(match self {
            About::File(name) => core::About::File(feed(name)?),
            About::Policy => core::About::Policy,
            About::Dates => core::About::Dates,
            About::Clock => core::About::Clock,
            About::Retired(name) => core::About::Retired(feed(name)?),
            About::Catalogue(name) => core::About::Catalogue(target(name)?),
            About::Record(record) => core::About::Record(record.into_core()?),
        })
    }
}

/// What became of something that was held.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub(crate) enum End {
    #[serde(rename = "a")]
    Approved,
    #[serde(rename = "r")]
    Replaced,
    #[serde(rename = "g")]
    GivenUp,
    #[serde(rename = "o")]
    Over,
}

impl End {
    pub(crate) fn of(end: core::End) -> Self {
        match end {
            core::End::Approved => End::Approved,
            core::End::Replaced => End::Replaced,
            core::End::GivenUp => End::GivenUp,
            core::End::Over => End::Over,
        }
    }

    pub(crate) fn into_core(self) -> core::End {
        match self {
            End::Approved => core::End::Approved,
            End::Replaced => core::End::Replaced,
            End::GivenUp => core::End::GivenUp,
            End::Over => core::End::Over,
        }
    }
}

#[derive(Serialize, Deserialize)]
enum What<'a> {
    #[serde(rename = "f", borrow)]
    File(FeedFile<'a>),
    #[serde(rename = "p", borrow)]
    Policy(PolicySource<'a>),
    #[serde(rename = "d", borrow)]
    Dates(Vec<Who<'a>>),
    #[serde(rename = "k")]
    Clock,
    #[serde(rename = "r")]
    Retired(&'a str),
    /// Target, what it can give, what changed.
    #[serde(rename = "c")]
    Catalogue(&'a str, #[serde(borrow)] Catalogue<'a>, &'a str),
    /// The record, what it says and where, and whose it may be with the keys that agree.
    #[serde(rename = "w")]
    Record(
        #[serde(borrow)] Who<'a>,
        #[serde(borrow)] Identity<'a>,
        Option<u32>,
        #[serde(borrow)] Vec<(Who<'a>, Vec<&'a str>)>,
    ),
}

impl<'a> What<'a> {
    fn of(what: &'a core::What) -> Self {
        match what {
            core::What::File(file) => What::File(FeedFile::of(file)),
            core::What::Policy(source) => What::Policy(PolicySource::of(source)),
            core::What::Dates(people) => What::Dates(people.iter().map(Who::of).collect()),
            core::What::Clock => What::Clock,
            core::What::Retired(feed) => What::Retired(feed.as_str()),
            core::What::Catalogue {
                target,
                entitlements,
                changed,
            } => What::Catalogue(target.as_str(), Catalogue::of(entitlements, 0), changed),
            core::What::Record(doubtful) => {
                let candidates = doubtful.candidates.iter().map(|candidate| {
                    let keys = candidate.keys.iter().map(String::as_str);
                    (Who::of(&candidate.person), keys.collect())
                });
                What::Record(
                    Who::of(&doubtful.record),
                    Identity::of(&doubtful.identity),
                    doubtful.row,
                    candidates.collect(),
                )
            }
        }
    }

    fn into_core(self) -> Result<core::What, Unreadable> {
        Ok(match self {
            What::File(file) => core::What::File(file.into_core()?),
            What::Policy(source) => core::What::Policy(source.into_core()?.into()),
            What::Dates(people) => {
                let people = people.into_iter().map(Who::into_core);
                core::What::Dates(people.collect::<Result<_, _>>()?)
            }
            What::Clock => core::What::Clock,
            What::Retired(name) => core::What::Retired(feed(name)?),
            What::Catalogue(name, catalogue, changed) => core::What::Catalogue {
                target: target(name)?,
                entitlements: catalogue.into_core(),
                changed: changed.to_owned(),
            },
            What::Record(record, identity, row, candidates) => {
                let candidates = candidates.into_iter().map(|(person, keys)| {
                    Ok(Candidate {
                        person: person.into_core()?,
                        keys: keys.into_iter().map(str::to_owned).collect(),
                    })
                });
                core::What::Record(Doubtful {
                    record: record.into_core()?,
                    identity: identity.into_core()?,
                    row,
                    candidates: candidates.collect::<Result<_, Unreadable>>()?,
                })
            }
        })
    }
}

/// Something that waits for a person.
#[derive(Serialize, Deserialize)]
pub(crate) struct Hold<'a> {
    #[serde(borrow)]
    what: What<'a>,
    plan: Option<Fixed<32>>,
    #[serde(borrow)]
    reasons: Vec<Finding<'a>>,
    #[serde(borrow)]
    counts: Counts<'a>,
    since: i64,
}

impl<'a> Hold<'a> {
    pub(crate) fn of(hold: &'a core::Hold) -> Self {
        Hold {
            what: What::of(&hold.what),
            plan: hold.plan.map(Fixed::from),
            reasons: hold.reasons.iter().map(Finding::of).collect(),
            counts: Counts::of(&hold.counts),
            since: micros(hold.since),
        }
    }

    pub(crate) fn into_core(self) -> Result<core::Hold, Unreadable> {
        let reasons = self.reasons.into_iter().map(Finding::into_core);
        Ok(core::Hold {
            what: self.what.into_core()?,
            plan: self.plan.map(Into::into),
            reasons: reasons.collect::<Result<_, _>>()?,
            counts: self.counts.into_core()?,
            since: instant(self.since)?,
        })
    }
}
