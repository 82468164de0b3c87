//! What a component asks for and offers, read from its bytes before anything is compiled.
//!
//! A linker would find the same mistakes after seconds of compiling, in words that only its authors
//! understand. Here each refusal is a sentence: what was built against what, and what to do.

use std::collections::BTreeMap;

use wasmparser::{ComponentExternalKind, ComponentTypeRef, Encoding, Parser, Payload};

use crate::contract::{CONTRACT_VERSION, PACKAGE, Version, track};

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

/// A component that can be run here.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Admitted {
    /// The track of the contract that it was built for.
    pub(crate) version: Version,
    pub(crate) interfaces: Interfaces,
}

/// Reads a component's imports and exports and says why it cannot be run here, if so.
pub(crate) fn check(bytes: &[u8]) -> Result<Admitted, Refusal> {
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

fn check_import(import: &str) -> Result<(), Refusal> {
    let (name, version) = parts(import);
    if let Some(interface) = name.strip_prefix(PACKAGE) {
        let imports = offered(version)?.imports();
        if imports.contains(&interface) {
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
            "it imports `{import}`, and plugins make their requests through `{PACKAGE}http`, where \
             the permissions of IT hold: build it without `fetch` and the toolchain's http feature"
        )));
    }
    Err(Refusal::Import(format!(
        "it imports `{import}`, which this runtime does not have; a plugin may import the contract's \
         http, secrets, context and an empty WASI 0.2"
    )))
}

/// The track that a version is of.
fn offered(version: &str) -> Result<Version, Refusal> {
    if let Some(offered) = Version::of(version) {
        return Ok(offered);
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

fn check_exports(exports: &[String]) -> Result<Admitted, Refusal> {
    let interfaces: Interfaces = exports
        .iter()
        .filter_map(|export| {
            let (name, version) = parts(export);
            let interface = name.strip_prefix(PACKAGE)?;
            Some((interface.to_owned(), version.to_owned()))
        })
        .collect();
    let mut built_for = None;
    for version in interfaces.values() {
        // Of one that mixes tracks, the linker will miss something.
        built_for = Some(offered(version)?);
    }
    let Some(version) = built_for else {
        let text = "it is a component and not a connector: it exports nothing of muster:connector";
        return Err(Refusal::Contract(text.to_owned()));
    };
    let exports = version.exports().iter().copied();
    let missing: Vec<&str> = exports
        .filter(|wanted| !interfaces.contains_key(*wanted))
        .collect();
    if missing.is_empty() {
        return Ok(Admitted {
            version,
            interfaces,
        });
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
