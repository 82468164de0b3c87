//! Memory while a plan for a million people is made, of whom many have something opened or kept away, against 400 MB.
//!
//! Everybody is known first, and nobody has an account. Then some get the account for a while, and others are never to
//! have it: one decision each, over the API, as the command line sends them. An edit of the policy gives the account to
//! everybody at last: the most memory that the daemon takes from then on until nothing is left to do is what counts.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use muster_tests::company::Company;
use muster_tests::daemon::Daemon;

use crate::Scale;
use crate::export::Order;
use crate::figure::{Better, Figure};
use crate::memory;
use crate::operations::{App, GUARD, target};
use crate::place::{FEED, Waiting};

const PEOPLE: u32 = 1_000_000;
/// People to whom something is opened, and as many from whom something is kept away.
const DECIDED: u32 = 5_000;
const MB_MAX: f64 = 400.0;
const LIMIT: Duration = Duration::from_hours(1);

const NOBODY: &str = r#"
[[role]]
name = "account"
description = "The account"
when = 'employment_type == "Nobody"'
access = { app = [] }
"#;

pub(crate) fn measure(scale: Scale) -> anyhow::Result<Vec<Figure>> {
    let (people, decided) = (scale.of(PEOPLE), scale.of(DECIDED));
    let app = App::start()?;
    let company = Company::configured(&[FEED, GUARD, &target(app.address)].concat(), NOBODY);
    company.install("steady", &muster_tests::plugin("test/steady-v1"));
    let daemon = Daemon::start(&company);
    Waiting::write(&company, "everybody.csv", people, Order(1))?.drop_and_wait(LIMIT)?;
    daemon.wait_until_idle();

    let mut api = Api::connect(&company)?;
    let apart = u64::from(people / decided / 2).max(1);
    for number in 0..u64::from(decided) {
        let (opened, blocked) = (2 * number * apart, (2 * number + 1) * apart);
        api.post(&format!(
            "/v1/people/hr:E{opened:07}/open?target=app&for=8640000&reason=a%20project"
        ))?;
        api.post(&format!(
            "/v1/people/hr:E{blocked:07}/block?target=app&reason=a%20dispute"
        ))?;
    }
    daemon.wait_until_idle();

    app.seen.reset(people - 2 * decided);
    let began = Instant::now();
    memory::forget_the_most(daemon.id())?;
    company.write(
        "policy/roles.toml",
        &NOBODY.replace(r#"employment_type == "Nobody""#, "true"),
    );
    app.seen.wait()?;
    daemon.wait_until_idle();
    let most = memory::most(daemon.id());
    let taken = began.elapsed();
    anyhow::ensure!(daemon.stop(), "the daemon did not stop well");
    Ok(vec![Figure {
        name: "standing_memory",
        ratio: most / MB_MAX,
        bound: 1.0,
        better: Better::Lower,
        detail: format!(
            "{most:.0} MB at most of {MB_MAX} MB while a plan for {people} people, {decided} with an opening and {decided} with a block, was made and carried out in {:.0} s",
            taken.as_secs_f64()
        ),
    }])
}

/// The daemon's API, over one connection.
struct Api(BufReader<UnixStream>);

impl Api {
    fn connect(company: &Company) -> anyhow::Result<Self> {
        let socket = company.path("data/muster.sock");
        let stream = UnixStream::connect(&socket)
            .with_context(|| format!("could not connect to {}", socket.display()))?;
        Ok(Self(BufReader::new(stream)))
    }

    /// Sends a question without a body, which has to be answered well.
    fn post(&mut self, route: &str) -> anyhow::Result<()> {
        let Self(stream) = self;
        let question =
            format!("POST {route} HTTP/1.1\r\nhost: muster\r\ncontent-length: 0\r\n\r\n");
        stream.get_mut().write_all(question.as_bytes())?;
        let (mut line, mut status, mut length) = (String::new(), None, 0);
        loop {
            line.clear();
            anyhow::ensure!(stream.read_line(&mut line)? > 0, "{route}: no answer");
            let head = line.trim().to_ascii_lowercase();
            if head.is_empty() {
                break;
            }
            status.get_or_insert_with(|| head.clone());
            if let Some(bytes) = head.strip_prefix("content-length:") {
                length = bytes.trim().parse()?;
            }
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body)?;
        let status = status.unwrap_or_default();
        anyhow::ensure!(
            status.contains(" 200"),
            "{route}: {status}: {}",
            String::from_utf8_lossy(&body)
        );
        Ok(())
    }
}
