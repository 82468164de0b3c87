//! Layout 1 of the stored records: `MessagePack`, fields by position, cases of an enum by one letter.
//!
//! This layout is released. Never reorder, remove or add a field here, and never give a letter
//! another meaning: make a `v2` instead. Files of this version stay in `tests/fixtures`.

mod actor;
mod connector;
mod fact;
mod feed;
mod hold;
mod identity;
mod intent;
mod operation;
mod parts;
mod person;
mod policy;
mod question;
mod record;
mod standing;
mod subject;

pub(crate) use actor::{Actor, ConnectorVersion};
pub(crate) use fact::{Fact, FindingKept, PersonPlanned, PlanKept, fact_body};
pub(crate) use feed::{ArrivalKept, ContentKept, Delivery, FeedKept};
pub(crate) use hold::Hold;
pub(crate) use intent::Intent;
pub(crate) use operation::OpenOperations;
pub(crate) use person::Person;
pub(crate) use policy::PolicyKept;
pub(crate) use question::QuestionKept;
pub(crate) use subject::Subject;

pub(crate) use connector::{Catalogue, Token};
