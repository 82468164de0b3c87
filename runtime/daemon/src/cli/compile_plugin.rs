//! `muster compile-plugin`, which nobody types: the daemon starts it to compile a plugin in a process of its
//! own, with limits that hold for whatever the file makes of the compiler.

use std::io::{self, Read as _};

use rustix::process::{Resource, Rlimit, nice, setrlimit};

use super::error::CliError;
use super::{Answer, Context, Ended};

/// How far it stands back behind the daemon.
const NICE: i32 = 10;

pub(super) fn run(context: &mut Context<'_, '_>) -> Ended {
    limit(Resource::Core, 0)?;
    limit(Resource::As, muster_host::COMPILE_MEMORY_MAX)?;
    limit(Resource::Cpu, muster_host::COMPILE_CPU_MAX.as_secs())?;
    // Standing back is a courtesy: without it, it compiles all the same.
    nice(NICE).ok();
    let mut component = Vec::new();
    io::stdin()
        .lock()
        .take(muster_host::FILE_BYTES_MAX)
        .read_to_end(&mut component)
        .map_err(CliError::Output)?;
    match muster_host::compile(&component) {
        Ok(code) => {
            context.printer.bytes(&code)?;
            Ok(Answer::Yes)
        }
        Err(reason) => {
            context.printer.note(&reason)?;
            Ok(Answer::No)
        }
    }
}

fn limit(resource: Resource, most: u64) -> Result<(), CliError> {
    let limit = Rlimit {
        current: Some(most),
        maximum: Some(most),
    };
    setrlimit(resource, limit).map_err(|error| CliError::Output(error.into()))
}
