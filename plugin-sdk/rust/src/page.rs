//! Listings, one page a call: [`PageRequest`] comes in, [`Page`] goes out.
//!
//! The host turns the pages; a connector never loops over a listing. Absence of an account means something
//! only when every page said it was whole and the last one said it was the last, so a [`Page`] cannot be made
//! without saying how it ends: [`Page::of`] returns an [`OpenPage`], and only its closing methods return a page.

use crate::object::Extras;
use crate::problem::{Problem, Result};

/// Which page the host asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageRequest {
    /// How many at most: 1 to the kind's `max_page`.
    pub limit: u32,
    /// Where the page begins; `None`: at the beginning.
    pub cursor: Option<String>,
}

impl PageRequest {
    /// The first page.
    pub fn first(limit: u32) -> Self {
        Self {
            limit,
            cursor: None,
        }
    }

    /// The page that begins here.
    pub fn from_cursor(limit: u32, cursor: impl Into<String>) -> Self {
        Self {
            limit,
            cursor: Some(cursor.into()),
        }
    }

    /// Where the page begins.
    pub fn cursor(&self) -> Option<&str> {
        self.cursor.as_deref()
    }

    /// Where the page begins as a number of items before it, for apps that page by offset or start index. A
    /// cursor that [`OpenPage::next_offset`] did not make is `CursorExpired`.
    ///
    /// # Errors
    ///
    /// [`Problem::CursorExpired`].
    pub fn offset(&self) -> Result<u32> {
        match &self.cursor {
            None => Ok(0),
            Some(cursor) => cursor.parse().map_err(|_| Problem::CursorExpired),
        }
    }
}

/// One page of a listing, with how it ends. Made by [`Page::of`].
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct Page<T> {
    items: Vec<T>,
    next: Option<String>,
    last: bool,
    whole: bool,
    skipped: Vec<(String, String)>,
    estimated_total: Option<u32>,
    /// See [`Extras`].
    pub extra: Extras,
}

impl<T> Page<T> {
    /// A page with these items that still has to be closed.
    ///
    /// ```
    /// use muster_sdk::{Page, PageRequest};
    ///
    /// // An app that gives a token for the next page, or none after the last one.
    /// let page = Page::of(vec!["ann", "bob"]).next_or_last(Some("t2"));
    /// assert!(!page.is_last());
    ///
    /// // An app that pages by offset and says how many there are.
    /// let request = PageRequest::from_cursor(100, "100");
    /// let page = Page::of(vec!["zoe"]).next_offset(&request, 1, Some(101));
    /// assert!(page.is_last() && page.is_whole());
    /// ```
    pub fn of(items: impl IntoIterator<Item = T>) -> OpenPage<T> {
        let items = items.into_iter().collect();
        OpenPage(Self {
            items,
            next: None,
            last: false,
            whole: true,
            skipped: Vec::new(),
            estimated_total: None,
            extra: Vec::new(),
        })
    }

    /// The items.
    pub fn items(&self) -> &[T] {
        &self.items
    }

    /// The items themselves.
    pub fn into_items(self) -> Vec<T> {
        self.items
    }

    /// Where the next page begins.
    pub fn next(&self) -> Option<&str> {
        self.next.as_deref()
    }

    /// There is nothing after it.
    pub fn is_last(&self) -> bool {
        self.last
    }

    /// Nothing that belongs on it is missing from it.
    pub fn is_whole(&self) -> bool {
        self.whole
    }

    /// Ids that could not be read, with the reason.
    pub fn skipped(&self) -> &[(String, String)] {
        &self.skipped
    }

    /// How many there are over all pages, where the app says.
    pub fn estimated_total(&self) -> Option<u32> {
        self.estimated_total
    }
}

/// A page that does not say yet how it ends.
#[derive(Debug)]
#[must_use = "say how the page ends: next, last, next_or_last, next_offset or broken_off"]
pub struct OpenPage<T>(Page<T>);

impl<T> OpenPage<T> {
    /// This id belongs here and could not be read; the page is not whole.
    pub fn skipping(mut self, id: impl Into<String>, reason: impl Into<String>) -> Self {
        self.0.skipped.push((id.into(), reason.into()));
        self.0.whole = false;
        self
    }

    /// The app says that there are that many over all pages.
    pub fn of_total(mut self, total: Option<u32>) -> Self {
        self.0.estimated_total = total;
        self
    }

    /// More follows from this cursor on.
    pub fn next(mut self, cursor: impl Into<String>) -> Page<T> {
        self.0.next = Some(cursor.into());
        self.0
    }

    /// There is nothing after it.
    pub fn last(mut self) -> Page<T> {
        self.0.last = true;
        self.0
    }

    /// More follows if there is a cursor; otherwise it is the last page. For apps that promise this: an empty
    /// cursor counts as none.
    pub fn next_or_last(self, cursor: Option<impl Into<String>>) -> Page<T> {
        match cursor.map(Into::into) {
            Some(cursor) if !cursor.is_empty() => self.next(cursor),
            Some(_) | None => self.last(),
        }
    }

    /// For apps that page by offset: `received` items came, before anything was left out, and the app says
    /// that there are `total` over all pages. Without a total the listing ends with an empty page, because a
    /// short page proves nothing. An empty page before the total is reached breaks the listing off.
    pub fn next_offset(
        self,
        request: &PageRequest,
        received: usize,
        total: Option<u32>,
    ) -> Page<T> {
        let received = u32::try_from(received).unwrap_or(u32::MAX);
        let end = request.offset().unwrap_or(0).saturating_add(received);
        let page = self.of_total(total);
        match total {
            Some(total) if end >= total => page.last(),
            Some(_) if received == 0 => page.broken_off("an empty page before the announced total"),
            None if received == 0 => page.last(),
            Some(_) | None => page.next(end.to_string()),
        }
    }

    /// The listing ends here and is not complete, for this reason.
    pub fn broken_off(self, reason: impl Into<String>) -> Page<T> {
        self.skipping("", reason).0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offset_listing_ends_only_where_it_is_proven_to() {
        let request = PageRequest::from_cursor(10, "20");
        let page = |count, total| Page::of(vec![(); count]).next_offset(&request, count, total);
        assert_eq!(page(10, Some(35)).next(), Some("30"));
        assert!(page(10, Some(30)).is_last());
        assert_eq!(
            page(3, Some(35)).next(),
            Some("23"),
            "a short page is not the last one"
        );
        assert_eq!(page(3, None).next(), Some("23"));
        assert!(page(0, None).is_last());
        let early = page(0, Some(35));
        assert!(!early.is_last() && !early.is_whole() && early.next().is_none());
    }

    #[test]
    fn what_was_skipped_makes_the_page_partial() {
        let page = Page::of([1, 2]).skipping("3", "no id").last();
        assert!(page.is_last() && !page.is_whole());
        assert_eq!(page.skipped(), [("3".to_owned(), "no id".to_owned())]);
    }

    #[test]
    fn an_empty_cursor_is_the_end() {
        assert!(Page::of([1]).next_or_last(Some("")).is_last());
        assert!(Page::of([1]).next_or_last(None::<&str>).is_last());
        assert_eq!(Page::of([1]).next_or_last(Some("n")).next(), Some("n"));
    }

    #[test]
    fn a_foreign_cursor_is_expired() {
        assert_eq!(
            PageRequest::from_cursor(1, "abc").offset(),
            Err(Problem::CursorExpired)
        );
    }
}
