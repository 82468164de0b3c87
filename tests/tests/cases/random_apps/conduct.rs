//! How an app misbehaves: a few kinds of it for each seed, switched on and off as things go.

use muster_tests::app::App;
use muster_tests::random::Random;
use serde_json::{Map, Value, json};

/// One kind of misbehaving.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// Accounts get other ids.
    Renumbers,
    /// Reads show what was a while ago.
    Lags,
    /// A creation is answered with 200.
    Says200,
    /// A creation is answered with an account that is there and holds the name or address.
    AnswersExisting,
    /// Replies are lost, before or after the effect.
    LosesReplies,
    /// 5xx although it was done.
    FailsAfterEffect,
    /// 5xx, and nothing was done.
    Fails,
    /// Adding a member replaces all members.
    ReplacesMembers,
    /// A wait of a day is asked for.
    AsksForADay,
    /// A creation is answered and not made.
    ForgetsCreations,
    /// Listings leave accounts out.
    ListsSome,
    /// Pages, halves and nothing in place of an answer.
    TalksNonsense,
    /// What is there is not found.
    FindsNothing,
    /// Answers take long.
    Dawdles,
}

const KINDS: [Kind; 14] = [
    Kind::Renumbers,
    Kind::Lags,
    Kind::Says200,
    Kind::AnswersExisting,
    Kind::LosesReplies,
    Kind::FailsAfterEffect,
    Kind::Fails,
    Kind::ReplacesMembers,
    Kind::AsksForADay,
    Kind::ForgetsCreations,
    Kind::ListsSome,
    Kind::TalksNonsense,
    Kind::FindsNothing,
    Kind::Dawdles,
];

/// The requests that a fault may be for.
const ENDPOINTS: [(Option<&str>, &str); 11] = [
    (Some("POST"), "/Users"),
    (Some("PATCH"), "/Users"),
    (Some("GET"), "/Users"),
    (Some("DELETE"), "/Users"),
    (Some("PATCH"), "/Groups"),
    (Some("GET"), "/Groups"),
    (Some("PATCH"), ""),
    (Some("GET"), ""),
    (None, "/Users"),
    (None, "/Groups"),
    (None, ""),
];

/// The kinds of one seed.
pub(super) struct Conduct {
    pub(super) kinds: Vec<Kind>,
}

impl Conduct {
    /// One kind, some kinds, or now and then all of them.
    pub(super) fn of(random: &mut Random) -> Self {
        let count = match random.below(10) {
            0..3 => 1,
            3..9 => 2 + random.index(4),
            _ => KINDS.len(),
        };
        let mut left = KINDS.to_vec();
        let mut kinds = Vec::new();
        for _ in 0..count {
            kinds.push(left.swap_remove(random.index(left.len())));
        }
        Self { kinds }
    }

    /// Whether adding a member replaces all members.
    pub(super) fn replaces(&self) -> bool {
        self.kinds.contains(&Kind::ReplacesMembers)
    }

    /// Whether the app can take others out of a group without anybody ever seeing whom: it replaces members, and
    /// its answer, or the list that it shows next, does not come or is an old one.
    pub(super) fn loses_members_unseen(&self) -> bool {
        let hides = |kind: &Kind| match kind {
            Kind::Lags
            | Kind::LosesReplies
            | Kind::FailsAfterEffect
            | Kind::Fails
            | Kind::AsksForADay
            | Kind::TalksNonsense
            | Kind::FindsNothing => true,
            Kind::Renumbers
            | Kind::Says200
            | Kind::AnswersExisting
            | Kind::ReplacesMembers
            | Kind::ForgetsCreations
            | Kind::ListsSome
            | Kind::Dawdles => false,
        };
        self.replaces() && self.kinds.iter().any(hides)
    }

    /// What is so from the first request on: no app begins to replace members between two requests.
    pub(super) fn begins(&self, app: &App) {
        app.rules(&json!({ "replaces_members": self.replaces() }));
    }

    /// What goes wrong from now on.
    pub(super) fn turn(&self, app: &App, random: &mut Random, names: &[String]) {
        let mut rules = Map::new();
        for kind in &self.kinds {
            if random.percent(40) && *kind != Kind::ReplacesMembers {
                continue;
            }
            if let Some((name, value)) = rule(*kind, random) {
                rules.insert(name.to_owned(), value);
            } else if *kind == Kind::Renumbers {
                renumber(app, random, names);
            } else {
                for _ in 0..=random.below(3) {
                    app.fault(&fault(*kind, random));
                }
            }
        }
        app.rules(&Value::Object(rules));
    }

    /// From now on everything is right.
    pub(super) fn ends(app: &App) {
        app.rules(&json!({}));
        app.admin("DELETE", "/_faults", &Value::Null);
    }
}

fn rule(kind: Kind, random: &mut Random) -> Option<(&'static str, Value)> {
    let existing = [200, 201];
    Some(match kind {
        Kind::Lags => ("read_lag_ms", json!(50 + random.below(1_500))),
        Kind::Says200 => ("created_status", json!(200)),
        Kind::AnswersExisting => ("answers_existing", json!(random.of(&existing))),
        Kind::ReplacesMembers => ("replaces_members", json!(true)),
        Kind::ForgetsCreations => ("forgets_creations", json!(true)),
        Kind::ListsSome => ("lists_at_most", json!(random.below(8))),
        _ => return None,
    })
}

/// Moves some account of a person to another id, as an app that moves accounts does.
fn renumber(app: &App, random: &mut Random, names: &[String]) {
    for _ in 0..=random.below(3) {
        let name = random.of(names);
        // Nobody may have the name yet, which is all right.
        app.admin(
            "POST",
            "/_by_hand",
            &json!({ "userName": name, "what": "renumber" }),
        );
    }
}

fn fault(kind: Kind, random: &mut Random) -> Value {
    let (method, path) = *random.of(&ENDPOINTS);
    let (mut apply, mut delay_ms) = (random.percent(50), 0);
    let status = |status: u16, retry_after: Option<&str>| json!({ "kind": "status", "status": status, "retry_after": retry_after, "detail": "not now" });
    let answer = match kind {
        Kind::FailsAfterEffect => {
            apply = true;
            status(*random.of(&[500, 502, 503, 504]), None)
        }
        Kind::Fails => {
            apply = false;
            status(*random.of(&[500, 502, 503, 504]), None)
        }
        Kind::AsksForADay => {
            apply = false;
            status(*random.of(&[429, 503]), Some("86400"))
        }
        Kind::TalksNonsense => json!({ "kind": random.of(&["html", "empty", "cut"]) }),
        Kind::FindsNothing => {
            apply = false;
            status(404, None)
        }
        Kind::Dawdles => {
            delay_ms = 20 + random.below(400);
            json!({ "kind": "normal" })
        }
        _ => json!({ "kind": "drop" }),
    };
    json!({ "method": method, "path": path, "skip": random.below(3), "times": 1 + random.below(4),
        "apply": apply, "delay_ms": delay_ms, "answer": answer })
}
