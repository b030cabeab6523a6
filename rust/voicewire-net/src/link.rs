//! Step "socket ↔ message": one WebSocket, what waits to be written on it, and what it waits for.

use std::future::poll_fn;
use std::sync::atomic::Ordering;
use std::task::{ready, Context, Poll};
use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use tokio_tungstenite::tungstenite::{Error as WsError, Message as WsMessage};
use tokio_tungstenite::WebSocketStream;
use voicewire_proto::ReceiptId;

use crate::clock;
use crate::inline;
use crate::keepalive::Keepalive;
use crate::session::Shared;
use crate::socket::Stream;

/// The WebSocket and what is under way on it.
pub(crate) struct Link {
    pub(crate) websocket: WebSocketStream<Stream>,
    pub(crate) keepalive: Keepalive,
    /// Whether bytes wait in tungstenite's buffer.
    pub(crate) flushing: bool,
    /// Receipts that settle once everything fed is written.
    pub(crate) unwritten: Vec<ReceiptId>,
    /// Pings that somebody asked for.
    pub(crate) asked_pings: Vec<(u64, ReceiptId)>,
    /// Until when the connection has to be closed, from `disconnect` on.
    pub(crate) deadline: Option<Instant>,
    /// Whether our close frame is on its way: nothing may follow it.
    pub(crate) said_goodbye: bool,
    pub(crate) paused_since: Option<Instant>,
    /// The fewest bytes that the messages received had on the wire.
    consumed: u64,
    /// Bytes fed since the socket last had taken everything.
    fed: usize,
    /// Whether reading comes before the outbox in the next step, so that neither starves the other.
    read_first: bool,
    /// A write that failed where nobody could be told.
    failed: Option<WsError>,
    /// What a session without pings and timeouts sleeps until.
    idle_until: Instant,
    timer: std::pin::Pin<Box<tokio::time::Sleep>>,
}

pub(crate) enum Step {
    /// `disconnect` was called.
    Closing,
    Outbox,
    Written,
    Message(Option<Result<WsMessage, WsError>>),
    Timer,
    Failed(WsError),
}

impl Link {
    pub(crate) fn new(websocket: WebSocketStream<Stream>, keepalive: Keepalive) -> Self {
        Self {
            websocket,
            keepalive,
            flushing: false,
            unwritten: Vec::new(),
            asked_pings: Vec::new(),
            deadline: None,
            said_goodbye: false,
            paused_since: None,
            consumed: 0,
            fed: 0,
            read_first: false,
            failed: None,
            idle_until: Instant::now() + IDLE,
            timer: Box::pin(clock::sleep(Duration::ZERO)),
        }
    }

    /// Hands a message to tungstenite, which writes what the socket takes and keeps the rest.
    pub(crate) fn start(&mut self, message: WsMessage) {
        // A ping that falls due while the peer takes its time to answer our goodbye, above all.
        if self.said_goodbye {
            return;
        }
        self.flushing = true;
        self.fed += message.len();
        if let Err(error) = self.websocket.start_send_unpin(message) {
            self.failed.get_or_insert(error);
        }
    }

    /// Whether more may be fed before the socket has taken what it was given.
    pub(crate) fn has_room(&self) -> bool {
        self.failed.is_none() && !self.said_goodbye && self.fed < FEED_BYTES
    }

    pub(crate) async fn step(&mut self, shared: &Shared, protocol_timeout: Option<Instant>) -> Step {
        let deadline = [self.keepalive.next(), protocol_timeout, self.deadline].into_iter().flatten().min();
        let deadline = deadline.unwrap_or(self.idle_until);
        if self.timer.deadline().into_std() != deadline {
            clock::reset(&mut self.timer, deadline);
        }
        poll_fn(|cx| self.poll_step(shared, cx)).await
    }

    /// Receipts of what was fed and of pings that nobody can settle any more.
    pub(crate) fn unsettled(&mut self) -> Vec<ReceiptId> {
        let pings = std::mem::take(&mut self.asked_pings).into_iter().map(|(_, receipt)| receipt);
        std::mem::take(&mut self.unwritten).into_iter().chain(pings).collect()
    }

    fn poll_step(&mut self, shared: &Shared, cx: &mut Context<'_>) -> Poll<Step> {
        if let Some(error) = self.failed.take() {
            return Poll::Ready(Step::Failed(error));
        }
        shared.waker.register(cx.waker());
        if inline::is_spent() {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        if self.deadline.is_none() && shared.closing.load(Ordering::SeqCst) {
            return Poll::Ready(Step::Closing);
        }
        if self.flushing {
            match self.websocket.poll_flush_unpin(cx) {
                Poll::Ready(Ok(())) => {
                    self.flushing = false;
                    self.fed = 0;
                    if !self.unwritten.is_empty() {
                        return Poll::Ready(Step::Written);
                    }
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Step::Failed(error)),
                Poll::Pending => {}
            }
        }
        self.read_first = !self.read_first;
        for reading in [self.read_first, !self.read_first] {
            let step = if reading { self.poll_read(shared, cx) } else { self.poll_outbox(shared) };
            if step.is_ready() {
                return step;
            }
        }
        match std::future::Future::poll(self.timer.as_mut(), cx) {
            Poll::Ready(()) => Poll::Ready(Step::Timer),
            Poll::Pending => Poll::Pending,
        }
    }

    fn poll_outbox(&mut self, shared: &Shared) -> Poll<Step> {
        if self.flushing {
            return Poll::Pending;
        }
        if shared.news.swap(false, Ordering::SeqCst) {
            return Poll::Ready(Step::Outbox);
        }
        Poll::Pending
    }

    fn poll_read(&mut self, shared: &Shared, cx: &mut Context<'_>) -> Poll<Step> {
        if !self.may_read(shared) {
            return Poll::Pending;
        }
        self.poll_message(cx).map(Step::Message)
    }

    /// Waits for the next message.
    pub(crate) async fn next(&mut self) -> Option<Result<WsMessage, WsError>> {
        poll_fn(|cx| self.poll_message(cx)).await
    }

    /// The next message. Where tungstenite is known to hold nothing, the socket is asked first: tungstenite fills 16 KiB
    /// with zeros before it asks.
    pub(crate) fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<WsMessage, WsError>>> {
        if self.websocket.get_ref().taken() == Some(self.consumed) && self.websocket.get_ref().is_dry(cx) {
            return Poll::Pending;
        }
        let message = ready!(self.websocket.poll_next_unpin(cx));
        if let Some(Ok(message)) = &message {
            self.consumed += wire_length(message.len());
        }
        Poll::Ready(message)
    }

    /// Whether the inbox has room; while it has none, `Session::release` wakes us.
    fn may_read(&mut self, shared: &Shared) -> bool {
        let full = || shared.held() >= shared.limits.inbox_bytes;
        if full() {
            shared.paused.store(true, Ordering::SeqCst);
            // Room that came between the two is told to nobody else.
            if full() {
                self.paused_since.get_or_insert_with(Instant::now);
                return false;
            }
            shared.paused.store(false, Ordering::SeqCst);
        }
        if let Some(since) = self.paused_since.take() {
            shared.stats.read_paused_us.add(since.elapsed().as_micros() as u64);
            self.keepalive.alive(Instant::now());
        }
        true
    }
}

/// The fewest bytes that a message of a server takes on the wire (RFC 6455, section 5.2): in one frame, or in two of which
/// the second has a shorter header. Never too many: bytes that tungstenite holds would not be looked at.
fn wire_length(payload: usize) -> u64 {
    let headers = match payload {
        0..126 => 2,
        126..65_536 => 4,
        _ => 6,
    };
    payload as u64 + headers
}

/// Bytes fed before the socket has to take some.
const FEED_BYTES: usize = 1 << 20;

/// A year: longer than any connection.
const IDLE: Duration = Duration::from_secs(365 * 24 * 3600);
