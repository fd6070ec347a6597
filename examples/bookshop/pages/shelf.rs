//! The books on offer: one list for all visitors, so it is state of the application and not of a session.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

const STOCK: [&str; 9] = [
    "Candide",
    "Emma",
    "Frankenstein",
    "Jane Eyre",
    "Middlemarch",
    "Moby-Dick",
    "Persuasion",
    "The Time Machine",
    "Walden",
];

/// The titles, in the order in which they came. Kept in memory: a restart brings back the original stock.
#[derive(Clone)]
pub struct Shelf(Arc<Mutex<Vec<String>>>);

impl Shelf {
    /// The shelf of a shop that has just opened.
    pub fn stocked() -> Shelf {
        Shelf(Arc::new(Mutex::new(STOCK.map(str::to_owned).to_vec())))
    }

    /// The titles on it now.
    pub fn titles(&self) -> Vec<String> {
        self.lock().clone()
    }

    /// Adds a title, unless it is there already.
    pub fn add(&self, title: String) {
        let mut titles = self.lock();
        if !titles.contains(&title) {
            titles.push(title);
        }
    }

    /// A thread that panicked with the lock in hand left a list that is still whole.
    fn lock(&self) -> MutexGuard<'_, Vec<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
