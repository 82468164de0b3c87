//! Case 41: the secret of a hook while it is being replaced.

use muster_tests::app::App;
use muster_tests::company::{GROUPS, export, people};
use muster_tests::daemon::Daemon;
use muster_tests::hook::{self, Answer, deliver};
use muster_tests::wait_for;

const NEW: &[u8] = b"another secret of thirty-two byt";

#[test]
fn c41_a_secret_that_is_away_for_a_moment_is_a_503_and_the_last_good_key_goes_on_working() {
    let app = App::start(&GROUPS);
    let company = super::company(&app);
    let file = company.path("secrets/hook");
    std::fs::remove_file(&file).expect("the secret");
    let daemon = Daemon::start(&company);
    let body = export(&people(1, 3, &["Sales"]));
    let send = |secret: &[u8], id: &str| deliver(&daemon, secret, id, "text/csv", &body);
    let finding = |is_open: bool| {
        wait_for("the finding to follow", || {
            let found = daemon.json(&["findings"]).to_string();
            (found.contains("HOOK-016") == is_open).then_some(())
        });
    };

    let later: Answer = send(hook::SECRET, "1");
    assert_eq!(later.status, 503, "there never was a key: {later:?}");
    assert!(
        later.head.contains("retry-after: ") && later.body.contains("HOOK-016"),
        "{later:?}"
    );
    finding(true);

    company.write("secrets/hook", &hook::written(hook::SECRET));
    assert_eq!(send(hook::SECRET, "1").status, 202);
    finding(false);

    std::fs::remove_file(&file).expect("the secret");
    assert_eq!(send(hook::SECRET, "2").status, 202, "the key of before");
    finding(true);
    company.write("secrets/hook", "whsec_hal");
    assert_eq!(send(hook::SECRET, "3").status, 202, "half a secret is none");

    company.write("secrets/hook", &hook::written(NEW));
    assert_eq!(send(NEW, "4").status, 202);
    assert_eq!(
        send(hook::SECRET, "5").status,
        401,
        "and the old one counts no more"
    );
    finding(false);
}
