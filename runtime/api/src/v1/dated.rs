//! What is said of a person for a later day.

use serde::{Deserialize, Serialize};

/// A change that HR has announced: it takes effect by itself.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Announced {
    /// When.
    pub at: String,
    /// Where the person stands then: `prehire`, `active`, `leave` or `ended`.
    pub phase: String,
    /// What is different from what holds until then, line by line.
    pub changes: Vec<String>,
}
