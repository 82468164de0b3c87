//! What a policy asks for and the last data does not have: words that HR never writes, rights that no app can give.
//!
//! Nothing of it stops the policy: the people or the group may be still to come. It is said while somebody looks.

use std::collections::{BTreeMap, BTreeSet};

use muster_core::finding::{Code, Finding, Severity};
use muster_core::identity::{Phase, Value, ValueType};
use muster_core::nearest::nearest;
use muster_core::plan::Catalogue;
use muster_core::policy::{Policy, Role};
use muster_core::rule::{Comparison, Literal, comparisons};
use muster_core::subject::Subject;
use muster_ledger::Reader;

/// A rule asks for a value that nobody has.
pub const NOBODY_HAS_IT: Code = Code::new("POL-024");

/// Most values of an attribute that a hint lists.
const LISTED_MAX: usize = 10;

/// What the ledger does not have of what a policy asks for.
pub fn remarks(policy: &Policy, reader: &Reader) -> Result<Vec<Finding>, muster_ledger::Error> {
    let mut findings = of_values(policy, reader)?;
    for target in policy.targets().keys() {
        let Some(kept) = reader.catalogue(target)? else {
            continue;
        };
        let catalogue = Catalogue::new(&kept.entitlements);
        let names: BTreeSet<_> = policy
            .roles()
            .iter()
            .filter_map(|role| role.access.get(target))
            .flatten()
            .collect();
        for name in names {
            if let Some((code, text)) = catalogue.why_not(name) {
                let subject = Subject::Entitlement(target.clone(), name.to_string());
                let hint = "write its id or title as it is there, or make it at the app";
                findings.push(Finding::new(code, Severity::Error, subject, text).hint(hint));
            }
        }
    }
    Ok(findings)
}

fn of_values(policy: &Policy, reader: &Reader) -> Result<Vec<Finding>, muster_ledger::Error> {
    let asked: Vec<(&Role, Comparison)> = policy
        .roles()
        .iter()
        .flat_map(|role| {
            let found = comparisons(role.when.source()).into_iter();
            found.map(move |comparison| (role, comparison))
        })
        .filter(|(_, comparison)| comparison.is_equality && is_text(policy, &comparison.name))
        .collect();
    let names: BTreeSet<&str> = asked.iter().map(|(_, one)| one.name.as_str()).collect();
    let values = values(&names, reader)?;
    let mut findings = Vec::new();
    for (role, comparison) in &asked {
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
    Ok(findings)
}

fn is_text(policy: &Policy, name: &str) -> bool {
    policy.source().attributes.get(name) == Some(&Some(ValueType::Text))
}

/// What people have in these attributes; of those who left, nothing counts.
fn values<'n>(
    names: &BTreeSet<&'n str>,
    reader: &Reader,
) -> Result<BTreeMap<&'n str, BTreeSet<String>>, muster_ledger::Error> {
    let mut values: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    if names.is_empty() {
        return Ok(values);
    }
    for person in reader.everybody()? {
        let person = person?;
        if person.phase == Phase::Ended {
            continue;
        }
        for name in names {
            if let Some(Value::Text(text)) = person.identity.attributes.get(*name) {
                let known = values.entry(name).or_default();
                if !known.contains(text) {
                    known.insert(text.clone());
                }
            }
        }
    }
    Ok(values)
}
