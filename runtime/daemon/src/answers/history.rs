//! The answer to `history`: what the journal has about a person, the newest first.
//!
//! An entry is read as it was recorded. What it leaves to the reader's memory is put beside it: the values
//! that HR changed, by comparing with the entry before, and what an operation had to do, from its plan.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use jiff::Timestamp;
use muster_api::error::{API_UNUSABLE, Fault, FaultKind};
use muster_api::v1;
use muster_core::connector::Problem;
use muster_core::fact::{Fact, PersonPlanned};
use muster_core::id::{OperationId, PersonId, PlanId, TargetName};
use muster_core::identity::Identity;
use muster_core::operation::{Action, Completion, Transition};
use muster_ledger::{Error, Reader, kept};

use super::asking::{ListPage, Part};
use super::decisions::said;
use super::plans::source_of;
use super::{Answered, Listings, answered, broken, dated, present};
use crate::planning::Titles;

/// `GET /v1/history/{person}`.
pub(crate) async fn answer(
    State(listings): State<Arc<Listings>>,
    Part(person): Part<PersonId>,
    page: ListPage,
) -> Answered<v1::Page<v1::HistoryEntry>> {
    answered(listings, move |listings| listings.history(&person, &page)).await
}

impl Listings {
    /// What the journal has about a person.
    fn history(&self, id: &PersonId, page: &ListPage) -> Result<v1::Page<v1::HistoryEntry>, Fault> {
        let before = before(page)?;
        self.find(id)?;
        let reader = self.ledger.read().map_err(|error| broken(&error))?;
        let known = self.known.load();
        let told = Told {
            reader: &reader,
            person: id,
            titles: &known.titles,
            plans: BTreeMap::new(),
        };
        told.page(before, page.limit)
            .map_err(|error| broken(&error))
    }
}

/// The entry before which a page begins.
pub(super) fn before(page: &ListPage) -> Result<u64, Fault> {
    match page.cursor.as_deref().map(str::parse) {
        None => Ok(u64::MAX),
        Some(Ok(seq)) => Ok(seq),
        Some(Err(_)) => {
            let message = "the cursor is unusable: it is the number of a journal entry";
            Err(Fault::new(FaultKind::Refused, API_UNUSABLE, message))
        }
    }
}

/// An entry as it is before anything is said of it.
pub(super) fn blank(entry: &kept::Entry) -> v1::HistoryEntry {
    v1::HistoryEntry {
        seq: entry.seq,
        at: present::instant(entry.at),
        by: Some(present::actor(&entry.by)),
        ..v1::HistoryEntry::default()
    }
}

/// What entries are told with.
struct Told<'a> {
    reader: &'a Reader,
    person: &'a PersonId,
    titles: &'a Titles,
    /// What plans said of the person, once they were looked up.
    plans: BTreeMap<PlanId, Option<PersonPlanned>>,
}

impl Told<'_> {
    fn page(mut self, before: u64, limit: usize) -> Result<v1::Page<v1::HistoryEntry>, Error> {
        let mut entries = self.reader.history_before(self.person, before)?;
        let mut shown: Vec<kept::Entry> = Vec::new();
        while shown.len() < limit
            && let Some(entry) = entries.next().transpose()?
        {
            shown.push(entry);
        }
        // What HR said before the oldest of them, to know what changed.
        let (mut identity, mut has_more) = (None, false);
        for entry in entries {
            has_more = true;
            if let Fact::PersonPlanned(PersonPlanned {
                identity: Some(said),
                ..
            }) = entry?.fact
            {
                identity = Some(said);
                break;
            }
        }
        let next = shown.last().filter(|_| has_more);
        let next = next.map(|entry| entry.seq.to_string());
        let mut items = Vec::new();
        for entry in shown.iter().rev() {
            items.push(self.entry(entry, identity.as_ref())?);
            if let Fact::PersonPlanned(PersonPlanned {
                identity: Some(said),
                ..
            }) = &entry.fact
            {
                identity = Some(said.clone());
            }
        }
        items.reverse();
        Ok(v1::Page { items, next })
    }

    fn entry(
        &mut self,
        entry: &kept::Entry,
        before: Option<&Identity>,
    ) -> Result<v1::HistoryEntry, Error> {
        let blank = blank(entry);
        Ok(match &entry.fact {
            Fact::PersonPlanned(planned) => self.planned(planned, before, (entry.at, blank)),
            Fact::OperationChanged {
                target,
                operation,
                change,
                ..
            } => {
                let action = self.action(target, *operation)?;
                changed(target, *operation, action, change, blank)
            }
            Fact::StandingDecided { decided, .. } => v1::HistoryEntry {
                kind: "person".to_owned(),
                text: said(decided),
                ..blank
            },
            Fact::IdentitiesMerged { person, into } => v1::HistoryEntry {
                kind: "person".to_owned(),
                text: format!("{person} became part of {into}"),
                ..blank
            },
            Fact::RecordSplit { record, from } => v1::HistoryEntry {
                kind: "person".to_owned(),
                text: format!("record {record} was taken out of {from}"),
                ..blank
            },
            Fact::FindingOpened(finding) => v1::HistoryEntry {
                kind: "finding".to_owned(),
                text: format!("{}: {}", finding.code, finding.text),
                ..blank
            },
            Fact::FindingClosed { code, .. } => v1::HistoryEntry {
                kind: "finding".to_owned(),
                text: format!("{code} no longer holds"),
                ..blank
            },
            Fact::PersonRenamed { person, feed } => v1::HistoryEntry {
                kind: "renamed".to_owned(),
                text: format!("{person} is {feed}:{} from now on", person.key.as_str()),
                ..blank
            },
            // The reader gives no others; one that it comes to give is better shown than left out.
            _ => v1::HistoryEntry {
                kind: "other".to_owned(),
                text: "something else was recorded".to_owned(),
                ..blank
            },
        })
    }

    fn planned(
        &self,
        planned: &PersonPlanned,
        before: Option<&Identity>,
        (at, blank): (Timestamp, v1::HistoryEntry),
    ) -> v1::HistoryEntry {
        let gone = if planned.is_present {
            ""
        } else {
            ", no longer in the file"
        };
        let mut details = match (&planned.identity, before) {
            (Some(now), Some(before)) => {
                let mut lines = dated::differences(before, now);
                lines.extend(dated::late(before, now, at));
                lines
            }
            (Some(_), None) => vec!["HR's data for the first time".to_owned()],
            (None, _) => Vec::new(),
        };
        details.extend(planned.records.iter().filter_map(|planned| {
            let link = planned.link.as_ref()?;
            Some(format!(
                "record {} is the person's: {}",
                planned.record,
                present::because(link)
            ))
        }));
        for (target, account) in &planned.accounts {
            let deeds = account.operations.iter();
            let deeds: Vec<String> = deeds
                .map(|operation| self.deed(target, &operation.action))
                .collect();
            if !deeds.is_empty() {
                details.push(format!("{target}: {}", deeds.join(", ")));
            }
        }
        let source = source_of(self.reader, planned.plan);
        v1::HistoryEntry {
            kind: "plan".to_owned(),
            text: format!(
                "{}, {}{gone}",
                planned.kind.as_str(),
                planned.phase.as_str()
            ),
            plan: Some(planned.plan.0),
            details,
            source: source.map(|source| v1::Source {
                row: planned.row,
                ..source
            }),
            ..blank
        }
    }

    /// What an operation had to do; `None` if its plan does not say.
    fn action(
        &mut self,
        target: &TargetName,
        operation: OperationId,
    ) -> Result<Option<String>, Error> {
        if !self.plans.contains_key(&operation.plan) {
            let entry = self.reader.planned(operation.plan, self.person)?;
            let planned = entry.and_then(|entry| match entry.fact {
                Fact::PersonPlanned(planned) => Some(planned),
                _ => None,
            });
            self.plans.insert(operation.plan, planned);
        }
        let planned = self.plans.get(&operation.plan).and_then(Option::as_ref);
        let account = planned.and_then(|planned| planned.accounts.get(target));
        let found = account.and_then(|account| {
            let mut operations = account.operations.iter();
            operations.find(|planned| planned.id == operation)
        });
        Ok(found.map(|found| self.deed(target, &found.action)))
    }

    fn deed(&self, target: &TargetName, action: &Action) -> String {
        let object = present::object(self.titles, target, action);
        match object.as_str() {
            "" => action.verb().to_owned(),
            object => format!("{} {object}", action.verb()),
        }
    }
}

fn changed(
    target: &TargetName,
    operation: OperationId,
    action: Option<String>,
    change: &Transition,
    blank: v1::HistoryEntry,
) -> v1::HistoryEntry {
    let said = |problem: &Problem| vec![problem.text()];
    let (word, how, details) = match change {
        Transition::Dispatched { attempt } => {
            ("dispatched", format!("sent, attempt {attempt}"), vec![])
        }
        Transition::Lost {
            observe_at, text, ..
        } => (
            "lost",
            format!("it is not known what became of it; looked at from {observe_at} on"),
            vec![text.clone()],
        ),
        Transition::Deferred { until, problem } => {
            ("deferred", format!("waits until {until}"), said(problem))
        }
        Transition::Retried => (
            "retried",
            "another attempt was asked for".to_owned(),
            vec![],
        ),
        Transition::LeftPending { poll_at, .. } => (
            "pending",
            format!("the app goes on with it; asked again from {poll_at} on"),
            vec![],
        ),
        Transition::Answered { verify_at, result } => (
            "answered",
            format!(
                "the app says: {}; read back from {verify_at} on",
                result.how.as_str()
            ),
            completion(result),
        ),
        Transition::Found { account } => (
            "found",
            format!(
                "the account {} is there, and not yet complete",
                account.object.id
            ),
            vec![],
        ),
        Transition::Completed(result) => (
            "completed",
            result.how.as_str().to_owned(),
            completion(result),
        ),
        Transition::Halted { problem, .. } => {
            ("halted", "waits for a person".to_owned(), said(problem))
        }
    };
    let deed = action.unwrap_or_else(|| "operation".to_owned());
    v1::HistoryEntry {
        kind: "operation".to_owned(),
        text: format!("{deed}: {how}"),
        plan: Some(operation.plan.0),
        target: Some(target.to_string()),
        operation: Some(operation.to_string()),
        change: Some(word.to_owned()),
        details,
        ..blank
    }
}

fn completion(result: &Completion) -> Vec<String> {
    let account = result.account.iter().map(|account| {
        let (id, state) = (&account.object.id, account.state.as_str());
        format!("account {id}, {state}")
    });
    let unreachable = result.unreachable.iter().map(|what| match what.until {
        Some(until) => format!("not reached: {} (until {until})", what.text),
        None => format!("not reached: {}", what.text),
    });
    let evidence = result
        .evidence
        .iter()
        .map(|evidence| format!("the app's request {evidence}"));
    account.chain(unreachable).chain(evidence).collect()
}
