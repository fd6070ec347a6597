//! Compile-time tests of `#[derive(SessionSchema)]`, of `CustomStorage` and of what `WorkersKvStorage` takes: see `tests/ui.rs`.
