//! The digest of a plan's content. It does not depend on the number the plan gets, so that what was
//! shown in a preview can be named when it is approved.

use muster_core::fact::PersonPlanned;
use muster_core::id::Digest;
use muster_core::question::Question;
use sha2::{Digest as _, Sha256};

use crate::codec::{append, v1};

/// A digest that grows with each person's part of a plan, in the order of the plan.
#[derive(Clone, Default)]
pub struct PlanDigest {
    hasher: Sha256,
    buffer: Vec<u8>,
}

impl PlanDigest {
    /// The digest of a plan without content.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in one person's part.
    pub fn add(&mut self, planned: &PersonPlanned) {
        let mut body = std::mem::take(&mut self.buffer);
        body.clear();
        append(&mut body, &v1::PersonPlanned::of(planned));
        self.add_body(&body);
        self.buffer = body;
    }

    /// Takes in one person's part as it is stored.
    pub(crate) fn add_body(&mut self, body: &[u8]) {
        let length = body.len() as u64;
        self.hasher.update(length.to_be_bytes());
        self.hasher.update(body);
    }

    /// The digest of what was taken in so far.
    pub fn finish(&self) -> Digest {
        Digest(self.hasher.clone().finalize().into())
    }
}

/// The digest that names a question.
pub fn of_question(question: &Question) -> Digest {
    let text = format!("{}\0{:?}", question.person, question.doubt);
    Digest(Sha256::digest(text.as_bytes()).into())
}
