//! The one wasmtime engine: how guests are compiled, where their memory comes from, and how a
//! guest that does not stop is made to give way.
//!
//! Memory comes from a pool, so that a fresh instance for every call costs microseconds. Where the
//! machine grants too little address space for the pool, instances are made on demand instead.
//! A thread of its own ticks, whatever the async runtime is busy with; at each tick a running guest
//! gives way to other tasks, and a guest that stays busy shares a few slow lanes with its like.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wasmtime::{
    Config, Enabled, InstanceAllocationStrategy, PoolingAllocationConfig, Store, UpdateDeadline,
};

use crate::failure::LimitReached;

/// Time between two ticks while a guest runs.
pub(crate) const TICK: Duration = Duration::from_millis(2);

/// Time between two ticks while none runs.
const TICK_IDLE: Duration = Duration::from_millis(10);

/// Ticks after which a guest counts as busy and has to take a slow lane.
const TICKS_BUSY: u64 = 8;

/// Longest wait for a slow lane: whoever holds one may be asleep in WASI, and is not waited for.
const LANE_WAIT: Duration = Duration::from_millis(50);

/// The largest linear memory that a slot of the pool has room for; the limit of a target is below it.
pub(crate) const MEMORY_BYTES_MAX: usize = 256 << 20;

/// Calls that the pool has room for. Each memory of it reserves 4 GiB of address space.
const INSTANCES_BY_DEFAULT: u32 = 200;

/// The pool that was asked for does not fit, and neither do instances on demand.
#[derive(Debug, thiserror::Error)]
#[error("the WebAssembly engine could not be set up")]
pub(crate) struct EngineError(#[source] pub(crate) wasmtime::Error);

/// The engine with what keeps its guests in order.
pub(crate) struct Engine {
    pub(crate) wasmtime: wasmtime::Engine,
    /// One permit per instance that the pool has room for.
    pub(crate) instances: Arc<Semaphore>,
    pub(crate) lanes: Arc<Semaphore>,
    pub(crate) running: Arc<AtomicUsize>,
    _ticker: Ticker,
}

impl Engine {
    /// Sets the engine up with room for this many calls at a time.
    pub(crate) fn new(instances: Option<u32>) -> Result<Self, EngineError> {
        let instances = instances.unwrap_or(INSTANCES_BY_DEFAULT).max(1);
        let wasmtime = wasmtime::Engine::new(&pooling(instances)).or_else(|error| {
            tracing::warn!(error = %error, "took instances on demand, because the pool did not fit");
            wasmtime::Engine::new(&base()).map_err(EngineError)
        })?;
        let running = Arc::new(AtomicUsize::new(0));
        let ticker = Ticker::start(&wasmtime, Arc::clone(&running))?;
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Ok(Self {
            wasmtime,
            instances: Arc::new(Semaphore::new(instances as usize)),
            lanes: Arc::new(Semaphore::new((cores / 2).max(1))),
            running,
            _ticker: ticker,
        })
    }
}

/// What every engine of this crate has in common; the compiled code depends on it.
fn base() -> Config {
    let mut config = Config::new();
    config
        .wasm_component_model(true)
        .epoch_interruption(true)
        .parallel_compilation(true)
        // The same call gives the same bytes on every machine, so that a recorded call can be replayed.
        .cranelift_nan_canonicalization(true)
        .relaxed_simd_deterministic(true)
        .max_wasm_stack(512 << 10)
        .async_stack_size(1 << 20)
        .memory_init_cow(true);
    config
}

/// An engine that compiles and runs nothing: it needs no room for instances.
pub(crate) fn to_compile() -> wasmtime::Result<wasmtime::Engine> {
    wasmtime::Engine::new(&base())
}

fn pooling(instances: u32) -> Config {
    let mut pool = PoolingAllocationConfig::new();
    // An interpreter packed as a component has up to 3 memories and 60 core instances.
    pool.total_component_instances(instances)
        .total_core_instances(instances.saturating_mul(50))
        .total_memories(instances.saturating_mul(3))
        .total_tables(instances.saturating_mul(20))
        .total_stacks(instances)
        .max_core_instances_per_component(60)
        .max_memories_per_component(4)
        .max_tables_per_component(20)
        .table_elements(20_000)
        .max_memory_size(MEMORY_BYTES_MAX)
        .max_component_instance_size(4 << 20)
        .max_core_instance_size(4 << 20)
        // Only with the page map is this a gain: without it, 4 MiB would be cleared at each call.
        .pagemap_scan(Enabled::Auto);
    if PoolingAllocationConfig::is_pagemap_scan_available() {
        pool.linear_memory_keep_resident(4 << 20)
            .table_keep_resident(64 << 10)
            .async_stack_keep_resident(64 << 10);
    }
    let mut config = base();
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    config
}

/// Adds to the engine's epoch from a thread of its own.
struct Ticker {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Ticker {
    fn start(engine: &wasmtime::Engine, running: Arc<AtomicUsize>) -> Result<Self, EngineError> {
        let stop = Arc::new(AtomicBool::new(false));
        let engine = engine.weak();
        let stopped = Arc::clone(&stop);
        let thread = std::thread::Builder::new()
            .name("muster-tick".to_owned())
            .spawn(move || {
                while !stopped.load(Ordering::Relaxed) {
                    let busy = running.load(Ordering::Relaxed) > 0;
                    std::thread::park_timeout(if busy { TICK } else { TICK_IDLE });
                    let Some(engine) = engine.upgrade() else {
                        return;
                    };
                    engine.increment_epoch();
                }
            })
            .map_err(|error| EngineError(error.into()))?;
        Ok(Self {
            stop,
            thread: Some(thread),
        })
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            if thread.join().is_err() {
                tracing::error!("the tick thread had panicked");
            }
        }
    }
}

/// Counts a call as running, for the ticker's pace.
pub(crate) struct Running(Arc<AtomicUsize>);

impl Running {
    pub(crate) fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(count))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The slow lane that a busy guest holds, if any, and what the host has worked for the guest. The lane is
/// given back while the guest waits for the host.
#[derive(Clone, Default)]
pub(crate) struct Lane(Arc<Way>);

#[derive(Default)]
struct Way {
    permit: Mutex<Option<OwnedSemaphorePermit>>,
    /// Nanoseconds of work that the host did because the guest asked for it: signing, putting secrets in,
    /// searching replies. It counts as the guest's own.
    work: AtomicU64,
}

impl Lane {
    /// Hands the lane back.
    pub(crate) fn leave(&self) {
        let mut permit = self.0.permit.lock().unwrap_or_else(PoisonError::into_inner);
        drop(permit.take());
    }

    fn enter(&self, permit: OwnedSemaphorePermit) {
        *self.0.permit.lock().unwrap_or_else(PoisonError::into_inner) = Some(permit);
    }

    /// Counts work that the host did since then.
    pub(crate) fn count_work(&self, since: Instant) {
        let nanos = u64::try_from(since.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.0.work.fetch_add(nanos, Ordering::Relaxed);
    }

    /// What the host has worked.
    pub(crate) fn work(&self) -> Duration {
        Duration::from_nanos(self.0.work.load(Ordering::Relaxed))
    }
}

/// Makes the guest of this store give way at every tick, and ends it when its processor time is up.
///
/// `Yield` of wasmtime would not do: it wakes itself at once and lands in a slot of tokio that is
/// served before timers and sockets, so a few busy guests would stop the whole daemon.
pub(crate) fn give_way<T: Send>(store: &mut Store<T>, engine: &Engine, cpu: Duration, lane: &Lane) {
    let ticks_max = u64::try_from(cpu.as_millis() / TICK.as_millis())
        .unwrap_or(u64::MAX)
        .max(1);
    let mut ticks = 0_u64;
    let lanes = Arc::clone(&engine.lanes);
    let lane = lane.clone();
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(move |_| {
        ticks += 1;
        let ran = TICK.saturating_mul(u32::try_from(ticks).unwrap_or(u32::MAX));
        if ticks > ticks_max || ran + lane.work() > cpu {
            return Err(LimitReached::Processor(cpu).into());
        }
        if ticks <= TICKS_BUSY {
            return Ok(UpdateDeadline::YieldCustom(
                1,
                Box::pin(tokio::task::yield_now()),
            ));
        }
        // The permit goes to whoever waited longest; the others of the daemon keep their threads.
        lane.leave();
        let (lane, lanes) = (lane.clone(), Arc::clone(&lanes));
        let wait = async move {
            tokio::task::yield_now().await;
            if let Ok(Ok(permit)) = tokio::time::timeout(LANE_WAIT, lanes.acquire_owned()).await {
                lane.enter(permit);
            }
        };
        Ok(UpdateDeadline::YieldCustom(1, Box::pin(wait)))
    });
}
