//! `[correlation]`: by what a new record is recognised as somebody's who is known, and whom to believe where several
//! feeds speak of one person.

use std::collections::BTreeSet;

use muster_core::correlation::{Correlation, Key};
use muster_core::finding::Code;
use muster_core::id::FeedName;
use muster_core::mapping::Form;

use crate::Placed;
use crate::document::{Named, Section};
use crate::feed::Feed;
use crate::mistake::UNUSABLE_VALUE;
use crate::options as opt;

/// A correlation key names an attribute that no mapping has.
pub const NO_SUCH_ATTRIBUTE: Code = Code::new("WHO-001");
/// An e-mail address alone would link a record.
pub const ADDRESS_ALONE: Code = Code::new("WHO-002");

/// Reads the section; without one nothing is compared, and feeds are trusted in the order in which they are written.
pub(super) fn read(root: &Section<'_>, feeds: &[Placed]) -> Correlation {
    let section = root.section("correlation");
    let trust = read_trust(&section, feeds);
    let link_at = section.number(&opt::CORRELATION_LINK).unwrap_or(u32::MAX);
    let ask_at = section.number(&opt::CORRELATION_ASK).unwrap_or(u32::MAX);
    if ask_at > link_at {
        let message = format!("`ask_at` is {ask_at}, and a record is linked from {link_at} on");
        let hint = "a person is asked where there is less than for linking: make `ask_at` smaller";
        section.note(UNUSABLE_VALUE, section.offset(), message, hint.to_owned());
    }
    let mut keys = Vec::new();
    for named in section.named("key") {
        keys.extend(read_key(&named, feeds));
    }
    section.finish();
    let correlation = Correlation {
        trust,
        keys,
        link_at,
        ask_at,
    };
    check_addresses(&section, &correlation, feeds);
    correlation
}

fn read_trust(section: &Section<'_>, feeds: &[Placed]) -> Vec<FeedName> {
    let mut written: Vec<&Placed> = feeds.iter().collect();
    written.sort_by_key(|placed| placed.offset);
    let written = written.into_iter().map(|placed| placed.feed.name.clone());
    let mut trust = Vec::new();
    for name in section.texts(&opt::CORRELATION_TRUST) {
        let feed = feeds
            .iter()
            .find(|placed| placed.feed.name.as_str() == name.value);
        match feed {
            Some(placed) => trust.push(placed.feed.name.clone()),
            None => no_feed(section, &name.value, name.offset),
        }
    }
    let named: BTreeSet<FeedName> = trust.iter().cloned().collect();
    trust.extend(written.filter(|name| !named.contains(name)));
    trust
}

fn no_feed(section: &Section<'_>, name: &str, offset: usize) {
    let message = format!("there is no feed `{name}`");
    let hint = "name a feed as its section does: [feed.NAME]".to_owned();
    section.note(UNUSABLE_VALUE, offset, message, hint);
}

fn read_key(named: &Named<'_>, feeds: &[Placed]) -> Option<Key> {
    let section = &named.section;
    let attributes = section.texts(&opt::CORRELATION_ATTRIBUTES);
    let weight = section.number(&opt::CORRELATION_WEIGHT);
    let number_of = section.is_written_at(opt::CORRELATION_NUMBER_OF.key);
    let number_of = number_of
        .then(|| section.text(&opt::CORRELATION_NUMBER_OF))
        .flatten();
    section.finish();
    for attribute in &attributes {
        let mut mappings = feeds.iter().map(|placed| &placed.feed.mapping);
        if !mappings.any(|mapping| {
            mapping
                .attribute_names()
                .any(|name| name == attribute.value)
        }) {
            let name = &attribute.value;
            let message =
                format!("no feed has an attribute `{name}`, so nobody is recognised by it");
            let hint =
                format!("write the column under [feed.NAME.mapping.attributes]: {name} = \"...\"");
            section.note(NO_SUCH_ATTRIBUTE, attribute.offset, message, hint);
        }
    }
    if attributes.is_empty() {
        section.missing(&opt::CORRELATION_ATTRIBUTES);
    }
    // A feed that is used no more is no feed with a mapping, and its numbers count all the same.
    let number_of = number_of.and_then(|name| match FeedName::new(&name.value) {
        Ok(feed) => Some(feed),
        Err(error) => {
            let hint = "name a feed as its section does: [feed.NAME]".to_owned();
            section.note(UNUSABLE_VALUE, name.offset, error.to_string(), hint);
            None
        }
    });
    Some(Key {
        name: named.name.value.clone(),
        attributes: attributes.into_iter().map(|name| name.value).collect(),
        weight: weight?,
        number_of,
    })
}

/// An address is given to the next who asks for it, so it says too little, whatever its weight.
fn check_addresses(section: &Section<'_>, correlation: &Correlation, feeds: &[Placed]) {
    let of_addresses = correlation.keys.iter().filter(|key| {
        let mut attributes = key.attributes.iter();
        attributes.all(|name| is_address(name, feeds.iter().map(|placed| &placed.feed)))
    });
    let (mut names, mut weight) = (Vec::new(), 0_u32);
    for key in of_addresses {
        names.push(key.name.as_str());
        weight = weight.saturating_add(key.weight);
    }
    if !names.is_empty() && weight >= correlation.link_at {
        let message = format!(
            "e-mail addresses alone would link a record: {} weighs {weight}, and `link_at` is {}",
            names.join(" with "),
            correlation.link_at
        );
        let hint = "give addresses less weight than `link_at`, so that a second key has to agree"
            .to_owned();
        section.note(ADDRESS_ALONE, section.offset(), message, hint);
    }
}

fn is_address<'f>(name: &str, mut feeds: impl Iterator<Item = &'f Feed>) -> bool {
    let is_of_that_form = |feed: &Feed| {
        let attribute = feed.columns.attributes.get(name);
        attribute.is_some_and(|attribute| attribute.form == Form::Email)
    };
    name.contains("mail") || feeds.any(is_of_that_form)
}
