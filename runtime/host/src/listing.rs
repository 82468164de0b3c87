//! Gathering a whole listing, page by page, and knowing whether it is whole.
//!
//! That something is missing from a listing means that it is gone only if the listing is whole. Many
//! a failure looks like a short list, so a listing is taken for whole only when every page said so,
//! the last page was seen, one version of the plugin made all of it in one run, and nothing speaks
//! against it: no cursor came twice, no full page ended it that should have had a successor, and the
//! app did not say that there are more.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::pin::Pin;
use std::time::Duration;

use muster_core::connector::{
    Entitlement, ObjectRef, Page, Problem, RemoteAccount, RemoteCredential, RemoteGrant, Scalar,
};
use tokio::time::Instant;

/// Largest page that is asked for, whatever the connector says it can do.
pub const PAGE_MAX: u32 = 1000;

/// Most pages of a listing.
pub const PAGES_MAX: usize = 20_000;

/// Most items of a listing.
pub const ITEMS_MAX: usize = 5_000_000;

/// Longest time that a listing may take, over all its pages.
const LISTING_TIME_MAX: Duration = Duration::from_hours(2);

/// How often a listing starts again because its cursor expired.
const RESTARTS_MAX: u32 = 2;

/// A listing, with the answer to the question that matters.
#[derive(Clone, PartialEq, Debug)]
pub struct Listing<T> {
    /// The items, each once.
    pub items: Vec<T>,
    /// Whether what is not here is not there.
    pub is_whole: bool,
    /// Why it is not whole, for people.
    pub why_not: Option<String>,
}

/// A page on its way.
pub(crate) type Fetching<'a, T> =
    Pin<Box<dyn Future<Output = Result<Page<T>, Problem>> + Send + 'a>>;

/// What a listing may come to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Items of a page.
    pub(crate) page_max: u32,
    /// Bytes of all items that come, also of those that come again.
    pub(crate) bytes_max: usize,
}

/// What an item takes in memory, about.
pub(crate) trait Weigh {
    fn bytes(&self) -> usize;
}

/// Gathers all pages. `fetch` gets the limit and the cursor; `key` says what is the same item.
pub(crate) async fn gather<'a, T, K: Hash + Eq + Send>(
    bounds: Bounds,
    key: fn(&T) -> K,
    fetch: impl Fn(u32, Option<String>) -> Fetching<'a, T> + Sync,
) -> Result<Listing<T>, Problem>
where
    T: Weigh + Send + 'a,
{
    let limit = bounds.page_max.clamp(1, PAGE_MAX);
    let mut spent = Spent {
        bytes: 0,
        bytes_max: bounds.bytes_max,
        since: Instant::now(),
    };
    let mut restarts = 0;
    loop {
        match one_run(limit, &mut spent, key, &fetch).await {
            Err(Problem::CursorExpired) if restarts < RESTARTS_MAX => restarts += 1,
            other => return other,
        }
    }
}

/// What a listing has come to, over all runs of it.
struct Spent {
    bytes: usize,
    bytes_max: usize,
    since: Instant,
}

impl Spent {
    /// Why it has to end here, where it has to.
    fn too_much<T: Weigh>(&mut self, items: &[T]) -> Option<String> {
        let bytes: usize = items.iter().map(Weigh::bytes).sum();
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes > self.bytes_max {
            let text = "it came to more than";
            let allows = "`listing` under the target's `limits` allows more (PLG-042)";
            return Some(format!("{text} {} MiB; {allows}", self.bytes_max >> 20));
        }
        let is_late = self.since.elapsed() > LISTING_TIME_MAX;
        let minutes = LISTING_TIME_MAX.as_secs() / 60;
        is_late.then(|| format!("it took longer than {minutes} minutes (PLG-042)"))
    }
}

async fn one_run<'a, T, K: Hash + Eq + Send>(
    limit: u32,
    spent: &mut Spent,
    key: fn(&T) -> K,
    fetch: &(impl Fn(u32, Option<String>) -> Fetching<'a, T> + Sync),
) -> Result<Listing<T>, Problem>
where
    T: Weigh + Send + 'a,
{
    let mut gathered = Gathered {
        items: Vec::new(),
        places: HashMap::new(),
    };
    let mut doubts = Doubts(None);
    let mut cursors = HashSet::new();
    let mut cursor: Option<String> = None;
    let mut total = None;
    for number in 1.. {
        if number > PAGES_MAX || gathered.items.len() > ITEMS_MAX {
            doubts.add(|| format!("it has more than {PAGES_MAX} pages or {ITEMS_MAX} items"));
            break;
        }
        let page = fetch(limit, cursor.clone()).await?;
        if !page.is_whole {
            doubts.add(|| not_whole(number, &page.skipped));
        }
        if let Some(reason) = spent.too_much(&page.items) {
            doubts.add(|| reason);
            break;
        }
        total = page.total.or(total);
        let is_full = page.items.len() == limit as usize;
        gathered.add(page.items, key);
        if page.is_last {
            let is_explained = total.is_some_and(|total| total as usize <= gathered.items.len());
            if is_full && !is_explained && ends_early(limit, cursor, fetch).await? {
                doubts.add(|| format!("page {number} is exactly full and names no next one"));
            }
            break;
        }
        let Some(next) = page.next else {
            doubts.add(|| format!("it broke off after page {number}"));
            break;
        };
        if !cursors.insert(next.clone()) {
            doubts.add(|| format!("page {number} leads back to a page that was there before"));
            break;
        }
        cursor = Some(next);
    }
    if let Some(total) = total {
        let missing = (total as usize).saturating_sub(gathered.items.len());
        if missing > total as usize / 100 {
            doubts.add(|| {
                format!(
                    "the app says that there are {total}, and {} came",
                    gathered.items.len()
                )
            });
        }
    }
    Ok(Listing {
        items: gathered.items,
        is_whole: doubts.0.is_none(),
        why_not: doubts.0,
    })
}

/// Whether a last page that is exactly full is cut off there: asked for one item less, a connector
/// that turns pages names a next page, and one that forgets to does not.
async fn ends_early<'a, T>(
    limit: u32,
    cursor: Option<String>,
    fetch: &(impl Fn(u32, Option<String>) -> Fetching<'a, T> + Sync),
) -> Result<bool, Problem>
where
    T: Send + 'a,
{
    if limit == 1 {
        return Ok(false);
    }
    let again = fetch(limit - 1, cursor).await?;
    Ok(again.next.is_none())
}

fn not_whole(number: usize, skipped: &[(String, String)]) -> String {
    match skipped.first() {
        Some((id, reason)) => format!(
            "page {number} lacks {} items: {id} ({reason})",
            skipped.len()
        ),
        None => format!("page {number} is not whole, the connector says"),
    }
}

fn texts(object: &ObjectRef) -> usize {
    let optional = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    object.kind.len()
        + object.id.len()
        + optional(&object.container)
        + optional(&object.revision)
        + optional(&object.name_hint)
}

fn scalar(value: &Scalar) -> usize {
    size_of::<Scalar>()
        + match value {
            Scalar::Text(text) | Scalar::Day(text) => text.len(),
            Scalar::Binary(bytes) => bytes.len(),
            Scalar::Pointer(object) => texts(object),
            Scalar::Boolean(_) | Scalar::Number(_) | Scalar::Instant(_) => 0,
        }
}

impl Weigh for RemoteAccount {
    fn bytes(&self) -> usize {
        let keys = self.keys.iter();
        let keys = keys.map(|(name, value)| 2 * size_of::<String>() + name.len() + value.len());
        let attributes = self.attributes.iter().map(|(name, values)| {
            2 * size_of::<String>() + name.len() + values.iter().map(scalar).sum::<usize>()
        });
        let reason = self.protected_reason.as_ref().map_or(0, String::len);
        size_of::<Self>()
            + texts(&self.object)
            + reason
            + keys.sum::<usize>()
            + attributes.sum::<usize>()
    }
}

impl Weigh for Entitlement {
    fn bytes(&self) -> usize {
        let group = self.exclusion_group.as_ref().map_or(0, String::len);
        size_of::<Self>() + texts(&self.object) + self.class.len() + self.title.len() + group
    }
}

impl Weigh for RemoteGrant {
    fn bytes(&self) -> usize {
        size_of::<Self>() + texts(&self.principal) + texts(&self.entitlement)
    }
}

impl Weigh for RemoteCredential {
    fn bytes(&self) -> usize {
        size_of::<Self>() + texts(&self.object)
    }
}

/// The items, each once: of one that comes twice, the later one counts.
struct Gathered<T, K> {
    items: Vec<T>,
    places: HashMap<K, usize>,
}

impl<T, K: Hash + Eq> Gathered<T, K> {
    fn add(&mut self, items: Vec<T>, key: fn(&T) -> K) {
        for item in items {
            match self.places.entry(key(&item)) {
                std::collections::hash_map::Entry::Occupied(place) => {
                    self.items[*place.get()] = item;
                }
                std::collections::hash_map::Entry::Vacant(place) => {
                    place.insert(self.items.len());
                    self.items.push(item);
                }
            }
        }
    }
}

/// The first reason to doubt that a listing is whole.
struct Doubts(Option<String>);

impl Doubts {
    fn add(&mut self, reason: impl FnOnce() -> String) {
        if self.0.is_none() {
            self.0 = Some(reason());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Weigh for u32 {
        fn bytes(&self) -> usize {
            1 << 10
        }
    }

    impl Weigh for (u32, u32) {
        fn bytes(&self) -> usize {
            8
        }
    }

    fn bounds(page_max: u32) -> Bounds {
        Bounds {
            page_max,
            bytes_max: 1 << 20,
        }
    }

    #[tokio::test]
    async fn c42_a_listing_ends_when_its_bytes_are_used_up() {
        // A guest that never comes to an end, with a cursor that is always new.
        let endless = listing(100, |limit, cursor| {
            let from: u32 = cursor.map_or(0, |cursor| cursor.parse().unwrap());
            // The same items again and again: they cost work all the same.
            page(
                (0..limit).collect(),
                Some(&(from + limit).to_string()),
                false,
            )
        })
        .await;
        assert!(!endless.is_whole);
        let why_not = endless.why_not.unwrap();
        assert!(
            why_not.contains("1 MiB") && why_not.contains("PLG-042"),
            "{why_not}"
        );
        assert_eq!(endless.items.len(), 100);
    }

    fn page(items: Vec<u32>, next: Option<&str>, is_last: bool) -> Page<u32> {
        Page {
            items,
            next: next.map(str::to_owned),
            is_last,
            is_whole: true,
            skipped: Vec::new(),
            total: None,
        }
    }

    /// An app with so many items, listed by a connector that turns its pages.
    fn honest(count: u32, limit: u32, cursor: Option<&str>) -> Page<u32> {
        let from: u32 = cursor.map_or(0, |cursor| cursor.parse().unwrap());
        let to = (from + limit).min(count);
        let next = (to < count).then(|| to.to_string());
        page((from..to).collect(), next.as_deref(), next.is_none())
    }

    async fn listing(
        limit: u32,
        fetch: impl Fn(u32, Option<&str>) -> Page<u32> + Sync,
    ) -> Listing<u32> {
        gather(
            bounds(limit),
            |item| *item,
            |limit, cursor| {
                let page = fetch(limit, cursor.as_deref());
                Box::pin(async move { Ok(page) })
            },
        )
        .await
        .unwrap()
    }

    #[tokio::test]
    async fn every_page_size_gives_the_same_whole_listing() {
        for limit in 1..=13 {
            let listing = listing(limit, |limit, cursor| honest(12, limit, cursor)).await;
            assert!(listing.is_whole, "{limit}: {:?}", listing.why_not);
            assert_eq!(listing.items, (0..12).collect::<Vec<_>>());
        }
    }

    #[tokio::test]
    async fn a_full_page_without_a_successor_is_not_whole() {
        let cut = listing(5, |limit, _| page((0..limit).collect(), None, true)).await;
        assert!(!cut.is_whole && cut.items.len() == 5);
        assert!(cut.why_not.unwrap().contains("exactly full"));
    }

    #[tokio::test]
    async fn a_listing_that_breaks_off_or_goes_in_circles_is_not_whole() {
        let broken = listing(5, |_, _| page(vec![1], None, false)).await;
        assert!(broken.why_not.unwrap().contains("broke off"));
        let circle = listing(5, |_, _| page(vec![1], Some("again"), false)).await;
        assert!(circle.why_not.unwrap().contains("leads back"));
    }

    #[tokio::test]
    async fn fewer_items_than_the_app_counts_are_not_whole() {
        for (total, whole) in [(3, true), (4, false), (2, true)] {
            let listing = listing(5, |_, _| Page {
                total: Some(total),
                ..page(vec![1, 2, 3], None, true)
            })
            .await;
            assert_eq!(listing.is_whole, whole, "{total}");
        }
    }

    #[tokio::test]
    async fn one_skipped_item_makes_the_whole_listing_not_whole() {
        let listing = listing(2, |limit, cursor| Page {
            is_whole: cursor.is_some(),
            ..honest(4, limit, cursor)
        })
        .await;
        assert!(!listing.is_whole && listing.items.len() == 4);
    }

    #[tokio::test]
    async fn of_an_item_that_comes_twice_the_later_one_counts() {
        let listing = gather(
            bounds(2),
            |item: &(u32, u32)| item.0,
            |_, cursor| {
                let (items, next) = match cursor {
                    None => (vec![(1, 0), (2, 0)], Some("2".to_owned())),
                    Some(_) => (vec![(2, 7)], None),
                };
                let is_last = next.is_none();
                let page = Page {
                    items,
                    next,
                    is_last,
                    is_whole: true,
                    skipped: Vec::new(),
                    total: None,
                };
                Box::pin(async move { Ok(page) })
            },
        )
        .await
        .unwrap();
        assert_eq!(listing.items, [(1, 0), (2, 7)]);
    }
}
