//! Where the daemon's memory comes from.
//!
//! What one thread asks for another gives back all the time here: a request goes from the thread that
//! calls a plugin to the one that writes the ledger. glibc's allocator makes both wait for each other then;
//! with jemalloc an operation costs a fifth less. It also gives back by itself what compiling a plugin
//! needed for a moment, while the daemon then runs for months without compiling again.
//! `docs/design/performance.md` has the figures.

#[cfg(not(target_env = "msvc"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// What is free goes back to the machine within about a second, by a thread of its own.
/// The words are those of jemalloc's `TUNING.md`.
#[cfg(not(target_env = "msvc"))]
#[expect(
    unsafe_code,
    reason = "jemalloc reads its settings from a symbol with this name"
)]
// SAFETY: jemalloc looks for this symbol and nothing else is called so; it reads the pointer that the
// slice begins with, up to the zero at its end.
#[unsafe(export_name = "_rjem_malloc_conf")]
static SETTINGS: &[u8] = b"background_thread:true,dirty_decay_ms:1000,muzzy_decay_ms:0\0";
