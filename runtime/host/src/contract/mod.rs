//! The contract with plugins: one folder for each released version of it.

pub(crate) mod v0_1;
