//! Who is who: the records of an identity, and what is decided about them.

use serde::{Deserialize, Serialize};

use super::{Finding, PersonPreview};

/// What one feed says of a person under one key.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Record {
    /// `feed:key`.
    pub record: String,
    /// `prehire`, `active`, `leave` or `ended`, by this record alone.
    pub phase: String,
    /// Whether the feed's last complete file had it.
    pub is_present: bool,
    /// Whether it says where the person stands.
    pub leads: bool,
    /// Why it is the person's: `first seen`, `personal_number agreed`, `confirmed`, `merged`.
    pub because: String,
    /// The attributes that the person has from it.
    pub says: Vec<String>,
}

/// The answer to a decision about who is who: `POST /v1/people/PERSON/merge`, `/v1/records/RECORD/split` and
/// `/v1/records/RECORD/link`; and to the same asked with `GET`, which only looks.
///
/// Parameters: `into` (of a merge), `person` or `new` (of a link), `plan` (the digest that was shown; required to decide),
/// `reason` and `as` as everywhere.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Joined {
    /// What it means, as a sentence.
    pub text: String,
    /// Names the plan; deciding names it.
    pub digest: String,
    /// The plan that carries it out; `None` where nothing has to be done, or it was only looked.
    pub plan: Option<u64>,
    /// Everybody about whom anything changes.
    pub people: Vec<PersonPreview>,
    /// What the planner remarks.
    pub findings: Vec<Finding>,
}
