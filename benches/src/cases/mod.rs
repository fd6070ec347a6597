//! What is measured, a kind a file.

pub(crate) mod allocations;
pub(crate) mod at_once;
pub(crate) mod cores;
pub(crate) mod memory;
pub(crate) mod redis;
pub(crate) mod time;
