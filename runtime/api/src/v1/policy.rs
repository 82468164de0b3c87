//! Tests of a policy.

use serde::{Deserialize, Serialize};

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
