//! What a plugin's requests go over: the network, or a tape.
//!
//! The seam lies where a plugin's request is permitted and has nothing secret in it yet, and where its reply
//! has been cleaned for the plugin. So a tape holds what the plugin said and heard, and no credential, token or
//! made-up password; and playing one needs none of these. `docs/design/tape.md` has the format.

mod player;
mod recorder;
mod tape;
mod taped;

use crate::http::client::Client;

use self::tape::{Asked, Said};

pub use player::Player;
pub use recorder::Recorder;
pub use tape::{TAPE_BYTES_MAX, TapeError};

/// What the requests of one target go over.
pub(crate) enum Wire {
    /// The network.
    Live(Client),
    /// The network, and each exchange is put on a tape.
    Recorder(Client, Recorder),
    /// A tape. Nothing reaches the network.
    Player(Player),
}

impl Wire {
    /// The client that reaches the network, where one does.
    pub(crate) fn client(&self) -> Option<&Client> {
        match self {
            Wire::Live(client) | Wire::Recorder(client, _) => Some(client),
            Wire::Player(_) => None,
        }
    }
}
