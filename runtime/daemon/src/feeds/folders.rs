//! Where a file lies once it was decided about: in `processed`, `held` or `rejected`, with the reports
//! that HR reads beside it. What lies there is for people; nothing of it is read again.

use std::io;

use jiff::Timestamp;
use muster_core::fact::{Counts, FeedFile, Outcome};
use muster_intake::FileVerdict;
use muster_intake::folder::place::{Place, Places, REPORT_ENDS};
use muster_intake::report::{Reason, Report};
use muster_ledger::{Reader, kept};

use super::{Decision, Feed};

/// The folders of one feed.
#[derive(Clone, Copy)]
pub struct FeedFolders<'a> {
    /// The feed.
    pub feed: &'a Feed,
    /// Its folders.
    pub places: &'a Places,
}

/// Where what was decided so is put.
pub(super) fn place(outcome: Outcome) -> Place {
    match outcome {
        Outcome::Accepted | Outcome::Replaced => Place::Processed,
        Outcome::Held => Place::Held,
        Outcome::Rejected => Place::Rejected,
    }
}

impl FeedFolders<'_> {
    /// Writes the reports beside a stored file.
    pub fn write_reports(
        &self,
        stored: &str,
        place: Place,
        decision: &Decision,
        at: Timestamp,
    ) -> io::Result<()> {
        let Self { feed, .. } = *self;
        let exceeded = decision
            .summary
            .iter()
            .flat_map(|summary| &summary.exceeded);
        let reasons: Vec<Reason> = exceeded
            .map(|finding| Reason {
                code: finding.code.clone(),
                text: finding.text.clone(),
                // What the finding says to do is for IT; this is what HR can.
                hint: "if all of it is right, tell IT, who can apply the file as it is; if not, \
                       correct the export and drop the new file"
                    .to_owned(),
            })
            .collect();
        let next = next_step(feed, decision);
        let counts: Option<&Counts> = decision.summary.as_ref().map(|summary| &summary.counts);
        let report = Report {
            feed: feed.name().as_str(),
            file: &decision.file.name,
            at,
            verdict: decision.verdict,
            digest: decision.file.digest,
            content: decision.file.content,
            mistakes: &decision.mistakes,
            people: decision.people,
            counts,
            is_begun: decision
                .summary
                .as_ref()
                .is_some_and(|summary| summary.is_rest),
            changed: &decision.changed,
            reasons: &reasons,
            next: &next,
        };
        self.write(stored, place, [&report.text(), &report.json()])
    }

    /// Writes the reports of a file of which only the outcome is known: it was replaced by a newer one, or
    /// the daemon stopped before it had written more.
    pub fn write_outcome(
        &self,
        stored: &str,
        arrival: &kept::Arrival,
        outcome: Outcome,
    ) -> io::Result<()> {
        let (word, text) = match outcome {
            Outcome::Replaced => (
                "replaced",
                "REPLACED: nothing of this file was used; a newer one says it all",
            ),
            Outcome::Accepted => ("accepted", "ACCEPTED: `muster status` says more"),
            Outcome::Held => ("held", "HELD: `muster apply` shows what it would change"),
            Outcome::Rejected => (
                "rejected",
                "REJECTED: nothing was changed; drop the file again to be told why",
            ),
        };
        let arrived = &arrival.arrived;
        let at = arrival.at.strftime("%Y-%m-%d %H:%M:%S UTC");
        let report = format!(
            "{text}\n\nfile    {}\nfeed    {}\nread    {at}\n",
            arrived.name, arrived.feed
        );
        let json = serde_json::json!({
            "feed": arrived.feed.as_str(),
            "file": arrived.name,
            "verdict": word,
            "at": arrival.at.to_string(),
            "digest": arrived.digest.to_string(),
        });
        self.write(stored, place(outcome), [&report, &format!("{json:#}\n")])
    }

    fn write(&self, stored: &str, place: Place, texts: [&str; 2]) -> io::Result<()> {
        for (end, text) in REPORT_ENDS.into_iter().zip(texts) {
            self.places.write_beside(stored, place, end, text)?;
        }
        Ok(())
    }
}

fn next_step(feed: &Feed, decision: &Decision) -> String {
    let digest = decision.summary.as_ref().and_then(|summary| summary.digest);
    // What says only what changed does not take the place of another such file.
    let otherwise = if feed.is_partial() {
        "delete it from this folder and drop the right one; files after it wait until then"
    } else {
        "drop the right one"
    };
    match (decision.verdict, digest) {
        (FileVerdict::Held, Some(digest)) => format!(
            "if the file is right, IT applies exactly this with: muster apply {}; if not, {otherwise}",
            digest.short()
        ),
        (FileVerdict::Held, None) => format!("nothing of it can be applied: {otherwise}"),
        (FileVerdict::Rejected, _) => "mend the file and drop it again".to_owned(),
        (FileVerdict::Accepted, _) => String::new(),
    }
}

/// What arrived and is held, of a held file.
pub fn held_arrival(
    reader: &Reader,
    held: &FeedFile,
) -> Result<Option<kept::Arrival>, muster_ledger::Error> {
    let arrivals = reader.arrivals(&held.feed, 0, usize::MAX)?;
    Ok(arrivals.into_iter().rev().find(|arrival| {
        arrival.outcome == Some(Outcome::Held) && arrival.arrived.digest == held.digest
    }))
}

/// Whether a file of this name still lies where it was put away; also where nobody can tell just now.
/// Cheap: the file is not read.
pub(super) fn is_stored(feed: &Feed, place: Place, name: &str) -> bool {
    Places::open(&feed.config.folder).map_or(true, |places| places.has_named(name, place))
}

/// Whether the hold of something was given up: whoever gives it up takes it out of the folder `held`.
/// What was never put there was not.
pub(super) fn is_given_up(feed: &Feed, held: &kept::Arrival) -> bool {
    let Some(stored) = &held.stored else {
        return false;
    };
    let places = Places::open(&feed.config.folder);
    // Where nobody can tell, it was not.
    let has = places.map(|places| places.has(stored, Place::Held));
    matches!(has, Ok(Ok(false)))
}
