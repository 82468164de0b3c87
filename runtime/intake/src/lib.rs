//! Intake: from a file that somebody dropped to a [`Snapshot`] that can be trusted, or to a report
//! that says why not.
//!
//! [`folder`] says when a file in the drop folder is complete and moves it away afterwards.
//! [`open`] decodes the bytes, proves the file whole as far as its content can, and takes its
//! digests without parsing a cell, so that a re-export in which nothing changed is known at once.
//! [`Snapshot::read`] reads every row by the feed's mapping, sets aside what cannot be read without
//! doubt, and returns the people in the order of their keys. [`report`] is what HR reads beside the
//! file.
//!
//! What content cannot show is a cut exactly between two rows. Against that stand the trailer
//! (a row count in the last row, if the feed is configured with one) and the guards on how many
//! people may be missing compared with the last accepted file, which are the planner's.

pub mod code;
mod content;
mod decode;
pub mod folder;
mod mistake;
mod options;
pub mod report;
mod rows;
mod sheet;
mod snapshot;
mod stream;

#[cfg(test)]
mod tests;

pub use decode::encoding_named;
pub use mistake::{Effect, FileVerdict, Mistake, Mistakes};
pub use options::{IntakeOptions, InvalidTrailer, LastLineBreak, Trailer};
pub use sheet::{Opened, Sheet, open};
pub use snapshot::{Person, Presence, Reading, Row, Snapshot};
