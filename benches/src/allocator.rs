//! Counts what the program allocates, when it is asked to; otherwise it costs one look at a flag.
#![expect(unsafe_code, reason = "an allocator is an unsafe trait")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::Relaxed};

/// The system's allocator, which counts while it is told to.
pub(crate) struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

static ON: AtomicBool = AtomicBool::new(false);
static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);
static LIVE: AtomicI64 = AtomicI64::new(0);

/// Begins to count, for good.
pub(crate) fn count_from_now_on() {
    ON.store(true, Relaxed);
}

/// How many allocations `work` makes. Reallocations count, as they may move.
pub(crate) async fn allocations<T>(work: impl Future<Output = T>) -> (u64, T) {
    let before = ALLOCATIONS.load(Relaxed);
    ON.store(true, Relaxed);
    let outcome = work.await;
    ON.store(false, Relaxed);
    (ALLOCATIONS.load(Relaxed) - before, outcome)
}

/// The bytes that are asked for and not given back, since the counting began.
pub(crate) fn live_bytes() -> i64 {
    LIVE.load(Relaxed)
}

fn counted(allocations: u64, bytes: impl Fn() -> i64) {
    if ON.load(Relaxed) {
        ALLOCATIONS.fetch_add(allocations, Relaxed);
        LIVE.fetch_add(bytes(), Relaxed);
    }
}

fn signed(bytes: usize) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

// SAFETY: each call is handed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        counted(1, || signed(layout.size()));
        // SAFETY: the caller's promises are those that the system asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        counted(1, || signed(layout.size()));
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        counted(0, || -signed(layout.size()));
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        counted(1, || signed(size) - signed(layout.size()));
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, size) }
    }
}
