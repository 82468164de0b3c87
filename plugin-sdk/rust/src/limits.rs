//! The limits of the contract: what the host takes of a connector's answers, and no more.
//!
//! An item of a listing that goes beyond one is skipped and named, and the others of its page are taken; an
//! answer about one object that does is no answer. Lengths are in bytes of UTF-8.

/// Longest id, kind or container of an object, longest name of an attribute, and longest name and value of a
/// match key together.
pub const ID_BYTES_MAX: usize = 2048;

/// Longest text value of an attribute.
pub const VALUE_BYTES_MAX: usize = 1 << 20;

/// Longest cursor, change token or name of something that goes on.
pub const CURSOR_BYTES_MAX: usize = 4096;

/// Most values of an attribute, match keys of an account, side effects, skipped ids of a page and the like.
pub const ENTRIES_MAX: usize = 10_000;

/// Most attributes of an account.
pub const ATTRIBUTES_MAX: usize = 1_000;

/// Most items of a page; a connector may say fewer (`max_page`).
pub const PAGE_MAX: u32 = 1000;

/// Most pages of a listing.
pub const PAGES_MAX: usize = 20_000;

/// Most items of a listing.
pub const ITEMS_MAX: usize = 5_000_000;

/// Most accounts that a search by keys may give.
pub const FOUND_MAX: usize = 100;

/// Most changes that are asked for at once.
pub const CHANGES_MAX: u32 = 1000;

/// Most bytes that are kept between the calls of a listing or an operation.
pub const SCRATCH_BYTES_MAX: usize = 256 << 10;
