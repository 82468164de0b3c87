//! Between the contract's words and the core's, by hand in both directions.
//!
//! What goes to a plugin is ours and simply rewritten. What comes from a plugin is checked first:
//! lengths, empty ids, names that come twice, instants that are none. An answer that breaks the
//! contract is refused whole; nothing of it is used.

pub(crate) mod check;
pub(crate) mod descriptor;
pub(crate) mod feed;
pub(crate) mod from_guest;
pub(crate) mod probe;
pub(crate) mod problem;
pub(crate) mod to_guest;
