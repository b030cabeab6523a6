//! What clients sent, for tests to look at; written where messages become events.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Text of audio appends that is kept; of older appends the entry stays without its audio.
const AUDIO_BUDGET: usize = 64 << 20;
/// Text of all entries that is kept; older entries are forgotten.
const TEXT_BUDGET: usize = 128 << 20;
/// Entries that are kept; older ones are forgotten, `received_total` still counts them.
const ENTRY_LIMIT: usize = 1 << 18;
/// Requests that are kept; older ones are forgotten.
const REQUEST_LIMIT: usize = 1 << 12;
/// Connections that are kept, oldest first; later ones are served but not recorded.
const CONNECTION_LIMIT: usize = 1 << 16;
/// Stands for an append whose audio was over the budget.
const APPEND_WITHOUT_AUDIO: &str = r#"{"type":"input_audio_buffer.append","audio":""}"#;
const INPUT_WITHOUT_AUDIO: &str = r#"{"realtimeInput":{"audio":{"data":""}}}"#;

/// One connection as the simulator saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectionRecord {
    /// Path and query of the request, keys masked.
    pub path: String,
    /// Headers in order, keys masked.
    pub headers: Vec<(String, String)>,
    /// Client events in order, as JSON text. Bounded like `Simulator::received`.
    pub received: Vec<String>,
}

/// One request of the REST interface.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RequestRecord {
    /// Method, as `POST`.
    pub method: String,
    /// Path and query, keys masked.
    pub path: String,
    /// Body as JSON text; of a form, an object of its parts; `null` if there was none.
    pub body: String,
    /// Status of the answer.
    pub status: u16,
}

/// The record of all connections and requests.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    // A std mutex: never held across an await.
    book: Mutex<Book>,
    grown: Condvar,
}

#[derive(Debug, Default)]
struct Book {
    requests: VecDeque<RequestRecord>,
    connections: Vec<(String, Vec<(String, String)>)>,
    connection_count: usize,
    entries: VecDeque<Entry>,
    total: usize,
    text_bytes: usize,
    /// Index, counted over `total`, of the first append that still has its audio.
    audio_from: usize,
    audio_bytes: usize,
}

#[derive(Debug)]
struct Entry {
    connection: usize,
    text: Arc<str>,
    /// What stands for it when its audio is cut; None for what holds none.
    without_audio: Option<&'static str>,
}

impl Ledger {
    /// Record a connection and give its index.
    pub(crate) fn open(&self, path: String, headers: Vec<(String, String)>) -> usize {
        let mut book = self.lock();
        if book.connections.len() < CONNECTION_LIMIT {
            book.connections.push((path, headers));
        }
        book.connection_count += 1;
        book.connection_count - 1
    }

    pub(crate) fn push(&self, connection: usize, text: &str) {
        self.lock().push(connection, text);
        self.grown.notify_all();
    }

    pub(crate) fn received(&self) -> Vec<String> {
        self.lock().entries.iter().map(|entry| entry.text.to_string()).collect()
    }

    pub(crate) fn connections(&self) -> Vec<ConnectionRecord> {
        let book = self.lock();
        let mut records: Vec<_> = book.connections.iter().map(record).collect();
        for entry in &book.entries {
            if let Some(record) = records.get_mut(entry.connection) {
                record.received.push(entry.text.to_string());
            }
        }
        records
    }

    /// Record a request of the REST interface.
    pub(crate) fn push_request(&self, record: RequestRecord) {
        let mut book = self.lock();
        book.requests.push_back(record);
        if book.requests.len() > REQUEST_LIMIT {
            book.requests.pop_front();
        }
    }

    pub(crate) fn requests(&self) -> Vec<RequestRecord> {
        self.lock().requests.iter().cloned().collect()
    }

    pub(crate) fn wait(&self, known: usize, timeout: Duration) -> usize {
        let deadline = Instant::now() + timeout;
        let mut book = self.lock();
        while book.total <= known {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            book = self.grown.wait_timeout(book, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        book.total
    }

    fn lock(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Book {
    fn push(&mut self, connection: usize, text: &str) {
        let without_audio = without_audio(text);
        self.text_bytes += text.len();
        self.audio_bytes += if without_audio.is_some() { text.len() } else { 0 };
        self.total += 1;
        self.entries.push_back(Entry { connection, text: text.into(), without_audio });
        self.strip_old_audio();
        while self.entries.len() > ENTRY_LIMIT || self.text_bytes > TEXT_BUDGET {
            self.forget_oldest();
        }
    }

    fn strip_old_audio(&mut self) {
        while self.audio_bytes > AUDIO_BUDGET {
            let first = self.total - self.entries.len();
            let Some(entry) = self.entries.get_mut(self.audio_from.max(first) - first) else {
                return;
            };
            self.audio_from = self.audio_from.max(first) + 1;
            if let Some(short) = entry.without_audio {
                self.audio_bytes -= entry.text.len();
                self.text_bytes -= entry.text.len().saturating_sub(short.len());
                entry.text = short.into();
            }
        }
    }

    fn forget_oldest(&mut self) {
        let first = self.total - self.entries.len();
        if let Some(entry) = self.entries.pop_front() {
            self.text_bytes = self.text_bytes.saturating_sub(entry.text.len());
            if entry.without_audio.is_some() && first >= self.audio_from {
                self.audio_bytes -= entry.text.len();
            }
        }
    }
}

/// The type, or the kind, is one of the first keys in every client seen; a miss costs only precision of the budget.
fn without_audio(text: &str) -> Option<&'static str> {
    let head = text.get(..96).unwrap_or(text);
    if head.contains("input_audio_buffer.append") {
        return Some(APPEND_WITHOUT_AUDIO);
    }
    let is_input = head.contains("\"realtimeInput\"") || head.contains("\"realtime_input\"");
    (is_input && text.contains("\"data\"")).then_some(INPUT_WITHOUT_AUDIO)
}

fn record((path, headers): &(String, Vec<(String, String)>)) -> ConnectionRecord {
    ConnectionRecord { path: path.clone(), headers: headers.clone(), received: Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_audio_is_cut_and_the_count_stays() {
        let ledger = Ledger::default();
        let append = format!(r#"{{"type":"input_audio_buffer.append","audio":"{}"}}"#, "A".repeat(16 << 20));
        for _ in 0..6 {
            ledger.push(0, &append);
        }
        let received = ledger.received();
        assert_eq!(received.len(), 6);
        assert_eq!(received[2], APPEND_WITHOUT_AUDIO);
        assert_eq!(received[3], append);
    }
}
