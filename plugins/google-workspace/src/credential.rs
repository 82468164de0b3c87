//! What lets a user in besides the password: sessions, apps that the user has let in (OAuth), app passwords,
//! backup codes. To suspend a user does not end these by itself.
//!
//! Google shows the backup codes themselves, so only their number is asked for: a secret never enters here.
//! What cannot be ended is reported, with the time when it ends by itself where there is one.

use std::collections::BTreeMap;

use muster_sdk::{
    Credential, Credentials, Host, Instant, ObjectRef, OpContext, Outcome, Page, PageRequest, Path,
    Problem, Result, SideEffect, UnreachedCredentials,
};
use serde_json::Value;

use crate::GoogleWorkspace;
use crate::service::{Google, required, text, user_path};

/// Apps that a user has let in.
pub(crate) const CONSENT: &str = "oauth-consent";
/// Passwords for single old apps.
pub(crate) const APP_PASSWORD: &str = "app-password";
/// Codes for a second factor that is lost.
pub(crate) const BACKUP_CODES: &str = "backup-codes";

/// Each that can be listed and revoked.
pub(crate) const CATEGORIES: [&str; 3] = [CONSENT, APP_PASSWORD, BACKUP_CODES];

/// How long Google's access tokens work.
const ACCESS_TOKEN_SECONDS: i64 = 3600;

/// How many credentials one call ends: what is left is for the next one. The host allows 100 requests a call.
const ENDED_AT_ONCE: usize = 60;

/// When to go on, in milliseconds.
const GO_ON_MS: u32 = 1000;

/// The beginning of a poll handle.
pub(crate) const REVOKING: &str = "revoke";

impl Credentials for GoogleWorkspace {
    fn list_credentials(
        &self,
        host: &dyn Host,
        owner: Option<&ObjectRef>,
        page: &PageRequest,
    ) -> Result<Page<Credential>> {
        let owner =
            owner.ok_or_else(|| Problem::unsupported("credentials are listed for one user"))?;
        let google = Google::of(host)?;
        let all = google.credentials(owner, &CATEGORIES)?;
        // Ordered by id, and the cursor is the last id: what goes meanwhile shifts nothing.
        let begin = page.cursor().unwrap_or_default();
        let mut rest = all
            .into_iter()
            .filter(|(id, _)| id.as_str() > begin)
            .map(|(_, it)| it);
        let limit = usize::try_from(page.limit).unwrap_or(usize::MAX);
        let items: Vec<Credential> = rest.by_ref().take(limit).collect();
        let last = items.last().map(|last| last.key.id.clone());
        let next = rest.next().and(last);
        Ok(Page::of(items).next_or_last(next))
    }

    fn end_sessions(&self, host: &dyn Host, _: &OpContext, target: &ObjectRef) -> Result<Outcome> {
        let google = Google::of(host)?;
        let call = google
            .directory
            .post(user_path(target).push("signOut"))
            .about(target);
        let gone = || Problem::not_found(target.clone());
        let reply = google.write(call)?.ok_or_else(gone)?;
        let mut outcome = Outcome::done().evidence(reply.request_id());
        for unreached in google.besides_sessions(target) {
            outcome = outcome.effect(SideEffect::CredentialsUnreached(unreached));
        }
        Ok(outcome)
    }

    fn revoke_credentials(
        &self,
        host: &dyn Host,
        _: &OpContext,
        target: &ObjectRef,
        categories: &[String],
    ) -> Result<Outcome> {
        let is_wanted = |known: &str| {
            categories.is_empty() || categories.iter().any(|category| category == known)
        };
        let wanted: Vec<&str> = CATEGORIES
            .into_iter()
            .filter(|known| is_wanted(known))
            .collect();
        let unknown = categories
            .iter()
            .find(|category| !CATEGORIES.contains(&category.as_str()));
        if let Some(category) = unknown {
            let text = format!("`{category}` cannot be revoked at Google Workspace");
            return Err(Problem::unsupported(text));
        }
        Google::of(host)?.revoke(target, &wanted)
    }
}

impl Google<'_> {
    /// The credentials of a user, by id.
    fn credentials(
        &self,
        owner: &ObjectRef,
        categories: &[&str],
    ) -> Result<BTreeMap<String, Credential>> {
        let mut all = BTreeMap::new();
        for category in categories {
            let found = match *category {
                CONSENT => self.consents(owner)?,
                APP_PASSWORD => self.app_passwords(owner)?,
                _ => self.backup_codes(owner)?,
            };
            all.extend(
                found
                    .into_iter()
                    .map(|credential| (credential.key.id.clone(), credential)),
            );
        }
        Ok(all)
    }

    fn consents(&self, owner: &ObjectRef) -> Result<Vec<Credential>> {
        let call = self
            .directory
            .get(user_path(owner).push("tokens"))
            .about(owner);
        let list = self.list(call, "admin#directory#token", "items")?;
        let credential = |token: &Value| {
            let client = required(token, "clientId")?;
            let mut credential = of_user(CONSENT, client, owner);
            credential.key.name_hint = text(token, "displayText").map(str::to_owned);
            let scopes = token
                .get("scopes")
                .and_then(Value::as_array)
                .into_iter()
                .flatten();
            credential.scopes = scopes
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect();
            Ok(credential)
        };
        list.entries.iter().map(credential).collect()
    }

    fn app_passwords(&self, owner: &ObjectRef) -> Result<Vec<Credential>> {
        let call = self
            .directory
            .get(user_path(owner).push("asps"))
            .about(owner);
        let list = self.list(call, "admin#directory#asp", "items")?;
        let credential = |asp: &Value| {
            let code = asp.get("codeId").and_then(Value::as_i64);
            let code = code.ok_or_else(|| Problem::remote_defect("an app password has no id"))?;
            let mut credential = of_user(APP_PASSWORD, &code.to_string(), owner);
            credential.key.name_hint = text(asp, "name").map(str::to_owned);
            credential.created = seconds(asp, "creationTime");
            credential.last_used = seconds(asp, "lastTimeUsed");
            Ok(credential)
        };
        list.entries.iter().map(credential).collect()
    }

    /// The backup codes as one credential; which codes they are is not asked for.
    fn backup_codes(&self, owner: &ObjectRef) -> Result<Vec<Credential>> {
        let path = codes_path(owner).query("fields", "kind,items(userId)");
        let call = self.directory.get(path).about(owner);
        let list = match self.list(call, "admin#directory#verificationCode", "items") {
            // Google answers so for users who cannot have such codes, as where the second step is another's.
            Err(Problem::Invalid(_)) => return Ok(Vec::new()),
            list => list?,
        };
        if list.entries.is_empty() {
            return Ok(Vec::new());
        }
        let mut codes = backup_codes_of(owner);
        codes
            .extra
            .push(("x-count".to_owned(), list.entries.len().to_string()));
        Ok(vec![codes])
    }

    /// What goes on when the sessions have ended. If it cannot be counted it is still reported.
    fn besides_sessions(&self, owner: &ObjectRef) -> Vec<UnreachedCredentials> {
        let until = self.host.now().unix_seconds() + ACCESS_TOKEN_SECONDS;
        let mut unreached = vec![UnreachedCredentials {
            category: "access-token".to_owned(),
            until: Some(Instant::from_unix_seconds(until)),
            reason: "access tokens that apps hold already work for up to an hour".to_owned(),
            ..UnreachedCredentials::default()
        }];
        for (category, reason) in [
            (
                CONSENT,
                "apps that the user has let in stay in until their access is revoked",
            ),
            (
                APP_PASSWORD,
                "app passwords are no sessions: they work until they are revoked",
            ),
        ] {
            let count = self
                .credentials(owner, &[category])
                .ok()
                .map(|found| found.len());
            if count != Some(0) {
                unreached.push(UnreachedCredentials {
                    category: category.to_owned(),
                    count: count.and_then(|count| u32::try_from(count).ok()),
                    reason: reason.to_owned(),
                    ..UnreachedCredentials::default()
                });
            }
        }
        unreached
    }

    /// Ends the credentials of these categories, as many as one call can.
    pub(crate) fn revoke(&self, owner: &ObjectRef, categories: &[&str]) -> Result<Outcome> {
        let all = self.credentials(owner, categories)?;
        let left = all.len().saturating_sub(ENDED_AT_ONCE);
        let mut effects = Vec::new();
        let mut evidence = None;
        let mut has_consents = false;
        for credential in all.into_values().take(ENDED_AT_ONCE) {
            let call = match credential.category.as_str() {
                CONSENT => {
                    has_consents = true;
                    self.directory.delete(one_of(owner, "tokens", &credential))
                }
                APP_PASSWORD => self.directory.delete(one_of(owner, "asps", &credential)),
                _ => self.directory.post(codes_path(owner).push("invalidate")),
            };
            // One that is gone meanwhile is as it should be.
            if let Some(reply) = self.write(call)? {
                evidence = reply.request_id().map(str::to_owned).or(evidence);
                effects.push(SideEffect::CredentialEnded(credential));
            }
        }
        if has_consents {
            let until = self.host.now().unix_seconds() + ACCESS_TOKEN_SECONDS;
            effects.push(SideEffect::CredentialsUnreached(UnreachedCredentials {
                category: "access-token".to_owned(),
                until: Some(Instant::from_unix_seconds(until)),
                reason: "an app may use an access token that it holds for up to an hour".to_owned(),
                ..UnreachedCredentials::default()
            }));
        }
        let outcome = match (left, effects.is_empty()) {
            (0, true) => Outcome::already(),
            (0, false) => Outcome::done(),
            (_, _) => {
                let handle = format!("{REVOKING}/{}/{}", owner.id, categories.join(","));
                Outcome::pending(handle, GO_ON_MS)
            }
        };
        Ok(Outcome { effects, ..outcome }.evidence(evidence))
    }
}

/// A credential by category and Google's id of it.
fn of_user(category: &str, id: &str, owner: &ObjectRef) -> Credential {
    let key = ObjectRef::new(category, format!("{}/{category}/{id}", owner.id));
    Credential::new(key, category, owner.clone())
}

/// The backup codes of a user.
pub(crate) fn backup_codes_of(owner: &ObjectRef) -> Credential {
    of_user(BACKUP_CODES, "all", owner)
}

/// The backup codes of a user.
pub(crate) fn codes_path(owner: &ObjectRef) -> Path {
    user_path(owner).push("verificationCodes")
}

fn one_of(owner: &ObjectRef, list: &'static str, credential: &Credential) -> Path {
    let prefix = format!("{}/{}/", owner.id, credential.category);
    let id = credential.key.id.strip_prefix(&prefix).unwrap_or_default();
    user_path(owner).push(list).push(id)
}

/// A time in Unix seconds as text; zero and less is "not known".
fn seconds(value: &Value, name: &str) -> Option<Instant> {
    let seconds: i64 = text(value, name)?.parse().ok()?;
    // Older app passwords are told in milliseconds.
    let seconds = if seconds > 100_000_000_000 {
        seconds / 1000
    } else {
        seconds
    };
    (seconds > 0).then(|| Instant::from_unix_seconds(seconds))
}
