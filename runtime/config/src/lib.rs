//! The configuration: one commented `muster.toml`, with the policy in files beside it.
//!
//! It passes through two stages that are types of their own. What was written is a
//! [`document`](self): keys and values with their places. What can be used is a [`Config`]: every
//! path absolute, every name checked, every rule compiled once. Nothing between the two can be
//! reached from outside, so nobody works with a configuration that was not checked. Everything that
//! is wrong is reported at once, each with file, line and column.
//!
//! Secrets are not part of it: it says where they are, and [`SecretSource::read`] reads them.

pub mod access;
mod budget;
mod correlation;
mod document;
pub mod editor;
mod feed;
mod lint;
pub mod mistake;
pub mod options;
mod policy;
pub mod reference;
mod secret;
pub mod stamps;
mod target;
mod trial;
pub mod users;
mod value;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use muster_core::correlation::Correlation;
use muster_core::id::{FeedName, InvalidName, TargetName};
use muster_core::policy::PolicySource;
use muster_core::policy::trial::Trial;

use document::{Document, Named, Notes, Section};
use mistake::{FOLDERS_CLASH, UNUSABLE_VALUE};
use options as opt;
use secret::Base;

pub use budget::Budgets;
pub use correlation::{ADDRESS_ALONE, NO_SUCH_ATTRIBUTE};
pub use feed::{Csv, Feed, FeedKind, Guard, HookSource};
pub use lint::ACCEPTED_MAX;
pub use mistake::{ConfigError, Position};
pub use policy::{POLICY_FILES_MAX, ROLES_MAX};
pub use secret::{Environment, SecretError, SecretSource, SecretValue};
pub use target::{Credential, Limits, Target};
pub use value::duration;

/// The name of the configuration where none is given.
pub const FILE_NAME: &str = "muster.toml";

/// The name of the socket in the data folder.
const SOCKET_NAME: &str = "muster.sock";

/// A configuration that was checked and can be used.
#[derive(Clone, Debug)]
pub struct Config {
    /// The file it was read from, absolute.
    pub file: PathBuf,
    /// Where the daemon keeps what, and where it can be reached.
    pub daemon: Daemon,
    /// The HR sources.
    pub feeds: BTreeMap<FeedName, Feed>,
    /// By what new records are recognised, and whom to believe.
    pub correlation: Correlation,
    /// HR sources that are used no more.
    pub retired: BTreeSet<FeedName>,
    /// The connected apps.
    pub targets: BTreeMap<TargetName, Target>,
    /// How much of one group of people may go without asking.
    pub budgets: Budgets,
    /// Roles and rules; known to compile.
    pub policy: PolicySource,
    /// The tests of the policy; a policy that breaks one is not taken.
    pub tests: Vec<Trial>,
    /// What a person should look at, though it works.
    pub remarks: Vec<String>,
}

/// `[daemon]`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Daemon {
    /// The folder of everything that Muster writes.
    pub data: PathBuf,
    /// The folder of the plugins.
    pub plugins: PathBuf,
    /// The folder of the policy.
    pub policy: PathBuf,
    /// What becomes of an edited policy that changes what somebody has.
    pub policy_apply: PolicyApply,
    /// Where hooks, health and metrics are answered; none: nowhere.
    pub listen: Option<SocketAddr>,
    /// What is logged.
    pub log: String,
    /// How log lines are written.
    pub log_format: LogFormat,
    /// Over how long it is counted what is lost.
    pub budget_window: std::time::Duration,
    /// The largest file or delivery, in bytes.
    pub file_bytes_max: u64,
}

/// What becomes of an edited policy that changes what somebody has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PolicyApply {
    /// It waits for a person.
    Ask,
    /// It decides at once, as long as no limit is exceeded.
    WithinLimits,
}

/// How log lines are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl Daemon {
    /// The ledger's file.
    pub fn ledger(&self) -> PathBuf {
        self.data.join("ledger.redb")
    }

    /// The socket that the command line talks to.
    pub fn socket(&self) -> PathBuf {
        self.data.join(SOCKET_NAME)
    }

    /// Where compiled plugins are kept.
    pub fn plugin_cache(&self) -> PathBuf {
        self.data.join("plugin-cache")
    }
}

/// The daemon's socket, whatever else is wrong with the configuration or the policy: a mistake in an
/// edit must not keep anybody from asking the daemon that runs.
pub fn socket(file: &Path) -> Result<PathBuf, ConfigError> {
    let document = Document::read(file, file)?;
    let table = document.parse()?;
    let notes = Notes::new();
    let data = document
        .root(&table, &notes)
        .section("daemon")
        .text(&opt::DATA);
    let file = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    let base = Base(file.parent().unwrap_or_else(|| Path::new(".")));
    let data = data.map_or_else(|| base.join("data"), |data| base.join(&data.value));
    Ok(data.join(SOCKET_NAME))
}

impl Config {
    /// Reads `muster.toml` and the policy beside it.
    pub fn load(file: &Path) -> Result<Config, ConfigError> {
        Self::load_with(file, None)
    }

    /// The same with the policy files of another folder: an edit that is not in force.
    pub fn load_with(file: &Path, policy: Option<&Path>) -> Result<Config, ConfigError> {
        let document = Document::read(file, file)?;
        let table = document.parse()?;
        let absolute = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
        let paths = Paths {
            file: &absolute,
            folder: absolute.parent().unwrap_or_else(|| Path::new(".")),
            shown: file,
            policy,
        };
        let notes = Notes::new();
        let config = read(&document.root(&table, &notes), &paths, &notes);
        notes.into_result()?;
        config
    }
}

/// Where the configuration is.
struct Paths<'p> {
    /// The file, absolute.
    file: &'p Path,
    /// The folder in which relative paths begin.
    folder: &'p Path,
    /// The file as it was named.
    shown: &'p Path,
    /// The folder of the policy, where it is not the configured one.
    policy: Option<&'p Path>,
}

/// A feed whose folder is written at this place of the file.
struct Placed {
    feed: Feed,
    offset: usize,
}

fn read(root: &Section<'_>, paths: &Paths<'_>, notes: &Notes) -> Result<Config, ConfigError> {
    let base = &Base(paths.folder);
    let daemon_section = root.section("daemon");
    let daemon = read_daemon(&daemon_section, base);
    let shown_policy = paths
        .shown
        .with_file_name(daemon_section.text_shown(&opt::POLICY));
    let mistakes_before = notes.count();
    let (feeds, retired) = read_feeds(root, base);
    // What a feed's mistake leaves out of the mapping, a rule cannot know: that is not a mistake of the rule.
    let has_names = notes.count() == mistakes_before && root.is_written_at("feed");
    let correlation = correlation::read(root, &feeds);
    let (targets, mut inputs) = read_targets(root, base);
    let budgets = budget::read(&root.section("budget"));
    root.finish();
    check_folders(root, daemon.as_ref(), &feeds);
    check_former_names(root, &feeds, &retired);
    for (name, value_type) in feeds
        .iter()
        .flat_map(|placed| placed.feed.mapping.attribute_types())
    {
        let known = inputs.attributes.entry(name.to_owned());
        let known = known.or_insert(Some(value_type));
        *known = known.filter(|known| *known == value_type);
    }
    let policy_folder = match (paths.policy, &daemon) {
        (Some(folder), _) => folder.to_owned(),
        (None, Some(daemon)) => daemon.policy.clone(),
        (None, None) => base.join(opt::POLICY.key),
    };
    let shown_policy = paths.policy.map_or(shown_policy, Path::to_owned);
    let mut roles = policy::read(&policy_folder, &shown_policy, notes);
    let tests = std::mem::take(&mut roles.tests);
    let policy = policy::assemble(roles, inputs, has_names, notes);
    let feed = feeds.iter().map(|placed| &placed.feed.name).min();
    let tests = trial::assemble(tests, &policy, (feed, has_names), notes);
    if !root.is_written_at("feed") {
        notes.add(policy::missing_feed(paths.shown));
    }
    let remarks = policy::unused_targets(&policy)
        .iter()
        .map(|target| {
            format!("no role gives access to target `{target}`, so nobody gets an account there")
        })
        .collect();
    let (Some(daemon), Some(budgets)) = (daemon, budgets) else {
        // Something is noted, and the caller looks at the notes first.
        return Err(ConfigError {
            mistakes: Vec::new(),
        });
    };
    Ok(Config {
        file: paths.file.to_owned(),
        daemon,
        feeds: feeds
            .into_iter()
            .map(|placed| (placed.feed.name.clone(), placed.feed))
            .collect(),
        correlation,
        retired,
        targets,
        budgets,
        policy,
        tests,
        remarks,
    })
}

fn read_daemon(section: &Section<'_>, base: &Base<'_>) -> Option<Daemon> {
    let data = section.text(&opt::DATA);
    let plugins = section.text(&opt::PLUGINS);
    let policy = section.text(&opt::POLICY);
    let policy_apply = match section.choice(&opt::POLICY_APPLY) {
        "within-limits" => PolicyApply::WithinLimits,
        _ => PolicyApply::Ask,
    };
    let listen = section.parsed(&opt::LISTEN, |text| match text {
        "off" => Ok(None),
        address => match address.parse::<SocketAddr>() {
            Ok(address) => Ok(Some(address)),
            Err(_) => Err(format!("found \"{address}\"")),
        },
    });
    let log = section.parsed(&opt::LOG, |text| match text
        .parse::<tracing_subscriber::filter::Targets>()
    {
        Ok(_) => Ok(text.to_owned()),
        Err(_) => Err(format!("found \"{text}\"")),
    });
    let log_format = match section.choice(&opt::LOG_FORMAT) {
        "json" => LogFormat::Json,
        _ => LogFormat::Text,
    };
    let file_bytes_max = section.size(&opt::FILE_MAX);
    let budget_window = section.duration(&opt::BUDGET_WINDOW);
    section.finish();
    Some(Daemon {
        data: base.join(&data?.value),
        plugins: base.join(&plugins?.value),
        policy: base.join(&policy?.value),
        policy_apply,
        listen: listen?.value,
        log: log?.value,
        log_format,
        budget_window: budget_window?,
        file_bytes_max,
    })
}

/// The feeds, and those that are retired.
fn read_feeds(root: &Section<'_>, base: &Base<'_>) -> (Vec<Placed>, BTreeSet<FeedName>) {
    let (mut feeds, mut retired) = (Vec::new(), BTreeSet::new());
    for table in root.named("feed") {
        let Some(name) = checked(&table, FeedName::new) else {
            continue;
        };
        if feed::is_retired(&table.section) {
            retired.insert(name);
            continue;
        }
        let offset = table.name.offset;
        let feed = feed::read(name, &table.section, base);
        feeds.extend(feed.map(|feed| Placed { feed, offset }));
    }
    (feeds, retired)
}

/// A name that a feed had before is no other feed's now: its people can only be in one.
fn check_former_names(root: &Section<'_>, feeds: &[Placed], retired: &BTreeSet<FeedName>) {
    let mut taken: BTreeSet<&FeedName> = feeds.iter().map(|placed| &placed.feed.name).collect();
    taken.extend(retired);
    for placed in feeds {
        for former in &placed.feed.renamed_from {
            if taken.insert(former) {
                continue;
            }
            let name = &placed.feed.name;
            let message = format!(
                "feed `{name}` was `{former}` before, and `{former}` is named elsewhere, too"
            );
            let hint = format!("take `{former}` out of renamed_from, or the other section out");
            root.note(UNUSABLE_VALUE, placed.offset, message, hint);
        }
    }
}

fn read_targets(
    root: &Section<'_>,
    base: &Base<'_>,
) -> (BTreeMap<TargetName, Target>, policy::Inputs) {
    let mut targets = BTreeMap::new();
    let mut inputs = policy::Inputs::default();
    for table in root.named("target") {
        let Some(name) = checked(&table, TargetName::new) else {
            continue;
        };
        target::remember_places(&name, &table, &mut inputs.places);
        let (rules, target) = target::read(name.clone(), &table.section, base);
        inputs.targets.insert(name.clone(), rules);
        targets.extend(target.map(|target| (name, target)));
    }
    (targets, inputs)
}

fn checked<N>(table: &Named<'_>, new: impl Fn(&str) -> Result<N, InvalidName>) -> Option<N> {
    match new(&table.name.value) {
        Ok(name) => Some(name),
        Err(error) => {
            let hint = "names go into ids and paths: a-z, 0-9, `-` and `_`".to_owned();
            table
                .section
                .note(UNUSABLE_VALUE, table.name.offset, error.to_string(), hint);
            None
        }
    }
}

/// Two feeds that share a folder would read each other's files, and a feed inside the data folder
/// would read what Muster itself writes.
fn check_folders(root: &Section<'_>, daemon: Option<&Daemon>, feeds: &[Placed]) {
    let note = |placed: &Placed, message: String| {
        let hint = "give every feed a folder of its own, outside the folders of Muster itself";
        root.note(FOLDERS_CLASH, placed.offset, message, hint.to_owned());
    };
    for (index, one) in feeds.iter().enumerate() {
        let feed = &one.feed;
        for other in feeds.iter().skip(index + 1) {
            if overlap(&feed.folder, &other.feed.folder) {
                let other = &other.feed.name;
                let message = format!(
                    "the folders of feeds `{}` and `{other}` lie in each other",
                    feed.name
                );
                note(one, message);
            }
        }
        let own = daemon.map_or_else(Vec::new, |daemon| {
            vec![&daemon.data, &daemon.plugins, &daemon.policy]
        });
        if own.iter().any(|folder| overlap(&feed.folder, folder)) {
            let message = format!(
                "the folder of feed `{}` and a folder of [daemon] lie in each other",
                feed.name
            );
            note(one, message);
        }
    }
}

fn overlap(one: &Path, other: &Path) -> bool {
    one.starts_with(other) || other.starts_with(one)
}
