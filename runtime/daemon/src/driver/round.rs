//! One durable transaction of a driver: what came back is settled, and what goes next is claimed.

use std::ops::Range;
use std::sync::Arc;

use jiff::Timestamp;
use muster_core::actor::Actor;
use muster_core::fact::Fact;
use muster_core::id::{PersonId, TargetName};
use muster_core::operation::{self, Action, State, Step, Transition, Urgency};
use muster_core::person::{Account, Person, Turn, Turns};
use muster_ledger::{Error, Writer};

use super::settle::Settled;
use super::work::Claim;
use super::{Driver, LEDGER_PAUSE, settle};
use crate::targets::DOUBT_AFTER;

/// What is recorded together.
pub(super) struct Round {
    pub(super) pieces: Vec<Piece>,
    /// Whether the next step of an account may begin.
    pub(super) goes_on: bool,
}

/// What is recorded of one account.
pub(super) enum Piece {
    /// What came of a step, and of reading back at once what it was answered.
    Settle(Box<Settled>, Option<Box<Settled>>),
    /// A step has not begun, and is not to begin as it was claimed.
    GiveBack(Box<Claim>),
    /// A step is to be claimed.
    Claim(PersonId),
}

/// What a piece came to.
pub(super) struct Recorded {
    pub(super) person: PersonId,
    /// The account's next step, which is to be taken now.
    pub(super) next: Option<Box<Claim>>,
    /// Why the ledger refused it, where it did; the account is left alone for a while then.
    pub(super) refused: Option<Error>,
    /// Whether somebody is to be planned for now.
    pub(super) is_woken: bool,
    /// Whether the step took rights along that others should have.
    pub(super) took_along: bool,
    /// Whether the account came, went, or is another one at the app.
    pub(super) is_moved: bool,
}

/// What the transaction has to know beside its pieces.
struct RoundContext {
    target: TargetName,
    /// Who did what came of the steps.
    connector: Actor,
    goes_on: bool,
}

impl Driver {
    /// Makes a round durable. A piece that cannot be recorded costs only itself.
    pub(super) async fn record(self, round: Round) -> Vec<Recorded> {
        let goes_on = round.goes_on;
        let pieces: Arc<[Piece]> = round.pieces.into();
        if let Ok(recorded) = self.try_record(&pieces, 0..pieces.len(), goes_on).await {
            return recorded;
        }
        let (mut all, mut refused) = (Vec::new(), 0);
        for (index, piece) in pieces.iter().enumerate() {
            match self.try_record(&pieces, index..index + 1, goes_on).await {
                Ok(recorded) => all.extend(recorded),
                Err(error) => {
                    refused += 1;
                    all.push(Recorded {
                        person: piece.person().clone(),
                        next: None,
                        refused: Some(error),
                        is_woken: false,
                        took_along: false,
                        is_moved: false,
                    });
                }
            }
        }
        if refused == pieces.len() {
            self.clock.sleep(LEDGER_PAUSE).await;
        }
        all
    }

    async fn try_record(
        &self,
        pieces: &Arc<[Piece]>,
        which: Range<usize>,
        goes_on: bool,
    ) -> Result<Vec<Recorded>, Error> {
        let context = RoundContext {
            target: self.target.name().clone(),
            goes_on,
            connector: self.target.actor(),
        };
        let (all, range) = (Arc::clone(pieces), which.clone());
        let recording = self
            .committer
            .submit(self.clock.now(), Actor::Daemon, move |writer| {
                context.record(writer, all.get(range.clone()).unwrap_or_default())
            });
        let recorded = recording.await?;
        for settled in settled(pieces.get(which).unwrap_or_default()) {
            self.activity.count(settled);
            if let Some(right) = settle::right_in_doubt(settled) {
                self.target.doubt_right(right, DOUBT_AFTER);
            }
            if settle::is_taken_over(settled) {
                self.target.doubt_taken_over(&settled.claim.person);
            }
            if settle::is_moved(settled) {
                self.target.doubt_rights_of(&settled.claim.person);
            }
        }
        for _ in recorded.iter().filter(|recorded| recorded.took_along) {
            self.target.add_side_losses(1);
        }
        if recorded.iter().any(|recorded| recorded.is_woken) {
            self.dates.notify_one();
        }
        if recorded.iter().any(|recorded| recorded.is_moved) {
            self.references.notify_one();
        }
        Ok(recorded)
    }
}

impl Piece {
    fn person(&self) -> &PersonId {
        match self {
            Piece::Settle(settled, _) => &settled.claim.person,
            Piece::GiveBack(claim) => &claim.person,
            Piece::Claim(person) => person,
        }
    }
}

/// What steps led to, among pieces.
fn settled(pieces: &[Piece]) -> impl Iterator<Item = &Settled> {
    let both = pieces.iter().map(|piece| match piece {
        Piece::Settle(settled, read_back) => (Some(settled), read_back.as_ref()),
        Piece::GiveBack(_) | Piece::Claim(_) => (None, None),
    });
    both.flat_map(|(settled, read_back)| settled.into_iter().chain(read_back))
        .map(|settled| &**settled)
}

impl RoundContext {
    fn record(&self, writer: &mut Writer<'_>, pieces: &[Piece]) -> Result<Vec<Recorded>, Error> {
        let recorded = pieces.iter().map(|piece| self.record_one(writer, piece));
        let recorded = recorded.collect::<Result<_, Error>>()?;
        let changes = settled(pieces).map(|settled| &settled.change);
        settle::record_refusal(writer, &self.target, changes)?;
        Ok(recorded)
    }

    fn record_one(&self, writer: &mut Writer<'_>, piece: &Piece) -> Result<Recorded, Error> {
        let took_along = match piece {
            Piece::Settle(settled, read_back) => {
                writer.acting(self.connector.clone(), |writer| {
                    let took_along = settle::record(writer, &self.target, settled)?;
                    let Some(read_back) = read_back else {
                        return Ok(took_along);
                    };
                    Ok::<bool, Error>(
                        took_along | settle::record_read_back(writer, &self.target, read_back)?,
                    )
                })?
            }
            Piece::GiveBack(claim) => {
                give_back(writer, &self.target, claim)?;
                false
            }
            Piece::Claim(_) => false,
        };
        let person = piece.person().clone();
        let now = writer.at();
        let kept = writer.person(&person)?;
        let is_moved = kept.as_ref().is_some_and(|kept| self.is_moved(kept, piece));
        let woken = kept.and_then(|person| person.wake_at);
        let is_woken = took_along || woken.is_some_and(|at| at <= now);
        let next = if self.goes_on {
            claim(writer, &self.target, &person)?
        } else {
            None
        };
        Ok(Recorded {
            person,
            next,
            refused: None,
            is_woken,
            took_along,
            is_moved,
        })
    }

    /// Whether what came of a step left another account than the one that it was taken for.
    fn is_moved(&self, person: &Person, piece: &Piece) -> bool {
        let Piece::Settle(settled, _) = piece else {
            return false;
        };
        let there = |account: &Account| account.object.clone().filter(|_| account.exists());
        let now = person.accounts.get(&self.target).and_then(there);
        now != there(&settled.claim.account)
    }
}

/// How urgent the account's turn is now: the lane in which the ledger shows it as due.
fn urgency_now(account: &Account, now: Timestamp) -> Option<Urgency> {
    let Turns::Ready(lanes) = account.turns() else {
        return None;
    };
    let mut due = lanes.into_iter().filter(|(_, at)| *at <= now);
    due.next().map(|(urgency, _)| urgency)
}

/// Takes back the intent of a call that has not left.
fn give_back(writer: &mut Writer<'_>, target: &TargetName, claim: &Claim) -> Result<(), Error> {
    if !matches!(claim.step, Step::Send(_)) {
        return Ok(());
    }
    writer.record(Fact::OperationChanged {
        person: claim.person.clone(),
        target: target.clone(),
        operation: claim.operation.id,
        change: operation::given_back(writer.at()),
    })?;
    Ok(())
}

/// Finds the step that can be taken now, and records the intent where it is a call.
fn claim(
    writer: &mut Writer<'_>,
    target: &TargetName,
    id: &PersonId,
) -> Result<Option<Box<Claim>>, Error> {
    let now = writer.at();
    let Some(person) = writer.person(id)? else {
        return Ok(None);
    };
    let Some(account) = person.accounts.get(target) else {
        return Ok(None);
    };
    let Turn::Act(operation, step) = account.turn(now) else {
        return Ok(None);
    };
    let mut claimed = Box::new(Claim {
        person: id.clone(),
        plan: person.plan,
        urgency: urgency_now(account, now).unwrap_or(operation.urgency),
        operation: operation.clone(),
        step,
        account: Account {
            object: account.object.clone(),
            state: account.state,
            keys: account.keys.clone(),
            ..Account::default()
        },
        heir: None,
    });
    if let Action::TransferOwned(heir) = &claimed.operation.action {
        claimed.heir = writer
            .person(heir)?
            .and_then(|heir| heir.accounts.get(target))
            .filter(|account| account.exists())
            .and_then(|account| account.object.clone());
    }
    if let Step::Send(attempt) = claimed.step {
        claimed.operation.state = State::InFlight {
            attempt,
            since: now,
        };
        writer.record(Fact::OperationChanged {
            person: id.clone(),
            target: target.clone(),
            operation: claimed.operation.id,
            change: Transition::Dispatched { attempt },
        })?;
    }
    Ok(Some(claimed))
}
