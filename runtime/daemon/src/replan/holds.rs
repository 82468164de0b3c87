//! What waits for a person, as the ledger has it: what may be shown of it, and the facts that open and end a hold.
//!
//! A hold outlives the daemon. What would follow from it may have changed while nobody ran, so one is shown only once
//! it was judged anew in this life: a file is when it is approved, everything else where it is found.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use muster_core::actor::Actor;
use muster_core::connector::Entitlement;
use muster_core::fact::Fact;
use muster_core::hold::{About, End, Hold, What};
use muster_core::id::Digest;
use muster_ledger::{Committer, Error, Ledger, Reader, Writer};

use crate::clock::Clock;
use crate::planning::{Maker, Summary};

/// What waits for a person.
pub struct Holds {
    ledger: Ledger,
    committer: Committer,
    clock: Clock,
    /// What was judged since the daemon began.
    judged: Mutex<BTreeSet<About>>,
}

impl Holds {
    /// Those of this ledger; none of them is judged yet.
    pub fn new(ledger: Ledger, committer: Committer, clock: Clock) -> Self {
        Self {
            ledger,
            committer,
            clock,
            judged: Mutex::default(),
        }
    }

    /// Everything that waits and may be shown, in the order of what it is about.
    pub fn all(&self, reader: &Reader) -> Result<Vec<Hold>, Error> {
        let mut holds = reader.holds()?;
        let judged = self.judged();
        holds.retain(|hold| {
            // Whose a record is does not depend on what has changed meanwhile.
            let is_as_it_was = hold.file().is_some() || matches!(hold.what, What::Record(_));
            is_as_it_was || judged.contains(&hold.about())
        });
        Ok(holds)
    }

    /// What waits as this plan.
    pub fn of_plan(&self, plan: Digest) -> Result<Option<Hold>, Error> {
        let mut holds = self.all(&self.ledger.read()?)?.into_iter();
        Ok(holds.find(|hold| hold.plan == Some(plan)))
    }

    /// What waits about this, judged or not.
    pub fn about(&self, about: &About) -> Result<Option<Hold>, Error> {
        self.ledger.read()?.hold(about)
    }

    /// Takes in that what waits about this is as it is now.
    pub fn judge(&self, about: About) {
        self.judged().insert(about);
    }

    /// Whether what waits about this is as it is now.
    pub fn is_judged(&self, about: &About) -> bool {
        self.judged().contains(about)
    }

    /// Keeps under which digest this can be approved, where somebody was shown another plan of it than what waits:
    /// operations that ended meanwhile have changed it. Waits for the disk.
    pub fn shown_anew(&self, hold: &Hold, summary: &Summary) -> Result<(), Error> {
        if summary.is_empty() {
            return Ok(());
        }
        let now = of_plan(hold.what.clone(), summary, hold.since);
        let Some(opened) = opened(Some(hold), now) else {
            return Ok(());
        };
        let shown = hold.clone();
        let work = move |writer: &mut Writer<'_>| {
            // Only in place of what was looked at.
            if writer.hold(&shown.about())?.as_ref() == Some(&shown) {
                writer.record(&opened)?;
            }
            Ok(())
        };
        let (at, by) = (self.clock.now(), Actor::Daemon);
        self.committer.submit_blocking(at, by, work)
    }

    /// Ends what waits about this, where something does.
    pub(super) async fn end(&self, about: &About, end: End, by: Actor) -> Result<(), Error> {
        if self.about(about)?.is_none() {
            return Ok(());
        }
        let about = about.clone();
        let work = move |writer: &mut Writer<'_>| {
            if let Some(ended) = ended(writer.hold(&about)?.as_ref(), end) {
                writer.record(ended)?;
            }
            Ok(())
        };
        self.committer.submit(self.clock.now(), by, work).await
    }

    /// Ends what waits about this although its plan stands: while that was recorded part by part, somebody was shown
    /// what was left of it.
    pub(super) fn end_rest(
        &self,
        maker: &Maker<'_>,
        (about, end): (&About, End),
        by: Actor,
    ) -> Result<(), Error> {
        match ended(self.about(about)?.as_ref(), end) {
            Some(ended) => maker.record(by, &[ended]),
            None => Ok(()),
        }
    }

    /// Lets something wait for which nothing is planned.
    pub(super) async fn open(&self, hold: Hold, by: Actor) -> Result<(), Error> {
        let about = hold.about();
        if let Some(opened) = opened(self.about(&about)?.as_ref(), hold) {
            let recorded = self.committer.record(self.clock.now(), by, vec![opened]);
            recorded.await?;
        }
        self.judge(about);
        Ok(())
    }

    fn judged(&self) -> MutexGuard<'_, BTreeSet<About>> {
        self.judged.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What waits from now on, with the plan that it would lead to.
pub(super) fn of_plan(what: What, summary: &Summary, since: Timestamp) -> Hold {
    Hold {
        what,
        plan: summary.digest,
        reasons: summary.exceeded.clone(),
        counts: summary.counts.clone(),
        since,
    }
}

/// The fact that this waits in place of `before`; `None` if that is the same. What waited already goes on waiting
/// since then, also as another plan.
pub(super) fn opened(before: Option<&Hold>, mut now: Hold) -> Option<Fact> {
    if let Some(before) = before.filter(|before| is_same_matter(&before.what, &now.what)) {
        now.since = before.since;
        let is_same = before.plan == now.plan
            && before.reasons == now.reasons
            && before.counts == now.counts
            && is_same_thing(&before.what, &now.what);
        if is_same {
            return None;
        }
    }
    Some(Fact::HoldOpened(now))
}

/// The fact that what waits about something ends so, where something does.
pub(super) fn ended(hold: Option<&Hold>, end: End) -> Option<Fact> {
    hold.map(|hold| hold.decided(end))
}

/// Whether one hold goes on as the other. Another edit of the policy is another matter.
fn is_same_matter(one: &What, other: &What) -> bool {
    match (one, other) {
        (What::Policy(one), What::Policy(other)) => one.version == other.version,
        (What::File(one), What::File(other)) => one.digest == other.digest,
        _ => true,
    }
}

/// Whether the same is held, but for figures that move by themselves.
fn is_same_thing(one: &What, other: &What) -> bool {
    match (one, other) {
        (
            What::Catalogue {
                entitlements: one,
                changed: before,
                ..
            },
            What::Catalogue {
                entitlements: other,
                changed: now,
                ..
            },
        ) => before == now && is_same_catalogue(one, other),
        (one, other) => one == other,
    }
}

/// Whether two readings say the same, but for figures that move by themselves.
pub fn is_same_catalogue(one: &[Entitlement], other: &[Entitlement]) -> bool {
    let still = |entitlement: &Entitlement| Entitlement {
        seats: None,
        ..entitlement.clone()
    };
    one.len() == other.len()
        && one
            .iter()
            .zip(other)
            .all(|(one, other)| still(one) == still(other))
}

#[cfg(test)]
mod tests {
    use muster_core::connector::{ObjectRef, Seats};

    use super::*;

    fn licence(title: &str, consumed: u32) -> Entitlement {
        Entitlement {
            object: ObjectRef {
                kind: "license-seat".to_owned(),
                id: "e-1".to_owned(),
                container: None,
                revision: None,
                name_hint: None,
            },
            class: "license-seat".to_owned(),
            title: title.to_owned(),
            exclusion_group: None,
            requires: Vec::new(),
            seats: Some(Seats {
                sku: "E1".to_owned(),
                purchased: Some(100 + consumed),
                consumed: Some(consumed),
            }),
            is_grantable: true,
            is_revocable: true,
        }
    }

    #[test]
    fn c50_seats_that_move_make_no_other_catalogue() {
        let before = [licence("Enterprise", 7)];
        assert!(is_same_catalogue(&before, &[licence("Enterprise", 8)]));
        assert!(!is_same_catalogue(&before, &[licence("Enterprise 2", 7)]));
        assert!(!is_same_catalogue(&before, &[]));
        let mut taken_back = licence("Enterprise", 7);
        taken_back.is_grantable = false;
        assert!(!is_same_catalogue(&before, &[taken_back]));
    }
}
