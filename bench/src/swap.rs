//! The rename of a plugin file to the first call on the new version: with compiled code in the cache,
//! and compiled anew.
//!
//! Ours is the library that `muster serve` watches the plugins folder with; it ends when a probe of the
//! target, which asks a real server, came back on the new version. The peer of the cached swap is the
//! load of the same cached file by the host, called directly; that of the other one is wasmtime's
//! compiler on the same bytes.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use muster_config::{Config, Environment};
use muster_daemon::clock::Clock;
use muster_daemon::plugins::Library;
use muster_daemon::targets::Connected;
use muster_host::{Host, HostOptions, measure as bare};
use muster_tests::company::{self, Company};
use tokio::sync::watch;

use crate::Scale;
use crate::figure::{Better, Figure};
use crate::operations::App;
use crate::place::FEED;
use crate::rounds::{Rounds, ms};

const CACHED: u32 = 21;
const COMPILED: u32 = 5;
const LIMIT: Duration = Duration::from_mins(1);

pub(crate) fn measure(scale: Scale) -> anyhow::Result<Vec<Figure>> {
    let app = App::start()?;
    let target = company::steady("app", app.address, "");
    let company = Company::configured(&format!("{FEED}{target}"), "");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let (cached, compiled) = runtime.block_on(both(&company, scale))?;
    let detail = |rounds: &Rounds, peer: &str| {
        format!(
            "{} from the rename to the end of the first call, {peer} {}; {} rounds",
            ms(rounds.ours()),
            ms(rounds.peer()),
            rounds.count()
        )
    };
    Ok(vec![
        Figure {
            name: "swap_cached",
            ratio: cached.ratio(),
            bound: CACHED_BOUND,
            better: Better::Lower,
            detail: detail(&cached, "loading the same cached file alone"),
        },
        Figure {
            name: "swap_compiled",
            ratio: compiled.ratio(),
            bound: COMPILED_BOUND,
            better: Better::Lower,
            detail: detail(&compiled, "wasmtime's compiler alone"),
        },
    ])
}

/// Beside the load there are the event of the folder, the fit to each target, and one whole call.
const CACHED_BOUND: f64 = 2.0;
/// Beside the compiler there are the check, the seal and the cache.
const COMPILED_BOUND: f64 = 1.25;

async fn both(company: &Company, scale: Scale) -> anyhow::Result<(Rounds, Rounds)> {
    let versions = [
        std::fs::read(muster_tests::plugin("test/steady-v1"))?,
        std::fs::read(muster_tests::plugin("test/steady-v2"))?,
    ];
    company.install("steady", &muster_tests::plugin("test/steady-v1"));
    let config = Config::load(&company.config()).context("could not read the configuration")?;
    let host = Host::new(HostOptions {
        cache: Some(config.daemon.plugin_cache()),
        ..HostOptions::default()
    })?;
    let clock = Clock::of_machine();
    let targets: Vec<Arc<Connected>> = config
        .targets
        .values()
        .map(|target| Arc::new(Connected::new(target.clone(), clock.clone())))
        .collect();
    let environment = Environment::new(std::iter::empty());
    let folder = &config.daemon.plugins;
    let library = Library::new(host.clone(), folder, clock, environment, &targets);
    let library = Arc::new(library);
    library.look().await;
    let (stopper, stop) = watch::channel(false);
    let watched = Arc::clone(&library);
    let watching = tokio::spawn(async move { watched.watch(stop, |_| {}).await });
    let target = targets.first().context("there is no target")?;
    let swapped = Swapped {
        library: &library,
        target,
        company,
    };

    let (mut cached, mut compiled) = (Rounds::default(), Rounds::default());
    // Both versions come into the cache before they count; the watch begins to see, too.
    for version in versions.iter().rev() {
        swapped.swap(version).await?;
    }
    for (_, version) in (0..scale.of(CACHED)).zip(versions.iter().rev().cycle()) {
        let path = company.path("aside.wasm");
        std::fs::write(&path, version)?;
        let peer = load(&host, &path).await?;
        cached.add(swapped.swap(version).await?, peer);
    }
    for (round, version) in (0..scale.of(COMPILED)).zip(versions.iter().rev().cycle()) {
        let version = marked(version, round);
        let began = Instant::now();
        tokio::task::block_in_place(|| bare::bare_compile(&host, &version))
            .map_err(|text| anyhow::anyhow!(text))?;
        let peer = began.elapsed();
        compiled.add(swapped.swap(&version).await?, peer);
    }
    stopper.send_replace(true);
    watching.await.context("the watch died")?;
    Ok((cached, compiled))
}

async fn load(host: &Host, path: &Path) -> anyhow::Result<Duration> {
    let began = Instant::now();
    host.load(path).await?;
    Ok(began.elapsed())
}

struct Swapped<'a> {
    library: &'a Arc<Library>,
    target: &'a Arc<Connected>,
    company: &'a Company,
}

impl Swapped<'_> {
    /// Puts a version in, and returns the time from the rename until a call on it has ended.
    async fn swap(&self, version: &[u8]) -> anyhow::Result<Duration> {
        let part = self.company.path("plugins/.steady.part");
        std::fs::write(&part, version)?;
        let path = self.company.path("plugins/steady.wasm");
        let changed = self.library.changed();
        let served = changed.notified();
        tokio::pin!(served);
        served.as_mut().enable();
        let began = Instant::now();
        std::fs::rename(&part, &path)?;
        let served = tokio::time::timeout(LIMIT, served);
        served.await.context("the new version was not taken")?;
        let probed = self.target.probe().await;
        let taken = began.elapsed();
        probed.map_err(|problem| anyhow::anyhow!("{}", problem.text()))?;
        Ok(taken)
    }
}

/// The same component with other bytes: a custom section at its end, which nothing reads.
fn marked(component: &[u8], mark: u32) -> Vec<u8> {
    const NAME: &[u8] = b"mark";
    let mut bytes = component.to_vec();
    let section = [&[4_u8], NAME, &mark.to_le_bytes()].concat();
    bytes.push(0);
    bytes.extend(u8::try_from(section.len()));
    bytes.extend(section);
    bytes
}
