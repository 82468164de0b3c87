//! Remembers: the authoritative access ledger, one redb file.
//!
//! What happened is a [fact](muster_core::fact::Fact), written once to the journal; everything that
//! is looked up - people with their accounts, what is due where, plans, findings - are tables that
//! the facts add up to, changed in the same transaction. [`check`] rebuilds them and compares.
//!
//! Open a [`Ledger`], read from a [`Reader`], write through a [`Writer`]; the driver, which has many
//! small facts at once, writes through a [`Committer`], which makes one commit of them. This is the
//! only crate that knows redb, and the only place where personal values are stored.

pub mod check;
mod codec;
pub mod committer;
mod create;
mod decisions;
mod digest;
pub mod error;
mod fold;
mod intents;
mod iter;
pub mod kept;
mod keys;
mod ledger;
mod lookup;
mod planned;
mod queue;
mod reader;
mod rows;
mod spent;
mod tables;
mod tail;
mod writer;

pub use committer::Committer;
pub use digest::{PlanDigest, of_question};
pub use error::Error;
pub use fold::{CONTENTS_MAX, DELIVERIES_MAX};
pub use iter::{Findings, Journal, People, Plans};
pub use ledger::{Failure, Ledger, Options};
pub use reader::Reader;
pub use tail::Tail;
pub use writer::Writer;
