//! What was decided and put in place, and by whom; the newest first.

use std::sync::Arc;

use axum::extract::State;
use muster_api::error::Fault;
use muster_api::v1;
use muster_core::fact::{Fact, FeedFile};
use muster_core::finding::Code;
use muster_core::hold::Hold;
use muster_core::person::Decision;
use muster_core::standing::Decided;
use muster_ledger::kept;

use super::asking::ListPage;
use super::history::{before, blank};
use super::plans::cause;
use super::{Answered, Listings, answered, broken, present};

/// `GET /v1/history`.
pub(crate) async fn answer(
    State(listings): State<Arc<Listings>>,
    page: ListPage,
) -> Answered<v1::Page<v1::HistoryEntry>> {
    answered(listings, move |listings| listings.decisions(&page)).await
}

impl Listings {
    /// What was decided and put in place, by whom.
    fn decisions(&self, page: &ListPage) -> Result<v1::Page<v1::HistoryEntry>, Fault> {
        let before = before(page)?;
        let reader = self.ledger.read().map_err(|error| broken(&error))?;
        let mut entries = reader
            .decisions_before(before)
            .map_err(|error| broken(&error))?;
        let mut items = Vec::new();
        let mut next = None;
        for entry in &mut entries {
            let entry = entry.map_err(|error| broken(&error))?;
            if items.len() == page.limit {
                next = items
                    .last()
                    .map(|last: &v1::HistoryEntry| last.seq.to_string());
                break;
            }
            items.push(decision(&entry));
        }
        Ok(v1::Page { items, next })
    }
}

#[expect(
    clippy::too_many_lines,
    reason = "one sentence for each fact, in the order of the enum"
)]
fn decision(entry: &kept::Entry) -> v1::HistoryEntry {
    let file = |file: &FeedFile| format!("`{}` of feed {}", file.name, file.feed);
    let (kind, text) = match &entry.fact {
        Fact::PlanMade(plan) => {
            let people: u32 = plan.counts.people.values().sum();
            let of = plan.part.map_or("", |_| "made in parts, the first for ");
            let text = format!(
                "{}: {of}{people} people, {} operations",
                cause(&plan.cause),
                plan.counts.operations_total()
            );
            return v1::HistoryEntry {
                kind: "plan".to_owned(),
                text,
                plan: Some(plan.id.0),
                ..blank(entry)
            };
        }
        Fact::FileAccepted { file: of, .. } => ("file", format!("{} was accepted", file(of))),
        Fact::HoldOpened(hold) => match hold.file() {
            Some(of) => ("file", format!("{} was held{}", file(of), why(hold))),
            None => ("hold", format!("{} was held{}", hold.title(), why(hold))),
        },
        Fact::FileRejected { file: of, reasons } => (
            "file",
            format!("{} was rejected: {}", file(of), codes(reasons)),
        ),
        Fact::HoldDecided { about, plan, end } => {
            let plan = plan.map(|plan| format!(" as plan {}", plan.short()));
            let text = format!(
                "what was held of {about}{} waits no longer: {}",
                plan.unwrap_or_default(),
                end.as_str()
            );
            ("hold", text)
        }
        Fact::QuestionAnswered { digest } => (
            "question",
            format!("question {} was answered", digest.short()),
        ),
        Fact::ClockConfirmed => ("clock", "the clock was said to be right".to_owned()),
        Fact::PolicyTaken { source, .. } => (
            "policy",
            format!("policy {} decides from now on", source.version),
        ),
        Fact::PluginTaken { plugin, before } => {
            let before = before.as_ref();
            let before = before.map(|before| format!(", in place of {before}"));
            (
                "plugin",
                format!("{plugin} serves{}", before.unwrap_or_default()),
            )
        }
        Fact::SecretChanged { target, slot } => (
            "secret",
            format!("the secret `{slot}` of target {target} was replaced"),
        ),
        Fact::StandingDecided { person, decided } => {
            ("person", format!("{person}: {}", said(decided)))
        }
        Fact::IdentitiesMerged { person, into } => {
            ("person", format!("{person} became part of {into}"))
        }
        Fact::RecordSplit { record, from } => {
            ("person", format!("record {record} was taken out of {from}"))
        }
        Fact::DriftDecided {
            person,
            target,
            decision,
        } => {
            let decided = match decision {
                Decision::Restore => "it is to be as it was",
                Decision::Leave => "it stays as it is",
            };
            let text = format!("the account of {person} at {target}: {decided}");
            ("account", text)
        }
        Fact::FeedRenamed { from, to } => ("feed", format!("feed {from} is {to} from now on")),
        Fact::OperationChanged {
            person,
            target,
            operation,
            ..
        } => (
            "operation",
            format!("operation {operation} of {person} at {target}: another attempt was asked for"),
        ),
        _ => ("other", "something else was recorded".to_owned()),
    };
    v1::HistoryEntry {
        kind: kind.to_owned(),
        text,
        ..blank(entry)
    }
}

/// What was decided about a person, beside the policy.
pub(super) fn said(decided: &Decided) -> String {
    let until = present::instant;
    match decided {
        Decided::Opened(opening) => format!(
            "{} from {} until {}",
            opening.gives,
            until(opening.from),
            until(opening.until)
        ),
        Decided::Extended {
            opening,
            until: end,
        } => {
            format!("opening {} ends at {}", opening.0, until(*end))
        }
        Decided::GivenBack { opening } => format!("opening {} was given back", opening.0),
        Decided::Blocked(block) => {
            let end = block.until.map(|end| format!(" until {}", until(end)));
            format!(
                "{} is kept away{}",
                block.keeps_away,
                end.unwrap_or_default()
            )
        }
        Decided::Lifted { block } => format!("block {} was lifted", block.0),
        Decided::Kept {
            adoption,
            until: end,
        } => {
            let end = end.map(|end| format!(" until {}", until(end)));
            format!("adoption {} is kept{}", adoption.0, end.unwrap_or_default())
        }
        Decided::Removed { adoption } => format!("adoption {} is taken away", adoption.0),
    }
}

/// Why something was held. An edit of the policy may wait for nothing but a look at it.
fn why(hold: &Hold) -> String {
    let reasons = hold.reasons.iter();
    let reasons: Vec<Code> = reasons.map(|reason| reason.code.clone()).collect();
    match codes(&reasons).as_str() {
        "" => String::new(),
        codes => format!(": {codes}"),
    }
}

fn codes(reasons: &[Code]) -> String {
    let codes: Vec<&str> = reasons.iter().map(Code::as_str).collect();
    codes.join(", ")
}
