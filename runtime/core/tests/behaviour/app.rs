//! An app in memory, with the connector that speaks to it: it does what it is asked, loses replies
//! when told to, and counts what must never happen twice.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use muster_core::connector::{
    AccountState, AttributeChange, Change, CredentialClass, DesiredAccount, Entitlement, ObjectRef,
    Outcome, OutcomeKind, Problem, Read, RemoteAccount, RemoteAttributes, RemoteCredential,
    RemoteGrant,
};
use muster_core::observe::ReadBack;

/// What goes wrong with the next call.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// The request never arrived, and nobody knows.
    LostBefore,
    /// It was done, and the answer got lost.
    LostAfter,
    /// The daemon stopped while the call was out; it had arrived or not.
    Cut { arrived: bool },
    /// The plugin failed after a request had left; it had arrived or not.
    Trap { arrived: bool },
    /// The app answered with an error page; it had done it or not.
    Defect { arrived: bool },
    /// The app goes on with it, and is done after so many polls.
    Pending { polls: u32 },
    /// The app answers with this, and does nothing.
    Refused(Problem),
}

/// An account at the app.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Held {
    pub(crate) keys: Vec<(String, String)>,
    pub(crate) attributes: RemoteAttributes,
    pub(crate) state: AccountState,
    pub(crate) grants: BTreeSet<String>,
    pub(crate) sessions: u32,
    pub(crate) tokens: u32,
    pub(crate) owns: u32,
}

#[derive(Default, Debug)]
pub(crate) struct App {
    pub(crate) accounts: BTreeMap<String, Held>,
    /// What it can give: id and title.
    pub(crate) groups: BTreeMap<String, String>,
    /// Groups whose last member cannot be taken out.
    pub(crate) guarded: BTreeSet<String>,
    pub(crate) seats: Option<usize>,
    /// The address is wrong: nothing is ever found.
    pub(crate) is_elsewhere: bool,
    /// What it goes on with is an invitation: the account is there at once, and opens at the end.
    pub(crate) invites: bool,
    /// Its answers do not show the account.
    pub(crate) is_terse: bool,
    pub(crate) faults: VecDeque<Fault>,
    /// How often an account was created for each first key.
    pub(crate) created: BTreeMap<String, u32>,
    pending: BTreeMap<String, (Change, u32)>,
    /// Jobs whose handle was lost on its way: nobody can ask for them.
    forgotten: BTreeSet<String>,
    made: u32,
}

type Reply = Result<Outcome, Problem>;

impl App {
    /// Carries out a change. None: no answer came, because the caller is no more.
    pub(crate) fn change(&mut self, change: &Change) -> Option<Reply> {
        if let Change::Poll(handle) = change {
            return self.poll(handle);
        }
        let Some(fault) = self.faults.pop_front() else {
            return Some(self.apply(change));
        };
        let mut arrive = |arrived: bool| {
            if arrived {
                drop(self.apply(change));
            }
        };
        match fault {
            Fault::LostBefore => Some(Err(Problem::OutcomeUnknown("no answer".to_owned()))),
            Fault::LostAfter => {
                arrive(true);
                Some(Err(Problem::OutcomeUnknown("no answer".to_owned())))
            }
            Fault::Cut { arrived } => {
                arrive(arrived);
                None
            }
            Fault::Trap { arrived } => {
                arrive(arrived);
                let text = "unreachable".to_owned();
                Some(Err(Problem::PluginFailed { text, sent: true }))
            }
            Fault::Defect { arrived } => {
                arrive(arrived);
                Some(Err(Problem::RemoteDefect("HTML".to_owned())))
            }
            Fault::Pending { polls } => {
                self.made += 1;
                let handle = format!("job-{}", self.made);
                let mut running = self.pending.iter();
                let running = running.find(|(_, (running, _))| running == change);
                if let Some((running, _)) = running {
                    // Who never got the handle has to ask again, and by its key it is the same job.
                    let running = running.clone();
                    let was_lost = self.forgotten.remove(&running);
                    assert!(was_lost, "the same is under way twice: {change:?}");
                    return Some(Ok(outcome(pending(running), None)));
                }
                if let (true, Change::EnsureAccount(desired)) = (self.invites, change) {
                    return Some(self.invite(desired, handle, polls));
                }
                self.pending.insert(handle.clone(), (change.clone(), polls));
                Some(Ok(outcome(pending(handle), None)))
            }
            Fault::Refused(problem) => Some(Err(problem)),
        }
    }

    /// An answer was lost on its way.
    pub(crate) fn lost(&mut self, answer: &Outcome) {
        if let OutcomeKind::Pending { handle, .. } = &answer.kind {
            self.forgotten.insert(handle.clone());
        }
    }

    fn invite(&mut self, desired: &DesiredAccount, handle: String, polls: u32) -> Reply {
        let mut invited = desired.clone();
        Arc::make_mut(&mut invited.spec).initial_state = AccountState::Invited;
        let mut answer = self.ensure_account(&invited)?;
        let object = answer
            .account
            .as_ref()
            .map(|account| account.object.clone());
        if let Some(object) = object {
            let opens = Change::EnsureState(object, AccountState::Active);
            self.pending.insert(handle.clone(), (opens, polls));
        }
        answer.kind = pending(handle);
        Ok(answer)
    }

    fn poll(&mut self, handle: &str) -> Option<Reply> {
        match self.faults.pop_front() {
            None => {}
            Some(Fault::Cut { .. }) => return None,
            Some(Fault::Refused(problem)) => {
                if ends_a_job(&problem) {
                    self.pending.remove(handle);
                }
                return Some(Err(problem));
            }
            Some(_) => return Some(Err(Problem::RemoteDefect("HTML".to_owned()))),
        }
        let Some((change, polls)) = self.pending.get_mut(handle) else {
            return Some(Err(Problem::OutcomeUnknown(
                "the job is not known".to_owned(),
            )));
        };
        if *polls > 1 {
            *polls -= 1;
            return Some(Ok(outcome(pending(handle.to_owned()), None)));
        }
        let change = change.clone();
        self.pending.remove(handle);
        Some(self.apply(&change))
    }

    fn apply(&mut self, change: &Change) -> Reply {
        if self.is_elsewhere {
            return match change {
                // What a connector makes of "not found" here, by the contract.
                Change::EnsureAbsent(_) | Change::EnsureRevoked(..) => {
                    Ok(outcome(OutcomeKind::Already, None))
                }
                _ => Err(Problem::NotFound(None)),
            };
        }
        match change {
            Change::EnsureAccount(desired) => self.ensure_account(desired),
            Change::EnsureState(object, state) => {
                let account = self.held(object)?;
                let was = std::mem::replace(&mut account.state, *state);
                Ok(self.answer(object, was != *state))
            }
            Change::EnsureAbsent(object) => {
                let was_there = self.accounts.remove(&object.id).is_some();
                Ok(self.answer(object, was_there))
            }
            Change::EnsureGranted(object, right) => {
                if !self.groups.contains_key(&right.id) {
                    return Err(Problem::NotFound(Some(right.clone())));
                }
                let is_new = self.held(object)?.grants.insert(right.id.clone());
                Ok(self.answer(object, is_new))
            }
            Change::EnsureRevoked(object, right) => {
                let members = self.accounts.values();
                let members = members
                    .filter(|held| held.grants.contains(&right.id))
                    .count();
                let Some(account) = self.accounts.get_mut(&object.id) else {
                    return Ok(outcome(OutcomeKind::Already, None));
                };
                let is_member = account.grants.contains(&right.id);
                if is_member && members == 1 && self.guarded.contains(&right.id) {
                    return Err(Problem::Guarded("last-owner".to_owned()));
                }
                let was_there = account.grants.remove(&right.id);
                Ok(self.answer(object, was_there))
            }
            Change::EndSessions(object) => {
                let sessions = std::mem::take(&mut self.held(object)?.sessions);
                Ok(self.answer(object, sessions > 0))
            }
            Change::RevokeCredentials(object) => {
                let tokens = std::mem::take(&mut self.held(object)?.tokens);
                Ok(self.answer(object, tokens > 0))
            }
            Change::TransferOwned(from, to) => {
                self.held(to)?;
                let owned = std::mem::take(&mut self.held(from)?.owns);
                self.held(to)?.owns += owned;
                Ok(self.answer(from, owned > 0))
            }
            Change::Poll(_) => Err(Problem::Unsupported("poll".to_owned())),
        }
    }

    fn ensure_account(&mut self, desired: &DesiredAccount) -> Reply {
        if let Some(object) = &desired.object {
            let account = self.held(object)?;
            let before = account.attributes.clone();
            set(&mut account.attributes, &desired.spec.attributes);
            let changed = account.attributes != before;
            return Ok(self.answer(object, changed));
        }
        for key in &desired.spec.match_keys {
            let holder = self
                .accounts
                .iter()
                .find(|(_, held)| held.keys.contains(key));
            if let Some((id, _)) = holder {
                return Err(Problem::Conflict(Some(user(id))));
            }
        }
        if self.seats.is_some_and(|seats| self.accounts.len() >= seats) {
            return Err(Problem::NoCapacity("every seat is taken".to_owned()));
        }
        self.made += 1;
        let id = format!("u{}", self.made);
        let mut attributes = RemoteAttributes::new();
        set(&mut attributes, &desired.spec.attributes);
        let is_usable = desired.spec.initial_state.is_usable();
        let held = Held {
            keys: desired.spec.match_keys.clone(),
            attributes,
            state: desired.spec.initial_state,
            grants: BTreeSet::new(),
            sessions: u32::from(is_usable),
            tokens: u32::from(is_usable),
            owns: 1,
        };
        self.accounts.insert(id.clone(), held);
        if let Some((_, value)) = desired.spec.match_keys.first() {
            *self.created.entry(value.clone()).or_default() += 1;
        }
        Ok(self.answer(&user(&id), true))
    }

    fn held(&mut self, object: &ObjectRef) -> Result<&mut Held, Problem> {
        let missing = || Problem::NotFound(Some(object.clone()));
        self.accounts.get_mut(&object.id).ok_or_else(missing)
    }

    fn answer(&self, object: &ObjectRef, changed: bool) -> Outcome {
        let kind = if changed {
            OutcomeKind::Done
        } else {
            OutcomeKind::Already
        };
        outcome(kind, self.shown(&object.id).filter(|_| !self.is_terse))
    }

    fn shown(&self, id: &str) -> Option<RemoteAccount> {
        self.accounts.get(id).map(|held| RemoteAccount {
            object: user(id),
            state: held.state,
            keys: held.keys.clone(),
            attributes: held.attributes.clone(),
            protected_reason: None,
        })
    }

    /// Shows what is asked for.
    pub(crate) fn read(&self, read: &Read) -> Result<ReadBack, Problem> {
        let there = |object: &ObjectRef| {
            let held = self.accounts.get(&object.id).filter(|_| !self.is_elsewhere);
            held.ok_or_else(|| Problem::NotFound(Some(object.clone())))
        };
        match read {
            Read::Account(object) => {
                let shown = self.shown(&object.id).filter(|_| !self.is_elsewhere);
                Ok(ReadBack::Account(shown))
            }
            Read::AccountsByKeys(keys) => {
                let accounts = self.accounts.iter().filter(|(_, held)| {
                    !self.is_elsewhere && keys.iter().any(|key| held.keys.contains(key))
                });
                let shown = accounts.filter_map(|(id, _)| self.shown(id));
                Ok(ReadBack::Accounts(shown.collect()))
            }
            Read::GrantsOf(object) => {
                let grants = there(object)?.grants.iter().map(|id| RemoteGrant {
                    principal: object.clone(),
                    entitlement: group(id),
                    is_direct: true,
                    via: Vec::new(),
                    immutable_reason: None,
                });
                Ok(ReadBack::Grants(grants.collect(), true))
            }
            Read::CredentialsOf(object) => {
                let held = there(object)?;
                let credential = |class: CredentialClass| RemoteCredential {
                    object: user(class.as_str()),
                    class,
                    owner: object.clone(),
                };
                let sessions = (0..held.sessions).map(|_| credential(CredentialClass::Session));
                let tokens = (0..held.tokens).map(|_| credential(CredentialClass::ApiKey));
                Ok(ReadBack::Credentials(
                    sessions.chain(tokens).collect(),
                    true,
                ))
            }
        }
    }

    /// What the app can give, for the catalogue.
    pub(crate) fn entitlements(&self) -> Vec<Entitlement> {
        let groups = self.groups.iter();
        let entitlement = |(id, title): (&String, &String)| Entitlement {
            object: group(id),
            class: "membership".to_owned(),
            title: title.clone(),
            exclusion_group: None,
            requires: Vec::new(),
            seats: None,
            is_grantable: true,
            is_revocable: true,
        };
        groups.map(entitlement).collect()
    }

    /// An account that nobody here made.
    pub(crate) fn put(&mut self, id: &str, keys: &[(&str, &str)], grants: &[&str]) {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let held = Held {
            keys: keys.iter().map(owned).collect(),
            attributes: RemoteAttributes::new(),
            state: AccountState::Active,
            grants: grants.iter().map(|id| (*id).to_owned()).collect(),
            sessions: 1,
            tokens: 1,
            owns: 1,
        };
        self.accounts.insert(id.to_owned(), held);
    }

    /// Nobody has two accounts.
    pub(crate) fn check(&self) {
        let mut owners = BTreeSet::new();
        for held in self.accounts.values() {
            let owner = held.keys.first();
            assert!(owners.insert(owner), "two accounts for {owner:?}");
        }
    }

    /// The accounts that hold a key.
    pub(crate) fn of_key(&self, value: &str) -> Vec<&Held> {
        let accounts = self.accounts.values();
        let holds = |held: &&Held| held.keys.iter().any(|(_, with)| with == value);
        accounts.filter(holds).collect()
    }
}

fn set(attributes: &mut RemoteAttributes, changes: &BTreeMap<String, AttributeChange>) {
    for (name, change) in changes {
        match change {
            AttributeChange::Set(values) => drop(attributes.insert(name.clone(), values.clone())),
            AttributeChange::Clear => drop(attributes.remove(name)),
        }
    }
}

pub(crate) fn outcome(kind: OutcomeKind, account: Option<RemoteAccount>) -> Outcome {
    Outcome {
        kind,
        account,
        effects: Vec::new(),
        unreachable: Vec::new(),
        evidence: None,
    }
}

/// Whether what a poll says is the end of the job, and not that asking failed.
fn ends_a_job(problem: &Problem) -> bool {
    matches!(
        problem,
        Problem::OutcomeUnknown(_)
            | Problem::NotFound(_)
            | Problem::Conflict(_)
            | Problem::Invalid(_)
            | Problem::Guarded(_)
            | Problem::NoCapacity(_)
            | Problem::Unsupported(_)
    )
}

fn pending(handle: String) -> OutcomeKind {
    OutcomeKind::Pending {
        handle,
        poll_after_ms: 30_000,
    }
}

pub(crate) fn user(id: &str) -> ObjectRef {
    reference("user", id)
}

pub(crate) fn group(id: &str) -> ObjectRef {
    reference("group", id)
}

fn reference(kind: &str, id: &str) -> ObjectRef {
    ObjectRef {
        kind: kind.to_owned(),
        container: None,
        id: id.to_owned(),
        revision: None,
        name_hint: None,
    }
}
