//! The record of requests: counts of all, and the last ones in full but for their bodies.

use std::collections::{BTreeMap, VecDeque};

use serde::Serialize;

/// How many requests are kept in full; counts go on.
pub(crate) const REQUESTS_MAX: usize = 20_000;

/// One request.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Request {
    /// Its number since the start, from 1.
    pub(crate) n: u64,
    pub(crate) method: String,
    /// The path below the base address.
    pub(crate) path: String,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(crate) query: String,
    /// The status that the client saw; `None` if the connection was dropped.
    pub(crate) status: Option<u16>,
    /// Whether it was carried out, if a fault hit it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) applied: Option<bool>,
}

/// All requests so far.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Requests {
    /// How many there were.
    pub(crate) count: u64,
    /// How many by method, first part of the path, and status: `POST /Users 201`.
    pub(crate) by: BTreeMap<String, u64>,
    /// The last ones, oldest first.
    pub(crate) last: VecDeque<Request>,
}

impl Requests {
    /// Adds one; its number is given here.
    pub(crate) fn add(&mut self, mut request: Request) {
        self.count += 1;
        request.n = self.count;
        let endpoint = request.path.split('/').nth(1).unwrap_or_default();
        let status = request
            .status
            .map_or("dropped".to_owned(), |status| status.to_string());
        let by = format!("{} /{endpoint} {status}", request.method);
        *self.by.entry(by).or_default() += 1;
        if self.last.len() == REQUESTS_MAX {
            self.last.pop_front();
        }
        self.last.push_back(request);
    }
}
