//! Compiling a plugin, in a process of its own where there is one.
//!
//! A file of a few hundred kilobytes can be made so that compiling it takes gigabytes and minutes. In a
//! process of its own that costs nobody but itself: it has limits, it can be ended, and whatever it runs
//! into, the daemon goes on. What comes out of it is trusted as much as if it had been made here: the
//! process is this same program, and its output comes through a pipe that nobody else can write to.

use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, Command};

use crate::load_error::LoadError;

/// Memory that compiling a plugin may take, in bytes.
pub const COMPILE_MEMORY_MAX: u64 = 2 << 30;

/// Processor time that compiling a plugin may take.
pub const COMPILE_CPU_MAX: Duration = Duration::from_mins(2);

/// Time that it may take altogether, on a machine that is busy with other things.
const COMPILE_TIME_MAX: Duration = Duration::from_mins(10);

/// Largest compiled plugin, in bytes.
const CODE_BYTES_MAX: u64 = 512 << 20;

/// Most of what the process says of its failure, in bytes.
const SAID_BYTES_MAX: u64 = 2 << 10;

/// The program that compiles: it reads a component, sets itself the limits of this module, and writes what
/// [`compile`] returns.
#[derive(Clone, Debug)]
pub struct Compiler {
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<OsString>,
}

/// Compiles a component with the settings of every host, for the process that a [`Compiler`] starts.
///
/// # Errors
///
/// What the compiler says.
pub fn compile(component: &[u8]) -> Result<Vec<u8>, String> {
    let engine = crate::engine::to_compile().map_err(|error| format!("{error:#}"))?;
    engine
        .precompile_component(component)
        .map_err(|error| crate::failure::cut(&format!("{error:#}")))
}

/// Compiles a component apart, in a process that `compiler` starts.
pub(crate) async fn apart(compiler: &Compiler, component: Arc<[u8]>) -> Result<Vec<u8>, LoadError> {
    let failed = |what: &str, error: std::io::Error| {
        LoadError::Compile(format!("{what} the process that compiles: {error}"))
    };
    let mut child = Command::new(&compiler.program)
        .args(&compiler.arguments)
        // It needs nothing of what this process knows.
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // Whoever stops waiting, because the daemon stops, ends it.
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| failed("could not start", error))?;
    let ended = tokio::time::timeout(COMPILE_TIME_MAX, exchange(&mut child, &component)).await;
    let Ok(ended) = ended else {
        return Err(too_costly(format!(
            "it was not done after {} minutes",
            COMPILE_TIME_MAX.as_secs() / 60
        )));
    };
    let (code, said, status) = ended.map_err(|error| failed("could not speak to", error))?;
    if status.success() && code.len() as u64 <= CODE_BYTES_MAX {
        return Ok(code);
    }
    Err(reason(status, &said))
}

/// Sends it the component, and takes what it writes until it ends.
async fn exchange(
    child: &mut Child,
    component: &[u8],
) -> std::io::Result<(Vec<u8>, String, ExitStatus)> {
    let (mut input, output, error) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let giving = async {
        if let Some(input) = input.as_mut() {
            // One that has ended says why in another way.
            drop(input.write_all(component).await);
        }
        drop(input);
    };
    let ((), code, said) = tokio::join!(
        giving,
        read(output, CODE_BYTES_MAX + 1),
        read(error, SAID_BYTES_MAX)
    );
    // What would write more than is read is not waited for.
    let (code, said) = (code?, String::from_utf8_lossy(&said?).into_owned());
    if code.len() as u64 > CODE_BYTES_MAX {
        child.start_kill()?;
    }
    Ok((code, said, child.wait().await?))
}

async fn read(from: Option<impl AsyncRead + Unpin>, bytes_max: u64) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(from) = from {
        from.take(bytes_max).read_to_end(&mut bytes).await?;
    }
    Ok(bytes)
}

fn too_costly(text: String) -> LoadError {
    LoadError::TooCostly(text)
}

/// Why there is no code. What the compiler says of the component is its answer; being ended is a limit.
fn reason(status: ExitStatus, said: &str) -> LoadError {
    let said = crate::failure::cut(said.trim());
    match (status.code(), status.signal()) {
        (Some(0), _) => too_costly(format!(
            "its code would be larger than {} MiB",
            CODE_BYTES_MAX >> 20
        )),
        (Some(_), _) if !said.is_empty() => LoadError::Compile(said),
        // SIGXCPU, or SIGKILL a little later.
        (_, Some(24 | 9)) => too_costly(format!(
            "it took more than {} s of processor time, or all memory there is",
            COMPILE_CPU_MAX.as_secs()
        )),
        (_, signal) => too_costly(format!(
            "it needed more than {} MiB of memory, or the compiler broke off ({})",
            COMPILE_MEMORY_MAX >> 20,
            signal.map_or_else(|| said.clone(), |signal| format!("signal {signal}")),
        )),
    }
}

#[cfg(test)]
mod tests {
    use muster_core::coded::Coded as _;

    use super::*;

    #[test]
    fn c42_a_compiler_that_was_ended_says_which_limit_it_was() {
        for (raw, said, code, says) in [
            (24, "", "PLG-041", "120 s of processor time"),
            (9, "", "PLG-041", "120 s of processor time"),
            (
                6,
                "memory allocation failed",
                "PLG-041",
                "2048 MiB of memory",
            ),
            (0, "", "PLG-041", "larger than 512 MiB"),
            (1 << 8, "it is not valid", "PLG-005", "it is not valid"),
        ] {
            let error = reason(ExitStatus::from_raw(raw), said);
            assert_eq!(error.code().as_str(), code, "{error}");
            assert!(error.to_string().contains(says), "{error}");
        }
    }
}
