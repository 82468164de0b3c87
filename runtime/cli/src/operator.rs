//! What an operator who sends an order says of themselves. Which user it is, the daemon knows from the
//! socket; several people may share one.

use muster_api::v1;
use muster_config::Environment;

use super::client::Route;

/// The variable in which `sudo` says who became root.
const BEFORE_SUDO: &str = "SUDO_USER";

#[derive(Clone, Debug, Default, clap::Args)]
pub(super) struct Said {
    /// Who you are, where several people share this user; kept in the journal beside the user
    #[arg(long = "as", value_name = "NAME")]
    called: Option<String>,
    /// Why; kept in the journal
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

impl Said {
    /// Says it with an order.
    pub(super) fn say(&self, route: Route, environment: &Environment) -> Route {
        let called = self.called.as_deref();
        route
            .parameter("as", called.or_else(|| environment.get(BEFORE_SUDO)))
            .parameter("reason", self.reason.as_deref())
    }
}

/// Who decided, and why where that was said: `ops (uid 1000) as Ann Lee: HR confirmed it`.
pub(super) fn shown(actor: &v1::Actor) -> String {
    match &actor.reason {
        Some(reason) => format!("{}: {reason}", actor.name),
        None => actor.name.clone(),
    }
}
