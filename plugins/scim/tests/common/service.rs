//! The services of the field, started for a test on a free port and stopped by their process group: scim2-server
//! and canaille, which `cargo xtask targets` installs (`tests/targets/README.md`).

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use serde_json::Value;

use super::http::{WebHost, exchange};

/// How long a service may take to start.
const START_MAX: Duration = Duration::from_secs(90);

/// What both print before the address when they are ready.
const READY: &str = "Running on http://127.0.0.1:";

/// A running service.
pub(crate) struct Service {
    child: Child,
    /// Removed with everything in it at the end.
    folder: Option<PathBuf>,
    base_url: String,
    token: String,
}

impl Service {
    /// A host that reaches it.
    pub(crate) fn host(&self) -> WebHost {
        WebHost::of(&self.base_url, &self.token)
    }

    /// The reference implementation, empty.
    pub(crate) fn scim2_server() -> Self {
        let mut command = Command::new(program("scim2-server"));
        command.args(["--port", "0", "--bearer-token", "t0k"]);
        let (child, port) = start(command);
        let base_url = format!("http://127.0.0.1:{port}/v2");
        Self {
            child,
            folder: None,
            base_url,
            token: "t0k".to_owned(),
        }
    }

    /// An identity provider with a SCIM interface behind OAuth 2.0 client credentials, with one user, `admin`.
    pub(crate) fn canaille() -> Self {
        static STARTED: AtomicU32 = AtomicU32::new(0);
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let name = format!("canaille-{}-{number}", std::process::id());
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::create_dir_all(&folder).expect("a folder for canaille");
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        std::fs::copy(
            root.join("tests/targets/canaille.toml"),
            folder.join("canaille.toml"),
        )
        .expect("tests/targets/canaille.toml");
        let canaille = || {
            let mut command = Command::new(program("canaille"));
            command
                .current_dir(&folder)
                .env("CANAILLE_CONFIG", folder.join("canaille.toml"));
            command
        };
        let client = ["muster", "s3cret-client"];
        run(canaille().args(["db", "upgrade"]));
        run(canaille()
            .args([
                "create",
                "user",
                "--user-name",
                "admin",
                "--given-name",
                "Ada",
            ])
            .args([
                "--family-name",
                "Admin",
                "--formatted-name",
                "Ada Admin",
                "--emails",
                "ada@example.org",
            ]));
        run(canaille()
            .args([
                "create",
                "client",
                "--client-id",
                client[0],
                "--client-secret",
                client[1],
            ])
            .args([
                "--client-name",
                "muster",
                "--grant-types",
                "client_credentials",
            ])
            .args(["--token-endpoint-auth-method", "client_secret_basic"]));
        let mut command = canaille();
        command.args(["run", "--bind", "127.0.0.1:0"]);
        let (child, port) = start(command);
        let token = token(port);
        let base_url = format!("http://127.0.0.1:{port}/scim/v2");
        Self {
            child,
            folder: Some(folder),
            base_url,
            token,
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        end(&mut self.child);
        if let Some(folder) = &self.folder {
            let _removed = std::fs::remove_dir_all(folder);
        }
    }
}

/// A program of the environment that `cargo xtask targets` makes.
fn program(name: &str) -> PathBuf {
    let default = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/venv");
    let folder = std::env::var_os("MUSTER_TEST_VENV").map_or_else(default, PathBuf::from);
    let program = folder.join("bin").join(name);
    assert!(
        program.exists(),
        "{} is not there: run `cargo xtask targets`",
        program.display()
    );
    program
}

fn run(command: &mut Command) {
    let output = command.output().expect("canaille starts");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Starts a service and waits until it says on which port it is.
fn start(mut command: Command) -> (Child, u16) {
    command
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().expect("the service starts");
    let (said, heard) = mpsc::channel();
    let streams: [Box<dyn Read + Send>; 2] = [
        Box::new(child.stdout.take().expect("a pipe")),
        Box::new(child.stderr.take().expect("a pipe")),
    ];
    for stream in streams {
        let said = said.clone();
        // Read to the end, or the service would stop at a full pipe.
        std::thread::spawn(move || {
            for line in BufReader::new(stream).lines().map_while(Result::ok) {
                if let Some((_, rest)) = line.split_once(READY) {
                    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
                    let _heard = said.send(digits.parse::<u16>());
                }
            }
        });
    }
    if let Ok(Ok(port)) = heard.recv_timeout(START_MAX) {
        return (child, port);
    }
    end(&mut child);
    panic!("the service did not say where it is within {START_MAX:?}");
}

/// Ends a process group: canaille runs in a worker process that would survive its parent.
fn end(child: &mut Child) {
    let group = format!("-{}", child.id());
    let _ended = Command::new("kill").args(["-TERM", "--", &group]).status();
    let _status = child.wait();
}

/// A token of canaille, for the client that was made.
fn token(port: u16) -> String {
    let headers = [
        // muster:s3cret-client
        (
            "authorization".to_owned(),
            "Basic bXVzdGVyOnMzY3JldC1jbGllbnQ=".to_owned(),
        ),
        (
            "content-type".to_owned(),
            "application/x-www-form-urlencoded".to_owned(),
        ),
    ];
    let url = format!("http://127.0.0.1:{port}/oauth/token");
    let reply = exchange(
        "POST",
        &url,
        &headers,
        Some(b"grant_type=client_credentials"),
    );
    let body: Value = serde_json::from_slice(&reply.expect("a reply").body).expect("JSON");
    body["access_token"].as_str().expect("a token").to_owned()
}
