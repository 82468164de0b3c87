//! What changed at an app, as its feed or a webhook of it says.

use super::{check, from_guest};
use crate::contract::v0_1::bindings::exports::muster::connector::{changes, events};
use crate::contract::v0_1::bindings::muster::connector::types as wit;
use crate::failure::Garbage;
use crate::read::{ChangePage, Changed, Translation};

/// Some changes of the feed.
pub(crate) fn change_page(page: changes::ChangePage, limit: u32) -> Result<ChangePage, Garbage> {
    let changes = check::few("changes", page.items, limit as usize)?
        .into_iter()
        .map(|change| {
            Ok((
                check::opaque("a change token", change.token)?,
                changed(change.changed)?,
            ))
        })
        .collect::<Result<_, Garbage>>()?;
    Ok(ChangePage {
        changes,
        token: check::opaque("a change token", page.token)?,
        has_more: page.more,
    })
}

/// What a webhook says.
pub(crate) fn translation(said: events::Translation) -> Result<Translation, Garbage> {
    let changes = check::few("changes", said.changes, check::ENTRIES_MAX)?;
    Ok(Translation {
        changes: changes.into_iter().map(changed).collect::<Result<_, _>>()?,
        reply: said.reply,
    })
}

fn changed(changed: wit::Changed) -> Result<Changed, Garbage> {
    Ok(match changed {
        wit::Changed::Account(account) => Changed::Account(from_guest::account(account)?),
        wit::Changed::Entitlement(entitlement) => {
            Changed::Entitlement(from_guest::entitlement(entitlement)?)
        }
        wit::Changed::Grant(grant) => Changed::Grant(from_guest::grant(grant)?),
        wit::Changed::ObjectRemoved(object) => Changed::ObjectRemoved(from_guest::object(object)?),
        wit::Changed::GrantRemoved(grant) => Changed::GrantRemoved(from_guest::grant(grant)?),
        wit::Changed::LookAgain(object) => Changed::LookAgain(from_guest::object(object)?),
    })
}
