//! Reading single rows, the same from a snapshot and from a transaction that writes.

use muster_core::actor::ConnectorVersion;
use muster_core::connector::ObjectRef;
use muster_core::finding::Code;
use muster_core::hold::{About, Hold};
use muster_core::id::{FeedName, PersonId, TargetName};
use muster_core::person::Person;
use muster_core::subject::Subject;
use redb::ReadableTable;

use crate::codec::{self, Unreadable, instant, v1};
use crate::error::{Error, RecordResult, StoreResult};
use crate::intents::{self, Sent};
use crate::{kept, keys};

type Bytes = &'static [u8];

pub(crate) fn person_of(row: &[u8]) -> Result<Person, Unreadable> {
    codec::decode::<v1::Person<'_>>(row)?.into_core()
}

/// A person as the record has it: without the calls that are out.
pub(crate) fn recorded(
    people: &impl ReadableTable<Bytes, Bytes>,
    key: &[u8],
) -> Result<Option<Person>, Error> {
    let row = people.get(key).step("read a person")?;
    row.map(|row| person_of(row.value()))
        .transpose()
        .of("people")
}

/// The calls that are out for a person, put into the person.
pub(crate) fn sent(
    table: &impl ReadableTable<Bytes, Bytes>,
    key: &[u8],
    person: &mut Person,
) -> Result<Vec<Sent>, Error> {
    let row = table.get(key).step("read which calls are out")?;
    let sent = row.map(|row| intents::send(person, row.value()));
    Ok(sent.transpose().of("intents")?.unwrap_or_default())
}

/// A person.
pub(crate) fn person(
    people: &impl ReadableTable<Bytes, Bytes>,
    intents: &impl ReadableTable<Bytes, Bytes>,
    key: &[u8],
) -> Result<Option<Person>, Error> {
    let mut person = recorded(people, key)?;
    if let Some(person) = &mut person {
        sent(intents, key, person)?;
    }
    Ok(person)
}

pub(crate) fn holder(
    links: &impl ReadableTable<Bytes, Bytes>,
    target: &TargetName,
    object: &ObjectRef,
) -> Result<Option<PersonId>, Error> {
    let row = links.get(keys::link(target, object).as_slice());
    let row = row.step("read whose account it is")?;
    row.map(|row| keys::person_of(row.value()))
        .transpose()
        .of("links")
}

pub(crate) fn feed(
    feeds: &impl ReadableTable<Bytes, Bytes>,
    name: &FeedName,
) -> Result<Option<kept::Feed>, Error> {
    let row = feeds.get(name.as_str().as_bytes()).step("read a feed")?;
    row.map(|row| codec::decode::<v1::FeedKept<'_>>(row.value())?.into_core())
        .transpose()
        .of("feeds")
}

pub(crate) fn hold(
    holds: &impl ReadableTable<Bytes, Bytes>,
    about: &About,
) -> Result<Option<Hold>, Error> {
    let row = holds
        .get(keys::hold(about).as_slice())
        .step("read a hold")?;
    row.map(|row| hold_of(row.value())).transpose().of("holds")
}

pub(crate) fn hold_of(row: &[u8]) -> Result<Hold, Unreadable> {
    codec::decode::<v1::Hold<'_>>(row)?.into_core()
}

pub(crate) fn finding(
    findings: &impl ReadableTable<Bytes, Bytes>,
    code: &Code,
    subject: &Subject,
) -> Result<Option<kept::Finding>, Error> {
    let row = findings.get(keys::finding(code, subject).as_slice());
    let row = row.step("read a finding")?;
    row.map(|row| finding_of(row.value()))
        .transpose()
        .of("findings")
}

pub(crate) fn plugin(
    plugins: &impl ReadableTable<Bytes, Bytes>,
    name: &str,
) -> Result<Option<ConnectorVersion>, Error> {
    let row = plugins.get(name.as_bytes()).step("read a plugin")?;
    row.map(|row| Ok(codec::decode::<v1::ConnectorVersion<'_>>(row.value())?.into_core()))
        .transpose()
        .of("plugins")
}

pub(crate) fn policy(
    policies: &impl ReadableTable<Bytes, Bytes>,
    version: &[u8],
) -> Result<Option<kept::Policy>, Error> {
    let row = policies.get(version).step("read a policy")?;
    row.map(|row| codec::decode::<v1::PolicyKept<'_>>(row.value())?.into_core())
        .transpose()
        .of("policies")
}

pub(crate) fn finding_of(row: &[u8]) -> Result<kept::Finding, Unreadable> {
    codec::decode::<v1::FindingKept<'_>>(row)?.into_core()
}

pub(crate) fn question_of(row: &[u8]) -> Result<kept::Question, Unreadable> {
    codec::decode::<v1::QuestionKept<'_>>(row)?.into_core()
}

pub(crate) fn plan_of(row: &[u8]) -> Result<kept::Plan, Unreadable> {
    codec::decode::<v1::PlanKept<'_>>(row)?.into_core()
}

pub(crate) fn delivery_of(row: &[u8]) -> Result<kept::Delivery, Unreadable> {
    let record: v1::Delivery = codec::decode(row)?;
    Ok(kept::Delivery {
        digest: record.digest.into(),
        at: instant(record.at)?,
    })
}

pub(crate) fn arrival_of(row: &[u8]) -> Result<kept::Arrival, Unreadable> {
    codec::decode::<v1::ArrivalKept<'_>>(row)?.into_core()
}

pub(crate) fn arrival(
    arrivals: &impl ReadableTable<Bytes, Bytes>,
    key: &[u8],
) -> Result<Option<kept::Arrival>, Error> {
    let row = arrivals.get(key).step("read an arrival")?;
    row.map(|row| arrival_of(row.value()))
        .transpose()
        .of("arrivals")
}

pub(crate) fn said_before_of(row: &[u8]) -> Result<kept::SaidBefore, Unreadable> {
    let record: v1::ContentKept<'_> = codec::decode(row)?;
    Ok(kept::SaidBefore {
        name: record.name.to_owned(),
        at: instant(record.at)?,
    })
}

pub(crate) fn catalogue(
    catalogues: &impl ReadableTable<Bytes, Bytes>,
    target: &TargetName,
) -> Result<Option<kept::Catalogue>, Error> {
    let row = catalogues.get(target.as_str().as_bytes());
    let row = row.step("read a catalogue")?;
    row.map(|row| {
        let record: v1::Catalogue<'_> = codec::decode(row.value())?;
        Ok(kept::Catalogue {
            read_at: instant(record.read_at)?,
            entitlements: record.into_core(),
        })
    })
    .transpose()
    .of("catalogues")
}

pub(crate) fn change_token(
    tokens: &impl ReadableTable<Bytes, Bytes>,
    target: &TargetName,
) -> Result<Option<kept::ChangeToken>, Error> {
    let row = tokens.get(target.as_str().as_bytes());
    let row = row.step("read a change token")?;
    row.map(|row| {
        let record: v1::Token<'_> = codec::decode(row.value())?;
        Ok(kept::ChangeToken {
            token: record.token.to_owned(),
            read_at: instant(record.read_at)?,
        })
    })
    .transpose()
    .of("tokens")
}
