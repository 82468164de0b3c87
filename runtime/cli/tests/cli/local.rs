//! Commands that need no daemon.

use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt;

use muster::Looks;
use muster_api::{PAGES, v1};

use super::{FakeLocal, check, check_failed, configure, muster, run};

fn line(arguments: &[&str]) -> Vec<OsString> {
    std::iter::once("muster")
        .chain(arguments.iter().copied())
        .map(OsString::from)
        .collect()
}

#[test]
fn what_init_writes_passes_check_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let local = FakeLocal::default();
    let place = folder.path().join("here");
    let ran = run(
        line(&["init", place.to_str().unwrap()]),
        &local,
        Looks::default(),
    );
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    let checked = muster(&place, &local, "check");
    assert_eq!(
        (checked.code, checked.err.as_str()),
        (0, ""),
        "{}",
        checked.out
    );
    assert!(
        checked
            .out
            .starts_with("in order: 1 feed, 0 targets, 2 roles; policy "),
        "{}",
        checked.out
    );
    for private in ["secrets", "data", "feeds/hr"] {
        let mode = place.join(private).metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{private}");
    }
}

#[test]
fn what_init_writes_works_with_every_comment_sign_removed() {
    let folder = tempfile::tempdir().unwrap();
    let local = FakeLocal::default();
    assert_eq!(
        run(
            line(&["init", folder.path().to_str().unwrap()]),
            &local,
            Looks::default()
        )
        .code,
        0
    );
    for name in ["muster.toml", "policy/roles.toml"] {
        let path = folder.path().join(name);
        let text = std::fs::read_to_string(&path).unwrap();
        let options = text.lines().map(|line| {
            let rest = line.strip_prefix("# ").unwrap_or(line);
            let is_option = rest.starts_with('[') || rest.contains(" = ");
            if is_option { rest } else { line }
        });
        std::fs::write(&path, options.collect::<Vec<_>>().join("\n")).unwrap();
    }
    std::fs::write(
        folder.path().join("secrets/hr-hook"),
        "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
    )
    .unwrap();
    std::fs::write(folder.path().join("secrets/crm-token"), "t0k\n").unwrap();
    for secret in ["secrets/hr-hook", "secrets/crm-token"] {
        let own = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(folder.path().join(secret), own).unwrap();
    }
    let checked = muster(folder.path(), &local, "check");
    assert_eq!(
        (checked.code, checked.err.as_str()),
        (0, ""),
        "{}",
        checked.out
    );
    assert!(
        checked
            .out
            .starts_with("in order: 1 feed, 1 target, 2 roles; policy "),
        "{}",
        checked.out
    );
}

#[test]
fn init_writes_over_nothing() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("policy")).unwrap();
    let mine = folder.path().join("policy/roles.toml");
    std::fs::write(&mine, "mine").unwrap();
    let arguments = ["init", folder.path().to_str().unwrap()];
    let ran = run(line(&arguments), &FakeLocal::default(), Looks::default());
    let expected = format!(
        "error: {} is there already\n\nhint: nothing was written; name an empty folder: `muster init FOLDER`\n\
         more: `muster explain CLI-003`\n",
        mine.display()
    );
    check_failed(&ran, &expected);
    assert!(!folder.path().join("muster.toml").exists());
}

#[test]
fn check_reads_every_secret_and_asks_every_plugin_and_shows_no_value() {
    let folder = tempfile::tempdir().unwrap();
    configure(folder.path());
    let config = folder.path().join("muster.toml");
    let mut text = std::fs::read_to_string(&config).unwrap();
    text.push_str(
        r#"
[feed.hr.hook]
secrets = [{ file = "hook" }, { env = "HOOK" }]
[target.crm]
plugin = "scim"
hosts = ["https://crm.example.com"]
secrets.api = { scheme = "bearer", token = { env = "CRM_TOKEN" } }
account.keys = { externalId = "key" }
"#,
    );
    std::fs::write(&config, text).unwrap();
    let hook = folder.path().join("hook");
    std::fs::write(&hook, "not-a-hook-secret").unwrap();
    std::fs::set_permissions(&hook, std::fs::Permissions::from_mode(0o600)).unwrap();
    let local = FakeLocal {
        plugin_findings: vec![v1::Finding {
            code: "PLG-001".to_owned(),
            severity: "error".to_owned(),
            subject: "target crm".to_owned(),
            text: "there is no plugin scim.wasm".to_owned(),
            hint: "put it into plugins".to_owned(),
            since: None,
        }],
        ..FakeLocal::default()
    };
    let ran = muster(folder.path(), &local, "check");
    let expected = format!(
        "error CFG-008 feed hr: the secret in file {path} is not written as `whsec_` and base64\n\
        \x20   put one secret into file {path}\n\
         error CFG-008 feed hr: the secret's environment variable HOOK is not set\n\
        \x20   set HOOK in the environment that `muster serve` is started with\n\
         error CFG-008 target crm, secret api: the secret's environment variable CRM_TOKEN is not set\n\
        \x20   set CRM_TOKEN in the environment that `muster serve` is started with\n\
         warning CFG-010 configuration: no role gives access to target `crm`, so nobody gets an account there\n\
         error PLG-001 target crm: there is no plugin scim.wasm\n\
        \x20   put it into plugins\n",
        path = folder.path().join("hook").display()
    );
    check(&ran, muster::NO, &expected);
}

#[test]
fn check_of_a_bad_configuration_is_a_no_with_every_mistake() {
    let folder = tempfile::tempdir().unwrap();
    configure(folder.path());
    let config = folder.path().join("muster.toml");
    let text = std::fs::read_to_string(&config)
        .unwrap()
        .replace("folder =", "foldre =");
    std::fs::write(&config, text).unwrap();
    let ran = muster(folder.path(), &FakeLocal::default(), "check");
    assert_eq!((ran.code, ran.out.as_str()), (muster::NO, ""));
    let file = config.display();
    let expected = format!(
        "error: {file}:2:7: `folder` is missing in [feed.hr]\n\n\
         hint: write for example: folder = \"feeds/hr\"\n\n\
         error: {file}:3:1: unknown key `foldre` in [feed.hr]\n\n\
         hint: did you mean `folder`?\n\n\
         more: `muster explain CFG-006`, `muster explain CFG-003`\n"
    );
    assert_eq!(ran.err, expected);
    let ran = muster(folder.path(), &FakeLocal::default(), "check --json");
    let json: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(json["is_usable"], false);
    assert_eq!(json["findings"][1]["code"], "CFG-003");
    assert_eq!(json["findings"][1]["subject"], format!("{file}:3:1"));
    // A daemon does not start with it.
    let ran = muster(folder.path(), &FakeLocal::default(), "serve");
    assert_eq!((ran.code, ran.err), (muster::FAILED, expected));
    // One that runs already can be asked all the same.
    let ran = muster(folder.path(), &FakeLocal::default(), "status");
    assert!(ran.err.contains("CLI-001"), "{}", ran.err);
}

#[test]
fn serve_runs_the_daemon_of_the_named_configuration() {
    let folder = tempfile::tempdir().unwrap();
    configure(folder.path());
    let local = FakeLocal::default();
    let ran = muster(folder.path(), &local, "serve");
    assert_eq!((ran.code, ran.out.as_str()), (0, ""));
    let served = local.served.lock().unwrap();
    assert_eq!(*served, [folder.path().join("muster.toml")]);
}

#[test]
fn a_plugin_file_is_looked_into_without_a_daemon() {
    let folder = tempfile::tempdir().unwrap();
    configure(folder.path());
    std::fs::create_dir(folder.path().join("plugins")).unwrap();
    let file = folder.path().join("plugins/scim.wasm");
    std::fs::write(&file, "\0asm").unwrap();
    let local = FakeLocal::default();
    let digest = "01".repeat(32);
    let expected = format!(
        "scim 0.1.0 by Muster\n\
        \x20 app           any SCIM 2.0 service\n\
        \x20 contract      0.1.0\n\
        \x20 file          7 bytes, sha256 {digest}\n\
        \x20 capabilities  accounts, grants\n\
        \x20 imports       muster:connector/http@0.1.0\n\
         account user: ensure-account, ensure-state\n\
         ASKS FOR\n\
         setting   base_url  required  Where the service is\n\
         secret    api       required  How to sign in (bearer, basic)\n"
    );
    check(
        &muster(folder.path(), &local, "plugin inspect scim"),
        0,
        &expected,
    );
    let by_path = format!("plugin inspect {}", file.display());
    check(&muster(folder.path(), &local, &by_path), 0, &expected);
    std::fs::write(&file, "").unwrap();
    let expected = "
error: it is no component
more: `muster explain PLG-001`
";
    check_failed(&muster(folder.path(), &local, &by_path), expected);
}

#[test]
fn explain_prints_the_page_of_a_code() {
    let local = FakeLocal::default();
    let ran = run(line(&["explain", "cfg-003"]), &local, Looks::default());
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    assert!(ran.out.starts_with("CFG-003: "), "{}", ran.out);
    for heading in ["\nWhat happened\n", "\nWhy\n", "\nWhat to do\n"] {
        assert!(ran.out.contains(heading), "{heading:?} in {}", ran.out);
    }
    let all = run(line(&["explain"]), &local, Looks::default());
    assert_eq!(all.out.lines().count(), PAGES.len());
    let expected = "
error: there is no code `CFG-03`

hint: did you mean CFG-003? `muster explain` lists all codes
more: `muster explain CLI-005`
";
    check_failed(
        &run(line(&["explain", "CFG-03"]), &local, Looks::default()),
        expected,
    );
}

#[test]
fn completions_are_written_for_each_shell() {
    for shell in ["bash", "zsh", "fish"] {
        let ran = run(
            line(&["completions", shell]),
            &FakeLocal::default(),
            Looks::default(),
        );
        assert_eq!((ran.code, ran.err.as_str()), (0, ""));
        assert!(ran.out.contains("findings"), "{shell}");
    }
}

#[test]
fn a_command_line_that_cannot_be_read_is_a_failure_and_help_is_an_answer() {
    let local = FakeLocal::default();
    let ran = run(line(&["statsu"]), &local, Looks::default());
    assert_eq!((ran.code, ran.out.as_str()), (muster::FAILED, ""));
    assert!(ran.err.contains("'status'"), "{}", ran.err);
    let ran = run(line(&["--help"]), &local, Looks::default());
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    assert!(
        ran.out
            .contains("Exit codes: 0 done, 1 the answer is no, 2 failed."),
        "{}",
        ran.out
    );
}

#[test]
fn colour_is_there_where_it_can_be_seen_and_carries_no_meaning() {
    let folder = tempfile::tempdir().unwrap();
    configure(folder.path());
    let config = folder.path().join("muster.toml").into_os_string();
    let arguments = || {
        vec![
            "muster".into(),
            "--config".into(),
            config.clone(),
            "check".into(),
        ]
    };
    let looks = Looks {
        out_colour: true,
        ..Looks::default()
    };
    let local = FakeLocal::default();
    let coloured = run(arguments(), &local, looks).out;
    let plain = run(arguments(), &local, Looks::default()).out;
    assert!(
        coloured.contains("\u{1b}[32min order:\u{1b}[0m"),
        "{coloured:?}"
    );
    assert_eq!(
        coloured.replace("\u{1b}[32m", "").replace("\u{1b}[0m", ""),
        plain
    );
}
