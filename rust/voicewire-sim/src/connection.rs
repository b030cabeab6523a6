//! One connection: moves messages between the socket and the session, and lets faults strike in between.

use std::future::{poll_fn, Future};
use std::pin::{pin, Pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant, SystemTime};

use futures_util::Sink;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::protocol::Role;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::WebSocketStream;

use crate::event::ErrorBody;
use crate::fault::{Cut, FaultKind};
use crate::gate::{self, Verdict};
use crate::ids::Ids;
use crate::line::Line;
use crate::listener::Shared;
use crate::outbox::Outbox;
use crate::request::{self, Request, Response};
use crate::session::{Origin, Session};
use crate::socket::{self, Socket, Step};

/// A head that takes longer is a client that vanished.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
const GARBAGE: &str = "}{ this is no JSON \u{1F4A5}";
const EXPIRED: &str = "Your session hit the maximum duration of 60 minutes.";

/// Serve one accepted socket to its end.
pub(crate) async fn run(mut stream: TcpStream, shared: Arc<Shared>) {
    let _ = stream.set_nodelay(true);
    let Ok(Ok(Some((request, rest)))) = timeout(HEAD_TIMEOUT, Request::read(&mut stream)).await else {
        return;
    };
    let (path, headers) = gate::mask(&request);
    let index = shared.ledger.open(path, headers);
    let verdict = match shared.faults.take_http(index) {
        Some(status) => Verdict::Refuse(fault_response(status)),
        None => gate::judge(&request, &shared.config),
    };
    let (admission, error) = match verdict {
        Verdict::Refuse(response) => {
            let _ = response.write(&mut stream).await;
            return;
        }
        Verdict::UpgradeAndRefuse(error) => (None, Some(error)),
        Verdict::Admit(admission) => (Some(admission), None),
    };
    let realtime = request.subprotocols().any(|name| name == "realtime");
    let key = request.upgrade_key().unwrap_or_default();
    if request::write_upgrade(&mut stream, key, realtime).await.is_err() {
        return;
    }
    let socket = WebSocketStream::from_partially_read(stream, rest, Role::Server, Some(socket::limits())).await;
    let outbox = Outbox::new(Ids::new(shared.config.seed, index as u64));
    match (admission, error) {
        (Some(admission), _) => {
            let origin = Origin { admission, unix_seconds: unix_seconds() };
            let session = Session::open(origin, outbox, &shared);
            Connection::new(socket, session, shared, index).serve().await;
        }
        (None, Some(error)) => refuse(socket, outbox, &error).await,
        (None, None) => {}
    }
}

/// A socket and its session.
struct Connection {
    socket: Socket,
    session: Session,
    line: Line,
    shared: Arc<Shared>,
    changes: watch::Receiver<()>,
    index: usize,
    opened: Instant,
    /// Reading and sending go first in turns, so that neither starves the other.
    sends_first: bool,
}

/// Whether a connection goes on.
#[derive(PartialEq, Eq)]
enum Fate {
    GoOn,
    End,
}

impl Connection {
    fn new(socket: Socket, session: Session, shared: Arc<Shared>, index: usize) -> Self {
        Connection {
            socket,
            session,
            line: Line::new(Duration::from_millis(shared.config.latency_ms)),
            changes: shared.faults.changes(),
            shared,
            index,
            opened: Instant::now(),
            sends_first: false,
        }
    }

    async fn serve(mut self) {
        while self.strike().await == Fate::GoOn {
            self.advance();
            if self.step().await == Fate::End {
                return;
            }
        }
    }

    /// Play what is due and put the session's events on the line.
    fn advance(&mut self) {
        let now = Instant::now();
        self.collect(now);
        // One cue a round, so that a long reply does not keep commands from being read.
        if self.may_play() {
            self.session.handle_timeout(now);
            self.collect(now);
        }
    }

    fn collect(&mut self, now: Instant) {
        while self.line.has_room() {
            match self.session.poll_transmit() {
                Some(event) => self.line.push(event, now),
                None => return,
            }
        }
    }

    /// Wait until something was received or sent, or a timer is due; act on what was received.
    async fn step(&mut self) -> Fate {
        match self.wait().await {
            Step::Received(Message::Text(text)) => {
                self.shared.ledger.push(self.index, &text);
                self.session.receive(&text, Instant::now());
            }
            Step::Received(Message::Binary(_)) => self.session.refuse_binary(),
            Step::Received(_) | Step::Tick => {}
            Step::Ended => return Fate::End,
        }
        Fate::GoOn
    }

    async fn wait(&mut self) -> Step {
        let next = self.next_wake();
        let mut sleep = pin!(async move {
            match next {
                Some(time) => tokio::time::sleep_until(time.into()).await,
                None => std::future::pending().await,
            }
        });
        self.sends_first = !self.sends_first;
        let Connection { socket, session, changes, line, sends_first, .. } = self;
        let mut changed = pin!(changes.changed());
        poll_fn(|cx| {
            for sends in [*sends_first, !*sends_first] {
                let step = match sends {
                    true => socket::poll_send(socket, line, cx),
                    false if session.may_read() => socket::poll_receive(socket, cx),
                    false => Poll::Pending,
                };
                if step.is_ready() {
                    return step;
                }
            }
            if sleep.as_mut().poll(cx).is_ready() || changed.as_mut().poll(cx).is_ready() {
                return Poll::Ready(Step::Tick);
            }
            Poll::Pending
        })
        .await
    }

    fn may_play(&self) -> bool {
        self.line.has_room() && self.session.has_room()
    }

    fn next_wake(&self) -> Option<Instant> {
        let fault = self.shared.faults.next_time(self.index).map(|age| self.opened + age);
        let arrival = self.line.next_arrival(Instant::now());
        let cue = self.session.poll_timeout().filter(|_| self.may_play());
        [fault, arrival, cue].into_iter().flatten().min()
    }

    /// Let a fault strike that is due.
    async fn strike(&mut self) -> Fate {
        let age = self.opened.elapsed();
        let Some(kind) = self.shared.faults.take_due(self.index, self.line.sent(), age) else {
            return Fate::GoOn;
        };
        match kind {
            FaultKind::Drop(cut) => return self.cut(cut).await,
            FaultKind::CutMidMessage(cut) => return self.cut_mid_message(cut).await,
            FaultKind::Close(code) => return self.close(code, "").await,
            FaultKind::SessionExpired => return self.expire().await,
            FaultKind::HalfOpen => std::future::pending().await,
            FaultKind::Garbage => self.line.push_front(GARBAGE, Instant::now()),
            FaultKind::Stall => self.line.stall(),
            FaultKind::Slow => self.line.slow_down(),
            FaultKind::RateLimit => self.session.limit_rate(),
            FaultKind::Dtmf(key) => self.session.press(&key.to_string(), unix_seconds()),
            FaultKind::Http(_) => {}
        }
        Fate::GoOn
    }

    /// What was sent before is flushed, then the connection ends without a close frame.
    async fn cut(&mut self, cut: Cut) -> Fate {
        let _ = poll_fn(|cx| Pin::new(&mut self.socket).poll_flush(cx)).await;
        if cut == Cut::Rst {
            let _ = self.socket.get_ref().set_zero_linger();
        }
        Fate::End
    }

    /// Half of the frame of the next event, however long it takes to come.
    async fn cut_mid_message(&mut self, cut: Cut) -> Fate {
        self.line.stall();
        let event = loop {
            self.advance();
            if let Some(event) = self.line.take() {
                break event;
            }
            if self.step().await == Fate::End {
                return Fate::End;
            }
        };
        let _ = poll_fn(|cx| Pin::new(&mut self.socket).poll_flush(cx)).await;
        let _ = self.socket.get_mut().write_all(&socket::half_frame(&event)).await;
        self.cut(cut).await
    }

    async fn close(&mut self, code: u16, reason: &str) -> Fate {
        socket::close(&mut self.socket, code, reason).await;
        Fate::End
    }

    async fn expire(&mut self) -> Fate {
        self.session.expire(&ErrorBody::invalid("session_expired", EXPIRED));
        while let Some(event) = self.session.poll_transmit() {
            self.line.push(event, Instant::now());
        }
        while let Some(event) = self.line.take() {
            let _ = socket::send(&mut self.socket, Message::text(event)).await;
        }
        self.close(1001, EXPIRED).await
    }
}

async fn refuse(mut socket: Socket, mut outbox: Outbox, error: &ErrorBody) {
    outbox.push_error(error, None);
    while let Some(event) = outbox.pop() {
        let _ = socket::send(&mut socket, Message::text(event)).await;
    }
    socket::close(&mut socket, 4000, &error.close_reason()).await;
}

fn fault_response(status: u16) -> Response {
    let code = if status == 429 { "rate_limit_exceeded" } else { "server_error" };
    let mut error = ErrorBody::invalid(code, "The server had an error while processing your request.");
    error.kind = "server_error";
    Response::json(status, error.http_body())
}

fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |age| age.as_secs())
}
