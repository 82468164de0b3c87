//! What the ledger knows of the account that holds a key which somebody needs: whose it is, or that Muster
//! deleted it and the app still keeps its name. Without that a person sees "conflict" and begins to search.

use muster_core::connector::{AccountState, ObjectRef};
use muster_core::id::TargetName;
use muster_core::operation::Action;
use muster_core::person::{Account, Person};
use muster_core::subject::Subject;
use muster_ledger::{Error, Ledger};

use super::Driver;
use super::work::Claim;
use crate::findings::target::ORPHANS;

/// The account that holds the key, in words; `None` if the ledger knows nothing of it. People are looked
/// through, so this is asked once an operation waits for a person and not on the way there.
pub(super) async fn known(
    driver: &Driver,
    claim: &Claim,
    object: Option<ObjectRef>,
) -> Option<String> {
    let Action::EnsureAccount(spec) = &claim.operation.action else {
        return None;
    };
    let keys: Vec<String> = spec
        .match_keys
        .iter()
        .map(|(_, value)| value.trim().to_lowercase())
        .collect();
    let (ledger, target) = (driver.ledger.clone(), driver.target.name().clone());
    let person = claim.person.clone();
    let search = tokio::task::spawn_blocking(move || {
        let asked = Asked {
            target: &target,
            person: &person,
            keys: &keys,
        };
        asked.search(&ledger, object.as_ref())
    });
    match search.await {
        Ok(Ok(known)) => known,
        Ok(Err(error)) => {
            tracing::error!(%error, "could not look up who holds a key");
            None
        }
        Err(error) => {
            tracing::error!(%error, "looking up who holds a key broke off");
            None
        }
    }
}

struct Asked<'a> {
    target: &'a TargetName,
    person: &'a muster_core::id::PersonId,
    keys: &'a [String],
}

impl Asked<'_> {
    fn search(&self, ledger: &Ledger, object: Option<&ObjectRef>) -> Result<Option<String>, Error> {
        let reader = ledger.read()?;
        if let Some(object) = object {
            if let Some(holder) = reader.linked(self.target, object)? {
                return Ok(Some(format!("it is the account of {holder}")));
            }
            let subject = Subject::from(self.target);
            let listed = reader.finding(&ORPHANS, &subject)?;
            if let Some(kept) = listed.filter(|kept| names(&kept.finding.text, &object.id)) {
                return Ok(Some(format!(
                    "it is listed there since {} and is nobody's whom a feed describes",
                    kept.first_at
                )));
            }
        }
        for person in reader.people_at(self.target)? {
            let person = person?;
            let Some(account) = person.accounts.get(self.target) else {
                continue;
            };
            if let Some(text) = self.tombstone(&person, account, object) {
                return Ok(Some(text));
            }
        }
        Ok(None)
    }

    /// An account that Muster deleted and that had this key, in words.
    fn tombstone(
        &self,
        person: &Person,
        account: &Account,
        object: Option<&ObjectRef>,
    ) -> Option<String> {
        let deleted = account.object.as_ref();
        let deleted = deleted.filter(|_| account.state == Some(AccountState::Deleted))?;
        let is_it = match object {
            Some(object) => deleted.same_object(object),
            None => person.id == *self.person || self.had_key(person),
        };
        is_it.then(|| {
            let since = account.taken.get("delete");
            let since = since.map_or_else(String::new, |taken| format!(" at {}", taken.at));
            format!(
                "Muster deleted the account {} of {}{since}, and the app still keeps its name: \
                 delete it there for good, or restore it there",
                deleted.id, person.id
            )
        })
    }

    /// Whether somebody has one of the keys, as HR last wrote it. What the account itself had is not kept.
    fn had_key(&self, person: &Person) -> bool {
        person.identity.attributes.values().any(|value| {
            let muster_core::identity::Value::Text(text) = value else {
                return false;
            };
            self.keys.contains(&text.trim().to_lowercase())
        })
    }
}

/// Whether a text has an id among its words.
fn names(text: &str, id: &str) -> bool {
    text.split([' ', ',', ':', ';', '(', ')'])
        .any(|word| word == id)
}
