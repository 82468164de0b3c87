//! Layout 1 of facts, and of the plans and findings that the tables keep.

use std::time::Duration;

use muster_core::fact as core;
use muster_core::finding;
use muster_core::id::{OperationId, PlanId};
use serde::{Deserialize, Serialize};

use super::actor::{Actor, ConnectorVersion, Operator};
use super::connector::{Catalogue, EntitlementKey};
use super::feed::{ArrivalChange, Arrived, FeedFile, codes, codes_into_core};
use super::hold::{About, End, Hold};
use super::identity::{Identity, Phase};
use super::operation::{Operation, Transition};
use super::parts::{Fixed, Pairs, Who, feed, policy, target};
use super::person::{Decision, Justifications, Sighting};
use super::policy::PolicySource;
use super::question::Question;
use super::record::RecordsPlanned;
use super::standing::Decided;
use super::subject::Subject;
use crate::codec::{Unreadable, append, instant, micros};
use crate::kept;

#[derive(Serialize, Deserialize)]
pub(crate) enum Cause<'a> {
    #[serde(rename = "f")]
    File(&'a str, &'a str, Fixed<32>),
    #[serde(rename = "p")]
    Policy,
    #[serde(rename = "d")]
    Date,
    #[serde(rename = "o", borrow)]
    Operator(Operator<'a>),
    #[serde(rename = "r")]
    Reference,
    #[serde(rename = "t")]
    FeedRetired(&'a str),
}

#[derive(Clone, Copy, Serialize, Deserialize)]
pub(crate) enum Kind {
    #[serde(rename = "j")]
    Joiner,
    #[serde(rename = "r")]
    Rehire,
    #[serde(rename = "m")]
    Mover,
    #[serde(rename = "l")]
    Leaver,
    #[serde(rename = "u")]
    Update,
}

impl Kind {
    fn of(kind: core::Kind) -> Self {
        match kind {
            core::Kind::Joiner => Kind::Joiner,
            core::Kind::Rehire => Kind::Rehire,
            core::Kind::Mover => Kind::Mover,
            core::Kind::Leaver => Kind::Leaver,
            core::Kind::Update => Kind::Update,
        }
    }

    fn into_core(self) -> core::Kind {
        match self {
            Kind::Joiner => core::Kind::Joiner,
            Kind::Rehire => core::Kind::Rehire,
            Kind::Mover => core::Kind::Mover,
            Kind::Leaver => core::Kind::Leaver,
            Kind::Update => core::Kind::Update,
        }
    }
}

/// How many people and operations, of a plan and of what waits.
#[derive(Serialize, Deserialize)]
pub(crate) struct Counts<'a> {
    people: Vec<(Kind, u32)>,
    #[serde(borrow)]
    operations: Pairs<&'a str, Pairs<&'a str, u32>>,
}

impl<'a> Counts<'a> {
    pub(crate) fn of(counts: &'a core::Counts) -> Self {
        let people = counts.people.iter();
        let operations = counts.operations.iter();
        Counts {
            people: people
                .map(|(kind, count)| (Kind::of(*kind), *count))
                .collect(),
            operations: Pairs(
                operations
                    .map(|(target, verbs)| {
                        let verbs = verbs.iter();
                        let verbs = verbs.map(|(verb, count)| (verb.as_str(), *count));
                        (target.as_str(), Pairs(verbs.collect()))
                    })
                    .collect(),
            ),
        }
    }

    pub(crate) fn into_core(self) -> Result<core::Counts, Unreadable> {
        let people = self.people.into_iter();
        let operations = self.operations.0.into_iter();
        Ok(core::Counts {
            people: people
                .map(|(kind, count)| (kind.into_core(), count))
                .collect(),
            operations: operations
                .map(|(name, verbs)| {
                    let verbs = verbs.0.into_iter();
                    let verbs = verbs.map(|(verb, count)| (verb.to_owned(), count));
                    Ok((target(name)?, verbs.collect()))
                })
                .collect::<Result<_, Unreadable>>()?,
        })
    }
}

/// A plan's head.
#[derive(Serialize, Deserialize)]
pub(crate) struct Plan<'a> {
    id: u64,
    #[serde(borrow)]
    cause: Cause<'a>,
    policy: &'a str,
    digest: Fixed<32>,
    #[serde(borrow)]
    counts: Counts<'a>,
    /// The number of the first part, and whether this is the last.
    part: Option<(u64, bool)>,
}

impl<'a> Plan<'a> {
    pub(crate) fn of(plan: &'a core::Plan) -> Self {
        Plan {
            id: plan.id.0,
            cause: match &plan.cause {
                core::Cause::File { feed, name, digest } => {
                    Cause::File(feed.as_str(), name, (*digest).into())
                }
                core::Cause::Policy => Cause::Policy,
                core::Cause::Date => Cause::Date,
                core::Cause::Reference => Cause::Reference,
                core::Cause::FeedRetired(feed) => Cause::FeedRetired(feed.as_str()),
                core::Cause::Operator(who) => Cause::Operator(Operator::of(who)),
            },
            policy: plan.policy.as_str(),
            digest: plan.digest.into(),
            counts: Counts::of(&plan.counts),
            part: plan.part.map(|part| (part.first.0, part.is_last)),
        }
    }

    pub(crate) fn into_core(self) -> Result<core::Plan, Unreadable> {
        Ok(core::Plan {
            id: PlanId(self.id),
            cause: match self.cause {
                Cause::File(name, file, digest) => core::Cause::File {
                    feed: feed(name)?,
                    name: file.to_owned(),
                    digest: digest.into(),
                },
                Cause::Policy => core::Cause::Policy,
                Cause::Date => core::Cause::Date,
                Cause::Reference => core::Cause::Reference,
                Cause::FeedRetired(name) => core::Cause::FeedRetired(feed(name)?),
                Cause::Operator(who) => core::Cause::Operator(who.into_core()),
            },
            policy: policy(self.policy),
            digest: self.digest.into(),
            counts: self.counts.into_core()?,
            part: self.part.map(|(first, is_last)| core::Part {
                first: PlanId(first),
                is_last,
            }),
        })
    }
}

/// A plan with its place in the journal.
#[derive(Serialize, Deserialize)]
pub(crate) struct PlanKept<'a> {
    #[serde(borrow)]
    plan: Plan<'a>,
    at: i64,
    #[serde(borrow)]
    by: Actor<'a>,
    first: u64,
    end: u64,
    is_sorted: bool,
    is_numbered: bool,
}

impl<'a> PlanKept<'a> {
    pub(crate) fn of(plan: &'a kept::Plan) -> Self {
        PlanKept {
            plan: Plan::of(&plan.plan),
            at: micros(plan.at),
            by: Actor::of(&plan.by),
            first: plan.entries.start,
            end: plan.entries.end,
            is_sorted: plan.is_sorted,
            is_numbered: plan.is_numbered,
        }
    }

    pub(crate) fn into_core(self) -> Result<kept::Plan, Unreadable> {
        Ok(kept::Plan {
            plan: self.plan.into_core()?,
            at: instant(self.at)?,
            by: self.by.into_core()?,
            entries: self.first..self.end,
            is_sorted: self.is_sorted,
            is_numbered: self.is_numbered,
        })
    }
}

/// When an account is to be deleted; a grace period in microseconds.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub(crate) enum Deletion {
    #[serde(rename = "n")]
    Never,
    #[serde(rename = "a")]
    After(u64),
    #[serde(rename = "b")]
    AsBefore,
    #[serde(rename = "k")]
    Kept,
}

impl Deletion {
    fn of(deletion: core::Deletion) -> Self {
        match deletion {
            core::Deletion::Never => Deletion::Never,
            core::Deletion::After(grace) => {
                Deletion::After(u64::try_from(grace.as_micros()).unwrap_or(u64::MAX))
            }
            core::Deletion::AsBefore => Deletion::AsBefore,
            core::Deletion::Kept => Deletion::Kept,
        }
    }

    fn into_core(self) -> core::Deletion {
        match self {
            Deletion::Never => core::Deletion::Never,
            Deletion::After(micros) => core::Deletion::After(Duration::from_micros(micros)),
            Deletion::AsBefore => core::Deletion::AsBefore,
            Deletion::Kept => core::Deletion::Kept,
        }
    }
}

#[derive(Serialize, Deserialize)]
pub(crate) struct AccountPlanned<'a> {
    is_wanted: bool,
    #[serde(borrow)]
    grants: Pairs<EntitlementKey<'a>, Justifications<'a>>,
    deletion: Deletion,
    #[serde(borrow)]
    operations: Vec<Operation<'a>>,
}

impl<'a> AccountPlanned<'a> {
    fn of(planned: &'a core::AccountPlanned, plan: PlanId) -> Self {
        let grants = planned.grants.iter();
        let operations = planned.operations.iter();
        AccountPlanned {
            is_wanted: planned.is_wanted,
            grants: Pairs(
                grants
                    .map(|(key, reasons)| (EntitlementKey::of(key), Justifications::of(reasons)))
                    .collect(),
            ),
            deletion: Deletion::of(planned.deletion),
            operations: operations
                .map(|operation| Operation::of(operation, plan))
                .collect(),
        }
    }

    fn into_core(self, plan: PlanId) -> Result<core::AccountPlanned, Unreadable> {
        let grants = self.grants.0.into_iter();
        let operations = self.operations.into_iter();
        Ok(core::AccountPlanned {
            is_wanted: self.is_wanted,
            grants: grants
                .map(|(key, reasons)| Ok((key.into_core(), reasons.into_core()?)))
                .collect::<Result<_, Unreadable>>()?,
            deletion: self.deletion.into_core(),
            operations: operations
                .map(|operation| operation.into_core(plan))
                .collect::<Result<_, Unreadable>>()?,
        })
    }
}

/// What a plan says of one person. The plan's number stands outside, so that the same content has
/// the same bytes in a preview and in the plan that is recorded later.
#[derive(Serialize, Deserialize)]
pub(crate) struct PersonPlanned<'a> {
    #[serde(borrow)]
    person: Who<'a>,
    kind: Kind,
    #[serde(borrow)]
    identity: Option<Identity<'a>>,
    #[serde(borrow)]
    records: Option<RecordsPlanned<'a>>,
    row: Option<u32>,
    is_present: bool,
    phase: Phase,
    #[serde(borrow)]
    accounts: Pairs<&'a str, AccountPlanned<'a>>,
}

impl<'a> PersonPlanned<'a> {
    pub(crate) fn of(planned: &'a core::PersonPlanned) -> Self {
        let accounts = planned.accounts.iter();
        PersonPlanned {
            person: Who::of(&planned.person),
            kind: Kind::of(planned.kind),
            identity: planned.identity.as_ref().map(Identity::of),
            records: RecordsPlanned::of(&planned.records),
            row: planned.row,
            is_present: planned.is_present,
            phase: Phase::of(planned.phase),
            accounts: Pairs(
                accounts
                    .map(|(target, account)| {
                        (target.as_str(), AccountPlanned::of(account, planned.plan))
                    })
                    .collect(),
            ),
        }
    }

    pub(crate) fn into_core(self, plan: PlanId) -> Result<core::PersonPlanned, Unreadable> {
        let accounts = self.accounts.0.into_iter();
        Ok(core::PersonPlanned {
            plan,
            person: self.person.into_core()?,
            kind: self.kind.into_core(),
            identity: self.identity.map(Identity::into_core).transpose()?,
            records: self
                .records
                .map(RecordsPlanned::into_core)
                .transpose()?
                .unwrap_or_default(),
            row: self.row,
            is_present: self.is_present,
            phase: self.phase.into_core(),
            accounts: accounts
                .map(|(name, account)| Ok((target(name)?, account.into_core(plan)?)))
                .collect::<Result<_, Unreadable>>()?,
        })
    }
}

#[derive(Serialize, Deserialize)]
pub(crate) enum Severity {
    #[serde(rename = "n")]
    Note,
    #[serde(rename = "w")]
    Warning,
    #[serde(rename = "e")]
    Error,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct Finding<'a> {
    code: &'a str,
    severity: Severity,
    #[serde(borrow)]
    subject: Subject<'a>,
    text: &'a str,
    hint: &'a str,
}

impl<'a> Finding<'a> {
    pub(crate) fn of(finding: &'a finding::Finding) -> Self {
        Finding {
            code: finding.code.as_str(),
            severity: match finding.severity {
                finding::Severity::Note => Severity::Note,
                finding::Severity::Warning => Severity::Warning,
                finding::Severity::Error => Severity::Error,
            },
            subject: Subject::of(&finding.subject),
            text: &finding.text,
            hint: &finding.hint,
        }
    }

    pub(crate) fn into_core(self) -> Result<finding::Finding, Unreadable> {
        Ok(finding::Finding {
            code: finding::Code::from_record(self.code.to_owned()),
            severity: match self.severity {
                Severity::Note => finding::Severity::Note,
                Severity::Warning => finding::Severity::Warning,
                Severity::Error => finding::Severity::Error,
            },
            subject: self.subject.into_core()?,
            text: self.text.to_owned(),
            hint: self.hint.to_owned(),
        })
    }
}

/// A finding with when it was made first and last.
#[derive(Serialize, Deserialize)]
pub(crate) struct FindingKept<'a> {
    #[serde(borrow)]
    finding: Finding<'a>,
    first_at: i64,
    last_at: i64,
}

impl<'a> FindingKept<'a> {
    pub(crate) fn of(finding: &'a kept::Finding) -> Self {
        FindingKept {
            finding: Finding::of(&finding.finding),
            first_at: micros(finding.first_at),
            last_at: micros(finding.last_at),
        }
    }

    pub(crate) fn into_core(self) -> Result<kept::Finding, Unreadable> {
        Ok(kept::Finding {
            finding: self.finding.into_core()?,
            first_at: instant(self.first_at)?,
            last_at: instant(self.last_at)?,
        })
    }
}

/// Every fact but a person's part of a plan, which has [`PersonPlanned`].
#[derive(Serialize, Deserialize)]
pub(crate) enum Fact<'a> {
    #[serde(rename = "p", borrow)]
    PlanMade(Plan<'a>),
    /// Person, target, plan and number of the operation, what happened.
    #[serde(rename = "o")]
    OperationChanged(
        #[serde(borrow)] Who<'a>,
        &'a str,
        u64,
        u32,
        #[serde(borrow)] Transition<'a>,
    ),
    #[serde(rename = "s")]
    AccountSeen(
        #[serde(borrow)] Who<'a>,
        &'a str,
        #[serde(borrow)] Sighting<'a>,
    ),
    #[serde(rename = "b")]
    DriftDecided(#[serde(borrow)] Who<'a>, &'a str, Decision),
    #[serde(rename = "sd")]
    StandingDecided(#[serde(borrow)] Who<'a>, #[serde(borrow)] Decided<'a>),
    /// Who goes over, and to whom.
    #[serde(rename = "im")]
    IdentitiesMerged(#[serde(borrow)] Who<'a>, #[serde(borrow)] Who<'a>),
    /// The record, and whose it was.
    #[serde(rename = "rs")]
    RecordSplit(#[serde(borrow)] Who<'a>, #[serde(borrow)] Who<'a>),
    #[serde(rename = "rn")]
    PersonRenamed(#[serde(borrow)] Who<'a>, &'a str),
    #[serde(rename = "fr")]
    FeedRenamed(&'a str, &'a str),
    #[serde(rename = "a")]
    FileAccepted(#[serde(borrow)] FeedFile<'a>, Option<u64>),
    #[serde(rename = "h", borrow)]
    HoldOpened(Hold<'a>),
    #[serde(rename = "r")]
    FileRejected(#[serde(borrow)] FeedFile<'a>, #[serde(borrow)] Vec<&'a str>),
    #[serde(rename = "e")]
    HoldDecided(#[serde(borrow)] About<'a>, Option<Fixed<32>>, End),
    #[serde(rename = "q")]
    PolicyTaken(#[serde(borrow)] PolicySource<'a>, Option<u64>),
    #[serde(rename = "pt")]
    PluginTaken(
        #[serde(borrow)] ConnectorVersion<'a>,
        #[serde(borrow)] Option<ConnectorVersion<'a>>,
    ),
    #[serde(rename = "sc")]
    SecretChanged(&'a str, &'a str),
    #[serde(rename = "qa")]
    QuestionAsked(#[serde(borrow)] Question<'a>),
    #[serde(rename = "qy")]
    QuestionAnswered(Fixed<32>),
    #[serde(rename = "qe")]
    QuestionEnded(Fixed<32>),
    #[serde(rename = "pa")]
    PlanApproved(u64),
    #[serde(rename = "cr")]
    ClockRead,
    #[serde(rename = "cc")]
    ClockConfirmed,
    #[serde(rename = "d")]
    DeliveryTaken(&'a str, &'a str, Fixed<32>),
    #[serde(rename = "n", borrow)]
    Arrived(Arrived<'a>),
    #[serde(rename = "m")]
    ArrivalChanged(&'a str, u64, #[serde(borrow)] ArrivalChange<'a>),
    #[serde(rename = "c")]
    CatalogueRead(&'a str, #[serde(borrow)] Catalogue<'a>),
    #[serde(rename = "t")]
    ChangesRead(&'a str, &'a str),
    #[serde(rename = "f", borrow)]
    FindingOpened(Finding<'a>),
    #[serde(rename = "g")]
    FindingClosed(&'a str, #[serde(borrow)] Subject<'a>),
}

/// Writes a fact's body at the end of `buffer`; a person's part of a plan without the plan's number.
#[expect(
    clippy::too_many_lines,
    reason = "one arm for each fact, in the order of the enum"
)]
pub(crate) fn fact_body(buffer: &mut Vec<u8>, fact: &core::Fact) {
    let record = match fact {
        core::Fact::PersonPlanned(planned) => {
            return append(buffer, &PersonPlanned::of(planned));
        }
        core::Fact::PlanMade(plan) => Fact::PlanMade(Plan::of(plan)),
        core::Fact::OperationChanged {
            person,
            target,
            operation,
            change,
        } => Fact::OperationChanged(
            Who::of(person),
            target.as_str(),
            operation.plan.0,
            operation.number,
            Transition::of(change),
        ),
        core::Fact::AccountSeen {
            person,
            target,
            sighting,
        } => Fact::AccountSeen(Who::of(person), target.as_str(), Sighting::of(sighting)),
        core::Fact::StandingDecided { person, decided } => {
            Fact::StandingDecided(Who::of(person), Decided::of(decided))
        }
        core::Fact::DriftDecided {
            person,
            target,
            decision,
        } => Fact::DriftDecided(Who::of(person), target.as_str(), Decision::of(*decision)),
        core::Fact::IdentitiesMerged { person, into } => {
            Fact::IdentitiesMerged(Who::of(person), Who::of(into))
        }
        core::Fact::RecordSplit { record, from } => {
            Fact::RecordSplit(Who::of(record), Who::of(from))
        }
        core::Fact::PersonRenamed { person, feed } => {
            Fact::PersonRenamed(Who::of(person), feed.as_str())
        }
        core::Fact::FeedRenamed { from, to } => Fact::FeedRenamed(from.as_str(), to.as_str()),
        core::Fact::FileAccepted { file, plan } => {
            Fact::FileAccepted(FeedFile::of(file), plan.map(|plan| plan.0))
        }
        core::Fact::HoldOpened(hold) => Fact::HoldOpened(Hold::of(hold)),
        core::Fact::FileRejected { file, reasons } => {
            Fact::FileRejected(FeedFile::of(file), codes(reasons))
        }
        core::Fact::HoldDecided { about, plan, end } => {
            Fact::HoldDecided(About::of(about), plan.map(Fixed::from), End::of(*end))
        }
        core::Fact::PolicyTaken { source, plan } => {
            Fact::PolicyTaken(PolicySource::of(source), plan.map(|plan| plan.0))
        }
        core::Fact::PluginTaken { plugin, before } => Fact::PluginTaken(
            ConnectorVersion::of(plugin),
            before.as_ref().map(ConnectorVersion::of),
        ),
        core::Fact::SecretChanged { target, slot } => Fact::SecretChanged(target.as_str(), slot),
        core::Fact::QuestionAsked(question) => Fact::QuestionAsked(Question::of(question)),
        core::Fact::QuestionAnswered { digest } => Fact::QuestionAnswered((*digest).into()),
        core::Fact::QuestionEnded { digest } => Fact::QuestionEnded((*digest).into()),
        core::Fact::PlanApproved { plan } => Fact::PlanApproved(plan.0),
        core::Fact::ClockRead => Fact::ClockRead,
        core::Fact::ClockConfirmed => Fact::ClockConfirmed,
        core::Fact::DeliveryTaken { feed, key, digest } => {
            Fact::DeliveryTaken(feed.as_str(), key, (*digest).into())
        }
        core::Fact::Arrived(arrived) => Fact::Arrived(Arrived::of(arrived)),
        core::Fact::ArrivalChanged {
            feed,
            arrival,
            change,
        } => Fact::ArrivalChanged(feed.as_str(), *arrival, ArrivalChange::of(change)),
        core::Fact::CatalogueRead {
            target,
            entitlements,
        } => Fact::CatalogueRead(target.as_str(), Catalogue::of(entitlements, 0)),
        core::Fact::ChangesRead { target, token } => Fact::ChangesRead(target.as_str(), token),
        core::Fact::FindingOpened(finding) => Fact::FindingOpened(Finding::of(finding)),
        core::Fact::FindingClosed { code, subject } => {
            Fact::FindingClosed(code.as_str(), Subject::of(subject))
        }
    };
    append(buffer, &record);
}

impl Fact<'_> {
    #[expect(
        clippy::too_many_lines,
        reason = "one arm for each fact, in the order of the enum"
    )]
    pub(crate) fn into_core(self) -> Result<core::Fact, Unreadable> {
        Ok(match self {
            Fact::PlanMade(plan) => core::Fact::PlanMade(plan.into_core()?),
            Fact::OperationChanged(person, name, plan, number, change) => {
                core::Fact::OperationChanged {
                    person: person.into_core()?,
                    target: target(name)?,
                    operation: OperationId {
                        plan: PlanId(plan),
                        number,
                    },
                    change: change.into_core()?,
                }
            }
            Fact::AccountSeen(person, name, sighting) => core::Fact::AccountSeen {
                person: person.into_core()?,
                target: target(name)?,
                sighting: sighting.into_core(),
            },
            Fact::StandingDecided(person, decided) => core::Fact::StandingDecided {
                person: person.into_core()?,
                decided: decided.into_core()?,
            },
            Fact::DriftDecided(person, name, decision) => core::Fact::DriftDecided {
                person: person.into_core()?,
                target: target(name)?,
                decision: decision.into_core(),
            },
            Fact::IdentitiesMerged(person, into) => core::Fact::IdentitiesMerged {
                person: person.into_core()?,
                into: into.into_core()?,
            },
            Fact::RecordSplit(record, from) => core::Fact::RecordSplit {
                record: record.into_core()?,
                from: from.into_core()?,
            },
            Fact::PersonRenamed(person, name) => core::Fact::PersonRenamed {
                person: person.into_core()?,
                feed: feed(name)?,
            },
            Fact::FeedRenamed(from, to) => core::Fact::FeedRenamed {
                from: feed(from)?,
                to: feed(to)?,
            },
            Fact::FileAccepted(file, plan) => core::Fact::FileAccepted {
                file: file.into_core()?,
                plan: plan.map(PlanId),
            },
            Fact::HoldOpened(hold) => core::Fact::HoldOpened(hold.into_core()?),
            Fact::FileRejected(file, reasons) => core::Fact::FileRejected {
                file: file.into_core()?,
                reasons: codes_into_core(reasons),
            },
            Fact::HoldDecided(about, plan, end) => core::Fact::HoldDecided {
                about: about.into_core()?,
                plan: plan.map(Into::into),
                end: end.into_core(),
            },
            Fact::PolicyTaken(source, plan) => core::Fact::PolicyTaken {
                source: source.into_core()?.into(),
                plan: plan.map(PlanId),
            },
            Fact::PluginTaken(plugin, before) => core::Fact::PluginTaken {
                plugin: plugin.into_core(),
                before: before.map(ConnectorVersion::into_core),
            },
            Fact::SecretChanged(name, slot) => core::Fact::SecretChanged {
                target: target(name)?,
                slot: slot.to_owned(),
            },
            Fact::QuestionAsked(question) => core::Fact::QuestionAsked(question.into_core()?),
            Fact::QuestionAnswered(digest) => core::Fact::QuestionAnswered {
                digest: digest.into(),
            },
            Fact::QuestionEnded(digest) => core::Fact::QuestionEnded {
                digest: digest.into(),
            },
            Fact::PlanApproved(plan) => core::Fact::PlanApproved { plan: PlanId(plan) },
            Fact::ClockRead => core::Fact::ClockRead,
            Fact::ClockConfirmed => core::Fact::ClockConfirmed,
            Fact::DeliveryTaken(name, key, digest) => core::Fact::DeliveryTaken {
                feed: feed(name)?,
                key: key.to_owned(),
                digest: digest.into(),
            },
            Fact::Arrived(arrived) => core::Fact::Arrived(arrived.into_core()?),
            Fact::ArrivalChanged(name, arrival, change) => core::Fact::ArrivalChanged {
                feed: feed(name)?,
                arrival,
                change: change.into_core(),
            },
            Fact::CatalogueRead(name, catalogue) => core::Fact::CatalogueRead {
                target: target(name)?,
                entitlements: catalogue.into_core(),
            },
            Fact::ChangesRead(name, token) => core::Fact::ChangesRead {
                target: target(name)?,
                token: token.to_owned(),
            },
            Fact::FindingOpened(finding) => core::Fact::FindingOpened(finding.into_core()?),
            Fact::FindingClosed(code, subject) => core::Fact::FindingClosed {
                code: finding::Code::from_record(code.to_owned()),
                subject: subject.into_core()?,
            },
        })
    }
}
