//! `make`, which the daemon's allocator is built with. Whatever builds the daemon asks for it first.

use std::time::Duration;

use anyhow::bail;

use crate::workspace::Workspace;
use crate::{apt, child, say};

/// How long it may take to say its version.
const ANSWER_MAX: Duration = Duration::from_secs(30);

/// Sees to it that there is one.
pub(crate) async fn ensure(workspace: &Workspace) -> anyhow::Result<()> {
    let mut command = child::command("make", workspace.root());
    if child::output(command.arg("--version"), ANSWER_MAX)
        .await
        .is_ok()
    {
        return Ok(());
    }
    if !apt::is_usable() {
        bail!(
            "there is no `make`, and the daemon's allocator is built with it\n\
             what to do: install it (Debian: apt-get install make), then run this again"
        );
    }
    say::note("there is no `make`, and the daemon's allocator is built with it");
    apt::install(workspace, &["make"], "make").await
}
