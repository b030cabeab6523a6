//! Conversations that can be taken up again by a handle; shared by all connections.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::conversation::Conversation;
use crate::ids::Ids;

/// Handles that are kept; older ones are forgotten.
const LIMIT: usize = 1 << 10;
/// Items of all that is kept: each turn of a long session keeps its whole conversation.
const ITEM_LIMIT: usize = 1 << 16;

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
    items: usize,
}

impl Handles {
    pub(crate) fn new(seed: u64) -> Self {
        // A stream that neither a connection nor the registry has.
        let ids = Ids::new(seed, u64::MAX - 1);
        Handles { book: Mutex::new(Book { ids, kept: VecDeque::new(), items: 0 }) }
    }

    /// Keep a conversation; its handle.
    pub(crate) fn keep(&self, snapshot: Snapshot) -> String {
        let mut book = self.lock();
        let handle = book.ids.hex();
        book.items += snapshot.conversation.items().len();
        book.kept.push_back((handle.clone(), snapshot));
        // The newest stays, however large.
        while book.kept.len() > 1 && (book.kept.len() > LIMIT || book.items > ITEM_LIMIT) {
            let oldest = book.kept.pop_front().map_or(0, |(_, oldest)| oldest.conversation.items().len());
            book.items -= oldest;
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::conversation::Item;

    fn snapshot(items: usize) -> Snapshot {
        let mut conversation = Conversation::default();
        (0..items).for_each(|index| conversation.push(Item::new(json!({ "id": index.to_string() }))));
        Snapshot { model: "m".to_owned(), conversation: Arc::new(conversation), turns: 1 }
    }

    #[test]
    fn old_handles_are_forgotten_when_conversations_are_long() {
        let handles = Handles::new(0);
        let (first, second) = (handles.keep(snapshot(ITEM_LIMIT / 2)), handles.keep(snapshot(ITEM_LIMIT / 2)));
        assert!(handles.find(&first).is_some());

        let third = handles.keep(snapshot(2));

        assert!(handles.find(&first).is_none());
        assert!(handles.find(&second).is_some() && handles.find(&third).is_some());
    }
}
