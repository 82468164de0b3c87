//! Version 1 of the JSON that the daemon answers with. Once released, a field is never renamed and
//! never changes its meaning; new fields may be added, and readers skip what they do not know.
//!
//! Instants are RFC 3339 in UTC; digests are 64 hexadecimal digits; persons are `feed:key`;
//! operations are `plan-number`. Where a field can be missing, `null` stands there.

mod dated;
mod joining;
mod plugin;
mod policy;
mod standing;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use dated::Announced;
pub use joining::{Joined, Record};
pub use plugin::{Plugin, PluginKind, PluginRow, PluginSetting, PluginSlot};
pub use policy::{PolicyTest, Possession, WhatIf};
pub use standing::{Adoption, Block, Decided, Of, Opening};

/// An error, or the body of any HTTP answer that is not 2xx.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Error {
    /// Such as `HOOK-002`.
    pub code: String,
    /// What happened.
    pub message: String,
    /// What to do next; empty where nothing has to be done.
    pub hint: String,
    /// Where the code is explained.
    pub page: String,
}

/// A remark for a person.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Finding {
    /// Such as `HR-004`.
    pub code: String,
    /// `note`, `warning` or `error`.
    pub severity: String,
    /// What it is about: `feed hr`, `row 17`, `hr:1042 at crm`.
    pub subject: String,
    /// What happened.
    pub text: String,
    /// What to do next; may be empty.
    pub hint: String,
    /// Since when it is open; `None` for one that was only just found.
    pub since: Option<String>,
}

/// Who decided something.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Actor {
    /// `operator` (over the socket), `editor` (the owner of a file of the configuration), `file` (of HR, in the drop
    /// folder or over the hook), `policy`, `date`, `connector` or `daemon`.
    pub kind: String,
    /// In words: `ops (uid 1000) as Ann Lee`.
    pub name: String,
    /// The user at the socket, as the kernel knows it; only of an operator.
    pub uid: Option<u32>,
    /// What the machine calls this user; `None` if it has no name for it.
    pub user: Option<String>,
    /// What they call themselves: `--as`.
    pub called: Option<String>,
    /// Why, in their own words: `--reason`.
    pub reason: Option<String>,
}

/// How far a long piece of work has come.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Progress {
    /// What is being done: `reading rows`, `checking the journal`.
    pub stage: String,
    /// Steps done.
    pub done: u64,
    /// Steps in all; 0 where that is not known.
    pub total: u64,
}

/// One line of a streamed answer: any number of progress lines, then one that ends it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Line<T> {
    /// How far it has come.
    Progress(Progress),
    /// The answer.
    Done(T),
    /// It failed.
    Failed(Error),
}

/// `GET /v1/status`: the daemon on one page.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Status {
    /// Muster's version.
    pub version: String,
    /// When the daemon started.
    pub started_at: String,
    /// The daemon's own clock.
    pub now: String,
    /// Path of the configuration in force.
    pub config: String,
    /// The policy that decides now.
    pub policy: String,
    /// Since when it decides.
    pub policy_since: Option<String>,
    /// Who let it decide: whoever approved it, or the daemon where nobody had to.
    pub policy_by: Option<Actor>,
    /// Entries in the journal.
    pub journal_entries: u64,
    /// The configured HR sources.
    pub feeds: Vec<FeedStatus>,
    /// The connected apps.
    pub targets: Vec<TargetStatus>,
    /// People by phase: `prehire`, `active`, `leave`, `ended`.
    pub people: BTreeMap<String, u64>,
    /// People who have not left, by feed; also of feeds that are not configured.
    #[serde(default)]
    pub people_here: BTreeMap<String, u64>,
    /// Open operations by state: `queued`, `in-flight`, `waiting`, `halted`, ...
    pub operations: BTreeMap<String, u64>,
    /// Open findings by severity.
    pub findings: BTreeMap<String, u64>,
    /// Files that wait for a person.
    pub held: Vec<Held>,
    /// Why the daemon takes no work; `None` if it does. With it, everything that the ledger would tell is
    /// empty.
    #[serde(default)]
    pub trouble: Option<Finding>,
}

/// One configured HR source.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct FeedStatus {
    /// Its name.
    pub name: String,
    /// The folder that is watched.
    pub folder: String,
    /// `snapshot` or `changes`.
    pub kind: String,
    /// Whether `POST /v1/feeds/NAME` takes deliveries.
    pub has_hook: bool,
    /// People it describes.
    pub people: u64,
    /// The last file, whatever became of it.
    pub last_file: Option<FileSeen>,
    /// What stands in its way now, such as a folder that cannot be read.
    pub trouble: Option<String>,
}

/// A file that a feed brought, and what became of it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct FileSeen {
    /// Its name in the folder.
    pub name: String,
    /// SHA-256 of its bytes.
    pub digest: String,
    /// Rows below the header.
    pub rows: u32,
    /// `accepted`, `held` or `rejected`.
    pub result: String,
    /// When that was decided.
    pub at: String,
    /// The plan that it led to; `None` if it changed nothing.
    pub plan: Option<u64>,
    /// Who approved that plan, where it had been held.
    pub approved_by: Option<Actor>,
}

/// One connected app.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct TargetStatus {
    /// Its name.
    pub name: String,
    /// The plugin that speaks to it.
    pub plugin: String,
    /// The plugin's version; `None` while it does not load.
    pub plugin_version: Option<String>,
    /// `ready`, `starting`, `degraded` or `unusable`.
    pub state: String,
    /// Why it is not ready.
    pub trouble: Option<String>,
    /// Accounts that Muster keeps there.
    pub accounts: u64,
    /// Operations that have not ended.
    pub operations_open: u64,
    /// Of these, those that wait for a person.
    pub operations_halted: u64,
    /// Rights of accounts that were taken over and about which nobody has decided.
    #[serde(default)]
    pub undecided: u64,
    /// When the app last answered.
    pub last_answer_at: Option<String>,
}

/// How many people and operations a plan touches.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Counts {
    /// People by kind of change: `joiner`, `mover`, `leaver`, `rehire`, `update`.
    pub people: BTreeMap<String, u32>,
    /// Operations by target, then by verb.
    pub operations: BTreeMap<String, BTreeMap<String, u32>>,
}

/// A file that waits for a person: `GET /v1/held`.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Held {
    /// The feed.
    pub feed: String,
    /// The file's name.
    pub file: String,
    /// SHA-256 of the file.
    pub file_digest: String,
    /// Digest of the plan that it would lead to: what is named to approve it. `None` if the file
    /// cannot lead to a plan as it is.
    pub plan_digest: Option<String>,
    /// Since when it waits.
    pub since: String,
    /// Why it was held.
    pub reasons: Vec<Finding>,
    /// What it would change.
    pub counts: Counts,
}

/// What a file would lead to. Making it changes nothing.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Preview {
    /// The feed it was read as.
    pub feed: String,
    /// The file's name.
    pub file: String,
    /// SHA-256 of the file.
    pub file_digest: String,
    /// Digest of the plan; `None` if the file is unusable.
    pub plan_digest: Option<String>,
    /// The policy that decided.
    pub policy: String,
    /// `apply`: dropped into the folder it would take effect at once; `hold`: it would wait for a
    /// person; `reject`: it cannot be used; `nothing`: it changes nothing.
    pub verdict: String,
    /// Why it would be held or rejected.
    pub reasons: Vec<Finding>,
    /// Rows below the header.
    pub rows: u32,
    /// People described by usable rows.
    pub people_read: u32,
    /// Rows set aside.
    pub quarantined: u32,
    /// What it would change, in numbers.
    pub counts: Counts,
    /// What it would change, person by person, leavers first; at most [`PREVIEW_PEOPLE_MAX`].
    pub people: Vec<PersonPreview>,
    /// People that the plan touches and that are not listed.
    pub people_omitted: u32,
    /// Remarks on rows and columns.
    pub findings: Vec<Finding>,
    /// What is said of rows, as in HR's report; of each code the first thousand.
    pub problems: Vec<RowProblem>,
    /// How much is said of rows in all, by code.
    pub problem_counts: Vec<ProblemCount>,
}

/// What is said of rows of a file.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RowProblem {
    /// Such as `HR-014`.
    pub code: String,
    /// `note`, `warning`, `set-aside`, `held` or `rejected`.
    pub effect: String,
    /// The rows, as a spreadsheet numbers them (the header is 1), the first 50 of them.
    pub rows: Vec<u32>,
    /// How many rows there are in all.
    pub row_count: u32,
    /// The column, as the mapping names it.
    pub column: Option<String>,
    /// The id that it is about.
    pub id: Option<String>,
    /// What is wrong.
    pub text: String,
    /// What to do; may be empty.
    pub hint: String,
}

/// How often a code is said of the rows of a file.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ProblemCount {
    /// Such as `HR-014`.
    pub code: String,
    /// How often.
    pub problems: u64,
    /// Of how many rows.
    pub rows: u32,
}

/// Most people that a preview lists one by one; the counts are always whole.
pub const PREVIEW_PEOPLE_MAX: usize = 1_000;

/// What a plan would do for one person.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PersonPreview {
    /// Who.
    pub person: String,
    /// The name to show.
    pub name: String,
    /// `joiner`, `mover`, `leaver`, `rehire` or `update`.
    pub kind: String,
    /// What HR changed: `department: Sales -> Finance`.
    pub changed: Vec<String>,
    /// When it takes effect, where that is not at once.
    pub effective_at: Option<String>,
    /// What would be done.
    pub operations: Vec<OperationPreview>,
}

/// One operation of a plan that was not made yet.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct OperationPreview {
    /// Where.
    pub target: String,
    /// `ensure-account`, `grant`, `revoke`, `suspend`, ...
    pub verb: String,
    /// What it is done with: `group:Sales`; empty where the account itself is meant.
    pub object: String,
    /// Why, as a sentence.
    pub reason: String,
}

/// The answer to approving a held plan: `POST /v1/held/DIGEST/apply`.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Applied {
    /// The plan that now takes effect.
    pub plan: u64,
    /// Its digest, the one that was approved.
    pub digest: String,
    /// What it changes.
    pub counts: Counts,
    /// Who approved it.
    pub approved_by: Option<Actor>,
}

/// How a plan stands: `GET /v1/plans/ID/follow`.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct PlanStatus {
    /// Its number.
    pub plan: u64,
    /// What led to it, in words: `file workers.csv of feed hr`.
    pub cause: String,
    /// When it was made.
    pub made_at: String,
    /// Operations in all.
    pub operations: u64,
    /// Of these, ended well or superseded by a later plan.
    pub done: u64,
    /// Of these, waiting for another attempt.
    pub waiting: u64,
    /// Of these, waiting for a person.
    pub halted: u64,
    /// Who approved it, where it had been held.
    pub approved_by: Option<Actor>,
}

/// Most items on a page of a listing.
pub const LIST_LIMIT_MAX: usize = 1_000;

/// One page of a listing.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Page<T> {
    /// The items, in a stable order.
    pub items: Vec<T>,
    /// What to ask the next page with; none on the last page.
    pub next: Option<String>,
}

/// A person in a listing.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PersonRow {
    /// `feed:key`.
    pub person: String,
    /// The name to show.
    pub name: String,
    /// `prehire`, `active`, `leave` or `ended`.
    pub phase: String,
    /// Account states by target; `-` where the account is not known yet.
    pub accounts: BTreeMap<String, String>,
    /// Operations that have not ended.
    pub operations_open: u32,
}

/// Everything about one person: `GET /v1/people/PERSON`.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Person {
    /// `feed:key`.
    pub person: String,
    /// The name to show.
    pub name: String,
    /// `prehire`, `active`, `leave` or `ended`.
    pub phase: String,
    /// Whether the feed's last complete file had the person.
    pub is_present: bool,
    /// First instant of the employment.
    pub starts_at: Option<String>,
    /// First instant after the employment.
    pub ends_at: Option<String>,
    /// When the next change comes by itself.
    pub wake_at: Option<String>,
    /// What HR has announced for a later day, in order.
    #[serde(default)]
    pub announced: Vec<Announced>,
    /// What HR says: text, number, yes or no, list; `""` for an empty cell.
    pub attributes: BTreeMap<String, serde_json::Value>,
    /// The roles that the policy gives now.
    pub roles: Vec<String>,
    /// The records, where there are several.
    #[serde(default)]
    pub records: Vec<Record>,
    /// Whose record it is by now, where the identity became part of another one.
    #[serde(default)]
    pub part_of: Option<String>,
    /// What somebody opened for a while.
    #[serde(default)]
    pub openings: Vec<Opening>,
    /// What is kept away.
    #[serde(default)]
    pub blocks: Vec<Block>,
    /// What accounts had when they were taken over.
    #[serde(default)]
    pub adoptions: Vec<Adoption>,
    /// The plan that last touched the person.
    pub plan: u64,
    /// The person's accounts.
    pub accounts: Vec<Account>,
}

/// That the next listing of a target is believed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Believed {
    /// The target.
    pub target: String,
}

/// An account at a target.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Account {
    /// Whose.
    pub person: String,
    /// The person's name to show.
    pub name: String,
    /// Where.
    pub target: String,
    /// The app's own id; none before it is known.
    pub id: Option<String>,
    /// `active`, `suspended`, `deleted`, ...; none before it is known.
    pub state: Option<String>,
    /// What somebody did to it at the app, and a person has to decide about: `gone` or `switched-off`; `None`
    /// if it is as it was left.
    pub drift: Option<String>,
    /// When it will be deleted.
    pub delete_at: Option<String>,
    /// What it has and is about to have or lose.
    pub grants: Vec<Grant>,
    /// What was taken from it, and how that ended; empty if the person should have it.
    pub taken: Vec<Removed>,
    /// What is still to be done.
    pub operations: Vec<Operation>,
}

/// An entitlement of an account.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Grant {
    /// `kind:name`, such as `group:Sales`.
    pub entitlement: String,
    /// The app's id of it.
    pub id: String,
    /// `held`, `being-given` or `being-taken`.
    pub state: String,
    /// Since when the app is known to have it.
    pub since: Option<String>,
    /// Why it is there.
    pub reasons: Vec<Reason>,
    /// The plan that gave it.
    pub plan: Option<u64>,
}

/// One reason why a grant exists.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Reason {
    /// `role`, `opening` or `adoption`.
    pub kind: String,
    /// The number of the opening, where it is one.
    #[serde(default)]
    pub opening: Option<u32>,
    /// The role, where it is one.
    pub role: Option<String>,
    /// The version of the policy in which the role first gave it.
    pub policy: Option<String>,
    /// The number of the adoption, where it is one.
    #[serde(default)]
    pub adoption: Option<u32>,
}

/// Something that was taken from an account.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Removed {
    /// `suspend`, `end-sessions`, `revoke group:ID`, `delete`, ...
    pub what: String,
    /// `verified` where the app was looked at afterwards and showed it, `done` where its answer is all there is.
    pub outcome: String,
    /// Whether it is the first.
    pub is_verified: bool,
    /// When it ended.
    pub at: String,
    /// Which operation did it: `plan-number`.
    pub operation: String,
    /// What could not be reached and goes on now.
    pub goes_on: Vec<GoesOn>,
}

/// Something that lets somebody in although access was taken away.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct GoesOn {
    /// What it is and why it could not be reached.
    pub text: String,
    /// When it ends by itself; `None` if nobody knows.
    pub until: Option<String>,
}

/// `POST /v1/operations/retry`: how many operations are tried again now.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Retried {
    /// How many.
    pub operations: u64,
}

/// An operation that has not ended.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Operation {
    /// `plan-number`.
    pub id: String,
    /// Whose account.
    pub person: String,
    /// Where.
    pub target: String,
    /// `ensure-account`, `grant`, `revoke`, `suspend`, ...
    pub verb: String,
    /// What it is done with: `group:Sales`; empty where the account itself is meant.
    pub object: String,
    /// `leaver`, `mover`, `joiner` or `routine`.
    pub urgency: String,
    /// `queued`, `in-flight`, `unknown`, `waiting`, `pending`, `verifying` or `halted`.
    pub state: String,
    /// Attempts so far.
    pub attempt: u32,
    /// When it goes on by itself; `None` if it is its turn now or a person is needed.
    pub next_at: Option<String>,
    /// Why, as a sentence.
    pub reason: String,
    /// Short name of the last failure: `rate-limited`, `no-capacity`, ...
    pub problem: Option<String>,
    /// The last failure in words.
    pub text: Option<String>,
}

/// `GET /v1/why/PERSON`: what a person has, what not, and because of what.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Why {
    /// `feed:key`.
    pub person: String,
    /// The name to show.
    pub name: String,
    /// `prehire`, `active`, `leave` or `ended`.
    pub phase: String,
    /// What that phase follows from, in words: `last day 2026-06-30 (Europe/Berlin)`.
    pub phase_because: String,
    /// The policy that decides now.
    pub policy: String,
    /// Where the attributes come from.
    pub source: Option<Source>,
    /// One entry for each target that was asked about.
    pub targets: Vec<WhyTarget>,
}

/// `GET /v1/history/{person}`: one entry of the journal about a person; the newest comes first.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct HistoryEntry {
    /// Its number in the journal.
    pub seq: u64,
    /// When it was recorded.
    pub at: String,
    /// `plan`: what a plan said of the person; `operation`: what became of a change at an app; `finding`: a
    /// remark about the person, or its end. Without a person also `file`, `hold`, `policy`, `plugin`, `secret`,
    /// `feed`, `clock`, `question` and `account`.
    pub kind: String,
    /// What happened, as a sentence.
    pub text: String,
    /// The plan, or the plan that the operation is of.
    pub plan: Option<u64>,
    /// The app.
    pub target: Option<String>,
    /// The operation.
    pub operation: Option<String>,
    /// What became of the operation: `dispatched`, `lost`, `deferred`, `retried`, `pending`, `answered`,
    /// `found`, `completed` or `halted`.
    pub change: Option<String>,
    /// Line by line: what HR changed, what had to be done at which app, what the app said.
    pub details: Vec<String>,
    /// Where a plan came from.
    pub source: Option<Source>,
    /// Who or what did it.
    pub by: Option<Actor>,
}

/// The HR row that says what is known of a person.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Source {
    /// The feed.
    pub feed: String,
    /// The file's name; a delivery's message id for a hook.
    pub file: String,
    /// SHA-256 of its bytes.
    pub digest: String,
    /// The row, as a spreadsheet counts: the header is row 1. `None` if something else than a row led
    /// to the plan.
    pub row: Option<u32>,
    /// The plan that it led to.
    pub plan: u64,
    /// When that plan was made.
    pub at: String,
    /// Who approved it, where it had been held.
    pub approved_by: Option<Actor>,
}

/// A person at one target.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct WhyTarget {
    /// Where.
    pub target: String,
    /// The app's own id of the account.
    pub account: Option<String>,
    /// The account's state.
    pub state: Option<String>,
    /// One sentence: what holds and what comes next.
    pub summary: String,
    /// What the person has there, and why.
    pub has: Vec<WhyGrant>,
    /// Which roles would give something there and do not apply, and why not.
    pub has_not: Vec<WhyNot>,
    /// What was taken away, and how that ended; empty if the person should have the account.
    pub taken: Vec<Removed>,
    /// What is still to be done.
    pub pending: Vec<Operation>,
}

/// A grant with everything that led to it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct WhyGrant {
    /// `kind:name`; `account` for the account itself.
    pub entitlement: String,
    /// `held`, `being-given` or `being-taken`.
    pub state: String,
    /// Since when the app is known to have it.
    pub since: Option<String>,
    /// Each role or decision that gives it. Empty: nothing does any more, and it is being taken.
    pub because: Vec<Because>,
    /// The file and plan that gave it.
    pub source: Option<Source>,
}

/// One reason, with the rule and the values that made it true.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Because {
    /// The role, where it is one.
    pub role: Option<String>,
    /// The opening, where it is one.
    #[serde(default)]
    pub opening: Option<Opening>,
    /// The role's own description, why it was opened, or who decided an adoption.
    pub description: String,
    /// The role's rule, as it stood when it first gave it.
    pub rule: Option<String>,
    /// The version of the policy in which it stood so.
    pub policy: Option<String>,
    /// The role's rule today, where it is another one by now.
    #[serde(default)]
    pub rule_now: Option<String>,
    /// The values that the rule looked at.
    pub values: BTreeMap<String, serde_json::Value>,
}

/// A role that does not apply and what made its rule false, or one that applies and gives something that the
/// target does not know.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct WhyNot {
    /// The role.
    pub role: String,
    /// The role's own description.
    pub description: String,
    /// What it would give at this target.
    pub gives: Vec<String>,
    /// The role's rule.
    pub rule: String,
    /// The parts of the rule that are false; empty where the rule could not be decided.
    pub failed: Vec<String>,
    /// Why the rule could not be decided, where that is so: the accounts then stay as they are.
    pub undecided: Option<String>,
    /// The role applies, and this is why what it gives cannot be given; `None` if it does not apply.
    #[serde(default)]
    pub unresolved: Option<String>,
    /// The values that the rule looked at; `null` where HR says nothing.
    pub values: BTreeMap<String, serde_json::Value>,
}

/// The result of `ledger check`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LedgerCheck {
    /// Whether the tables are what the journal adds up to.
    pub is_clean: bool,
    /// Entries read.
    pub journal_entries: u64,
    /// People in the tables.
    pub people: u64,
    /// The format of the ledger's file, as the file names it.
    pub format: u32,
    /// Where tables and journal differ; empty where it is clean.
    pub differences: Vec<String>,
}

/// The answer to a hook delivery: `202`, and the same again for the same message id and body.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Taken {
    /// The feed.
    pub feed: String,
    /// The sender's message id.
    pub id: String,
    /// SHA-256 of the body.
    pub digest: String,
    /// `snapshot` or `change`.
    pub kind: String,
}

/// One event of a JSON hook delivery.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HookEvent {
    /// What happened to the row's person.
    #[serde(rename = "type")]
    pub kind: HookEventKind,
    /// The row as the export would have it: column to text, number, yes or no; `null` is an empty
    /// cell.
    pub row: BTreeMap<String, serde_json::Value>,
}

impl HookEvent {
    /// The row as cells of text, as a file would have them; the name of a column whose value is a
    /// list or an object, which no cell can hold.
    pub fn cells(&self) -> Result<BTreeMap<String, String>, String> {
        let cell = |(column, value): (&String, &serde_json::Value)| {
            let text = match value {
                serde_json::Value::Null => String::new(),
                serde_json::Value::String(text) => text.clone(),
                serde_json::Value::Bool(yes) => yes.to_string(),
                serde_json::Value::Number(number) => number.to_string(),
                serde_json::Value::Array(_) | serde_json::Value::Object(_) => {
                    return Err(column.clone());
                }
            };
            Ok((column.clone(), text))
        };
        self.row.iter().map(cell).collect()
    }
}

/// What happened to a person, in a JSON hook delivery.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HookEventKind {
    /// The person is new or changed. The row has every column that the mapping needs, as a file would.
    Upsert,
    /// The person left: the row needs only the key column.
    Leave,
}
