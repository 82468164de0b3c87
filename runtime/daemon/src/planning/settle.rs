//! What a plan leaves open: remarks are opened and closed, and questions asked and withdrawn, in the
//! transaction of the plan.

use muster_core::fact::{Counts, Fact};
use muster_core::finding::Finding;
use muster_core::hold::{About, End, Hold, What};
use muster_core::subject::Subject;
use muster_core::{plan, question};
use muster_ledger::{Reader, Writer};

use super::reach::Seen;
use super::records;
use super::{ABSENCE_DOUBTED, DOUBTFUL, Failed, Summary};
use crate::findings::operation::{WHILE_OPEN, is_open};
use crate::findings::{self, LookedAt};

/// The people a plan looked at, and what it looked for.
pub(super) struct Settled<'a> {
    pub(super) seen: &'a Seen,
    pub(super) is_complete: bool,
    pub(super) is_of_feed: bool,
}

/// Opens what was found, and closes what was found before and no longer holds.
pub(super) fn settle_findings(
    writer: &mut Writer<'_>,
    found: &[Finding],
    settled: &Settled<'_>,
) -> Result<(), Failed> {
    let Settled {
        seen,
        is_complete,
        is_of_feed,
    } = *settled;
    let before = writer.before()?;
    let of_feed = question::CODES
        .into_iter()
        .chain([ABSENCE_DOUBTED, DOUBTFUL]);
    let codes = plan::CODES
        .into_iter()
        .chain(of_feed.filter(|_| is_of_feed));
    let scope = LookedAt::those(codes, move |subject| {
        if matches!(subject, Subject::Target(_) | Subject::Entitlement(..)) {
            is_complete
        } else {
            seen.has(subject)
        }
    });
    findings::settle(writer, &scope, found.to_vec())?;
    close_replaced(writer, &before, seen)
}

/// Keeps what is asked, and forgets what is asked no more of those who were looked at.
pub(super) fn settle_questions(
    writer: &mut Writer<'_>,
    summary: &Summary,
    seen: &Seen,
) -> Result<(), Failed> {
    let before = writer.before()?;
    for (digest, kept) in before.questions()? {
        let is_used = summary.used.contains(&digest);
        let is_asked = summary.questions.contains(&kept.question);
        let was_looked_at = seen.has(&Subject::from(&kept.question.person));
        let is_over = was_looked_at && !is_asked && !kept.is_answered;
        if is_used || is_over {
            writer.record(Fact::QuestionEnded { digest })?;
        }
    }
    for question in &summary.questions {
        writer.record(Fact::QuestionAsked(question.clone()))?;
    }
    Ok(())
}

/// Has records wait of which it is not known whose they are, and ends the waiting of those that were looked at and of
/// which it is known by now.
pub(super) fn settle_records(
    writer: &mut Writer<'_>,
    summary: &Summary,
    seen: &Seen,
) -> Result<(), Failed> {
    for hold in writer.before()?.holds()? {
        let About::Record(record) = hold.about() else {
            continue;
        };
        let mut doubtful = summary.doubtful.iter();
        let is_asked = doubtful.any(|doubtful| doubtful.record == record);
        if !is_asked && seen.has(&Subject::Person(record)) {
            writer.record(hold.decided(End::Over))?;
        }
    }
    for doubtful in &summary.doubtful {
        let what = What::Record(doubtful.clone());
        let before = writer.hold(&what.about())?;
        if before.as_ref().is_some_and(|before| before.what == what) {
            continue;
        }
        let reason = records::finding(&doubtful.record, &doubtful.candidates);
        writer.record(Fact::HoldOpened(Hold {
            what,
            plan: None,
            reasons: vec![reason],
            counts: Counts::default(),
            since: before.map_or(writer.at(), |before| before.since),
        }))?;
    }
    Ok(())
}

/// Closes what was said of operations that this plan replaced: nobody will take them any more.
fn close_replaced(writer: &mut Writer<'_>, before: &Reader, seen: &Seen) -> Result<(), Failed> {
    for code in WHILE_OPEN {
        for kept in before.findings_of(&code)? {
            let subject = kept?.finding.subject;
            if seen.has(&subject) && !is_open(writer, &subject)? {
                writer.record(Fact::FindingClosed {
                    code: code.clone(),
                    subject,
                })?;
            }
        }
    }
    Ok(())
}
