//! Installs the services that the tests provision, and two SCIM compliance testers.
//!
//! They come from `PyPI` with exact versions (`tests/targets/*.txt`), each set into an environment of
//! its own below `target/`, because their dependencies exclude each other. A stamp in the
//! environment holds what was installed; as long as it matches nothing is done. Python itself is
//! installed only on a Debian where this runs as root; elsewhere its absence is an error that says
//! what to do.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};

use crate::child::{self, Ended};
use crate::workspace::{Workspace, write_atomically};
use crate::{apt, say};

/// How long making an empty environment may take.
const CREATE_MAX: Duration = Duration::from_mins(3);
/// How long downloading and installing one set of packages may take.
const INSTALL_MAX: Duration = Duration::from_mins(15);
/// How long a Python may take to say its version.
const ANSWER_MAX: Duration = Duration::from_secs(30);

/// The environments that tests use, by the variables that name them.
pub(crate) struct Targets {
    /// `scim2-server` and `canaille`: `MUSTER_TEST_VENV`.
    pub(crate) services: PathBuf,
    /// `scim2` and `scim-sanity`: `MUSTER_TESTERS_VENV`.
    pub(crate) testers: PathBuf,
}

/// Installs both environments, unless they are as they should be.
pub(crate) async fn install(workspace: &Workspace) -> anyhow::Result<Targets> {
    let targets = Targets {
        services: workspace.target("venv"),
        testers: workspace.target("venv-testers"),
    };
    environment(workspace, &targets.services, "services.txt").await?;
    environment(workspace, &targets.testers, "testers.txt").await?;
    Ok(targets)
}

/// What Debian splits Python's standard library into, as far as it is needed here.
const PYTHON_PACKAGES: [&str; 2] = ["python3", "python3-venv"];

async fn environment(workspace: &Workspace, folder: &Path, list: &str) -> anyhow::Result<()> {
    let requirements = workspace.root().join("tests/targets").join(list);
    let wanted = std::fs::read_to_string(&requirements)
        .with_context(|| format!("could not read {}", requirements.display()))?;
    let python = python(workspace).await?;
    let wanted = format!("# {}\n{wanted}", python.version);
    let stamp = folder.join("installed.txt");
    if std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    say::step(&format!(
        "installing tests/targets/{list} from PyPI into {}",
        folder.display()
    ));
    create(workspace, &python, folder).await?;

    let mut install = child::command(folder.join("bin/python"), workspace.root());
    install.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
    ]);
    install
        .args(["--requirement"])
        .arg(&requirements)
        .stdout(std::io::stderr());
    let hint = "what to do: check that PyPI, or the mirror that pip is configured for, answers";
    within(&mut install, INSTALL_MAX, hint).await?;
    write_atomically(&stamp, wanted.as_bytes())
}

/// Makes an empty environment. Debian's Python cannot, until a package is added.
async fn create(workspace: &Workspace, python: &Python, folder: &Path) -> anyhow::Result<()> {
    let command = || {
        let mut command = child::command(python.program, workspace.root());
        command
            .args(["-m", "venv", "--clear"])
            .arg(folder)
            .stdout(std::io::stderr());
        command
    };
    let hint = "what to do: install Python's venv module (Debian: apt-get install python3-venv)";
    match within(&mut command(), CREATE_MAX, hint).await {
        Err(_) if apt::is_usable() => {
            apt::install(workspace, &PYTHON_PACKAGES, "Python's venv module").await?;
            within(&mut command(), CREATE_MAX, hint).await
        }
        done => done,
    }
}

async fn within(
    command: &mut tokio::process::Command,
    limit: Duration,
    hint: &str,
) -> anyhow::Result<()> {
    let arguments: Vec<_> = command
        .as_std()
        .get_args()
        .map(|a| a.to_string_lossy())
        .collect();
    let what = format!("python {}", arguments.join(" "));
    match child::run_within(command, limit).await? {
        ended if ended.is_success() => Ok(()),
        Ended::Exited(status) => bail!("{what} failed ({status})\n{hint}"),
        Ended::TimedOut => bail!("{what} took longer than {} s\n{hint}", limit.as_secs()),
    }
}

struct Python {
    program: &'static str,
    version: String,
}

async fn python(workspace: &Workspace) -> anyhow::Result<Python> {
    if let Some(python) = found_python(workspace).await {
        return Ok(python);
    }
    if apt::is_usable() {
        apt::install(
            workspace,
            &PYTHON_PACKAGES,
            "Python, for the services that tests provision",
        )
        .await?;
    }
    found_python(workspace).await.context(
        "no Python 3.10 or newer was found, and the tests provision services written in Python\n\
         what to do: install it (Debian: apt-get install python3 python3-venv), then run this again",
    )
}

async fn found_python(workspace: &Workspace) -> Option<Python> {
    for program in ["python3", "python"] {
        let mut command = child::command(program, workspace.root());
        let script = "import sys; assert sys.version_info >= (3, 10); print(sys.version)";
        if let Ok(version) = child::output(command.args(["-c", script]), ANSWER_MAX).await {
            return Some(Python {
                program,
                version: version.trim().replace('\n', " "),
            });
        }
    }
    None
}
