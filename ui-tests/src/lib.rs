//! Compile-time tests of `#[derive(SessionSchema)]` and of `CustomStorage`: see `tests/ui.rs`.
