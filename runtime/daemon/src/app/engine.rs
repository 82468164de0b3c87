//! What the doors ask of the daemon. Questions are answered on threads that may wait for the disk.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use muster_core::connector::Problem;
use muster_core::fact::{Fact, Kind as PersonKind, PersonPlanned};
use muster_core::id::{Digest, FeedName, OperationId, PersonId, PlanId, TargetName};
use muster_core::operation::Change;
use muster_core::person::Person;
use muster_ledger::Error;

use super::queries::broken;
use super::{App, present};
use crate::api::v1::{self, PREVIEW_PEOPLE_MAX};
use crate::config::Hook;
use crate::error::{API_BROKEN, API_NOT_READY, API_OTHER_PLAN, API_UNUSABLE, Fault, FaultKind};
use crate::feeds::{self, Decision, Feed, FeedError, event};
use crate::intake::{self, Verdict};
use crate::planning::{Consent, Summary};
use crate::server::engine::{
    AccountFilter, Answer, Delivery, DeliveryKind, Engine, FindingFilter, ListPage,
    OperationFilter, PersonFilter, ProgressSink,
};
use crate::server::hooks::other_body;
use crate::server::metrics::{Family, Kind, Sample};

/// How often a plan that is followed is looked at.
const FOLLOW_EVERY: Duration = Duration::from_millis(200);

/// The daemon behind its doors.
#[derive(Clone)]
pub struct Daemon(pub Arc<App>);

impl Daemon {
    /// Answers on a thread that may wait for the disk.
    fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Arc<App>) -> Result<T, Fault> + Send + 'static,
    ) -> Answer<'_, T> {
        let app = Arc::clone(&self.0);
        Box::pin(async move {
            tokio::task::spawn_blocking(move || question(&app))
                .await
                .unwrap_or_else(|error| {
                    Err(Fault::new(
                        FaultKind::Broken,
                        API_BROKEN,
                        format!("the answer broke off: {error}"),
                    ))
                })
        })
    }
}

impl Engine for Daemon {
    fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    fn not_ready(&self) -> Option<String> {
        let is_ready = self.0.ready.load(Ordering::Acquire);
        (!is_ready).then(|| "the daemon is starting or stopping".to_owned())
    }

    fn metrics(&self) -> Vec<Family> {
        metrics(&self.0)
    }

    fn hook(&self, name: &FeedName) -> Option<Hook> {
        let source = self.0.config.feeds.get(name)?.hook.as_ref()?;
        let feed = feed(&self.0, name).ok()?;
        let hook = source.read(&self.0.environment);
        let hook = hook.inspect_err(|error| {
            let error = crate::error::chain(error);
            tracing::error!(feed = %name, error, "could not read a hook's secrets");
        });
        // An event names only what changed.
        Some(Hook { mapping: feed.upsert_mapping().clone(), ..hook.ok()? })
    }

    fn take_delivery(&self, delivery: Delivery) -> Answer<'_, v1::Taken> {
        self.ask(move |app| take_delivery(app, &delivery))
    }

    fn status(&self) -> Answer<'_, v1::Status> {
        self.ask(|app| app.status_now())
    }

    fn people(&self, filter: PersonFilter, page: ListPage) -> Answer<'_, v1::Page<v1::PersonRow>> {
        self.ask(move |app| app.people_now(&filter, &page))
    }

    fn person(&self, person: PersonId) -> Answer<'_, v1::Person> {
        self.ask(move |app| app.person_now(&person))
    }

    fn people_with_key(&self, key: String) -> Answer<'_, Vec<PersonId>> {
        self.ask(move |app| app.people_with_key_now(&key))
    }

    fn accounts(&self, filter: AccountFilter, page: ListPage) -> Answer<'_, v1::Page<v1::Account>> {
        self.ask(move |app| app.accounts_now(&filter, &page))
    }

    fn operations(
        &self,
        filter: OperationFilter,
        page: ListPage,
    ) -> Answer<'_, v1::Page<v1::Operation>> {
        self.ask(move |app| app.operations_now(&filter, &page))
    }

    fn retry(&self, operation: OperationId) -> Answer<'_, v1::Operation> {
        self.ask(move |app| retry(app, operation))
    }

    fn findings(&self, filter: FindingFilter, page: ListPage) -> Answer<'_, v1::Page<v1::Finding>> {
        self.ask(move |app| app.findings_now(&filter, &page))
    }

    fn why(&self, person: PersonId, target: Option<TargetName>) -> Answer<'_, v1::Why> {
        self.ask(move |app| app.why_now(&person, target.as_ref()))
    }

    fn preview(
        &self,
        feed: FeedName,
        file: String,
        bytes: Bytes,
        progress: ProgressSink,
    ) -> Answer<'_, v1::Preview> {
        self.ask(move |app| preview(app, &feed, &file, bytes.to_vec(), &progress))
    }

    fn held(&self) -> Answer<'_, Vec<v1::Held>> {
        self.ask(|app| app.held_now(&app.ledger.read().map_err(|error| broken(&error))?))
    }

    fn held_preview(&self, plan: Digest) -> Answer<'_, v1::Preview> {
        self.ask(move |app| held_preview(app, plan))
    }

    fn apply(&self, plan: Digest, by: String) -> Answer<'_, v1::Applied> {
        let app = Arc::clone(&self.0);
        Box::pin(async move { apply(&app, plan, by).await })
    }

    fn follow(&self, plan: PlanId, progress: ProgressSink) -> Answer<'_, v1::PlanStatus> {
        let daemon = self.clone();
        Box::pin(async move {
            loop {
                let status = daemon.ask(move |app| app.plan_status(plan)).await?;
                progress.report("operations", status.done, status.operations);
                if status.done + status.waiting + status.halted >= status.operations {
                    return Ok(status);
                }
                tokio::time::sleep(FOLLOW_EVERY).await;
            }
        })
    }

    fn plugins(&self) -> Answer<'_, Vec<v1::PluginRow>> {
        self.ask(|app| Ok(plugins(app)))
    }

    fn check_ledger(&self, progress: ProgressSink) -> Answer<'_, v1::LedgerCheck> {
        self.ask(move |app| app.check_now(&progress))
    }
}

/// A feed as configured.
pub(super) fn feed(app: &App, name: &FeedName) -> Result<Feed, Fault> {
    let config = app.config.feeds.get(name).ok_or_else(|| {
        Fault::not_found("feed", name.as_str()).hint("`muster status` lists the feeds")
    })?;
    Feed::new(config, app.config.daemon.file_bytes_max).map_err(|errors| {
        let text = errors.first().map(ToString::to_string).unwrap_or_default();
        Fault::new(
            FaultKind::Broken,
            API_BROKEN,
            format!("the mapping of feed `{name}` cannot be used: {text}"),
        )
    })
}

fn failed(error: &FeedError) -> Fault {
    Fault::new(FaultKind::Broken, API_BROKEN, crate::error::chain(error))
        .hint("nothing was changed; see the daemon's log")
}

/// Puts a delivery into the feed's folder, durably, and remembers its id. A delivery that comes
/// again after a stop in between is written again under the same name.
fn take_delivery(app: &App, delivery: &Delivery) -> Result<v1::Taken, Fault> {
    let feed = feed(app, &delivery.feed)?;
    let reader = app.ledger.read().map_err(|error| broken(&error))?;
    let taken = v1::Taken {
        feed: delivery.feed.to_string(),
        id: delivery.id.clone(),
        digest: delivery.digest.to_string(),
        kind: match delivery.kind {
            DeliveryKind::File => "snapshot",
            DeliveryKind::Event => "change",
        }
        .to_owned(),
    };
    if let Some(before) = reader
        .delivery(&delivery.feed, &delivery.id)
        .map_err(|error| broken(&error))?
    {
        return if before.digest == delivery.digest {
            Ok(taken)
        } else {
            Err(other_body(&delivery.id))
        };
    }
    let unusable = |text: String| Fault::new(FaultKind::Refused, API_UNUSABLE, text);
    let (kind, content) = match delivery.kind {
        DeliveryKind::File => (None, delivery.body.to_vec()),
        DeliveryKind::Event => {
            let event: v1::HookEvent = serde_json::from_slice(&delivery.body)
                .map_err(|error| unusable(error.to_string()))?;
            let content = event::file(&event, feed.config.csv.delimiter).map_err(|column| {
                unusable(format!(
                    "the column `{column}` holds a list or an object, which no cell can hold"
                ))
            })?;
            (Some(event.kind), content)
        }
    };
    let name = event::file_name(&delivery.id, delivery.digest, kind);
    write_durably(&feed.config.folder, &name, &content).map_err(|error| {
        Fault::new(
            FaultKind::Unavailable,
            API_NOT_READY,
            format!("could not keep the delivery: {error}"),
        )
        .hint("send it again later")
    })?;
    let fact = Fact::DeliveryTaken {
        feed: delivery.feed.clone(),
        key: delivery.id.clone(),
        digest: delivery.digest,
    };
    app.committer
        .submit_blocking(app.clock.now(), move |writer| {
            writer.record(&fact).map(drop)
        })
        .map_err(|error: Error| broken(&error))?;
    Ok(taken)
}

/// Writes a file whole or not at all, and has the disk keep it.
fn write_durably(folder: &Path, name: &str, content: &[u8]) -> std::io::Result<()> {
    use std::io::Write as _;
    std::fs::create_dir_all(folder)?;
    let part = folder.join(format!(".{name}.part"));
    let mut file = std::fs::File::create(&part)?;
    file.write_all(content)?;
    file.sync_all()?;
    std::fs::rename(&part, folder.join(name))?;
    std::fs::File::open(folder)?.sync_all()
}

fn retry(app: &App, id: OperationId) -> Result<v1::Operation, Fault> {
    let (person, target) = app.locate(id)?;
    let now = app.clock.now();
    let problem = Problem::Transient {
        text: "somebody asked for another attempt".to_owned(),
        after_ms: None,
    };
    let fact = Fact::OperationChanged {
        person: person.clone(),
        target: target.clone(),
        operation: id,
        change: Change::Deferred {
            until: now,
            problem,
        },
    };
    app.committer
        .submit_blocking(now, move |writer| writer.record(&fact).map(drop))
        .map_err(|error: Error| broken(&error))?;
    app.wake_all();
    let found = app
        .ledger
        .read()
        .and_then(|reader| reader.person(&person))
        .map_err(|error| broken(&error))?;
    let known = app.known.load_full();
    let shown = found.as_ref().and_then(|person| {
        let account = person.accounts.get(&target)?;
        let open = account
            .operations
            .iter()
            .find(|operation| operation.id == id)?;
        Some(present::operation(
            person,
            &target,
            open,
            &known.titles,
            now,
        ))
    });
    shown.ok_or_else(|| Fault::not_found("open operation", &id.to_string()))
}

fn preview(
    app: &App,
    name: &FeedName,
    file: &str,
    bytes: Vec<u8>,
    progress: &ProgressSink,
) -> Result<v1::Preview, Fault> {
    let feed = feed(app, name)?;
    progress.report("reading the file", 0, 0);
    let opened = intake::open(bytes, &feed.options(file));
    progress.report("planning", 0, 0);
    let mut people = People::default();
    let known = app.known.load_full();
    let mut watch = |planned: &PersonPlanned, before: Option<&Person>| {
        people.add(
            present::person_preview(planned, before, &known.titles),
            planned.kind,
        );
    };
    let decision = feeds::decide(app, &feed, file, opened, Consent::Preview, &mut watch)
        .map_err(|error| failed(&error))?;
    Ok(of_decision(app, &decision, people))
}

/// The people of a preview: leavers first, and not more than fit.
#[derive(Default)]
struct People {
    by_kind: BTreeMap<u8, Vec<v1::PersonPreview>>,
    total: u32,
}

impl People {
    fn add(&mut self, person: v1::PersonPreview, kind: PersonKind) {
        let order = match kind {
            PersonKind::Leaver => 0,
            PersonKind::Mover => 1,
            PersonKind::Rehire => 2,
            PersonKind::Joiner => 3,
            PersonKind::Update => 4,
        };
        self.total += 1;
        let of_kind = self.by_kind.entry(order).or_default();
        if of_kind.len() < PREVIEW_PEOPLE_MAX {
            of_kind.push(person);
        }
    }

    fn listed(self) -> (Vec<v1::PersonPreview>, u32) {
        let listed: Vec<v1::PersonPreview> = self
            .by_kind
            .into_values()
            .flatten()
            .take(PREVIEW_PEOPLE_MAX)
            .collect();
        let omitted = self
            .total
            .saturating_sub(u32::try_from(listed.len()).unwrap_or(u32::MAX));
        (listed, omitted)
    }
}

fn of_decision(app: &App, decision: &Decision, people: People) -> v1::Preview {
    let empty = Summary::default();
    let summary = decision.summary.as_ref().unwrap_or(&empty);
    let feed = decision.file.feed.as_str();
    let (mut reasons, mut findings) = (Vec::new(), Vec::new());
    let holding = decision.problems.reasons();
    for finding in decision.problems.findings(feed) {
        let list = if holding.contains(&finding.code) {
            &mut reasons
        } else {
            &mut findings
        };
        list.push(present::finding(&finding, None));
    }
    reasons.extend(
        summary
            .exceeded
            .iter()
            .map(|finding| present::finding(finding, None)),
    );
    findings.extend(
        summary
            .findings
            .iter()
            .map(|finding| present::finding(finding, None)),
    );
    let verdict = match decision.verdict {
        Verdict::Rejected => "reject",
        Verdict::Held => "hold",
        Verdict::Accepted if !summary.exceeded.is_empty() => "hold",
        Verdict::Accepted if summary.is_empty() => "nothing",
        Verdict::Accepted => "apply",
    };
    let (people, people_omitted) = people.listed();
    v1::Preview {
        feed: decision.file.feed.to_string(),
        file: decision.file.name.clone(),
        file_digest: decision.file.digest.to_string(),
        plan_digest: summary.digest.map(|digest| digest.to_string()),
        policy: app.policy.version().to_string(),
        verdict: verdict.to_owned(),
        reasons,
        rows: decision
            .people
            .map_or(decision.file.content.row_count, |people| people.rows),
        people_read: decision.people.map_or(0, |people| people.people),
        quarantined: decision.people.map_or(0, |people| people.set_aside),
        counts: present::counts(&summary.counts),
        people,
        people_omitted,
        findings,
    }
}

/// The held file whose plan has this digest, read again.
fn held_file(app: &App, plan: Digest) -> Result<Option<(Feed, String, Vec<u8>)>, Fault> {
    let reader = app.ledger.read().map_err(|error| broken(&error))?;
    for name in app.config.feeds.keys() {
        let held = reader
            .feed(name)
            .map_err(|error| broken(&error))?
            .and_then(|kept| kept.held);
        let Some(held) = held.filter(|held| held.plan_digest == Some(plan)) else {
            continue;
        };
        let feed = feed(app, name)?;
        let path = feeds::find_held(&feed, held.file.digest, &held.file.name)
            .map_err(|error| failed(&error))?;
        let bytes = std::fs::read(&path).map_err(|error| {
            Fault::new(
                FaultKind::Broken,
                API_BROKEN,
                format!("could not read {}: {error}", path.display()),
            )
        })?;
        return Ok(Some((feed, held.file.name, bytes)));
    }
    Ok(None)
}

fn no_such_plan(plan: Digest) -> Fault {
    Fault::not_found("held plan", &crate::plugins::short(plan))
        .hint("`muster apply` lists what waits")
}

fn held_preview(app: &Arc<App>, plan: Digest) -> Result<v1::Preview, Fault> {
    if let Some((feed, name, bytes)) = held_file(app, plan)? {
        return preview(app, feed.name(), &name, bytes, &ProgressSink::none());
    }
    let hold = app.policy_hold_of(plan).ok_or_else(|| no_such_plan(plan))?;
    Ok(v1::Preview {
        feed: String::new(),
        file: "the policy".to_owned(),
        file_digest: String::new(),
        plan_digest: Some(plan.to_string()),
        policy: app.policy.version().to_string(),
        verdict: "hold".to_owned(),
        reasons: hold
            .summary
            .exceeded
            .iter()
            .map(|finding| present::finding(finding, None))
            .collect(),
        rows: 0,
        people_read: 0,
        quarantined: 0,
        counts: present::counts(&hold.summary.counts),
        people: Vec::new(),
        people_omitted: hold.summary.counts.people.values().sum(),
        findings: hold
            .summary
            .findings
            .iter()
            .map(|finding| present::finding(finding, None))
            .collect(),
    })
}

/// Applies exactly the held plan with this digest, or nothing.
async fn apply(app: &Arc<App>, plan: Digest, by: String) -> Result<v1::Applied, Fault> {
    if app.policy_hold_of(plan).is_some() {
        let summary = crate::replan::approved(app, plan)
            .await
            .map_err(|error| failed(&error.into()))?;
        return applied(summary, plan);
    }
    let _one_at_a_time = app.planning.lock().await;
    let planner = Arc::clone(app);
    let decided = tokio::task::spawn_blocking(move || {
        let (feed, name, bytes) = held_file(&planner, plan)?.ok_or_else(|| no_such_plan(plan))?;
        let opened = intake::open(bytes, &feed.options(&name));
        let mut nobody = |_: &_, _: Option<&_>| {};
        let mut decision = feeds::decide(
            &planner,
            &feed,
            &name,
            opened,
            Consent::Approved(plan),
            &mut nobody,
        )
        .map_err(|error| failed(&error))?;
        let stands = decision
            .summary
            .as_ref()
            .is_some_and(|summary| summary.plan.is_some());
        if stands {
            decision.verdict = Verdict::Accepted;
        }
        Ok((feed, decision))
    });
    let (feed, decision) = decided.await.unwrap_or_else(|error| {
        Err(Fault::new(
            FaultKind::Broken,
            API_BROKEN,
            format!("planning broke off: {error}"),
        ))
    })?;
    tracing::info!(feed = %feed.name(), by, plan = crate::plugins::short(plan), "held plan approved");
    if decision.verdict == Verdict::Accepted {
        app.wake_all();
        move_approved(app, &feed, &decision).await;
    }
    applied(decision.summary.unwrap_or_default(), plan)
}

fn applied(summary: Summary, wanted: Digest) -> Result<v1::Applied, Fault> {
    match summary.plan {
        Some(plan) => Ok(v1::Applied {
            plan: plan.id.0,
            digest: plan.digest.to_string(),
            counts: present::counts(&plan.counts),
        }),
        None => {
            let now = summary
                .digest
                .map_or("there is nothing left to do".to_owned(), |digest| {
                    format!("it would now be {}", crate::plugins::short(digest))
                });
            let text = format!(
                "the plan is no longer {}: {now}",
                crate::plugins::short(wanted)
            );
            Err(Fault::new(FaultKind::Conflict, API_OTHER_PLAN, text)
                .hint("the ledger or the policy moved meanwhile; drop the file again and look at the new plan"))
        }
    }
}

/// Moves an approved file from `held` to `processed`, with the report of what it now changes.
async fn move_approved(app: &App, feed: &Feed, decision: &Decision) {
    use crate::intake::folder::place::{Place, Places};
    let moved = feeds::find_held(feed, decision.file.digest, &decision.file.name)
        .ok()
        .and_then(|path| {
            let places = Places::create(&feed.config.folder).ok()?;
            let stored = places.move_on(path.file_name()?, Place::Held, Place::Processed);
            Some((
                places,
                stored
                    .inspect_err(|error| tracing::error!(%error, "could not move an approved file"))
                    .ok()?,
            ))
        });
    if let Some((places, stored)) = moved {
        feeds::write_reports(app, feed, &places, &stored, decision, app.clock.now()).await;
    }
}

fn plugins(app: &App) -> Vec<v1::PluginRow> {
    let mut rows: Vec<v1::PluginRow> = app
        .library
        .standings()
        .into_iter()
        .map(|standing| v1::PluginRow {
            name: standing.name,
            state: if standing.plugin.is_some() {
                "serving"
            } else {
                "refused"
            }
            .to_owned(),
            version: standing
                .plugin
                .as_ref()
                .map(|plugin| plugin.descriptor().version.clone()),
            contract: standing
                .plugin
                .as_ref()
                .map(|plugin| plugin.descriptor().contract.clone()),
            digest: standing
                .plugin
                .map(|plugin| crate::plugins::short(plugin.digest()))
                .unwrap_or_default(),
            since: standing.since.map(present::instant),
            targets: standing.targets,
            trouble: standing
                .trouble
                .map(|trouble| format!("{} ({})", trouble.text, trouble.code)),
        })
        .collect();
    rows.extend(app.library.unused().into_iter().filter_map(|path| {
        Some(v1::PluginRow {
            name: path.file_stem()?.to_string_lossy().into_owned(),
            state: "unused".to_owned(),
            version: None,
            contract: None,
            digest: String::new(),
            since: None,
            targets: Vec::new(),
            trouble: None,
        })
    }));
    rows
}

#[expect(
    clippy::cast_precision_loss,
    reason = "Prometheus counts in floating point"
)]
fn metrics(app: &App) -> Vec<Family> {
    let mut families = Vec::new();
    let up = app.clock.now().duration_since(app.started_at).as_secs_f64();
    families.push(Family::single(
        "muster_uptime_seconds",
        "Seconds since the daemon started.",
        Kind::Gauge,
        up,
    ));
    if let Ok(counts) = app.ledger.read().and_then(|reader| reader.counts()) {
        let entries = counts.entries as f64;
        families.push(Family::single(
            "muster_journal_entries",
            "Entries of the journal.",
            Kind::Gauge,
            entries,
        ));
        let open = counts.findings as f64;
        families.push(Family::single(
            "muster_findings_open",
            "Findings that hold.",
            Kind::Gauge,
            open,
        ));
        let people = counts
            .people
            .iter()
            .map(|(phase, count)| (phase.as_str().to_owned(), *count as f64));
        families.push(Family::by(
            "muster_people",
            "People by phase.",
            Kind::Gauge,
            "phase",
            people,
        ));
        let samples = counts.operations.iter().flat_map(|(target, states)| {
            states.iter().map(move |(state, count)| Sample {
                labels: vec![
                    ("target", target.to_string()),
                    ("state", (*state).to_owned()),
                ],
                value: *count as f64,
            })
        });
        families.push(Family {
            name: "muster_operations_open",
            help: "Operations that have not ended.",
            kind: Kind::Gauge,
            samples: samples.collect(),
        });
    }
    let usable = app
        .targets
        .iter()
        .map(|(name, target)| (name.to_string(), f64::from(u8::from(target.is_usable()))));
    families.push(Family::by(
        "muster_target_usable",
        "1 where calls can be made.",
        Kind::Gauge,
        "target",
        usable,
    ));
    let counted =
        |name: &'static str, help: &'static str, read: fn(&crate::driver::Activity) -> u64| {
            let by_target = app
                .activity
                .iter()
                .map(|(target, activity)| (target.to_string(), read(activity) as f64));
            Family::by(name, help, Kind::Counter, "target", by_target)
        };
    families.push(counted(
        "muster_calls_total",
        "Calls of connectors that changed something.",
        |activity| activity.calls.load(Ordering::Relaxed),
    ));
    families.push(counted(
        "muster_operations_completed_total",
        "Operations that ended well.",
        |activity| activity.completed.load(Ordering::Relaxed),
    ));
    families.push(counted(
        "muster_replies_lost_total",
        "Calls whose reply was lost.",
        |activity| activity.lost.load(Ordering::Relaxed),
    ));
    families.push(counted(
        "muster_attempts_deferred_total",
        "Attempts that have to wait.",
        |activity| activity.deferred.load(Ordering::Relaxed),
    ));
    families.push(counted(
        "muster_operations_halted_total",
        "Operations that came to wait for a person.",
        |activity| activity.halted.load(Ordering::Relaxed),
    ));
    families
}
