//! Version 0.1 of the contract.

pub(crate) mod bindings;
pub(crate) mod convert;
pub(crate) mod exports;
