//! Users: list, read, find, make, change, suspend, remove.
//!
//! To suspend is a PATCH of `suspended`; the primary address is an attribute, and only the id is the key. The
//! last administrator who can sign in, and the one for whom the service account acts, are never shut out.

use muster_sdk::{
    Account, AccountState, Accounts, DesiredAccount, Host, LeavePlan, ObjectRef, OpContext,
    Outcome, Page, PageRequest, Problem, Result, SideEffect,
};
use serde_json::{Map, Value, json};

use crate::GoogleWorkspace;
use crate::attribute;
use crate::service::{Google, paged, user_path, users};
use crate::user::{EMAIL, User};

/// What a password that nobody may know is made of.
const PASSWORD_CHARS: &[u8; 64] =
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Characters of a password that nobody may know: 240 bits.
const PASSWORD_LENGTH: u32 = 40;

const KEPT_IN_BIN: &str = "Google keeps the user in its bin for 20 days, then removes it for good; \
                           there is no way to empty the bin earlier";

impl Accounts for GoogleWorkspace {
    fn list_accounts(&self, host: &dyn Host, _: &str, page: &PageRequest) -> Result<Page<Account>> {
        let google = Google::of(host)?;
        let path = paged(google.in_scope(users()), page).query("projection", "full");
        let list = google.list(google.directory.get(path), "admin#directory#users", "users")?;
        if page.cursor.is_none() && list.entries.is_empty() && list.next.is_none() {
            // There is at least the administrator for whom the service account acts.
            return Err(Problem::remote_defect("Google shows no user at all"));
        }
        let mut accounts = Vec::new();
        let mut unreadable = 0;
        for entry in list.entries {
            match User::of(entry) {
                Ok(user) => accounts.push(user.account()),
                Err(_) => unreadable += 1,
            }
        }
        let open = (0..unreadable).fold(Page::of(accounts), |open, _| {
            open.skipping("", "a user without an id")
        });
        Ok(open.next_or_last(list.next))
    }

    fn get_account(&self, host: &dyn Host, key: &ObjectRef) -> Result<Option<Account>> {
        let google = Google::of(host)?;
        let found = match google.user(&key.id)? {
            Some(user) => Some(user),
            None => google
                .deleted_user(|user| user.id() == key.id)?
                .map(User::deleted),
        };
        Ok(found.map(|user| user.account()))
    }

    fn find_accounts(
        &self,
        host: &dyn Host,
        _: &str,
        keys: &[(String, String)],
    ) -> Result<Vec<Account>> {
        let google = Google::of(host)?;
        let mut found: Vec<User> = Vec::new();
        for (key, value) in keys {
            for user in google.users_with(key, value)? {
                if !found.iter().any(|known| known.id() == user.id()) {
                    found.push(user);
                }
            }
        }
        Ok(found.iter().take(100).map(User::account).collect())
    }

    fn ensure_account(
        &self,
        host: &dyn Host,
        _: &OpContext,
        desired: &DesiredAccount,
    ) -> Result<Outcome> {
        let google = Google::of(host)?;
        if let Some(target) = &desired.target {
            let user = google.user_of(target)?;
            return google.change(&user, desired, Outcome::already());
        }
        match google.matching(desired)? {
            Some(user) => google.take_over(&user, desired),
            None => google.create(desired),
        }
    }

    fn ensure_state(
        &self,
        host: &dyn Host,
        _: &OpContext,
        target: &ObjectRef,
        state: AccountState,
    ) -> Result<Outcome> {
        let google = Google::of(host)?;
        let Some(user) = google.user(&target.id)? else {
            return google.restore(target, state);
        };
        let archived = user.flag("archived") == Some(true);
        let suspended = user.flag("suspended") == Some(true);
        let mut body = Map::new();
        match state {
            AccountState::Active => {
                if suspended {
                    body.insert("suspended".to_owned(), false.into());
                }
                if archived {
                    body.insert("archived".to_owned(), false.into());
                }
            }
            AccountState::Suspended if !suspended => {
                body.insert("suspended".to_owned(), true.into());
            }
            AccountState::Deactivated if !archived => {
                body.insert("archived".to_owned(), true.into());
            }
            AccountState::Suspended | AccountState::Deactivated => {}
            AccountState::Locked | AccountState::Invited | AccountState::Deleted => {
                return Err(Problem::unsupported("Google Workspace has no such state"));
            }
        }
        if body.is_empty() {
            return Ok(Outcome::already().account(user.account()));
        }
        if state != AccountState::Active {
            google.may_shut_out(&user)?;
        }
        google.patch(&user, &body, false)
    }

    fn ensure_absent(
        &self,
        host: &dyn Host,
        _: &OpContext,
        target: &ObjectRef,
        plan: &LeavePlan,
    ) -> Result<Outcome> {
        let google = Google::of(host)?;
        let Some(user) = google.user(&target.id)? else {
            return Ok(Outcome::already());
        };
        if plan.legal_hold {
            let text = "to remove a user destroys mail and files, and what Vault holds of them";
            return Err(Problem::guarded("legal-hold", text));
        }
        if plan.keep_data {
            let text =
                "to remove a user destroys mail and files; suspend or archive the user instead";
            return Err(Problem::guarded("keep-data", text));
        }
        google.may_shut_out(&user)?;
        if plan.transfer_to.is_some() && google.is_transferring(&target.id)? {
            let text = "what the user owned is still being transferred";
            return Err(Problem::transient(text));
        }
        match google.write(google.directory.delete(user_path(target)))? {
            Some(reply) => Ok(Outcome::done()
                .effect(SideEffect::Noted(KEPT_IN_BIN.to_owned()))
                .evidence(reply.request_id())),
            None => Ok(Outcome::already()),
        }
    }
}

impl Google<'_> {
    /// The one user that holds the first key that anybody holds.
    fn matching(&self, desired: &DesiredAccount) -> Result<Option<User>> {
        for (key, value) in &desired.match_keys {
            let mut found = self.users_with(key, value)?;
            match found.len() {
                0 => {}
                1 => return Ok(found.pop()),
                _ => return Err(Problem::Conflict(None)),
            }
        }
        Ok(None)
    }

    fn take_over(&self, user: &User, desired: &DesiredAccount) -> Result<Outcome> {
        if !desired.may_adopt {
            return Err(Problem::conflict_with(user.key()));
        }
        self.change(user, desired, Outcome::adopted(user.account()))
    }

    /// Changes what differs; `unchanged` if nothing does.
    fn change(&self, user: &User, desired: &DesiredAccount, unchanged: Outcome) -> Result<Outcome> {
        let body = attribute::write(user, &desired.attributes)?;
        if body.is_empty() {
            return Ok(unchanged.account(user.account()));
        }
        let has_list = body.values().any(Value::is_array);
        let done = self.patch(user, &body, has_list)?;
        Ok(Outcome {
            kind: adopted_or_done(&unchanged),
            ..done
        })
    }

    /// Sends these fields. What replaces a list is bound to the version that was read.
    fn patch(&self, user: &User, body: &Map<String, Value>, is_bound: bool) -> Result<Outcome> {
        let key = user.key();
        let call = self.directory.patch(user_path(&key)).about(&key).json(body);
        let call = match user.etag().filter(|_| is_bound) {
            Some(etag) => call.header("if-match", etag),
            None => call,
        };
        let Some(reply) = self.write_told(call)? else {
            // It was there a moment ago: Google's parts do not agree yet.
            return Err(Problem::transient("Google does not find the user yet"));
        };
        let evidence = reply.request_id().map(str::to_owned);
        let now = User::of(reply.json()?).map_err(|_| unusable_reply())?;
        Ok(Outcome::done().account(now.account()).evidence(evidence))
    }

    fn create(&self, desired: &DesiredAccount) -> Result<Outcome> {
        let mut body = attribute::write(&User::none(), &desired.attributes)?;
        match desired.initial_state {
            AccountState::Active => {}
            AccountState::Suspended => {
                body.insert("suspended".to_owned(), true.into());
            }
            AccountState::Deactivated
            | AccountState::Locked
            | AccountState::Invited
            | AccountState::Deleted => {
                return Err(Problem::unsupported("a user begins as active or suspended"));
            }
        }
        missing_for_create(&body)?;
        let password = match &desired.password_slot {
            Some(slot) => self
                .host
                .placeholder(slot)
                .map_err(|text| Problem::invalid("password-slot", "required", text))?,
            None => self.password(),
        };
        body.insert("password".to_owned(), password.into());
        body.entry("changePasswordAtNextLogin")
            .or_insert(Value::Bool(true));
        let reply = match self.directory.post(users()).json(&body).send(self.host) {
            Ok(reply) => reply,
            Err(Problem::Conflict(_)) => return self.taken(desired),
            Err(problem) => return Err(problem),
        };
        let evidence = reply.request_id().map(str::to_owned);
        let user = User::of(reply.json()?).map_err(|_| unusable_reply())?;
        Ok(Outcome::done().account(user.account()).evidence(evidence))
    }

    /// The address is taken. A search may not have shown yet who has it, a reading by address does.
    fn taken(&self, desired: &DesiredAccount) -> Result<Outcome> {
        let address = desired.wanted_text("primaryEmail").unwrap_or_default();
        let Some(user) = self.users_with(EMAIL, address)?.pop() else {
            // A group, an alias of one, or somebody's account outside of the organisation.
            return Err(Problem::Conflict(None));
        };
        let is_meant = desired
            .match_keys
            .iter()
            .any(|(key, value)| user.holds(key, value));
        if is_meant {
            self.take_over(&user, desired)
        } else {
            Err(Problem::conflict_with(user.key()))
        }
    }

    /// A password that nobody knows: sign-in is by single sign-on, or after an administrator's reset.
    fn password(&self) -> String {
        let bytes = self.host.random(PASSWORD_LENGTH);
        bytes
            .iter()
            .map(|byte| char::from(PASSWORD_CHARS[usize::from(byte & 63)]))
            .collect()
    }

    /// Brings a user back from the bin, if that is where it is.
    fn restore(&self, target: &ObjectRef, state: AccountState) -> Result<Outcome> {
        let gone = || Problem::not_found(target.clone());
        let deleted = self
            .deleted_user(|user| user.id() == target.id)?
            .ok_or_else(gone)?;
        if state != AccountState::Active {
            return Ok(Outcome::already().account(deleted.deleted().account()));
        }
        let place = deleted.text("orgUnitPath").unwrap_or("/");
        let call = self
            .directory
            .post(user_path(target).push("undelete"))
            .about(target);
        let reply = self
            .write(call.json(&json!({"orgUnitPath": place})))?
            .ok_or_else(gone)?;
        let note =
            "brought back from Google's bin; licences and groups are as Google restored them";
        let outcome = Outcome::done().effect(SideEffect::Noted(note.to_owned()));
        Ok(outcome.evidence(reply.request_id()))
    }

    /// Refuses to shut out the last administrator and the one for whom the service account acts.
    pub(crate) fn may_shut_out(&self, user: &User) -> Result<()> {
        if self
            .settings
            .acting_admin
            .as_ref()
            .is_some_and(|admin| user.holds(EMAIL, admin))
        {
            let text = "Muster acts for this administrator and would shut itself out";
            return Err(Problem::guarded("self-lockout", text));
        }
        if !user.is_super_admin() || user.state() != AccountState::Active {
            return Ok(());
        }
        let admins = self.search("isAdmin=true isSuspended=false")?;
        let is_other = |other: &User| {
            other.id() != user.id()
                && other.is_super_admin()
                && other.state() == AccountState::Active
        };
        if admins.iter().any(is_other) {
            return Ok(());
        }
        let text = "the last super administrator who can sign in; name another one first";
        Err(Problem::guarded("last-admin", text))
    }
}

fn adopted_or_done(unchanged: &Outcome) -> muster_sdk::OutcomeKind {
    match unchanged.kind {
        muster_sdk::OutcomeKind::Adopted => muster_sdk::OutcomeKind::Adopted,
        _ => muster_sdk::OutcomeKind::Done,
    }
}

/// The change was answered with success, so it happened, and how is not known.
fn unusable_reply() -> Problem {
    Problem::OutcomeUnknown("Google answered a change with something that is no user".to_owned())
}

/// Names all that is missing at once, instead of one after the other as Google does.
fn missing_for_create(body: &Map<String, Value>) -> Result<()> {
    let name = |part: &str| body.get("name").and_then(|name| name.get(part));
    let needed = [
        ("primaryEmail", body.get("primaryEmail")),
        ("name.givenName", name("givenName")),
        ("name.familyName", name("familyName")),
    ];
    let faults: Vec<_> = needed
        .into_iter()
        .filter(|(_, value)| value.is_none_or(Value::is_null))
        .map(|(field, _)| {
            muster_sdk::FieldFault::new(field, "required", "a user cannot be made without it")
        })
        .collect();
    if faults.is_empty() {
        Ok(())
    } else {
        Err(Problem::Invalid(faults))
    }
}
