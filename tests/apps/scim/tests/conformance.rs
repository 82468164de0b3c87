//! Two compliance testers, written by others, against this service.
//!
//! `cargo xtask targets` installs them. What they object to and RFC 7644 allows is listed here, so
//! that anything new fails.

#![expect(clippy::expect_used, reason = "test code")]

mod common;

use std::path::{Path, PathBuf};
use std::process::Stdio;

use common::{Running, TOKEN};
use muster_demo_scim::Options;
use serde_json::Value;
use tokio::process::Command;

/// The environment with the testers: `MUSTER_TESTERS_VENV`, or where `cargo xtask targets` puts it.
fn tester(name: &str) -> PathBuf {
    let installed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/venv-testers");
    let folder = std::env::var_os("MUSTER_TESTERS_VENV").map_or(installed, PathBuf::from);
    let program = folder.join("bin").join(name);
    let hint = "is not there; run `cargo xtask targets` once";
    assert!(program.is_file(), "{} {hint}", program.display());
    program
}

async fn output(command: &mut Command) -> String {
    let output = command
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .expect("the tester should start");
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

#[tokio::test]
async fn scim2_tester_finds_nothing_wrong() {
    let scim = Running::start(Options::default()).await;
    let mut command = Command::new(tester("scim2"));
    command
        .args(["--url", &format!("{}/scim/v2", scim.origin), "test"])
        .env("SCIM_CLI_HEADERS", format!("Authorization: Bearer {TOKEN}"))
        .env("NO_COLOR", "1");
    let report = output(&mut command).await;
    let successes = report
        .lines()
        .filter(|line| line.starts_with("SUCCESS"))
        .count();
    let errors: Vec<&str> = report
        .lines()
        .filter(|line| line.starts_with("ERROR") || line.starts_with("CRITICAL"))
        .collect();
    assert!(errors.is_empty(), "{report}");
    assert!(
        successes > 100,
        "only {successes} checks were made\n{report}"
    );
}

#[tokio::test]
async fn scim_sanity_finds_nothing_but_what_the_standard_allows() {
    let scim = Running::start(Options::default()).await;
    let mut command = Command::new(tester("scim-sanity"));
    let url = format!("{}/scim/v2", scim.origin);
    let switches = ["--i-accept-side-effects", "--json-output"];
    let report = output(
        command
            .args(["probe", &url, "--token", TOKEN])
            .args(switches),
    )
    .await;
    let report: Value = serde_json::from_str(&report).unwrap_or_else(|_| panic!("{report}"));
    let results = report["results"].as_array().unwrap();
    let named = |status: &str| -> Vec<&str> {
        let of = results.iter().filter(|result| result["status"] == status);
        of.filter_map(|result| result["name"].as_str()).collect()
    };
    // It adds a member that does not exist. Taking that would hide a client's mistake.
    assert_eq!(
        named("fail"),
        ["PATCH /Groups/{id} add member"],
        "{report:#}"
    );
    assert!(named("pass").len() > 20, "{report:#}");
}
