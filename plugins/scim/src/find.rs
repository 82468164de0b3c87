//! Searches, and what they are worth: [`by_key`] and [`candidate`].
//!
//! Services ignore filters, take them for prefixes, or know some attributes only. So whatever a search finds is
//! looked at again here, and a filter that was plainly ignored is followed by a walk through all users, as far as
//! one call can go. That nobody holds a key is said only when it is known.

use muster_sdk::{Account, ObjectRef, PageRequest, Path, Problem, Result};
use serde_json::Value;

use crate::listing::{self, Ask, Take};
use crate::name::Name;
use crate::resource::Resource;
use crate::service::{Collection, Service, read_list};
use crate::view;

/// The most pages of a walk through all users in one call.
const WALK_PAGES_MAX: u32 = 60;

/// How many users a page of a walk has.
const WALK_PAGE: u32 = 500;

/// The most accounts that a search returns.
const FOUND_MAX: usize = 100;

/// A value as a filter of RFC 7644 has it: a JSON string.
pub(crate) fn equals(attribute: &str, value: &str) -> String {
    format!("{attribute} eq {}", Value::from(value))
}

/// All users that hold this value under this name.
pub(crate) fn by_key(service: &Service<'_>, name: &Name, value: &str) -> Result<Vec<Resource>> {
    if value.is_empty() {
        return Ok(Vec::new());
    }
    if service.settings.filter {
        let filter = equals(&name.filter_path(), value);
        let path = Path::new("/Users").query("filter", filter);
        let reply = service
            .api
            .get(path)
            .accept(400)
            .accept(404)
            .accept(422)
            .accept(501);
        let reply = reply.send(service.host)?;
        match reply.status() {
            404 => {
                service.confirm()?;
                return Ok(Vec::new());
            }
            200..300 => {
                let list = read_list(reply.json()?)?;
                let everything = list.is_everything();
                let received = list.received();
                let total = list.total.and_then(|total| usize::try_from(total).ok());
                let held: Vec<_> = list
                    .resources
                    .into_iter()
                    .filter(|user| user.holds(name, value))
                    .collect();
                // Found by the filter, or all there is.
                let filtered =
                    held.len() == received && total.is_none_or(|total| total <= received);
                if filtered || everything || held.len() > 1 {
                    return Ok(held);
                }
            }
            _ => {}
        }
    }
    walk(service, name, value)
}

/// Looks at all users.
fn walk(service: &Service<'_>, name: &Name, value: &str) -> Result<Vec<Resource>> {
    let ask = Ask {
        collection: Collection::Users,
        is_part: true,
        without: None,
    };
    let mut request = PageRequest::first(WALK_PAGE);
    let mut found = Vec::new();
    for _ in 0..WALK_PAGES_MAX {
        let page = listing::page(service, ask, &request, |user| {
            Ok(if user.holds(name, value) {
                Take::Item(user)
            } else {
                Take::Nothing
            })
        })?;
        let (next, last, whole) = (
            page.next().map(str::to_owned),
            page.is_last(),
            page.is_whole(),
        );
        found.extend(page.into_items());
        match next {
            _ if !whole => break,
            Some(next) => request = PageRequest::from_cursor(WALK_PAGE, next),
            None if last => return Ok(found),
            None => break,
        }
    }
    Err(Problem::remote_defect(
        "the service cannot search for this key, and its users cannot be looked through whole",
    ))
}

/// What a search by match keys means for an account that should be there.
pub(crate) enum Candidate {
    /// Nobody holds any of the keys.
    Nobody,
    /// This one holds all of them.
    Agrees(Resource),
    /// These keys are held, and not all by one account.
    Clash(Option<ObjectRef>),
}

/// Finds the account that holds these keys, strongest first. The first key that some account holds decides; if
/// several hold it, or if the other keys say something else, the account is nobody's to take: a key alone, such
/// as an e-mail address, may have gone to another person.
pub(crate) fn candidate(service: &Service<'_>, keys: &[(String, String)]) -> Result<Candidate> {
    let named = named(keys)?;
    for (name, value) in &named {
        let mut found = by_key(service, name, value)?;
        let (Some(user), rest) = (found.pop(), found) else {
            continue;
        };
        let agrees = named.iter().all(|(name, value)| user.holds(name, value));
        return Ok(match (rest.is_empty(), agrees) {
            (true, true) => Candidate::Agrees(user),
            (true, false) => Candidate::Clash(view::user_ref(&user)),
            (false, _) => Candidate::Clash(None),
        });
    }
    Ok(Candidate::Nobody)
}

/// The accounts that hold at least one of the keys, each once.
pub(crate) fn accounts(service: &Service<'_>, keys: &[(String, String)]) -> Result<Vec<Account>> {
    let mut found: Vec<Account> = Vec::new();
    let named = named(keys)?;
    for (name, value) in &named {
        for user in by_key(service, name, value)? {
            let Some(mut account) = view::account(&user, service.settings.deprovision) else {
                return Err(Problem::remote_defect("a user has no id"));
            };
            if found.iter().any(|known| known.key == account.key) || found.len() == FOUND_MAX {
                continue;
            }
            // In the asker's words, which may differ in case: that is how the host compares.
            for ((key, _), (name, value)) in keys.iter().zip(&named) {
                let pair = (key.clone(), value.clone());
                if user.holds(name, value) && !account.correlation_keys.contains(&pair) {
                    account.correlation_keys.push(pair);
                }
            }
            found.push(account);
        }
    }
    Ok(found)
}

fn named(keys: &[(String, String)]) -> Result<Vec<(Name, String)>> {
    keys.iter()
        .map(|(key, value)| Ok((Name::parse(key)?, value.clone())))
        .collect()
}

/// Another account that holds one of these values, for a conflict that does not say which.
pub(crate) fn holder(
    service: &Service<'_>,
    keys: &[(String, String)],
    own: Option<&str>,
) -> Option<ObjectRef> {
    for (name, value) in named(keys).ok()? {
        let found = by_key(service, &name, &value).ok()?;
        let other = found.iter().find(|user| user.id().as_deref() != own);
        if let Some(key) = other.and_then(view::user_ref) {
            return Some(key);
        }
    }
    None
}
