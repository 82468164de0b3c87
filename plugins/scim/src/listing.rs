//! Listings, one page a call, and what proves that nothing is missing.
//!
//! Pages by index over a set that moves have holes: when somebody in front is deleted, everybody behind moves
//! up one place. So each page begins with the last resource of the page before; if that is not where it was, the
//! listing is not whole. It ends where one more page brings nothing and the announced total is reached: there are
//! services whose total is the length of the page. A service that ignores the index, pages by cursor (RFC 9865) or
//! fails on `count` is noticed on the first page.

use muster_sdk::{OpenPage, Page, PageRequest, Path, Problem, Result};
use serde_json::Value;

use crate::resource::{Resource, field, truth};
use crate::service::{Collection, List, Service};
use crate::settings::Paging;

/// The most bytes of a cursor of the service that fit into one of ours.
const CURSOR_MAX_BYTES: usize = 4000;

/// What is listed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ask {
    pub(crate) collection: Collection,
    /// Some of what comes is left out by the caller. The service is not asked to do that: that a filter left
    /// nothing out that belongs here cannot be proven, and one well-known service finds no members at all.
    pub(crate) is_part: bool,
    /// An attribute that need not come along.
    pub(crate) without: Option<&'static str>,
}

impl Ask {
    /// The total as the host may compare it with what it got: not where some of what comes is left out here.
    fn shown(self, total: Option<u32>) -> Option<u32> {
        total.filter(|_| !self.is_part)
    }
}

/// What a resource is for a listing.
pub(crate) enum Take<T> {
    /// An item.
    Item(T),
    /// Nothing: it was not asked for.
    Nothing,
    /// It belongs here and cannot be used: its id and why.
    Unreadable(String, &'static str),
}

/// How the service turns pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// By index, with an overlap of one.
    Index,
    /// By index, without.
    Plain,
    /// By index, and the service says how many come.
    Uncounted,
    /// Everything comes at once; the pages are cut here.
    Everything,
    /// By cursor.
    Cursor,
}

const MODES: [(Mode, &str); 5] = [
    (Mode::Index, "i"),
    (Mode::Plain, "p"),
    (Mode::Uncounted, "u"),
    (Mode::Everything, "a"),
    (Mode::Cursor, "c"),
];

/// Where a page begins.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    mode: Mode,
    /// The index of the first new resource, from 1.
    start: u32,
    /// How many there were when the listing began.
    total: Option<u32>,
    /// The id of the resource before `start`, or the service's own cursor.
    anchor: String,
}

impl Place {
    fn first(mode: Mode) -> Self {
        Self {
            mode,
            start: 1,
            total: None,
            anchor: String::new(),
        }
    }

    fn read(cursor: &str) -> Option<Self> {
        let mut words = cursor.splitn(4, '|');
        let (mode, start, total, anchor) =
            (words.next()?, words.next()?, words.next()?, words.next()?);
        let (mode, _) = MODES.iter().find(|(_, word)| *word == mode)?;
        Some(Self {
            mode: *mode,
            start: start.parse().ok().filter(|start| *start > 0)?,
            total: if total.is_empty() {
                None
            } else {
                Some(total.parse().ok()?)
            },
            anchor: anchor.to_owned(),
        })
    }

    fn write(&self) -> String {
        let (_, mode) = MODES
            .iter()
            .find(|(mode, _)| *mode == self.mode)
            .unwrap_or(&MODES[0]);
        let total = self
            .total
            .map(|total| total.to_string())
            .unwrap_or_default();
        format!("{mode}|{}|{total}|{}", self.start, self.anchor)
    }

    /// The index that the service is asked for.
    fn asked(&self) -> u32 {
        self.start - u32::from(self.overlaps())
    }

    /// How many the service is asked for.
    fn count(&self, limit: u32) -> u32 {
        limit.saturating_add(u32::from(self.overlaps()))
    }

    /// Whether the service gave everything, whatever it was asked for.
    fn ignored_by(&self, list: &List, limit: u32) -> bool {
        let received = u32::try_from(list.received()).unwrap_or(u32::MAX);
        let counts = self.mode != Mode::Uncounted;
        let is_too_much = counts && received > self.count(limit);
        let is_from_the_start = self.asked() > 1 && received >= self.asked();
        list.is_everything() && (self.mode == Mode::Everything || is_too_much || is_from_the_start)
    }

    /// Whether the page begins with the last resource of the page before.
    fn overlaps(&self) -> bool {
        self.start > 1 && matches!(self.mode, Mode::Index | Mode::Uncounted)
    }
}

/// One page.
///
/// # Errors
///
/// `CursorExpired` for a cursor that this connector did not make, and the problems of a read.
pub(crate) fn page<T>(
    service: &Service<'_>,
    ask: Ask,
    request: &PageRequest,
    take: impl FnMut(Resource) -> Result<Take<T>>,
) -> Result<Page<T>> {
    let (place, list) = match request.cursor() {
        Some(cursor) => {
            let place = Place::read(cursor).ok_or(Problem::CursorExpired)?;
            let list = ask_for(service, ask, &place, request.limit)?;
            (place, list)
        }
        None => first(service, ask, request.limit)?,
    };
    match place.mode {
        Mode::Cursor => by_cursor(&place, ask, list, request.limit, take),
        _ => by_index(&place, ask, list, request.limit, take),
    }
}

/// The first page, and with it the way that this service turns pages.
fn first(service: &Service<'_>, ask: Ask, limit: u32) -> Result<(Place, List)> {
    let mode = match service.settings.paging {
        Paging::Index => Mode::Plain,
        Paging::Cursor => Mode::Cursor,
        Paging::None => Mode::Everything,
        Paging::Auto if !ask.is_part && has_cursors(service) => Mode::Cursor,
        Paging::Auto => Mode::Index,
    };
    let place = Place::first(mode);
    let problem = match ask_for(service, ask, &place, limit) {
        Ok(list) => return Ok((place, list)),
        Err(problem @ (Problem::Transient(_) | Problem::Invalid(_) | Problem::RemoteDefect(_))) => {
            problem
        }
        Err(problem) => return Err(problem),
    };
    if service.settings.paging != Paging::Auto {
        return Err(problem);
    }
    // A `count` or `cursor` that the service chokes on is left out.
    let plain = Place::first(Mode::Uncounted);
    match ask_for(
        service,
        Ask {
            without: None,
            ..ask
        },
        &plain,
        limit,
    ) {
        Ok(list) => Ok((plain, list)),
        Err(_) => Err(problem),
    }
}

/// Whether the service pages by cursor, by its own account.
fn has_cursors(service: &Service<'_>) -> bool {
    let about = service
        .api
        .get("/ServiceProviderConfig")
        .send_json::<Value>(service.host);
    let Ok(Value::Object(about)) = about else {
        return false;
    };
    let pagination = field(&about, "pagination").and_then(Value::as_object);
    pagination
        .and_then(|pagination| field(pagination, "cursor"))
        .and_then(truth)
        == Some(true)
}

fn ask_for(service: &Service<'_>, ask: Ask, place: &Place, limit: u32) -> Result<List> {
    let path = ask.collection.path();
    let (start, count) = (place.asked(), place.count(limit));
    let path = match place.mode {
        Mode::Everything => path,
        Mode::Uncounted if start == 1 => path,
        Mode::Uncounted => path.query("startIndex", start),
        Mode::Index | Mode::Plain => path.query("startIndex", start).query("count", count),
        Mode::Cursor => path.query("cursor", &place.anchor).query("count", limit),
    };
    let without = ask
        .without
        .filter(|_| !matches!(place.mode, Mode::Everything | Mode::Uncounted));
    service.list(Path::query_opt(path, "excludedAttributes", without))
}

/// What is new in an answer by index, and what speaks against its being whole.
struct News {
    resources: Vec<Resource>,
    fault: Option<&'static str>,
}

fn by_index<T>(
    place: &Place,
    ask: Ask,
    list: List,
    limit: u32,
    take: impl FnMut(Resource) -> Result<Take<T>>,
) -> Result<Page<T>> {
    let (total, odd) = (list.total, list.odd);
    let ignores = place.ignored_by(&list, limit);
    if !ignores
        && list
            .start
            .is_some_and(|start| start.max(1) != place.asked())
    {
        return Ok(Page::of([]).broken_off("the service answered from another index"));
    }
    if place.mode == Mode::Everything && !list.is_everything() {
        return Ok(Page::of([]).broken_off("everything was asked for and less came"));
    }
    let News { resources, fault } = news(place, list, limit, ignores);
    let taken = u32::try_from(resources.len()).unwrap_or(u32::MAX);
    let start = place.start.saturating_add(taken);
    let anchor = resources.last().and_then(Resource::id);
    let mut page = items(resources, take)?.of_total(ask.shown(total));
    if let Some(fault) = fault {
        page = page.skipping("", fault);
    }
    if odd > 0 {
        page = page.skipping("", "an entry that is no resource");
    }
    if place.mode == Mode::Plain && place.total.is_some_and(|before| Some(before) != total) {
        page = page.skipping("", "the number of resources changed while they were listed");
    }
    let is_reached = total.is_some_and(|total| start > total);
    match anchor {
        // A service that answers the same page for ever would never come to an empty one.
        Some(_) if fault.is_some() && (is_reached || total.is_none()) => {
            Ok(page.broken_off("the listing cannot go on"))
        }
        Some(_) if is_reached && place.mode == Mode::Everything => Ok(page.last()),
        Some(anchor) => {
            let total = place.total.or(total);
            Ok(page.next(
                Place {
                    start,
                    total,
                    anchor,
                    ..place.clone()
                }
                .write(),
            ))
        }
        None if is_reached => Ok(page.last()),
        None if total.is_none() => {
            Ok(page.broken_off("the service does not say how many there are"))
        }
        None => Ok(page.broken_off("an empty page before the announced total")),
    }
}

fn news(place: &Place, list: List, limit: u32, ignores: bool) -> News {
    const MOVED: &str = "the resources moved while they were listed";
    let mut resources = list.resources;
    let mut fault = None;
    // How many of those that came were listed before.
    let known = if ignores {
        usize::try_from(place.start - 1).unwrap_or(usize::MAX)
    } else {
        usize::from(place.overlaps())
    };
    let is_anchor = |resource: &Resource| resource.id().as_deref() == Some(place.anchor.as_str());
    let is_joined = match known {
        0 => place.start == 1 || !resources.iter().any(is_anchor),
        known => resources.get(known - 1).is_some_and(is_anchor),
    };
    if !is_joined {
        fault = Some(MOVED);
    }
    // Where the anchor is gone nothing is known to be old, and a resource that comes twice does no harm.
    let known = if is_joined || ignores {
        known.min(resources.len())
    } else {
        0
    };
    resources.drain(..known);
    resources.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    let ids: std::collections::BTreeSet<_> = resources.iter().filter_map(Resource::id).collect();
    if ids.len() < resources.len() && fault.is_none() {
        fault = Some("a resource without an id, or one that came twice on a page");
    }
    News { resources, fault }
}

fn by_cursor<T>(
    place: &Place,
    ask: Ask,
    list: List,
    limit: u32,
    take: impl FnMut(Resource) -> Result<Take<T>>,
) -> Result<Page<T>> {
    let received = u32::try_from(list.received()).unwrap_or(u32::MAX);
    if received > limit {
        return Err(Problem::remote_defect(format!(
            "{limit} resources were asked for and {received} came, which a cursor cannot split"
        )));
    }
    let (total, odd) = (list.total, list.odd);
    let listed = place.start.saturating_add(received);
    let mut page = items(list.resources, take)?.of_total(ask.shown(total));
    if odd > 0 {
        page = page.skipping("", "an entry that is no resource");
    }
    match list.next_cursor {
        Some(cursor) if cursor == place.anchor => {
            Ok(page.broken_off("the service answered with the same cursor again"))
        }
        Some(cursor) if cursor.len() > CURSOR_MAX_BYTES => Err(Problem::remote_defect(
            "the cursor of the service is too long",
        )),
        Some(anchor) => Ok(page.next(
            Place {
                start: listed,
                total,
                anchor,
                ..place.clone()
            }
            .write(),
        )),
        None if total.is_some_and(|total| listed <= total) => {
            Ok(page.broken_off("the cursor ended before the announced total"))
        }
        None if total.is_none() && listed == 1 => {
            Ok(page.broken_off("an empty listing without a total proves nothing"))
        }
        None => Ok(page.last()),
    }
}

fn items<T>(
    resources: Vec<Resource>,
    mut take: impl FnMut(Resource) -> Result<Take<T>>,
) -> Result<OpenPage<T>> {
    let mut items = Vec::new();
    let mut unreadable = Vec::new();
    for resource in resources {
        match take(resource)? {
            Take::Item(item) => items.push(item),
            Take::Nothing => {}
            Take::Unreadable(id, reason) => unreadable.push((id, reason)),
        }
    }
    let page = Page::of(items);
    Ok(unreadable
        .into_iter()
        .fold(page, |page, (id, reason)| page.skipping(id, reason)))
}

/// A page of values that all came in one answer: sorted, each page after the last value of the one before. What
/// is added or removed between two pages moves nothing.
pub(crate) fn sorted<T>(mut items: Vec<(String, T)>, request: &PageRequest) -> Result<Page<T>> {
    let after = match request.cursor() {
        None => None,
        Some(cursor) => Some(
            cursor
                .strip_prefix("s|")
                .ok_or(Problem::CursorExpired)?
                .to_owned(),
        ),
    };
    items.sort_by(|one, other| one.0.cmp(&other.0));
    items.dedup_by(|one, other| one.0 == other.0);
    let total = u32::try_from(items.len()).ok();
    items.retain(|(key, _)| after.as_ref().is_none_or(|after| key > after));
    let limit = usize::try_from(request.limit).unwrap_or(usize::MAX).max(1);
    let more = items.len() > limit;
    items.truncate(limit);
    let last = items.last().map(|(key, _)| format!("s|{key}"));
    let page = Page::of(items.into_iter().map(|(_, item)| item)).of_total(total);
    Ok(match last {
        Some(last) if more => page.next(last),
        Some(_) | None => page.last(),
    })
}
