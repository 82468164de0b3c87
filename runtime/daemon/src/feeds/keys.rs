//! The keys by which an account is found at an app, looked at over all people of a file before
//! anything is planned: two people with one address would get one account, and somebody without a
//! value gets none. Nobody gets a wrong account by it, because apps refuse the second one; but HR,
//! who alone can mend it, has to be told which rows they are.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use muster_core::id::{FeedName, PersonId};
use muster_core::identity::{Identity, Phase};
use muster_core::policy::Policy;
use muster_core::text::folded;
use muster_intake::{Effect, Mistake, Mistakes, Snapshot, code};
use xxhash_rust::xxh3::xxh3_64;

/// Most people that one remark names; the others are counted.
const PEOPLE_NAMED_MAX: usize = 10;

/// A value of somebody's key: a digest of it, by which equal ones are found, and whose it is, counted
/// among the people of the file.
type Held = (u64, u32);

/// Remarks about the keys of the people in a file.
pub(super) fn remarks(
    policy: &Policy,
    feed: &FeedName,
    snapshot: &Snapshot,
    now: Timestamp,
) -> Mistakes {
    let mut mistakes = Mistakes::default();
    let keys = keys_of(policy);
    if keys.is_empty() {
        return mistakes;
    }
    let mut held: Vec<Vec<Held>> = vec![Vec::new(); keys.len()];
    for (index, row) in snapshot.rows().enumerate() {
        // A row that cannot be read is a mistake of ours, which planning will say.
        let Ok(person) = row.read() else { continue };
        let phase = person.identity.employment.phase(now);
        if phase == Phase::Ended {
            continue;
        }
        let id = PersonId {
            feed: feed.clone(),
            key: person.key,
        };
        let index = u32::try_from(index).unwrap_or(u32::MAX);
        for (key, held) in keys.iter().zip(&mut held) {
            match value_of(policy, key, &id, &person.identity, phase) {
                Value::Is(value) => held.push((xxh3_64(folded(&value).as_bytes()), index)),
                Value::Empty if gets_account(policy, key, &id, &person.identity, phase) => {
                    mistakes.push(empty(key, id.key.as_str()).row(person.row));
                }
                Value::Empty | Value::Unknown => {}
            }
        }
    }
    for (key, mut held) in keys.iter().zip(held) {
        held.sort_unstable();
        let runs = held.chunk_by(|one, other| one.0 == other.0);
        let shared: Vec<&[Held]> = runs.filter(|run| run.len() > 1).collect();
        mistakes.extend(shared_keys(key, &shared, snapshot));
    }
    mistakes
}

/// One expression, and every key of an account that it fills.
struct Key<'p> {
    source: &'p str,
    /// Such as `userName at crm`.
    names: Vec<String>,
}

/// The expressions that can give two people one value. `key` gives each their own, and never nothing.
fn keys_of(policy: &Policy) -> Vec<Key<'_>> {
    let mut keys: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (target, rules) in policy.targets() {
        for (name, expression) in &rules.keys {
            if expression.source().trim() != "key" {
                let names = keys.entry(expression.source()).or_default();
                names.push(format!("`{name}` at {target}"));
            }
        }
    }
    keys.into_iter()
        .map(|(source, names)| Key { source, names })
        .collect()
}

enum Value {
    Is(String),
    Empty,
    /// The file does not say, or the expression fails, which is said elsewhere.
    Unknown,
}

fn value_of(
    policy: &Policy,
    key: &Key<'_>,
    person: &PersonId,
    identity: &Identity,
    phase: Phase,
) -> Value {
    match policy.key_value(key.source, person, identity, phase) {
        Some(Ok(Some(value))) => Value::Is(value),
        Some(Ok(None)) => Value::Empty,
        Some(Err(_)) | None => Value::Unknown,
    }
}

/// Whether a role gives the person an account that has this key.
fn gets_account(
    policy: &Policy,
    key: &Key<'_>,
    person: &PersonId,
    identity: &Identity,
    phase: Phase,
) -> bool {
    let has_key = |target: &muster_core::id::TargetName| {
        let keys = policy.targets().get(target).map(|rules| &rules.keys);
        keys.into_iter()
            .flatten()
            .any(|(_, expression)| expression.source() == key.source)
    };
    policy
        .explain(person, identity, phase)
        .iter()
        .filter(|(_, holds)| matches!(holds, Ok(true)))
        .any(|(role, _)| role.access.keys().any(has_key))
}

fn empty(key: &Key<'_>, id: &str) -> Mistake {
    let text = format!("there is nothing for {}", key.names.join(", "));
    Mistake::of_file(code::ACCOUNT_KEY_EMPTY, Effect::Warns, text)
        .key(id)
        .hint("fill in what is missing in HR's system, such as the address, and export again")
}

/// One remark for each value that several people have.
fn shared_keys(key: &Key<'_>, shared: &[&[Held]], snapshot: &Snapshot) -> Vec<Mistake> {
    let wanted: BTreeSet<u32> = shared
        .iter()
        .flat_map(|run| run.iter())
        .map(|held| held.1)
        .collect();
    if wanted.is_empty() {
        return Vec::new();
    }
    let mut found: BTreeMap<u32, (&str, u32)> = BTreeMap::new();
    for (index, row) in (0_u32..).zip(snapshot.rows()) {
        if wanted.contains(&index) {
            found.insert(index, (row.key(), row.number()));
        }
    }
    let remark = |run: &&[Held]| {
        let people: Vec<&(&str, u32)> = run.iter().filter_map(|held| found.get(&held.1)).collect();
        let mut ids: Vec<String> = people
            .iter()
            .take(PEOPLE_NAMED_MAX)
            .map(|(id, _)| format!("`{id}`"))
            .collect();
        if people.len() > PEOPLE_NAMED_MAX {
            ids.push(format!("{} more", people.len() - PEOPLE_NAMED_MAX));
        }
        let text = format!(
            "ids {} have one value for {}",
            ids.join(", "),
            key.names.join(", ")
        );
        let mistake = Mistake::of_file(code::ACCOUNT_KEY_SHARED, Effect::Warns, text).hint(
            "give each of them what is theirs alone, such as an address, and export again; until then \
             only one of them can have the account",
        );
        let mut rows: Vec<u32> = people.iter().map(|(_, row)| *row).collect();
        rows.sort_unstable();
        rows.into_iter().fold(mistake, Mistake::row)
    };
    shared.iter().map(remark).collect()
}
