//! The daemon on one page: its feeds, its targets, what is under way and what waits.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use jiff::Timestamp;
use muster_api::error::Fault;
use muster_api::v1;
use muster_core::hold::{About, Hold};
use muster_core::id::{PlanId, TargetName};
use muster_core::operation::OperationState;
use muster_core::subject::Subject;
use muster_ledger::{Reader, kept};

use super::held::held;
use super::{Answered, Health, answered, broken, present, read};
use crate::findings::target::{NOTHING_SUCCEEDS, REFUSED};

/// `GET /v1/status`.
pub(crate) async fn answer(State(health): State<Arc<Health>>) -> Answered<v1::Status> {
    answered(health, Health::status).await
}

impl Health {
    /// The daemon on one page.
    fn status(&self) -> Result<v1::Status, Fault> {
        let reader = read(&self.ledger)?;
        let counts = reader.counts().map_err(|error| broken(&error))?;
        let mut operations: BTreeMap<String, u64> = BTreeMap::new();
        for (state, count) in counts.operations.values().flatten() {
            *operations.entry(state.to_string()).or_default() += count;
        }
        let mut findings: BTreeMap<String, u64> = BTreeMap::new();
        for kept in reader.findings().map_err(|error| broken(&error))? {
            let kept = kept.map_err(|error| broken(&error))?;
            *findings
                .entry(kept.finding.severity.as_str().to_owned())
                .or_default() += 1;
        }
        let taken = reader.policy_in_force().map_err(|error| broken(&error))?;
        Ok(v1::Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started_at: present::instant(self.started_at),
            now: present::instant(self.clock.now()),
            config: self.config.file.display().to_string(),
            policy: self.planning.policy().version().to_string(),
            policy_since: taken.as_ref().map(|taken| present::instant(taken.at)),
            policy_by: taken.as_ref().map(|taken| present::actor(&taken.by)),
            journal_entries: counts.entries,
            feeds: self.feed_statuses(&reader)?,
            targets: self
                .targets
                .keys()
                .map(|name| self.target_status(name, &counts, &reader))
                .collect::<Result<_, _>>()?,
            people: counts
                .people
                .iter()
                .map(|(phase, count)| (phase.as_str().to_owned(), *count))
                .collect(),
            people_here: counts
                .here
                .iter()
                .map(|(feed, people)| (feed.to_string(), *people))
                .collect(),
            operations,
            findings,
            held: held(&reader, &self.config, &self.deciding)?,
            trouble: None,
        })
    }

    fn feed_statuses(&self, reader: &Reader) -> Result<Vec<v1::FeedStatus>, Fault> {
        let troubles = self.obstacles.all();
        let mut statuses = Vec::new();
        for (name, feed) in &self.config.feeds {
            let kept = reader
                .feed(name)
                .map_err(|error| broken(&error))?
                .unwrap_or_default();
            let held = reader.hold(&About::File(name.clone()));
            let held = held.map_err(|error| broken(&error))?;
            let people = if self.config.feeds.len() == 1 {
                reader.people_count()
            } else {
                reader.people_count_of(name)
            };
            let people = people.map_err(|error| broken(&error))?;
            statuses.push(v1::FeedStatus {
                name: name.to_string(),
                folder: feed.folder.display().to_string(),
                kind: feed.kind.as_str().to_owned(),
                has_hook: feed.hook.is_some(),
                people,
                last_file: last_file(&kept, held.as_ref(), reader)?,
                trouble: troubles.get(name).cloned(),
            });
        }
        Ok(statuses)
    }

    fn target_status(
        &self,
        name: &TargetName,
        counts: &kept::Counts,
        reader: &Reader,
    ) -> Result<v1::TargetStatus, Fault> {
        let target = self.targets.get(name);
        let trouble = target.and_then(|target| target.trouble());
        let trouble = trouble.map(|trouble| format!("{} ({})", trouble.text, trouble.code));
        let refused = reader
            .finding(&REFUSED, &Subject::from(name))
            .map_err(|error| broken(&error))?;
        let refused = refused.map(|kept| format!("{} ({REFUSED})", kept.finding.text));
        let trouble = trouble.or(refused).or_else(|| self.failing(name));
        let is_usable = target.is_some_and(|target| target.is_usable());
        let of_target = counts.operations.get(name);
        let open: u64 = of_target.into_iter().flat_map(BTreeMap::values).sum();
        let accounts = counts.accounts.get(name).into_iter().flatten();
        let kept =
            accounts.filter(|(state, _)| **state != muster_core::connector::AccountState::Deleted);
        let answered = self.activity.get(name).map_or(0, |activity| {
            activity
                .answered_at_ms
                .load(std::sync::atomic::Ordering::Relaxed)
        });
        let answered = i64::try_from(answered).ok().filter(|ms| *ms > 0);
        Ok(v1::TargetStatus {
            name: name.to_string(),
            plugin: target
                .map(|target| target.config().plugin.clone())
                .unwrap_or_default(),
            plugin_version: target
                .and_then(|target| target.descriptor())
                .map(|descriptor| descriptor.version),
            state: match (is_usable, &trouble) {
                (true, None) => "ready",
                (true, Some(_)) => "degraded",
                (false, Some(_)) => "unusable",
                (false, None) => "starting",
            }
            .to_owned(),
            trouble,
            accounts: kept.map(|(_, count)| count).sum(),
            operations_open: open,
            operations_halted: of_target
                .and_then(|states| states.get(&OperationState::Halted))
                .copied()
                .unwrap_or(0),
            undecided: counts.undecided.get(name).copied().unwrap_or(0),
            last_answer_at: answered
                .and_then(|ms| Timestamp::from_millisecond(ms).ok())
                .map(present::instant),
        })
    }

    /// What stands in the way at a target at which nothing succeeds.
    fn failing(&self, name: &TargetName) -> Option<String> {
        let failing = self.activity.get(name)?.failing()?;
        Some(format!(
            "nothing has succeeded there since {}, in {} attempts: {} ({NOTHING_SUCCEEDS})",
            failing.since, failing.attempts, failing.text
        ))
    }
}

/// The last file of a feed, whatever became of it.
fn last_file(
    kept: &kept::Feed,
    held: Option<&Hold>,
    reader: &Reader,
) -> Result<Option<v1::FileSeen>, Fault> {
    let seen = |file: &muster_core::fact::FeedFile,
                result: &str,
                at: Timestamp,
                plan: Option<PlanId>| v1::FileSeen {
        name: file.name.clone(),
        digest: file.digest.to_string(),
        rows: file.content.row_count,
        result: result.to_owned(),
        at: present::instant(at),
        plan: plan.map(|plan| plan.0),
        approved_by: None,
    };
    let accepted = kept
        .accepted
        .as_ref()
        .map(|kept| (kept.at, seen(&kept.file, "accepted", kept.at, kept.plan)));
    let held = held.and_then(|hold| {
        let file = hold.file()?;
        Some((hold.since, seen(file, "held", hold.since, None)))
    });
    let rejected = kept
        .rejected
        .as_ref()
        .map(|kept| (kept.at, seen(&kept.file, "rejected", kept.at, None)));
    let all = [accepted, held, rejected].into_iter().flatten();
    let Some((_, mut last)) = all.max_by_key(|(at, _)| *at) else {
        return Ok(None);
    };
    if let Some(plan) = last.plan {
        let plan = reader.plan(PlanId(plan)).map_err(|error| broken(&error))?;
        last.approved_by = plan.and_then(|kept| present::approver(&kept.by));
    }
    Ok(Some(last))
}
