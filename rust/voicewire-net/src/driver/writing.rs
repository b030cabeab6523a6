//! Step "message → socket": feeds the link what the protocol and the outbox hold.

use std::sync::atomic::Ordering;
use std::time::Instant;

use bytes::Bytes;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Message as WsMessage, Utf8Bytes};
use voicewire_proto::{AudioEncoder, Command, CommandId, Outcome};

use super::{Driver, MESSAGES_PER_TURN};
use crate::inbox::Item;
use crate::link::Link;
use crate::outbox::Entry;

impl Driver {
    /// Writes what the protocol and the outbox hold, without waiting for the socket.
    pub(super) fn write(&mut self, link: &mut Link) {
        self.transmit(link);
        let mut taken = 0;
        while link.has_room() && taken < MESSAGES_PER_TURN {
            let Some(entry) = self.shared.outbox().pop() else { return };
            taken += 1;
            match entry {
                Entry::Command(command, id) => self.feed_command(link, *command, id),
                Entry::Audio(message, samples) => {
                    self.taken += samples as u64;
                    self.feed_audio(link, message, samples);
                }
                Entry::Again(message, samples) => self.feed_audio(link, message, samples),
                Entry::Samples(samples, encoder) => {
                    self.taken += samples.len() as u64;
                    self.feed_samples(link, &samples, &encoder);
                }
                Entry::Ping(receipt) => {
                    let number = link.keepalive.ping(Instant::now());
                    link.asked_pings.push((number, receipt));
                    self.feed_ping(link, number);
                }
                Entry::Flushed(receipt) => {
                    link.flushing = true;
                    link.unwritten.push(receipt);
                }
                Entry::Close => {
                    let frame = CloseFrame { code: CloseCode::Normal, reason: Utf8Bytes::default() };
                    link.start(WsMessage::Close(Some(frame)));
                    link.said_goodbye = true;
                    return;
                }
            }
        }
        if !link.said_goodbye {
            // More is waiting: another turn, behind the reading.
            self.shared.news.store(true, Ordering::SeqCst);
        }
    }

    /// Feeds the messages that the protocol wants written.
    pub(crate) fn transmit(&mut self, link: &mut Link) {
        while let Some(transmit) = self.protocol.poll_transmit(Instant::now()) {
            self.feed(link, transmit.text.into());
            link.unwritten.extend(transmit.settles);
        }
        self.collect();
    }

    fn feed_command(&mut self, link: &mut Link, mut command: Command, id: CommandId) {
        self.downlink.rescale(&mut command);
        let now = Instant::now();
        if !matches!(command, Command::ReportPlayed { .. }) {
            self.asked = Some(now);
        }
        if command.closes_turn().is_some() {
            self.replay.turn_ends(id.receipt);
        }
        self.protocol.send(command, id, now);
        self.transmit(link);
    }

    fn feed_samples(&mut self, link: &mut Link, samples: &[i16], encoder: &AudioEncoder) {
        for chunk in samples.chunks(encoder.sample_rate as usize) {
            let mut message = Vec::new();
            encoder.encode(chunk, &mut message);
            self.feed_audio(link, message.into(), chunk.len());
        }
    }

    fn feed_audio(&mut self, link: &mut Link, message: Bytes, samples: usize) {
        self.protocol.audio_goes_out();
        self.transmit(link);
        if !self.replay.keeps() {
            return self.feed(link, message);
        }
        self.replay.set_by_hand(self.protocol.turns_by_hand());
        self.replay.written(&message, samples);
        self.feed(link, message);
        if link.keepalive.is_off() {
            return self.replay.assume_read();
        }
        let now = Instant::now();
        if self.replay.asks(now) {
            let number = link.keepalive.ping(now);
            self.replay.asked(number, now);
            self.feed_ping(link, number);
        }
    }

    fn feed(&mut self, link: &mut Link, message: Bytes) {
        self.shared.stats.messages_out.add(1);
        self.shared.stats.bytes_out.add(message.len() as u64);
        if self.shared.observed.load(Ordering::Relaxed) {
            let delivery = self.delivery(Item::Sent(message.clone()), message.len());
            self.batch.push(delivery);
        }
        // Our own JSON is UTF-8.
        if let Ok(text) = Utf8Bytes::try_from(message) {
            link.start(WsMessage::Text(text));
        }
    }

    pub(super) fn feed_ping(&mut self, link: &mut Link, number: u64) {
        self.shared.stats.pings.add(1);
        link.start(WsMessage::Ping(Bytes::copy_from_slice(&number.to_be_bytes())));
    }

    /// Everything fed so far has reached the socket.
    pub(crate) fn written(&mut self, link: &mut Link) {
        for receipt in std::mem::take(&mut link.unwritten) {
            self.settle(receipt, Outcome::Done);
        }
    }
}
