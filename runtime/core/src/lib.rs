//! Decides: what HR's rows mean, what people should have, which operations lead there, and what
//! each reply of an app leads to.
//!
//! Nothing in this crate reads a clock, a file, a socket or a random number: the same inputs give
//! the same outputs, bit for bit, and every rule can be tested in milliseconds. The daemon carries
//! out what is decided here; the ledger remembers it as [`fact::Fact`]s.
//!
//! Read in the order of the data: [`mapping`] turns a row into an [`identity`], [`delta`] says how
//! it changed, [`record`] what several feeds say of one identity,
//! [`correlation`] whether a new record is somebody's who is known, [`policy`] says what the person should have, [`plan`] turns the difference into
//! operations, [`guard`] stops a plan that changes too much, by itself or with what was
//! counted before it ([`budget`]), and has it wait for a person ([`hold`]), [`operation`] takes one operation
//! through its attempts, [`observe`] judges what an app shows, and [`person`] is the state that all of these facts add up to.
//! [`permission`] is what a plugin may reach, and [`lint`] what is remarked about a policy that can be used.

pub mod actor;
pub mod adoption;
pub mod budget;
pub mod capability;
pub mod coded;
pub mod connector;
pub mod correlation;
pub mod dated;
pub mod delta;
pub mod fact;
pub mod finding;
pub mod group;
pub mod guard;
pub mod hold;
pub mod id;
pub mod identity;
pub mod lint;
pub mod mapping;
pub mod nearest;
pub mod needs;
pub mod observe;
pub mod operation;
pub mod permission;
pub mod person;
pub mod plan;
pub mod policy;
pub mod question;
pub mod record;
pub mod redact;
pub mod rule;
pub mod standing;
pub mod subject;
pub mod text;
