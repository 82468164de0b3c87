//! What the daemon counts, read when somebody asks. Labels carry names of the configuration only.

pub(crate) mod family;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::header;
use muster_core::finding::Severity;
use muster_ledger::Reader;
use muster_ledger::kept::Counts;

use super::Health;
use crate::driver::Activity;
use family::{Family, Kind, Sample};

/// A counter of the drivers: its name, what it counts, and where it stands.
type Counter = (&'static str, &'static str, fn(&Activity) -> &AtomicU64);

const COUNTERS: [Counter; 7] = [
    (
        "muster_calls_total",
        "Calls of connectors that changed something.",
        |activity| &activity.calls,
    ),
    (
        "muster_operations_completed_total",
        "Operations that ended well.",
        |activity| &activity.completed,
    ),
    (
        "muster_replies_lost_total",
        "Calls whose reply was lost.",
        |activity| &activity.lost,
    ),
    (
        "muster_attempts_deferred_total",
        "Attempts that have to wait.",
        |activity| &activity.deferred,
    ),
    (
        "muster_operations_halted_total",
        "Operations that came to wait for a person.",
        |activity| &activity.halted,
    ),
    (
        "muster_removals_verified_total",
        "Removals that the app was seen to have carried out.",
        |activity| &activity.removals_verified,
    ),
    (
        "muster_removals_done_total",
        "Removals of which the app's answer is all the proof there is.",
        |activity| &activity.removals_unseen,
    ),
];

/// `GET /metrics`.
pub(crate) async fn answer(State(health): State<Arc<Health>>) -> Response {
    written(&families(&health))
}

/// Families as they are answered.
pub(crate) fn written(families: &[Family]) -> Response {
    let kind = [(
        header::CONTENT_TYPE,
        "text/plain; version=0.0.4; charset=utf-8",
    )];
    (kind, family::text(families)).into_response()
}

/// Everything that is counted.
fn families(health: &Health) -> Vec<Family> {
    let up = health
        .clock
        .now()
        .duration_since(health.started_at)
        .as_secs_f64();
    let mut families = vec![Family::single(
        "muster_uptime_seconds",
        "Seconds since the daemon started.",
        Kind::Gauge,
        up,
    )];
    let is_ready = health.ready.load(Ordering::Acquire) && health.ledger.failure().is_none();
    families.push(ready(is_ready));
    if let Ok(reader) = health.ledger.read() {
        families.extend(reader.counts().iter().flat_map(of_ledger));
        families.extend(findings(&reader).ok());
    }
    let usable = health
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
    for (name, help, counter) in COUNTERS {
        let by_target = health.activity.iter().map(|(target, activity)| {
            (
                target.to_string(),
                number(counter(activity).load(Ordering::Relaxed)),
            )
        });
        families.push(Family::by(name, help, Kind::Counter, "target", by_target));
    }
    families
}

fn of_ledger(counts: &Counts) -> Vec<Family> {
    let people = counts
        .people
        .iter()
        .map(|(phase, count)| (phase.as_str().to_owned(), number(*count)));
    let undecided = counts.wanted.keys().map(|target| {
        let count = counts.undecided.get(target).copied().unwrap_or(0);
        (target.to_string(), number(count))
    });
    let open = counts.operations.iter().flat_map(|(target, states)| {
        states.iter().map(move |(state, count)| Sample {
            labels: vec![("target", target.to_string()), ("state", state.to_string())],
            value: number(*count),
        })
    });
    vec![
        Family::single(
            "muster_journal_entries",
            "Entries of the journal.",
            Kind::Gauge,
            number(counts.entries),
        ),
        Family::by(
            "muster_people",
            "People by phase.",
            Kind::Gauge,
            "phase",
            people,
        ),
        Family::by(
            "muster_adoptions_undecided",
            "Rights of accounts that were taken over and about which nobody has decided.",
            Kind::Gauge,
            "target",
            undecided,
        ),
        Family {
            name: "muster_operations_open",
            help: "Operations that have not ended.",
            kind: Kind::Gauge,
            samples: open.collect(),
        },
    ]
}

/// Open findings by severity: an alert is on errors, not on notes.
fn findings(reader: &Reader) -> Result<Family, muster_ledger::Error> {
    // Where nothing is open a severity stands at nought: a series that is missing alerts nobody.
    let severities = [Severity::Note, Severity::Warning, Severity::Error];
    let mut counts: BTreeMap<&str, u64> = severities
        .iter()
        .map(|severity| (severity.as_str(), 0))
        .collect();
    for kept in reader.findings()? {
        *counts.entry(kept?.finding.severity.as_str()).or_default() += 1;
    }
    let counts = counts.into_iter();
    Ok(Family::by(
        "muster_findings_open",
        "Findings that hold, by severity.",
        Kind::Gauge,
        "severity",
        counts.map(|(severity, count)| (severity.to_owned(), number(count))),
    ))
}

#[expect(
    clippy::cast_precision_loss,
    reason = "Prometheus counts in floating point"
)]
fn number(count: u64) -> f64 {
    count as f64
}

/// Whether work is taken, for `/metrics`.
pub(crate) fn ready(is_ready: bool) -> Family {
    Family::single(
        "muster_ready",
        "1 where work is taken; otherwise /readyz says why not.",
        Kind::Gauge,
        f64::from(u8::from(is_ready)),
    )
}
