//! The plugins folder: loads what the targets need, and swaps a file that changed while calls go on.
//!
//! A new file is read, checked, compiled and asked what it is, and asked of every target whether its
//! settings and credentials fit, all before anything changes. Then the slot is swapped: the next
//! call runs on the new version, and calls that are out end on the old one. A file that does not
//! pass leaves the old version serving, and the reason is kept where people look. A version that passes
//! and then fails more than the one before is taken back: see `trial`. Whichever version comes into service,
//! its targets are told, so that what another one failed at is tried again and read again at once.

mod trial;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use muster_config::Environment;
use muster_config::editor;
use muster_core::actor::{Actor, ConnectorVersion};
use muster_core::finding::{Code, Finding, Severity};
use muster_core::id::TargetName;
use muster_core::redact;
use muster_core::subject::Subject;
use muster_host::{Host, LoadError, Plugin, Slot};
use notify::Watcher as _;
use tokio::sync::{Notify, watch};

use crate::clock::Clock;
use crate::targets::{Connected, Trouble};

/// Versions before the one that serves that are kept to go back to.
const BEFORE_MAX: usize = 3;

/// How often the folder is looked at beside its events, which network file systems do not send.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// A plugin file is refused; what served before goes on serving.
pub const REFUSED: Code = Code::new("PLG-036");

/// A version that was in service failed too often, and the one before it serves again.
pub const FAILED: Code = Code::new("PLG-037");
/// The file of a plugin that serves was taken away.
pub const AWAY: Code = Code::new("PLG-043");

/// The plugins that the targets use.
pub struct Library {
    host: Host,
    folder: PathBuf,
    clock: Clock,
    environment: Environment,
    entries: Mutex<BTreeMap<String, Entry>>,
    /// Wake-up: a version went into service.
    changed: Arc<Notify>,
}

struct Entry {
    targets: Vec<Arc<Connected>>,
    slot: Option<Arc<Slot>>,
    /// The versions that served before the one that does, the latest last: what it is compared with, and
    /// what to go back to.
    before: Vec<Arc<Plugin>>,
    since: Option<Timestamp>,
    seen: Option<Stamp>,
    /// Whether its file was taken away while it serves.
    is_away: bool,
    trouble: Option<Trouble>,
}

impl Entry {
    /// Records whether the file is away. Returns what to say about it if that is news.
    fn note_away(&mut self, name: &str, is_away: bool) -> Option<Said> {
        let was_away = std::mem::replace(&mut self.is_away, is_away);
        match (was_away, is_away) {
            (false, true) => Some(Said::Opened(away(name))),
            (true, false) => Some(Said::Closed(AWAY)),
            _ => None,
        }
    }

    /// Keeps the version that served until now as one to go back to, if it has shown that it is one, or
    /// there is none better.
    fn keep_before(&mut self, old: Option<Arc<Plugin>>) {
        let Some(old) = old else { return };
        let is_same = self
            .slot
            .as_ref()
            .is_some_and(|slot| slot.current().digest() == old.digest());
        if is_same || !(self.before.is_empty() || trial::is_proven(&old.conduct())) {
            return;
        }
        self.before.push(old);
        if self.before.len() > BEFORE_MAX {
            self.before.remove(0);
        }
    }
}

/// What a file looks like from outside; where it is the same, the file is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Stamp {
    modified: Option<std::time::SystemTime>,
    bytes: u64,
    inode: u64,
}

/// How a plugin stands.
#[derive(Clone, Debug)]
pub struct Standing {
    /// The file's name without `.wasm`.
    pub name: String,
    /// What serves; `None` if no file ever passed.
    pub plugin: Option<Arc<Plugin>>,
    /// Since when it serves.
    pub since: Option<Timestamp>,
    /// Names of the targets that use it.
    pub targets: Vec<String>,
    /// Why the newest file does not serve.
    pub trouble: Option<Trouble>,
}

/// What came of looking at a file.
enum Looked {
    Same,
    Served,
    Refused(Trouble),
}

/// What to say about a plugin.
pub enum Said {
    /// Something is wrong.
    Opened(Finding),
    /// What was said under this code is over.
    Closed(Code),
    /// Another version came into service.
    Serves {
        /// Which.
        plugin: ConnectorVersion,
        /// Who put it there.
        by: Actor,
    },
    /// A target is called with another secret.
    SecretChanged {
        /// The target.
        target: TargetName,
        /// The slot.
        slot: String,
        /// Who put it there.
        by: Actor,
    },
}

impl Library {
    /// A library for these targets. Nothing is loaded yet.
    pub fn new(
        host: Host,
        folder: &Path,
        clock: Clock,
        environment: Environment,
        targets: &[Arc<Connected>],
    ) -> Self {
        let mut entries: BTreeMap<String, Entry> = BTreeMap::new();
        for target in targets {
            let entry = entries
                .entry(target.config().plugin.clone())
                .or_insert_with(|| Entry {
                    targets: Vec::new(),
                    slot: None,
                    before: Vec::new(),
                    since: None,
                    seen: None,
                    is_away: false,
                    trouble: None,
                });
            entry.targets.push(Arc::clone(target));
        }
        Self {
            host,
            folder: folder.to_owned(),
            clock,
            environment,
            entries: Mutex::new(entries),
            changed: Arc::new(Notify::new()),
        }
    }

    /// The host that runs the plugins.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// The wake-up after a version went into service.
    pub fn changed(&self) -> Arc<Notify> {
        Arc::clone(&self.changed)
    }

    /// How each plugin stands.
    pub fn standings(&self) -> Vec<Standing> {
        let entries = self.lock();
        let standing = |(name, entry): (&String, &Entry)| Standing {
            name: name.clone(),
            plugin: entry.slot.as_ref().map(|slot| slot.current()),
            since: entry.since,
            targets: entry
                .targets
                .iter()
                .map(|target| target.name().to_string())
                .collect(),
            trouble: entry.trouble.clone(),
        };
        entries.iter().map(standing).collect()
    }

    /// Plugin files in the folder that no target uses.
    pub fn unused(&self) -> Vec<PathBuf> {
        let entries = self.lock();
        let Ok(files) = std::fs::read_dir(&self.folder) else {
            return Vec::new();
        };
        let mut unused: Vec<PathBuf> = files
            .filter_map(|file| Some(file.ok()?.path()))
            .filter(|path| path.extension().is_some_and(|end| end == "wasm"))
            .filter(|path| {
                let name = path
                    .file_stem()
                    .map(|name| name.to_string_lossy().into_owned());
                name.is_some_and(|name| !entries.contains_key(&name))
            })
            .collect();
        unused.sort();
        unused
    }

    /// Looks at every file that a target needs, and takes what changed. Returns what to say about each.
    pub async fn look(&self) -> Vec<(String, Said)> {
        let names: Vec<String> = self.lock().keys().cloned().collect();
        let mut said = Vec::new();
        for name in names {
            if let Some(trouble) = self.take_back(&name) {
                self.changed.notify_waiters();
                said.push((name.clone(), Said::Opened(refused(&name, trouble))));
                said.extend(self.serves(&name, Actor::Daemon));
            }
            said.extend(
                self.look_whether_away(&name)
                    .map(|said| (name.clone(), said)),
            );
            match self.look_at(&name).await {
                Looked::Same => {}
                Looked::Served => {
                    self.changed.notify_waiters();
                    let file = self.folder.join(format!("{name}.wasm"));
                    said.extend(self.serves(&name, Actor::Editor(editor::of(&file))));
                    said.push((name, Said::Closed(REFUSED)));
                }
                Looked::Refused(trouble) => {
                    let finding = refused(&name, trouble);
                    said.push((name, Said::Opened(finding)));
                }
            }
        }
        said
    }

    /// What serves now under a name.
    fn serves(&self, name: &str, by: Actor) -> Option<(String, Said)> {
        let entries = self.lock();
        let plugin = entries.get(name)?.slot.as_ref()?.current();
        let plugin = ConnectorVersion {
            plugin: name.to_owned(),
            version: plugin.descriptor().version.clone(),
            digest: plugin.digest(),
        };
        Some((name.to_owned(), Said::Serves { plugin, by }))
    }

    /// Puts the version before back into service where the newest one fails more than that one did.
    /// Returns what to say about it.
    fn take_back(&self, name: &str) -> Option<Trouble> {
        let mut entries = self.lock();
        let entry = entries.get_mut(name)?;
        let (slot, before) = entry.slot.as_ref().zip(entry.before.last())?;
        let (new, conduct) = (slot.current(), slot.current().conduct());
        let (function, record) = trial::judge(&conduct, &before.conduct())?;
        drop(slot.swap(Arc::clone(before)));
        let trouble = Trouble::new(
            FAILED,
            format!(
                "version {} ({}) failed in {} of its last {} calls of {}, the last time so: {}; version {} serves again",
                new.descriptor().version,
                new.digest().short(),
                record.refusals(),
                record.calls(),
                function,
                redact::without_people(record.last_failure().unwrap_or_default()),
                before.descriptor().version
            ),
            "have its vendor look at it, and put the older file back into the folder before the daemon is started again",
        );
        entry.before.pop();
        entry.since = Some(self.clock.now());
        entry.trouble = Some(trouble.clone());
        entry
            .targets
            .iter()
            .for_each(|target| target.version_changed());
        Some(trouble)
    }

    /// A file that was taken away leaves the loaded version serving, and is missing at the next start.
    fn look_whether_away(&self, name: &str) -> Option<Said> {
        let is_there = stamp(&self.folder.join(format!("{name}.wasm"))).is_some();
        let mut entries = self.lock();
        let entry = entries.get_mut(name)?;
        let is_serving = entry.slot.is_some() && entry.seen.is_some();
        entry.note_away(name, is_serving && !is_there)
    }

    async fn look_at(&self, name: &str) -> Looked {
        let path = self.folder.join(format!("{name}.wasm"));
        let stamp = stamp(&path);
        let (known, has_trouble, targets, slot) = {
            let entries = self.lock();
            let Some(entry) = entries.get(name) else {
                return Looked::Same;
            };
            (
                entry.seen,
                entry.trouble.is_some(),
                entry.targets.clone(),
                entry.slot.clone(),
            )
        };
        if stamp.is_some() && stamp == known {
            return Looked::Same;
        }
        // What there is to say about a file that was taken away was said before.
        if stamp.is_none() && (known.is_some() || has_trouble) && slot.is_some() {
            return Looked::Same;
        }
        let loaded = self.host.load(&path).await;
        let taken = loaded
            .map_err(|error| of_load(&error))
            .and_then(|plugin| self.take(name, &plugin, &targets, slot.as_ref()));
        let mut entries = self.lock();
        let Some(entry) = entries.get_mut(name) else {
            return Looked::Same;
        };
        entry.seen = stamp;
        match taken {
            Ok((slot, before)) => {
                entry.slot = Some(slot);
                entry.keep_before(before);
                entry
                    .targets
                    .iter()
                    .for_each(|target| target.version_changed());
                entry.since = Some(self.clock.now());
                entry.trouble = None;
                Looked::Served
            }
            Err(trouble) => {
                let is_news = entry.trouble.as_ref() != Some(&trouble);
                entry.trouble = Some(trouble.clone());
                if entry.slot.is_none() {
                    entry
                        .targets
                        .iter()
                        .for_each(|target| target.set_trouble(Some(trouble.clone())));
                }
                if is_news {
                    Looked::Refused(trouble)
                } else {
                    Looked::Same
                }
            }
        }
    }

    /// Puts a loaded plugin into service. Returns what served before, too.
    fn take(
        &self,
        name: &str,
        plugin: &Arc<Plugin>,
        targets: &[Arc<Connected>],
        slot: Option<&Arc<Slot>>,
    ) -> Result<(Arc<Slot>, Option<Arc<Plugin>>), Trouble> {
        for target in targets {
            target.check_fits(plugin)?;
        }
        let version = plugin.descriptor().version.as_str();
        let digest = plugin.digest().short();
        if let Some(slot) = slot {
            let old = slot.swap(Arc::clone(plugin));
            let from = old.descriptor().version.as_str();
            tracing::info!(plugin = name, from, version, digest, "plugin swapped");
            return Ok((Arc::clone(slot), Some(old)));
        }
        let slot = Arc::new(Slot::new(Arc::clone(plugin)));
        tracing::info!(plugin = name, version, digest, "plugin loaded");
        for target in targets {
            // One target that does not fit is its own trouble; the others are served.
            if let Err(trouble) = target.connect(&self.host, &slot, &self.environment) {
                tracing::error!(target_name = %target.name(), code = %trouble.code, "target cannot be used; `muster status` says why");
            }
        }
        Ok((slot, None))
    }

    /// Watches the folder until `stop` says so. `say` is told what was refused and what serves.
    pub async fn watch(&self, mut stop: watch::Receiver<bool>, say: impl Fn(Vec<(String, Said)>)) {
        let hint = Arc::new(Notify::new());
        let _watcher = self.watcher(&hint);
        while !*stop.borrow() {
            tokio::select! {
                () = hint.notified() => {}
                () = self.clock.sleep(LOOK_EVERY) => {}
                changed = stop.changed() => if changed.is_err() { break },
            }
            // A plugin may take minutes to compile; a stop does not wait for that.
            let said = tokio::select! {
                said = self.look() => said,
                changed = stop.changed() => if changed.is_err() { break } else { continue },
            };
            let renewed = self.renew();
            if !renewed.is_empty() {
                self.changed.notify_waiters();
            }
            if !said.is_empty() || !renewed.is_empty() {
                say(said.into_iter().chain(renewed).collect());
            }
        }
    }

    /// Takes up secrets that were replaced, without which a target would go on with a token that
    /// its app has withdrawn, and leavers would keep their access. Returns which there were.
    fn renew(&self) -> Vec<(String, Said)> {
        let served: Vec<_> = self
            .lock()
            .values()
            .filter_map(|entry| Some((entry.slot.clone()?, entry.targets.clone())))
            .collect();
        let mut said = Vec::new();
        for (slot, targets) in &served {
            for target in targets {
                match target.renew(&self.host, slot, &self.environment) {
                    None => {}
                    Some((slots, Ok(()))) => {
                        let plugin = target.config().plugin.clone();
                        said.extend(slots.into_iter().map(|(slot, by)| {
                            let target = target.name().clone();
                            (plugin.clone(), Said::SecretChanged { target, slot, by })
                        }));
                        tracing::info!(target_name = %target.name(), "secrets were replaced");
                    }
                    Some((_, Err(trouble))) => {
                        tracing::error!(target_name = %target.name(), code = %trouble.code, "secrets were replaced and cannot be used; `muster status` says why");
                    }
                }
            }
        }
        said
    }

    /// Events of the file system are hints to look; without them the timer does it.
    fn watcher(&self, hint: &Arc<Notify>) -> Option<notify::RecommendedWatcher> {
        let ring = Arc::clone(hint);
        let made = notify::recommended_watcher(move |_event| ring.notify_one());
        let watched = made.and_then(|mut watcher| {
            watcher.watch(&self.folder, notify::RecursiveMode::NonRecursive)?;
            Ok(watcher)
        });
        watched
            .inspect_err(
                |error| tracing::warn!(%error, "the plugins folder is looked at on a timer only"),
            )
            .ok()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn refused(name: &str, trouble: Trouble) -> Finding {
    let text = format!("{} ({})", trouble.text, trouble.code);
    Finding::new(
        REFUSED,
        Severity::Error,
        Subject::Plugin(name.to_owned()),
        text,
    )
    .hint(trouble.hint)
}

fn away(name: &str) -> Finding {
    let text = format!(
        "the file {name}.wasm was taken out of the plugins folder; the version that is loaded serves until the daemon stops, and after that nothing does"
    );
    Finding::new(
        AWAY,
        Severity::Error,
        Subject::Plugin(name.to_owned()),
        text,
    )
    .hint("put it back, or take its targets out of muster.toml and restart the daemon")
}

fn of_load(error: &LoadError) -> Trouble {
    Trouble::of(error)
}

fn stamp(path: &Path) -> Option<Stamp> {
    use std::os::unix::fs::MetadataExt as _;
    let metadata = std::fs::metadata(path).ok()?;
    Some(Stamp {
        modified: metadata.modified().ok(),
        bytes: metadata.len(),
        inode: metadata.ino(),
    })
}
