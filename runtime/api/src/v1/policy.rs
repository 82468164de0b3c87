//! Tests of a policy, and what would be.

use serde::{Deserialize, Serialize};

use super::{Finding, OperationPreview};

/// A test of the policy, as `muster policy test --json` answers it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PolicyTest {
    /// What it is called.
    pub name: String,
    /// File and line.
    pub place: String,
    /// What the person has otherwise than they must, each as the rest of a sentence; empty where the test holds.
    pub differs: Vec<String>,
}

/// Something that a person has.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Possession {
    /// The target.
    pub target: String,
    /// What it is there, such as `group:Finance`; `None` for the account.
    pub entitlement: Option<String>,
}

/// What would be if HR said otherwise of a person, or on another day: `GET /v1/what-if/PERSON`.
///
/// Parameters: `set` (a JSON object of attributes, each as a text), `on` (a day, or an instant).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct WhatIf {
    /// The person.
    pub person: String,
    /// Their name.
    pub name: String,
    /// The instant that is asked about.
    pub at: String,
    /// Where the person stands now.
    pub phase_before: String,
    /// Where the person would stand.
    pub phase: String,
    /// What HR would say otherwise, attribute by attribute.
    pub changed: Vec<String>,
    /// What the person would have and has not.
    pub gets: Vec<Possession>,
    /// What the person has and would not have.
    pub loses: Vec<Possession>,
    /// What would be done at the apps.
    pub operations: Vec<OperationPreview>,
    /// What the planner would remark.
    pub findings: Vec<Finding>,
}
