//! Remembers: the authoritative access ledger in redb.
