//! Keys of the tables, as bytes whose order is the order in which they are read: a feed's people
//! side by side, a target's rows by lane and then by instant.
//!
//! Names and keys of people have no NUL in them (the core checks that), so a NUL ends them.

use jiff::Timestamp;
use muster_core::budget::Move;
use muster_core::connector::ObjectRef;
use muster_core::fact::Content;
use muster_core::finding::Code;
use muster_core::group::Group;
use muster_core::hold::About;
use muster_core::id::{FeedName, PersonId, PersonKey, TargetName};
use muster_core::operation::Urgency;
use muster_core::subject::Subject;

use crate::codec::{self, Unreadable, instant, micros, v1};
use crate::kept::{Due, Lane, Stands};

const END: u8 = 0;
/// The byte after [`END`]: what begins with a name and this is greater than all rows of that name.
const BEYOND: u8 = 1;

const BAD_KEY: Unreadable = Unreadable::Value("an impossible key");

/// An instant as eight bytes in the order of time.
fn put_instant(key: &mut Vec<u8>, at: Timestamp) {
    let flipped = micros(at).cast_unsigned() ^ (1 << 63);
    key.extend_from_slice(&flipped.to_be_bytes());
}

fn take_instant(bytes: &[u8]) -> Result<(Timestamp, &[u8]), Unreadable> {
    let (at, rest) = bytes.split_first_chunk::<8>().ok_or(BAD_KEY)?;
    let micros = (u64::from_be_bytes(*at) ^ (1 << 63)).cast_signed();
    Ok((instant(micros)?, rest))
}

fn text(bytes: &[u8]) -> Result<&str, Unreadable> {
    std::str::from_utf8(bytes).map_err(|_| BAD_KEY)
}

/// Everything under a name: from, and up to but without.
pub(crate) fn under(name: &str) -> (Vec<u8>, Vec<u8>) {
    let row = |end: u8| {
        let mut key = Vec::with_capacity(name.len() + 1);
        key.extend_from_slice(name.as_bytes());
        key.push(end);
        key
    };
    (row(END), row(BEYOND))
}

/// A key under a name, under another one.
pub(crate) fn renamed(key: &[u8], from: &str, to: &str) -> Vec<u8> {
    let rest = key.get(from.len()..).unwrap_or_default();
    [to.as_bytes(), rest].concat()
}

/// The key of a person.
pub(crate) fn person(id: &PersonId) -> Vec<u8> {
    person_text(&id.feed, id.key.as_str())
}

/// The key of a person, in a buffer that is cleared for it.
pub(crate) fn put_person(bytes: &mut Vec<u8>, id: &PersonId) {
    bytes.clear();
    put_person_text(bytes, &id.feed, id.key.as_str());
}

/// The key of a person whose key in the feed need not be usable.
pub(crate) fn person_text(feed: &FeedName, key: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(feed.as_str().len() + 1 + key.len());
    put_person_text(&mut bytes, feed, key);
    bytes
}

fn put_person_text(bytes: &mut Vec<u8>, feed: &FeedName, key: &str) {
    bytes.extend_from_slice(feed.as_str().as_bytes());
    bytes.push(END);
    bytes.extend_from_slice(key.as_bytes());
}

/// The key of something that arrived.
pub(crate) fn arrival(feed: &FeedName, seq: u64) -> Vec<u8> {
    let (mut key, _) = under(feed.as_str());
    key.extend_from_slice(&seq.to_be_bytes());
    key
}

/// What a file of a feed said.
pub(crate) fn content(feed: &FeedName, content: &Content) -> Vec<u8> {
    let (mut key, _) = under(feed.as_str());
    key.extend_from_slice(&content.header.to_be_bytes());
    key.extend_from_slice(&content.rows.to_be_bytes());
    key.extend_from_slice(&content.row_count.to_be_bytes());
    key
}

/// The person of a key.
pub(crate) fn person_of(key: &[u8]) -> Result<PersonId, Unreadable> {
    let end = key.iter().position(|byte| *byte == END).ok_or(BAD_KEY)?;
    let (feed, rest) = key.split_at(end);
    let key = rest.get(1..).ok_or(BAD_KEY)?;
    Ok(PersonId {
        feed: FeedName::new(text(feed)?).map_err(|_| BAD_KEY)?,
        key: PersonKey::new(text(key)?).map_err(|_| BAD_KEY)?,
    })
}

fn lane_number(lane: Lane) -> u8 {
    match lane {
        Lane::InFlight => 0,
        Lane::Ready(Urgency::Leaver) => 1,
        Lane::Ready(Urgency::Mover) => 2,
        Lane::Ready(Urgency::Joiner) => 3,
        Lane::Ready(Urgency::Routine) => 4,
    }
}

fn lane_of(number: u8) -> Result<Lane, Unreadable> {
    Ok(match number {
        0 => Lane::InFlight,
        1 => Lane::Ready(Urgency::Leaver),
        2 => Lane::Ready(Urgency::Mover),
        3 => Lane::Ready(Urgency::Joiner),
        4 => Lane::Ready(Urgency::Routine),
        _ => return Err(BAD_KEY),
    })
}

/// The lanes in which a step can be taken, most urgent first.
pub(crate) const LANES_READY: [Lane; 4] = [
    Lane::Ready(Urgency::Leaver),
    Lane::Ready(Urgency::Mover),
    Lane::Ready(Urgency::Joiner),
    Lane::Ready(Urgency::Routine),
];

/// The key of an account that the driver has something to do for.
pub(crate) fn due(target: &TargetName, lane: Lane, at: Timestamp, person: &[u8]) -> Vec<u8> {
    let mut key = Vec::with_capacity(target.as_str().len() + 10 + person.len());
    key.extend_from_slice(target.as_str().as_bytes());
    key.push(END);
    key.push(lane_number(lane));
    put_instant(&mut key, at);
    key.extend_from_slice(person);
    key
}

/// A lane's rows: from, and up to but without.
pub(crate) fn lane(target: &TargetName, lane: Lane) -> (Vec<u8>, Vec<u8>) {
    let row = |number: u8| {
        let (mut key, _) = under(target.as_str());
        key.push(number);
        key
    };
    (row(lane_number(lane)), row(lane_number(lane) + 1))
}

/// A lane's rows: from, and up to but without those later than `until`.
pub(crate) fn due_until(target: &TargetName, lane: Lane, until: Timestamp) -> (Vec<u8>, Vec<u8>) {
    let from = due(target, lane, Timestamp::MIN, &[]);
    let last = micros(until).saturating_add(1);
    let beyond = instant(last).unwrap_or(Timestamp::MAX);
    (from, due(target, lane, beyond, &[]))
}

/// The account of such a key.
pub(crate) fn due_of(key: &[u8]) -> Result<Due, Unreadable> {
    let end = key.iter().position(|byte| *byte == END).ok_or(BAD_KEY)?;
    let (target, rest) = key.split_at(end);
    let ([_, lane], rest) = rest.split_first_chunk::<2>().ok_or(BAD_KEY)?;
    let (at, person) = take_instant(rest)?;
    Ok(Due {
        target: TargetName::new(text(target)?).map_err(|_| BAD_KEY)?,
        lane: lane_of(*lane)?,
        at,
        person: person_of(person)?,
    })
}

/// The key of a timer.
pub(crate) fn timer(at: Timestamp, person: &[u8]) -> Vec<u8> {
    let mut key = Vec::with_capacity(8 + person.len());
    put_instant(&mut key, at);
    key.extend_from_slice(person);
    key
}

/// What timers up to and with `until` are less than.
pub(crate) fn timers_until(until: Timestamp) -> Vec<u8> {
    let beyond = instant(micros(until).saturating_add(1)).unwrap_or(Timestamp::MAX);
    timer(beyond, &[])
}

/// The timer of a key.
pub(crate) fn timer_of(key: &[u8]) -> Result<(Timestamp, PersonId), Unreadable> {
    let (at, person) = take_instant(key)?;
    Ok((at, person_of(person)?))
}

/// The key that says that something stands of a person.
pub(crate) fn standing(what: Stands, person: &[u8]) -> Vec<u8> {
    let mut key = Vec::with_capacity(1 + person.len());
    key.push(standing_number(what));
    key.extend_from_slice(person);
    key
}

/// What all keys of this kind are less than.
pub(crate) fn standings_beyond(what: Stands) -> Vec<u8> {
    vec![standing_number(what) + 1]
}

/// The person of such a key.
pub(crate) fn standing_of(key: &[u8]) -> Result<PersonId, Unreadable> {
    let (_, person) = key.split_first().ok_or(BAD_KEY)?;
    person_of(person)
}

fn standing_number(what: Stands) -> u8 {
    match what {
        Stands::Opening => b'o',
        Stands::Block => b'b',
        Stands::Undecided => b'u',
        Stands::Kept => b'k',
    }
}

/// The key of an account at an app. Ids of apps may hold any character, so lengths stand before them.
pub(crate) fn link(target: &TargetName, object: &ObjectRef) -> Vec<u8> {
    let (mut key, _) = under(target.as_str());
    let mut put = |text: &str| {
        let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
        key.extend_from_slice(&length.to_be_bytes());
        key.extend_from_slice(text.as_bytes());
    };
    put(&object.kind);
    put(&object.id);
    if let Some(container) = &object.container {
        put(container);
    }
    key
}

/// Whose budget something counts against.
#[derive(Clone, Copy)]
pub(crate) enum Budget<'a> {
    /// A feed's, and what counts.
    Feed(&'a FeedName, Move),
    /// A target's, and whether the account is to be had all the same.
    Target(&'a TargetName, bool),
    /// A group's, and whether the person is in it all the same.
    Group(&'a Group, bool),
}

/// Sums are kept by the hour: a window is as exact as that, and never too short.
const HOUR_MICROS: i64 = 3_600_000_000;

/// The row in which something is counted that happened at `at`.
pub(crate) fn loss(budget: Budget<'_>, at: Timestamp) -> Vec<u8> {
    let (kind, name, what) = match budget {
        Budget::Feed(feed, Move::Left) => (b'f', feed.as_str(), b'l'),
        Budget::Feed(feed, Move::Announced) => (b'f', feed.as_str(), b'a'),
        Budget::Feed(feed, Move::Back) => (b'f', feed.as_str(), b'b'),
        Budget::Target(target, false) => (b't', target.as_str(), b'g'),
        Budget::Target(target, true) => (b't', target.as_str(), b'w'),
        Budget::Group(group, is_in) => {
            let (kind, name) = group_parts(group);
            (kind, name, if is_in { b'w' } else { b'g' })
        }
    };
    let mut key = vec![kind];
    // A department is called whatever HR calls it, and a NUL ends a name.
    key.extend(name.bytes().filter(|byte| *byte != END));
    key.extend_from_slice(&[END, what]);
    let hour = micros(at).div_euclid(HOUR_MICROS);
    key.extend_from_slice(&(hour.cast_unsigned() ^ (1 << 63)).to_be_bytes());
    key
}

/// The row that says how many are in a group.
pub(crate) fn group(group: &Group) -> Vec<u8> {
    let (kind, name) = group_parts(group);
    let mut key = vec![kind];
    key.extend_from_slice(name.as_bytes());
    key
}

fn group_parts(group: &Group) -> (u8, &str) {
    match group {
        Group::Department(name) => (b'd', name),
        Group::Role(name) => (b'r', name.as_str()),
    }
}

/// The key of a finding. The subject stands in it as it is stored, and not as it is shown: its text may be worded
/// anew without a finding becoming another one.
pub(crate) fn finding(code: &Code, subject: &Subject) -> Vec<u8> {
    let (mut key, _) = under(code.as_str());
    codec::append(&mut key, &v1::Subject::of(subject));
    key
}

/// The key of what waits about something: its kind, and the name that goes with it.
pub(crate) fn hold(about: &About) -> Vec<u8> {
    let (kind, name) = match about {
        About::Record(record) => {
            let (mut key, _) = under("record");
            put_person_text(&mut key, &record.feed, record.key.as_str());
            return key;
        }
        About::File(feed) => ("file", feed.as_str()),
        About::Policy => ("policy", ""),
        About::Dates => ("dates", ""),
        About::Clock => ("clock", ""),
        About::Retired(feed) => ("retired", feed.as_str()),
        About::Catalogue(target) => ("catalogue", target.as_str()),
    };
    let (mut key, _) = under(kind);
    key.extend_from_slice(name.as_bytes());
    key
}

/// The row of the policies that says which one decides. No version is empty.
pub(crate) const POLICY_IN_FORCE: &[u8] = b"";

/// A key for people to read. Ids only stand in keys, so it may be shown.
pub(crate) fn shown(key: &[u8]) -> String {
    key.utf8_chunks()
        .flat_map(|chunk| {
            let bytes = chunk.invalid().iter().map(|byte| format!("\\x{byte:02x}"));
            let valid = chunk.valid().chars().map(|char| match char {
                '\0' => " ".to_owned(),
                char if char.is_control() => format!("\\x{:02x}", u32::from(char)),
                char => char.to_string(),
            });
            valid.chain(bytes).collect::<Vec<String>>()
        })
        .collect()
}
