//! Tests of a policy: people who are made up, and what they must have and must not have. The evaluator that answers for
//! everybody answers for them, so a test that holds is what would be planned.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::finding::{Code, Finding, Severity};
use crate::id::{PersonId, TargetName};
use crate::identity::{Identity, Phase};
use crate::standing::Standing;
use crate::subject::Subject;

use super::{DesiredAccount, EntitlementName, Evaluator, Policy, Reason};

/// A policy breaks its tests.
pub const BROKEN: Code = Code::new("POL-040");

/// Most differences that a finding names.
const NAMED_MAX: usize = 5;

/// Things at targets. A target without any is the account.
pub type Listed = BTreeMap<TargetName, BTreeSet<EntitlementName>>;

/// A person who is made up, and what a policy must give them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Trial {
    /// What it is called.
    pub name: String,
    /// Where it is written, for people.
    pub place: String,
    /// Who the person is.
    pub person: PersonId,
    /// What HR would say of the person.
    pub identity: Identity,
    /// Where the person stands.
    pub phase: Phase,
    /// What the person must have.
    pub must_have: Listed,
    /// What the person must not have.
    pub must_not_have: Listed,
}

/// What a policy gives the person of a test otherwise than it must.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tried<'t> {
    /// The test.
    pub trial: &'t Trial,
    /// Each difference, as the rest of a sentence about the person; empty where the test holds.
    pub differs: Vec<String>,
}

/// Tries a policy on each person.
pub fn tried<'t>(policy: &Policy, trials: &'t [Trial]) -> Vec<Tried<'t>> {
    let mut evaluator = Evaluator::new(policy);
    let tried = trials.iter().map(|trial| Tried {
        trial,
        differs: trial.differs(&mut evaluator),
    });
    tried.collect()
}

/// Says that a policy breaks its tests; `None` where all hold.
pub fn broken(policy: &Policy, trials: &[Trial]) -> Option<Finding> {
    let tried = tried(policy, trials);
    let broken = tried.iter().filter(|tried| !tried.differs.is_empty());
    let count = broken.clone().count();
    let mut said = broken.flat_map(|tried| {
        let of_one = |text| format!("{} ({}) {text}", tried.trial.name, tried.trial.place);
        tried.differs.iter().map(of_one)
    });
    let named: Vec<String> = said.by_ref().take(NAMED_MAX).collect();
    let rest = said.count();
    let more = if rest == 0 {
        String::new()
    } else {
        format!("; and {rest} more")
    };
    let text = format!(
        "policy {} breaks {count} of its {} tests: {}{more}",
        policy.version(),
        trials.len(),
        named.join("; ")
    );
    let hint = "mend the role or the test; `muster policy test` shows each difference";
    (count > 0).then(|| Finding::new(BROKEN, Severity::Error, Subject::Policy, text).hint(hint))
}

impl Trial {
    fn differs(&self, evaluator: &mut Evaluator<'_>) -> Vec<String> {
        // Nobody decided anything about somebody who is made up, so the instant tells nothing.
        let standing = (&Standing::default(), Timestamp::UNIX_EPOCH);
        let desired = evaluator.desired(&self.person, &self.identity, self.phase, standing);
        let desired = match desired {
            Ok(desired) => desired,
            Err(failed) => return vec![format!("cannot be decided about: {failed}")],
        };
        let mut differs = Vec::new();
        for (target, names) in &self.must_have {
            let Some(account) = desired.get(target) else {
                differs.push(format!("does not have an account at {target}"));
                continue;
            };
            let lacking = names
                .iter()
                .filter(|name| !account.entitlements.contains_key(*name));
            differs.extend(lacking.map(|name| format!("does not have {name} at {target}")));
        }
        for (target, names) in &self.must_not_have {
            let Some(account) = desired.get(target) else {
                continue;
            };
            if names.is_empty() {
                let by = by(account.entitlements.values().flatten());
                differs.push(format!("has an account at {target}{by}"));
            }
            differs.extend(names.iter().filter_map(|name| has(account, name, target)));
        }
        differs
    }
}

fn has(account: &DesiredAccount, name: &EntitlementName, target: &TargetName) -> Option<String> {
    let reasons = account.entitlements.get(name)?;
    Some(format!("has {name} at {target}{}", by(reasons)))
}

/// The roles that give something, to be put behind it.
fn by<'r>(reasons: impl IntoIterator<Item = &'r Reason>) -> String {
    let roles: BTreeSet<&str> = reasons
        .into_iter()
        .filter_map(|reason| match reason {
            Reason::Role(role) => Some(role.as_str()),
            Reason::Opening(_) => None,
        })
        .collect();
    if roles.is_empty() {
        return String::new();
    }
    let roles: Vec<&str> = roles.into_iter().collect();
    format!(", by role {}", roles.join(", "))
}
