//! What people decide about a person, beside the policy.

use serde::{Deserialize, Serialize};

use super::{Actor, Finding, OperationPreview};

/// Something that a person has for a while.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Opening {
    /// Its number among those of the person.
    pub opening: u32,
    /// The role that it gives; `None` where it gives something at a target.
    pub role: Option<String>,
    /// The target, where it gives no role.
    pub target: Option<String>,
    /// What it gives there, such as `group:Finance`; `None` where it gives the account alone.
    pub entitlement: Option<String>,
    /// The first instant of the window.
    pub from: String,
    /// The first instant after the window.
    pub until: String,
    /// Whether it gives anything now.
    pub is_open: bool,
    /// Why, in the words of whoever opened it.
    pub reason: String,
}

/// Something that a person is not to have, whatever else gives it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Block {
    /// Its number among those of the person.
    pub block: u32,
    /// Whether it keeps everything away, everywhere.
    pub is_of_everything: bool,
    /// The role whose gifts are kept away.
    pub role: Option<String>,
    /// The target of which something is kept away.
    pub target: Option<String>,
    /// What is kept away there, such as `group:Finance`; `None` where it is the account.
    pub entitlement: Option<String>,
    /// Since when.
    pub since: String,
    /// The first instant at which nothing is kept away any more; `None`: until somebody lifts it.
    pub until: Option<String>,
    /// Why, in the words of whoever set it.
    pub reason: String,
}

/// A right that an account had when it was taken over, and that no rule explained.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Adoption {
    /// Its number among those of the person.
    pub adoption: u32,
    /// Where the account is.
    pub target: String,
    /// The right, by the name that the target has for it.
    pub entitlement: String,
    /// When it was found.
    pub found_at: String,
    /// Whether somebody decided to keep it; if not, nobody has decided yet.
    pub is_kept: bool,
    /// The first instant at which it is kept no more; `None`: as long as the person is to have the account.
    pub until: Option<String>,
}

/// Something that stands of a person, with who decided it: `GET /v1/openings`, `/v1/blocks` and `/v1/adoptions`.
///
/// Parameters: `ending` (seconds) for what ends by itself within that time; of adoptions, `kept` for those that somebody
/// decided to keep instead of those about which nobody has decided.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Of<T> {
    /// Whose.
    pub person: String,
    /// The person's name to show.
    pub name: String,
    /// Who decided it last, and why; `None` where nobody has.
    pub by: Option<Actor>,
    /// When that was.
    pub decided_at: Option<String>,
    /// What it is.
    #[serde(flatten)]
    pub what: T,
}

/// The answer to a decision about a person: `POST /v1/people/PERSON/open`, `.../extend`, `.../give-back`, `.../block`
/// `.../lift`, `.../keep` and `.../remove`; and to the same asked with `GET`, which only looks.
///
/// Parameters: `role`, or `target` and perhaps `entitlement`; `for` (seconds) or `until` (RFC 3339), and `from`; `opening`
/// `block` or `adoption` for one that there is; `reason` and `as` as everywhere.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Decided {
    /// About whom.
    pub person: String,
    /// What was decided, as a sentence.
    pub text: String,
    /// The number of the opening, where it is about one.
    pub opening: Option<u32>,
    /// The number of the block, where it is about one.
    pub block: Option<u32>,
    /// The number of the adoption, where it is about one.
    #[serde(default)]
    pub adoption: Option<u32>,
    /// The plan that carries it out; `None` where nothing has to be done at the apps, or it was only looked.
    pub plan: Option<u64>,
    /// What is done at the apps.
    pub operations: Vec<OperationPreview>,
    /// What the planner remarks: an entitlement that the target does not have, and the like.
    pub findings: Vec<Finding>,
}
