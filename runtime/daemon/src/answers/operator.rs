//! Who is at the other end of the unix socket, by name. The kernel says which user it is.

use muster_config::users;
use muster_core::actor::Operator;

use crate::server::listen::Peer;

/// Whoever is at the other end.
pub(crate) fn operator(peer: Peer) -> Operator {
    let user = peer.uid.and_then(users::name_of);
    Operator::new(peer.uid, user.unwrap_or_default())
}
