//! Compile-time tests of `#[derive(SessionSchema)]`: see `tests/ui.rs`.
