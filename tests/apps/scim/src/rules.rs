//! Rules that some services have and tests need: a limit of seats, a group that must keep an owner,
//! sessions that outlive the account or do not. All are off until `PUT /_rules` sets them.

use serde::{Deserialize, Serialize};

use crate::error::ScimError;
use crate::resource::ResourceType;
use crate::store::Record;

/// What this service refuses or does beyond SCIM.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rules {
    /// How many active users there may be; no limit if none is set.
    pub seats: Option<usize>,
    /// The name of a group that must keep at least one active member.
    pub last_owner_of: Option<String>,
    /// Whether sessions end when the account is suspended. Many services let them live.
    pub sessions_end_on_suspend: bool,
    /// The status with which a POST of a user whose name or address somebody has already is answered: 200 or
    /// 201, with that user, as some services do. Refused as RFC 7644 says if none is set.
    pub answers_existing: Option<u16>,
    /// The status of a creation; 201 if none is set. Some services say 200.
    pub created_status: Option<u16>,
    /// Whether adding a member to a group replaces all members, as some services do.
    pub replaces_members: bool,
    /// Whether a POST of a user is answered as if it had been created, and nothing is.
    pub forgets_creations: bool,
    /// How many users a listing shows at most, and says that these are all.
    pub lists_at_most: Option<usize>,
    /// How far reads are behind writes, in milliseconds, as at services with replicas.
    pub read_lag_ms: u64,
}

impl Rules {
    /// Refuses a user who would become active without a free seat.
    pub(crate) fn check_seat(
        &self,
        active_users: usize,
        was_active: bool,
        user: &Record,
    ) -> Result<(), ScimError> {
        let takes_seat =
            user.resource_type == ResourceType::User && user.is_active() && !was_active;
        match self.seats {
            Some(seats) if takes_seat && active_users >= seats => Err(ScimError::plain(
                403,
                format!("seat limit reached: {active_users} of {seats} seats are in use"),
            )),
            _ => Ok(()),
        }
    }

    /// Refuses to leave the guarded group without an owner.
    pub(crate) fn check_group_emptied(&self, group: &Record) -> Result<(), ScimError> {
        match &self.last_owner_of {
            Some(name) if group.text("displayName") == name => Err(ScimError::plain(
                403,
                format!("the last owner of {name} cannot be removed or suspended"),
            )),
            _ => Ok(()),
        }
    }
}
