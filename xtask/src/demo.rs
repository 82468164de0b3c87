//! `cargo xtask demo`: the main job, shown on the terminal.
//!
//! A daemon of its own, in `target/demo`, provisions the demo's SCIM service. HR drops one export, three
//! weeks later the next one, and after each the demo shows what came of it: HR's report, the app, and why.
//! It ends by itself; with `--keep` everything stays until Ctrl-C.

use anyhow::bail;

use crate::stage::Stage;
use crate::workspace::Workspace;
use crate::{child, plugins, say};

const FIRST: &str = "2026-11-02-employees.csv";
const SECOND: &str = "2026-11-22-employees.csv";
/// Who leaves with the second file, and is signed in when it comes.
const LEAVER: &str = "karim.benali@brightwater.example";
/// Who moves from Sales to Finance with the second file, by the number in it.
const MOVER: &str = "00114";

/// Runs the demo; with `keep`, until Ctrl-C.
pub(crate) async fn run(workspace: &Workspace, keep: bool) -> anyhow::Result<()> {
    plugins::build(workspace, &["scim".to_owned()]).await?;
    Stage::build(workspace).await?;
    let mut stage = Stage::prepare(workspace)?;
    let played = tokio::select! {
        played = play(&mut stage) => played,
        () = child::interrupted() => bail!("interrupted"),
    };
    if let Err(error) = &played {
        stage.show_log();
        stage.end().await;
        bail!("the demo did not get to its end: {error:#}");
    }
    say::show("\nWhere to look next\n");
    say::show(&stage.hints(keep));
    if keep {
        say::step("everything runs until Ctrl-C");
        child::interrupted().await;
    }
    stage.end().await;
    Ok(())
}

async fn play(stage: &mut Stage) -> anyhow::Result<()> {
    say::chapter(1, "An app, and a daemon that watches HR's folder");
    stage.start_app().await?;
    stage.start_daemon().await?;
    say::show("The app holds one account, which IT keeps and Muster leaves alone:\n");
    stage.show_app().await?;

    say::chapter(2, "HR drops its export: 24 people");
    stage.drop_export(FIRST).await?;
    stage.show_report(FIRST).await?;
    stage.settle().await?;
    say::show("Each of them has an account, and the groups that the roles in policy/ give:\n");
    stage.show_app().await?;

    say::chapter(3, "Three weeks later: people joined, moved and left");
    stage.sign_in(LEAVER).await?;
    say::show(&format!("{LEAVER} is signed in to the app.\n"));
    say::show("What would the next export change? Asking changes nothing:\n");
    stage.show_plan(SECOND).await?;
    stage.drop_export(SECOND).await?;
    stage.show_report(SECOND).await?;
    stage.settle().await?;
    stage.show_app().await?;
    stage.check_signed_out(LEAVER).await?;
    say::show("Karim and Emre are suspended, and have no group left; Karim is signed out, too.");
    say::show("Nadia waits until HR has corrected her row. The emergency account is as it was.\n");

    say::chapter(4, "Why?");
    say::show("William moved from Sales to Finance. What only his old place gave him is gone:\n");
    stage.muster(&["why", MOVER]).await?;
    say::show("\nWhat a person should look at:\n");
    stage.muster(&["findings"]).await?;
    say::show("\nThe ledger, rebuilt from its journal and compared:\n");
    stage.muster(&["ledger", "check"]).await
}
