//! The ledger on a real store: what is recorded is read back, folded, checked, and still there after the power went.

mod committer;
mod common;
mod crash;
mod file;
mod fold;
mod holds;
mod plan;
mod recorded;
mod records;
