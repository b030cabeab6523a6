//! Steps "socket → message" and "message → socket": runs one connection on an I/O thread.

use std::future::poll_fn;
use std::sync::atomic::Ordering;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error as WsError, Message as WsMessage, Utf8Bytes};
use voicewire_proto::{
    AudioEncoder, Body, Command, Error, Event, Malformed, Message, Outcome, Protocol, ReceiptId, Secrets, Settled,
};

use crate::clock;
use crate::connect_error::{ConnectError, ConnectErrorKind};
use crate::downlink::Downlink;
use crate::inbox::{ConnectFailure, Delivery, Inbox, Item};
use crate::inline;
use crate::io;
use crate::keepalive::{Due, Keepalive};
use crate::link::{Link, Step};
use crate::outbox::{Entry, Phase};
use crate::reconnect::Outages;
use crate::replay::Replay;
use crate::session::{Plan, Shared};
use crate::settings::{ReplayAudio, Timeouts};
use crate::socket;
use crate::target::Target;

/// Messages taken in before other sessions of the thread get their turn.
const MESSAGES_PER_TURN: usize = 32;

/// More than this in one turn is a burst: the longest delta of real services is 16 kB, and comes alone.
const BACKLOG_BYTES: u64 = 24 * 1024;

/// What tungstenite makes of a close code that may not be sent, and answers with.
const FORBIDDEN_CODE: (u16, &str) = (1002, "Protocol violation");

/// One connection from the first packet to the last.
pub(crate) struct Driver {
    pub(crate) shared: Arc<Shared>,
    target: Target,
    pub(crate) timeouts: Timeouts,
    inbox: Arc<Inbox>,
    pub(crate) protocol: Box<dyn Protocol>,
    pub(crate) outages: Outages,
    pub(crate) replay: Replay,
    downlink: Downlink,
    secrets: Secrets,
    pub(crate) batch: Vec<Delivery>,
    /// When the user last gave reason for an answer.
    asked: Option<Instant>,
}

/// How a connection ended.
pub(crate) struct End {
    pub(crate) code: u16,
    pub(crate) reason: String,
    pub(crate) clean: bool,
    pub(crate) error: Option<Error>,
}

/// How a connection was left.
pub(crate) enum Left {
    /// It ended.
    Lost(End),
    /// The protocol wants another.
    Switched,
}

impl Driver {
    pub(crate) fn new(shared: Arc<Shared>, plan: Plan) -> Self {
        let Plan { target, timeouts, reconnect, secrets, output_sample_rate, inbox, protocol, inline: _ } = plan;
        let downlink = Downlink::new(output_sample_rate);
        let outages = Outages::new(reconnect);
        let replay_audio = reconnect.map_or(ReplayAudio::None, |reconnect| reconnect.replay_audio);
        let replay = Replay::new(replay_audio, shared.limits.input_ring_ms);
        Self {
            shared,
            target,
            timeouts,
            inbox,
            protocol,
            outages,
            replay,
            downlink,
            secrets,
            batch: Vec::new(),
            asked: None,
        }
    }

    pub(crate) async fn run(mut self) {
        let mut link = match self.connect().await {
            Ok(link) => link,
            Err(failure) => return self.fail(failure),
        };
        let session_id = self.protocol.session_id().map(str::to_owned);
        self.batch.insert(0, self.delivery(Item::Connected(session_id), 0));
        loop {
            let left = self.serve(&mut link).await;
            let mut unsettled = link.unsettled();
            // The socket is closed before the application hears of the end.
            drop(link);
            link = match self.again(left, &mut unsettled).await {
                Ok(link) => link,
                Err(end) => return self.finish(end, unsettled),
            };
        }
    }

    /// One attempt, from the name lookup to the ready session.
    pub(crate) async fn connect(&mut self) -> Result<Link, ConnectFailure> {
        let deadline = Instant::now() + self.timeouts.connect;
        let opened = tokio::select! {
            opened = socket::open(&self.target, deadline) => opened.map_err(ConnectFailure::Connect)?,
            () = closing(&self.shared) => return Err(ConnectFailure::Cancelled),
        };
        let (now, shared) = (Instant::now(), Arc::clone(&self.shared));
        let keepalive = Keepalive::new(self.timeouts.ping_interval, self.timeouts.ping_timeout, now);
        let mut link = Link::new(opened.websocket, keepalive);
        tokio::select! {
            greeted = self.greeting(&mut link) => greeted?,
            () = closing(&shared) => return Err(ConnectFailure::Cancelled),
            () = clock::sleep_until(deadline) => {
                return Err(ConnectFailure::Connect(self.no_greeting()));
            }
        }
        {
            let mut outbox = self.shared.outbox();
            if outbox.phase == Phase::Closing {
                return Err(ConnectFailure::Cancelled);
            }
            outbox.phase = Phase::Open;
        }
        self.replay.connected(self.shared.outbox().encoder.sample_rate, self.protocol.turns_by_hand());
        // What was kept until now goes out in the first turn.
        self.shared.news.store(true, Ordering::SeqCst);
        Ok(link)
    }

    fn no_greeting(&self) -> ConnectError {
        let seconds = self.timeouts.connect.as_secs_f64();
        let message = format!("no greeting from the service within {seconds} s: {}", self.target.host);
        ConnectError::new(ConnectErrorKind::Timeout, message)
    }

    /// Reads until the service has greeted us or turned us away.
    async fn greeting(&mut self, link: &mut Link) -> Result<(), ConnectFailure> {
        self.protocol.start(Instant::now());
        self.collect();
        // Services to which the client speaks first.
        self.transmit(link);
        if link.flushing {
            if let Err(error) = link.websocket.flush().await {
                let end = self.broken(link, error).await;
                return Err(ConnectFailure::Closed { code: end.code, reason: end.reason });
            }
        }
        let bytes_before = self.shared.stats.bytes_in.get();
        while !self.protocol.is_ready() {
            let closed = |code, reason: &str| ConnectFailure::Closed { code, reason: reason.to_owned() };
            match link.websocket.next().await {
                Some(Ok(WsMessage::Close(frame))) => {
                    let (code, reason) = close_words(frame, &self.secrets);
                    return Err(closed(code, &reason));
                }
                Some(Ok(message)) => self.received(link, message),
                Some(Err(error)) => {
                    let end = self.broken(link, error).await;
                    return Err(closed(end.code, &end.reason));
                }
                None => return Err(closed(1006, "connection lost before the greeting")),
            }
            if let Some(error) = self.protocol.refusal() {
                return Err(ConnectFailure::Refused(error.clone()));
            }
            if self.shared.stats.bytes_in.get() - bytes_before > self.shared.limits.inbox_bytes as u64 {
                return Err(closed(1006, "more came before the greeting than the inbox holds"));
            }
        }
        Ok(())
    }

    async fn serve(&mut self, link: &mut Link) -> Left {
        loop {
            self.deliver();
            if link.deadline.is_none() && self.protocol.wants_switch(Instant::now()) && self.pause() {
                return self.part(link).await;
            }
            let step = link.step(&self.shared, self.protocol.poll_timeout()).await;
            let end = match step {
                Step::Closing => {
                    link.deadline = Some(Instant::now() + self.timeouts.close);
                    None
                }
                Step::Outbox => self.write(link),
                Step::Written => {
                    self.written(link);
                    None
                }
                Step::Message(message) => self.read(link, message).await,
                Step::Timer => self.timer(link),
                Step::Failed(error) => Some(self.broken(link, error).await),
            };
            if let Some(end) = end {
                return Left::Lost(end);
            }
        }
    }

    /// Takes in a message and those that are there already.
    async fn read(&mut self, link: &mut Link, first: Option<Result<WsMessage, WsError>>) -> Option<End> {
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
            match poll_fn(|cx| Poll::Ready(link.websocket.poll_next_unpin(cx))).await {
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
            if self.replay.keeps() && matches!(event.body, Body::SpeechStarted(_) | Body::InputCommitted) {
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

    /// Writes what the protocol and the outbox hold, without waiting for the socket.
    fn write(&mut self, link: &mut Link) -> Option<End> {
        self.transmit(link);
        let mut taken = 0;
        while link.has_room() && taken < MESSAGES_PER_TURN {
            let entry = self.shared.outbox().pop()?;
            taken += 1;
            match entry {
                Entry::Command(mut command, id) => {
                    self.downlink.rescale(&mut command);
                    let now = Instant::now();
                    if !matches!(*command, Command::ReportPlayed { .. }) {
                        self.asked = Some(now);
                    }
                    if matches!(*command, Command::CommitAudio | Command::ClearAudio) {
                        self.replay.turn_ended();
                    }
                    self.protocol.send(*command, id, now);
                    self.transmit(link);
                }
                Entry::Audio(message, samples) | Entry::Again(message, samples) => {
                    self.feed_audio(link, message, samples);
                }
                Entry::Samples(samples, encoder) => self.feed_samples(link, &samples, &encoder),
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
                    return None;
                }
            }
        }
        if !link.said_goodbye {
            // More is waiting: another turn, behind the reading.
            self.shared.news.store(true, Ordering::SeqCst);
        }
        None
    }

    /// Feeds the messages that the protocol wants written.
    pub(crate) fn transmit(&mut self, link: &mut Link) {
        while let Some(transmit) = self.protocol.poll_transmit(Instant::now()) {
            self.feed(link, transmit.text.into());
            link.unwritten.extend(transmit.settles);
        }
        self.collect();
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

    fn feed_ping(&mut self, link: &mut Link, number: u64) {
        self.shared.stats.pings.add(1);
        link.start(WsMessage::Ping(Bytes::copy_from_slice(&number.to_be_bytes())));
    }

    /// Everything fed so far has reached the socket.
    pub(crate) fn written(&mut self, link: &mut Link) {
        for receipt in std::mem::take(&mut link.unwritten) {
            self.settle(receipt, Outcome::Done);
        }
    }

    fn timer(&mut self, link: &mut Link) -> Option<End> {
        let now = Instant::now();
        if link.deadline.is_some_and(|deadline| deadline <= now) {
            return Some(End { code: 1000, reason: String::new(), clean: false, error: None });
        }
        self.protocol.handle_timeout(now);
        self.transmit(link);
        if link.paused_since.is_some() {
            // We are the ones who do not read: the peer's silence says nothing.
            link.keepalive.alive(now);
        }
        match link.keepalive.due(now) {
            Due::Nothing => None,
            Due::Ping(number) => {
                self.feed_ping(link, number);
                None
            }
            Due::Dead => Some(self.lost(link, "no sign of life from the peer")),
        }
    }

    async fn peer_closed(&mut self, link: &mut Link, frame: Option<CloseFrame>) -> End {
        let (code, reason) = close_words(frame, &self.secrets);
        // tungstenite has queued the answer; a dead peer cannot hold us up.
        let flushed = clock::timeout(self.timeouts.close, link.websocket.flush());
        let _ = flushed.await;
        if link.deadline.is_some() {
            return End { code: 1000, reason: String::new(), clean: true, error: None };
        }
        if (code, reason.as_str()) == FORBIDDEN_CODE {
            let message = "peer broke the WebSocket protocol: its close code is not allowed on the wire".to_owned();
            return Self::violation(code, message);
        }
        End { code, reason, clean: true, error: None }
    }

    fn violation(code: u16, message: String) -> End {
        let error = Error::Malformed { kind: Malformed::BadMessage, message: message.clone(), excerpt: String::new() };
        End { code, reason: message, clean: false, error: Some(error) }
    }

    fn lost(&self, link: &Link, reason: &str) -> End {
        if link.deadline.is_some() {
            return End { code: 1000, reason: String::new(), clean: false, error: None };
        }
        End { code: 1006, reason: reason.to_owned(), clean: false, error: None }
    }

    /// The WebSocket is broken: says so to the peer where it is his fault.
    async fn broken(&mut self, link: &mut Link, error: WsError) -> End {
        if matches!(error, WsError::Io(_) | WsError::ConnectionClosed | WsError::AlreadyClosed) || is_cut(&error) {
            return self.lost(link, &format!("connection lost: {error}"));
        }
        let code = socket::close_after_error(&mut link.websocket, &error).await;
        let message = match &error {
            WsError::Capacity(_) => {
                let limit = self.shared.limits.max_message_bytes;
                format!("message is over the limit of {limit} bytes: {error}")
            }
            _ => format!("peer broke the WebSocket protocol: {error}"),
        };
        Self::violation(code, message)
    }

    fn error(&mut self, kind: Malformed, message: String, fatal: bool) {
        let error = Box::new(Error::Malformed { kind, message, excerpt: String::new() });
        let event = Event::ours(Body::Error { error, fatal }, Instant::now());
        let weight = event.weight();
        let delivery = self.delivery(Item::Event(Box::new(event)), weight);
        self.batch.push(delivery);
    }

    pub(crate) fn settle(&mut self, receipt: ReceiptId, outcome: Outcome) {
        let delivery = self.delivery(Item::Settled(Settled { receipt, outcome, ignored: Vec::new() }), 0);
        self.batch.push(delivery);
    }

    fn finish(&mut self, end: End, unsettled: Vec<ReceiptId>) {
        let End { code, reason, clean, error } = end;
        self.protocol.close(Error::ConnectionClosed { code, reason: reason.clone() });
        self.collect();
        if let Some(error) = error {
            let body = Body::Error { error: Box::new(error), fatal: true };
            self.push_event(Event::ours(body, Instant::now()));
        }
        let body = Body::Closed { code, reason: reason.into(), clean };
        self.push_event(Event::ours(body, Instant::now()));
        self.end(unsettled);
    }

    fn fail(&mut self, failure: ConnectFailure) {
        self.protocol.close(Error::ConnectionClosed { code: 1006, reason: "the session did not come about".into() });
        self.batch.clear();
        self.collect_settled();
        let delivery = self.delivery(Item::ConnectFailed(failure), 0);
        self.batch.push(delivery);
        self.end(Vec::new());
    }

    fn end(&mut self, mut abandoned: Vec<ReceiptId>) {
        {
            let mut outbox = self.shared.outbox();
            outbox.phase = Phase::Closed;
            abandoned.extend(outbox.abandon());
        }
        let delivery = self.delivery(Item::Ended(abandoned), 0);
        self.batch.push(delivery);
        self.deliver();
    }

    pub(crate) fn push_event(&mut self, event: Event) {
        let weight = event.weight();
        let delivery = self.delivery(Item::Event(Box::new(event)), weight);
        self.batch.push(delivery);
    }

    pub(crate) fn delivery(&self, item: Item, weight: usize) -> Delivery {
        Delivery { session: self.shared.id, weight, item }
    }

    fn pending_weight(&self) -> usize {
        self.batch.iter().map(|delivery| delivery.weight).sum()
    }

    pub(crate) fn deliver(&mut self) {
        if self.batch.is_empty() {
            return;
        }
        self.shared.hold(self.pending_weight());
        self.inbox.push(&mut self.batch, io::window());
    }
}

/// A panic ended the driver: the application hears of it, other sessions never do.
pub(crate) fn report_panic(shared: &Shared, inbox: &Arc<Inbox>) {
    let message = "a session's driver panicked".to_owned();
    let (phase, abandoned) = {
        let mut outbox = shared.outbox();
        let phase = std::mem::replace(&mut outbox.phase, Phase::Closed);
        (phase, outbox.abandon())
    };
    let delivery = |item| Delivery { session: shared.id, weight: 0, item };
    let mut batch = Vec::new();
    if phase == Phase::Connecting {
        batch.push(delivery(Item::ConnectFailed(ConnectFailure::Internal(message))));
    } else {
        let now = Instant::now();
        let error = Body::Error { error: Box::new(Error::Internal(message)), fatal: true };
        let closed = Body::Closed { code: 1006, reason: "internal error".into(), clean: false };
        batch.extend([error, closed].map(|body| delivery(Item::Event(Box::new(Event::ours(body, now))))));
    }
    batch.push(delivery(Item::Ended(abandoned)));
    inbox.push(&mut batch, Duration::ZERO);
}

/// Resolves once `disconnect` was called.
pub(crate) async fn closing(shared: &Shared) {
    poll_fn(|cx| {
        shared.waker.register(cx.waker());
        match shared.outbox().phase {
            Phase::Closing | Phase::Closed => Poll::Ready(()),
            _ => Poll::Pending,
        }
    })
    .await;
}

fn close_words(frame: Option<CloseFrame>, secrets: &Secrets) -> (u16, String) {
    frame.map_or((1005, String::new()), |frame| (frame.code.into(), secrets.mask(&frame.reason)))
}

/// Whether the peer vanished without goodbye.
fn is_cut(error: &WsError) -> bool {
    use tokio_tungstenite::tungstenite::error::ProtocolError;
    matches!(error, WsError::Protocol(ProtocolError::ResetWithoutClosingHandshake))
}
