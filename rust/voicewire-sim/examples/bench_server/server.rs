//! The loop: sockets that are ready, and paced deltas that are due.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::sync::Arc;

use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::time::{
    clock_gettime, timerfd_create, timerfd_settime, ClockId, Itimerspec, TimerfdClockId, TimerfdFlags,
    TimerfdTimerFlags, Timespec,
};
use rustls::ServerConfig;
use serde_json::{json, Value};

use crate::connection::{http, Connection, Query, Request, CLOSE, PING, PONG};
use crate::script::{self, Script};
use crate::stream::Stream;
use crate::uplink::Uplink;

const LISTENER: u64 = 0;
const TIMER: u64 = 1;
/// Bytes given to the socket at once in a burst; each message of it is stamped at that moment.
const BATCH: usize = 128 << 10;
/// Steps of the golden section spread any number of connections evenly over the interval.
const GOLDEN: f64 = 0.618_033_988_749_895;

pub(crate) struct Server {
    listener: TcpListener,
    /// None: plain.
    tls: Option<Arc<ServerConfig>>,
    epoll: OwnedFd,
    timer: OwnedFd,
    connections: HashMap<u64, Connection>,
    replies: HashMap<u64, Reply>,
    last_id: u64,
    /// When which paced connection gets its next delta.
    due: BinaryHeap<Reverse<(u64, u64)>>,
    /// Bursts whose socket takes more.
    hungry: VecDeque<u64>,
    /// Who asked for a summary.
    curious: Vec<u64>,
    scripts: HashMap<u64, Rc<Script>>,
    counts: Counts,
}

/// The response that a connection is getting.
struct Reply {
    script: Rc<Script>,
    interval: u64,
    is_counted: bool,
    sent: u64,
    count: u64,
}

#[derive(Default)]
struct Counts {
    connections: u64,
    audio_events: u64,
    uplink_messages: u64,
    uplink_samples: u64,
    other_messages: u64,
    /// How late each paced delta left, in µs.
    lateness: Vec<u32>,
}

impl Server {
    pub(crate) fn bind(port: u16, tls: Option<Arc<ServerConfig>>) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", port))?;
        listener.set_nonblocking(true)?;
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?;
        epoll::add(&epoll, &listener, EventData::new_u64(LISTENER), EventFlags::IN)?;
        epoll::add(&epoll, &timer, EventData::new_u64(TIMER), EventFlags::IN | EventFlags::ET)?;
        Ok(Self {
            listener,
            tls,
            epoll,
            timer,
            connections: HashMap::new(),
            replies: HashMap::new(),
            last_id: TIMER,
            due: BinaryHeap::new(),
            hungry: VecDeque::new(),
            curious: Vec::new(),
            scripts: HashMap::new(),
            counts: Counts::default(),
        })
    }

    pub(crate) fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    pub(crate) fn run(&mut self) -> io::Result<()> {
        let mut ready = Vec::with_capacity(256);
        let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
        loop {
            self.set_timer()?;
            let patience = if self.hungry.is_empty() { None } else { Some(&at_once) };
            epoll::wait(&self.epoll, spare_capacity(&mut ready), patience)?;
            for event in ready.drain(..) {
                match event.data.u64() {
                    LISTENER => self.accept()?,
                    TIMER => {}
                    id => self.serve(id),
                }
            }
            self.send_due();
            self.feed();
            self.tell();
        }
    }

    fn set_timer(&self) -> io::Result<()> {
        let next = self.due.peek().map_or(0, |Reverse((due, _))| *due);
        let it_value = Timespec { tv_sec: (next / 1_000_000_000) as i64, tv_nsec: (next % 1_000_000_000) as _ };
        let once = Itimerspec { it_interval: Timespec { tv_sec: 0, tv_nsec: 0 }, it_value };
        timerfd_settime(&self.timer, TimerfdTimerFlags::ABSTIME, &once)?;
        Ok(())
    }

    fn accept(&mut self) -> io::Result<()> {
        while let Ok((stream, _)) = self.listener.accept() {
            stream.set_nonblocking(true)?;
            stream.set_nodelay(true)?;
            self.last_id += 1;
            let both = EventFlags::IN | EventFlags::OUT | EventFlags::ET;
            epoll::add(&self.epoll, &stream, EventData::new_u64(self.last_id), both)?;
            self.connections.insert(self.last_id, Connection::new(Stream::new(stream, self.tls.as_ref())?));
        }
        Ok(())
    }

    /// Reads what came and writes what waits; a connection that fails is dropped.
    fn serve(&mut self, id: u64) {
        let Some(mut connection) = self.connections.remove(&id) else { return };
        let outcome = connection.flush().and_then(|()| connection.fill()).and_then(|is_open| {
            self.answer(id, &mut connection)?;
            Ok(is_open && !connection.is_finished())
        });
        match outcome {
            Ok(true) => {
                let is_burst = self.replies.get(&id).is_some_and(|reply| reply.interval == 0);
                if is_burst && connection.is_written() && !self.hungry.contains(&id) {
                    self.hungry.push_back(id);
                }
                self.connections.insert(id, connection);
            }
            Ok(false) => {}
            Err(error) => eprintln!("connection failed: {error}"),
        }
        if !self.connections.contains_key(&id) {
            self.replies.remove(&id);
        }
    }

    fn answer(&mut self, id: u64, connection: &mut Connection) -> io::Result<()> {
        match connection.take_request() {
            Some(Request::Summary) => self.curious.push(id),
            Some(Request::Session) => {
                self.counts.connections += u64::from(connection.query.is_counted);
                connection.send(script::stamped(&mut script::session("session.created")));
            }
            None => {}
        }
        while let Some((opcode, payload)) = connection.take_message()? {
            match (opcode, Uplink::of(&payload)) {
                (1, Uplink::Audio { samples }) if connection.query.is_counted => {
                    self.counts.uplink_messages += 1;
                    self.counts.uplink_samples += samples;
                }
                (1, Uplink::Audio { .. }) => {}
                (1, Uplink::Ask) if !connection.is_asked => self.respond(id, connection),
                (1, Uplink::Configure) => connection.send(script::stamped(&mut script::session("session.updated"))),
                (CLOSE, _) => connection.close(&payload),
                (PING, _) => connection.send(&script::control_frame(PONG, &payload)),
                (PONG, _) => {}
                _ => self.counts.other_messages += 1,
            }
        }
        Ok(())
    }

    fn respond(&mut self, id: u64, connection: &mut Connection) {
        connection.is_asked = true;
        let Query { is_paced, is_counted, count, delta_ms } = connection.query;
        let script = self.scripts.entry(delta_ms).or_insert_with(|| Rc::new(Script::new(delta_ms))).clone();
        connection.send(script::stamped(&mut script.opening()));
        let interval = if is_paced { delta_ms * 1_000_000 } else { 0 };
        self.replies.insert(id, Reply { script, interval, is_counted, sent: 0, count });
        if is_paced {
            let phase = (id as f64 * GOLDEN).fract() * interval as f64;
            self.due.push(Reverse(((now() / interval + 1) * interval + phase as u64, id)));
        }
    }

    fn send_due(&mut self) {
        let mut message = Vec::new();
        while let Some(&Reverse((due, id))) = self.due.peek() {
            let time = now();
            if due > time {
                return;
            }
            self.due.pop();
            let (Some(connection), Some(reply)) = (self.connections.get_mut(&id), self.replies.get_mut(&id)) else {
                continue;
            };
            self.counts.lateness.push(((time - due) / 1000) as u32);
            message.clear();
            reply.next(&mut message);
            self.counts.audio_events += u64::from(reply.is_counted);
            connection.send(script::stamped(&mut message));
            if reply.is_finished() {
                self.replies.remove(&id);
            } else {
                self.due.push(Reverse((due + reply.interval, id)));
            }
        }
    }

    /// Gives each burst one batch, so that many bursts share the loop.
    fn feed(&mut self) {
        let mut batch = Vec::with_capacity(BATCH + (64 << 10));
        for _ in 0..self.hungry.len() {
            let Some(id) = self.hungry.pop_front() else { return };
            let (Some(connection), Some(reply)) = (self.connections.get_mut(&id), self.replies.get_mut(&id)) else {
                continue;
            };
            batch.clear();
            while batch.len() < BATCH && !reply.is_finished() {
                reply.next(&mut batch);
                self.counts.audio_events += u64::from(reply.is_counted);
            }
            connection.send(script::stamped(&mut batch));
            if reply.is_finished() {
                self.replies.remove(&id);
            } else if connection.is_written() {
                self.hungry.push_back(id);
            }
        }
    }

    /// Answers those who asked for a summary, once no session is open.
    fn tell(&mut self) {
        if self.curious.is_empty() || self.connections.values().any(Connection::is_session) {
            return;
        }
        let body = self.summary().to_string();
        for id in std::mem::take(&mut self.curious) {
            if let Some(mut connection) = self.connections.remove(&id) {
                let headers = format!("Content-Length: {}\r\nConnection: close\r\n", body.len());
                connection.send(&http("200 OK", &headers, &body));
            }
        }
    }

    fn summary(&mut self) -> Value {
        let mut counts = std::mem::take(&mut self.counts);
        counts.lateness.sort_unstable();
        let late = |share: f64| match counts.lateness.len() {
            0 => 0.0,
            n => f64::from(counts.lateness[((n - 1) as f64 * share) as usize]) / 1000.0,
        };
        json!({
            "connections": counts.connections, "audio_events": counts.audio_events,
            "uplink_messages": counts.uplink_messages, "uplink_samples": counts.uplink_samples,
            "other_messages": counts.other_messages, "late_p99_ms": late(0.99), "late_max_ms": late(1.0),
        })
    }
}

impl Reply {
    /// Appends the next delta; behind the last one, all that ends a response.
    fn next(&mut self, out: &mut Vec<u8>) {
        self.script.append(self.sent, out);
        self.sent += 1;
        if self.is_finished() {
            self.script.append_closing(self.count, out);
        }
    }

    fn is_finished(&self) -> bool {
        self.sent >= self.count
    }
}

pub(crate) fn now() -> u64 {
    let time = clock_gettime(ClockId::Monotonic);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}
