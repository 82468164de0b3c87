//! The contract in `wit/` as Rust types, made by wasmtime.
//!
//! Nothing here is written by hand and nothing outside of `convert` and `import` uses these types:
//! the rest of the crate speaks the core's words. A later version of the contract gets a module of
//! its own beside this one.

wasmtime::component::bindgen!({
    path: "../../wit",
    world: "connector",
    imports: {
        "muster:connector/http.send": async | trappable,
        default: trappable,
    },
    exports: { default: async },
});
