//! What the host adds to a call, as a ratio of the same run: `cargo run -p muster-host --example
//! overhead -- PLUGIN.wasm`. The measurement that counts is `cargo xtask bench`; this one is quick.
#![expect(clippy::print_stdout, reason = "its result is what it prints")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use muster_host::{Host, HostOptions, Slot, Target, TargetOptions, measure};

/// Calls in one round; rounds of both kinds alternate, and the best of each counts.
const CALLS: u32 = 2000;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let file = std::env::args().nth(1).context("name a plugin file")?;
    let host = Host::new(HostOptions::default())?;
    let plugin = host.load(file).await?;
    let options = TargetOptions {
        name: "measured".to_owned(),
        ..TargetOptions::default()
    };
    let target = Target::new(&host, Arc::new(Slot::new(Arc::clone(&plugin))), options)?;
    let (mut bare, mut through) = (Duration::MAX, Duration::MAX);
    for _ in 0..10 {
        let began = Instant::now();
        for _ in 0..CALLS {
            measure::bare_check_settings(&host, &plugin)
                .await
                .map_err(|problem| anyhow::anyhow!(problem.text()))?;
        }
        bare = bare.min(began.elapsed() / CALLS);
        let began = Instant::now();
        for _ in 0..CALLS {
            target
                .check_settings()
                .await
                .map_err(|problem| anyhow::anyhow!(problem.text()))?;
        }
        through = through.min(began.elapsed() / CALLS);
    }
    let ratio = through.as_secs_f64() / bare.as_secs_f64();
    println!("bare {bare:?}, through the host {through:?}: {ratio:.3}");
    Ok(())
}
