//! Faults on request: the next requests that match are answered wrongly, late, or not at all.
//!
//! Tests add them with `POST /_faults`. A fault says which requests it is for, how many it lets pass
//! first and how many it hits, whether the request is carried out all the same, and what the client
//! gets to see instead of the answer.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

/// How many faults may wait at a time.
pub(crate) const FAULTS_MAX: usize = 1000;

/// One fault.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// The method it is for; every method if none is named.
    #[serde(default)]
    pub method: Option<String>,
    /// How the path below the base address begins: `/Users`. Every path if empty.
    #[serde(default)]
    pub path: String,
    /// How many matching requests pass unharmed first.
    #[serde(default)]
    pub skip: u32,
    /// How many requests it hits.
    #[serde(default = "once")]
    pub times: u32,
    /// How long the request waits before anything is done, in milliseconds.
    #[serde(default)]
    pub delay_ms: u64,
    /// Whether the request is carried out before the client sees the fault.
    #[serde(default)]
    pub apply: bool,
    /// What the client sees.
    pub answer: Answer,
}

/// What a client sees instead of the answer.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Answer {
    /// The right answer; for a fault that is only a delay. The request is carried out.
    Normal,
    /// A SCIM error; 429 and 503 usually with `retry_after`, in seconds or as an HTTP date.
    Status {
        /// The HTTP status.
        status: u16,
        /// The `Retry-After` header.
        #[serde(default)]
        retry_after: Option<String>,
        /// The detail of the error.
        #[serde(default)]
        detail: String,
    },
    /// The connection closes without a byte.
    Drop,
    /// 302 to another address.
    Redirect {
        /// The `Location` header.
        location: String,
    },
    /// 200 with a sign-in page.
    Html,
    /// 200 without a body.
    Empty,
    /// 200 with the right answer cut in the middle.
    Cut,
}

fn once() -> u32 {
    1
}

/// The faults that wait for their requests.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    waiting: VecDeque<Fault>,
}

impl Faults {
    /// Adds a fault; false if too many wait already.
    pub(crate) fn add(&mut self, fault: Fault) -> bool {
        let has_room = self.waiting.len() < FAULTS_MAX;
        if has_room {
            self.waiting.push_back(fault);
        }
        has_room
    }

    /// Forgets all that wait.
    pub(crate) fn clear(&mut self) {
        self.waiting.clear();
    }

    /// Those that wait, oldest first.
    pub(crate) fn waiting(&self) -> impl Iterator<Item = &Fault> {
        self.waiting.iter()
    }

    /// The fault that this request meets, if any. Each request counts against the first match only.
    pub(crate) fn take(&mut self, method: &str, path: &str) -> Option<Fault> {
        let is_for = |fault: &Fault| {
            fault
                .method
                .as_deref()
                .is_none_or(|wanted| wanted.eq_ignore_ascii_case(method))
                && path.starts_with(&fault.path)
        };
        let index = self.waiting.iter().position(is_for)?;
        let fault = self.waiting.get_mut(index)?;
        if fault.skip > 0 {
            fault.skip -= 1;
            return None;
        }
        fault.times = fault.times.saturating_sub(1);
        let taken = fault.clone();
        if taken.times == 0 {
            self.waiting.remove(index);
        }
        Some(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::{Answer, Fault, Faults};

    #[test]
    fn a_fault_lets_pass_hits_and_is_gone() {
        let mut faults = Faults::default();
        let fault = Fault {
            method: Some("POST".to_owned()),
            path: "/Users".to_owned(),
            skip: 1,
            times: 2,
            delay_ms: 0,
            apply: false,
            answer: Answer::Drop,
        };
        assert!(faults.add(fault));
        let mut hits = |method: &str, path: &str| faults.take(method, path).is_some();
        assert!(!hits("GET", "/Users"));
        assert!(!hits("POST", "/Groups"));
        assert!(!hits("POST", "/Users"), "the first passes");
        assert!(hits("POST", "/Users") && hits("POST", "/Users"));
        assert!(!hits("POST", "/Users"), "the fault is used up");
    }
}
