//! Secrets and calls that the REST interface made, for sessions that begin with them; between `rest` and `gate`.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use tokio::sync::watch;

use crate::ids::Ids;

/// Secrets and calls that are kept, of each so many; older ones are forgotten.
const LIMIT: usize = 1 << 12;

/// What a session begins with.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Grant {
    pub(crate) model: Option<String>,
    pub(crate) transcription: bool,
    /// An update in GA without a model; null for none.
    pub(crate) settings: Value,
}

/// A key that a client showed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Secret {
    Valid(Grant),
    Expired,
    Unknown,
}

/// Secrets and calls of one simulator.
#[derive(Debug)]
pub(crate) struct Registry {
    // A std mutex: never held across an await.
    book: Mutex<Book>,
    hung_up: watch::Sender<()>,
}

#[derive(Debug)]
struct Book {
    ids: Ids,
    secrets: VecDeque<(String, u64, Grant)>,
    calls: VecDeque<Call>,
}

#[derive(Debug)]
struct Call {
    id: String,
    grant: Grant,
    ended: bool,
}

impl Registry {
    pub(crate) fn new(seed: u64) -> Self {
        // A stream that no connection has: these count from 0.
        let ids = Ids::new(seed, u64::MAX);
        let book = Book { ids, secrets: VecDeque::new(), calls: VecDeque::new() };
        Registry { book: Mutex::new(book), hung_up: watch::Sender::new(()) }
    }

    /// Make an ephemeral key that is good until `expires_at`, in seconds of Unix time.
    pub(crate) fn mint(&self, grant: Grant, expires_at: u64) -> String {
        let mut book = self.lock();
        let value = format!("ek_{}", book.ids.hex());
        push(&mut book.secrets, (value.clone(), expires_at, grant));
        value
    }

    /// Look up an ephemeral key.
    pub(crate) fn secret(&self, value: &str, now: u64) -> Secret {
        match self.lock().secrets.iter().find(|(known, ..)| known == value) {
            Some((_, expires_at, grant)) if now < *expires_at => Secret::Valid(grant.clone()),
            Some(_) => Secret::Expired,
            None => Secret::Unknown,
        }
    }

    /// An id for something that only the REST interface shows.
    pub(crate) fn make_id(&self, prefix: &str) -> String {
        self.lock().ids.make(prefix)
    }

    /// Begin a call; its id.
    pub(crate) fn open_call(&self, grant: Grant) -> String {
        let mut book = self.lock();
        let id = book.ids.make("rtc");
        push(&mut book.calls, Call { id: id.clone(), grant, ended: false });
        id
    }

    /// What a sideband session of a call begins with; None if the call is over or cannot be.
    ///
    /// A call that was made elsewhere, as by SIP, is known from here on.
    pub(crate) fn join_call(&self, id: &str) -> Option<Grant> {
        let mut book = self.lock();
        if let Some(call) = book.calls.iter().find(|call| call.id == id) {
            return Some(call.grant.clone()).filter(|_| !call.ended);
        }
        if !id.starts_with("rtc_") {
            return None;
        }
        push(&mut book.calls, Call { id: id.to_owned(), grant: Grant::default(), ended: false });
        Some(Grant::default())
    }

    /// Give a running call its settings; false if there is none.
    pub(crate) fn accept_call(&self, id: &str, grant: Grant) -> bool {
        self.with_call(id, |call| call.grant = grant)
    }

    /// End a running call and its sideband sessions; false if there is none.
    pub(crate) fn end_call(&self, id: &str) -> bool {
        let ended = self.with_call(id, |call| call.ended = true);
        self.hung_up.send_replace(());
        ended
    }

    pub(crate) fn is_running(&self, id: &str) -> bool {
        self.with_call(id, |_| {})
    }

    /// Tells that some call has ended.
    pub(crate) fn endings(&self) -> watch::Receiver<()> {
        self.hung_up.subscribe()
    }

    fn with_call(&self, id: &str, act: impl FnOnce(&mut Call)) -> bool {
        let mut book = self.lock();
        let call = book.calls.iter_mut().find(|call| call.id == id && !call.ended);
        call.map(act).is_some()
    }

    fn lock(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn push<T>(list: &mut VecDeque<T>, entry: T) {
    list.push_back(entry);
    if list.len() > LIMIT {
        list.pop_front();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_good_until_it_expires() {
        let registry = Registry::new(0);
        let value = registry.mint(Grant::default(), 1_000);

        assert!(value.starts_with("ek_"));
        assert_eq!(registry.secret(&value, 999), Secret::Valid(Grant::default()));
        assert_eq!(registry.secret(&value, 1_000), Secret::Expired);
        assert_eq!(registry.secret("ek_other", 0), Secret::Unknown);
    }

    #[test]
    fn old_secrets_are_forgotten() {
        let registry = Registry::new(0);
        let first = registry.mint(Grant::default(), 1_000);
        for _ in 0..LIMIT {
            registry.mint(Grant::default(), 1_000);
        }

        assert_eq!(registry.secret(&first, 0), Secret::Unknown);
    }
}
