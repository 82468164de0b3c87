//! Where a file lies once it was decided about: in `processed`, `held` or `rejected`, with the reports
//! that HR reads beside it.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use muster_core::fact::Counts;
use muster_core::id::Digest;

use super::{Decision, Feed, FeedError};
use crate::app::App;
use crate::intake::Verdict;
use crate::intake::folder::Arrival;
use crate::intake::folder::place::{MoveError, Place, Places};
use crate::intake::report::{Reason, Report};

/// The folders of one feed.
#[derive(Clone, Copy)]
pub struct Shelf<'a> {
    /// The daemon.
    pub app: &'a App,
    /// The feed.
    pub feed: &'a Feed,
    /// Its folders.
    pub places: &'a Places,
}

impl Shelf<'_> {
    /// Moves a file that was decided about to its place, with the reports beside it.
    pub fn put_away(&self, arrival: &Arrival, decision: &Decision) {
        let Self { app, feed, places } = *self;
        let place = match decision.verdict {
            Verdict::Accepted => Place::Processed,
            Verdict::Held => Place::Held,
            Verdict::Rejected => Place::Rejected,
        };
        let at = app.clock.now();
        let name = arrival
            .path
            .file_name()
            .unwrap_or_else(|| OsStr::new("file"));
        tracing::info!(
            feed = %feed.name(),
            verdict = decision.verdict.as_str(),
            digest = crate::plugins::short(decision.file.digest),
            people = decision.people.map_or(0, |people| people.people),
            "file decided"
        );
        match places.put_away(name, arrival.stamp, place, at) {
            Ok(stored) => self.write_reports(&stored, decision, at),
            // Another file of the same name took its place meanwhile: it arrives by itself.
            Err(MoveError::Replaced { .. }) => {}
            Err(error) => {
                let text = crate::error::chain(&error);
                tracing::error!(feed = %feed.name(), error = text, "could not move a file");
                app.set_feed_trouble(feed.name(), Some(text));
            }
        }
    }

    /// Writes the reports beside a stored file.
    pub fn write_reports(&self, stored: &Path, decision: &Decision, at: Timestamp) {
        let Self { app, feed, places } = *self;
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
            problems: &decision.problems,
            people: decision.people,
            counts,
            changed: &decision.changed,
            reasons: &reasons,
            next: &next,
        };
        for (end, text) in [
            (".report.txt", report.text()),
            (".report.json", report.json()),
        ] {
            if let Err(error) = places.write_beside(stored, end, &text) {
                tracing::error!(feed = %feed.name(), %error, "could not write a report");
                app.set_feed_trouble(
                    feed.name(),
                    Some(format!("could not write a report: {error}")),
                );
            }
        }
    }
}

fn next_step(feed: &Feed, decision: &Decision) -> String {
    let digest = decision.summary.as_ref().and_then(|summary| summary.digest);
    // What says only what changed does not take the place of another such file.
    let otherwise = if feed.is_partial(&decision.file.name) {
        "delete it from this folder and drop the right one; files after it wait until then"
    } else {
        "drop the right one"
    };
    match (decision.verdict, digest) {
        (Verdict::Held, Some(digest)) => format!(
            "if the file is right, IT applies exactly this with: muster apply {}; if not, {otherwise}",
            crate::plugins::short(digest)
        ),
        (Verdict::Held, None) => format!("nothing of it can be applied: {otherwise}"),
        (Verdict::Rejected, _) => "mend the file and drop it again".to_owned(),
        (Verdict::Accepted, _) => String::new(),
    }
}

/// The held file with this digest, wherever it lies in the folder `held`.
pub fn find_held(feed: &Feed, digest: Digest, name: &str) -> Result<PathBuf, FeedError> {
    let mut stored = stored(feed, Place::Held, name).unwrap_or_default();
    stored.sort();
    let found = stored
        .into_iter()
        .rev()
        .find(|path| sha256_of(path) == Some(digest));
    found.ok_or_else(|| FeedError::HeldFileGone {
        name: name.to_owned(),
    })
}

/// Whether a file of this name still lies where it was put away; also where nobody can tell just now.
/// Cheap: the file is not read.
pub(super) fn is_stored(feed: &Feed, place: Place, name: &str) -> bool {
    match stored(feed, place, name) {
        Ok(stored) => !stored.is_empty(),
        Err(error) => error.kind() != io::ErrorKind::NotFound,
    }
}

/// The files that were put away under this name, which has the time before it.
fn stored(feed: &Feed, place: Place, name: &str) -> io::Result<Vec<PathBuf>> {
    let files = std::fs::read_dir(feed.config.folder.join(place.as_str()))?;
    let is_named = |path: &PathBuf| {
        let stored = path.file_name();
        stored.is_some_and(|stored| stored.to_string_lossy().ends_with(name))
    };
    let paths = files.flatten().map(|file| file.path());
    Ok(paths
        .filter(|path| is_named(path) && path.is_file())
        .collect())
}

fn sha256_of(path: &Path) -> Option<Digest> {
    use sha2::{Digest as _, Sha256};
    let bytes = std::fs::read(path).ok()?;
    Some(Digest(Sha256::digest(&bytes).into()))
}
