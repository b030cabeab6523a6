//! One connection: moves messages between the socket and the session, and lets faults strike in between.

use std::future::{poll_fn, Future};
use std::io;
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
use crate::gemini::Close;
use crate::ids::Ids;
use crate::line::Line;
use crate::listener::Shared;
use crate::outbox::Outbox;
use crate::request::{self, Request, Response};
use crate::rest;
use crate::service::Service;
use crate::socket::{self, Socket, Step};
use crate::stream::Stream;

/// A head that takes longer is a client that vanished.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
const GARBAGE: &str = "}{ this is no JSON \u{1F4A5}";
const HUNG_UP: &str = "The call has ended.";

/// Serve one accepted socket to its end.
pub(crate) async fn run(tcp: TcpStream, shared: Arc<Shared>) {
    let _ = tcp.set_nodelay(true);
    let Ok(Ok(Some((mut stream, request, rest)))) = timeout(HEAD_TIMEOUT, begin(tcp, &shared)).await else {
        return;
    };
    if !request.is_upgrade() {
        let _ = timeout(HEAD_TIMEOUT, rest::serve(&mut stream, &request, rest, &shared)).await;
        return;
    }
    let (path, headers) = gate::mask(&request);
    let index = shared.ledger.open(path, headers);
    let verdict = match shared.faults.take_http(index) {
        Some(status) => Verdict::Refuse(fault_response(status)),
        None => gate::judge(&request, &shared.config, &shared.registry, unix_seconds()),
    };
    if let Verdict::Refuse(response) = verdict {
        let _ = response.write(&mut stream).await;
        return;
    }
    let realtime = request.subprotocols().any(|name| name == "realtime");
    let key = request.upgrade_key().unwrap_or_default();
    if request::write_upgrade(&mut stream, key, realtime).await.is_err() {
        return;
    }
    let socket = WebSocketStream::from_partially_read(stream, rest, Role::Server, Some(socket::limits())).await;
    let ids = Ids::new(shared.config.seed, index as u64);
    match verdict {
        Verdict::Admit(admission) => {
            let call_id = admission.call_id.clone();
            let service = Service::open_ai(admission, ids, &shared);
            Connection::new(socket, service, call_id, shared, index).serve().await;
        }
        Verdict::AdmitGemini(backend) => {
            let service = Service::gemini(backend, ids, &shared);
            Connection::new(socket, service, None, shared, index).serve().await;
        }
        Verdict::UpgradeAndClose(close) => hang_up(socket, &close).await,
        Verdict::UpgradeAndRefuse(error) => refuse(socket, Outbox::new(ids), &error).await,
        Verdict::Refuse(_) => {}
    }
}

/// TLS if it is served, and the head of the request.
async fn begin(tcp: TcpStream, shared: &Shared) -> io::Result<Option<(Stream, Request, Vec<u8>)>> {
    let mut stream = Stream::accept(tcp, shared.tls.as_ref()).await?;
    let head = Request::read(&mut stream).await?;
    Ok(head.map(|(request, rest)| (stream, request, rest)))
}

/// A socket and its session.
struct Connection {
    socket: Socket,
    service: Service,
    /// Messages leave in binary frames.
    binary: bool,
    line: Line,
    shared: Arc<Shared>,
    changes: watch::Receiver<()>,
    /// The call that the session stands beside, and word of calls that end.
    call_id: Option<String>,
    endings: watch::Receiver<()>,
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
    fn new(socket: Socket, service: Service, call_id: Option<String>, shared: Arc<Shared>, index: usize) -> Self {
        let binary = matches!(service, Service::Gemini(_)) && !shared.config.gemini.text_frames;
        Connection {
            socket,
            service,
            binary,
            call_id,
            endings: shared.registry.endings(),
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
            if self.call_id.as_ref().is_some_and(|id| !self.shared.registry.is_running(id)) {
                self.close(&Close::new(1000, HUNG_UP)).await;
                return;
            }
            self.advance();
            if let Some(close) = self.service.closing().filter(|_| self.line.is_empty()).cloned() {
                self.close(&close).await;
                return;
            }
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
            self.service.handle_timeout(now);
            self.collect(now);
        }
    }

    fn collect(&mut self, now: Instant) {
        while self.line.has_room() {
            match self.service.poll_transmit() {
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
                self.service.receive(&text);
            }
            Step::Received(Message::Binary(bytes)) => {
                if let Some(text) = self.service.receive_binary(&bytes) {
                    self.shared.ledger.push(self.index, &text);
                    self.service.receive(&text);
                }
            }
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
        let Connection { socket, service, changes, endings, line, sends_first, binary, .. } = self;
        let mut changed = pin!(changes.changed());
        let mut ended = pin!(endings.changed());
        poll_fn(|cx| {
            for sends in [*sends_first, !*sends_first] {
                let step = match sends {
                    true => socket::poll_send(socket, line, *binary, cx),
                    false if service.may_read() => socket::poll_receive(socket, cx),
                    false => Poll::Pending,
                };
                if step.is_ready() {
                    return step;
                }
            }
            let ticks = sleep.as_mut().poll(cx).is_ready()
                || changed.as_mut().poll(cx).is_ready()
                || ended.as_mut().poll(cx).is_ready();
            if ticks {
                return Poll::Ready(Step::Tick);
            }
            Poll::Pending
        })
        .await
    }

    fn may_play(&self) -> bool {
        self.line.has_room() && self.service.has_room()
    }

    fn next_wake(&self) -> Option<Instant> {
        let fault = self.shared.faults.next_time(self.index).map(|age| self.opened + age);
        let arrival = self.line.next_arrival(Instant::now());
        let cue = self.service.poll_timeout().filter(|_| self.may_play());
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
            FaultKind::Close(code) => return self.close(&self.service.close_frame(code)).await,
            FaultKind::SessionExpired => return self.expire().await,
            FaultKind::HalfOpen => std::future::pending().await,
            FaultKind::Garbage => self.line.push_front(GARBAGE, Instant::now()),
            FaultKind::Stall => self.line.stall(),
            FaultKind::Slow => self.line.slow_down(),
            FaultKind::RateLimit => self.service.limit_rate(),
            FaultKind::GoAway(time_left) => self.service.go_away(time_left),
            FaultKind::Dtmf(key) => self.service.press(key),
            FaultKind::Http(_) => {}
        }
        Fate::GoOn
    }

    /// What was sent before is flushed, then the connection ends without a close frame.
    async fn cut(&mut self, cut: Cut) -> Fate {
        let _ = poll_fn(|cx| Pin::new(&mut self.socket).poll_flush(cx)).await;
        if cut == Cut::Rst {
            self.socket.get_ref().reset_on_close();
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
        let _ = self.socket.get_mut().write_all(&socket::half_frame(&event, self.binary)).await;
        self.cut(cut).await
    }

    async fn close(&mut self, close: &Close) -> Fate {
        socket::close(&mut self.socket, close.code, &close.reason).await;
        Fate::End
    }

    async fn expire(&mut self) -> Fate {
        let close = self.service.expire();
        while let Some(event) = self.service.poll_transmit() {
            self.line.push(event, Instant::now());
        }
        while let Some(event) = self.line.take() {
            let _ = socket::send(&mut self.socket, socket::data(event, self.binary)).await;
        }
        self.close(&close).await
    }
}

async fn hang_up(mut socket: Socket, close: &Close) {
    socket::close(&mut socket, close.code, &close.reason).await;
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

/// Seconds of Unix time.
pub(crate) fn unix_seconds() -> u64 {
    unix_time().as_secs()
}

pub(crate) fn unix_time() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}
