//! `bench_server [--port P] [--cpu N]`: sends audio of a realtime service for the benches, all of it encoded beforehand.
//!
//! One response per connection, after the client's `response.create`. The query of the URL says which:
//! `mode=burst&count=N` as fast as the socket takes it, `mode=paced&seconds=S` one delta per `delta_ms`, connections
//! staggered; `warm_up=1` keeps the connection out of the counts. Each `event_id` carries the CLOCK_MONOTONIC time in
//! ns at which its message was handed to the socket. `GET /summary` waits until the last connection has closed, tells
//! what was sent and swallowed, and starts to count again.

use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::{env, io};

use base64::prelude::{Engine as _, BASE64_STANDARD};
use bytes::{Buf, BytesMut};
use rustix::time::{
    clock_gettime, timerfd_create, timerfd_settime, ClockId, Itimerspec, TimerfdClockId, TimerfdFlags,
    TimerfdTimerFlags, Timespec,
};
use serde_json::{json, Value};
use tokio::io::unix::AsyncFd;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::{spawn_local, LocalSet};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

const SAMPLE_RATE: u64 = 24_000;
/// Different pieces of sound, so that no client profits from one message that stays in its cache.
const VARIETY: usize = 16;
/// Recordings of the service have one transcript delta to 0.4 s of audio.
const MS_PER_TRANSCRIPT: u64 = 400;
const STAMP: &str = "event_00000000000000000000";
/// Bytes given to the socket at once in a burst; each message of it is stamped at that moment.
const BATCH: usize = 128 << 10;

fn main() -> io::Result<()> {
    let option = |name: &str| env::args().skip_while(|word| word != name).nth(1).and_then(|text| text.parse().ok());
    if let Some(cpu) = option("--cpu") {
        let mut cpus = rustix::thread::CpuSet::new();
        cpus.set(cpu);
        rustix::thread::sched_setaffinity(None, &cpus)?;
    }
    // The kernel may otherwise fire timers 50 µs late.
    rustix::thread::set_current_timer_slack(std::num::NonZeroU64::new(1))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, serve(option("--port").unwrap_or(0) as u16))
}

async fn serve(port: u16) -> io::Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    println!("{}", json!({"url": format!("ws://{}/v1/realtime", listener.local_addr()?)}));
    let server = Rc::new(Server::new()?);
    tokio::select! {
        ended = accept(&server, listener) => ended,
        ended = pace(&server) => ended,
    }
}

async fn accept(server: &Rc<Server>, listener: TcpListener) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let server = server.clone();
        spawn_local(async move {
            if let Err(error) = answer(&server, stream).await {
                eprintln!("connection failed: {error}");
            }
        });
    }
}

struct Server {
    counts: RefCell<Counts>,
    open: Cell<usize>,
    accepted: Cell<u64>,
    closed: Notify,
    /// Paced connections by the time of their next delta.
    due: RefCell<BinaryHeap<Reverse<(u64, u64)>>>,
    paced: RefCell<Vec<Option<Paced>>>,
    joined: Notify,
    timer: AsyncFd<OwnedFd>,
    scripts: RefCell<Vec<Rc<Script>>>,
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

/// A response that is being sent in real time.
struct Paced {
    connection: Rc<Connection>,
    script: Rc<Script>,
    interval: u64,
    sent: u64,
    count: u64,
}

impl Server {
    fn new() -> io::Result<Self> {
        let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?;
        Ok(Self {
            counts: RefCell::default(),
            open: Cell::new(0),
            accepted: Cell::new(0),
            closed: Notify::new(),
            due: RefCell::default(),
            paced: RefCell::default(),
            joined: Notify::new(),
            timer: AsyncFd::register(timer)?,
            scripts: RefCell::default(),
        })
    }

    fn script(&self, delta_ms: u64) -> Rc<Script> {
        let known = self.scripts.borrow().iter().find(|script| script.delta_ms == delta_ms).cloned();
        known.unwrap_or_else(|| {
            let script = Rc::new(Script::new(delta_ms));
            self.scripts.borrow_mut().push(script.clone());
            script
        })
    }

    async fn summary(&self) -> Value {
        while self.open.get() > 0 {
            self.closed.notified().await;
        }
        let mut counts = self.counts.take();
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

/// Answers the HTTP request: a summary, or the upgrade and all that follows.
async fn answer(server: &Rc<Server>, stream: TcpStream) -> io::Result<()> {
    let request = read_request(&stream).await?;
    let connection = Rc::new(Connection::new(stream));
    let target = request.split(' ').nth(1).unwrap_or_default();
    if target == "/summary" {
        let body = server.summary().await.to_string();
        connection.send(&http("200 OK", &format!("Content-Length: {}\r\nConnection: close\r\n", body.len()), &body));
        return Ok(connection.written().await);
    }
    let Some(key) = header(&request, "sec-websocket-key") else {
        connection.send(&http("426 Upgrade Required", "Content-Length: 0\r\nConnection: close\r\n", ""));
        return Ok(connection.written().await);
    };
    let accept = derive_accept_key(key.as_bytes());
    let upgrade = format!("Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n");
    connection.send(&http("101 Switching Protocols", &upgrade, ""));
    server.open.set(server.open.get() + 1);
    let ended = converse(server, &connection, &Query::new(target)).await;
    server.open.set(server.open.get() - 1);
    server.closed.notify_waiters();
    ended
}

async fn read_request(stream: &TcpStream) -> io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        stream.readable().await?;
        match stream.try_read_buf(&mut head) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

fn header<'a>(request: &'a str, name: &str) -> Option<&'a str> {
    let fields = request.lines().filter_map(|line| line.split_once(':'));
    fields.into_iter().find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
}

fn http(status: &str, headers: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\n{headers}\r\n{body}").into_bytes()
}

/// What the URL asks for.
struct Query {
    is_paced: bool,
    is_counted: bool,
    count: u64,
    delta_ms: u64,
}

impl Query {
    fn new(target: &str) -> Self {
        let value = |name: &str| {
            let pairs = target.split_once('?').map_or("", |(_, query)| query).split('&');
            pairs
                .into_iter()
                .filter_map(|pair| pair.split_once('='))
                .find(|(key, _)| *key == name)
                .map(|(_, text)| text)
        };
        let delta_ms = value("delta_ms").and_then(|text| text.parse().ok()).unwrap_or(100).max(1);
        let is_paced = value("mode") == Some("paced");
        let seconds = value("seconds").and_then(|text| text.parse().ok()).unwrap_or(5.0);
        let count = value("count").and_then(|text| text.parse().ok()).unwrap_or(1000);
        Self {
            is_paced,
            is_counted: value("warm_up") != Some("1"),
            count: if is_paced { (seconds * 1000.0 / delta_ms as f64).round() as u64 } else { count },
            delta_ms,
        }
    }
}

/// Reads all that the client sends until it closes; the response is sent beside.
async fn converse(server: &Rc<Server>, connection: &Rc<Connection>, query: &Query) -> io::Result<()> {
    let number = server.accepted.replace(server.accepted.get() + 1);
    server.counts.borrow_mut().connections += u64::from(query.is_counted);
    connection.send(stamped(&mut frame(&session_event("session.created"))));
    let mut buffer = BytesMut::with_capacity(32 << 10);
    let mut is_asked = false;
    loop {
        connection.stream.readable().await?;
        match connection.stream.try_read_buf(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
            Err(error) => return Err(error),
        }
        while let Some((opcode, payload)) = take_message(&mut buffer)? {
            match (opcode, kind_of(&payload)) {
                (1, Some(Uplink::Audio(samples))) if query.is_counted => {
                    let mut counts = server.counts.borrow_mut();
                    counts.uplink_messages += 1;
                    counts.uplink_samples += samples;
                }
                (1, Some(Uplink::Audio(_))) => {}
                (1, Some(Uplink::Ask)) if !is_asked => {
                    is_asked = true;
                    respond(server, connection, query, number);
                }
                (1, Some(Uplink::Configure)) => {
                    connection.send(stamped(&mut frame(&session_event("session.updated"))));
                }
                (8, _) => {
                    connection.send(&control_frame(8, &payload));
                    return Ok(connection.written().await);
                }
                (9, _) => connection.send(&control_frame(10, &payload)),
                (10, _) => {}
                _ => server.counts.borrow_mut().other_messages += 1,
            }
        }
        buffer.reserve(16 << 10);
    }
}

enum Uplink {
    Audio(u64),
    Ask,
    Configure,
}

/// Recognises a message of the client; of audio it counts the samples, and keeps nothing.
fn kind_of(message: &[u8]) -> Option<Uplink> {
    let head = &message[..message.len().min(256)];
    let after_key = head.windows(8).position(|window| window == b"\"audio\":").map(|at| at + 8);
    if let Some(mut start) = after_key {
        start += usize::from(message.get(start) == Some(&b' '));
        if message.get(start) == Some(&b'"') {
            let text = &message[start + 1..];
            let text = &text[..text.iter().position(|byte| *byte == b'"')?];
            let padding = text.iter().rev().take_while(|byte| **byte == b'=').count();
            return Some(Uplink::Audio((text.len() / 4 * 3 - padding) as u64 / 2));
        }
    }
    let event: Value = serde_json::from_slice(message).ok()?;
    match event["type"].as_str()? {
        "response.create" => Some(Uplink::Ask),
        "session.update" => Some(Uplink::Configure),
        _ => None,
    }
}

fn respond(server: &Rc<Server>, connection: &Rc<Connection>, query: &Query, number: u64) {
    let script = server.script(query.delta_ms);
    connection.send(stamped(&mut script.opening.clone()));
    if query.is_counted {
        server.counts.borrow_mut().audio_events += query.count;
    }
    if !query.is_paced {
        spawn_local(burst(connection.clone(), script, query.count));
        return;
    }
    let interval = query.delta_ms * 1_000_000;
    // Steps of the golden section spread any number of connections evenly over the interval.
    let phase = (number as f64 * 0.618_033_988_749_895).fract() * interval as f64;
    let start = (now() / interval + 1) * interval + phase as u64;
    let mut paced = server.paced.borrow_mut();
    server.due.borrow_mut().push(Reverse((start, paced.len() as u64)));
    paced.push(Some(Paced { connection: connection.clone(), script, interval, sent: 0, count: query.count }));
    server.joined.notify_one();
}

async fn burst(connection: Rc<Connection>, script: Rc<Script>, count: u64) {
    let mut sent = 0;
    let mut batch = Vec::with_capacity(BATCH + (64 << 10));
    while sent < count && !connection.is_gone.get() {
        batch.clear();
        while sent < count && batch.len() < BATCH {
            script.append(sent, &mut batch);
            sent += 1;
        }
        connection.send(stamped(&mut batch));
        connection.written().await;
    }
    connection.send(stamped(&mut script.closing(count)));
}

/// Sends each paced delta at its time, woken by one timer of nanosecond resolution (tokio's own has 1 ms).
async fn pace(server: &Server) -> io::Result<()> {
    let mut message = Vec::new();
    loop {
        while let Some(Reverse((due, index))) = next_due(server) {
            if let Some(next) = send_paced(server, due, index as usize, &mut message) {
                server.due.borrow_mut().push(Reverse((next, index)));
            }
        }
        let next = server.due.borrow().peek().map_or(0, |Reverse((due, _))| *due);
        let at = Timespec { tv_sec: (next / 1_000_000_000) as i64, tv_nsec: (next % 1_000_000_000) as _ };
        let once = Itimerspec { it_interval: Timespec { tv_sec: 0, tv_nsec: 0 }, it_value: at };
        timerfd_settime(server.timer.get_ref(), TimerfdTimerFlags::ABSTIME, &once)?;
        tokio::select! {
            ready = server.timer.readable() => {
                ready?.clear_ready();
                let _ = rustix::io::read(server.timer.get_ref(), &mut [0_u8; 8]);
            }
            () = server.joined.notified() => {}
        }
    }
}

fn next_due(server: &Server) -> Option<Reverse<(u64, u64)>> {
    let mut due = server.due.borrow_mut();
    match due.peek() {
        Some(Reverse((at, _))) if *at <= now() => due.pop(),
        _ => None,
    }
}

/// Returns when the next delta of this connection is due.
fn send_paced(server: &Server, due: u64, index: usize, message: &mut Vec<u8>) -> Option<u64> {
    let mut paced = server.paced.borrow_mut();
    let stream = paced.get_mut(index)?.as_mut()?;
    message.clear();
    stream.script.append(stream.sent, message);
    stream.connection.send(stamped(message));
    server.counts.borrow_mut().lateness.push((now().saturating_sub(due) / 1000) as u32);
    stream.sent += 1;
    if stream.sent < stream.count && !stream.connection.is_gone.get() {
        return Some(due + stream.interval);
    }
    stream.connection.send(stamped(&mut stream.script.closing(stream.count)));
    paced[index] = None;
    None
}

/// A socket and what it has not taken yet.
struct Connection {
    stream: TcpStream,
    backlog: RefCell<BytesMut>,
    is_gone: Cell<bool>,
    emptied: Notify,
}

impl Connection {
    fn new(stream: TcpStream) -> Self {
        Self { stream, backlog: RefCell::default(), is_gone: Cell::new(false), emptied: Notify::new() }
    }

    /// Hands whole frames to the socket; what it does not take at once follows by itself, in order.
    fn send(self: &Rc<Self>, frames: &[u8]) {
        let is_waiting = !self.backlog.borrow().is_empty();
        let taken = if is_waiting { 0 } else { self.stream.try_write(frames).unwrap_or(0) };
        self.backlog.borrow_mut().extend_from_slice(&frames[taken..]);
        if !is_waiting && taken < frames.len() {
            spawn_local(self.clone().drain());
        }
    }

    async fn drain(self: Rc<Self>) {
        while !self.backlog.borrow().is_empty() {
            let written = match self.stream.writable().await {
                Ok(()) => self.stream.try_write(&self.backlog.borrow()),
                Err(error) => Err(error),
            };
            match written {
                Ok(taken) => self.backlog.borrow_mut().advance(taken),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => {
                    self.is_gone.set(true);
                    self.backlog.borrow_mut().clear();
                }
            }
        }
        self.emptied.notify_waiters();
    }

    async fn written(&self) {
        while !self.backlog.borrow().is_empty() {
            self.emptied.notified().await;
        }
    }
}

/// The messages of one response, as WebSocket frames without stamps.
struct Script {
    delta_ms: u64,
    opening: Vec<u8>,
    audio: Vec<Vec<u8>>,
    /// Sum of the samples of each delta: what a client proves its decoding by.
    sums: Vec<i64>,
    transcript: Vec<Vec<u8>>,
}

impl Script {
    fn new(delta_ms: u64) -> Self {
        let samples = |index: usize| sound(index, (SAMPLE_RATE * delta_ms / 1000) as usize);
        let delta = |kind: &str, text: String| {
            frame(&json!({
                "type": kind, "event_id": STAMP, "response_id": RESPONSE, "item_id": ITEM, "output_index": 0,
                "content_index": 0, "delta": text,
            }))
        };
        let encode = |index| {
            let bytes: Vec<u8> = samples(index).into_iter().flat_map(i16::to_le_bytes).collect();
            BASE64_STANDARD.encode(bytes)
        };
        Self {
            delta_ms,
            opening: opening().iter().flat_map(frame).collect(),
            audio: (0..VARIETY).map(|index| delta("response.output_audio.delta", encode(index))).collect(),
            sums: (0..VARIETY).map(|index| samples(index).into_iter().map(i64::from).sum()).collect(),
            transcript: WORDS
                .iter()
                .map(|word| delta("response.output_audio_transcript.delta", (*word).to_owned()))
                .collect(),
        }
    }

    /// Appends delta `index` and, where a word is due, its transcript.
    fn append(&self, index: u64, out: &mut Vec<u8>) {
        let words = |index: u64| index * self.delta_ms / MS_PER_TRANSCRIPT;
        for word in words(index)..words(index + 1) {
            out.extend_from_slice(&self.transcript[word as usize % WORDS.len()]);
        }
        out.extend_from_slice(&self.audio[index as usize % VARIETY]);
    }

    fn closing(&self, count: u64) -> Vec<u8> {
        let sum: i64 = (0..count as usize).map(|index| self.sums[index % VARIETY]).sum();
        let samples = count * (SAMPLE_RATE * self.delta_ms / 1000);
        closing(&json!({
            "audio_events": count.to_string(), "samples": samples.to_string(), "sum": sum.to_string(),
        }))
        .iter()
        .flat_map(frame)
        .collect()
    }
}

/// Two tones and noise, loud as speech; `index` moves the pitch.
fn sound(index: usize, count: usize) -> Vec<i16> {
    let mut noise = 0x2545_f491_u32.wrapping_add(index as u32);
    (0..count)
        .map(|at| {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let time = at as f64 / SAMPLE_RATE as f64 * std::f64::consts::TAU;
            let pitch = 110.0 + 7.0 * index as f64;
            let tones = 6000.0 * (time * pitch).sin() + 3000.0 * (time * pitch * 4.1).sin();
            tones as i16 + (noise >> 22) as i16 - 512
        })
        .collect()
}

fn session_event(kind: &str) -> Value {
    let pcm = json!({"type": "audio/pcm", "rate": SAMPLE_RATE});
    let turns = json!({
        "type": "server_vad", "threshold": 0.5, "prefix_padding_ms": 300, "silence_duration_ms": 200,
        "idle_timeout_ms": null, "create_response": true, "interrupt_response": true,
    });
    json!({"type": kind, "event_id": STAMP, "session": {
        "type": "realtime", "object": "realtime.session", "id": "sess_E6U0bench00000000000000", "model": "bench",
        "output_modalities": ["audio"], "instructions": "", "tools": [], "tool_choice": "auto",
        "max_output_tokens": "inf", "tracing": null, "truncation": "auto", "prompt": null, "expires_at": 4102444800_u64,
        "audio": {
            "input": {"format": pcm, "transcription": null, "noise_reduction": null, "turn_detection": turns},
            "output": {"format": pcm, "voice": "marin", "speed": 1.0},
        },
        "include": null,
    }})
}

fn response(status: &str, output: Value, metadata: &Value, usage: Value) -> Value {
    json!({
        "object": "realtime.response", "id": RESPONSE, "status": status, "status_details": null, "output": output,
        "conversation_id": "conv_E6U0bench00000000000000", "output_modalities": ["audio"], "max_output_tokens": "inf",
        "audio": {"output": {"format": {"type": "audio/pcm", "rate": SAMPLE_RATE}, "voice": "marin"}},
        "usage": usage, "metadata": metadata,
    })
}

fn item(status: &str, content: Value) -> Value {
    json!({"id": ITEM, "type": "message", "status": status, "role": "assistant", "content": content})
}

fn opening() -> Vec<Value> {
    let begun = item("in_progress", json!([]));
    vec![
        json!({"type": "response.created", "event_id": STAMP,
            "response": response("in_progress", json!([]), &Value::Null, Value::Null)}),
        json!({"type": "response.output_item.added", "event_id": STAMP, "response_id": RESPONSE, "output_index": 0,
            "item": begun}),
        json!({"type": "conversation.item.added", "event_id": STAMP, "previous_item_id": null, "item": begun}),
        json!({"type": "response.content_part.added", "event_id": STAMP, "response_id": RESPONSE, "item_id": ITEM,
            "output_index": 0, "content_index": 0, "part": {"type": "audio", "transcript": ""}}),
    ]
}

fn closing(metadata: &Value) -> Vec<Value> {
    let part = |kind: &str| json!({"type": kind, "transcript": "and so on"});
    let done = item("completed", json!([part("output_audio")]));
    let ended = |kind: &str| {
        json!({"type": kind, "event_id": STAMP, "response_id": RESPONSE, "item_id": ITEM, "output_index": 0,
            "content_index": 0})
    };
    let mut spoken = ended("response.output_audio_transcript.done");
    spoken["transcript"] = "and so on".into();
    let mut finished = ended("response.content_part.done");
    finished["part"] = part("audio");
    let usage = json!({"total_tokens": 150, "input_tokens": 50, "output_tokens": 100,
        "input_token_details": {"text_tokens": 50, "audio_tokens": 0, "image_tokens": 0, "cached_tokens": 0},
        "output_token_details": {"text_tokens": 20, "audio_tokens": 80}});
    vec![
        ended("response.output_audio.done"),
        spoken,
        finished,
        json!({"type": "conversation.item.done", "event_id": STAMP, "previous_item_id": null, "item": done}),
        json!({"type": "response.output_item.done", "event_id": STAMP, "response_id": RESPONSE, "output_index": 0,
            "item": done}),
        json!({"type": "response.done", "event_id": STAMP,
            "response": response("completed", json!([done]), metadata, usage)}),
    ]
}

/// One unmasked text frame (RFC 6455 section 5.2).
fn frame(event: &Value) -> Vec<u8> {
    let text = event.to_string();
    let mut bytes = vec![0x81];
    match text.len() {
        length @ 0..=125 => bytes.push(length as u8),
        length @ 126..=0xffff => {
            bytes.push(126);
            bytes.extend_from_slice(&(length as u16).to_be_bytes());
        }
        length => {
            bytes.push(127);
            bytes.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    bytes.extend_from_slice(text.as_bytes());
    bytes
}

fn control_frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
    [&[0x80 | opcode, payload.len() as u8], payload].concat()
}

/// Takes one whole masked message out of the buffer (RFC 6455 section 5.2); fragments are refused.
fn take_message(buffer: &mut BytesMut) -> io::Result<Option<(u8, BytesMut)>> {
    let [first, second, ..] = buffer[..] else { return Ok(None) };
    let (header, length) = match (second & 0x7f, &buffer[2..]) {
        (126, [high, low, ..]) => (4, usize::from(u16::from_be_bytes([*high, *low]))),
        (127, [bytes @ ..]) => match bytes.first_chunk() {
            Some(bytes) => (10, u64::from_be_bytes(*bytes) as usize),
            None => return Ok(None),
        },
        (126, _) => return Ok(None),
        (length, _) => (2, usize::from(length)),
    };
    if first & 0x80 == 0 || second & 0x80 == 0 || length > 16 << 20 {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "frame fragmented, unmasked or too long"));
    }
    if buffer.len() < header + 4 + length {
        buffer.reserve(header + 4 + length - buffer.len());
        return Ok(None);
    }
    buffer.advance(header);
    let mask = buffer.split_to(4);
    let mut payload = buffer.split_to(length);
    payload.chunks_mut(4).for_each(|word| word.iter_mut().zip(&mask[..]).for_each(|(byte, mask)| *byte ^= mask));
    Ok(Some((first & 0x0f, payload)))
}

/// Writes the time of this moment into every frame.
fn stamped(frames: &mut [u8]) -> &[u8] {
    let digits = format!("{:020}", now());
    let mut rest = &mut *frames;
    while let [_, short, ..] = *rest {
        let (header, length) = match short {
            126 => (4, usize::from(u16::from_be_bytes([rest[2], rest[3]]))),
            127 => (10, rest[2..].first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes) as usize)),
            _ => (2, usize::from(short)),
        };
        let (frame, behind) = rest.split_at_mut(header + length);
        // The id is the second key of every event.
        if let Some(at) = frame[..length.min(120)].windows(6).position(|window| window == b"event_") {
            let at = if frame[at..].starts_with(b"event_id") { at + 11 } else { at };
            frame[at + 6..at + 26].copy_from_slice(digits.as_bytes());
        }
        rest = behind;
    }
    frames
}

fn now() -> u64 {
    let time = clock_gettime(ClockId::Monotonic);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

const RESPONSE: &str = "resp_E6U0bench00000000000000";
const ITEM: &str = "item_E6U0bench00000000000000";
const WORDS: [&str; 8] = ["The", " weather", " in", " Lisbon", " is", " mild", " today", ","];
