//! From one connection to the next: replaces a connection that was lost, or that the protocol wants replaced.

use std::hash::{BuildHasher, Hasher};
use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Message as WsMessage, Utf8Bytes};
use voicewire_proto::{Body, Error, Event, Outcome, ReceiptId, Recovery};

use crate::clock;
use crate::connect_error::ConnectErrorKind;
use crate::driver::{closing, Driver, End, Left};
use crate::inbox::{ConnectFailure, Item};
use crate::link::Link;
use crate::outbox::Phase;
use crate::settings::Reconnect;

/// How often and how long a session has been without a connection.
pub(crate) struct Outages {
    policy: Option<Reconnect>,
    /// When the newest session became ready.
    pub(crate) opened: Instant,
    /// Sessions in a row that were lost too soon.
    short: u32,
    /// Sessions in a row that were to be replaced too soon.
    hasty: u32,
}

/// Whether a lost session may be followed by another.
enum Permit {
    Granted(Reconnect),
    /// Why not.
    Refused(String),
    /// Nobody wants another.
    Off,
}

/// Sessions in a row that may be lost too soon.
const SHORT_SESSIONS: u32 = 3;

/// How long the peer's goodbye is waited for where another connection is to follow.
const PARTING: Duration = Duration::from_millis(500);

impl Outages {
    pub(crate) fn new(policy: Option<Reconnect>) -> Self {
        Self { policy, opened: Instant::now(), short: 0, hasty: 0 }
    }

    /// How a first connection that did not come about is tried again.
    fn initial(&self) -> Option<Reconnect> {
        self.policy.filter(|policy| policy.initial)
    }

    /// How a session that was lost now may be followed by another.
    fn permits(&mut self, now: Instant) -> Permit {
        let Some(policy) = self.policy else { return Permit::Off };
        let lived = now.saturating_duration_since(self.opened);
        self.short = if lived < policy.min_session { self.short + 1 } else { 0 };
        if self.short < SHORT_SESSIONS {
            return Permit::Granted(policy);
        }
        let seconds = policy.min_session.as_secs_f64();
        Permit::Refused(format!("{SHORT_SESSIONS} sessions in a row were lost within {seconds} s"))
    }

    /// How a connection that the protocol wants replaced is followed by another: at once, unless several in a row were
    /// to be replaced soon.
    fn planned(&mut self, now: Instant) -> Reconnect {
        let policy = self.policy.unwrap_or_default();
        let lived = now.saturating_duration_since(self.opened);
        self.hasty = if lived < policy.min_session { self.hasty + 1 } else { 0 };
        let initial_delay = match self.hasty {
            0..SHORT_SESSIONS => Duration::ZERO,
            hasty => policy.delay(hasty - SHORT_SESSIONS + 2),
        };
        Reconnect { initial_delay, ..policy }
    }
}

impl Driver {
    /// Whether the session can leave its connection now: from here on commands and audio are kept for the next.
    pub(crate) fn pause(&self) -> bool {
        let mut outbox = self.shared.outbox();
        let is_open = outbox.phase == Phase::Open;
        if is_open {
            outbox.phase = Phase::Connecting;
        }
        is_open
    }

    /// Says goodbye to a connection that another is to follow; what was sent on it has arrived then.
    pub(crate) async fn part(&mut self, link: &mut Link) -> Left {
        self.transmit(link);
        let frame = CloseFrame { code: CloseCode::Normal, reason: Utf8Bytes::default() };
        link.start(WsMessage::Close(Some(frame)));
        // What the peer is slow to take is given the time of any goodbye: it would be lost.
        let flushed = clock::timeout(self.timeouts.close, link.websocket.flush()).await;
        if flushed.is_ok_and(|flushed| flushed.is_ok()) {
            self.written(link);
            let patience = PARTING.min(self.timeouts.close);
            let room = self.shared.stats.bytes_in.get() + self.shared.limits.inbox_bytes as u64;
            let last_words = async {
                while let Some(Ok(message)) = link.websocket.next().await {
                    if self.shared.stats.bytes_in.get() > room {
                        return;
                    }
                    if is_answer_to_goodbye(&message) {
                        // Our own came behind everything.
                        self.replay.all_read();
                    }
                    self.received(link, message);
                }
            };
            // A peer that does not answer has had its time.
            let _ = clock::timeout(patience, last_words).await;
        }
        Left::Switched
    }

    /// The first connection; tried again only where that was asked for.
    pub(crate) async fn first(&mut self) -> Result<Link, ConnectFailure> {
        let began = Instant::now();
        let mut attempt = 1;
        let mut outcome = self.connect(began + self.timeouts.connect).await;
        while let (Err(failure), Some(policy)) = (&outcome, self.outages.initial()) {
            let asked = retry_after(failure);
            let has_time = attempt < policy.max_attempts && began.elapsed() + asked < policy.max_elapsed;
            if !(self.is_worth_another(failure) && has_time) {
                break;
            }
            attempt += 1;
            tokio::select! {
                () = clock::sleep(policy.delay(attempt).max(asked)) => {}
                () = closing(&self.shared) => return Err(ConnectFailure::Cancelled),
            }
            outcome = self.attempt().await;
        }
        outcome
    }

    /// The next connection, or how the session ends.
    pub(crate) async fn again(&mut self, left: Left, unsettled: &mut Vec<ReceiptId>) -> Result<Link, End> {
        let began = Instant::now();
        let (end, policy) = match left {
            Left::Switched => (None, self.outages.planned(began)),
            Left::Lost(mut end) => match self.policy_after(&mut end, began) {
                Some(policy) => (Some(end), policy),
                None => return Err(end),
            },
        };
        let (code, reason) = end.as_ref().map_or((1000, ""), |end| (end.code, end.reason.as_str()));
        for receipt in unsettled.drain(..) {
            let error = Error::ConnectionClosed { code, reason: reason.to_owned() };
            self.protocol.failed(receipt);
            self.settle(receipt, Outcome::Failed(error));
        }
        self.protocol.leave(began);
        self.collect();
        let again = self.replay.take();
        let resent = again.iter().map(|(_, samples)| *samples as u64).sum();
        self.shared.outbox().push_again(again.into_iter());
        let lost_before = self.shared.stats.audio_in_dropped.get();
        let link = self.retry(&policy, began, end).await?;
        self.outages.opened = Instant::now();
        self.reconnected(began, lost_before, resent);
        Ok(link)
    }

    /// How a session that ended so is followed by another, if it is; `end` says why not.
    fn policy_after(&mut self, end: &mut End, now: Instant) -> Option<Reconnect> {
        let recovers = end.error.is_none() && self.protocol.recovery(end.code) == Recovery::Reconnect;
        if !(recovers && self.pause()) {
            return None;
        }
        match self.outages.permits(now) {
            Permit::Granted(policy) => Some(policy),
            Permit::Refused(reason) => {
                end.error = Some(Error::ConnectionClosed { code: end.code, reason });
                None
            }
            Permit::Off => None,
        }
    }

    /// Tries until a session is ready, or patience is at its end. A connection that was left by plan has no `end`.
    async fn retry(&mut self, policy: &Reconnect, began: Instant, end: Option<End>) -> Result<Link, End> {
        let (mut attempt, mut asked) = (0, Duration::ZERO);
        loop {
            attempt += 1;
            if end.is_some() || attempt > 1 {
                self.push_event(Event::ours(Body::Reconnecting { attempt }, Instant::now()));
            }
            self.deliver();
            tokio::select! {
                () = clock::sleep(policy.delay(attempt).max(asked)) => {}
                () = closing(&self.shared) => return Err(End::of(1000, "", true)),
            }
            let failure = match self.attempt().await {
                Ok(link) => return Ok(link),
                Err(ConnectFailure::Cancelled) => return Err(End::of(1000, "", true)),
                Err(failure) => failure,
            };
            asked = retry_after(&failure);
            let has_hope = self.is_worth_another(&failure);
            let has_time = attempt < policy.max_attempts && began.elapsed() + asked < policy.max_elapsed;
            if !(has_hope && has_time) {
                let end = end.unwrap_or_else(|| End::of(code_of(&failure), &words(&failure), false));
                return Err(given_up(end, failure, attempt, has_hope));
            }
        }
    }

    async fn attempt(&mut self) -> Result<Link, ConnectFailure> {
        let deadline = Instant::now() + self.timeouts.connect;
        self.renew(deadline).await?;
        self.connect(deadline).await
    }

    /// Whether another attempt may fare better.
    fn is_worth_another(&mut self, failure: &ConnectFailure) -> bool {
        match failure {
            ConnectFailure::Connect(error) => match error.kind {
                ConnectErrorKind::Http => {
                    error.status.is_none_or(|status| status >= 500 || matches!(status, 408 | 425 | 429))
                }
                ConnectErrorKind::Tls => false,
                _ => true,
            },
            ConnectFailure::Closed { code, .. } => {
                let recovers = self.protocol.recovery(*code) == Recovery::Reconnect;
                self.protocol.leave(Instant::now()) || recovers
            }
            ConnectFailure::Refused(error) => {
                let forgives = self.protocol.forgives(error);
                self.protocol.leave(Instant::now()) || forgives
            }
            ConnectFailure::Key { is_final, .. } => !is_final,
            ConnectFailure::Cancelled | ConnectFailure::Internal(_) => false,
        }
    }

    fn reconnected(&mut self, began: Instant, lost_before: u64, resent: u64) {
        let stats = &self.shared.stats;
        stats.reconnects.add(1);
        let milliseconds = |samples: u64| samples * 1000 / stats.audio_in_rate.get().max(1);
        let lost = milliseconds(stats.audio_in_dropped.get() - lost_before);
        let input_start = self.input_position().saturating_sub(resent);
        let resent = milliseconds(resent);
        let session_id = self.protocol.session_id().map(str::to_owned);
        let delivery = self.delivery(Item::Connected(session_id), 0);
        self.batch.push(delivery);
        let body = Body::Reconnected {
            restored: self.protocol.restored(),
            gap_ms: began.elapsed().as_millis() as u64,
            audio_lost_ms: lost,
            audio_resent_ms: resent,
            input_start,
        };
        self.push_event(Event::ours(body, Instant::now()));
    }
}

/// Whether a message is the answer to our close frame, and not a close of the peer's own that crossed it.
fn is_answer_to_goodbye(message: &WsMessage) -> bool {
    match message {
        WsMessage::Close(frame) => frame.as_ref().is_none_or(|frame| frame.code == CloseCode::Normal),
        _ => false,
    }
}

impl Reconnect {
    /// How long to wait before an attempt, counted from 1.
    fn delay(&self, attempt: u32) -> Duration {
        if attempt == 1 {
            return self.initial_delay;
        }
        let doubled = self.min_delay.saturating_mul(1 << (attempt - 2).min(16));
        doubled.min(self.max_delay).mul_f64(1.0 - self.jitter * random())
    }
}

/// A number from 0 to 1 that differs from session to session.
fn random() -> f64 {
    let number = std::collections::hash_map::RandomState::new().build_hasher().finish();
    (number >> 11) as f64 / (1u64 << 53) as f64
}

/// How long a service wants to be left alone.
fn retry_after(failure: &ConnectFailure) -> Duration {
    let ConnectFailure::Connect(error) = failure else { return Duration::ZERO };
    let seconds = error.retry_after.unwrap_or_default();
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX / 4)
}

/// The end of a session that cannot be replaced: with the refusal itself where no attempt would fare better.
fn given_up(end: End, failure: ConnectFailure, attempt: u32, has_hope: bool) -> End {
    match failure {
        // The application knows: it was its word.
        ConnectFailure::Key { is_final: true, .. } => end,
        ConnectFailure::Connect(_) | ConnectFailure::Refused(_) if !has_hope => {
            End { failure: Some(Box::new(failure)), ..end }
        }
        failure => {
            let reason = format!("reconnecting failed at attempt {attempt}: {}", words(&failure));
            End { error: Some(Error::ConnectionClosed { code: end.code, reason }), ..end }
        }
    }
}

fn code_of(failure: &ConnectFailure) -> u16 {
    match failure {
        ConnectFailure::Closed { code, .. } => *code,
        _ => 1006,
    }
}

fn words(failure: &ConnectFailure) -> String {
    match failure {
        ConnectFailure::Connect(error) => error.to_string(),
        ConnectFailure::Refused(error) => error.to_string(),
        ConnectFailure::Closed { code, reason } => format!("closed with {code} {reason}"),
        ConnectFailure::Cancelled => "disconnected".to_owned(),
        ConnectFailure::Internal(message) | ConnectFailure::Key { message, .. } => message.clone(),
    }
}
