//! What this library is tested with, for the tests of your own: a [browser](Browser) before your handlers, a
//! [clock](TestClock) to turn, a backend that [counts](Counting) its calls, one that [fails or waits](Faulty) on command, and
//! the [conformance suite](crate::conformance!) that every backend passes.

mod browser;
mod clock;
pub mod conformance;
mod counting;
mod faulty;

pub use self::browser::{Browser, Page};
pub use self::clock::TestClock;
pub use self::counting::{Calls, Counting};
pub use self::faulty::{Faulty, Gate, Verb};
