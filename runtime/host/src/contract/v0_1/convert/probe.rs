//! What a connector says of a target: what is missing there, and which attributes accounts have.

use super::check;
use crate::contract::v0_1::bindings::exports::muster::connector::meta as wit;
use crate::failure::{Garbage, cut};
use crate::read::{AttributeSpec, MissingPermission, ProbeReport};

/// What a try-out showed.
pub(crate) fn report(report: wit::ProbeReport) -> Result<ProbeReport, Garbage> {
    let missing = check::few("missing permissions", report.missing, 1000)?;
    Ok(ProbeReport {
        missing: missing
            .into_iter()
            .map(|missing| MissingPermission {
                kind: missing.kind.map(|kind| cut(&kind)),
                operation: cut(&missing.operation),
                permission: cut(&missing.permission),
            })
            .collect(),
        signed_in_as: report.signed_in_as.map(|name| cut(&name)),
        app_version: report.app_version.map(|version| cut(&version)),
    })
}

/// The attributes that accounts of a kind can have.
pub(crate) fn attribute_specs(
    specs: Vec<wit::AttributeSpec>,
) -> Result<Vec<AttributeSpec>, Garbage> {
    check::few("attributes", specs, check::ENTRIES_MAX)?
        .into_iter()
        .map(attribute_spec)
        .collect()
}

fn attribute_spec(spec: wit::AttributeSpec) -> Result<AttributeSpec, Garbage> {
    Ok(AttributeSpec {
        name: check::named("the name of an attribute", spec.name)?,
        title: check::bounded("a title", spec.title, check::ID_BYTES_MAX)?,
        value_type: match spec.value_type.as_str() {
            "boolean" | "number" | "instant" | "day" | "binary" | "pointer" => spec.value_type,
            _ => "text".to_owned(),
        },
        is_required: spec.required,
        is_multiple: spec.multiple,
        is_creatable: spec.creatable,
        is_updatable: spec.updatable,
        is_readable: spec.readable,
        is_personal: spec.personal,
        choices: check::few("choices", spec.choices, check::ENTRIES_MAX)?,
    })
}
