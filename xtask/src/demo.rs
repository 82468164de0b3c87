//! `cargo xtask demo`.

use crate::workspace::Workspace;

pub(crate) async fn run(_workspace: &Workspace, _keep: bool) -> anyhow::Result<()> {
    anyhow::bail!("not there")
}
