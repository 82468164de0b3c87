//! What a target can give, and how a policy's names find it.

use std::collections::BTreeMap;

use super::{AMBIGUOUS_ENTITLEMENT, UNKNOWN_ENTITLEMENT};
use crate::connector::{Entitlement, EntitlementKey};
use crate::finding::Code;
use crate::nearest::nearest;
use crate::policy::EntitlementName;
use crate::text::composed;

/// What a target can give, to be found by name: by its id, else by its title. Where an app has several
/// containers, a name that stands for something in more than one of them is written with the
/// container before it: `group:workspace-2/Sales`.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    kinds: BTreeMap<String, Kind>,
    depths: BTreeMap<EntitlementKey, u32>,
}

#[derive(Clone, Debug, Default)]
struct Kind {
    by_id: BTreeMap<String, Vec<Entry>>,
    by_title: BTreeMap<String, Vec<Entry>>,
}

#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) key: EntitlementKey,
    pub(super) exclusion_group: Option<String>,
}

impl Catalogue {
    /// A catalogue of these entitlements.
    pub fn new(entitlements: &[Entitlement]) -> Self {
        let mut kinds: BTreeMap<String, Kind> = BTreeMap::new();
        for entitlement in entitlements {
            let key = EntitlementKey::of(&entitlement.object);
            let kind = kinds.entry(key.kind.clone()).or_default();
            let entry = Entry {
                key: key.clone(),
                exclusion_group: entitlement.exclusion_group.clone(),
            };
            // Policy names are in composed form; an app's titles are in whichever.
            let title = composed(&entitlement.title).into_owned();
            let titled = kind.by_title.entry(title).or_default();
            titled.push(entry.clone());
            kind.by_id.entry(key.id).or_default().push(entry);
        }
        Self {
            kinds,
            depths: depths(entitlements),
        }
    }

    /// How many others have to be held first, one standing on the other.
    pub(super) fn depth(&self, key: &EntitlementKey) -> u32 {
        self.depths.get(key).copied().unwrap_or(0)
    }

    /// Why a name grants nothing here, as a code and a sentence; `None` if it stands for one entitlement.
    pub fn why_not(&self, name: &EntitlementName) -> Option<(Code, String)> {
        let code = self.find(name).err()?;
        let text = if code == AMBIGUOUS_ENTITLEMENT {
            format!("`{name}` stands for several entitlements there")
        } else {
            let text = format!("`{name}` is not among what this target can give");
            match self.nearest(name) {
                Some(nearest) => format!("{text}; did you mean `{}:{nearest}`?", name.kind),
                None => text,
            }
        };
        Some((code, text))
    }

    /// The title or id that was probably meant.
    fn nearest(&self, name: &EntitlementName) -> Option<&str> {
        let kind = self.kinds.get(&name.kind)?;
        let names = kind.by_title.keys().chain(kind.by_id.keys());
        nearest(&name.name, names.map(String::as_str))
    }

    pub(super) fn find(&self, name: &EntitlementName) -> Result<&Entry, Code> {
        let kind = self.kinds.get(&name.kind).ok_or(UNKNOWN_ENTITLEMENT)?;
        match kind.find(&name.name, None) {
            Err(code) if code == UNKNOWN_ENTITLEMENT => match name.name.split_once('/') {
                Some((container, name)) => kind.find(name, Some(container)),
                None => Err(code),
            },
            found => found,
        }
    }
}

impl Kind {
    fn find(&self, name: &str, container: Option<&str>) -> Result<&Entry, Code> {
        for names in [&self.by_id, &self.by_title] {
            let entries = names.get(name).map_or(&[][..], Vec::as_slice).iter();
            let mut entries = entries.filter(|entry| {
                container.is_none_or(|container| entry.key.container.as_deref() == Some(container))
            });
            match (entries.next(), entries.next()) {
                (Some(entry), None) => return Ok(entry),
                (Some(_), Some(_)) => return Err(AMBIGUOUS_ENTITLEMENT),
                (None, _) => {}
            }
        }
        Err(UNKNOWN_ENTITLEMENT)
    }
}

/// How deep requirements are followed: organisation, team, role in the team, and some more.
const DEPTH_MAX: u32 = 8;

/// How many entitlements have to be held before each of these. A circle ends at [`DEPTH_MAX`].
fn depths(entitlements: &[Entitlement]) -> BTreeMap<EntitlementKey, u32> {
    let mut depths: BTreeMap<EntitlementKey, u32> = BTreeMap::new();
    for _ in 0..DEPTH_MAX {
        let mut is_settled = true;
        for entitlement in entitlements.iter().filter(|one| !one.requires.is_empty()) {
            let below = |object| {
                depths
                    .get(&EntitlementKey::of(object))
                    .copied()
                    .unwrap_or(0)
            };
            let depth = entitlement
                .requires
                .iter()
                .map(below)
                .max()
                .map_or(0, |max| max + 1);
            let known = depths
                .entry(EntitlementKey::of(&entitlement.object))
                .or_default();
            if *known < depth.min(DEPTH_MAX) {
                *known = depth.min(DEPTH_MAX);
                is_settled = false;
            }
        }
        if is_settled {
            break;
        }
    }
    depths
}
