//! What is remarked about a policy that can be used: pitfalls that cost companies access they did not mean to give, or
//! years of roles that nobody understands.
//!
//! A [`Lint`] is told what is known: the text, and perhaps people, from a [`Census`] that was made while they were planned
//! for anyway, and what the targets have. A remark that is meant to be so is accepted in the policy, with a reason
//! ([`Acceptance`]): it is shown as accepted, and an acceptance of what no longer holds is remarked itself.

use std::collections::{BTreeMap, BTreeSet};

use crate::finding::{Code, Finding, Severity};
use crate::id::{FeedName, TargetName};
use crate::plan::{Catalogue, UNKNOWN_ENTITLEMENT};
use crate::policy::{Census, Endless, Policy, Role};
use crate::subject::Subject;

/// People who should have a last day have none.
pub const NO_LAST_DAY: Code = Code::new("POL-030");
/// Nobody has a role.
pub const NOBODY: Code = Code::new("POL-031");
/// Everybody has a role, whatever its rule asks.
pub const EVERYBODY: Code = Code::new("POL-032");
/// Only one person has a role.
pub const ONE_PERSON: Code = Code::new("POL-033");
/// The same people have two roles.
pub const SAME_MEMBERS: Code = Code::new("POL-034");
/// A rule can be true for nobody.
pub const NEVER_TRUE: Code = Code::new("POL-035");
/// A role that nobody has gives something that its target does not have.
pub const NOT_OFFERED: Code = Code::new("POL-036");
/// A leaver's sessions, tokens or keys live on at a target.
pub const SESSIONS_LIVE_ON: Code = Code::new("POL-037");
/// Nothing says what happens when certain people leave.
pub const NO_LEAVER_RULE: Code = Code::new("POL-038");
/// What was accepted does not hold any more.
pub const ACCEPTED_FOR_NOTHING: Code = Code::new("POL-039");

/// What the text of policy and configuration tells.
const OF_TEXT: [Code; 3] = [NEVER_TRUE, SESSIONS_LIVE_ON, NO_LEAVER_RULE];
/// What it takes people or targets to know.
const OF_PEOPLE: [Code; 6] = [
    NO_LAST_DAY,
    NOBODY,
    EVERYBODY,
    ONE_PERSON,
    SAME_MEMBERS,
    NOT_OFFERED,
];

/// Fewest people of whom something can be said in general.
const PEOPLE_MIN: u64 = 10;
/// Fewest members of roles that are called the same.
const ALIKE_MIN: u64 = 2;

/// A remark that is meant to be so.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Acceptance {
    /// Which kind of remark.
    pub code: Code,
    /// What it is about.
    pub subject: Subject,
    /// Why it is meant to be so.
    pub reason: String,
}

/// Every code that a [`Lint`] finds.
pub fn codes() -> impl Iterator<Item = Code> {
    acceptable().chain([ACCEPTED_FOR_NOTHING])
}

/// Every code that can be accepted, in order.
pub fn acceptable() -> impl Iterator<Item = Code> {
    let all: BTreeSet<Code> = OF_TEXT.into_iter().chain(OF_PEOPLE).collect();
    all.into_iter()
}

/// Remarks on a policy, from what is known.
#[derive(Debug)]
pub struct Lint<'a> {
    policy: &'a Policy,
    found: Vec<Finding>,
    /// The codes of which it is known whether they hold, but for those of targets.
    judged: Vec<Code>,
    /// The targets of which it is known what they have.
    targets: BTreeSet<&'a TargetName>,
}

impl<'a> Lint<'a> {
    /// Remarks on this policy.
    pub fn of(policy: &'a Policy) -> Self {
        Self {
            policy,
            found: Vec::new(),
            judged: Vec::new(),
            targets: BTreeSet::new(),
        }
    }

    /// Looks at the text; `beside` is what the configuration tells, beside the policy.
    #[must_use]
    pub fn with_text(mut self, beside: Vec<Finding>) -> Self {
        self.found.extend(of_text(self.policy));
        self.found.extend(beside);
        self.judged.extend(OF_TEXT);
        self
    }

    /// Looks at who has what, and at what the targets have.
    #[must_use]
    pub fn with_people(
        mut self,
        census: &Census,
        catalogues: &'a BTreeMap<TargetName, Catalogue>,
    ) -> Self {
        self.found.extend(of_people(self.policy, census));
        let enough = census.people() >= PEOPLE_MIN;
        if enough {
            self.found
                .extend(of_catalogues(self.policy, census, catalogues));
            self.targets.extend(catalogues.keys());
        }
        let is_known = |code: &Code| *code != NOT_OFFERED && (enough || *code == NO_LAST_DAY);
        self.judged.extend(OF_PEOPLE.into_iter().filter(is_known));
        self
    }

    /// What was found, with what is accepted shown as accepted, and acceptances of what was not found.
    pub fn findings(self) -> Vec<Finding> {
        let accepted = &self.policy.source().lint.accepted;
        let is_of = |one: &Acceptance, finding: &Finding| {
            one.code == finding.code && one.subject == finding.subject
        };
        let mut idle: BTreeMap<Subject, Vec<String>> = BTreeMap::new();
        for one in accepted.iter().filter(|one| self.knows(one)) {
            if !self.found.iter().any(|finding| is_of(one, finding)) {
                let text = format!("{} (\"{}\")", one.code, one.reason);
                idle.entry(one.subject.clone()).or_default().push(text);
            }
        }
        let found = self.found.into_iter();
        let found = found.map(|finding| {
            let one = accepted.iter().find(|one| is_of(one, &finding));
            match one {
                Some(one) => shown_accepted(finding, one),
                None => finding,
            }
        });
        let idle = idle.into_iter().map(|(subject, texts)| {
            let text = format!("accepted, and not so any more: {}", texts.join(", "));
            Finding::new(ACCEPTED_FOR_NOTHING, Severity::Warning, subject, text)
                .hint("take the [[accept]] out of the policy")
        });
        found.chain(idle).collect()
    }

    /// Whether it is known of something accepted whether it holds.
    fn knows(&self, one: &Acceptance) -> bool {
        match &one.subject {
            Subject::Entitlement(target, _) if one.code == NOT_OFFERED => {
                self.targets.contains(target)
            }
            _ => self.judged.contains(&one.code),
        }
    }
}

fn shown_accepted(finding: Finding, one: &Acceptance) -> Finding {
    Finding {
        severity: Severity::Note,
        text: format!("accepted (\"{}\"): {}", one.reason, finding.text),
        hint: String::new(),
        ..finding
    }
}

/// What the rules themselves tell.
fn of_text(policy: &Policy) -> Vec<Finding> {
    let mut findings: Vec<Finding> = policy.roles().iter().filter_map(never_true).collect();
    for (target, rules) in policy.targets() {
        let (leaver, subject) = (rules.leaver, Subject::from(target));
        if !leaver.suspend && leaver.delete_after.is_none() {
            let text = "leavers keep an account here that they can use: it is neither suspended nor deleted";
            let finding = Finding::new(NO_LEAVER_RULE, Severity::Warning, subject.clone(), text);
            findings.push(
                finding.hint("set suspend = true or delete_after under [target.NAME.leaver]"),
            );
        }
        let open = match (leaver.end_sessions, leaver.revoke_credentials) {
            (true, true) => continue,
            (false, true) => "sessions",
            (true, false) => "tokens and keys",
            (false, false) => "sessions, tokens and keys",
        };
        let text =
            format!("a leaver's {open} live on here, whatever the directory says of the account");
        let finding = Finding::new(SESSIONS_LIVE_ON, Severity::Warning, subject, text);
        findings.push(
            finding.hint(
                "take end_sessions and revoke_credentials = false out of [target.NAME.leaver]",
            ),
        );
    }
    findings
}

fn never_true(role: &Role) -> Option<Finding> {
    let reason = role.when.never_true()?;
    let subject = Subject::Role(role.name.clone());
    let written = role.when.source();
    let text = format!("its rule `{written}` can be true for nobody: {reason}");
    let finding = Finding::new(NEVER_TRUE, Severity::Warning, subject, text);
    Some(finding.hint("put the rule right, or take the role out"))
}

/// What it takes people to know.
fn of_people(policy: &Policy, census: &Census) -> Vec<Finding> {
    let endless = census.endless().iter();
    let endless = endless.map(|(feed, endless)| no_last_day(policy, feed, endless));
    let mut findings: Vec<Finding> = endless.collect();
    if census.people() < PEOPLE_MIN {
        return findings;
    }
    for (index, role) in policy.roles().iter().enumerate() {
        let Some(members) = census.members(index) else {
            break;
        };
        let people = census.people();
        let (code, text, hint) = if members == 0 && role.when.never_true().is_none() {
            let text = format!("nobody has it, of {people} people");
            (NOBODY, text, "take it out, or put its rule right")
        } else if members == people && role.when.source().trim() != "true" {
            let text = format!("all {people} people have it, although its rule asks for something");
            (
                EVERYBODY,
                text,
                "put the rule right, or write when = \"true\" where it is meant for everybody",
            )
        } else if members == 1 {
            let text = format!("only one person has it, of {people} people");
            (
                ONE_PERSON,
                text,
                "a role is for a kind of work; `muster grant` gives one person something for a while",
            )
        } else {
            continue;
        };
        let subject = Subject::Role(role.name.clone());
        findings.push(Finding::new(code, Severity::Note, subject, text).hint(hint));
    }
    findings.extend(
        census
            .alike(ALIKE_MIN)
            .iter()
            .flat_map(|roles| alike(policy, census, roles)),
    );
    findings
}

fn no_last_day(policy: &Policy, feed: &FeedName, endless: &Endless) -> Finding {
    let rule = policy.must_end().map_or("", |rule| rule.source());
    let first: Vec<String> = endless.first.iter().map(ToString::to_string).collect();
    let more = if endless.people > first.len() as u64 {
        ", and more"
    } else {
        ""
    };
    let text = format!(
        "people of whom `{rule}` is true and who have no last day: {} ({}{more})",
        endless.people,
        first.join(", ")
    );
    Finding::new(NO_LAST_DAY, Severity::Warning, feed, text)
        .hint("have HR enter the last day of each; without one, nobody notices when they have gone")
}

/// Says of each but the first of some roles that the same people have the first. A role that everybody is meant to
/// have is no double of another one.
fn alike(policy: &Policy, census: &Census, roles: &BTreeSet<usize>) -> Vec<Finding> {
    let roles = roles.iter();
    let known = roles.filter_map(|index| Some((*index, policy.roles().get(*index)?)));
    let mut known = known.filter(|(_, role)| role.when.source().trim() != "true");
    let Some((first, original)) = known.next() else {
        return Vec::new();
    };
    let members = census.members(first).unwrap_or_default();
    let doubles = known.map(|(_, role)| {
        let text = format!(
            "the same {members} people have it as have role {}",
            original.name
        );
        let subject = Subject::Role(role.name.clone());
        Finding::new(SAME_MEMBERS, Severity::Note, subject, text)
            .hint("one role with what both give says the same, or a rule is not what was meant")
    });
    doubles.collect()
}

/// What roles that nobody has give and the targets do not have. Where somebody has the role, the planner says it.
fn of_catalogues(
    policy: &Policy,
    census: &Census,
    catalogues: &BTreeMap<TargetName, Catalogue>,
) -> Vec<Finding> {
    let mut wanted = BTreeSet::new();
    let mut findings = BTreeMap::new();
    for (index, role) in policy.roles().iter().enumerate() {
        let is_held = census.members(index) != Some(0);
        for (target, names) in &role.access {
            for name in names {
                let subject = Subject::Entitlement(target.clone(), name.to_string());
                let why_not = catalogues.get(target).and_then(|known| known.why_not(name));
                match why_not {
                    Some((code, text)) if code == UNKNOWN_ENTITLEMENT && !is_held => {
                        let text = format!("role {} gives it, and {text}", role.name);
                        let finding =
                            Finding::new(NOT_OFFERED, Severity::Warning, subject.clone(), text);
                        let hint = "write its id or title as it is there, or make it at the app";
                        findings.insert(subject, finding.hint(hint));
                    }
                    Some(_) if is_held => drop(wanted.insert(subject)),
                    Some(_) | None => {}
                }
            }
        }
    }
    let findings = findings.into_iter();
    let findings = findings.filter(|(subject, _)| !wanted.contains(subject));
    findings.map(|(_, finding)| finding).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{PersonId, PolicyVersion, RoleName};
    use crate::identity::{Employment, Identity, Phase, Status, Value, ValueType};
    use crate::policy::{
        Adopt, Evaluator, LeaverRules, LintSource, PolicySource, Prehire, RoleSource, TargetRules,
    };

    fn crm() -> TargetName {
        TargetName::new("crm").unwrap()
    }

    fn role(name: &str) -> Subject {
        Subject::Role(RoleName::new(name).unwrap())
    }

    fn source(rules: &[(&str, &str)]) -> PolicySource {
        let role = |(name, when): &(&str, &str)| RoleSource {
            name: RoleName::new(name).unwrap(),
            description: String::new(),
            when: (*when).to_owned(),
            access: [(crm(), vec![format!("group:{name}")])].into(),
        };
        let rules_of_crm = TargetRules {
            keys: vec![("externalId".to_owned(), "key".to_owned())],
            attributes: BTreeMap::new(),
            adopt: Adopt::Never,
            leaver: LeaverRules::default(),
            prehire: Prehire::Nothing,
        };
        PolicySource {
            version: PolicyVersion::new("v1"),
            attributes: ["department", "worker_type"]
                .map(|name| (name.to_owned(), Some(ValueType::Text)))
                .into(),
            roles: rules.iter().map(role).collect(),
            targets: [(crm(), rules_of_crm)].into(),
            lint: LintSource::default(),
        }
    }

    /// A company: so many people in each department, without a last day.
    fn census(policy: &Policy, departments: &[(&str, u32)]) -> Census {
        let mut evaluator = Evaluator::new(policy);
        let mut key = 0;
        for (department, people) in departments {
            for _ in 0..*people {
                key += 1;
                let worker_type = if key <= 12 { "Contractor" } else { "" };
                let values = [("department", *department), ("worker_type", worker_type)];
                let identity = Identity {
                    attributes: values
                        .map(|(name, value)| (name.to_owned(), Value::Text(value.to_owned())))
                        .into(),
                    employment: Employment {
                        status: Status::Active,
                        starts_at: None,
                        ends_at: None,
                    },
                    dated: crate::dated::Dated::default(),
                };
                let person = PersonId::parse(&format!("hr:{key}")).unwrap();
                evaluator.count(&person, &identity, Phase::Active);
            }
        }
        evaluator.census().clone()
    }

    fn said(findings: &[Finding]) -> Vec<String> {
        let findings = findings.iter();
        findings
            .map(|finding| format!("{} {}: {}", finding.code, finding.subject, finding.text))
            .collect()
    }

    const RULES: [(&str, &str); 7] = [
        ("all", "true"),
        ("staff", "department != \"none\""),
        ("sales", "department == \"Sales\""),
        ("sellers", "department.startsWith(\"S\")"),
        ("chief", "department == \"Board\""),
        ("treasury", "department == \"Treasury\""),
        ("both", "department == \"Sales\" && department == \"Board\""),
    ];

    #[test]
    fn pitfalls_are_remarked_where_there_are_people_enough() {
        let policy = Policy::compile(source(&RULES)).unwrap();
        let catalogues = [(crm(), Catalogue::new(&[]))].into();
        let company = census(&policy, &[("Sales", 19), ("Board", 1)]);
        let lint = Lint::of(&policy).with_text(Vec::new());
        let found = lint.with_people(&company, &catalogues).findings();
        let nothing_there = "is not among what this target can give";
        assert_eq!(
            said(&found),
            [
                "POL-035 role both: its rule `department == \"Sales\" && department == \"Board\"` can be true for nobody: no `department` is all that it asks for at once".to_owned(),
                format!("POL-030 feed hr: people of whom `{}` is true and who have no last day: 12 (hr:1, hr:2, hr:3, hr:4, hr:5, hr:6, hr:7, hr:8, hr:9, hr:10, and more)", policy.must_end().unwrap().source()),
                "POL-032 role staff: all 20 people have it, although its rule asks for something".to_owned(),
                "POL-033 role chief: only one person has it, of 20 people".to_owned(),
                "POL-031 role treasury: nobody has it, of 20 people".to_owned(),
                "POL-034 role sellers: the same 19 people have it as have role sales".to_owned(),
                format!("POL-036 target crm, group:both: role both gives it, and `group:both` {nothing_there}"),
                format!("POL-036 target crm, group:treasury: role treasury gives it, and `group:treasury` {nothing_there}"),
            ]
        );
        let few = census(&policy, &[("Sales", 5)]);
        let found = Lint::of(&policy).with_people(&few, &catalogues).findings();
        let codes: Vec<&str> = found.iter().map(|finding| finding.code.as_str()).collect();
        assert_eq!(
            codes,
            ["POL-030"],
            "of five people nothing is said in general"
        );
    }

    #[test]
    fn what_is_accepted_is_shown_so_and_remarked_once_it_does_not_hold() {
        let mut source = source(&RULES[..3]);
        let accepted = |code, name| Acceptance {
            code,
            subject: role(name),
            reason: "it is meant to be so".to_owned(),
        };
        source.lint.must_end = Some("false".to_owned());
        source.lint.accepted = vec![accepted(EVERYBODY, "staff"), accepted(NOBODY, "sales")];
        let policy = Policy::compile(source).unwrap();
        let none = BTreeMap::new();
        let company = census(&policy, &[("Sales", 9), ("Board", 9)]);
        let found = Lint::of(&policy).with_people(&company, &none).findings();
        assert_eq!(
            said(&found),
            [
                "POL-032 role staff: accepted (\"it is meant to be so\"): all 18 people have it, although its rule asks for something",
                "POL-039 role sales: accepted, and not so any more: POL-031 (\"it is meant to be so\")",
            ]
        );
        assert_eq!(found[0].severity, Severity::Note);
        let text = Lint::of(&policy).with_text(Vec::new()).findings();
        assert_eq!(said(&text), Vec::<String>::new(), "nobody was counted");
    }

    #[test]
    fn sessions_that_live_on_and_accounts_that_stay_are_remarked() {
        let mut source = source(&[]);
        let rules = source.targets.get_mut(&crm()).unwrap();
        rules.leaver.end_sessions = false;
        rules.leaver.suspend = false;
        let policy = Policy::compile(source).unwrap();
        let found = Lint::of(&policy).with_text(Vec::new()).findings();
        assert_eq!(
            said(&found),
            [
                "POL-038 target crm: leavers keep an account here that they can use: it is neither suspended nor deleted",
                "POL-037 target crm: a leaver's sessions live on here, whatever the directory says of the account",
            ]
        );
    }
}
