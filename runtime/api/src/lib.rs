//! What the daemon says over HTTP and over its unix socket: versioned JSON types of its own, so that
//! a core type can change without changing an answer that somebody's script reads.

pub mod v1;
