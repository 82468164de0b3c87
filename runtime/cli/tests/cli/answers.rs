//! What the daemon of the tests answers: a small company with one leaver held and one grant in trouble.

use std::collections::BTreeMap;

use muster_api::v1;
use serde_json::json;

use crate::daemon::HELD;

fn texts(items: &[&str]) -> Vec<String> {
    items.iter().map(ToString::to_string).collect()
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "it stands where an answer may be missing"
)]
fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn numbers<N: Copy>(items: &[(&str, N)]) -> BTreeMap<String, N> {
    items
        .iter()
        .map(|(name, number)| ((*name).to_owned(), *number))
        .collect()
}

fn too_many_leavers() -> v1::Finding {
    v1::Finding {
        code: "PLN-010".to_owned(),
        severity: "error".to_owned(),
        subject: "feed hr".to_owned(),
        text: "30 of 118 people would leave; at most 11 go without asking".to_owned(),
        hint: "look at the preview; if it is right, apply it with `muster apply`".to_owned(),
        since: None,
    }
}

/// Who let the policy decide.
pub(crate) fn approver() -> v1::Actor {
    v1::Actor {
        kind: "operator".to_owned(),
        name: "ops (uid 1000) as Ann Lee".to_owned(),
        uid: Some(1000),
        user: some("ops"),
        called: some("Ann Lee"),
        reason: some("HR confirmed it"),
    }
}

fn counts() -> v1::Counts {
    v1::Counts {
        people: numbers(&[("joiner", 1), ("leaver", 30), ("mover", 0)]),
        operations: BTreeMap::from([(
            "crm".to_owned(),
            numbers(&[("end-sessions", 30), ("suspend", 30)]),
        )]),
    }
}

pub(crate) fn held() -> Vec<v1::Held> {
    vec![v1::Held {
        feed: "hr".to_owned(),
        file: "workers.csv".to_owned(),
        file_digest: "ab".repeat(32),
        plan_digest: some(HELD),
        since: "2026-11-22T09:00:00.5Z".to_owned(),
        reasons: vec![too_many_leavers()],
        counts: counts(),
    }]
}

pub(crate) fn preview(file: &str) -> v1::Preview {
    let verdict = match file {
        "broken.csv" => "reject",
        _ => "hold",
    };
    v1::Preview {
        feed: "hr".to_owned(),
        file: file.to_owned(),
        file_digest: "ab".repeat(32),
        plan_digest: (verdict == "hold").then(|| HELD.to_owned()),
        policy: "1a2b3c4d5e6f".to_owned(),
        verdict: verdict.to_owned(),
        reasons: vec![too_many_leavers()],
        rows: 89,
        people_read: 88,
        quarantined: 1,
        counts: counts(),
        people: vec![
            v1::PersonPreview {
                person: "hr:1042".to_owned(),
                name: "Ann \u{1b}[31mLee".to_owned(),
                kind: "leaver".to_owned(),
                changed: texts(&["status: Active -> Ended"]),
                effective_at: some("2026-12-01T00:00:00Z"),
                operations: vec![v1::OperationPreview {
                    target: "crm".to_owned(),
                    verb: "suspend".to_owned(),
                    object: String::new(),
                    reason: "left".to_owned(),
                }],
            },
            v1::PersonPreview {
                person: "hr:2001".to_owned(),
                name: String::new(),
                kind: "joiner".to_owned(),
                changed: Vec::new(),
                effective_at: None,
                operations: vec![v1::OperationPreview {
                    target: "crm".to_owned(),
                    verb: "grant".to_owned(),
                    object: "group:Sales".to_owned(),
                    reason: "role sales".to_owned(),
                }],
            },
        ],
        people_omitted: 29,
        problems: Vec::new(),
        problem_counts: Vec::new(),
        findings: vec![v1::Finding {
            code: "HR-014".to_owned(),
            severity: "warning".to_owned(),
            subject: "row 17".to_owned(),
            text: "`Maybe` is no known status".to_owned(),
            hint: String::new(),
            since: None,
        }],
    }
}

pub(crate) fn status() -> v1::Status {
    v1::Status {
        version: "0.1.0".to_owned(),
        started_at: "2026-11-22T08:00:00Z".to_owned(),
        now: "2026-11-22T09:00:00Z".to_owned(),
        config: "/etc/muster/muster.toml".to_owned(),
        policy: "1a2b3c4d5e6f".to_owned(),
        policy_since: some("2026-11-22T08:30:00Z"),
        policy_by: Some(approver()),
        journal_entries: 4711,
        feeds: vec![v1::FeedStatus {
            name: "hr".to_owned(),
            folder: "/srv/hr".to_owned(),
            kind: "snapshot".to_owned(),
            has_hook: true,
            people: 118,
            last_file: Some(v1::FileSeen {
                name: "workers.csv".to_owned(),
                digest: "ab".repeat(32),
                rows: 89,
                result: "held".to_owned(),
                at: "2026-11-22T09:00:00Z".to_owned(),
                plan: None,
                approved_by: None,
            }),
            trouble: some("the folder cannot be read"),
        }],
        targets: vec![v1::TargetStatus {
            name: "crm".to_owned(),
            plugin: "scim".to_owned(),
            plugin_version: some("0.1.0"),
            state: "degraded".to_owned(),
            trouble: some("the app does not accept the credentials"),
            accounts: 110,
            operations_open: 3,
            operations_halted: 1,
            undecided: 0,
            last_answer_at: None,
        }],
        people_here: numbers(&[("hr", 118)]),
        people: numbers(&[("active", 118), ("ended", 4), ("leave", 0)]),
        operations: numbers(&[("halted", 1), ("waiting", 2)]),
        findings: BTreeMap::new(),
        held: held(),
        trouble: None,
    }
}

pub(crate) fn people() -> Vec<v1::PersonRow> {
    let row =
        |person: &str, name: &str, phase: &str, accounts: &[(&str, &str)], open| v1::PersonRow {
            person: person.to_owned(),
            name: name.to_owned(),
            phase: phase.to_owned(),
            accounts: accounts
                .iter()
                .map(|(target, state)| ((*target).to_owned(), (*state).to_owned()))
                .collect(),
            operations_open: open,
        };
    vec![
        row(
            "hr:1042",
            "Ann Lee",
            "active",
            &[("crm", "active"), ("wiki", "-")],
            1,
        ),
        row("hr:7", "Zo\u{eb} Roy", "ended", &[("crm", "suspended")], 0),
        row("hr:8", "", "prehire", &[], 0),
    ]
}

fn group(state: &str, since: Option<&str>, reasons: Vec<v1::Reason>) -> v1::Grant {
    v1::Grant {
        entitlement: "group:Sales".to_owned(),
        id: "g-1".to_owned(),
        state: state.to_owned(),
        since: since.map(str::to_owned),
        reasons,
        plan: Some(12),
    }
}

pub(crate) fn person() -> v1::Person {
    let role = v1::Reason {
        opening: None,
        kind: "role".to_owned(),
        role: some("sales"),
        policy: some("1a2b3c4d5e6f"),
        adoption: None,
    };
    v1::Person {
        records: Vec::new(),
        part_of: None,
        openings: Vec::new(),
        blocks: Vec::new(),
        adoptions: Vec::new(),
        person: "hr:1042".to_owned(),
        name: "Ann Lee".to_owned(),
        phase: "active".to_owned(),
        is_present: true,
        starts_at: some("2024-01-01T00:00:00Z"),
        ends_at: None,
        wake_at: some("2026-12-31T23:00:00Z"),
        announced: vec![v1::Announced {
            at: "2026-12-31T23:00:00Z".to_owned(),
            phase: "active".to_owned(),
            changes: texts(&["department: Sales -> Finance"]),
        }],
        attributes: BTreeMap::from([
            ("department".to_owned(), json!("Sales")),
            ("remote".to_owned(), json!(true)),
        ]),
        roles: texts(&["everyone", "sales"]),
        plan: 12,
        accounts: vec![v1::Account {
            person: "hr:1042".to_owned(),
            name: "Ann Lee".to_owned(),
            target: "crm".to_owned(),
            id: some("4f1"),
            state: some("active"),
            drift: None,
            delete_at: None,
            grants: vec![group("held", Some("2026-11-01T10:00:00.123Z"), vec![role])],
            taken: Vec::new(),
            operations: vec![operations().swap_remove(0)],
        }],
    }
}

pub(crate) fn operations() -> Vec<v1::Operation> {
    let operation = |id: &str, verb: &str, object: &str, state: &str| v1::Operation {
        id: id.to_owned(),
        person: "hr:1042".to_owned(),
        target: "crm".to_owned(),
        verb: verb.to_owned(),
        object: object.to_owned(),
        urgency: "joiner".to_owned(),
        state: state.to_owned(),
        attempt: 0,
        next_at: None,
        reason: "role sales".to_owned(),
        problem: None,
        text: None,
    };
    vec![
        v1::Operation {
            attempt: 3,
            next_at: some("2026-11-22T09:05:00Z"),
            problem: some("rate-limited"),
            text: some("the app asks to slow down"),
            ..operation("12-3", "grant", "license-seat:Pro", "waiting")
        },
        v1::Operation {
            attempt: 1,
            problem: some("no-capacity"),
            text: some("no seat or quota is left: Pro"),
            ..operation("12-4", "grant", "license-seat:Max", "halted")
        },
        operation("12-5", "ensure-account", "", "queued"),
    ]
}

pub(crate) fn findings() -> Vec<v1::Finding> {
    vec![v1::Finding {
        since: some("2026-11-22T09:00:00Z"),
        ..too_many_leavers()
    }]
}

/// The row that says what is known of Ann.
fn source() -> v1::Source {
    v1::Source {
        feed: "hr".to_owned(),
        file: "workers.csv".to_owned(),
        digest: "ab".repeat(32),
        row: Some(17),
        plan: 12,
        at: "2026-11-01T09:59:00Z".to_owned(),
        approved_by: Some(approver()),
    }
}

pub(crate) fn why() -> v1::Why {
    let values = BTreeMap::from([("department".to_owned(), json!("Sales"))]);
    v1::Why {
        person: "hr:1042".to_owned(),
        name: "Ann Lee".to_owned(),
        phase: "active".to_owned(),
        phase_because: "employed; HR names no last day".to_owned(),
        policy: "1a2b3c4d5e6f".to_owned(),
        source: Some(source()),
        targets: vec![v1::WhyTarget {
            target: "crm".to_owned(),
            account: some("4f1"),
            state: some("active"),
            summary: "has everything but one seat".to_owned(),
            has: vec![
                v1::WhyGrant {
                    entitlement: "group:Sales".to_owned(),
                    state: "held".to_owned(),
                    since: some("2026-11-01T10:00:00Z"),
                    because: vec![v1::Because {
                        opening: None,
                        role: some("sales"),
                        description: "Everybody who sells".to_owned(),
                        rule: some("department == \"Sales\""),
                        policy: some("1a2b3c4d5e6f"),
                        rule_now: None,
                        values: values.clone(),
                    }],
                    source: Some(source()),
                },
                v1::WhyGrant {
                    entitlement: "group:Old".to_owned(),
                    state: "being-taken".to_owned(),
                    since: some("2025-01-01T10:00:00Z"),
                    because: Vec::new(),
                    source: None,
                },
            ],
            has_not: vec![
                v1::WhyNot {
                    role: "finance".to_owned(),
                    description: "Everybody who counts".to_owned(),
                    gives: texts(&["group:Finance"]),
                    rule: "department == \"Finance\" && remote".to_owned(),
                    failed: texts(&["department == \"Finance\""]),
                    undecided: None,
                    unresolved: None,
                    values: BTreeMap::from([
                        ("department".to_owned(), json!("Sales")),
                        ("remote".to_owned(), json!(null)),
                    ]),
                },
                v1::WhyNot {
                    role: "buyers".to_owned(),
                    description: "Everybody who buys".to_owned(),
                    gives: texts(&["group:Buyers"]),
                    rule: "level > 3".to_owned(),
                    failed: Vec::new(),
                    undecided: some("`level > 3` fails: a text cannot be compared with a number"),
                    unresolved: None,
                    values: BTreeMap::from([("level".to_owned(), json!("4"))]),
                },
            ],
            taken: vec![],
            pending: vec![operations().swap_remove(0)],
        }],
    }
}

pub(crate) fn plugins() -> Vec<v1::PluginRow> {
    vec![v1::PluginRow {
        name: "scim".to_owned(),
        state: "serving".to_owned(),
        version: some("0.1.0"),
        contract: some("0.1.0"),
        digest: "0123456789ab".to_owned(),
        since: some("2026-11-22T08:00:00Z"),
        targets: texts(&["crm"]),
        trouble: some("the newest file imports a socket"),
    }]
}

pub(crate) fn plugin() -> v1::Plugin {
    v1::Plugin {
        name: "scim".to_owned(),
        version: "0.1.0".to_owned(),
        vendor: "Muster".to_owned(),
        contract: "0.1.0".to_owned(),
        app: "any SCIM 2.0 service".to_owned(),
        digest: "01".repeat(32),
        bytes: 7,
        capabilities: texts(&["accounts", "grants"]),
        imports: texts(&["muster:connector/http@0.1.0"]),
        kinds: vec![v1::PluginKind {
            of: "account".to_owned(),
            name: "user".to_owned(),
            operations: texts(&["ensure-account", "ensure-state"]),
        }],
        hosts: Vec::new(),
        secrets: vec![v1::PluginSlot {
            name: "api".to_owned(),
            description: "How to sign in".to_owned(),
            schemes: texts(&["bearer", "basic"]),
            is_required: true,
        }],
        settings: vec![v1::PluginSetting {
            key: "base_url".to_owned(),
            description: "Where the service is".to_owned(),
            is_required: true,
        }],
        refusals: Vec::new(),
    }
}

pub(crate) fn ledger_check() -> v1::LedgerCheck {
    v1::LedgerCheck {
        is_clean: true,
        journal_entries: 4711,
        people: 122,
        format: 1,
        differences: Vec::new(),
    }
}

/// What the journal has about somebody: a plan, what came of it, and a remark.
pub(crate) fn history() -> Vec<v1::HistoryEntry> {
    let entry = |seq: u64, kind: &str, text: &str| v1::HistoryEntry {
        seq,
        at: "2026-11-22T09:00:00Z".to_owned(),
        kind: kind.to_owned(),
        text: text.to_owned(),
        ..v1::HistoryEntry::default()
    };
    vec![
        entry(14, "finding", "OP-002: suspend, attempt 2: the app is busy"),
        v1::HistoryEntry {
            plan: Some(12),
            target: some("crm"),
            operation: some("12-4"),
            change: some("deferred"),
            details: vec!["the app asks to slow down".to_owned()],
            ..entry(13, "operation", "suspend: waits until 2026-11-22T09:01:00Z")
        },
        v1::HistoryEntry {
            plan: Some(12),
            details: vec![
                "department: Sales -> Finance".to_owned(),
                "crm: suspend".to_owned(),
            ],
            ..entry(9, "plan", "leaver, ended")
        },
    ]
}
