//! Debian's package manager, where there is one and it may be used: as root, each step with a limit.

use std::path::Path;
use std::time::Duration;

use anyhow::bail;

use crate::child::{self, Ended};
use crate::say;
use crate::workspace::Workspace;

/// How long reading the package lists may take.
const UPDATE_MAX: Duration = Duration::from_mins(3);
/// How long downloading and installing packages may take.
const INSTALL_MAX: Duration = Duration::from_mins(15);

/// Whether this is a Debian or Ubuntu and this process may install packages.
pub(crate) fn is_usable() -> bool {
    Path::new("/usr/bin/apt-get").is_file() && rustix::process::geteuid().is_root()
}

/// Reads the package lists and installs packages; `what` says for people what they are for.
pub(crate) async fn install(
    workspace: &Workspace,
    packages: &[&str],
    what: &str,
) -> anyhow::Result<()> {
    run(
        workspace,
        &["update"],
        UPDATE_MAX,
        "reading Debian's package lists",
    )
    .await?;
    let mut arguments = vec!["install", "-y", "--no-install-recommends"];
    arguments.extend(packages);
    run(
        workspace,
        &arguments,
        INSTALL_MAX,
        &format!("installing {what}"),
    )
    .await
}

async fn run(
    workspace: &Workspace,
    arguments: &[&str],
    limit: Duration,
    what: &str,
) -> anyhow::Result<()> {
    say::step(&format!("{what} (at most {} s)", limit.as_secs()));
    let mut command = child::command("apt-get", workspace.root());
    command
        .arg("-q")
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive");
    // stdout is data; what apt-get says about its progress is not.
    command.stdout(std::io::stderr());
    match child::run_within(&mut command, limit).await? {
        ended if ended.is_success() => Ok(()),
        Ended::Exited(status) => bail!("apt-get {} failed ({status})", arguments.join(" ")),
        Ended::TimedOut => bail!("apt-get {} took longer than allowed", arguments.join(" ")),
    }
}
