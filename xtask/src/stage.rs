//! What the demo plays on: a folder of its own, the app, the daemon, and waiting for what they do.
//!
//! Both programs end with the stage, by their ids. Every wait is for a condition and has a limit.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::child::{self, Running};
use crate::say;
use crate::toolchain::cargo;
use crate::workspace::Workspace;

/// How long a program may take to be ready.
const READY_MAX: Duration = Duration::from_mins(1);
/// How long a dropped file may take to be taken up, and its changes to be carried out.
const SETTLE_MAX: Duration = Duration::from_mins(2);
/// How long between two looks at a condition.
const LOOK_AGAIN: Duration = Duration::from_millis(100);
/// How long one command of the command line may take.
const COMMAND_MAX: Duration = Duration::from_mins(1);

/// What the daemon authenticates with at the app. The app is thrown away with the demo.
const TOKEN: &str = "demo-token-of-the-workspace";
/// Where the configuration in `demo/company` says that HR drops its files.
const DROP_FOLDER: &str = "hr";
/// Where it says that the token is.
const TOKEN_FILE: &str = "secrets/workspace-token";
/// What stands for the app's addresses in it.
const ADDRESSES: [&str; 2] = ["SCIM_URL", "SCIM_HOST"];
/// Lines of the daemon's log that are shown when something went wrong.
const LOG_LINES_SHOWN: usize = 20;

/// The demo's folder and programs.
pub(crate) struct Stage {
    /// `demo/` of the workspace.
    source: PathBuf,
    folder: PathBuf,
    muster: PathBuf,
    app_program: PathBuf,
    app: Option<Running>,
    daemon: Option<Running>,
    /// Host and port of the app.
    address: String,
}

impl Stage {
    /// Builds the daemon and the app.
    pub(crate) async fn build(workspace: &Workspace) -> anyhow::Result<()> {
        say::build(workspace, "the daemon and the app");
        let mut build = child::command(cargo(), workspace.root());
        build.args([
            "build",
            "--locked",
            "--package",
            "muster",
            "--package",
            "muster-demo-scim",
        ]);
        child::run(&mut build, "building the daemon").await
    }

    /// Makes the folder anew, with configuration, policy, plugin and secret.
    pub(crate) fn prepare(workspace: &Workspace) -> anyhow::Result<Self> {
        let folder = workspace.target("demo");
        if folder.exists() {
            std::fs::remove_dir_all(&folder)
                .with_context(|| format!("could not remove the last {}", folder.display()))?;
        }
        let source = workspace.root().join("demo");
        for part in ["policy", "plugins", "secrets", DROP_FOLDER] {
            let path = folder.join(part);
            std::fs::create_dir_all(&path)
                .with_context(|| format!("could not create {}", path.display()))?;
        }
        let policies = source.join("company/policy");
        let files = std::fs::read_dir(&policies)
            .with_context(|| format!("could not read {}", policies.display()))?;
        for file in files {
            let file = file.context("could not read the demo's policy")?;
            copy(&file.path(), &folder.join("policy").join(file.file_name()))?;
        }
        copy(
            &workspace.target("plugins/scim.wasm"),
            &folder.join("plugins/scim.wasm"),
        )?;
        write_secret(&folder.join(TOKEN_FILE), TOKEN)?;
        write_seed(
            &source.join("company/groups.json"),
            &folder.join("app.json"),
        )?;
        Ok(Self {
            source,
            folder,
            muster: workspace.program("debug", "muster"),
            app_program: workspace.program("debug", "muster-demo-scim"),
            app: None,
            daemon: None,
            address: String::new(),
        })
    }

    /// Starts the app on a free port.
    pub(crate) async fn start_app(&mut self) -> anyhow::Result<()> {
        let mut command = child::command(&self.app_program, &self.folder);
        command.args(["--port", "0", "--token", TOKEN, "--seed"]);
        command
            .arg(self.folder.join("app.json"))
            .stdout(Stdio::piped());
        let mut app = Running::start(&mut command)?;
        let stdout = app.take_stdout().context("the app has no stdout")?;
        let mut line = String::new();
        let mut reader = BufReader::new(stdout);
        tokio::time::timeout(READY_MAX, reader.read_line(&mut line))
            .await
            .context("the app did not say its address")?
            .context("could not read the app's address")?;
        let address = line
            .trim()
            .strip_prefix("http://")
            .and_then(|rest| rest.split('/').next());
        address
            .context("the app said no address")?
            .clone_into(&mut self.address);
        self.app = Some(app);
        say::note(&format!("the app listens on http://{}", self.address));
        Ok(())
    }

    /// Starts the daemon and waits until it answers.
    pub(crate) async fn start_daemon(&mut self) -> anyhow::Result<()> {
        let mut config = std::fs::read_to_string(self.source.join("company/muster.toml"))
            .context("could not read demo/company/muster.toml")?;
        let host = format!("http://{}", self.address);
        for (placeholder, address) in ADDRESSES.iter().zip([&format!("{host}/scim/v2"), &host]) {
            ensure!(
                config.contains(&format!("\"{placeholder}\"")),
                "demo/company/muster.toml does not say {placeholder}"
            );
            config = config.replace(&format!("\"{placeholder}\""), &format!("\"{address}\""));
        }
        std::fs::write(self.config(), config).context("could not write muster.toml")?;
        let log = std::fs::File::create(self.log()).context("could not create the log")?;
        let mut command = child::command(&self.muster, &self.folder);
        command
            .arg("--config")
            .arg(self.config())
            .arg("serve")
            .stderr(log);
        self.daemon = Some(Running::start(&mut command)?);
        self.wait("the daemon to answer", READY_MAX, async |stage| {
            stage.status().await.is_ok()
        })
        .await?;
        say::note(&format!(
            "the daemon watches {}",
            self.drop_folder().display()
        ));
        Ok(())
    }

    /// Puts an export into HR's folder, as HR would.
    pub(crate) async fn drop_export(&mut self, name: &str) -> anyhow::Result<()> {
        say::step(&format!("HR drops {name}"));
        copy(
            &self.source.join("hr").join(name),
            &self.drop_folder().join(name),
        )?;
        let taken_up = async |stage: &Self| stage.report(name).is_some();
        self.wait("the file to be taken up", SETTLE_MAX, taken_up)
            .await
    }

    /// Shows the report that HR finds beside the file.
    pub(crate) async fn show_report(&self, name: &str) -> anyhow::Result<()> {
        let report = self.report(name).context("there is no report")?;
        let text = tokio::fs::read_to_string(&report)
            .await
            .context("could not read the report")?;
        let shown = report.strip_prefix(&self.folder).unwrap_or(&report);
        say::show(&format!("HR finds {} beside it:\n", shown.display()));
        say::quote(&text);
        Ok(())
    }

    /// Waits until the daemon has nothing left to do.
    pub(crate) async fn settle(&mut self) -> anyhow::Result<()> {
        let settled = async |stage: &Self| {
            let status = stage.status().await.unwrap_or_default();
            let open = status["operations"].as_object();
            open.is_some_and(|open| open.values().all(|count| count.as_u64() == Some(0)))
        };
        self.wait("every change to be carried out", SETTLE_MAX, settled)
            .await
    }

    /// Shows who has what at the app.
    pub(crate) async fn show_app(&self) -> anyhow::Result<()> {
        say::quote(&self.ask_app("GET", "/", "").await?);
        Ok(())
    }

    /// Signs somebody in at the app.
    pub(crate) async fn sign_in(&self, user_name: &str) -> anyhow::Result<()> {
        let body = serde_json::json!({ "userName": user_name }).to_string();
        self.ask_app("POST", "/_sessions", &body).await.map(drop)
    }

    /// Makes sure that somebody has no session left at the app.
    pub(crate) async fn check_signed_out(&self, user_name: &str) -> anyhow::Result<()> {
        let sessions = self.ask_app("GET", "/_sessions", "").await?;
        ensure!(
            !sessions.contains(user_name),
            "{user_name} is still signed in"
        );
        Ok(())
    }

    /// Shows what an export would change.
    pub(crate) async fn show_plan(&self, name: &str) -> anyhow::Result<()> {
        let file = self.source.join("hr").join(name);
        self.muster(&["plan", &file.to_string_lossy()]).await
    }

    /// Runs a command of the command line and shows what it prints.
    pub(crate) async fn muster(&self, arguments: &[&str]) -> anyhow::Result<()> {
        say::show(&format!("$ muster {}", arguments.join(" ")));
        let mut command = self.command_line(arguments);
        command.stderr(std::io::stderr());
        let output = tokio::time::timeout(COMMAND_MAX, command.output()).await;
        let output = output
            .context("the command took too long")?
            .context("could not start it")?;
        say::quote(&String::from_utf8_lossy(&output.stdout));
        // 1 is "the answer is no": there are findings, or the plan needs approval.
        let code = output.status.code();
        ensure!(
            matches!(code, Some(0 | 1)),
            "muster {} failed",
            arguments.join(" ")
        );
        Ok(())
    }

    /// What a person can do now.
    pub(crate) fn hints(&self, keep: bool) -> String {
        let program = format!(
            "{} --config {}",
            self.muster.display(),
            self.config().display()
        );
        let commands = [
            "status",
            "people",
            "why 00112",
            "accounts",
            "plugin inspect scim",
        ];
        let commands = commands
            .map(|command| format!("  {program} {command}\n"))
            .concat();
        let folder = self.drop_folder().display().to_string();
        let source = self.source.join("hr").display().to_string();
        if keep {
            format!(
                "  who has what at the app     http://{}/\n  \
                 drop another export into    {folder}\n  \
                 (take {source}/{}, change a line, copy it there)\n{commands}",
                self.address, "2026-11-22-employees.csv"
            )
        } else {
            format!(
                "  the demo left everything in {}\n  \
                 cargo xtask demo --keep leaves it running, so that you can ask it:\n{commands}",
                self.folder.display()
            )
        }
    }

    /// Shows the end of the daemon's log.
    pub(crate) fn show_log(&self) {
        let log = std::fs::read_to_string(self.log()).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        let end = lines.len().saturating_sub(LOG_LINES_SHOWN);
        if let Some(last) = lines.get(end..).filter(|last| !last.is_empty()) {
            say::note(&format!("the end of {}:", self.log().display()));
            say::note(&last.join("\n"));
        }
    }

    /// Ends the daemon first, so that it sees the app to the last.
    pub(crate) async fn end(&mut self) {
        for mut program in [self.daemon.take(), self.app.take()].into_iter().flatten() {
            program.end().await;
        }
    }

    async fn status(&self) -> anyhow::Result<Value> {
        let mut command = self.command_line(&["status", "--json"]);
        let printed = child::output(&mut command, COMMAND_MAX).await?;
        serde_json::from_str(&printed).context("the status is no JSON")
    }

    fn command_line(&self, arguments: &[&str]) -> tokio::process::Command {
        let mut command = child::command(&self.muster, &self.folder);
        command.arg("--config").arg(self.config()).args(arguments);
        command
    }

    async fn wait(
        &mut self,
        what: &str,
        limit: Duration,
        holds: impl AsyncFn(&Self) -> bool,
    ) -> anyhow::Result<()> {
        let deadline = Instant::now() + limit;
        while !holds(self).await {
            for program in [&mut self.app, &mut self.daemon].into_iter().flatten() {
                if let Some(status) = program.has_ended() {
                    bail!("waiting for {what}: a program ended ({status})");
                }
            }
            ensure!(
                Instant::now() < deadline,
                "waited {} s for {what}",
                limit.as_secs()
            );
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        Ok(())
    }

    /// The report about a dropped file, wherever the file was put.
    fn report(&self, name: &str) -> Option<PathBuf> {
        let stem = name.trim_end_matches(".csv");
        let outcomes = ["processed", "held", "rejected"].into_iter();
        let folders = outcomes.map(|outcome| self.drop_folder().join(outcome));
        let files = folders
            .filter_map(|folder| std::fs::read_dir(folder).ok())
            .flatten()
            .flatten();
        files.map(|file| file.path()).find(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.contains(stem) && name.ends_with(".report.txt")
        })
    }

    /// Asks one of the app's routes for people and tests.
    async fn ask_app(&self, method: &str, path: &str, body: &str) -> anyhow::Result<String> {
        let ask = async {
            let mut stream = TcpStream::connect(&self.address).await?;
            let request = format!(
                "{method} {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\
                 content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
                self.address,
                body.len()
            );
            stream.write_all(request.as_bytes()).await?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await?;
            anyhow::Ok(answer)
        };
        let answer = tokio::time::timeout(READY_MAX, ask)
            .await
            .context("the app did not answer")?;
        let answer = answer.context("could not ask the app")?;
        let (head, body) = answer
            .split_once("\r\n\r\n")
            .context("the app's answer was cut")?;
        ensure!(
            head.starts_with("HTTP/1.1 200"),
            "the app refused {method} {path}: {body}"
        );
        Ok(body.to_owned())
    }

    fn config(&self) -> PathBuf {
        self.folder.join("muster.toml")
    }

    fn log(&self) -> PathBuf {
        self.folder.join("muster.log")
    }

    fn drop_folder(&self) -> PathBuf {
        self.folder.join(DROP_FOLDER)
    }
}

fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    std::fs::copy(from, to)
        .map(drop)
        .with_context(|| format!("could not copy {} to {}", from.display(), to.display()))
}

/// A file that only its owner can read: the daemon refuses secrets that others can.
fn write_secret(path: &Path, secret: &str) -> anyhow::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;

    let mut options = std::fs::OpenOptions::new();
    let file = options.write(true).create_new(true).mode(0o600).open(path);
    let mut file = file.with_context(|| format!("could not create {}", path.display()))?;
    file.write_all(secret.as_bytes())
        .with_context(|| format!("could not write {}", path.display()))
}

/// What the app begins with: the groups that the roles name, and an account that Muster does not own.
fn write_seed(groups: &Path, to: &Path) -> anyhow::Result<()> {
    let seed =
        std::fs::read(groups).with_context(|| format!("could not read {}", groups.display()))?;
    let mut seed: Value = serde_json::from_slice(&seed).context("groups.json is no JSON")?;
    seed["users"] = serde_json::json!([{
        "userName": "break-glass",
        "displayName": "Emergency access",
        "title": "kept by IT",
    }]);
    std::fs::write(to, seed.to_string())
        .with_context(|| format!("could not write {}", to.display()))
}
