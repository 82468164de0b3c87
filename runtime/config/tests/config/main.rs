//! Configurations as files: `fixtures/config/NAME.toml` with the exact text that it leads to in
//! `NAME.err`. A line `#--- policy/roles.toml` in a file begins another file beside it. `cargo xtask update`
//! writes the texts anew.

#![expect(clippy::unwrap_used, reason = "test code")]

mod reference;

use std::fmt::Write;
use std::path::{Path, PathBuf};

use muster_config::Config;
use muster_core::coded::Coded;
use muster_core::id::{FeedName, TargetName};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/config/fixtures/config")
}

/// Loads a configuration that is written as one text, and returns what it leads to.
fn load(text: &str) -> (tempfile::TempDir, Result<Config, String>) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("policy")).unwrap();
    let mut parts = text.split("#--- ");
    std::fs::write(folder.path().join("muster.toml"), parts.next().unwrap()).unwrap();
    for part in parts {
        let (name, text) = part.split_once('\n').unwrap();
        std::fs::write(folder.path().join(name.trim()), text).unwrap();
    }
    let loaded = Config::load(&folder.path().join("muster.toml")).map_err(|error| {
        let mut said = String::new();
        for mistake in &error.mistakes {
            writeln!(said, "[{}] {mistake}", mistake.code).unwrap();
            if !mistake.hint.is_empty() {
                writeln!(said, "    hint: {}", mistake.hint).unwrap();
            }
        }
        assert_eq!(error.code(), error.mistakes[0].code);
        let place = format!("{}/", folder.path().display());
        said.replace(&place, "")
    });
    (folder, loaded)
}

#[test]
fn every_bad_configuration_leads_to_exactly_its_message() {
    let mut names: Vec<PathBuf> = std::fs::read_dir(fixtures())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "toml")
        })
        .collect();
    names.sort();
    assert!(names.len() >= 20, "{}", names.len());
    let mut wrong = String::new();
    for path in names {
        let (_, loaded) = load(&std::fs::read_to_string(&path).unwrap());
        let said = loaded.map_or_else(|said| said, |_| "nothing is wrong\n".to_owned());
        let expected = path.with_extension("err");
        if std::env::var_os("UPDATE_GENERATED").is_some() {
            std::fs::write(&expected, &said).unwrap();
        } else if std::fs::read_to_string(&expected).unwrap_or_default() != said {
            writeln!(wrong, "{}:\n{said}", path.display()).unwrap();
        }
    }
    assert!(
        wrong.is_empty(),
        "{wrong}if these texts are right: cargo xtask update"
    );
}

#[test]
fn a_configuration_that_is_not_there_is_said() {
    let error = Config::load(Path::new("/nowhere/muster.toml")).unwrap_err();
    assert_eq!(error.code().as_str(), "CFG-001");
    assert!(
        error
            .to_string()
            .starts_with("/nowhere/muster.toml: could not be read"),
        "{error}"
    );
}

const WHOLE: &str = include_str!("fixtures/whole.toml");

#[test]
fn paths_begin_at_the_folder_of_the_file() {
    let (folder, config) = load(WHOLE);
    let (folder, config) = (folder.path(), config.unwrap());
    assert_eq!(config.daemon.data, folder.join("d"));
    assert_eq!(config.daemon.plugins, folder.join("plugins"));
    assert_eq!(config.daemon.socket(), folder.join("d/muster.sock"));
    let feed = &config.feeds[&FeedName::new("hr").unwrap()];
    assert_eq!(feed.folder, Path::new("/srv/hr"));
    let target = &config.targets[&TargetName::new("crm").unwrap()];
    let secret = target.secrets["api"].secret().unwrap().to_string();
    assert_eq!(
        secret,
        format!("file {}", folder.join("secrets/crm").display())
    );
}

#[test]
fn what_is_not_written_has_its_default_and_what_is_written_holds() {
    use muster_config::{Credential, FeedKind, LogFormat};
    use muster_core::guard::{GroupLimits, Share};
    use muster_core::policy::{Adopt, Prehire};

    let (_folder, config) = load(WHOLE);
    let config = config.unwrap();
    assert_eq!(config.daemon.listen, None);
    assert_eq!(config.daemon.log_format, LogFormat::Json);
    assert_eq!(config.daemon.file_bytes_max, 256 << 20);
    let department = GroupLimits {
        percent_max: 20,
        floor: 10,
        at_most: Some(100),
    };
    assert_eq!(config.budgets.department, department);
    assert_eq!(config.budgets.role, GroupLimits::default());
    let feed = &config.feeds[&FeedName::new("hr").unwrap()];
    assert_eq!(feed.kind, FeedKind::Changes);
    assert_eq!(feed.csv.delimiter, Some(b'\t'));
    assert_eq!(feed.csv.encoding.unwrap().name(), "windows-1252");
    let leavers = Share {
        percent_max: 25,
        floor: 5,
    };
    assert_eq!(
        (feed.guard.people.leavers, feed.guard.people.leavers_max),
        (leavers, 500)
    );
    let names: Vec<&str> = feed.mapping.attribute_names().collect();
    assert_eq!(names, ["department", "email", "remote", "tags", "manager"]);
    assert!(feed.mapping.is_dated());
    let target = &config.targets[&TargetName::new("crm").unwrap()];
    assert_eq!(target.rules.adopt, Adopt::WhenKeysAgree);
    assert_eq!(target.rules.prehire, Prehire::Suspended);
    assert_eq!(
        target.rules.leaver.delete_after,
        Some(std::time::Duration::from_hours(24 * 30))
    );
    assert!(target.rules.leaver.suspend && !target.rules.leaver.end_sessions);
    assert_eq!(target.limits.concurrency, 8);
    let Credential::OAuth2 {
        scopes, in_body, ..
    } = &target.secrets["api"]
    else {
        panic!("{:?}", target.secrets);
    };
    assert_eq!(
        (scopes.as_slice(), *in_body),
        (["scim".to_owned()].as_slice(), true)
    );
    assert_eq!(config.policy.roles.len(), 2);
    assert_eq!(config.remarks, Vec::<String>::new());
}

#[test]
fn the_policy_version_follows_what_it_says_and_not_how_it_is_laid_out() {
    let version = |text: &str| load(text).1.unwrap().policy.version.to_string();
    let whole = version(WHOLE);
    assert_eq!(whole.len(), 12);
    assert_eq!(
        version(&WHOLE.replace("# a comment", "# another comment\n\n")),
        whole
    );
    let [before, sales, everyone] = WHOLE.split("[[role]]").collect::<Vec<_>>()[..] else {
        panic!("two roles");
    };
    let turned = format!("{before}[[role]]{everyone}\n[[role]]{sales}");
    assert_eq!(version(&turned), whole);
    let other = version(&WHOLE.replace("department == \"Sales\"", "department == \"Finance\""));
    assert_ne!(other, whole);
    let other = version(&WHOLE.replace("delete_after = \"30d\"", "delete_after = \"31d\""));
    assert_ne!(other, whole);
}

/// A configuration with this many roles and attributes.
fn many(roles: usize, attributes: usize) -> String {
    let mut text =
        "[feed.hr]\nfolder = \"f\"\ntime_zone = \"UTC\"\nmapping.key = \"Id\"\n".to_owned();
    text.push_str("[feed.hr.mapping.attributes]\n");
    for number in 0..attributes {
        writeln!(text, "a{number} = \"A{number}\"").unwrap();
    }
    text.push_str("#--- policy/roles.toml\n");
    for number in 0..roles {
        writeln!(text, "[[role]]\nname = \"r{number}\"\nwhen = \"true\"").unwrap();
    }
    text
}

#[test]
fn what_is_read_is_bounded() {
    use muster_config::{POLICY_FILES_MAX, ROLES_MAX};

    assert!(load(&many(100, 256)).1.is_ok());
    let said = load(&many(1, 257)).1.unwrap_err();
    assert!(
        said.contains("a mapping has at most 256 attributes"),
        "{said}"
    );
    let said = load(&many(ROLES_MAX + 1, 1)).1.unwrap_err();
    assert!(said.contains("a policy has at most 10000 roles"), "{said}");
    let (folder, loaded) = load(&many(1, 1));
    assert!(loaded.is_ok());
    for number in 0..POLICY_FILES_MAX {
        std::fs::write(folder.path().join(format!("policy/{number}.toml")), "").unwrap();
    }
    let file = folder.path().join("muster.toml");
    let error = Config::load(&file).unwrap_err();
    assert_eq!(error.code().as_str(), "CFG-001");
    std::fs::write(&file, vec![b'#'; (4 << 20) + 1]).unwrap();
    let error = Config::load(&file).unwrap_err();
    assert!(
        error.to_string().contains("larger than the 4194304 bytes"),
        "{error}"
    );
}

#[test]
fn a_secret_is_read_when_it_is_used_and_only_what_can_be_one() {
    use muster_config::{Environment, SecretSource};

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    let source = SecretSource::File(path.clone());
    let environment = Environment::new([("TOKEN".to_owned(), "from the environment".to_owned())]);
    let read = || source.read(&environment);
    assert!(read().is_err());
    std::fs::write(&path, "first\r\n").unwrap();
    assert_eq!(read().unwrap().reveal(), "first");
    std::fs::write(&path, " second \n\n").unwrap();
    assert_eq!(read().unwrap().reveal(), " second");
    for unusable in [String::new(), "\n".to_owned(), "x".repeat((64 << 10) + 1)] {
        std::fs::write(&path, &unusable).unwrap();
        let error = read().unwrap_err();
        assert_eq!(error.code().as_str(), "CFG-008");
    }
    let token = SecretSource::Env("TOKEN".to_owned())
        .read(&environment)
        .unwrap();
    assert_eq!(token.reveal(), "from the environment");
    assert!(
        SecretSource::Env("OTHER".to_owned())
            .read(&environment)
            .is_err()
    );
}
