//! Events of the file system as hints. The handler only notes the name: a handler that works loses
//! events when many files come at once.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use notify::event::{AccessKind, AccessMode, ModifyKind, RenameMode};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::Notify;

use super::settle::Hint;

/// Most names that are kept until somebody takes them; beyond, the folder is read instead.
const NAMES_MAX: usize = 10_000;

/// A watch on one folder, which ends when it is dropped.
#[derive(Debug)]
pub(super) struct Watch {
    inode: u64,
    hints: Arc<Hints>,
    _watcher: RecommendedWatcher,
}

/// What was seen since somebody last took it.
#[derive(Debug, Default)]
pub(super) struct Hints {
    taken: Mutex<Seen>,
    changed: Notify,
}

#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) names: BTreeMap<OsString, Hint>,
    pub(super) is_overflown: bool,
}

impl Watch {
    pub(super) fn new(root: &Path, inode: u64) -> notify::Result<Self> {
        let hints = Arc::new(Hints::default());
        let noted = Arc::clone(&hints);
        let mut watcher = notify::recommended_watcher(move |event| noted.note(event))?;
        watcher.watch(root, RecursiveMode::NonRecursive)?;
        Ok(Self {
            inode,
            hints,
            _watcher: watcher,
        })
    }

    pub(super) fn inode(&self) -> u64 {
        self.inode
    }

    pub(super) fn shared(&self) -> &Hints {
        &self.hints
    }
}

impl Hints {
    /// Takes what was seen.
    pub(super) fn take(&self) -> Seen {
        std::mem::take(&mut *self.taken.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Waits until there is something to take.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }

    fn note(&self, event: notify::Result<Event>) {
        {
            let mut seen = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
            match event {
                Ok(event) if event.need_rescan() => seen.is_overflown = true,
                Ok(event) => {
                    let Some(hint) = hint(event.kind) else { return };
                    for path in &event.paths {
                        seen.add(path, hint);
                    }
                }
                // Whatever was missed, reading the folder finds it.
                Err(_) => seen.is_overflown = true,
            }
        }
        self.changed.notify_one();
    }
}

impl Seen {
    fn add(&mut self, path: &Path, hint: Hint) {
        if self.names.len() >= NAMES_MAX {
            self.is_overflown = true;
        } else if let Some(name) = path.file_name() {
            self.names.insert(name.to_owned(), hint);
        }
    }
}

fn hint(kind: EventKind) -> Option<Hint> {
    match kind {
        EventKind::Create(_) | EventKind::Modify(ModifyKind::Data(_)) => Some(Hint::Opened),
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => Some(Hint::Closed),
        EventKind::Modify(ModifyKind::Name(RenameMode::To)) => Some(Hint::MovedIn),
        EventKind::Modify(ModifyKind::Name(RenameMode::From)) | EventKind::Remove(_) => {
            Some(Hint::Gone)
        }
        // Both names of a move come once more in one event; the rest says nothing about content.
        EventKind::Modify(_) | EventKind::Access(_) | EventKind::Any | EventKind::Other => None,
    }
}
