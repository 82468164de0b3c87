//! Compiling a plugin for a daemon that started this process to do so, with limits that hold for whatever the
//! file makes of the compiler.

use std::io::{self, Read};

use rustix::process::{Resource, Rlimit, nice, setrlimit};

/// How far it stands back behind the daemon.
const NICE: i32 = 10;

/// Sets this process its limits, and compiles the plugin that is read. What cannot be compiled is answered
/// with the reason.
pub fn compile_plugin(plugin: impl Read) -> io::Result<Result<Vec<u8>, String>> {
    limit(Resource::Core, 0)?;
    limit(Resource::As, muster_host::COMPILE_MEMORY_MAX)?;
    limit(Resource::Cpu, muster_host::COMPILE_CPU_MAX.as_secs())?;
    // Standing back is a courtesy: without it, it compiles all the same.
    nice(NICE).ok();
    let mut component = Vec::new();
    plugin
        .take(muster_host::FILE_BYTES_MAX)
        .read_to_end(&mut component)?;
    Ok(muster_host::compile(&component))
}

fn limit(resource: Resource, most: u64) -> io::Result<()> {
    let limit = Rlimit {
        current: Some(most),
        maximum: Some(most),
    };
    Ok(setrlimit(resource, limit)?)
}
