//! Step "socket → message": takes in what the peer sends, and collects what the protocol makes of it.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Instant;

use bytes::Bytes;
use tokio_tungstenite::tungstenite::{Error as WsError, Message as WsMessage};
use voicewire_proto::{Body, Event, Malformed, Message, Outcome};

use super::ending::End;
use super::{Driver, MESSAGES_PER_TURN};
use crate::inbox::{Delivery, Item};
use crate::inline;
use crate::io;
use crate::link::Link;

/// More than this in one turn is a burst: the longest delta of real services is 16 kB, and comes alone.
const BACKLOG_BYTES: u64 = 24 * 1024;

impl Driver {
    /// Takes in a message and those that are there already.
    pub(super) async fn read(&mut self, link: &mut Link, first: Option<Result<WsMessage, WsError>>) -> Option<End> {
        let (mut next, mut taken) = (first, 0);
        let bytes_before = self.shared.stats.bytes_in.get();
        loop {
            match next {
                Some(Ok(WsMessage::Close(frame))) => return Some(self.peer_closed(link, frame).await),
                Some(Ok(message)) => self.received(link, message),
                Some(Err(error)) => return Some(self.broken(link, error).await),
                None => return Some(self.lost(link, "connection lost")),
            }
            taken += 1;
            let is_full = self.shared.held() + self.pending_weight() >= self.shared.limits.inbox_bytes;
            if is_full || taken == MESSAGES_PER_TURN || inline::has_taken_enough() {
                break;
            }
            match poll_fn(|cx| Poll::Ready(link.poll_message(cx))).await {
                Poll::Ready(message) => next = message,
                Poll::Pending => break,
            }
        }
        if self.shared.stats.bytes_in.get() - bytes_before > BACKLOG_BYTES {
            io::note_backlog();
        }
        // Pongs and close frames that tungstenite has queued.
        link.flushing = true;
        self.transmit(link);
        None
    }

    pub(crate) fn received(&mut self, link: &mut Link, message: WsMessage) {
        let now = Instant::now();
        link.keepalive.alive(now);
        let stats = &self.shared.stats;
        stats.bytes_in.add(message.len() as u64);
        match message {
            WsMessage::Text(text) => {
                stats.messages_in.add(1);
                self.protocol.receive(Message::new(text.into()), now);
                self.collect();
            }
            WsMessage::Binary(bytes) => {
                stats.messages_in.add(1);
                self.receive_binary(bytes, now);
            }
            WsMessage::Pong(payload) => self.pong(link, &payload, now),
            _ => {}
        }
    }

    /// Some services send JSON in binary frames; those have not been checked to be UTF-8.
    fn receive_binary(&mut self, bytes: Bytes, now: Instant) {
        if std::str::from_utf8(&bytes).is_ok() {
            self.protocol.receive(Message::new(bytes), now);
            return self.collect();
        }
        let message = format!("binary message is not UTF-8: {} bytes", bytes.len());
        self.error(Malformed::BadMessage, message, false);
    }

    fn pong(&mut self, link: &mut Link, payload: &[u8], now: Instant) {
        let Some(number) = payload.try_into().ok().map(u64::from_be_bytes) else { return };
        self.replay.answered(number);
        if let Some(round_trip) = link.keepalive.pong(number, now) {
            self.shared.stats.pongs.add(1);
            self.shared.stats.rtt_us.set(round_trip.as_micros() as u64);
        }
        while let Some(&(ping, receipt)) = link.asked_pings.first().filter(|(ping, _)| *ping <= number) {
            debug_assert!(ping <= number);
            link.asked_pings.remove(0);
            self.settle(receipt, Outcome::Done);
        }
    }

    /// Moves what the protocol has to tell into the batch.
    pub(crate) fn collect(&mut self) {
        while let Some(event) = self.protocol.poll_event() {
            self.measure(&event);
            if self.replay.keeps() && tells_of_speech(&event.body) {
                self.replay.told(&event.body);
            }
            let (session, stats) = (self.shared.id, &self.shared.stats);
            self.downlink.pass(event, |event| {
                stats.events.add(1);
                let weight = event.weight();
                self.batch.push(Delivery { session, weight, item: Item::Event(Box::new(event)) });
            });
        }
        self.shared.stats.audio_out_dropped.set(self.protocol.dropped_samples());
        self.collect_settled();
    }

    pub(crate) fn collect_settled(&mut self) {
        while let Some(settled) = self.protocol.poll_settled() {
            self.replay.settled(settled.receipt, matches!(settled.outcome, Outcome::Failed(_)));
            let delivery = self.delivery(Item::Settled(settled), 0);
            self.batch.push(delivery);
        }
    }

    fn measure(&mut self, event: &Event) {
        match event.body {
            Body::SpeechStopped(_) => self.asked = Some(event.received_at),
            Body::Audio { .. } => {
                if let Some(asked) = self.asked.take() {
                    let waited = event.received_at.saturating_duration_since(asked);
                    self.shared.stats.first_audio_us.set(waited.as_micros() as u64);
                }
            }
            _ => {}
        }
    }
}

fn tells_of_speech(body: &Body) -> bool {
    matches!(body, Body::SpeechStarted(_) | Body::SpeechStopped(_) | Body::InputCommitted)
}
