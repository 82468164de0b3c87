//! A daemon behind real doors, on a ledger in memory. None of its loops runs: it answers, and takes deliveries.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use muster_config::{Config, Environment};
use muster_core::id::FeedName;
use muster_daemon::clock::Clock;
use muster_daemon::server::gate::Gate;
use muster_daemon::server::listen::Doors;
use muster_daemon::start;
use muster_ledger::Ledger;
use tokio::sync::watch;

/// The secret of the published example.
pub(crate) const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

/// A secret that took its place.
pub(crate) const NEWER_SECRET: &str = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// What the clock shows: when the published example was sent.
const NOW: &str = "2022-04-07T21:39:13Z";

/// Largest delivery that these doors take.
pub(crate) const BODY_BYTES_MAX: usize = 4096;

/// A feed with a key, a last day and one attribute, and a hook with two secrets; and a feed without a hook.
const CONFIG: &str = r#"
[daemon]
file_max = "4KiB"

[feed.hr]
folder = "hr"
time_zone = "UTC"

[feed.hr.mapping]
key = "WorkerID"
end_date = "End"
attributes = { department = "Department" }

[feed.hr.hook]
secrets = [{ env = "NEWER" }, { env = "OLDER" }]
tolerance = "5m"

[feed.other]
folder = "other"
time_zone = "UTC"
mapping = { key = "Id" }
"#;

/// Doors that are open as long as this lives.
pub(crate) struct Open {
    pub(crate) ledger: Ledger,
    pub(crate) gate: Arc<Gate>,
    pub(crate) address: SocketAddr,
    pub(crate) socket: PathBuf,
    stop: watch::Sender<bool>,
    thread: Option<std::thread::JoinHandle<()>>,
    _folder: tempfile::TempDir,
}

impl Open {
    /// Opens doors on a port and in a folder of their own.
    pub(crate) fn doors() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("muster.toml");
        std::fs::write(&file, CONFIG).unwrap();
        std::fs::create_dir(folder.path().join("policy")).unwrap();
        let config = Config::load(&file).unwrap();
        let socket = config.daemon.socket();
        let secrets = [("NEWER", NEWER_SECRET), ("OLDER", SECRET)];
        let secrets = secrets.map(|(name, secret)| (name.to_owned(), secret.to_owned()));
        let (clock, _) = Clock::given(NOW.parse().unwrap());
        let ledger = Ledger::in_memory().unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let any_port = SocketAddr::from(([127, 0, 0, 1], 0));
        let (doors, gate) = runtime.block_on(async {
            let doors = Doors::open(Some(any_port), &socket).await.unwrap();
            let environment = Environment::new(secrets);
            let gate = start::gate_to(ledger.clone(), config, environment, clock).unwrap();
            (doors, Arc::new(gate))
        });
        let address = doors.address().unwrap();
        let (stop, stopped) = watch::channel(false);
        let behind = Arc::clone(&gate);
        let thread = std::thread::spawn(move || runtime.block_on(doors.serve(behind, stopped)));
        Self {
            ledger,
            gate,
            address,
            socket,
            stop,
            thread: Some(thread),
            _folder: folder,
        }
    }

    /// Whether a delivery with this id was taken.
    pub(crate) fn has_taken(&self, id: &str) -> bool {
        let feed = FeedName::new("hr").unwrap();
        let reader = self.ledger.read().unwrap();
        reader.delivery(&feed, id).unwrap().is_some()
    }

    /// How many deliveries wait to be decided about.
    pub(crate) fn arrivals(&self) -> u64 {
        self.ledger.read().unwrap().arrivals_count().unwrap()
    }

    /// How many entries the journal has.
    pub(crate) fn entries(&self) -> u64 {
        self.ledger.read().unwrap().counts().unwrap().entries
    }

    /// Closes the doors and waits until they are closed.
    pub(crate) fn close(&mut self) {
        self.stop.send_replace(true);
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.close();
    }
}
