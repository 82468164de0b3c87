//! One call of a plugin that asks the host for nothing, through the host crate, against wasmtime alone
//! on a fresh instance of the same component in the same engine.

use std::sync::Arc;
use std::time::Duration;

use muster_core::connector::Problem;
use muster_host::{Host, HostOptions, Slot, Target, TargetOptions, measure as bare};

use crate::Scale;
use crate::figure::{Better, Figure};
use crate::rounds::Rounds;

/// Calls of each kind in a round.
const CALLS: u32 = 500;
const ROUNDS: usize = 41;

pub(crate) fn measure(scale: Scale) -> anyhow::Result<Vec<Figure>> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let rounds = runtime.block_on(rounds(scale.of(CALLS)))?;
    let us = |time: Duration| time.as_secs_f64() * 1e6;
    let detail = format!(
        "check-settings of `steady`: {:.1} us through the host, {:.1} us with wasmtime alone; {} rounds of {} calls",
        us(rounds.ours()),
        us(rounds.peer()),
        rounds.count(),
        scale.of(CALLS)
    );
    Ok(vec![Figure {
        name: "call_plugin",
        ratio: rounds.ratio(),
        bound: 1.25,
        better: Better::Lower,
        detail,
    }])
}

async fn rounds(calls: u32) -> anyhow::Result<Rounds> {
    let host = Host::new(HostOptions::default())?;
    let plugin = host.load(muster_tests::plugin("test/steady-v1")).await?;
    let options = TargetOptions {
        name: "measured".to_owned(),
        settings: [("url".to_owned(), "http://127.0.0.1:1".to_owned())].into(),
        ..TargetOptions::default()
    };
    let target = Target::new(&host, Arc::new(Slot::new(Arc::clone(&plugin))), options)?;
    let failed = |problem: Problem| anyhow::anyhow!("{}", problem.text());
    let mut rounds = Rounds::default();
    for _ in 0..ROUNDS {
        let began = std::time::Instant::now();
        for _ in 0..calls {
            bare::bare_check_settings(&host, &plugin)
                .await
                .map_err(failed)?;
        }
        let peer = began.elapsed() / calls;
        let began = std::time::Instant::now();
        for _ in 0..calls {
            target.check_settings().await.map_err(failed)?;
        }
        rounds.add(began.elapsed() / calls, peer);
    }
    Ok(rounds)
}
