//! The drop folder on a real file system. Nothing here waits for a time: every wait is for an event,
//! and has a limit.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use tokio::time::timeout;

use crate::folder::place::{MoveError, Place, Places};
use crate::folder::time::{MachineTime, Time};
use crate::folder::{
    Arrival, Folder, FolderEvent, FolderOptions, Pattern, ReadError, open_arrival, open_changed,
};
use crate::{FileVerdict, IntakeOptions, code};

/// No wait of a test takes longer, or it fails.
const LIMIT: Duration = Duration::from_secs(20);

const WHOLE: &str = "id,name,status,last day\n1,\"Ada, the first\",active,\n2,Zo\u{eb},active,\n";

fn quick() -> FolderOptions {
    FolderOptions {
        quiet: Duration::from_millis(20),
        unclosed_quiet: Duration::from_hours(1),
        patience: Duration::from_millis(60),
        rescan_every: Duration::from_hours(1),
        poll: None,
        ..FolderOptions::default()
    }
}

fn of_machine() -> Arc<dyn Time> {
    Arc::new(MachineTime::begin())
}

fn folder(options: FolderOptions) -> (TempDir, Folder) {
    let root = tempfile::tempdir().unwrap();
    let folder = Folder::open(root.path(), options, of_machine()).unwrap();
    (root, folder)
}

async fn next(folder: &mut Folder) -> FolderEvent {
    timeout(LIMIT, folder.next())
        .await
        .expect("the folder has something to say in time")
}

async fn arrival(folder: &mut Folder) -> Arrival {
    match next(folder).await {
        FolderEvent::Arrived(arrival) => arrival,
        other => panic!("{other:?}"),
    }
}

/// Puts a whole file into the folder, as a careful system does.
fn move_in(root: &Path, name: &str, content: &str) {
    let part = root.join(format!("{name}.part"));
    fs::write(&part, content).unwrap();
    fs::rename(part, root.join(name)).unwrap();
}

fn verdict(arrival: &Arrival) -> FileVerdict {
    let opened = open_arrival(arrival, &IntakeOptions::default()).unwrap();
    opened.mistakes.verdict()
}

#[tokio::test]
async fn a_file_that_is_moved_in_arrives_and_its_temporary_name_does_not() {
    let (root, mut folder) = folder(quick());
    move_in(root.path(), "workers.csv", WHOLE);
    let arrival = arrival(&mut folder).await;
    assert_eq!(arrival.name, "workers.csv");
    assert!(arrival.was_moved_in);
    assert_eq!(verdict(&arrival), FileVerdict::Accepted);
}

#[tokio::test]
async fn a_file_that_was_there_before_arrives() {
    let root = tempfile::tempdir().unwrap();
    fs::write(root.path().join("workers.csv"), WHOLE).unwrap();
    let mut folder = Folder::open(root.path(), quick(), of_machine()).unwrap();
    assert_eq!(arrival(&mut folder).await.name, "workers.csv");
}

#[tokio::test]
async fn f3_a_writer_that_pauses_is_waited_for() {
    for paused_behind in ["1,\"Ada, the first\",act", "1,\"Ada, the", "2,Zo\u{c3}"] {
        let (root, mut folder) = folder(quick());
        let cut = WHOLE.find(paused_behind).map_or_else(
            // In the middle of the two bytes of one character.
            || WHOLE.find('\u{eb}').unwrap() + 1,
            |at| at + paused_behind.len(),
        );
        let mut writer = File::create(root.path().join("slow.csv")).unwrap();
        writer.write_all(&WHOLE.as_bytes()[..cut]).unwrap();
        // Another file comes and goes, so the slow one has been looked at.
        move_in(root.path(), "other.csv", WHOLE);
        assert_eq!(arrival(&mut folder).await.name, "other.csv");
        writer.write_all(&WHOLE.as_bytes()[cut..]).unwrap();
        drop(writer);
        let slow = arrival(&mut folder).await;
        assert_eq!(slow.name, "slow.csv");
        assert_eq!(slow.stamp.size, WHOLE.len() as u64);
        assert_eq!(verdict(&slow), FileVerdict::Accepted);
    }
}

#[tokio::test]
async fn f3_a_writer_that_opens_and_closes_several_times_is_waited_for() {
    let patient = FolderOptions {
        patience: Duration::from_hours(1),
        ..quick()
    };
    let (root, mut folder) = folder(patient);
    let path = root.path().join("workers.csv");
    fs::write(&path, &WHOLE[..40]).unwrap();
    let first = arrival(&mut folder).await;
    let opened = open_arrival(&first, &IntakeOptions::default()).unwrap();
    assert!(opened.may_be_growing());
    assert!(folder.defer(&first), "the writer may only be slow");
    let mut writer = OpenOptions::new().append(true).open(&path).unwrap();
    writer.write_all(&WHOLE.as_bytes()[40..]).unwrap();
    drop(writer);
    // The rest that was asked for is an hour, and a change of the file does not shorten it; so the
    // folder is told that somebody has moved a whole file over it.
    move_in(root.path(), "workers.csv", WHOLE);
    folder.retry(&first);
    let second = arrival(&mut folder).await;
    assert_eq!(verdict(&second), FileVerdict::Accepted);
}

#[tokio::test]
async fn f3_a_file_that_stays_cut_is_believed_in_the_end() {
    let (root, mut folder) = folder(quick());
    fs::write(root.path().join("workers.csv"), &WHOLE[..40]).unwrap();
    let mut arrived = arrival(&mut folder).await;
    let mut deferred = 0;
    while folder.defer(&arrived) {
        deferred += 1;
        arrived = arrival(&mut folder).await;
    }
    assert!(deferred <= 1, "one wait is enough");
    assert!(arrived.rested >= quick().patience);
    assert_eq!(verdict(&arrived), FileVerdict::Rejected);
    move_in(root.path(), "moved.csv", &WHOLE[..40]);
    let moved = arrival(&mut folder).await;
    assert!(
        !folder.defer(&moved),
        "nobody is writing to a file that was moved in"
    );
}

#[tokio::test]
async fn what_is_no_plain_file_is_remarked_once_and_left_alone() {
    let (root, mut folder) = folder(quick());
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("secret.csv"), WHOLE).unwrap();
    symlink(
        outside.path().join("secret.csv"),
        root.path().join("link.csv"),
    )
    .unwrap();
    fs::create_dir(root.path().join("march")).unwrap();
    let mut names = Vec::new();
    for _ in 0..2 {
        let FolderEvent::Remarked(mistake) = next(&mut folder).await else {
            panic!("no file has come");
        };
        assert_eq!(mistake.code, code::NOT_A_FILE);
        names.push(mistake.text);
    }
    names.sort();
    assert!(
        names[0].contains("link.csv") && names[1].contains("march"),
        "{names:?}"
    );
    move_in(root.path(), "workers.csv", WHOLE);
    assert_eq!(arrival(&mut folder).await.name, "workers.csv");
    assert!(root.path().join("link.csv").is_symlink());
}

#[tokio::test]
async fn a_folder_that_was_made_anew_is_watched_anew() {
    let options = FolderOptions {
        rescan_every: Duration::from_millis(20),
        ..quick()
    };
    let parent = tempfile::tempdir().unwrap();
    let root = parent.path().join("drop");
    let mut folder = Folder::open(&root, options, of_machine()).unwrap();
    move_in(&root, "first.csv", WHOLE);
    assert_eq!(arrival(&mut folder).await.name, "first.csv");
    fs::remove_dir_all(&root).unwrap();
    fs::create_dir(&root).unwrap();
    move_in(&root, "second.csv", WHOLE);
    loop {
        match next(&mut folder).await {
            FolderEvent::Arrived(arrival) if arrival.name == "second.csv" => break,
            FolderEvent::Arrived(_) | FolderEvent::Reopened | FolderEvent::Over(_) => {}
            FolderEvent::Closed(mistake) | FolderEvent::Remarked(mistake) => {
                assert_eq!(mistake.code, code::FOLDER_IO);
            }
        }
    }
}

#[tokio::test]
async fn a_folder_that_cannot_be_read_is_said_once_and_so_is_its_return() {
    let parent = tempfile::tempdir().unwrap();
    let root = parent.path().join("drop");
    let options = FolderOptions {
        poll: Some(Duration::from_millis(10)),
        ..quick()
    };
    let mut folder = Folder::open(&root, options, of_machine()).unwrap();
    fs::remove_dir_all(&root).unwrap();
    fs::write(&root, "a file in the folder's place").unwrap();
    let FolderEvent::Closed(mistake) = next(&mut folder).await else {
        panic!("nobody would know that nothing is seen");
    };
    assert_eq!(mistake.code, code::FOLDER_IO);
    fs::remove_file(&root).unwrap();
    assert_eq!(next(&mut folder).await, FolderEvent::Reopened);
    move_in(&root, "after.csv", WHOLE);
    assert_eq!(arrival(&mut folder).await.name, "after.csv");
}

#[tokio::test]
async fn a_folder_without_events_is_polled() {
    let options = FolderOptions {
        poll: Some(Duration::from_millis(10)),
        ..quick()
    };
    let (root, mut folder) = folder(options);
    fs::write(root.path().join("workers.csv"), WHOLE).unwrap();
    assert_eq!(verdict(&arrival(&mut folder).await), FileVerdict::Accepted);
}

#[tokio::test]
async fn a_file_that_changed_since_it_came_to_rest_is_not_read() {
    let (root, mut folder) = folder(quick());
    move_in(root.path(), "workers.csv", WHOLE);
    let first = arrival(&mut folder).await;
    move_in(root.path(), "workers.csv", &WHOLE.replace("Ada", "Eve"));
    let read = open_arrival(&first, &IntakeOptions::default());
    assert!(matches!(read, Err(ReadError::Changed { .. })));
    let moved = folder.places().put_away(
        OsStr::new("workers.csv"),
        first.stamp,
        Place::Processed,
        at(),
    );
    assert!(matches!(moved, Err(MoveError::Replaced { .. })));
    let second = arrival(&mut folder).await;
    assert_eq!(verdict(&second), FileVerdict::Accepted);
}

#[tokio::test]
async fn a_file_that_is_put_back_arrives_again() {
    let (root, mut folder) = folder(quick());
    move_in(root.path(), "workers.csv", WHOLE);
    let first = arrival(&mut folder).await;
    let name = OsStr::new("workers.csv");
    let places = folder.places().clone();
    let stored = places
        .put_away(name, first.stamp, Place::Processed, at())
        .unwrap();
    // The very same file, with its time and all.
    let stored = root.path().join("processed").join(stored);
    fs::rename(stored, root.path().join(name)).unwrap();
    assert_eq!(arrival(&mut folder).await.stamp, first.stamp);
}

#[tokio::test]
async fn a_file_that_says_what_the_last_one_said_is_not_opened() {
    let (root, mut folder) = folder(quick());
    let options = IntakeOptions::default();
    move_in(root.path(), "workers.csv", WHOLE);
    let first = open_arrival(&arrival(&mut folder).await, &options).unwrap();
    let mut rows: Vec<&str> = WHOLE.split_inclusive('\n').collect();
    rows[1..].reverse();
    move_in(root.path(), "again.csv", &rows.concat());
    let again = arrival(&mut folder).await;
    let same = open_changed(&again, &options, Some(&first.content)).unwrap();
    assert_eq!(same.content, first.content);
    assert_eq!(same.mistakes.verdict(), FileVerdict::Accepted);
    assert!(same.sheet.is_none());
    let full = open_arrival(&again, &options).unwrap();
    assert_eq!(same.digest, full.digest);
    move_in(root.path(), "more.csv", &format!("{WHOLE}3,Cy,active,\n"));
    let more = arrival(&mut folder).await;
    let changed = open_changed(&more, &options, Some(&first.content)).unwrap();
    assert_eq!(changed.sheet.unwrap().row_count(), 3);
}

#[tokio::test]
async fn a_file_that_is_too_large_is_digested_and_not_read() {
    let (root, mut folder) = folder(quick());
    move_in(root.path(), "workers.csv", WHOLE);
    let arrival = arrival(&mut folder).await;
    let small = IntakeOptions {
        bytes_max: 10,
        ..IntakeOptions::default()
    };
    let opened = open_arrival(&arrival, &small).unwrap();
    assert_eq!(opened.mistakes.reasons(), [code::TOO_LARGE]);
    let full = open_arrival(&arrival, &IntakeOptions::default()).unwrap();
    assert_eq!(opened.digest, full.digest);
}

fn at() -> jiff::Timestamp {
    "2026-11-22T09:03:12Z".parse().unwrap()
}

/// A folder with one file that has come to rest.
async fn with_file() -> (TempDir, Places, Arrival) {
    let (root, mut folder) = folder(quick());
    move_in(root.path(), "workers.csv", WHOLE);
    let arrival = arrival(&mut folder).await;
    (root, folder.places().clone(), arrival)
}

#[tokio::test]
async fn a_file_is_put_away_and_found_again_after_a_stop() {
    let (root, places, arrival) = with_file().await;
    let name = OsStr::new("workers.csv");
    let put = || places.put_away(name, arrival.stamp, Place::Processed, at());
    let stored = put().unwrap();
    assert_eq!(stored, "20261122T090312Z-workers.csv");
    // The daemon stopped before it could remember that.
    assert!(matches!(put(), Err(MoveError::Gone { .. })));
    assert_eq!(
        places.find("workers.csv", Place::Processed, at()),
        Some(stored.clone())
    );
    let processed = root.path().join("processed");
    assert_eq!(fs::read_dir(&processed).unwrap().count(), 1);
    assert_eq!(fs::read_to_string(processed.join(stored)).unwrap(), WHOLE);
}

#[tokio::test]
async fn nothing_is_overwritten() {
    let (root, places, arrival) = with_file().await;
    let taken = root.path().join("held/20261122T090312Z-workers.csv");
    fs::write(&taken, "somebody else's").unwrap();
    let stored = places
        .put_away(OsStr::new("workers.csv"), arrival.stamp, Place::Held, at())
        .unwrap();
    assert_eq!(stored, "20261122T090312Z-1-workers.csv");
    let stored = root.path().join("held").join(stored);
    assert_eq!(fs::read_to_string(stored).unwrap(), WHOLE);
    assert_eq!(fs::read_to_string(taken).unwrap(), "somebody else's");
}

#[tokio::test]
async fn a_held_file_moves_on_and_leaves_its_report_behind() {
    let (root, places, arrival) = with_file().await;
    let stored = places
        .put_away(OsStr::new("workers.csv"), arrival.stamp, Place::Held, at())
        .unwrap();
    places
        .write_beside(&stored, Place::Held, ".report.txt", "held\n")
        .unwrap();
    let held = root.path().join("held");
    let report = held.join(format!("{stored}.report.txt"));
    assert_eq!(fs::read_to_string(&report).unwrap(), "held\n");
    let move_on = || {
        places
            .move_on(&stored, Place::Held, Place::Processed)
            .unwrap()
    };
    let moved = move_on();
    assert_eq!(move_on(), moved);
    let moved = root.path().join("processed").join(moved);
    assert_eq!(fs::read_to_string(moved).unwrap(), WHOLE);
    assert_eq!(fs::read_dir(held).unwrap().count(), 0);
}

#[tokio::test]
async fn c01_what_has_the_name_of_a_subfolder_and_is_none_is_not_used() {
    let outside = tempfile::tempdir().unwrap();
    for place in ["processed", "held", "rejected"] {
        let (root, mut folder) = folder(quick());
        let places = folder.places().clone();
        move_in(root.path(), "workers.csv", WHOLE);
        let arrival = arrival(&mut folder).await;
        fs::remove_dir(root.path().join(place)).unwrap();
        symlink(outside.path(), root.path().join(place)).unwrap();
        let to = Place::ALL
            .into_iter()
            .find(|to| to.as_str() == place)
            .unwrap();
        let put = places.put_away(&arrival.file_name, arrival.stamp, to, at());
        assert!(matches!(put, Err(MoveError::Refused(_))), "{put:?}");
        let written = places.write_beside("x", to, ".report.txt", "text");
        assert!(written.is_err());
        assert!(places.put_copy("x", WHOLE.as_bytes(), to, at()).is_err());
        assert!(places.refused().is_some());
    }
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn c01_a_planted_link_is_not_written_through() {
    let outside = tempfile::tempdir().unwrap();
    let target = outside.path().join("muster.toml");
    fs::write(&target, "untouched").unwrap();
    let (root, places, arrival) = with_file().await;
    let processed = root.path().join("processed");
    let stored = "20261122T090312Z-workers.csv";
    for name in [
        stored.to_owned(),
        format!(".{stored}.report.txt.part"),
        format!("{stored}.report.txt"),
    ] {
        symlink(&target, processed.join(name)).unwrap();
    }
    let put = places
        .put_away(&arrival.file_name, arrival.stamp, Place::Processed, at())
        .unwrap();
    assert_eq!(put, "20261122T090312Z-1-workers.csv");
    places
        .write_beside(stored, Place::Processed, ".report.txt", "report")
        .unwrap();
    assert_eq!(fs::read_to_string(&target).unwrap(), "untouched");
    let report = processed.join(format!("{stored}.report.txt"));
    assert!(!report.is_symlink());
    assert_eq!(fs::read_to_string(report).unwrap(), "report");
}

#[tokio::test]
async fn c39_what_is_no_file_by_now_is_not_waited_for() {
    let (root, mut folder) = folder(quick());
    let path = root.path().join("workers.csv");
    let put: [fn(&Path); 4] = [
        |path| {
            let made = std::process::Command::new("mkfifo").arg(path).status();
            assert!(made.unwrap().success());
        },
        |path| symlink("/dev/zero", path).unwrap(),
        |path| fs::create_dir(path).unwrap(),
        |path| drop(std::os::unix::net::UnixListener::bind(path).unwrap()),
    ];
    for put in put {
        move_in(root.path(), "workers.csv", WHOLE);
        let arrival = arrival(&mut folder).await;
        fs::remove_file(&path).unwrap();
        put(&path);
        let read = timeout(LIMIT, async {
            open_arrival(&arrival, &IntakeOptions::default())
        });
        let read = read.await.unwrap();
        assert!(
            matches!(read, Err(ReadError::Changed { .. } | ReadError::Io { .. })),
            "{read:?}"
        );
        let put =
            folder
                .places()
                .put_away(&arrival.file_name, arrival.stamp, Place::Processed, at());
        assert!(matches!(put, Err(MoveError::Replaced { .. })), "{put:?}");
        drop(fs::remove_file(&path).or_else(|_| fs::remove_dir(&path)));
    }
}

#[tokio::test]
async fn c01_a_file_with_a_second_name_is_not_read() {
    let outside = tempfile::tempdir().unwrap();
    let secret = outside.path().join("secret.csv");
    fs::write(&secret, WHOLE).unwrap();
    // On the same file system, or there is nothing to try.
    let (root, mut folder) = folder(quick());
    fs::hard_link(&secret, root.path().join("linked.csv")).unwrap();
    let FolderEvent::Remarked(mistake) = next(&mut folder).await else {
        panic!("no file has come");
    };
    assert_eq!(mistake.code, code::NOT_A_FILE);
    assert!(mistake.text.contains("second name"), "{}", mistake.text);
}

#[tokio::test]
async fn c05_a_name_of_255_bytes_is_stored_shortened_and_shown_on_one_line() {
    let (root, mut folder) = folder(quick());
    let odd = format!("{}\n\u{1b}[31m\u{202e}.csv", "\u{e4}".repeat(100));
    for name in [
        format!("{}.csv", "x".repeat(251)),
        "\u{e4}".repeat(127),
        odd,
    ] {
        fs::write(root.path().join(&name), WHOLE).unwrap();
        let arrival = arrival(&mut folder).await;
        assert!(!arrival.name.contains(['\n', '\u{1b}', '\u{202e}']));
        let stored = folder
            .places()
            .put_away(&arrival.file_name, arrival.stamp, Place::Held, at())
            .unwrap();
        for end in [".report.txt", ".report.json"] {
            folder
                .places()
                .write_beside(&stored, Place::Held, end, "")
                .unwrap();
        }
        assert!(folder.places().has(&stored, Place::Held).unwrap());
        assert!(folder.places().has_named(&arrival.name, Place::Held));
    }
}

#[tokio::test]
async fn c04_what_editors_and_checksums_are_called_is_not_read() {
    let (root, mut folder) = folder(FolderOptions {
        files: Pattern::new("workers*.csv").unwrap(),
        ..quick()
    });
    for name in [
        "workers.csv.bak",
        "workers.csv~",
        "workers.csv.sha256",
        ".workers.csv.swp",
    ] {
        fs::write(root.path().join(name), WHOLE).unwrap();
    }
    fs::write(root.path().join("Workers-2.CSV"), WHOLE).unwrap();
    assert_eq!(arrival(&mut folder).await.name, "Workers-2.CSV");
}

#[tokio::test]
async fn c38_ten_thousand_files_are_looked_at_in_linear_time() {
    let root = tempfile::tempdir().unwrap();
    let count = 10_000;
    for number in 0..count {
        fs::write(root.path().join(format!("{number}.csv")), WHOLE).unwrap();
    }
    let mut folder = Folder::open(root.path(), quick(), of_machine()).unwrap();
    let mut names = std::collections::BTreeSet::new();
    while names.len() < count {
        names.insert(arrival(&mut folder).await.file_name);
    }
}
