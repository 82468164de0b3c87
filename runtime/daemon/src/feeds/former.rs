//! Former feeds: what becomes of the people of a feed that the configuration names otherwise, or no longer.
//!
//! Promises: a feed that is renamed keeps its people, with everything that is theirs; the people of one that is
//! retired have left, as far as the limits go, and beyond them once a person approved it; and where nothing
//! is said of a feed whose people are here, that is an error until something is: nobody would ever leave.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use muster_config::Config;
use muster_config::editor;
use muster_core::actor::Actor;
use muster_core::fact::Fact;
use muster_core::finding::{Code, Finding, Severity};
use muster_core::hold::{About, End, Hold};
use muster_core::id::FeedName;
use muster_ledger::{Committer, Error, Ledger, Writer};

use super::evidence::Evidence;
use crate::clock::Clock;
use crate::findings::{Findings, LookedAt};
use crate::planning::Failed;
use crate::replan::waiting::{self, Pending};

/// People are here whose feed the configuration does not have.
pub const FORMER: Code = Code::new("FEED-020");

/// Remarks about feeds that the configuration does not have, where `here` is how many people have not
/// left, by feed.
pub fn remarks(here: &BTreeMap<FeedName, u64>, config: &Config) -> Vec<Finding> {
    let renamed: BTreeSet<&FeedName> = config.feeds.values().flat_map(renamed_from).collect();
    let is_known = |name: &FeedName| {
        config.feeds.contains_key(name) || config.retired.contains(name) || renamed.contains(name)
    };
    let former = here
        .iter()
        .filter(|(name, people)| **people > 0 && !is_known(name));
    former
        .map(|(name, people)| finding(name, *people, config))
        .collect()
}

fn renamed_from(feed: &muster_config::Feed) -> impl Iterator<Item = &FeedName> {
    feed.renamed_from.iter()
}

fn finding(name: &FeedName, people: u64, config: &Config) -> Finding {
    let text = format!(
        "{people} people of feed `{name}` are here, and muster.toml does not have it: nothing is heard of them any more, so none of them ever leaves"
    );
    // Where there is one feed only, it is the one that the former one may have become.
    let new = match config.feeds.keys().next() {
        Some(only) if config.feeds.len() == 1 => only.as_str(),
        _ => "NEW",
    };
    let hint = format!(
        "if it has another name now, write renamed_from = [\"{name}\"] under [feed.{new}]; if it is used no more, write [feed.{name}] with retired = true, and its people leave; then restart the daemon"
    );
    Finding::new(FORMER, Severity::Error, name, text).hint(hint)
}

/// What becomes of former feeds is brought about with this.
pub struct FormerFeeds {
    /// What is configured.
    pub config: Arc<Config>,
    /// The ledger, to read.
    pub ledger: Ledger,
    /// The ledger, for everything small.
    pub committer: Committer,
    /// The clock.
    pub clock: Clock,
    /// What is said to people.
    pub findings: Findings,
    /// What waits for a person.
    pub pending: Arc<Pending>,
}

/// Moves the people of renamed feeds to the new names, before anything is decided about anybody.
pub async fn rename(former_feeds: &FormerFeeds) -> Result<(), Error> {
    let feeds: Vec<(FeedName, FeedName)> = former_feeds
        .config
        .feeds
        .iter()
        .flat_map(|(name, feed)| renamed_from(feed).map(|former| (former.clone(), name.clone())))
        .collect();
    for (former, name) in feeds {
        let data = former_feeds.config.daemon.data.clone();
        let (from, to) = (former.clone(), name.clone());
        let moving = move || Evidence::rename(&data, &from, &to);
        let moved = tokio::task::spawn_blocking(moving).await;
        if let Ok(Err(error)) = moved {
            // What waited there cannot be read then, and is said where it is its turn.
            tracing::error!(%error, %former, %name, "the kept files of a renamed feed could not be moved");
        }
        let (from, to) = (former.clone(), name.clone());
        let by = editor::of(&former_feeds.config.file);
        let recording = former_feeds.committer.submit(
            former_feeds.clock.now(),
            Actor::Editor(by),
            move |writer| rename_all(writer, &from, &to),
        );
        let people = recording.await?;
        if people > 0 {
            tracing::info!(people, %former, %name, "a feed was renamed");
        }
    }
    Ok(())
}

/// Renames everybody of a feed, and what is said and asked of them. Whoever is known under both names stays
/// as they are: two people are not made one.
fn rename_all(writer: &mut Writer<'_>, from: &FeedName, to: &FeedName) -> Result<u64, Error> {
    let before = writer.before()?;
    let mut people = 0;
    for person in before.people(from)? {
        let renamed = Fact::PersonRenamed {
            person: person?.id,
            feed: to.clone(),
        };
        people += u64::from(writer.record(renamed)?);
    }
    let has_more = before.feed(from)?.is_some()
        || before.further_records(from)?.next().is_some()
        || before.hold(&About::File(from.clone()))?.is_some()
        || !before.arrivals(from, 0, 1)?.is_empty();
    if has_more {
        writer.record(Fact::FeedRenamed {
            from: from.clone(),
            to: to.clone(),
        })?;
    }
    if people == 0 && !has_more {
        return Ok(0);
    }
    for finding in before.findings()? {
        let finding = finding?.finding;
        // That nothing is heard of the feed is over now.
        if finding.code == FORMER {
            continue;
        }
        if let Some(subject) = finding.subject.of_renamed_feed(from, to) {
            writer.record(Fact::FindingClosed {
                code: finding.code.clone(),
                subject: finding.subject.clone(),
            })?;
            writer.record(Fact::FindingOpened(Finding { subject, ..finding }))?;
        }
    }
    // The next file asks again, under the new name.
    for (digest, kept) in before.questions()? {
        if kept.question.person.feed == *from {
            writer.record(Fact::QuestionEnded { digest })?;
        }
    }
    Ok(people)
}

/// Lets the people of retired feeds leave, and says which feeds are missing.
pub async fn settle(former_feeds: &FormerFeeds) -> Result<(), Failed> {
    for feed in &former_feeds.config.retired {
        waiting::feed_retired(&former_feeds.pending, feed).await?;
    }
    let holds = former_feeds.ledger.read()?.holds()?;
    for about in holds.iter().map(Hold::about) {
        // That it is retired was taken back while nobody ran.
        if let About::Retired(feed) = &about
            && !former_feeds.config.retired.contains(feed)
        {
            let by = Actor::Editor(editor::of(&former_feeds.config.file));
            waiting::end(&former_feeds.pending, &about, End::GivenUp, by).await?;
        }
    }
    let reader = former_feeds.ledger.read()?;
    let open = remarks(&reader.counts()?.here, &former_feeds.config);
    drop(reader);
    former_feeds
        .findings
        .settle(LookedAt::all([FORMER]), open)
        .await;
    Ok(())
}
