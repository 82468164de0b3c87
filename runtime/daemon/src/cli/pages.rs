//! Every page of `docs/errors/`, made into the program.

/// Code and page, in the order of the codes.
pub const PAGES: &[(&str, &str)] = &[];
