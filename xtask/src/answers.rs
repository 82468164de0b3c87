//! Leaves out of a plugin what frees the answers of its functions.
//!
//! A toolchain exports a function beside each function of the contract that gives the memory of an answer back
//! (`cabi_post_...`, "post-return" in the component model's canonical ABI). An instance of ours lives for one call, so
//! there is nothing to give back, and looking each of them up in every call costs more than many calls do.

use std::convert::Infallible;

use anyhow::Context as _;
use wasm_encoder::reencode::{Error, Reencode, utils};
use wasm_encoder::{ExportSection, Module};
use wasmparser::{Export, Parser};

/// What the names of such exports begin with.
const FREES_ANSWER: &str = "cabi_post_";

struct WithoutFreeing;

impl Reencode for WithoutFreeing {
    type Error = Infallible;

    fn parse_export(
        &mut self,
        exports: &mut ExportSection,
        export: Export<'_>,
    ) -> Result<(), Error<Infallible>> {
        if export.name.starts_with(FREES_ANSWER) {
            return Ok(());
        }
        utils::parse_export(self, exports, export)
    }
}

/// A core module without the exports that free answers.
pub(crate) fn without_freeing(core_module: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut kept = Module::new();
    WithoutFreeing
        .parse_core_module(&mut kept, Parser::new(0), core_module)
        .context("its core module cannot be read")?;
    Ok(kept.finish())
}

#[cfg(test)]
mod tests {
    use wasm_encoder::{
        CodeSection, CustomSection, ExportKind, Function, FunctionSection, Instruction, TypeSection,
    };
    use wasmparser::Payload;

    use super::*;

    #[test]
    fn everything_else_stays() {
        let (mut types, mut functions) = (TypeSection::new(), FunctionSection::new());
        types.ty().function([], []);
        functions.function(0);
        let mut exports = ExportSection::new();
        exports.export("muster:connector/meta@0.1.0#probe", ExportKind::Func, 0);
        exports.export(
            "cabi_post_muster:connector/meta@0.1.0#probe",
            ExportKind::Func,
            0,
        );
        let mut code = CodeSection::new();
        let mut empty = Function::new([]);
        empty.instruction(&Instruction::End);
        code.function(&empty);
        let mut module = Module::new();
        module
            .section(&types)
            .section(&functions)
            .section(&exports)
            .section(&code)
            .section(&CustomSection {
                name: "component-type".into(),
                data: b"the contract"[..].into(),
            });
        let kept = without_freeing(&module.finish()).unwrap();
        let mut seen = Vec::new();
        for payload in Parser::new(0).parse_all(&kept) {
            match payload.unwrap() {
                Payload::ExportSection(exports) => {
                    seen.extend(exports.into_iter().map(|export| export.unwrap().name));
                }
                Payload::CustomSection(section) => seen.push(section.name()),
                _ => {}
            }
        }
        assert_eq!(
            seen,
            ["muster:connector/meta@0.1.0#probe", "component-type"]
        );
    }

    #[test]
    fn what_is_no_module_is_said() {
        assert!(without_freeing(b"no module").is_err());
    }
}
