//! Child processes: each in a process group of its own, ended as a group, never left behind.
//!
//! A group of its own means that Ctrl-C reaches `xtask` alone, which then ends what it started, and
//! that a program which starts others (rustup, apt-get, pip) ends together with them when its time
//! is over. Children are always ended by their id.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};

/// How long a child may take to end after it was asked to, before it is killed.
const ENDING_MAX: Duration = Duration::from_secs(5);

/// How a child came to its end.
#[derive(Debug)]
pub(crate) enum Ended {
    /// It ended by itself.
    Exited(ExitStatus),
    /// Its time was over and it was killed.
    TimedOut,
}

impl Ended {
    /// Whether it ended by itself and well.
    pub(crate) fn is_success(&self) -> bool {
        matches!(self, Self::Exited(status) if status.success())
    }
}

/// A program with nothing on stdin, in a group of its own, killed when it is dropped.
pub(crate) fn command(program: impl AsRef<OsStr>, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .current_dir(folder)
        .stdin(Stdio::null())
        .process_group(0)
        .kill_on_drop(true);
    command
}

/// Runs a program to its end, or kills its whole group when `limit` is over.
pub(crate) async fn run_within(command: &mut Command, limit: Duration) -> anyhow::Result<Ended> {
    let mut child = Running::start(command)?;
    tokio::select! {
        status = child.wait() => Ok(Ended::Exited(status?)),
        () = tokio::time::sleep(limit) => {
            child.kill().await;
            Ok(Ended::TimedOut)
        }
        () = interrupted() => {
            child.end().await;
            bail!("interrupted");
        }
    }
}

/// Runs a program to its end; any end but success is an error that names `what`.
pub(crate) async fn run(command: &mut Command, what: &str) -> anyhow::Result<()> {
    let mut child = Running::start(command)?;
    let status = tokio::select! {
        status = child.wait() => status?,
        () = interrupted() => {
            child.end().await;
            bail!("interrupted");
        }
    };
    if !status.success() {
        bail!("{what} failed ({status})");
    }
    Ok(())
}

/// What a short program prints on stdout; an error if it fails or takes longer than `limit`.
pub(crate) async fn output(command: &mut Command, limit: Duration) -> anyhow::Result<String> {
    let name = command
        .as_std()
        .get_program()
        .to_string_lossy()
        .into_owned();
    let output = tokio::time::timeout(limit, command.output())
        .await
        .with_context(|| format!("{name} did not answer within {} s", limit.as_secs()))?
        .with_context(|| format!("could not start {name}"))?;
    if !output.status.success() {
        bail!(
            "{name} failed: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    String::from_utf8(output.stdout).with_context(|| format!("{name} printed no text"))
}

/// Waits until a person or the system asks this program to end.
pub(crate) async fn interrupted() {
    let Ok(mut terminated) = signal(SignalKind::terminate()) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminated.recv() => {}
    }
}

/// A started program and its group.
pub(crate) struct Running {
    child: Child,
    group: Option<Pid>,
    name: String,
}

impl Running {
    /// Starts a program made by [`command`].
    pub(crate) fn start(command: &mut Command) -> anyhow::Result<Self> {
        let name = command
            .as_std()
            .get_program()
            .to_string_lossy()
            .into_owned();
        let child = command
            .spawn()
            .with_context(|| format!("could not start {name}"))?;
        let group = child
            .id()
            .and_then(|id| i32::try_from(id).ok())
            .and_then(Pid::from_raw);
        Ok(Self { child, group, name })
    }

    /// The pipe of its stdout, once, if it was started with one.
    pub(crate) fn take_stdout(&mut self) -> Option<tokio::process::ChildStdout> {
        self.child.stdout.take()
    }

    /// Waits for it to end by itself.
    pub(crate) async fn wait(&mut self) -> anyhow::Result<ExitStatus> {
        let status = self.child.wait().await;
        status.with_context(|| format!("lost sight of {}", self.name))
    }

    /// How it ended, if it has.
    pub(crate) fn has_ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Asks the group to end, and kills what is left of it when that takes too long.
    pub(crate) async fn end(&mut self) {
        self.signal(Signal::TERM);
        if tokio::time::timeout(ENDING_MAX, self.child.wait())
            .await
            .is_err()
        {
            self.kill().await;
        }
    }

    /// Kills the group at once.
    pub(crate) async fn kill(&mut self) {
        self.signal(Signal::KILL);
        drop(self.child.wait().await);
    }

    fn signal(&mut self, signal: Signal) {
        // A child that was waited for may have lent its id to another process by now.
        if self.has_ended().is_none()
            && let Some(group) = self.group
        {
            kill_process_group(group, signal).ok();
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Duration;

    use super::{Ended, command, output, run, run_within};

    #[tokio::test]
    async fn a_program_that_hangs_is_killed_with_everything_it_started() {
        let folder = tempfile::tempdir().unwrap();
        let script = "sleep 600 & echo $! > child; wait";
        let mut shell = command("sh", folder.path());
        let ended = run_within(shell.args(["-c", script]), Duration::from_millis(700)).await;
        assert!(matches!(ended.unwrap(), Ended::TimedOut));

        let child = std::fs::read_to_string(folder.path().join("child")).unwrap();
        let status = format!("/proc/{}/stat", child.trim());
        let gone = || match std::fs::read_to_string(&status) {
            Ok(text) => text.contains(") Z "), // waits only to be collected
            Err(_) => true,
        };
        for _ in 0..100 {
            if gone() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("the process that the killed program had started is still there");
    }

    #[tokio::test]
    async fn a_failure_names_the_step() {
        let error = run(&mut command("false", Path::new("/")), "the step")
            .await
            .unwrap_err();
        assert!(error.to_string().starts_with("the step failed"), "{error}");
    }

    #[tokio::test]
    async fn a_program_that_is_not_there_is_named() {
        let mut missing = command("no-such-program", Path::new("/"));
        let error = output(&mut missing, Duration::from_secs(5))
            .await
            .unwrap_err();
        assert!(error.to_string().contains("no-such-program"), "{error}");
    }
}
