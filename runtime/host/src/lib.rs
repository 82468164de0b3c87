//! Runs plugins: loads, limits and calls WebAssembly connectors.
