//! Facts in which every case of every type that is stored stands at least once. They need make no
//! sense together; they have to be read back as they were written.

#![expect(clippy::unwrap_used, reason = "test code")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::civil::date;
use muster_core::actor::{Actor, ConnectorVersion, Editor, Operator};
use muster_core::adoption::AdoptionId;
use muster_core::connector::{AccountState, Entitlement, Seats};
use muster_core::correlation::{Candidate, Doubtful};
use muster_core::dated::{Announced, Dated};
use muster_core::fact::{
    AccountPlanned, ArrivalChange, Arrived, Cause, Content, Counts, Deletion, EventKind, Fact,
    FeedFile, Kind, Outcome, Part, PersonPlanned, Plan, Source,
};
use muster_core::finding::{Code, Finding, Severity};
use muster_core::hold::{End, Hold, What};
use muster_core::id::{Digest, FeedName, PlanId, PolicyVersion, RoleName};
use muster_core::identity::{Employment, Identity, Phase, Status, Value, ValueType};
use muster_core::lint::Acceptance;
use muster_core::operation::Urgency;
use muster_core::person::{Decision, Justification, Sighting};
use muster_core::policy::{
    Adopt, LeaverRules, LintSource, PolicySource, Prehire, RoleSource, TargetRules,
};
use muster_core::question::{Doubt, Question};
use muster_core::record::{Link, RecordPlanned};
use muster_core::standing::OpeningId;
use muster_core::subject::Subject;
use muster_ledger::PlanDigest;

use super::every_operation::{actions, bare_object, changes, key, object, states};
use super::{at, changed, operation, operation_id, person, policy, target};

/// Every fact, in an order in which they can be recorded in one transaction.
pub(crate) fn facts() -> Vec<Fact> {
    let people = people();
    let mut digest = PlanDigest::new();
    let mut counts = Counts::default();
    for planned in &people {
        digest.add(planned);
        counts.add(planned);
    }
    let mut facts = vec![Fact::PlanApproved { plan: PlanId(1) }];
    facts.extend(people.into_iter().map(Fact::PersonPlanned));
    facts.push(Fact::PlanMade(Plan {
        id: PlanId(1),
        cause: Cause::File {
            feed: feed(),
            name: "people.csv".to_owned(),
            digest: Digest([7; 32]),
        },
        policy: policy(),
        digest: digest.finish(),
        counts,
        part: None,
    }));
    for (id, cause) in (2..).zip([
        Cause::Policy,
        Cause::Date,
        Cause::Operator(operator()),
        Cause::Reference,
        Cause::FeedRetired(feed()),
    ]) {
        facts.push(Fact::PlanMade(Plan {
            id: PlanId(id),
            cause,
            policy: policy(),
            digest: PlanDigest::new().finish(),
            counts: Counts::default(),
            part: Some(Part {
                first: PlanId(2),
                is_last: id == 6,
            }),
        }));
    }
    facts.extend(changes().into_iter().map(|change| {
        // Of an operation that is not there any more: recorded, and without effect.
        changed("p0", "crm", operation_id(PlanId(9), 9), change)
    }));
    facts.extend(others());
    facts
}

/// The same facts, as they are committed: a plan with its people at once, everything else alone.
pub(crate) fn commits() -> Vec<Vec<Fact>> {
    let mut commits = vec![Vec::new()];
    for fact in facts() {
        let is_content = matches!(fact, Fact::PersonPlanned(_));
        if let Some(commit) = commits.last_mut() {
            commit.push(fact);
        }
        if !is_content {
            commits.push(Vec::new());
        }
    }
    commits.retain(|commit| !commit.is_empty());
    commits
}

fn feed() -> FeedName {
    FeedName::new("hr").unwrap()
}

/// Somebody at the command line who says everything that can be said.
fn operator() -> Operator {
    Operator::new(Some(1000), "ops".to_owned())
        .saying(Some("Zoë"), Some("HR confirmed it by telephone"))
        .unwrap()
}

fn identity(status: Status) -> Identity {
    let values = [
        ("empty", Value::Empty),
        ("text", Value::Text("Zoë, \"the\" first".to_owned())),
        ("yes", Value::Boolean(true)),
        ("small", Value::Integer(-1)),
        ("large", Value::Integer(i64::MAX)),
        ("day", Value::Day(date(2026, 2, 28))),
        ("last-day", Value::Day(date(9999, 12, 31))),
        ("list", Value::List(vec!["a".to_owned(), String::new()])),
    ];
    Identity {
        attributes: values
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
        employment: Employment {
            status,
            starts_at: Some(at(0)),
            ends_at: Some("9999-12-30T00:00:00Z".parse().unwrap()),
        },
        dated: Dated {
            since: Some(at(-5)),
            announced: vec![Announced {
                at: at(86_400),
                attributes: [("text".to_owned(), Value::Empty)].into(),
                employment: Employment {
                    status,
                    starts_at: None,
                    ends_at: Some(at(172_800)),
                },
            }],
        },
    }
}

/// People whose operations are in every state and bring about everything.
fn people() -> Vec<PersonPlanned> {
    let kinds = [
        (Kind::Joiner, Status::Active, Phase::Prehire),
        (Kind::Rehire, Status::Leave, Phase::Active),
        (Kind::Mover, Status::Ended, Phase::Leave),
        (Kind::Leaver, Status::Active, Phase::Ended),
        (Kind::Update, Status::Active, Phase::Active),
    ];
    let urgencies = [
        Urgency::Leaver,
        Urgency::Mover,
        Urgency::Joiner,
        Urgency::Routine,
    ];
    let reasons = BTreeSet::from([
        super::justification("staff"),
        Justification::Opening(OpeningId(1)),
        Justification::Adoption(AdoptionId(1)),
    ]);
    let deletions = [
        Deletion::Never,
        Deletion::After(Duration::from_secs(99)),
        Deletion::AsBefore,
        Deletion::Kept,
    ];
    let mut number = 0;
    let mut people = Vec::new();
    for (index, (kind, status, phase)) in kinds.into_iter().enumerate() {
        let mut operations = Vec::new();
        for (state, action) in states().into_iter().zip(actions().into_iter().cycle()) {
            number += 1;
            let urgency = urgencies[operations.len() % urgencies.len()];
            let mut operation = operation(PlanId(1), number, action, urgency);
            operation.state = state;
            operations.push(operation);
        }
        let full = AccountPlanned {
            is_wanted: true,
            grants: BTreeMap::from([(key("admin"), reasons.clone())]),
            deletion: deletions[index % deletions.len()],
            operations,
        };
        let bare = AccountPlanned {
            is_wanted: true,
            ..AccountPlanned::default()
        };
        people.push(PersonPlanned {
            plan: PlanId(1),
            person: person(&format!("p{index}")),
            kind,
            identity: Some(identity(status)),
            records: records(index),
            row: (index > 0).then_some(7),
            is_present: index % 2 == 0,
            phase,
            accounts: BTreeMap::from([(target("crm"), full), (target("mail"), bare)]),
        });
    }
    people
}

/// What is said of single records of the person with this number: of the second one, in every way.
fn records(index: usize) -> Vec<RecordPlanned> {
    if index != 1 {
        return Vec::new();
    }
    let keys = || vec!["personal_number".to_owned()];
    let links = [
        None,
        Some(Link::FirstSeen),
        Some(Link::Correlated(keys())),
        Some(Link::Confirmed(keys())),
        Some(Link::Merged),
    ];
    let links = (0_u32..).zip(links);
    links
        .map(|(number, link)| RecordPlanned {
            record: person(&format!("r{number}")),
            identity: (number < 4).then(|| identity(Status::Active)),
            row: (number > 0).then_some(number),
            is_present: number > 0,
            link,
        })
        .collect()
}

fn connector(version: &str) -> ConnectorVersion {
    ConnectorVersion {
        plugin: "scim".to_owned(),
        version: version.to_owned(),
        digest: Digest([12; 32]),
    }
}

/// A policy in which every case of every type stands at least once.
fn policy_source() -> PolicySource {
    let types = [
        Some(ValueType::Text),
        Some(ValueType::Boolean),
        Some(ValueType::Integer),
        Some(ValueType::Day),
        Some(ValueType::List),
        None,
    ];
    let rules = |adopt, prehire, delete_after| TargetRules {
        keys: vec![("externalId".to_owned(), "key".to_owned())],
        attributes: [("mail".to_owned(), "email".to_owned())].into(),
        adopt,
        leaver: LeaverRules {
            transfer_to_manager: true,
            delete_after,
            ..LeaverRules::default()
        },
        prehire,
    };
    let days = Some(Duration::from_hours(24 * 30));
    PolicySource {
        version: PolicyVersion::new("0123456789ab"),
        attributes: (0..)
            .zip(types)
            .map(|(number, value_type)| (format!("attribute {number}"), value_type))
            .collect(),
        roles: vec![RoleSource {
            name: RoleName::new("seller").unwrap(),
            description: "sells".to_owned(),
            when: "department == \"Sales\"".to_owned(),
            access: [(target("crm"), vec!["group:Sales".to_owned()])].into(),
        }],
        targets: [
            (target("crm"), rules(Adopt::Never, Prehire::Nothing, None)),
            (
                target("wiki"),
                rules(Adopt::WhenKeysAgree, Prehire::Suspended, days),
            ),
        ]
        .into(),
        lint: LintSource {
            must_end: Some("worker == \"Contractor\"".to_owned()),
            accepted: vec![Acceptance {
                code: Code::new("POL-033"),
                subject: Subject::Role(RoleName::new("seller").unwrap()),
                reason: "she is the only one".to_owned(),
            }],
        },
    }
}

/// One of each who or what can do something.
pub(crate) fn actors() -> [Actor; 7] {
    [
        Actor::Operator(operator()),
        Actor::Editor(Editor {
            file: "policy/sales.toml".to_owned(),
            uid: Some(1000),
            user: "ops".to_owned(),
        }),
        Actor::File {
            feed: feed(),
            name: "people.csv".to_owned(),
            digest: Digest([7; 32]),
        },
        Actor::Policy(policy()),
        Actor::Date,
        Actor::Connector(connector("0.1.0")),
        Actor::Daemon,
    ]
}

/// One of each kind of thing that a finding can be about.
fn subjects() -> [Subject; 15] {
    let crm = || target("crm");
    [
        Subject::Policy,
        Subject::Dates,
        Subject::References,
        Subject::Operator,
        Subject::Clock,
        Subject::Ledger,
        Subject::Feed(feed()),
        Subject::Target(crm()),
        Subject::Entitlement(crm(), "group:Sales".to_owned()),
        Subject::Plugin("scim".to_owned()),
        Subject::Role(RoleName::new("seller").unwrap()),
        Subject::File("secrets/crm".to_owned()),
        Subject::Person(person("1")),
        Subject::Account(person("1"), crm()),
        Subject::Operation(person("1"), crm(), operation_id(PlanId(1), 1)),
    ]
}

#[expect(
    clippy::too_many_lines,
    reason = "one of each fact, in the order of the enum"
)]
fn others() -> Vec<Fact> {
    let file = |number: u8| FeedFile {
        feed: feed(),
        name: format!("people {number}.csv"),
        digest: Digest([number; 32]),
        content: Content {
            header: u128::MAX,
            rows: u128::from(number),
            row_count: 1_000,
            read_as: u128::MAX - 1,
        },
    };
    let finding = |severity, subject| {
        let text = "the row was set aside";
        let finding = Finding::new(Code::new("HR-004"), severity, subject, text);
        Fact::FindingOpened(finding.hint("mend it in HR"))
    };
    let mut facts = targets_facts();
    facts.extend(sightings());
    facts.extend(subjects().map(|subject| finding(Severity::Error, subject)));
    facts.extend([
        finding(Severity::Note, Subject::Policy),
        finding(Severity::Warning, Subject::Dates),
        Fact::FindingClosed {
            code: Code::new("HR-004"),
            subject: Subject::Dates,
        },
        Fact::FileAccepted {
            file: file(1),
            plan: Some(PlanId(1)),
        },
        Fact::QuestionAsked(Question {
            person: person("p1"),
            doubt: Doubt::SamePerson(person("p2")),
        }),
        Fact::QuestionAsked(Question {
            person: person("p1"),
            doubt: Doubt::OtherPerson("0f".to_owned()),
        }),
        Fact::QuestionAsked(Question {
            person: person("p1"),
            doubt: Doubt::NotYet(at(7)),
        }),
        Fact::QuestionAnswered {
            digest: muster_ledger::of_question(&Question {
                person: person("p1"),
                doubt: Doubt::NotYet(at(7)),
            }),
        },
        Fact::QuestionEnded {
            digest: Digest([5; 32]),
        },
        Fact::FeedRenamed {
            from: FeedName::new("none").unwrap(),
            to: FeedName::new("other").unwrap(),
        },
        Fact::IdentitiesMerged {
            person: person("p2"),
            into: person("p3"),
        },
        Fact::RecordSplit {
            record: person("p2"),
            from: person("p3"),
        },
        Fact::PersonRenamed {
            person: person("nobody"),
            feed: FeedName::new("other").unwrap(),
        },
        Fact::ClockRead,
        Fact::ClockConfirmed,
        Fact::FileRejected {
            file: file(4),
            reasons: vec![Code::new("HR-001")],
        },
        Fact::PolicyTaken {
            source: Arc::new(policy_source()),
            plan: Some(PlanId(2)),
        },
        Fact::PolicyTaken {
            source: Arc::new(PolicySource {
                version: policy(),
                ..policy_source()
            }),
            plan: None,
        },
        Fact::PluginTaken {
            plugin: connector("0.2.0"),
            before: Some(connector("0.1.0")),
        },
        Fact::PluginTaken {
            plugin: connector("0.1.0"),
            before: None,
        },
        Fact::SecretChanged {
            target: target("crm"),
            slot: "api".to_owned(),
        },
        Fact::DeliveryTaken {
            feed: feed(),
            key: "msg_p5jXN8AQM9LWM0D4loKWxJek".to_owned(),
            digest: Digest([5; 32]),
        },
    ]);
    facts.extend(arrivals());
    facts.extend(holds(file(2)));
    facts
}

/// Everything that can wait, and whatever can become of it; some of it waits in the end.
fn holds(file: FeedFile) -> Vec<Fact> {
    let reason = |code| {
        let text = "Leavers beyond the limit";
        Finding::new(
            Code::new(code),
            Severity::Error,
            Subject::Feed(feed()),
            text,
        )
        .hint("look")
    };
    let hold = |what, plan: Option<u8>| Hold {
        what,
        plan: plan.map(|number| Digest([number; 32])),
        reasons: vec![reason("PLN-010"), reason("PLN-011")],
        counts: Counts {
            people: BTreeMap::from([(Kind::Leaver, 12), (Kind::Mover, 1)]),
            operations: BTreeMap::from([(
                target("crm"),
                BTreeMap::from([("suspend".to_owned(), 12)]),
            )]),
        },
        since: at(40),
    };
    let holds = [
        hold(What::File(file.clone()), Some(1)),
        hold(What::Policy(Arc::new(policy_source())), Some(2)),
        hold(What::Dates(vec![person("p0"), person("p1")]), Some(3)),
        hold(What::Clock, Some(4)),
        hold(What::Retired(FeedName::new("none").unwrap()), Some(5)),
        hold(
            What::Catalogue {
                target: target("crm"),
                entitlements: vec![entitlement()],
                changed: "license-seat `Enterprise` is new".to_owned(),
            },
            Some(6),
        ),
        hold(
            What::Record(Doubtful {
                record: person("r9"),
                identity: identity(Status::Active),
                row: Some(4),
                candidates: vec![Candidate {
                    person: person("p0"),
                    keys: vec!["personal_number".to_owned()],
                }],
            }),
            None,
        ),
    ];
    let ends = [End::Approved, End::Replaced, End::GivenUp, End::Over];
    let again = hold(What::File(file), None);
    let ended = holds.clone();
    let ended = ended
        .iter()
        .zip(ends.into_iter().cycle())
        .skip(1)
        .map(|(hold, end)| hold.decided(end));
    let ended: Vec<Fact> = ended.collect();
    let opened = holds.into_iter().map(Fact::HoldOpened);
    let last = hold(What::Clock, Some(7));
    opened
        .chain([again.decided(End::Approved)])
        .chain(ended)
        .chain([again, last].map(Fact::HoldOpened))
        .collect()
}

fn arrivals() -> Vec<Fact> {
    let row = b"WorkerID\n1042\n".to_vec();
    let event = |kind| Source::Event {
        id: "msg-2".to_owned(),
        kind,
        row: row.clone(),
    };
    let sources = [
        Source::Folder {
            mark: u128::MAX - 1,
        },
        Source::Delivery {
            id: "msg-1".to_owned(),
        },
        event(EventKind::Upsert),
        event(EventKind::Leave),
    ];
    let arrived = sources.into_iter().map(|source| {
        Fact::Arrived(Arrived {
            feed: feed(),
            name: "people 5.csv".to_owned(),
            digest: Digest([5; 32]),
            modified: at(40),
            source,
        })
    });
    let changes = [
        ArrivalChange::Decided(Outcome::Accepted),
        ArrivalChange::Decided(Outcome::Held),
        ArrivalChange::Decided(Outcome::Rejected),
        ArrivalChange::Decided(Outcome::Replaced),
        ArrivalChange::PutAway {
            stored: "20261122T090312Z-people 5.csv".to_owned(),
        },
        ArrivalChange::Ended,
    ];
    let later = changes.into_iter().map(|change| Fact::ArrivalChanged {
        feed: feed(),
        arrival: 1,
        change,
    });
    arrived.chain(later).collect()
}

fn entitlement() -> Entitlement {
    Entitlement {
        object: object(),
        class: "license-seat".to_owned(),
        title: "Enterprise".to_owned(),
        exclusion_group: Some("edition".to_owned()),
        requires: vec![bare_object()],
        seats: Some(Seats {
            sku: "1010020027".to_owned(),
            purchased: Some(50),
            consumed: None,
        }),
        is_grantable: true,
        is_revocable: false,
    }
}

fn targets_facts() -> Vec<Fact> {
    vec![
        Fact::CatalogueRead {
            target: target("crm"),
            entitlements: vec![entitlement()],
        },
        Fact::ChangesRead {
            target: target("crm"),
            token: "token-1".to_owned(),
        },
    ]
}

fn sightings() -> Vec<Fact> {
    let seen = [
        Sighting::InState(AccountState::Suspended),
        Sighting::Moved(object()),
        Sighting::TakenOver(["sales", "lunch", "printers"].map(key).into()),
        Sighting::Lost(key("admin")),
        Sighting::Gone,
    ];
    let seen = seen.map(|sighting| Fact::AccountSeen {
        person: person("somebody"),
        target: target("crm"),
        sighting,
    });
    let decided = [Decision::Restore, Decision::Leave].map(|decision| Fact::DriftDecided {
        person: person("somebody"),
        target: target("crm"),
        decision,
    });
    seen.into_iter()
        .chain(decided)
        .chain(super::decided::standing_decisions())
        .collect()
}
