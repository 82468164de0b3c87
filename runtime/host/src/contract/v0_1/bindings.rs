//! The contract in `wit/` as Rust types, made by wasmtime. Nothing here is written by hand.

wasmtime::component::bindgen!({
    path: "../../wit",
    world: "connector",
    imports: {
        "muster:connector/http.send": async | trappable,
        default: trappable,
    },
    exports: { default: async },
});
