//! The empty WASI that components of other toolchains find: no files, no network, no environment,
//! no standard streams. The clock stands at the time of the call and moves with each reading; the
//! random numbers come from the call's own seed. So nothing can be reached, and a call with the
//! same time and seed runs the same way again.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use wasmtime_wasi::{
    HostMonotonicClock, HostWallClock, ResourceTable, WasiCtx, WasiCtxBuilder, WasiCtxView,
};

/// Most that a guest may ask for in one request for random bytes.
const RANDOM_BYTES_MAX: u64 = 64 << 10;

/// WASI's part of a call, made when the guest first asks for it: most guests never do.
pub(crate) struct Wasi {
    ctx: WasiCtx,
    table: ResourceTable,
}

impl Wasi {
    pub(crate) fn new(now: Timestamp, seed: [u8; 32]) -> Self {
        let stream = |number: u8| {
            let mut seed = seed;
            seed[0] ^= number;
            StdRng::from_seed(seed)
        };
        let mut builder = WasiCtxBuilder::new();
        builder
            .wall_clock(CallClock::at(now))
            .monotonic_clock(CallClock::at(Timestamp::UNIX_EPOCH))
            .secure_random(stream(1))
            .insecure_random(stream(2))
            .insecure_random_seed(u128::from_le_bytes(seed_half(&seed)))
            .max_random_size(RANDOM_BYTES_MAX)
            .allow_tcp(false)
            .allow_udp(false)
            .allow_ip_name_lookup(false);
        Self {
            ctx: builder.build(),
            table: ResourceTable::new(),
        }
    }

    pub(crate) fn view(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.ctx,
            table: &mut self.table,
        }
    }
}

fn seed_half(seed: &[u8; 32]) -> [u8; 16] {
    let mut half = [0; 16];
    half.copy_from_slice(&seed[16..]);
    half
}

/// A clock that starts where it is told and moves a microsecond with each reading.
struct CallClock {
    start: Duration,
    readings: AtomicU64,
}

impl CallClock {
    fn at(now: Timestamp) -> Self {
        let start =
            Duration::try_from(now.duration_since(Timestamp::UNIX_EPOCH)).unwrap_or_default();
        Self {
            start,
            readings: AtomicU64::new(0),
        }
    }

    fn read(&self) -> Duration {
        self.start + Duration::from_micros(self.readings.fetch_add(1, Ordering::Relaxed))
    }
}

impl HostWallClock for CallClock {
    fn resolution(&self) -> Duration {
        Duration::from_micros(1)
    }

    fn now(&self) -> Duration {
        self.read()
    }
}

impl HostMonotonicClock for CallClock {
    fn resolution(&self) -> u64 {
        1_000
    }

    fn now(&self) -> u64 {
        u64::try_from(self.read().as_nanos()).unwrap_or(u64::MAX)
    }
}
