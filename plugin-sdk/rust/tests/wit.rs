//! The rules of `docs/design/contract.md` for `wit/`, checked on the parsed files, through the link by which they
//! ship with this crate.

#![expect(clippy::unwrap_used, reason = "test code")]

use std::collections::BTreeSet;
use std::path::Path;

use muster_sdk::{AccountKind, Capability, EntitlementCategory, EntitlementKind};
use wit_parser::{Docs, Resolve, Stability, Type, TypeDef, TypeDefKind, TypeOwner, WorldItem};

const ALL: [Capability; 9] = [
    Capability::Accounts,
    Capability::Entitlements,
    Capability::Grants,
    Capability::Credentials,
    Capability::Rotation,
    Capability::Ownership,
    Capability::Changes,
    Capability::Pending,
    Capability::Events,
];

fn contract() -> Resolve {
    let mut resolve = Resolve::default();
    resolve
        .push_path(Path::new(env!("CARGO_MANIFEST_DIR")).join("wit"))
        .unwrap();
    resolve
}

/// The types that the contract defines by name, without those that an interface only uses from another one.
fn defined(resolve: &Resolve) -> Vec<(&str, &TypeDef)> {
    let own = |definition: &TypeDef| match definition.kind {
        TypeDefKind::Type(Type::Id(id)) => {
            resolve.types[id].owner == definition.owner || resolve.types[id].name.is_none()
        }
        _ => matches!(definition.owner, TypeOwner::Interface(_)),
    };
    let named = resolve
        .types
        .iter()
        .filter_map(|(_, definition)| definition.name.as_deref().map(|name| (name, definition)));
    named.filter(|(_, definition)| own(definition)).collect()
}

fn is_said(docs: &Docs) -> bool {
    docs.contents
        .as_deref()
        .is_some_and(|text| !text.trim().is_empty())
}

fn since_0_1_0(stability: &Stability) -> bool {
    matches!(stability, Stability::Stable { since, .. } if since.to_string() == "0.1.0")
}

#[test]
fn every_item_says_what_it_is_and_since_when() {
    let resolve = contract();
    let mut silent = BTreeSet::new();
    let mut check = |name: String, docs: &Docs, stability: Option<&Stability>| {
        if !is_said(docs) || !stability.is_none_or(since_0_1_0) {
            silent.insert(name);
        }
    };
    for (_, world) in &resolve.worlds {
        check(world.name.clone(), &world.docs, Some(&world.stability));
    }
    for (_, interface) in &resolve.interfaces {
        let name = interface.name.clone().unwrap_or_default();
        check(name.clone(), &interface.docs, Some(&interface.stability));
        for (function, item) in &interface.functions {
            check(
                format!("{name}.{function}"),
                &item.docs,
                Some(&item.stability),
            );
        }
    }
    for (name, definition) in defined(&resolve) {
        check(
            name.to_owned(),
            &definition.docs,
            Some(&definition.stability),
        );
        match &definition.kind {
            TypeDefKind::Record(record) => record
                .fields
                .iter()
                .for_each(|field| check(format!("{name}.{}", field.name), &field.docs, None)),
            TypeDefKind::Variant(variant) => variant
                .cases
                .iter()
                .for_each(|case| check(format!("{name}.{}", case.name), &case.docs, None)),
            TypeDefKind::Enum(cases) => cases
                .cases
                .iter()
                .for_each(|case| check(format!("{name}.{}", case.name), &case.docs, None)),
            _ => {}
        }
    }
    assert_eq!(silent, BTreeSet::new());
}

#[test]
fn every_record_can_carry_what_it_has_no_field_for() {
    let resolve = contract();
    let closed: Vec<_> = defined(&resolve)
        .into_iter()
        .filter_map(|(name, definition)| match &definition.kind {
            TypeDefKind::Record(record) => Some((name, record.fields.last().unwrap())),
            _ => None,
        })
        .filter(|(_, last)| {
            let Type::Id(id) = last.ty else { return true };
            last.name != "extra" || !is_extras(&resolve, &resolve.types[id])
        })
        .collect();
    assert_eq!(closed.len(), 0, "{closed:?}");
}

fn is_extras(resolve: &Resolve, definition: &TypeDef) -> bool {
    match (definition.name.as_deref(), &definition.kind) {
        (Some("extras"), TypeDefKind::List(_)) => true,
        (_, TypeDefKind::Type(Type::Id(id))) => is_extras(resolve, &resolve.types[*id]),
        _ => false,
    }
}

#[test]
fn no_integer_has_64_bits() {
    let resolve = contract();
    let wide = |ty: &Type| matches!(ty, Type::U64 | Type::S64);
    for (_, definition) in &resolve.types {
        let found = match &definition.kind {
            TypeDefKind::Record(record) => record.fields.iter().any(|field| wide(&field.ty)),
            TypeDefKind::Variant(variant) => variant
                .cases
                .iter()
                .any(|case| case.ty.as_ref().is_some_and(wide)),
            TypeDefKind::Tuple(tuple) => tuple.types.iter().any(wide),
            TypeDefKind::List(ty) | TypeDefKind::Option(ty) | TypeDefKind::Type(ty) => wide(ty),
            TypeDefKind::Result(result) => {
                result.ok.as_ref().is_some_and(wide) || result.err.as_ref().is_some_and(wide)
            }
            _ => false,
        };
        assert!(!found, "{:?}", definition.name);
    }
    for (_, interface) in &resolve.interfaces {
        for (name, function) in &interface.functions {
            let parameters = function.params.iter().any(|parameter| wide(&parameter.ty));
            assert!(
                !parameters && !function.result.as_ref().is_some_and(wide),
                "{name}"
            );
        }
    }
}

#[test]
fn the_sdk_speaks_this_contract() {
    let resolve = contract();
    let (_, world) = resolve.worlds.iter().next().unwrap();
    let package = &resolve.packages[world.package.unwrap()].name;
    assert_eq!(
        package.version.as_ref().unwrap().to_string(),
        muster_sdk::CONTRACT
    );

    let exported: BTreeSet<_> = world
        .exports
        .values()
        .filter_map(|item| match item {
            WorldItem::Interface { id, .. } => resolve.interfaces[*id].name.clone(),
            WorldItem::Function(_) | WorldItem::Type { .. } => None,
        })
        .collect();
    let known = ALL.iter().map(|capability| capability.interface());
    let known: BTreeSet<_> = known.chain(["meta"]).map(str::to_owned).collect();
    assert_eq!(exported, known);

    let functions: BTreeSet<&str> = resolve
        .interfaces
        .iter()
        .filter(|(_, interface)| exported.contains(interface.name.as_deref().unwrap()))
        .flat_map(|(_, interface)| interface.functions.keys().map(String::as_str))
        .collect();
    let group = EntitlementKind::new("group", "Group", EntitlementCategory::Membership);
    let mut named: BTreeSet<_> = AccountKind::new("user", "User")
        .operations(&ALL)
        .iter()
        .map(|op| op.as_str())
        .collect();
    named.extend(group.operations(&ALL).iter().map(|op| op.as_str()));
    // These are of the whole target and of no kind.
    named.extend(["describe", "check-settings", "probe", "discover"]);
    named.extend(["current-token", "changes-since", "poll", "translate"]);
    assert_eq!(functions, named);
}
