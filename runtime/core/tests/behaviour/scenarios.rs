//! Runs the texts in `tests/scenarios`.

#![expect(clippy::disallowed_methods, reason = "the texts are files")]

use std::path::{Path, PathBuf};

use crate::script;

#[test]
fn every_scenario_goes_as_it_is_written() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    assert!(paths.len() >= 20, "the scenarios are gone");
    let mut wrong = Vec::new();
    for path in paths {
        let written = std::fs::read_to_string(&path).unwrap();
        let went = script::run(&written);
        if went != written {
            let name = path.file_name().unwrap();
            let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
            std::fs::write(&kept, &went).unwrap();
            wrong.push(format!(
                "{} went otherwise: see {}",
                path.display(),
                kept.display()
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
