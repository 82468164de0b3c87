//! What is said of a target in more than one place: its driver, the loop that reads what is really there, and the
//! answers to people.

use muster_core::finding::Code;

/// A target does not accept the credentials, or has not been granted what it needs.
pub(crate) const REFUSED: Code = Code::new("OP-004");
/// Nothing has succeeded at a target for several attempts.
pub(crate) const NOTHING_SUCCEEDS: Code = Code::new("OP-010");
/// Accounts that belong to nobody whom a feed describes.
pub(crate) const ORPHANS: Code = Code::new("TGT-012");
/// An account was taken over, and its rights are not read yet.
pub(crate) const UNREAD: Code = Code::new("TGT-031");
/// A change at a target took rights from others than it was about.
pub(crate) const TOOK_ALONG: Code = Code::new("TGT-022");
