//! What a policy gives to whom, and what is found wrong with one before anybody is there.

use jiff::Timestamp;

use super::*;
use crate::adoption::Adoptions;
use crate::connector::Scalar;
use crate::dated::Dated;
use crate::finding::Code;
use crate::identity::{Employment, Status, Value};
use crate::standing::Standing;

fn source() -> PolicySource {
    let rules = TargetRules {
        keys: vec![("externalId".to_owned(), "key".to_owned())],
        attributes: [("userName".to_owned(), "email".to_owned())].into(),
        adopt: Adopt::Never,
        leaver: LeaverRules::default(),
        prehire: Prehire::Nothing,
    };
    let crm = TargetName::new("crm").unwrap();
    let role = |name: &str, when: &str, access: &[&str]| RoleSource {
        name: RoleName::new(name).unwrap(),
        description: String::new(),
        when: when.to_owned(),
        access: [(
            crm.clone(),
            access.iter().map(|text| (*text).to_owned()).collect(),
        )]
        .into(),
    };
    PolicySource {
        version: PolicyVersion::new("v1"),
        attributes: ["department", "title", "email"]
            .map(|name| (name.to_owned(), Some(ValueType::Text)))
            .into(),
        roles: vec![
            role(
                "sales",
                "department == 'Sales'",
                &["group:Sales", "group:All"],
            ),
            role("everybody", "phase == 'active'", &["group:All"]),
        ],
        targets: [(crm.clone(), rules)].into(),
        lint: LintSource::default(),
    }
}

fn person(department: &str) -> (PersonId, Identity) {
    let attributes = [("department", department), ("email", "a@x.example")]
        .map(|(name, value)| (name.to_owned(), Value::Text(value.to_owned())));
    let employment = Employment {
        status: Status::Active,
        starts_at: None,
        ends_at: None,
    };
    (
        PersonId::parse("hr:7").unwrap(),
        Identity {
            attributes: attributes.into(),
            employment,
            dated: Dated::default(),
        },
    )
}

/// Nothing was decided about anybody beside the policy.
const NOTHING: (&Standing, Timestamp) = (
    &Standing {
        openings: BTreeMap::new(),
        blocks: BTreeMap::new(),
        adoptions: Adoptions {
            all: BTreeMap::new(),
            found: 0,
        },
        opened: 0,
        blocked: 0,
    },
    Timestamp::UNIX_EPOCH,
);

#[test]
fn an_entitlement_carries_every_role_that_gives_it() {
    let policy = Policy::compile(source()).unwrap();
    let (id, identity) = person("Sales");
    let desired = Evaluator::new(&policy)
        .desired(&id, &identity, Phase::Active, NOTHING)
        .unwrap();
    let account = desired.values().next().unwrap();
    assert_eq!(account.keys, [("externalId".to_owned(), "7".to_owned())]);
    assert_eq!(
        account.attributes["userName"],
        [Scalar::Text("a@x.example".to_owned())]
    );
    let reasons: Vec<(String, usize)> = account
        .entitlements
        .iter()
        .map(|(name, roles)| (name.to_string(), roles.len()))
        .collect();
    assert_eq!(
        reasons,
        [("group:All".to_owned(), 2), ("group:Sales".to_owned(), 1)]
    );
}

#[test]
fn a_key_that_the_mapping_reads_as_a_number_is_a_key_like_any_other() {
    let mut source = source();
    for rules in source.targets.values_mut() {
        rules.keys = vec![("externalId".to_owned(), "title".to_owned())];
    }
    let policy = Policy::compile(source).unwrap();
    let (id, mut identity) = person("Sales");
    identity
        .attributes
        .insert("title".to_owned(), Value::Integer(1042));
    let desired = Evaluator::new(&policy)
        .desired(&id, &identity, Phase::Active, NOTHING)
        .unwrap();
    let account = desired.values().next().unwrap();
    assert_eq!(account.keys, [("externalId".to_owned(), "1042".to_owned())]);
}

#[test]
fn somebody_who_left_or_has_not_begun_should_have_nothing() {
    let policy = Policy::compile(source()).unwrap();
    let (id, identity) = person("Sales");
    let mut evaluator = Evaluator::new(&policy);
    assert!(
        evaluator
            .desired(&id, &identity, Phase::Ended, NOTHING)
            .unwrap()
            .is_empty()
    );
    assert!(
        evaluator
            .desired(&id, &identity, Phase::Prehire, NOTHING)
            .unwrap()
            .is_empty()
    );
}

#[test]
fn every_mistake_of_a_policy_is_found_at_once() {
    let mut source = source();
    source.roles[0].when = "departmnt == 'Sales'".to_owned();
    source.roles[1].name = source.roles[0].name.clone();
    source.roles[1]
        .access
        .insert(TargetName::new("wiki").unwrap(), vec!["Writers".to_owned()]);
    source
        .targets
        .values_mut()
        .for_each(|rules| rules.keys.clear());
    let codes: Vec<Code> = Policy::compile(source)
        .unwrap_err()
        .into_iter()
        .map(|finding| finding.code)
        .collect();
    assert_eq!(
        codes,
        [
            EXPRESSION,
            DOUBLE_ROLE,
            UNKNOWN_TARGET,
            ENTITLEMENT_FORM,
            NO_KEYS
        ]
    );
}

#[test]
fn what_can_work_for_nobody_is_found_before_anybody_is_there() {
    let check = |when: &str, expected: &str| {
        let mut source = source();
        source.attributes.extend([
            ("level".to_owned(), Some(ValueType::Integer)),
            ("is_manager".to_owned(), Some(ValueType::Boolean)),
            ("hired".to_owned(), Some(ValueType::Day)),
            ("skills".to_owned(), Some(ValueType::List)),
            ("grade".to_owned(), None),
        ]);
        source.roles[0].when = when.to_owned();
        let found = match Policy::compile(source) {
            Ok(_) => String::new(),
            Err(findings) => findings[0].text.clone(),
        };
        assert!(found.contains(expected), "{when}: {found}");
        assert_eq!(found.is_empty(), expected.is_empty(), "{when}: {found}");
    };
    check("department.startWith('Sal')", "startWith");
    check("sizeof(skills) > 1", "sizeof");
    check(
        "department == 'Sales' && level > '3'",
        "can work for nobody",
    );
    check(
        "is_manager == true || department > 3",
        "can work for nobody",
    );
    check("department", "true or false");
    check("level && is_manager", "can work for nobody");
    // What depends on the value, or on the feed, is for the people to show.
    check("int(department) > 3", "");
    check("skills[1] == 'Rust'", "");
    check("grade > 3", "");
    check(
        "is_manager && level >= 3 && hired > '2026-01-01' && 'Rust' in skills",
        "",
    );
    check(
        "department.matches('^S') || title.contains('x') && size(skills) > 1",
        "",
    );
}

#[test]
fn c72_an_attribute_can_be_the_account_of_somebody() {
    let mut source = source();
    let crm = TargetName::new("crm").unwrap();
    let rules = source.targets.get_mut(&crm).unwrap();
    let manager = || "manager".to_owned();
    rules
        .attributes
        .insert(manager(), "account_of(title)".to_owned());
    let policy = Policy::compile(source.clone()).unwrap();
    assert!(policy.has_references(&crm));
    let (id, mut identity) = person("Sales");
    let title = |text: &str| Value::Text(text.to_owned());
    identity.attributes.insert("title".to_owned(), title("12"));
    let mut evaluator = Evaluator::new(&policy);
    let mut references = |identity: &Identity| {
        let desired = evaluator
            .desired(&id, identity, Phase::Active, NOTHING)
            .unwrap();
        let account = desired.into_values().next().unwrap();
        assert!(!account.attributes.contains_key("manager"));
        account.references
    };
    let of = PersonId::parse("hr:12").unwrap();
    assert_eq!(references(&identity), [(manager(), of)].into());
    identity.attributes.insert("title".to_owned(), title(""));
    assert_eq!(references(&identity), BTreeMap::new());

    // Only as the whole of an attribute.
    for expression in [
        "account_of(title) + '@x.example'",
        "account_of()",
        "account_of(nothing)",
    ] {
        let rules = source.targets.get_mut(&crm).unwrap();
        rules.attributes.insert(manager(), expression.to_owned());
        let findings = Policy::compile(source.clone()).unwrap_err();
        assert_eq!(findings.len(), 1, "{expression}: {findings:?}");
        assert_eq!(findings[0].code, EXPRESSION, "{expression}");
    }
}
