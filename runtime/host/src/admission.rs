//! What a component asks for and offers, read from its bytes before anything is compiled.
//!
//! A linker would find the same mistakes after seconds of compiling, in words that only its authors
//! understand. Here each refusal is a sentence: what was built against what, and what to do.

use std::collections::BTreeMap;

use wasmparser::{ComponentExternalKind, ComponentTypeRef, Encoding, Parser, Payload};

/// Where the contract's names begin.
pub(crate) const CONTRACT: &str = "muster:connector/";

/// The version of the contract that this runtime offers. Versions that differ in the third place
/// only are of one track: what was built for one of them runs with another, if it finds all it needs.
pub const CONTRACT_VERSION: &str = "0.1.0";

/// Interfaces of the contract that a plugin may import.
const IMPORTS: [&str; 4] = ["types", "http", "secrets", "context"];

/// Interfaces of the contract that a plugin has to export.
const EXPORTS: [&str; 9] = [
    "meta",
    "accounts",
    "entitlements",
    "grants",
    "credentials",
    "ownership",
    "changes",
    "pending",
    "events",
];

/// Interfaces of WASI 0.2 that are there, with nothing behind them.
const WASI: [&str; 26] = [
    "wasi:io/error",
    "wasi:io/poll",
    "wasi:io/streams",
    "wasi:clocks/monotonic-clock",
    "wasi:clocks/wall-clock",
    "wasi:random/random",
    "wasi:random/insecure",
    "wasi:random/insecure-seed",
    "wasi:cli/environment",
    "wasi:cli/exit",
    "wasi:cli/stdin",
    "wasi:cli/stdout",
    "wasi:cli/stderr",
    "wasi:cli/terminal-input",
    "wasi:cli/terminal-output",
    "wasi:cli/terminal-stdin",
    "wasi:cli/terminal-stdout",
    "wasi:cli/terminal-stderr",
    "wasi:filesystem/types",
    "wasi:filesystem/preopens",
    "wasi:sockets/network",
    "wasi:sockets/instance-network",
    "wasi:sockets/ip-name-lookup",
    "wasi:sockets/tcp",
    "wasi:sockets/tcp-create-socket",
    "wasi:sockets/udp",
];

/// The rest of WASI's sockets, named apart to keep the table above within one screen.
const WASI_UDP: &str = "wasi:sockets/udp-create-socket";

/// Why a file is not admitted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Refusal {
    /// It is no component at all.
    NotAComponent(String),
    /// It imports something that is not there.
    Import(String),
    /// It was built against another contract, or is no connector.
    Contract(String),
}

/// The interfaces of the contract that a component exports, with their versions.
pub(crate) type Interfaces = BTreeMap<String, String>;

/// Reads a component's imports and exports and says why it cannot be run here, if so.
pub(crate) fn check(bytes: &[u8]) -> Result<Interfaces, Refusal> {
    let Surface { imports, exports } = surface(bytes)?;
    for import in &imports {
        check_import(import)?;
    }
    check_exports(&exports)
}

/// The names of a component's own imports and exports.
#[derive(Default)]
struct Surface {
    imports: Vec<String>,
    exports: Vec<String>,
}

fn surface(bytes: &[u8]) -> Result<Surface, Refusal> {
    let broken = |error: wasmparser::BinaryReaderError| {
        Refusal::NotAComponent(format!("it is damaged: {}", error.message()))
    };
    if bytes.len() < 8 || !bytes.starts_with(b"\0asm") {
        let text = "it is not WebAssembly: it does not begin as every WebAssembly file does";
        return Err(Refusal::NotAComponent(text.to_owned()));
    }
    let mut surface = Surface::default();
    // Components hold modules and components; only what stands at depth 1 is its own.
    let mut depth = 0_u32;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.map_err(broken)? {
            Payload::Version { encoding, .. } => {
                depth += 1;
                if depth == 1 && encoding == Encoding::Module {
                    let text = "it is a core module: a plugin is a component, made from such a \
                                module by `cargo xtask plugins` or `wasm-tools component new`";
                    return Err(Refusal::NotAComponent(text.to_owned()));
                }
            }
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(section) if depth == 1 => {
                for import in section {
                    let import = import.map_err(broken)?;
                    match import.ty {
                        ComponentTypeRef::Type(_) => {}
                        _ => surface.imports.push(import.name.name.to_owned()),
                    }
                }
            }
            Payload::ComponentExportSection(section) if depth == 1 => {
                for export in section {
                    let export = export.map_err(broken)?;
                    if export.kind == ComponentExternalKind::Instance {
                        surface.exports.push(export.name.name.to_owned());
                    }
                }
            }
            _ => {}
        }
    }
    Ok(surface)
}

/// `muster:connector/meta@0.1.0` as (`muster:connector/meta`, `0.1.0`).
fn parts(name: &str) -> (&str, &str) {
    name.rsplit_once('@').unwrap_or((name, ""))
}

/// The part of a version that decides what goes together: `0.1` of `0.1.7`, `1` of `1.4.2`.
fn track(version: &str) -> Option<String> {
    let version = semver::Version::parse(version).ok()?;
    if !version.pre.is_empty() {
        return None;
    }
    Some(match (version.major, version.minor, version.patch) {
        (0, 0, patch) => format!("0.0.{patch}"),
        (0, minor, _) => format!("0.{minor}"),
        (major, ..) => major.to_string(),
    })
}

fn check_import(import: &str) -> Result<(), Refusal> {
    let (name, version) = parts(import);
    if let Some(interface) = name.strip_prefix(CONTRACT) {
        check_version(version)?;
        if IMPORTS.contains(&interface) {
            return Ok(());
        }
        return Err(Refusal::Contract(format!(
            "it was built against muster:connector@{version} and needs its `{interface}`; this \
             runtime offers {CONTRACT_VERSION}, which does not have it: update Muster, or build \
             the plugin with an older SDK"
        )));
    }
    if WASI.contains(&name) || name == WASI_UDP {
        if track(version).as_deref() == Some("0.2") {
            return Ok(());
        }
        return Err(Refusal::Import(format!(
            "it imports `{import}`, and this runtime has version 0.2 of WASI: build it for that one"
        )));
    }
    if name.starts_with("wasi:http/") {
        return Err(Refusal::Import(format!(
            "it imports `{import}`, and plugins make their requests through `{CONTRACT}http`, where \
             the permissions of IT hold: build it without `fetch` and the toolchain's http feature"
        )));
    }
    Err(Refusal::Import(format!(
        "it imports `{import}`, which this runtime does not have; a plugin may import the contract's \
         {} and an empty WASI 0.2",
        IMPORTS[1..].join(", ")
    )))
}

fn check_version(version: &str) -> Result<(), Refusal> {
    if track(version) == track(CONTRACT_VERSION) {
        return Ok(());
    }
    let said = if version.is_empty() {
        "without a version".to_owned()
    } else {
        format!("@{version}")
    };
    Err(Refusal::Contract(format!(
        "it was built against muster:connector {said}; this runtime offers {CONTRACT_VERSION} and \
         whatever else begins with 0.1: build it with the SDK of that version"
    )))
}

fn check_exports(exports: &[String]) -> Result<Interfaces, Refusal> {
    let offered: Interfaces = exports
        .iter()
        .filter_map(|export| {
            let (name, version) = parts(export);
            let interface = name.strip_prefix(CONTRACT)?;
            Some((interface.to_owned(), version.to_owned()))
        })
        .collect();
    if offered.is_empty() {
        let text = "it is a component and not a connector: it exports nothing of muster:connector";
        return Err(Refusal::Contract(text.to_owned()));
    }
    for version in offered.values() {
        check_version(version)?;
    }
    let missing: Vec<&str> = EXPORTS
        .into_iter()
        .filter(|wanted| !offered.contains_key(*wanted))
        .collect();
    if missing.is_empty() {
        return Ok(offered);
    }
    Err(Refusal::Contract(format!(
        "it does not export {}: a connector exports all interfaces of the contract, and answers \
         `unsupported` where it can do nothing",
        missing.join(", ")
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_go_together_by_track() {
        for (version, goes) in [
            ("0.1.0", true),
            ("0.1.7", true),
            ("0.2.0", false),
            ("1.0.0", false),
            ("0.1.0-rc1", false),
        ] {
            assert_eq!(check_version(version).is_ok(), goes, "{version}");
        }
    }

    #[test]
    fn an_import_is_refused_in_words() {
        let refused = |import: &str| match check_import(import) {
            Err(Refusal::Import(text) | Refusal::Contract(text)) => text,
            other => panic!("{import}: {other:?}"),
        };
        assert!(refused("wasi:http/types@0.2.10").contains("muster:connector/http"));
        assert!(refused("evil:thing/files@1.0.0").contains("`evil:thing/files@1.0.0`"));
        assert!(refused("wasi:cli/exit@0.3.0").contains("0.2"));
        assert!(refused("muster:connector/http@0.2.0").contains("built against"));
        assert!(refused("muster:connector/vaults@0.1.9").contains("update Muster"));
        assert_eq!(check_import("wasi:cli/exit@0.2.3"), Ok(()));
        assert_eq!(check_import("muster:connector/http@0.1.4"), Ok(()));
    }
}
