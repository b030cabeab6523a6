//! From "target" to an open link: one attempt, from the name lookup to the ready session.

use std::future::poll_fn;
use std::sync::atomic::Ordering;
use std::sync::Arc;
use std::task::Poll;
use std::time::Instant;

use futures_util::SinkExt;
use tokio_tungstenite::tungstenite::Message as WsMessage;

use super::ending::close_words;
use super::Driver;
use crate::clock;
use crate::connect_error::{ConnectError, ConnectErrorKind};
use crate::inbox::ConnectFailure;
use crate::keepalive::Keepalive;
use crate::link::Link;
use crate::outbox::Phase;
use crate::session::Shared;
use crate::socket;

impl Driver {
    /// One attempt, from the name lookup to the ready session.
    pub(crate) async fn connect(&mut self, deadline: Instant) -> Result<Link, ConnectFailure> {
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

    async fn flush(&mut self, link: &mut Link) -> Result<(), ConnectFailure> {
        match link.websocket.flush().await {
            Ok(()) => Ok(()),
            Err(error) => {
                let end = self.broken(link, error).await;
                Err(ConnectFailure::Closed { code: end.code, reason: end.reason })
            }
        }
    }

    /// Reads until the service has greeted us or turned us away.
    async fn greeting(&mut self, link: &mut Link) -> Result<(), ConnectFailure> {
        self.protocol.start(Instant::now());
        self.collect();
        // Services to which the client speaks first.
        self.transmit(link);
        if link.flushing {
            self.flush(link).await?;
        }
        let bytes_before = self.shared.stats.bytes_in.get();
        while !self.protocol.is_ready() {
            let closed = |code, reason: &str| ConnectFailure::Closed { code, reason: reason.to_owned() };
            match link.next().await {
                Some(Ok(WsMessage::Close(frame))) => {
                    let (code, reason) = close_words(frame, &self.secrets);
                    return Err(closed(code, &reason));
                }
                Some(Ok(message)) => {
                    let is_ping = message.is_ping();
                    self.received(link, message);
                    if is_ping {
                        // tungstenite has queued the answer.
                        self.flush(link).await?;
                    }
                }
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
