//! Rights that an account had when it was taken over and that no rule explains: somebody decides about each.
//!
//! Such a right is a grant like any other from then on, with the adoption as its reason, so that it goes with the
//! employment at the latest. Until somebody decides, it stays and is asked about; it is never kept for ever because
//! nobody looked. One that is kept stays whatever the roles say, as long as the person is to have the account.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::connector::EntitlementKey;
use crate::fact::Deletion;
use crate::id::TargetName;
use crate::identity::Phase;
use crate::person::{Account, Justification, Person};

/// Most rights of one account that are adopted: an account that has more is left for a person to look at.
pub const PER_ACCOUNT_MAX: usize = 1_000;

/// Names an adoption among those of one person; never used twice.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct AdoptionId(pub u32);

/// A right that was there when the account was taken over.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Adoption {
    /// Where the account is.
    pub target: TargetName,
    /// What it had.
    pub right: EntitlementKey,
    /// When that was read.
    pub found_at: Timestamp,
    /// What was decided; `None` while nobody has. One that was removed is forgotten.
    pub kept: Option<Kept>,
}

/// That somebody decided to keep it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Kept {
    /// The first instant at which it is kept no more; `None`: until the employment ends.
    pub until: Option<Timestamp>,
    /// The entry of the journal that says so, and who did.
    pub entry: u64,
}

impl Adoption {
    /// Whether it is a reason for the right at an instant.
    pub fn gives(&self, at: Timestamp) -> bool {
        self.end().is_none_or(|until| at < until)
    }

    /// When it ends by itself, before the employment does.
    pub fn end(&self) -> Option<Timestamp> {
        self.kept.and_then(|kept| kept.until)
    }
}

/// What was adopted of a person's accounts.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Adoptions {
    /// What counts of it.
    pub all: BTreeMap<AdoptionId, Adoption>,
    /// How many there ever were.
    pub found: u32,
}

impl Adoptions {
    /// What is a reason for rights at a target.
    pub fn at<'a>(
        &'a self,
        target: &'a TargetName,
        now: Timestamp,
    ) -> impl Iterator<Item = (AdoptionId, &'a Adoption)> {
        let all = self.all.iter().map(|(id, adoption)| (*id, adoption));
        all.filter(move |(_, adoption)| adoption.target == *target && adoption.gives(now))
    }

    /// What nobody has decided about.
    pub fn undecided(&self) -> impl Iterator<Item = (AdoptionId, &Adoption)> {
        let all = self.all.iter().map(|(id, adoption)| (*id, adoption));
        all.filter(|(_, adoption)| adoption.kept.is_none())
    }

    /// Whether a right that stands on this adoption was to end by now, as somebody said when they kept it.
    pub fn has_ended(&self, id: AdoptionId, now: Timestamp) -> bool {
        let adoption = self.all.get(&id);
        adoption.is_some_and(|adoption| adoption.end().is_some_and(|until| until <= now))
    }

    fn find(&mut self, target: &TargetName, right: &EntitlementKey, at: Timestamp) -> AdoptionId {
        let mut known = self.all.iter();
        let known = known.find(|(_, one)| one.target == *target && one.right == *right);
        if let Some((id, _)) = known {
            return *id;
        }
        self.found += 1;
        let id = AdoptionId(self.found);
        let adoption = Adoption {
            target: target.clone(),
            right: right.clone(),
            found_at: at,
            kept: None,
        };
        self.all.insert(id, adoption);
        id
    }

    pub(crate) fn keep(&mut self, id: AdoptionId, kept: Kept) -> bool {
        let adoption = self.all.get_mut(&id);
        adoption
            .map(|adoption| adoption.kept = Some(kept))
            .is_some()
    }

    /// Forgets what is over. Nothing outlives the employment.
    pub(crate) fn forget_ended(&mut self, phase: Phase, now: Timestamp) {
        let is_here = phase != Phase::Ended;
        self.all
            .retain(|_, adoption| is_here && adoption.gives(now));
    }

    /// Follows a plan for the account: what is let go of takes its adoptions along, and what a rule has come to
    /// explain need not be decided about. Whoever is shut out for a while has theirs again afterwards.
    pub(crate) fn follow(&mut self, target: &TargetName, account: &Account, deletion: Deletion) {
        if !account.is_wanted {
            if deletion != Deletion::Kept {
                self.all.retain(|_, adoption| adoption.target != *target);
            }
            return;
        }
        self.all.retain(|id, adoption| {
            let grant = account.grants.get(&adoption.right);
            let reasons = grant.map(|grant| &grant.justifications);
            let is_explained = reasons.is_some_and(|reasons| {
                is_role_given(reasons.iter()) && !reasons.contains(&Justification::Adoption(*id))
            });
            adoption.target != *target || adoption.kept.is_some() || !is_explained
        });
    }
}

/// Whether a rule gives it.
pub(crate) fn is_role_given<'a>(mut reasons: impl Iterator<Item = &'a Justification>) -> bool {
    reasons.any(|reason| matches!(reason, Justification::Role { .. }))
}

impl Person {
    /// Takes in what an account had when it was taken over. What no reason explains is to be decided about; of
    /// somebody who is not to have the account it is taken away by the next plan. Returns false if nothing was
    /// unexplained.
    pub(crate) fn took_over(
        &mut self,
        target: &TargetName,
        rights: &[EntitlementKey],
        at: Timestamp,
    ) -> bool {
        let is_here = self.phase != Phase::Ended;
        let Some(account) = self.accounts.get_mut(target) else {
            return false;
        };
        if !account.exists() {
            return false;
        }
        let mut is_news = false;
        for right in rights {
            let mut operations = account.operations.iter();
            let is_under_way =
                operations.any(|operation| operation.action.entitlement() == Some(right));
            let grant = account.grants.get(right);
            let is_explained = grant.is_some_and(|grant| !grant.justifications.is_empty());
            if is_under_way || is_explained {
                continue;
            }
            is_news = true;
            let grant = account.grants.entry(right.clone()).or_default();
            grant.since.get_or_insert(at);
            if is_here && account.is_wanted {
                let id = self.standing.adoptions.find(target, right, at);
                grant.justifications.insert(Justification::Adoption(id));
            }
        }
        is_news
    }
}
