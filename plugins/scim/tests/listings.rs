//! Listings, and what is never a whole one, against answers that are written down request by request.

mod script;

use muster_plugin_scim::Scim;
use muster_sdk::{
    Accounts, Answer, Connector, FakeHost, HttpFault, Listing, PageRequest, Problem, all_pages,
};
use serde_json::{Value, json};

use script::{CONFIG, USERS, host, nothing};

/// The pages of a listing of users, from a service of 7 users that answers as the test says.
fn listed(limit: u32, answers: Vec<Answer>) -> muster_sdk::Result<Listing<muster_sdk::Account>> {
    let host = host().on("GET", CONFIG, Answer::status(404));
    let host = answers
        .into_iter()
        .fold(host, |host, answer| host.on("GET", USERS, answer));
    all_pages(limit, |page| Scim.list_accounts(&host, "user", page))
}

fn page_of(start: usize, count: usize) -> Value {
    let ids = start..(start + count).min(8);
    let users: Vec<_> = ids
        .map(|id| json!({"id": id.to_string(), "userName": format!("u{id}")}))
        .collect();
    json!({"totalResults": 7, "startIndex": start, "itemsPerPage": users.len(), "Resources": users})
}

#[test]
fn f2_every_page_size_lists_the_same_and_is_whole() {
    for limit in 1..=8_u32 {
        let size = limit as usize;
        let mut answers = vec![Answer::json(200, page_of(1, size))];
        let mut next = 1 + size;
        while next <= 7 {
            answers.push(Answer::json(200, page_of(next - 1, size + 1)));
            next += size;
        }
        // One more, which brings only the last one again.
        answers.push(Answer::json(200, page_of(7, size + 1)));
        let all = listed(limit, answers).unwrap();
        let ids: Vec<_> = all
            .items
            .iter()
            .map(|account| account.key.id.clone())
            .collect();
        assert_eq!(ids, ["1", "2", "3", "4", "5", "6", "7"], "limit {limit}");
        assert!(all.whole, "limit {limit}");
    }
}

#[test]
fn f2_no_fault_on_a_later_page_leaves_a_whole_listing() {
    let first = || Answer::json(200, page_of(1, 3));
    let faults = [
        Answer::status(302).header("location", "/login"),
        Answer::text(200, "text/html", "<html>Sign in</html>"),
        Answer::status(200),
        Answer::json(200, "{}"),
        Answer::json(200, "[]"),
        Answer::json(200, "{\"totalResults\": 7, \"Reso"),
        Answer::json(200, json!({"totalResults": 7})),
        Answer::json(200, json!({"totalResults": 7, "Resources": null})),
        Answer::json(
            200,
            json!({"totalResults": 7, "startIndex": 3, "Resources": []}),
        ),
        Answer::json(200, json!({"totalResults": 0})),
        Answer::json(200, json!({"totalResults": 0, "Resources": []})),
        Answer::json(200, page_of(1, 3)),
        Answer::json(
            200,
            json!({"totalResults": 3, "startIndex": 3, "Resources": [{"id": "9"}]}),
        ),
        Answer::status(404),
        Answer::status(500),
        Answer::fault(HttpFault::SentNoReply("reset".into())),
        Answer::fault(HttpFault::TooLarge("8 MiB".into())),
    ];
    for (number, fault) in faults.into_iter().enumerate() {
        let whole = listed(3, vec![first(), fault]).is_ok_and(|all| all.whole);
        assert!(!whole, "fault {number}");
    }
}

#[test]
fn f2_no_fault_on_the_first_page_is_an_empty_whole_listing() {
    let faults = [
        Answer::status(302).header("location", "/login"),
        Answer::text(200, "text/html", "<html>Sign in</html>"),
        Answer::status(200),
        Answer::json(200, "{}"),
        Answer::json(200, json!({"Resources": []})),
        Answer::json(200, json!({"totalResults": 7, "Resources": []})),
        Answer::status(500),
    ];
    for (number, fault) in faults.into_iter().enumerate() {
        let host = host().setting("paging", "index").on("GET", USERS, fault);
        let page = Scim.list_accounts(&host, "user", &PageRequest::first(3));
        assert!(
            !page.is_ok_and(|page| page.is_last() && page.is_whole()),
            "fault {number}"
        );
    }
}

#[test]
fn f2_a_user_deleted_while_the_pages_are_turned_leaves_a_hole_that_is_noticed() {
    // 1 to 3 were listed; then 2 was deleted and 8 created, so that 4 is skipped and the total is the same.
    let moved = json!({"totalResults": 7, "startIndex": 3, "Resources": [
        {"id": "4"}, {"id": "5"}, {"id": "6"}, {"id": "7"},
    ]});
    let rest = json!({"totalResults": 7, "startIndex": 6, "Resources": [{"id": "7"}, {"id": "8"}]});
    let all = listed(
        3,
        vec![
            Answer::json(200, page_of(1, 3)),
            Answer::json(200, moved),
            Answer::json(200, rest),
        ],
    );
    assert!(!all.unwrap().whole);
}

#[test]
fn a_user_twice_or_without_an_id_makes_a_page_partial() {
    let twice = json!({"totalResults": 2, "Resources": [{"id": "1"}, {"id": "1"}]});
    assert!(!listed(3, vec![Answer::json(200, twice)]).unwrap().whole);
    let nameless = json!({"totalResults": 2, "Resources": [{"id": "1"}, {"userName": "x"}]});
    assert!(!listed(3, vec![Answer::json(200, nameless)]).unwrap().whole);
}

#[test]
fn a_service_that_sends_everything_at_once_is_cut_into_pages() {
    let everything = || {
        let mut all = page_of(1, 7);
        all.as_object_mut().unwrap().remove("startIndex");
        Answer::json(200, all)
    };
    let pages = || std::iter::repeat_with(everything).take(4);
    let answers = std::iter::once(Answer::status(500))
        .chain(pages())
        .collect();
    let all = listed(3, answers).unwrap();
    assert_eq!((all.items.len(), all.whole), (7, true));
    let all = listed(3, pages().collect()).unwrap();
    assert_eq!(
        (all.items.len(), all.whole),
        (7, true),
        "it ignores index and count"
    );
}

fn with_cursors(pages: &[(&str, Value)]) -> FakeHost {
    let config = json!({"pagination": {"cursor": true, "index": true}});
    let host = host().on("GET", CONFIG, Answer::json(200, config));
    pages.iter().fold(host, |host, (cursor, page)| {
        let path = format!("{USERS}?cursor={cursor}&count=2");
        host.on("GET", &path, Answer::json(200, page))
    })
}

#[test]
fn a_service_with_cursors_is_listed_by_them() {
    let host = with_cursors(&[
        (
            "",
            json!({"totalResults": 3, "nextCursor": "a|b", "Resources": [{"id": "1"}, {"id": "2"}]}),
        ),
        (
            "a%7Cb",
            json!({"totalResults": 3, "Resources": [{"id": "3"}]}),
        ),
    ]);
    let all = all_pages(2, |page| Scim.list_accounts(&host, "user", page)).unwrap();
    assert_eq!((all.items.len(), all.whole), (3, true));
}

#[test]
fn f2_a_cursor_that_ends_early_or_stands_still_is_not_whole() {
    let short = with_cursors(&[(
        "",
        json!({"totalResults": 3, "Resources": [{"id": "1"}, {"id": "2"}]}),
    )]);
    assert!(
        !all_pages(2, |page| Scim.list_accounts(&short, "user", page))
            .unwrap()
            .whole
    );
    let page = json!({"nextCursor": "c", "Resources": [{"id": "1"}]});
    let still = with_cursors(&[("", page.clone()), ("c", page)]);
    assert!(
        !all_pages(2, |page| Scim.list_accounts(&still, "user", page))
            .unwrap()
            .whole
    );
    let empty = with_cursors(&[("", json!({"Resources": []}))]);
    assert!(
        !all_pages(2, |page| Scim.list_accounts(&empty, "user", page))
            .unwrap()
            .whole
    );
}

#[test]
fn an_expired_or_foreign_cursor_starts_the_listing_again() {
    let expired = json!({"scimType": "expiredCursor", "status": "400"});
    let host1 = host().on("GET", USERS, Answer::json(400, expired));
    let page = Scim.list_accounts(&host1, "user", &PageRequest::from_cursor(2, "c|3|9|old"));
    assert_eq!(page, Err(Problem::CursorExpired));
    let foreign = Scim.list_accounts(&host(), "user", &PageRequest::from_cursor(2, "what"));
    assert_eq!(foreign, Err(Problem::CursorExpired));
}

#[test]
fn a_try_out_names_what_the_credential_may_not_read() {
    let host = host()
        .on("GET", CONFIG, Answer::status(404))
        .on("GET", USERS, nothing())
        .on("GET", CONFIG, Answer::status(404))
        .on("GET", "/scim/v2/Groups", Answer::status(403));
    let report = Scim.probe(&host).unwrap();
    assert_eq!(report.missing.len(), 1);
    assert_eq!(report.missing[0].kind.as_deref(), Some("group"));
}

#[test]
fn f2_a_total_that_is_the_length_of_the_page_does_not_end_a_listing() {
    let lying = |start: usize, count: usize| {
        let page = page_of(start, count);
        let received = page["Resources"].as_array().unwrap().len();
        let mut page = page;
        page["totalResults"] = json!(received);
        Answer::json(200, page)
    };
    let answers = vec![lying(1, 3), lying(3, 4), lying(6, 4), lying(7, 4)];
    let all = listed(3, answers).unwrap();
    assert_eq!((all.items.len(), all.whole), (7, true));
}

#[test]
fn f2_the_same_page_for_ever_is_not_whole_and_ends() {
    for paging in ["auto", "index"] {
        let host = host().setting("paging", paging);
        let host = if paging == "auto" {
            host.on("GET", CONFIG, Answer::status(404))
        } else {
            host
        };
        let host = (0..3).fold(host, |host, _| {
            let mut page = page_of(1, 3);
            page.as_object_mut().unwrap().remove("startIndex");
            host.on("GET", USERS, Answer::json(200, page))
        });
        let all = all_pages(3, |page| Scim.list_accounts(&host, "user", page)).unwrap();
        assert!(!all.whole, "{paging}");
    }
}
