//! Steps "socket → message" and "message → socket": runs one session's connections.

mod ending;
mod opening;
mod reading;
mod writing;

use std::sync::Arc;
use std::time::{Duration, Instant};

use voicewire_proto::{Body, Error, Event, Malformed, Outcome, Protocol, ReceiptId, Secrets, Settled};

pub(crate) use self::ending::End;
pub(crate) use self::opening::closing;
use crate::downlink::Downlink;
use crate::inbox::{ConnectFailure, Delivery, Inbox, Item};
use crate::io;
use crate::keepalive::Due;
use crate::link::{Link, Step};
use crate::outbox::Phase;
use crate::reconnect::Outages;
use crate::replay::Replay;
use crate::session::{Plan, Shared};
use crate::settings::{ReplayAudio, Timeouts};
use crate::target::Target;

/// Messages taken in before other sessions of the thread get their turn.
const MESSAGES_PER_TURN: usize = 32;

/// One connection from the first packet to the last.
pub(crate) struct Driver {
    pub(crate) shared: Arc<Shared>,
    pub(crate) target: Target,
    pub(crate) timeouts: Timeouts,
    inbox: Arc<Inbox>,
    pub(crate) protocol: Box<dyn Protocol>,
    pub(crate) outages: Outages,
    pub(crate) replay: Replay,
    downlink: Downlink,
    pub(crate) secrets: Secrets,
    /// Whether each connection wants a fresh key.
    pub(crate) renews: bool,
    pub(crate) batch: Vec<Delivery>,
    /// Samples of input taken out of the outbox, each once.
    taken: u64,
    /// Samples that the ring had dropped before this driver began.
    dropped_before: u64,
    /// When the user last gave reason for an answer.
    asked: Option<Instant>,
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
        let Plan { target, timeouts, reconnect, renews, secrets, output_sample_rate, inbox, protocol, inline: _ } =
            plan;
        let dropped_before = shared.stats.audio_in_dropped.get();
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
            renews,
            replay,
            downlink,
            secrets,
            batch: Vec::new(),
            taken: 0,
            dropped_before,
            asked: None,
        }
    }

    pub(crate) async fn run(mut self) {
        let mut link = match self.first().await {
            Ok(link) => link,
            Err(failure) => return self.fail(failure),
        };
        self.outages.opened = Instant::now();
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
                Step::Outbox => {
                    self.write(link);
                    None
                }
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

    fn timer(&mut self, link: &mut Link) -> Option<End> {
        let now = Instant::now();
        if link.deadline.is_some_and(|deadline| deadline <= now) {
            return Some(End::of(1000, "", false));
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

    fn error(&mut self, kind: Malformed, message: String, fatal: bool) {
        let error = Box::new(Error::Malformed { kind, message, excerpt: String::new() });
        let event = Event::ours(Body::Error { error, fatal }, Instant::now());
        let weight = event.weight();
        let delivery = self.delivery(Item::Event(Box::new(event)), weight);
        self.batch.push(delivery);
    }

    pub(crate) fn settle(&mut self, receipt: ReceiptId, outcome: Outcome) {
        self.replay.settled(receipt, matches!(outcome, Outcome::Failed(_)));
        let delivery = self.delivery(Item::Settled(Settled { receipt, outcome, ignored: Vec::new() }), 0);
        self.batch.push(delivery);
    }

    fn finish(&mut self, end: End, unsettled: Vec<ReceiptId>) {
        let End { code, reason, clean, error, failure } = end;
        self.protocol.close(Error::ConnectionClosed { code, reason: reason.clone() });
        self.collect();
        if let Some(error) = error {
            let body = Body::Error { error: Box::new(error), fatal: true };
            self.push_event(Event::ours(body, Instant::now()));
        }
        if let Some(failure) = failure {
            let delivery = self.delivery(Item::GaveUp(*failure), 0);
            self.batch.push(delivery);
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

    /// Position in the user's audio of the next sample that leaves the outbox.
    pub(crate) fn input_position(&self) -> u64 {
        self.taken + self.shared.stats.audio_in_dropped.get() - self.dropped_before
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
