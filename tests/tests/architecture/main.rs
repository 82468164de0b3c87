//! The shape of the repository, as `ARCHITECTURE.md` says it is: who may depend on whom, which crate
//! alone knows which library, and how long a file may be. Whoever breaks a rule reads here which.

#![expect(clippy::unwrap_used, reason = "test code")]

mod modules;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Longest source file, tests included. What is longer is more than one idea.
const LINES_MAX: usize = 800;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A member of the workspace.
struct Member {
    folder: PathBuf,
    /// What its code depends on, with the kind: `normal`, `build` or `dev`.
    dependencies: Vec<(String, String)>,
}

impl Member {
    /// What it depends on outside of its tests.
    fn uses(&self) -> BTreeSet<&str> {
        let dependencies = self.dependencies.iter();
        let shipped = dependencies.filter(|(_, kind)| kind != "dev");
        shipped.map(|(name, _)| name.as_str()).collect()
    }
}

fn members() -> BTreeMap<String, Member> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--no-deps", "--offline"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap().iter();
    packages
        .map(|package| {
            let manifest = Path::new(package["manifest_path"].as_str().unwrap());
            let dependencies = package["dependencies"].as_array().unwrap().iter();
            let dependencies = dependencies.map(|dependency| {
                let name = dependency["name"].as_str().unwrap().to_owned();
                let kind = dependency["kind"].as_str().unwrap_or("normal").to_owned();
                (name, kind)
            });
            let member = Member {
                folder: manifest.parent().unwrap().to_owned(),
                dependencies: dependencies.collect(),
            };
            (package["name"].as_str().unwrap().to_owned(), member)
        })
        .collect()
}

/// What each package of the lock file depends on.
fn locked() -> BTreeMap<String, BTreeSet<String>> {
    let lock = std::fs::read_to_string(root().join("Cargo.lock")).unwrap();
    let mut packages: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for package in lock.split("[[package]]").skip(1) {
        let quoted = |line: &str| line.split('"').nth(1).map(str::to_owned);
        let mut lines = package.lines();
        let name = lines
            .find(|line| line.starts_with("name = "))
            .and_then(quoted)
            .unwrap();
        let listed = lines.skip_while(|line| !line.starts_with("dependencies = "));
        // An entry is a name, followed by a version where there are several.
        let names = listed.skip(1).filter_map(quoted);
        let names = names.filter_map(|entry| entry.split(' ').next().map(str::to_owned));
        packages.entry(name).or_default().extend(names);
    }
    packages
}

/// Everything that comes along with these packages.
fn closure(names: BTreeSet<&str>) -> BTreeSet<String> {
    let locked = locked();
    let mut found: BTreeSet<String> = BTreeSet::new();
    let mut next: Vec<String> = names.into_iter().map(str::to_owned).collect();
    while let Some(name) = next.pop() {
        if found.insert(name.clone()) {
            next.extend(locked.get(&name).into_iter().flatten().cloned());
        }
    }
    found
}

/// Tests, their guests and benches hold the whole against the bare libraries, so they may know both.
fn is_yardstick(name: &str) -> bool {
    matches!(name, "muster-tests" | "muster-bench") || name.starts_with("muster-guest-")
}

fn ours(member: &Member, all: &BTreeMap<String, Member>) -> BTreeSet<String> {
    let uses = member
        .uses()
        .into_iter()
        .filter(|name| all.contains_key(*name));
    uses.map(str::to_owned).collect()
}

/// What each crate of the runtime may depend on, of ours.
const DIRECTIONS: [(&str, &[&str]); 9] = [
    ("muster-core", &[]),
    ("muster-ledger", &["muster-core"]),
    ("muster-intake", &["muster-core"]),
    ("muster-config", &["muster-core", "muster-intake"]),
    ("muster-api", &["muster-core"]),
    ("muster-host", &["muster-core"]),
    (
        "muster-daemon",
        &[
            "muster-api",
            "muster-config",
            "muster-core",
            "muster-host",
            "muster-intake",
            "muster-ledger",
        ],
    ),
    (
        "muster",
        &[
            "muster-api",
            "muster-config",
            "muster-core",
            "muster-daemon",
            "muster-intake",
        ],
    ),
    ("muster-sdk", &[]),
];

#[test]
fn the_core_knows_nobody_and_the_others_know_only_what_the_map_says() {
    let members = members();
    for (name, expected) in DIRECTIONS {
        let found = ours(&members[name], &members);
        let expected: BTreeSet<String> = expected.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!(found, expected, "what {name} may depend on");
    }
    let runtime = root().canonicalize().unwrap().join("runtime");
    let unnamed: Vec<&String> = members
        .iter()
        .filter(|(_, member)| member.folder.starts_with(&runtime))
        .map(|(name, _)| name)
        .filter(|name| DIRECTIONS.iter().all(|(known, _)| known != name))
        .collect();
    assert!(unnamed.is_empty(), "without a direction: {unnamed:?}");
}

#[test]
fn what_others_use_is_built_without_the_sandbox_and_without_the_store() {
    let members = members();
    for name in [
        "muster-core",
        "muster-intake",
        "muster-config",
        "muster-api",
    ] {
        let along = closure(members[name].uses());
        for heavy in ["wasmtime", "redb", "axum"] {
            assert!(!along.contains(heavy), "{heavy} comes along with {name}");
        }
    }
}

#[test]
fn plugins_and_guests_know_only_the_sdk() {
    let members = members();
    let mut seen = 0;
    for (name, member) in &members {
        let is_plugin = ["plugins", "tests/guests"].iter().any(|folder| {
            member
                .folder
                .starts_with(root().canonicalize().unwrap().join(folder))
        });
        if is_plugin {
            seen += 1;
            assert_eq!(
                ours(member, &members),
                ["muster-sdk".to_owned()].into(),
                "{name}"
            );
        }
    }
    assert!(seen >= 2, "the plugins are gone");
}

#[test]
fn nobody_but_the_command_line_tests_and_benches_depends_on_the_daemon() {
    let members = members();
    for (name, member) in &members {
        let uses = member.uses();
        assert!(
            !uses.contains("muster-daemon") || name == "muster" || is_yardstick(name),
            "{name} depends on the daemon"
        );
        assert!(
            !uses.contains("muster"),
            "{name} depends on the command line"
        );
    }
}

#[test]
fn the_command_line_knows_of_the_daemon_what_is_done_in_its_own_process() {
    let cli = root().join("runtime/cli/src");
    let mut found = Vec::new();
    for path in sources() {
        if !path.starts_with(&cli) {
            continue;
        }
        let source = std::fs::read_to_string(&path).unwrap();
        let mut uses = source.split("muster_daemon::").skip(1);
        if uses.any(|used| !used.starts_with("local")) {
            found.push(path);
        }
    }
    assert!(found.is_empty(), "more than `local`: {found:?}");
}

/// The libraries that only one crate may know, and the crate.
const KNOWN_BY_ONE: [(&str, &str); 6] = [
    ("redb", "muster-ledger"),
    ("rmp-serde", "muster-ledger"),
    ("wasmtime", "muster-host"),
    ("wasmtime-wasi", "muster-host"),
    ("wit-bindgen", "muster-sdk"),
    ("cel", "muster-core"),
];

#[test]
fn some_libraries_are_known_to_one_crate_alone() {
    let members = members();
    for (library, owner) in KNOWN_BY_ONE {
        assert!(
            members[owner].uses().contains(library),
            "{owner} no longer uses {library}"
        );
        for (name, member) in &members {
            let knows = member.uses().contains(library) && !is_yardstick(name);
            assert!(
                !knows || name == owner,
                "{name} knows {library}, which is {owner}'s"
            );
        }
    }
}

/// What would bring a clock's tick, a thread pool, a socket, a file or chance into a crate.
const EFFECTS: [&str; 15] = [
    "async-std",
    "futures-executor",
    "getrandom",
    "hyper",
    "mio",
    "notify",
    "rand",
    "redb",
    "reqwest",
    "rustls",
    "smol",
    "socket2",
    "tempfile",
    "tokio",
    "wasmtime",
];

#[test]
fn nothing_comes_along_with_the_core_that_could_act() {
    let members = members();
    let along = closure(members["muster-core"].uses());
    assert!(along.contains("cel"), "the lock file was not understood");
    let acting: Vec<&str> = EFFECTS
        .into_iter()
        .filter(|name| along.contains(*name))
        .collect();
    assert_eq!(acting, [""; 0], "the core decides, and does nothing else");
}

#[test]
fn the_core_stores_and_sends_nothing() {
    let members = members();
    for (name, forbidden) in [
        (
            "muster-core",
            &["serde", "serde_json", "rmp-serde", "tracing", "tokio"][..],
        ),
        ("muster-ledger", &["tokio", "hyper", "axum"][..]),
        ("muster-host", &["axum", "redb"][..]),
    ] {
        let uses = members[name].uses();
        let found: Vec<_> = forbidden
            .iter()
            .filter(|library| uses.contains(**library))
            .collect();
        assert!(found.is_empty(), "{name} uses {found:?}");
    }
}

/// Every source file of ours.
fn sources() -> Vec<PathBuf> {
    let top = ["runtime", "plugin-sdk", "plugins", "demo", "tests", "xtask"];
    let mut folders: Vec<PathBuf> = top.iter().map(|name| root().join(name)).collect();
    let mut sources = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                let name = path.file_name().unwrap();
                if name != "target" && name != "node_modules" {
                    folders.push(path);
                }
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                sources.push(path);
            }
        }
    }
    sources.sort();
    assert!(sources.len() > 100, "the sources were not found");
    sources
}

#[test]
fn every_source_file_says_first_what_it_is_for() {
    let silent: Vec<PathBuf> = sources()
        .into_iter()
        .filter(|path| !std::fs::read_to_string(path).unwrap().starts_with("//! "))
        .collect();
    assert!(silent.is_empty(), "without a word at the top: {silent:?}");
}

#[test]
fn no_source_file_is_longer_than_one_idea() {
    let long: Vec<(PathBuf, usize)> = sources()
        .into_iter()
        .map(|path| {
            let lines = std::fs::read_to_string(&path).unwrap().lines().count();
            (path, lines)
        })
        .filter(|(_, lines)| *lines > LINES_MAX)
        .collect();
    assert!(long.is_empty(), "longer than {LINES_MAX} lines: {long:?}");
}

/// Most entries at the top of the daemon, as `ls` lists them.
const TOP_ENTRIES_MAX: usize = 15;

#[test]
fn the_top_of_the_daemon_is_taken_in_at_a_glance() {
    let entries = std::fs::read_dir(root().join("runtime/daemon/src")).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let names: BTreeSet<String> = names.collect();
    assert!(names.len() <= TOP_ENTRIES_MAX, "{names:?}");
}

#[test]
fn nothing_holds_all_of_the_daemon_for_everybody() {
    let found: Vec<PathBuf> = sources()
        .into_iter()
        .filter(|path| path.starts_with(root().join("runtime/daemon/src")))
        .filter(|path| {
            let source = std::fs::read_to_string(path).unwrap();
            // Each loop and each question is given the handles that it needs.
            let mut lines = source.lines().map(str::trim_start);
            lines.any(|line| {
                line.starts_with("pub struct App ") || line.starts_with("pub trait Engine ")
            })
        })
        .collect();
    assert!(found.is_empty(), "one for everything: {found:?}");
}

/// The arguments of every log line in a source.
fn log_lines(source: &str) -> Vec<&str> {
    let levels = ["error!(", "warn!(", "info!(", "debug!(", "trace!("];
    let begins = source.match_indices("tracing::").filter_map(|(at, word)| {
        let rest = source.get(at + word.len()..)?;
        levels.iter().find_map(|level| rest.strip_prefix(level))
    });
    begins.map(arguments).collect()
}

/// What stands before the bracket that closes, whatever is in texts between.
fn arguments(rest: &str) -> &str {
    let (mut depth, mut in_text, mut is_escaped) = (1, false, false);
    for (at, char) in rest.char_indices() {
        match char {
            _ if is_escaped => is_escaped = false,
            '\\' if in_text => is_escaped = true,
            '"' => in_text = !in_text,
            '(' if !in_text => depth += 1,
            ')' if !in_text => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return rest.get(..at).unwrap_or_default();
        }
    }
    rest
}

#[test]
fn c47_no_log_line_has_the_words_of_an_app_a_plugin_or_a_file() {
    let carriers = [
        ".text",
        "text =",
        "reason =",
        "problem",
        "mistake",
        ".hint",
        "detail",
        "last_failure",
    ];
    let mut found = Vec::new();
    for path in sources() {
        if !path.starts_with(root().join("runtime")) {
            continue;
        }
        let source = std::fs::read_to_string(&path).unwrap();
        for line in log_lines(&source) {
            if carriers.iter().any(|carrier| line.contains(carrier)) {
                found.push(format!("{}: {line}", path.display()));
            }
        }
    }
    assert!(
        found.is_empty(),
        "logs carry ids, and words go into findings: {found:#?}"
    );
}

#[test]
fn every_crate_takes_the_lints_of_the_workspace() {
    for (name, member) in members() {
        let manifest = std::fs::read_to_string(member.folder.join("Cargo.toml")).unwrap();
        assert!(
            manifest.contains("[lints]\nworkspace = true"),
            "{name} goes its own way"
        );
    }
}

#[test]
fn the_cores_own_clippy_file_repeats_what_the_root_bans() {
    let read = |path: &str| std::fs::read_to_string(root().join(path)).unwrap();
    let core = read("runtime/core/clippy.toml");
    for line in read("clippy.toml")
        .lines()
        .filter(|line| line.contains("path = "))
    {
        let path = line.split('"').nth(1).unwrap();
        assert!(
            core.contains(&format!("\"{path}\"")),
            "runtime/core/clippy.toml lacks {path}"
        );
    }
}

#[test]
fn the_types_of_a_version_of_the_contract_stay_in_its_folder() {
    let host = root().join("runtime/host/src");
    let fence = host.join("contract");
    let mut versions = BTreeSet::new();
    for entry in std::fs::read_dir(&fence).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            versions.insert(path.file_name().unwrap().to_str().unwrap().to_owned());
        }
    }
    assert!(versions.contains("v0_1"), "{versions:?}");
    let mut found = Vec::new();
    for path in sources() {
        if !path.starts_with(&host) || versions.iter().any(|v| path.starts_with(fence.join(v))) {
            continue;
        }
        let source = std::fs::read_to_string(&path).unwrap();
        let mut names = vec!["bindgen!".to_owned(), "bindings::".to_owned()];
        // Who is behind the fence is known to the fence alone.
        if path != fence.join("mod.rs") {
            names.extend(versions.iter().map(|version| format!("{version}::")));
        }
        let there = names.into_iter().filter(|name| source.contains(name));
        found.extend(there.map(|name| format!("{}: {name}", path.display())));
    }
    assert!(found.is_empty(), "outside of the fence: {found:#?}");
}

/// The functions of the contract with a name that is no everyday word.
fn functions() -> BTreeSet<String> {
    let read = |file: &str| std::fs::read_to_string(root().join("wit").join(file)).unwrap();
    let text = read("meta.wit") + &read("capabilities.wit");
    let names = text.lines().filter_map(|line| {
        let (name, _) = line.trim_start().split_once(": func(")?;
        name.contains('-').then(|| name.to_owned())
    });
    names.collect()
}

/// The one place where functions of the contract stand as texts: beside their type.
const NAMES_FUNCTIONS: &str = "runtime/core/src/connector/function.rs";

#[test]
fn no_function_of_the_contract_is_written_as_a_text() {
    let functions = functions();
    assert!(functions.len() > 15, "the contract was not understood");
    let mut found = Vec::new();
    for path in sources() {
        let relative = path.strip_prefix(root()).unwrap().to_str().unwrap();
        let is_shipped = relative.starts_with("runtime/") && relative.contains("/src/");
        if !is_shipped || relative == NAMES_FUNCTIONS {
            continue;
        }
        let source = std::fs::read_to_string(&path).unwrap();
        // What tests make up for themselves is read by nobody else.
        let shipped = source.split("#[cfg(test)]").next().unwrap_or_default();
        let named = functions
            .iter()
            .filter(|function| shipped.contains(&format!("\"{function}\"")));
        found.extend(named.map(|function| format!("{relative}: {function}")));
    }
    assert!(
        found.is_empty(),
        "`connector::Function` has a word for each: {found:#?}"
    );
}

/// What asks the machine for the time, or waits by its clock.
const OF_THE_MACHINES_CLOCK: [&str; 7] = [
    "Timestamp::now",
    "Zoned::now",
    "SystemTime::now",
    "Instant::now",
    "time::sleep",
    "time::timeout",
    "time::interval",
];

/// Files in which a bound of I/O goes by the machine's clock, and decides nothing of the product: what a client at a
/// door may take, how long a stop waits for what is out, what the command line asks in its own process.
const BOUNDS_OF_IO: [&str; 7] = [
    "runtime/daemon/src/answers/progress.rs",
    "runtime/daemon/src/server/connection.rs",
    "runtime/daemon/src/server/hooks.rs",
    "runtime/daemon/src/server/listen.rs",
    "runtime/daemon/src/start/life.rs",
    "runtime/daemon/src/local/reach.rs",
    // The machine's clock itself.
    "runtime/intake/src/folder/time.rs",
];

#[test]
fn the_daemon_and_its_drop_folders_ask_nobody_but_their_clock_for_the_time() {
    for file in sources() {
        let shown = file
            .strip_prefix(root())
            .unwrap()
            .to_string_lossy()
            .into_owned();
        let is_ours = ["runtime/daemon/src/", "runtime/intake/src/folder/"]
            .iter()
            .any(|folder| shown.starts_with(folder));
        if !is_ours || BOUNDS_OF_IO.contains(&shown.as_str()) {
            continue;
        }
        let source = std::fs::read_to_string(&file).unwrap();
        for (number, line) in source.lines().enumerate() {
            for call in OF_THE_MACHINES_CLOCK {
                assert!(
                    !line.contains(call),
                    "{shown}:{} asks the machine: `{call}`; take a `Clock` and ask that",
                    number + 1
                );
            }
        }
    }
}

#[test]
fn every_task_of_the_daemon_has_an_owner() {
    for file in sources() {
        let shown = file
            .strip_prefix(root())
            .unwrap()
            .to_string_lossy()
            .into_owned();
        if !shown.starts_with("runtime/daemon/src/") {
            continue;
        }
        for line in std::fs::read_to_string(&file).unwrap().lines() {
            assert!(
                !line.contains("tokio::spawn(") || line.contains("= tokio::spawn("),
                "{shown}: somebody has to hold this task, and end it: {line}"
            );
        }
    }
}

#[test]
fn what_prints_for_debugging_decides_nothing_in_the_daemon() {
    let daemon = root().join("runtime/daemon/src");
    let mut found = Vec::new();
    for path in sources() {
        let source = std::fs::read_to_string(&path).unwrap();
        // A text that is nothing but a value as it prints is there to be compared or parsed.
        let mut texts = source.split("format!(\"{").skip(1);
        let is_debug = |rest: &str| rest.split('"').next().unwrap_or_default().ends_with(":?}");
        let is_alone = |rest: &str| !rest.split(":?}").next().unwrap_or_default().contains('}');
        if path.starts_with(&daemon) && texts.any(|rest| is_debug(rest) && is_alone(rest)) {
            found.push(path);
        }
    }
    assert!(found.is_empty(), "compare by `PartialEq`: {found:?}");
}

/// The numbers of the cases that have a test, from names like `c07_...`.
fn tested_cases() -> BTreeSet<usize> {
    let number = |line: &str| -> Option<usize> {
        let name = line.trim_start();
        let name = name.strip_prefix("async ").unwrap_or(name);
        let (number, _) = name.strip_prefix("fn c")?.split_once('_')?;
        (number.len() == 2).then(|| number.parse().ok()).flatten()
    };
    let mut tested = BTreeSet::new();
    for source in sources() {
        let text = std::fs::read_to_string(source).unwrap();
        let mut is_test = false;
        for line in text.lines() {
            if is_test {
                tested.extend(number(line));
            }
            // Attributes may stand between the two.
            let attribute = line.trim_start().starts_with("#[");
            is_test = (attribute && (is_test || line.contains("test")))
                || (is_test && line.trim().is_empty());
        }
    }
    tested
}

#[test]
fn every_case_has_a_test_under_its_number() {
    let table = std::fs::read_to_string(root().join("tests/tests/cases/README.md")).unwrap();
    let cases: BTreeSet<usize> = table
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.split(' ').next()?.parse().ok())
        .collect();
    assert_eq!(cases.len(), 75, "the table was not understood");
    let tested = tested_cases();
    let untested: Vec<&usize> = cases.difference(&tested).collect();
    assert!(untested.is_empty(), "without a test: {untested:?}");
}

/// The constants of a source file that say a limit, and what they are.
fn limits(source: &str) -> BTreeMap<String, String> {
    let text = std::fs::read_to_string(root().join(source)).unwrap();
    let lines = text.lines().filter_map(|line| {
        let (_, rest) = line.trim().split_once("const ")?;
        let (name, value) = rest.split_once(" = ")?;
        let (name, _) = name.split_once(':')?;
        name.ends_with("_MAX")
            .then(|| (name.to_owned(), value.trim_end_matches(';').to_owned()))
    });
    lines.collect()
}

#[test]
fn c60_the_sdk_names_the_limits_that_the_host_keeps() {
    let sdk = limits("plugin-sdk/rust/src/limits.rs");
    let mut host = limits("runtime/host/src/contract/v0_1/convert/check.rs");
    host.extend(limits("runtime/host/src/contract/v0_1/calls.rs"));
    host.extend(limits("runtime/host/src/read.rs"));
    host.extend(limits("runtime/host/src/listing.rs"));
    let scratch = limits("runtime/host/src/scratch.rs").remove("BYTES_MAX");
    host.extend(scratch.map(|value| ("SCRATCH_BYTES_MAX".to_owned(), value)));
    assert!(sdk.len() >= 10, "{sdk:?}");
    for (name, value) in &sdk {
        assert_eq!(host.get(name), Some(value), "{name}");
    }
    let checked = limits("runtime/host/src/contract/v0_1/convert/check.rs");
    let unnamed: Vec<&String> = checked
        .keys()
        .filter(|name| !sdk.contains_key(*name))
        .collect();
    assert!(unnamed.is_empty(), "the SDK does not name: {unnamed:?}");
}
