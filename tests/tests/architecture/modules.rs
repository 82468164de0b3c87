//! The daemon's top-level modules and which of them use which. It has more of them than any other crate and nothing
//! but this holds them apart: one crate lets each use each, and a knot grows unseen.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::{Path, PathBuf};

use super::{root, sources};

/// Where the daemon's sources are.
const DAEMON: &str = "runtime/daemon/src";

/// Which top-level modules of the daemon use which others, and the files in which they do.
type Uses = BTreeMap<String, BTreeMap<String, BTreeSet<String>>>;

/// The top-level module that a file of the daemon belongs to, and how many names its own path in the crate has.
fn module(relative: &Path) -> (String, usize) {
    let parts: Vec<String> = relative
        .with_extension("")
        .iter()
        .map(|part| part.to_str().unwrap().to_owned())
        .collect();
    let is_folder = parts.last().is_some_and(|last| last == "mod");
    (parts[0].clone(), parts.len() - usize::from(is_folder))
}

/// The names that follow `begin` in a source: `a` and `b` for `crate::a::x`, and for `crate::{a::x, b}`.
fn named_after(source: &str, begin: &str) -> Vec<String> {
    let word = |text: &str| -> String {
        let is_word = |char: &char| char.is_alphanumeric() || *char == '_';
        text.trim_start().chars().take_while(is_word).collect()
    };
    let mut names = Vec::new();
    for (at, _) in source.match_indices(begin) {
        let before = source[..at].chars().next_back();
        if before.is_some_and(|char| char.is_alphanumeric() || char == '_' || char == ':') {
            continue;
        }
        let rest = &source[at + begin.len()..];
        let Some(group) = rest.strip_prefix('{') else {
            names.push(word(rest));
            continue;
        };
        let (mut depth, mut is_next) = (0, true);
        for (at, char) in group.char_indices() {
            match char {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => is_next = true,
                char if is_next && !char.is_whitespace() => {
                    names.push(word(&group[at..]));
                    is_next = false;
                }
                _ => {}
            }
        }
    }
    names
}

/// Who uses whom in the daemon, in `use` and in the middle of the code, its unit tests included.
fn uses_in_the_daemon() -> Uses {
    let daemon = root().join(DAEMON);
    let files: Vec<PathBuf> = sources()
        .into_iter()
        .filter(|path| path.starts_with(&daemon))
        .filter(|path| *path != daemon.join("lib.rs"))
        .collect();
    let relative = |path: &PathBuf| path.strip_prefix(&daemon).unwrap().to_owned();
    let modules: BTreeSet<String> = files.iter().map(|path| module(&relative(path)).0).collect();
    let mut uses = Uses::new();
    for path in &files {
        let relative = relative(path);
        let (own, depth) = module(&relative);
        let source = std::fs::read_to_string(path).unwrap();
        // What a comment names is not used.
        let lines = source.lines().map(|line| line.split("//").next().unwrap());
        let code: Vec<&str> = lines.collect();
        let code = code.join("\n");
        let from_the_top = [
            named_after(&code, "crate::"),
            named_after(&code, &"super::".repeat(depth)),
        ];
        for used in from_the_top.into_iter().flatten() {
            if used != own && modules.contains(&used) {
                let files = uses.entry(own.clone()).or_default().entry(used);
                files.or_default().insert(relative.display().to_string());
            }
        }
    }
    assert!(uses.len() > 5, "the daemon's sources were not understood");
    uses
}

/// The shortest way from a module back to itself.
fn cycle_through(module: &str, uses: &Uses) -> Option<Vec<String>> {
    let mut ways = VecDeque::from([vec![module.to_owned()]]);
    let mut seen = BTreeSet::new();
    while let Some(way) = ways.pop_front() {
        let last = way.last()?;
        for next in uses.get(last).into_iter().flat_map(BTreeMap::keys) {
            if next == module {
                return Some(way);
            }
            if seen.insert(next.clone()) {
                ways.push_back([&way[..], std::slice::from_ref(next)].concat());
            }
        }
    }
    None
}

#[test]
fn no_modules_of_the_daemon_use_each_other_however_long_the_way_round() {
    let uses = uses_in_the_daemon();
    let mut found: BTreeMap<BTreeSet<String>, String> = BTreeMap::new();
    for module in uses.keys() {
        let Some(cycle) = cycle_through(module, &uses) else {
            continue;
        };
        let next = cycle.iter().cycle().skip(1);
        let steps = cycle.iter().zip(next).map(|(one, other)| {
            let files: Vec<&str> = uses[one][other].iter().map(String::as_str).collect();
            format!("{one} uses {other} in {}", files.join(", "))
        });
        let steps: Vec<String> = steps.collect();
        found.insert(cycle.into_iter().collect(), steps.join("; "));
    }
    let found: Vec<&String> = found.values().collect();
    assert!(
        found.is_empty(),
        "what two modules need goes down to the lower one: {found:#?}"
    );
}

/// The lines of the daemon's map in `ARCHITECTURE.md`, each with the modules that stand on it.
fn map() -> Vec<Vec<String>> {
    let page = std::fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let map = page.split("Inside of `daemon`").nth(1).unwrap();
    let map = map.split("```").nth(1).unwrap();
    let lines = map.trim().lines().map(|line| {
        let modules = line.split("  ").next().unwrap().split(", ");
        modules.map(str::to_owned).collect()
    });
    lines.collect()
}

#[test]
fn a_module_of_the_daemon_uses_only_what_stands_below_it_on_the_map() {
    let uses = uses_in_the_daemon();
    let map = map();
    let line = |module: &str| {
        map.iter()
            .position(|line| line.iter().any(|on| on == module))
    };
    for (module, used) in &uses {
        let at = line(module).unwrap_or_else(|| panic!("{module} is not on the map"));
        for (used, files) in used {
            let is_below = line(used).is_some_and(|below| below > at);
            assert!(is_below, "{used} does not stand below {module}: {files:?}");
        }
    }
    let daemon = root().join(DAEMON);
    for module in map.iter().flatten() {
        let is_there =
            daemon.join(module).is_dir() || daemon.join(format!("{module}.rs")).is_file();
        assert!(is_there, "{module} is on the map only");
    }
}

#[test]
fn modules_are_seen_to_be_used_however_it_is_written() {
    let source = "use crate::feeds::Held;\nuse crate::{clock, plans::{self, a}, retry::x};\nlet a = crate::driver::go();";
    let mut names = named_after(source, "crate::");
    names.sort();
    assert_eq!(names, ["clock", "driver", "feeds", "plans", "retry"]);
    let source = "use super::super::feeds::x;\nuse super::own;";
    assert_eq!(named_after(source, "super::super::"), ["feeds"]);
}
