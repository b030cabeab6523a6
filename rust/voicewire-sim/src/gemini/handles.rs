//! Conversations that can be taken up again by a handle; shared by all connections.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::conversation::Conversation;
use crate::ids::Ids;

/// Handles that are kept; older ones are forgotten.
const LIMIT: usize = 1 << 10;

/// What a handle stands for.
#[derive(Clone, Debug)]
pub(crate) struct Snapshot {
    /// The only setting that may not change.
    pub(crate) model: String,
    pub(crate) conversation: Arc<Conversation>,
    /// Model turns so far.
    pub(crate) turns: u64,
}

/// Handles of one simulator.
#[derive(Debug)]
pub(crate) struct Handles {
    // A std mutex: never held across an await.
    book: Mutex<Book>,
}

#[derive(Debug)]
struct Book {
    ids: Ids,
    kept: VecDeque<(String, Snapshot)>,
}

impl Handles {
    pub(crate) fn new(seed: u64) -> Self {
        // A stream that neither a connection nor the registry has.
        let ids = Ids::new(seed, u64::MAX - 1);
        Handles { book: Mutex::new(Book { ids, kept: VecDeque::new() }) }
    }

    /// Keep a conversation; its handle.
    pub(crate) fn keep(&self, snapshot: Snapshot) -> String {
        let mut book = self.lock();
        let handle = book.ids.hex();
        book.kept.push_back((handle.clone(), snapshot));
        if book.kept.len() > LIMIT {
            book.kept.pop_front();
        }
        handle
    }

    /// The conversation of a handle, which stays good.
    pub(crate) fn find(&self, handle: &str) -> Option<Snapshot> {
        let book = self.lock();
        book.kept.iter().find(|(known, _)| known == handle).map(|(_, snapshot)| snapshot.clone())
    }

    fn lock(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
