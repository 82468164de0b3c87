//! What a policy asks for and the last data does not have: words that HR never writes, rights that no app can give,
//! and roles that look wrong by who has them.
//!
//! Nothing of it stops the policy: the people or the group may be still to come. It is said while somebody looks.

use std::collections::{BTreeMap, BTreeSet};

use muster_core::finding::{Code, Finding, Severity};
use muster_core::id::TargetName;
use muster_core::identity::{Phase, Value, ValueType};
use muster_core::lint::{Lint, NOT_OFFERED};
use muster_core::nearest::nearest;
use muster_core::plan::Catalogue;
use muster_core::policy::{Census, Evaluator, Policy, Role};
use muster_core::rule::{Comparison, Literal, comparisons};
use muster_core::subject::Subject;
use muster_ledger::Reader;

/// A rule asks for a value that nobody has.
pub const NOBODY_HAS_IT: Code = Code::new("POL-024");

/// Most values of an attribute that a hint lists.
const LISTED_MAX: usize = 10;

/// What the ledger does not have of what a policy asks for.
pub fn remarks(policy: &Policy, reader: &Reader) -> Result<Vec<Finding>, muster_ledger::Error> {
    let asked = asked(policy);
    let names: BTreeSet<&str> = asked.iter().map(|(_, one)| one.name.as_str()).collect();
    let (values, census) = walk(policy, &names, reader)?;
    let mut findings = of_values(&asked, &values);
    let catalogues = catalogues(policy, reader)?;
    let lint = Lint::of(policy)
        .with_people(&census, &catalogues)
        .findings();
    let (of_names, lint): (Vec<_>, Vec<_>) = lint
        .into_iter()
        .partition(|finding| finding.code == NOT_OFFERED);
    findings.extend(lint);
    for (target, catalogue) in &catalogues {
        let names = policy.roles().iter();
        let names = names.filter_map(|role| role.access.get(target)).flatten();
        for name in names.collect::<BTreeSet<_>>() {
            let Some((code, text)) = catalogue.why_not(name) else {
                continue;
            };
            let subject = Subject::Entitlement(target.clone(), name.to_string());
            let accepted = of_names
                .iter()
                .find(|finding| finding.subject == subject && finding.severity == Severity::Note);
            // Whoever has the role, the name is said in one way.
            findings.push(accepted.cloned().unwrap_or_else(|| {
                let hint = "write its id or title as it is there, or make it at the app";
                Finding::new(code, Severity::Error, subject, text).hint(hint)
            }));
        }
    }
    Ok(findings)
}

/// What each target has, as it was read last.
fn catalogues(
    policy: &Policy,
    reader: &Reader,
) -> Result<BTreeMap<TargetName, Catalogue>, muster_ledger::Error> {
    let mut catalogues = BTreeMap::new();
    for target in policy.targets().keys() {
        let Some(kept) = reader.catalogue(target)? else {
            continue;
        };
        catalogues.insert(target.clone(), Catalogue::new(&kept.entitlements));
    }
    Ok(catalogues)
}

/// The texts with which rules compare attributes.
fn asked(policy: &Policy) -> Vec<(&Role, Comparison)> {
    let roles = policy.roles();
    roles
        .iter()
        .flat_map(|role| {
            let found = comparisons(role.when.source()).into_iter();
            found.map(move |comparison| (role, comparison))
        })
        .filter(|(_, comparison)| comparison.is_equality && is_text(policy, &comparison.name))
        .collect()
}

fn of_values(
    asked: &[(&Role, Comparison)],
    values: &BTreeMap<&str, BTreeSet<String>>,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (role, comparison) in asked {
        let (Some(known), Literal::Text(text)) =
            (values.get(comparison.name.as_str()), &comparison.literal)
        else {
            continue;
        };
        if text.is_empty() || known.is_empty() || known.contains(text) {
            continue;
        }
        let (name, shown) = (&comparison.name, &comparison.shown);
        let said = format!("`{shown}` holds for nobody: no one has the {name} \"{text}\"");
        let hint = match nearest(text, known.iter().map(String::as_str)) {
            Some(nearest) => format!("did you mean \"{nearest}\"?"),
            None if known.len() <= LISTED_MAX => {
                let known: Vec<&str> = known.iter().map(String::as_str).collect();
                format!("HR has: {}", known.join(", "))
            }
            None => format!("HR has {} others", known.len()),
        };
        let subject = Subject::Role(role.name.clone());
        findings.push(Finding::new(NOBODY_HAS_IT, Severity::Warning, subject, said).hint(hint));
    }
    findings
}

fn is_text(policy: &Policy, name: &str) -> bool {
    policy.source().attributes.get(name) == Some(&Some(ValueType::Text))
}

/// What people have in these attributes, and which roles; of those who left, nothing counts.
fn walk<'n>(
    policy: &Policy,
    names: &BTreeSet<&'n str>,
    reader: &Reader,
) -> Result<(BTreeMap<&'n str, BTreeSet<String>>, Census), muster_ledger::Error> {
    let mut values: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    let mut evaluator = Evaluator::new(policy);
    for person in reader.everybody()? {
        let person = person?;
        if person.phase == Phase::Ended {
            continue;
        }
        evaluator.count(&person.id, &person.identity, person.phase);
        for name in names {
            if let Some(Value::Text(text)) = person.identity.attributes.get(*name) {
                let known = values.entry(name).or_default();
                if !known.contains(text) {
                    known.insert(text.clone());
                }
            }
        }
    }
    Ok((values, evaluator.census().clone()))
}
