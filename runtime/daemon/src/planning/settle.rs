//! What a plan leaves open: remarks are opened and closed, and questions asked and withdrawn, in the
//! transaction of the plan.

use muster_core::fact::Fact;
use muster_core::finding::Finding;
use muster_core::subject::Subject;
use muster_core::{plan, question};
use muster_ledger::{Reader, Writer};

use super::run::Seen;
use super::{ABSENCE_DOUBTED, Failed, Summary};
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
    let of_feed = question::CODES.into_iter().chain([ABSENCE_DOUBTED]);
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
