//! When a file is complete: looks and hints with times in, decisions out.

use std::ffi::OsStr;
use std::time::Duration;

use crate::folder::settle::{Decision, Hint, Look, Settling, Stamp, Waits, is_final_name};

const WAITS: Waits = Waits {
    quiet: Duration::from_secs(1),
    unclosed_quiet: Duration::from_secs(30),
    second_look: Duration::from_millis(2),
};

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// A file of this size, last written to so long ago.
fn look(size: u64, age: Duration) -> Look {
    Look {
        stamp: Stamp {
            size,
            modified: jiff::Timestamp::UNIX_EPOCH,
            inode: 7,
        },
        age,
    }
}

/// Follows one file. Each look happens when it is due, and sees what `seen` gives for that time;
/// returns when the file was ready, and whether it was moved in.
fn ready_at(hints: &[(u64, Hint)], seen: impl Fn(Duration) -> Look) -> Option<(u64, bool)> {
    let name = OsStr::new("workers.csv");
    let mut settling = Settling::new(WAITS);
    let mut hints = hints.iter().peekable();
    let mut at = Duration::ZERO;
    for _ in 0..10_000 {
        while let Some((_, hint)) = hints.next_if(|(due, _)| ms(*due) <= at) {
            settling.hint(name, *hint, at);
        }
        if !settling.due(at, 1).is_empty() {
            match settling.look(name, Some(seen(at)), at) {
                Decision::Ready(ready) => {
                    let at = u64::try_from(at.as_millis()).unwrap();
                    return Some((at, ready.was_moved_in));
                }
                Decision::Wait { .. } => {}
                Decision::Gone => panic!("the file is there"),
            }
        }
        let next_hint = hints.peek().map(|(due, _)| ms(*due));
        at = [settling.next_look(), next_hint]
            .into_iter()
            .flatten()
            .min()?;
    }
    panic!("the file never settles");
}

#[test]
fn a_file_that_was_moved_in_is_ready_after_two_looks() {
    let ready = ready_at(&[(0, Hint::MovedIn)], |_| look(9, Duration::ZERO));
    assert_eq!(ready, Some((2, true)));
}

#[test]
fn a_file_that_was_closed_rests_first() {
    let hints = [(0, Hint::Opened), (10, Hint::Closed)];
    assert_eq!(
        ready_at(&hints, |_| look(9, Duration::ZERO)),
        Some((1_000, false))
    );
    // Opened, appended and closed again after 400 ms: the rest begins anew.
    let hints = [(0, Hint::Closed), (400, Hint::Opened), (401, Hint::Closed)];
    let size = |at| if at < ms(400) { 9 } else { 18 };
    assert_eq!(
        ready_at(&hints, |at| look(size(at), Duration::ZERO)),
        Some((1_400, false))
    );
}

#[test]
fn f3_a_file_that_nobody_closed_rests_longer() {
    let ready = ready_at(&[(0, Hint::Opened)], |_| look(9, Duration::ZERO));
    assert_eq!(ready, Some((30_000, false)));
    // A writer that pauses for 20 s in the middle and closes then.
    let hints = [
        (0, Hint::Opened),
        (20_000, Hint::Opened),
        (20_005, Hint::Closed),
    ];
    let size = |at| if at < ms(20_000) { 9 } else { 18 };
    assert_eq!(
        ready_at(&hints, |at| look(size(at), Duration::ZERO)),
        Some((21_000, false))
    );
}

#[test]
fn a_file_that_is_found_is_ready_at_once_if_it_is_old() {
    let old = |at| look(9, ms(3_600_000) + at);
    assert_eq!(ready_at(&[(0, Hint::Found)], old), Some((2, false)));
    let young = |at| look(9, ms(300) + at);
    assert_eq!(ready_at(&[(0, Hint::Found)], young), Some((700, false)));
    // Written by a machine whose clock is ahead: only what was watched counts.
    assert_eq!(
        ready_at(&[(0, Hint::Found)], |_| look(9, Duration::ZERO)),
        Some((1_000, false))
    );
}

#[test]
fn a_file_that_changes_after_it_was_moved_in_is_like_any_other() {
    let size = |at| if at < ms(1) { 9 } else { 18 };
    let ready = ready_at(&[(0, Hint::MovedIn)], |at| look(size(at), Duration::ZERO));
    assert_eq!(ready, Some((1_002, false)));
}

#[test]
fn a_file_that_goes_away_is_forgotten() {
    let name = OsStr::new("workers.csv");
    let mut settling = Settling::new(WAITS);
    settling.hint(name, Hint::Closed, ms(0));
    settling.look(name, Some(look(9, Duration::ZERO)), ms(0));
    settling.hint(name, Hint::Gone, ms(6));
    assert_eq!(settling.due(ms(6), 1), [name]);
    assert_eq!(settling.look(name, None, ms(6)), Decision::Gone);
    assert_eq!(settling.next_look(), None);
}

#[test]
fn a_rest_that_was_asked_for_is_kept_whatever_is_seen() {
    let name = OsStr::new("workers.csv");
    let mut settling = Settling::new(WAITS);
    settling.wait(name, ms(10_000), ms(0));
    settling.look(name, Some(look(9, ms(4_000))), ms(0));
    assert_eq!(settling.next_look(), Some(ms(6_000)));
    let decision = settling.look(name, Some(look(9, ms(10_000))), ms(6_000));
    assert!(matches!(decision, Decision::Ready(_)));
}

#[test]
fn names_that_are_not_final_are_left_alone() {
    for name in [
        "workers.csv",
        "Mitarbeiter M\u{e4}rz.CSV",
        "export",
        "a.tmp.csv",
        "report.txt",
    ] {
        assert!(is_final_name(OsStr::new(name)), "{name}");
    }
    for name in [
        ".workers.csv.swp",
        ".hidden",
        "~$workers.csv",
        "workers.csv~",
        "workers.csv.part",
        "workers.CSV.FILEPART",
        "workers.csv.tmp",
        "x.crdownload",
        "Thumbs.db",
        "desktop.ini",
    ] {
        assert!(!is_final_name(OsStr::new(name)), "{name}");
    }
}
