//! The one door through which plans are made: for a file, for an edited policy, for a date, for what a target can
//! give by now, and for whatever of these a person approves.
//!
//! What feeds say is merged with what the ledger holds, the planner is asked about each person, and the answers go
//! into one transaction that is kept or thrown away as a whole. A preview is the same way through the same people, with
//! nothing recorded, so what is shown is what would be done. The guard looks at the tally when everybody was seen; a
//! plan that takes too much from too many is thrown away, and waits under its digest until a person approves
//! exactly that one. A plan for many people is judged whole in the same way, and then recorded in parts (`parts`).
//!
//! Promises: plans are made one after the other, however many ask; whatever a plan was decided by takes effect with
//! it and never before; and whoever has something to do after it is woken.

mod bells;
mod budgets;
mod doubts;
mod events;
mod joining;
mod known;
mod order;
mod parts;
mod reach;
mod records;
mod run;
mod settle;
mod walk;

use std::cell::RefCell;
use std::sync::Arc;

use arc_swap::{ArcSwap, ArcSwapOption};
use jiff::Timestamp;
use muster_core::actor::Actor;
use muster_core::correlation::Correlation;
use muster_core::fact::Fact;
use muster_core::finding::Code;
use muster_core::guard::Limits;
use muster_core::id::{FeedName, PersonId};
use muster_core::identity::Identity;
use muster_core::policy::{Census, Policy};
use muster_ledger::{Ledger, Reader};
use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::clock::Clock;

pub use bells::Bells;
pub use joining::Joining;
pub use known::{Known, KnownTargets, Titles};
pub use order::{ChangedPerson, Consent, OnPerson, Order, Proposal, Scope, Summary};
pub use records::DOUBTFUL;

/// A row that was set aside has an id that nobody known has, so nobody who is missing counts as having left.
pub const ABSENCE_DOUBTED: Code = Code::new("HR-080");

/// Makes plans.
pub struct Planning {
    ledger: Ledger,
    clock: Clock,
    policy: ArcSwap<Policy>,
    /// Who has which roles of that policy, as it was counted last.
    census: ArcSwapOption<Census>,
    known: Arc<KnownTargets>,
    bells: Bells,
    limits: Limits,
    correlation: Arc<Correlation>,
    /// Most people that a plan has to go through to be made at once, and most people of a part of a larger one.
    part: usize,
    /// Plans that may be for everybody are made one after the other, from their beginning to their end.
    whole: Arc<Mutex<()>>,
    /// Any plan, or a part of a large one, is made while no other is. Whoever waits for it gets it in their order.
    turn: Arc<Mutex<()>>,
}

/// Recording so many people holds up who else writes for a tenth of a second or two.
const PART: usize = 2_048;

/// A plan could not be made. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    /// The ledger failed.
    #[error("could not use the ledger")]
    Ledger(#[from] muster_ledger::Error),
    /// A row that was read before cannot be read again: a mistake in Muster. To leave its person out
    /// would look like a leaver.
    #[error("a row that was checked cannot be read: {0}")]
    Row(String),
    /// The daemon is stopping, or has a mistake that the log shows.
    #[error("planning broke off: {0}")]
    BrokeOff(String),
}

impl Planning {
    /// Plans are made by this policy and what is known of the targets, within the limits of a fresh installation.
    pub fn new(
        ledger: Ledger,
        clock: Clock,
        policy: Arc<Policy>,
        known: Arc<KnownTargets>,
        bells: Bells,
    ) -> Self {
        Self {
            ledger,
            clock,
            policy: ArcSwap::new(policy),
            census: ArcSwapOption::empty(),
            known,
            bells,
            limits: Limits::default(),
            correlation: Arc::default(),
            part: PART,
            whole: Arc::default(),
            turn: Arc::default(),
        }
    }

    /// Sets how much goes without asking.
    #[must_use]
    pub fn limited_by(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// Sets whom to believe where several feeds speak of one person, and how new records are compared.
    #[must_use]
    pub fn correlating(self, correlation: Arc<Correlation>) -> Self {
        Self {
            correlation,
            ..self
        }
    }

    /// Sets how many people a plan is made for at once.
    #[must_use]
    pub fn in_parts_of(self, part: usize) -> Self {
        Self { part, ..self }
    }

    /// The policy that decides.
    pub fn policy(&self) -> Arc<Policy> {
        self.policy.load_full()
    }

    /// Who has which roles of that policy, as it was counted when everybody was planned for last.
    pub fn census(&self) -> Option<Arc<Census>> {
        self.census.load_full()
    }

    /// Whether a policy is another one than the one that the ledger has as deciding.
    pub fn is_new(&self, policy: &Policy) -> Result<bool, muster_ledger::Error> {
        let kept = self.ledger.read()?.policy_in_force()?;
        Ok(kept.is_none_or(|kept| kept.source.version != *policy.version()))
    }

    /// What the ledger holds now.
    pub fn read(&self) -> Result<Reader, muster_ledger::Error> {
        self.ledger.read()
    }

    /// The feeds, the most trusted first.
    pub fn trust(&self) -> &[FeedName] {
        &self.correlation.trust
    }

    /// What time it is.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Makes a plan, as far as `consent` goes, once nobody else makes one. [`Summary::plan`] and what was ordered
    /// with it are then durable; otherwise nothing was changed.
    pub async fn make(
        self: &Arc<Self>,
        order: Order<'static>,
        consent: Consent,
    ) -> Result<Summary, Failed> {
        let is_for_few = matches!(
            order.scope,
            Scope::Changes { .. } | Scope::People(_) | Scope::Decided { .. } | Scope::Joined(_)
        );
        let made = move |maker: &Maker<'_>| maker.make(order, consent);
        if is_for_few {
            self.briefly(made).await
        } else {
            self.alone(made).await
        }
    }

    /// Works out what a plan would be. Changes nothing, holds up nobody, and may be asked at any time. Waits for the
    /// disk.
    pub fn preview(&self, order: Order<'_>, on_person: OnPerson<'_>) -> Result<Summary, Failed> {
        let (policy, known) = self.decided_by(&order)?;
        let looked = run::look(
            &self.ledger,
            self.basis(&policy, &known),
            (order.scope, &order.cause),
            run::Name::Given,
            on_person,
        );
        looked.map(|looked| looked.summary)
    }

    /// Works out what would be done for somebody if HR said this of them, at an instant. Changes nothing, as a preview.
    pub fn what_if(
        &self,
        person: &PersonId,
        identity: Identity,
        at: Timestamp,
        on_person: OnPerson<'_>,
    ) -> Result<Summary, Failed> {
        let (policy, known) = (self.policy(), self.known.load());
        let basis = run::Basis {
            asked_about: Some(at),
            ..self.basis(&policy, &known)
        };
        run::what_if(&self.ledger, basis, (person, identity), on_person)
    }

    /// Does something that plans are part of, once nobody else makes plans and until it is done, on a thread that may
    /// wait for the disk. Whatever is read of the ledger in it that only plans and approvals change stays as it was
    /// read, but for plans that are made [`Planning::briefly`] between two parts of a large one.
    pub async fn alone<T, E>(
        self: &Arc<Self>,
        work: impl FnOnce(&Maker<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Failed> + Send + 'static,
    {
        let whole = Arc::clone(&self.whole).lock_owned().await;
        self.work(Some(whole), work).await
    }

    /// The same for plans for some people only. It does not wait for a large plan, but only for the part of it that is
    /// being made.
    pub async fn briefly<T, E>(
        self: &Arc<Self>,
        work: impl FnOnce(&Maker<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Failed> + Send + 'static,
    {
        self.work(None, work).await
    }

    /// One of both for a file of so many rows: briefly where neither it nor its feed has many people.
    pub async fn of_file<T, E>(
        self: &Arc<Self>,
        feed: &FeedName,
        rows: usize,
        work: impl FnOnce(&Maker<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Failed> + From<muster_ledger::Error> + Send + 'static,
    {
        if parts::is_large(&self.read()?, feed, rows, self.part)? {
            Box::pin(self.alone(work)).await
        } else {
            Box::pin(self.briefly(work)).await
        }
    }

    async fn work<T, E>(
        self: &Arc<Self>,
        whole: Option<OwnedMutexGuard<()>>,
        work: impl FnOnce(&Maker<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Failed> + Send + 'static,
    {
        // Both go along to the thread, which works to its end also where nobody waits for it any more.
        let turn = Arc::clone(&self.turn).lock_owned().await;
        let planning = Arc::clone(self);
        let worked = tokio::task::spawn_blocking(move || {
            work(&Maker {
                planning: &planning,
                whole,
                turn: RefCell::new(Some(turn)),
            })
        });
        worked
            .await
            .unwrap_or_else(|error| Err(Failed::BrokeOff(error.to_string()).into()))
    }

    /// Waits until no plan is made, on a thread that may wait.
    fn enter(&self) -> OwnedMutexGuard<()> {
        Arc::clone(&self.turn).blocking_lock_owned()
    }

    /// By what an order is decided.
    fn decided_by(&self, order: &Order<'_>) -> Result<(Arc<Policy>, Arc<Known>), Failed> {
        Ok(match &order.proposal {
            None => (self.policy(), self.known.load()),
            Some(Proposal::Policy(policy)) => (Arc::clone(policy), self.known.load()),
            Some(Proposal::Catalogue {
                target,
                entitlements,
            }) => {
                let known = self.known.with(target, entitlements)?;
                (self.policy(), Arc::new(known))
            }
        })
    }

    fn basis<'a>(&'a self, policy: &'a Policy, known: &'a Known) -> run::Basis<'a> {
        run::Basis {
            policy,
            targets: &known.targets,
            limits: &self.limits,
            correlation: &self.correlation,
            now: self.clock.now(),
            asked_about: None,
        }
    }
}

/// Makes plans while nobody else does: see [`Planning::alone`].
pub struct Maker<'p> {
    planning: &'p Planning,
    /// Held where the plans may be for many people.
    whole: Option<OwnedMutexGuard<()>>,
    /// None only while others go first.
    turn: RefCell<Option<OwnedMutexGuard<()>>>,
}

impl Maker<'_> {
    /// Makes a plan, as far as `consent` goes. What it was proposed to decide by decides from now on, if the plan
    /// stands.
    pub fn make(&self, order: Order<'_>, consent: Consent) -> Result<Summary, Failed> {
        self.make_told(order, consent, &mut |_, _| {})
    }

    /// The same, and tells each person's part while the plan is made.
    pub fn make_told(
        &self,
        mut order: Order<'_>,
        consent: Consent,
        on_person: OnPerson<'_>,
    ) -> Result<Summary, Failed> {
        let planning = self.planning;
        let (proposal, cause) = (order.proposal.clone(), order.cause.clone());
        order.with.extend(self.of_proposal(proposal.as_ref())?);
        let summary = self.run(order, consent, on_person)?;
        if summary.stands() {
            match proposal {
                None => {}
                Some(Proposal::Policy(policy)) => {
                    planning.census.store(None);
                    planning.policy.store(policy);
                }
                Some(Proposal::Catalogue { .. }) => planning.known.refresh()?,
            }
            if summary.census.is_some() {
                planning.census.store(summary.census.clone());
            }
        }
        planning.bells.ring_after(&cause);
        Ok(summary)
    }

    fn run(
        &self,
        order: Order<'_>,
        consent: Consent,
        on_person: OnPerson<'_>,
    ) -> Result<Summary, Failed> {
        let planning = self.planning;
        let (policy, known) = planning.decided_by(&order)?;
        let basis = planning.basis(&policy, &known);
        let are_many = parts::are_many(&planning.read()?, &order.scope, planning.part)?;
        if self.whole.is_none() || !are_many {
            return run::at_once(&planning.ledger, basis, order, consent, on_person);
        }
        let parts = parts::Parts {
            people: planning.part,
            clock: &|| planning.clock.now(),
            leave: &|| drop(self.turn.take()),
            enter: &|| drop(self.turn.replace(Some(planning.enter()))),
        };
        parts::make(
            &planning.ledger,
            basis,
            (&order, consent),
            on_person,
            &parts,
        )
    }

    /// Does something that takes long and that no plan can change: others go first meanwhile.
    pub fn aside<T>(&self, work: impl FnOnce() -> T) -> T {
        drop(self.turn.take());
        let worked = work();
        self.turn.replace(Some(self.planning.enter()));
        worked
    }

    /// Whose plans are made.
    pub fn planning(&self) -> &Planning {
        self.planning
    }

    /// Records what is decided without a plan.
    pub fn record(&self, by: impl Into<Actor>, facts: &[Fact]) -> Result<(), muster_ledger::Error> {
        let planning = self.planning;
        planning.ledger.write(planning.clock.now(), by, |writer| {
            facts
                .iter()
                .try_for_each(|fact| writer.record(fact).map(drop))
        })
    }

    /// What the ledger keeps of a proposal whose plan stands. A policy that decided last anyway is kept already.
    fn of_proposal(&self, proposal: Option<&Proposal>) -> Result<Option<Fact>, Failed> {
        Ok(match proposal {
            None => None,
            Some(Proposal::Policy(policy)) => {
                let is_new = self.planning.is_new(policy)?;
                let source = Arc::new(policy.source().clone());
                is_new.then_some(Fact::PolicyTaken { source, plan: None })
            }
            Some(Proposal::Catalogue {
                target,
                entitlements,
            }) => Some(Fact::CatalogueRead {
                target: target.clone(),
                entitlements: entitlements.clone(),
            }),
        })
    }
}
