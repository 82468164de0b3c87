//! What would change: by a file, by an edited policy, or by what is held; a file for each. Nothing is changed by asking:
//! a preview is planned like the real thing and thrown away.

pub(crate) mod file;
pub(crate) mod held;
pub(crate) mod policy;

use std::collections::BTreeMap;
use std::sync::Arc;

use muster_api::error::Fault;
use muster_api::v1::{self, PREVIEW_PEOPLE_MAX};
use muster_core::fact::{Kind as PersonKind, PersonPlanned};
use muster_core::finding::Finding;
use muster_core::person::Person;
use muster_core::policy::Policy;

use super::{Previews, failed, present};
use crate::planning::{OnPerson, Summary};
use crate::replan;

/// The preview of a plan that no file asks for.
fn of_plan(
    title: String,
    policy: &Policy,
    summary: &Summary,
    people: People,
    verdict: &str,
) -> v1::Preview {
    let findings = |findings: &[Finding]| {
        let findings = findings.iter();
        findings
            .map(|finding| present::finding(finding, None))
            .collect()
    };
    let (people, people_omitted) = people.listed();
    v1::Preview {
        feed: String::new(),
        file: title,
        file_digest: String::new(),
        plan_digest: summary.digest.map(|digest| digest.to_string()),
        policy: policy.version().to_string(),
        verdict: verdict.to_owned(),
        reasons: findings(&summary.exceeded),
        rows: 0,
        people_read: 0,
        quarantined: 0,
        counts: present::counts(&summary.counts),
        people,
        people_omitted,
        findings: findings(&summary.findings),
        problems: Vec::new(),
        problem_counts: Vec::new(),
    }
}

impl Previews {
    /// What a policy would do, and to whom.
    fn policy(&self, policy: &Arc<Policy>) -> Result<(Summary, People), Fault> {
        let (summary, people) = People::of(self, |on_person| {
            replan::preview(&self.deciding, policy, on_person)
        });
        Ok((summary.map_err(|error| failed(&error.into()))?, people))
    }
}

/// The people of a preview: leavers first, and not more than fit.
#[derive(Default)]
struct People {
    by_kind: BTreeMap<u8, Vec<v1::PersonPreview>>,
    total: u32,
}

impl People {
    /// Runs `make`, and returns what it made with the people it is about.
    fn of<T>(previews: &Previews, make: impl FnOnce(OnPerson<'_>) -> T) -> (T, Self) {
        let mut people = Self::default();
        let known = previews.known.load();
        let result = make(&mut |planned: &PersonPlanned, before: Option<&Person>| {
            people.add(
                present::person_preview(planned, before, &known.titles),
                planned.kind,
            );
        });
        (result, people)
    }

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
