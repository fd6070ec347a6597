//! Nothing here: the tests of the whole library are one binary, `tests/main.rs`.
