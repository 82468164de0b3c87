//! What each fact does to the tables. The same code runs when a fact is written and when the ledger
//! is checked, so that the tables can be nothing but what the journal adds up to.
//!
//! People are kept aside while a transaction runs and written at its end, in the order of their
//! keys: several facts about one person cost one record, and what changed for a moment only leaves
//! no trace in the other tables.

mod content;
mod feeds;
mod holds;
mod people;
mod records;
mod tallies;

use std::sync::Arc;

use jiff::Timestamp;
use muster_core::actor::{Actor, ConnectorVersion};
use muster_core::connector::Entitlement;
use muster_core::fact::{Fact, PersonPlanned, Plan};
use muster_core::finding::{Code, Finding};
use muster_core::id::{Digest, TargetName};
use muster_core::person::{Person, Sighting};
use muster_core::question::Question;
use muster_core::subject::Subject;
use redb::{ReadableTable, WriteTransaction};

use crate::codec::{self, Unreadable, micros, v1};
use crate::error::{Error, RecordResult, StoreResult};
use crate::tables::Tables;
use crate::{decisions, kept, keys, lookup};

use content::Content;
pub use feeds::{CONTENTS_MAX, DELIVERIES_MAX};
pub(crate) use people::Awaited;
use people::{People, Place};

/// Which rules turned facts into tables. Where one of them is mended so that it makes other tables of the same
/// facts, the version rises, and what was taken in before is checked by the rules of its own time: an honest old
/// journal is never called tampered with. Each version that was ever released has a file under `tests/fixtures`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum FoldVersion {
    /// The rules of the first release.
    One,
}

impl FoldVersion {
    /// The rules by which facts are taken in today.
    pub(crate) const CURRENT: FoldVersion = FoldVersion::One;

    /// The version as it is stored.
    pub(crate) fn number(self) -> u8 {
        match self {
            FoldVersion::One => 1,
        }
    }

    /// The version with this number.
    pub(crate) fn of(number: u8) -> Result<Self, Unreadable> {
        match number {
            1 => Ok(FoldVersion::One),
            newer => Err(Unreadable::Fold(newer)),
        }
    }
}

/// Where and when a fact stands in the journal.
#[derive(Clone, Copy)]
pub(crate) struct Moment<'a> {
    /// Its number.
    pub(crate) seq: u64,
    /// When it was recorded.
    pub(crate) at: Timestamp,
    /// Who or what did it.
    pub(crate) by: &'a Actor,
    /// The instant by which its days are judged.
    pub(crate) day: Timestamp,
    /// The instant under which it is counted.
    pub(crate) counted_at: Timestamp,
}

/// The tables of one transaction, with what is not written to them yet.
pub(crate) struct Fold<'txn> {
    pub(crate) tables: Tables<'txn>,
    people: People,
    pub(crate) content: Content,
    buffer: Vec<u8>,
}

impl<'txn> Fold<'txn> {
    pub(crate) fn open(txn: &'txn WriteTransaction) -> Result<Self, Error> {
        Self::open_with(txn, Awaited::default())
    }

    /// The same with people who were read and written before, and whom nobody has changed since.
    pub(crate) fn open_with(txn: &'txn WriteTransaction, awaited: Awaited) -> Result<Self, Error> {
        Ok(Fold {
            tables: Tables::open(txn)?,
            people: People::with(awaited),
            content: Content::default(),
            buffer: Vec::new(),
        })
    }

    /// Takes in a fact; `body` is the fact as the journal holds it. Returns whether it changed
    /// anything. After [`Error::LinkedTwice`] nothing of the fact was taken in.
    pub(crate) fn apply(
        &mut self,
        moment: Moment<'_>,
        fact: &Fact,
        body: &[u8],
    ) -> Result<bool, Error> {
        let applied = self.applied(moment, fact, body)?;
        if decisions::is_decision(fact) {
            let inserted = self.tables.decisions.insert(moment.seq, ());
            inserted.step("write which entries decide")?;
        }
        Ok(applied)
    }

    #[expect(
        clippy::too_many_lines,
        reason = "one arm for each fact, in the order of the enum"
    )]
    fn applied(&mut self, moment: Moment<'_>, fact: &Fact, body: &[u8]) -> Result<bool, Error> {
        let Moment { seq, at, .. } = moment;
        match fact {
            Fact::PlanMade(plan) => self.plan_made(moment, plan).map(|()| true),
            Fact::PersonPlanned(planned) => {
                self.content.add(seq, planned, body)?;
                let effect = self.content.effect(planned.plan, moment);
                self.person_planned(planned, effect)
            }
            Fact::QuestionAsked(question) => self.question_asked(question, at),
            Fact::QuestionAnswered { digest } => self.question_answered(*digest),
            Fact::QuestionEnded { digest } => {
                let removed = self.tables.questions.remove(digest.0.as_slice());
                Ok(removed.step("end a question")?.is_some())
            }
            Fact::PlanApproved { plan } => {
                self.content.approve(*plan);
                Ok(true)
            }
            // What they say of the time stands beside the end of the journal.
            Fact::ClockRead | Fact::ClockConfirmed | Fact::SecretChanged { .. } => Ok(true),
            Fact::PluginTaken { plugin, .. } => self.plugin_taken(plugin),
            Fact::OperationChanged {
                person,
                target,
                operation,
                change,
            } => {
                let place = Place {
                    target,
                    operation: *operation,
                };
                self.operation_changed(person, &place, change, at)
            }
            Fact::AccountSeen {
                person,
                target,
                sighting,
            } => {
                let shown = match sighting {
                    Sighting::Moved(object) => Some(object),
                    Sighting::Gone
                    | Sighting::InState(_)
                    | Sighting::Lost(_)
                    | Sighting::TakenOver(_) => None,
                };
                self.person_changed(person, target, shown, &|person| {
                    person.sighted(target, sighting, at)
                })
            }
            Fact::DriftDecided {
                person,
                target,
                decision,
                ..
            } => self.person_changed(person, target, None, &|person| {
                person.decided(target, *decision, at)
            }),
            Fact::StandingDecided { person, decided } => {
                self.standing_decided(person, decided, moment)
            }
            Fact::IdentitiesMerged { person, into } => self.identities_merged(person, into, at),
            Fact::RecordSplit { record, from } => self.record_split(record, from, at),
            Fact::PersonRenamed { person, feed } => self.person_renamed(person, feed),
            Fact::FeedRenamed { from, to } => self.feed_renamed(from, to),
            Fact::FileAccepted { file, plan } => {
                let (file, plan) = (file.clone(), *plan);
                self.file_accepted(seq, kept::AcceptedFile { file, plan, at })
            }
            Fact::HoldOpened(hold) => self.hold_opened(hold),
            Fact::FileRejected { file, reasons } => self.file_rejected(kept::RejectedFile {
                file: file.clone(),
                reasons: reasons.clone(),
                at,
            }),
            Fact::HoldDecided { about, plan, .. } => self.hold_decided(about, *plan),
            Fact::PolicyTaken { source, .. } => self.policy_taken(&kept::Policy {
                source: Arc::clone(source),
                at,
                by: moment.by.clone(),
            }),
            Fact::DeliveryTaken { feed, key, digest } => {
                let delivery = kept::Delivery {
                    digest: *digest,
                    at,
                };
                self.delivery_taken(seq, feed, key, delivery)
            }
            Fact::Arrived(arrived) => self.arrived(&kept::Arrival {
                seq,
                at,
                arrived: arrived.clone(),
                outcome: None,
                stored: None,
            }),
            Fact::ArrivalChanged {
                feed,
                arrival,
                change,
            } => self.arrival_changed(feed, *arrival, change),
            Fact::CatalogueRead {
                target,
                entitlements,
            } => self.catalogue_read(target, entitlements, at),
            Fact::ChangesRead { target, token } => self.changes_read(target, token, at),
            Fact::FindingOpened(finding) => self.finding_opened(finding, at),
            Fact::FindingClosed { code, subject } => self.finding_closed(code, subject),
        }
    }

    /// Takes in what a plan says of a person whom the caller has read already.
    pub(crate) fn replanned(
        &mut self,
        moment: Moment<'_>,
        before: Option<Person>,
        planned: &PersonPlanned,
        body: &[u8],
    ) -> Result<bool, Error> {
        self.content.add(moment.seq, planned, body)?;
        let effect = self.content.effect(planned.plan, moment);
        self.person_replanned(before, planned, effect)
    }

    /// Ends a commit: everything that was kept aside is written. Returns the people with a call out.
    pub(crate) fn finish(&mut self) -> Result<Awaited, Error> {
        self.content.check_finished()?;
        self.write_people()?;
        self.write_tallies()?;
        Ok(self.people.take_awaited())
    }

    fn plan_made(&mut self, moment: Moment<'_>, plan: &Plan) -> Result<(), Error> {
        let content = self.content.finish(moment.seq, plan)?;
        let kept = kept::Plan {
            plan: plan.clone(),
            at: moment.at,
            by: moment.by.clone(),
            entries: content.entries,
            is_sorted: content.is_sorted,
            is_numbered: content.is_numbered,
        };
        codec::encode(&mut self.buffer, &v1::PlanKept::of(&kept));
        let inserted = self.tables.plans.insert(plan.id.0, self.buffer.as_slice());
        inserted.step("write a plan")?;
        if let Some(part) = plan.part {
            let unfinished = &mut self.tables.unfinished;
            let changed = if part.is_last {
                unfinished.remove(part.first.0)
            } else {
                unfinished.insert(part.first.0, plan.id.0)
            };
            changed.step("write which plans are unfinished")?;
        }
        Ok(())
    }

    fn catalogue_read(
        &mut self,
        target: &TargetName,
        entitlements: &[Entitlement],
        at: Timestamp,
    ) -> Result<bool, Error> {
        let record = v1::Catalogue::of(entitlements, micros(at));
        codec::encode(&mut self.buffer, &record);
        let key = target.as_str().as_bytes();
        let inserted = self.tables.catalogues.insert(key, self.buffer.as_slice());
        inserted.step("write a catalogue")?;
        Ok(true)
    }

    fn changes_read(
        &mut self,
        target: &TargetName,
        token: &str,
        at: Timestamp,
    ) -> Result<bool, Error> {
        let read_at = micros(at);
        codec::encode(&mut self.buffer, &v1::Token { token, read_at });
        let key = target.as_str().as_bytes();
        let inserted = self.tables.tokens.insert(key, self.buffer.as_slice());
        inserted.step("write a change token")?;
        Ok(true)
    }

    /// One that was asked, or answered, stays as it is.
    fn question_asked(&mut self, question: &Question, at: Timestamp) -> Result<bool, Error> {
        let key = crate::digest::of_question(question).0;
        let known = self.tables.questions.get(key.as_slice());
        if known.step("read a question")?.is_some() {
            return Ok(false);
        }
        let kept = kept::Question {
            question: question.clone(),
            at,
            is_answered: false,
        };
        self.put_question(key, &kept)
    }

    fn question_answered(&mut self, digest: Digest) -> Result<bool, Error> {
        let row = self.tables.questions.get(digest.0.as_slice());
        let kept = match row.step("read a question")? {
            Some(row) => lookup::question_of(row.value()).of("questions")?,
            None => return Ok(false),
        };
        let kept = kept::Question {
            is_answered: true,
            ..kept
        };
        self.put_question(digest.0, &kept)
    }

    fn put_question(&mut self, key: [u8; 32], kept: &kept::Question) -> Result<bool, Error> {
        codec::encode(&mut self.buffer, &v1::QuestionKept::of(kept));
        let row = self.buffer.as_slice();
        let inserted = self.tables.questions.insert(key.as_slice(), row);
        inserted.step("write a question")?;
        Ok(true)
    }

    fn plugin_taken(&mut self, plugin: &ConnectorVersion) -> Result<bool, Error> {
        codec::encode(&mut self.buffer, &v1::ConnectorVersion::of(plugin));
        let plugins = &mut self.tables.plugins;
        let inserted = plugins.insert(plugin.plugin.as_bytes(), self.buffer.as_slice());
        inserted.step("write a plugin")?;
        Ok(true)
    }

    fn policy_taken(&mut self, kept: &kept::Policy) -> Result<bool, Error> {
        let version = kept.source.version.as_str().as_bytes();
        codec::encode(&mut self.buffer, &v1::PolicyKept::of(kept));
        let policies = &mut self.tables.policies;
        let inserted = policies.insert(version, self.buffer.as_slice());
        inserted.step("write a policy")?;
        let inserted = policies.insert(keys::POLICY_IN_FORCE, version);
        inserted.step("write which policy decides")?;
        Ok(true)
    }

    fn finding_opened(&mut self, finding: &Finding, at: Timestamp) -> Result<bool, Error> {
        let key = crate::keys::finding(&finding.code, &finding.subject);
        let before = self.tables.findings.get(key.as_slice());
        let first_at = match before.step("read a finding")? {
            Some(row) => {
                let record: v1::FindingKept<'_> = codec::decode(row.value()).of("findings")?;
                record.into_core().of("findings")?.first_at
            }
            None => at,
        };
        let kept = kept::Finding {
            finding: finding.clone(),
            first_at,
            last_at: at,
        };
        codec::encode(&mut self.buffer, &v1::FindingKept::of(&kept));
        let findings = &mut self.tables.findings;
        let inserted = findings.insert(key.as_slice(), self.buffer.as_slice());
        inserted.step("write a finding")?;
        Ok(true)
    }

    fn finding_closed(&mut self, code: &Code, subject: &Subject) -> Result<bool, Error> {
        let key = crate::keys::finding(code, subject);
        let removed = self.tables.findings.remove(key.as_slice());
        Ok(removed.step("close a finding")?.is_some())
    }
}
