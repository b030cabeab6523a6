//! `floor_client --url URL …`: a plain Rust client of bench_server, what the work costs without Python.
//!
//! tungstenite, a scan for the few fields that are needed, and the base64 crate on one thread; the command line and the report are those of
//! benches/peers/measure.py, and so is the work per event: parse, dispatch on type, decode to int16, count, keep text.

use std::cell::RefCell;
use std::error::Error;
use std::rc::Rc;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;
use std::{env, fs};

use base64::prelude::{Engine as _, BASE64_STANDARD};
use futures_util::stream::SplitSink;
use futures_util::{SinkExt, StreamExt};
use rustix::time::{clock_gettime, ClockId};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde::Deserialize;
use serde_json::{json, Value};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::{spawn_local, JoinHandle, LocalSet};
use tokio::time::{sleep, sleep_until, timeout, Instant};
use tokio_rustls::TlsConnector;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{client_async_with_config, WebSocketStream};

type Failure = Box<dyn Error>;
type Socket = WebSocketStream<Box<dyn Stream>>;
type Running = (Vec<SplitSink<Socket, Message>>, Vec<JoinHandle<()>>);

/// The bytes under a connection, plain or TLS.
trait Stream: AsyncRead + AsyncWrite + Unpin {}
impl<T: AsyncRead + AsyncWrite + Unpin> Stream for T {}

const SAMPLE_RATE: u64 = 24_000;
const ASK: &str = r#"{"type":"response.create"}"#;
/// The uplink's interval is cut in slots, so that not all sessions speak at the same moment.
const SLOTS: usize = 5;
/// What was sent last gets this long to leave.
const LEAVING: Duration = Duration::from_millis(200);

fn main() -> Result<(), Failure> {
    let options = Options::new();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let report = LocalSet::new().block_on(&runtime, measure(&options))?;
    println!("{report}");
    Ok(())
}

struct Options {
    url: String,
    ca: Option<String>,
    mode: String,
    sessions: usize,
    seconds: f64,
    count: u64,
    delta_ms: u64,
    uplink_ms: u64,
}

impl Options {
    fn new() -> Self {
        Self {
            url: option("--url", "ws://127.0.0.1:8790/v1/realtime".to_owned()),
            ca: text("--ca"),
            mode: option("--mode", "burst".to_owned()),
            sessions: option("--sessions", 1),
            seconds: option("--seconds", 3.0),
            count: option("--count", 1000),
            delta_ms: option("--delta-ms", 100),
            uplink_ms: option("--uplink-ms", 0),
        }
    }

    /// Idle and upstream sessions get no answer.
    fn asks(&self) -> bool {
        self.mode == "burst" || self.mode == "paced"
    }

    fn url(&self) -> String {
        let Self { url, mode, seconds, count, delta_ms, .. } = self;
        format!("{url}?model=bench&mode={mode}&seconds={seconds}&count={count}&delta_ms={delta_ms}")
    }
}

fn option<T: FromStr>(name: &str, default: T) -> T {
    text(name).and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn text(name: &str) -> Option<String> {
    env::args().skip_while(|word| word != name).nth(1)
}

/// What arrived, of all sessions.
#[derive(Default)]
struct Tally {
    events: u64,
    samples: u64,
    expected_samples: u64,
    characters: usize,
    latencies_ns: Vec<u64>,
    errors: Vec<String>,
}

async fn measure(options: &Options) -> Result<Value, Failure> {
    let resident = resident_kib();
    let tally = Rc::new(RefCell::new(Tally::default()));
    let mut sockets = Vec::new();
    let tls = options.ca.as_deref().map(connector).transpose()?;
    for _ in 0..options.sessions {
        sockets.push(open(&options.url(), tls.as_ref()).await?);
    }
    sleep(Duration::from_millis(200)).await;
    let connected = resident_kib();
    let (started, cpu, loop_cpu) = (Instant::now(), clock(ClockId::ProcessCPUTime), clock(ClockId::ThreadCPUTime));
    let (mut writers, listeners) = begin(sockets, options, &tally).await?;
    let spoken = if options.uplink_ms > 0 { speak(&mut writers, options, started).await? } else { 0 };
    finish(listeners, options, started).await?;
    let (wall, cpu, loop_cpu) =
        (started.elapsed(), clock(ClockId::ProcessCPUTime) - cpu, clock(ClockId::ThreadCPUTime) - loop_cpu);
    for mut writer in writers {
        let _ = writer.close().await;
    }
    let mut tally = tally.take();
    tally.latencies_ns.sort_unstable();
    Ok(json!({
        "events": tally.events, "samples": tally.samples, "expected_samples": tally.expected_samples,
        "transcript_characters": tally.characters, "uplink_samples": spoken,
        "cpu_total_s": cpu, "cpu_loop_s": loop_cpu, "wall_s": wall.as_secs_f64(),
        "p50_ms": percentile(&tally.latencies_ns, 0.5), "p99_ms": percentile(&tally.latencies_ns, 0.99),
        "run_queue_wait_s": Value::Null,
        "rss_kib": resident_kib(), "kib_per_session": (connected - resident) / options.sessions as f64,
        "errors": tally.errors, "versions": {"tungstenite": "0.30", "base64": "0.22", "serde_json": "1"},
    }))
}

/// Lets every session ask, where it is to, and listen.
async fn begin(sockets: Vec<Socket>, options: &Options, tally: &Rc<RefCell<Tally>>) -> Result<Running, Failure> {
    let mut writers = Vec::new();
    let mut listeners = Vec::new();
    for socket in sockets {
        let (mut writer, reader) = socket.split();
        if options.asks() {
            writer.send(ASK.into()).await?;
        }
        let (tally, is_paced) = (tally.clone(), options.mode == "paced");
        listeners.push(spawn_local(async move {
            if let Err(error) = listen(reader, &tally, is_paced).await {
                tally.borrow_mut().errors.push(error.to_string());
            }
        }));
        writers.push(writer);
    }
    Ok((writers, listeners))
}

/// Waits for the answers; where none was asked for, until the time is over and what was sent has left.
async fn finish(listeners: Vec<JoinHandle<()>>, options: &Options, started: Instant) -> Result<(), Failure> {
    if !options.asks() {
        sleep_until(started + Duration::from_secs_f64(options.seconds) + LEAVING).await;
        listeners.iter().for_each(JoinHandle::abort);
        return Ok(());
    }
    for listener in listeners {
        timeout(Duration::from_secs_f64(options.seconds * 3.0 + 30.0), listener).await??;
    }
    Ok(())
}

/// Connects, and returns once `session.created` has come.
async fn open(url: &str, tls: Option<&TlsConnector>) -> Result<Socket, Failure> {
    let address = url.trim_start_matches("wss://").trim_start_matches("ws://").split('/').next().unwrap_or_default();
    let tcp = TcpStream::connect(address).await?;
    tcp.set_nodelay(true)?;
    let stream: Box<dyn Stream> = match tls {
        Some(tls) => Box::new(tls.connect(ServerName::try_from("localhost")?, tcp).await?),
        None => Box::new(tcp),
    };
    let config = WebSocketConfig::default().read_buffer_size(16 << 10).write_buffer_size(0);
    let (mut socket, _) = client_async_with_config(url, stream, Some(config)).await?;
    socket.next().await.ok_or("closed before session.created")??;
    Ok(socket)
}

/// TLS that trusts the authority in a file and nobody else.
fn connector(ca: &str) -> Result<TlsConnector, Failure> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(ca)?)?;
    let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

/// One event; what a message has besides is skipped.
#[derive(Deserialize)]
struct Event<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    #[serde(default)]
    event_id: &'a str,
    #[serde(default)]
    delta: &'a str,
}

impl<'a> Event<'a> {
    /// Recognises an audio delta whose type stands first and whose delta stands last, as the service writes it.
    fn scan(text: &'a str) -> Option<Self> {
        let kind = "response.output_audio.delta";
        let rest = text.strip_prefix(r#"{"type":""#)?.strip_prefix(kind)?.strip_prefix(r#"","event_id":""#)?;
        let (event_id, rest) = rest.split_once('"')?;
        let (_, delta) = rest.split_once(r#""delta":""#)?;
        Some(Self { kind, event_id, delta: delta.strip_suffix(r#""}"#)? })
    }
}

async fn listen(
    mut reader: futures_util::stream::SplitStream<Socket>,
    tally: &RefCell<Tally>,
    is_paced: bool,
) -> Result<(), Failure> {
    let mut transcript = String::new();
    let mut bytes = Vec::new();
    while let Some(message) = reader.next().await {
        let message = message?;
        let Message::Text(text) = &message else { continue };
        let event = match Event::scan(text) {
            Some(event) => event,
            None => serde_json::from_str(text)?,
        };
        match event.kind {
            "response.output_audio.delta" => {
                let samples = decode(event.delta, &mut bytes)?;
                let mut tally = tally.borrow_mut();
                tally.events += 1;
                tally.samples += std::hint::black_box(samples).len() as u64;
                if is_paced {
                    let sent: u64 = event.event_id["event_".len()..].parse()?;
                    tally.latencies_ns.push(now().saturating_sub(sent));
                }
            }
            "response.output_audio_transcript.delta" => transcript.push_str(event.delta),
            "response.done" => {
                let event: Value = serde_json::from_str(text)?;
                let samples = event["response"]["metadata"]["samples"].as_str().ok_or("samples not told")?;
                tally.borrow_mut().expected_samples += samples.parse::<u64>()?;
                tally.borrow_mut().characters += transcript.len();
                return Ok(());
            }
            "error" => return Err(text.as_str().into()),
            _ => {}
        }
    }
    Err("closed before response.done".into())
}

fn decode(text: &str, bytes: &mut Vec<u8>) -> Result<Vec<i16>, Failure> {
    bytes.clear();
    BASE64_STANDARD.decode_vec(text, bytes)?;
    Ok(bytes.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect())
}

/// Sends a chunk per session and interval, slot by slot, for the whole time; returns the samples sent.
async fn speak<W>(writers: &mut [W], options: &Options, started: Instant) -> Result<u64, Failure>
where
    W: futures_util::Sink<Message> + Unpin,
    W::Error: Error + 'static,
{
    let count = (SAMPLE_RATE * options.uplink_ms / 1000) as usize;
    let samples: Vec<i16> = (0..count).map(|at| (at as i16 % 200 - 100) * 60).collect();
    let rounds = (options.seconds * 1000.0 / options.uplink_ms as f64).round() as usize;
    let slot = Duration::from_micros(options.uplink_ms * 1000 / SLOTS as u64);
    let mut spoken = 0;
    for number in 0..rounds * SLOTS {
        sleep_until(started + slot * number as u32).await;
        for writer in writers.iter_mut().skip(number % SLOTS).step_by(SLOTS) {
            let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
            let mut text = String::with_capacity(bytes.len() * 4 / 3 + 64);
            text.push_str(r#"{"type":"input_audio_buffer.append","audio":""#);
            BASE64_STANDARD.encode_string(&bytes, &mut text);
            text.push_str("\"}");
            writer.send(text.into()).await?;
            spoken += count as u64;
        }
    }
    Ok(spoken)
}

fn clock(id: ClockId) -> f64 {
    let time = clock_gettime(id);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

fn now() -> u64 {
    let time = clock_gettime(ClockId::Monotonic);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

fn resident_kib() -> f64 {
    let pages = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    pages.split(' ').nth(1).and_then(|pages| pages.parse::<f64>().ok()).unwrap_or(0.0) * 4.0
}

fn percentile(sorted_ns: &[u64], share: f64) -> Option<f64> {
    let last = sorted_ns.len().checked_sub(1)?;
    Some(sorted_ns[(last as f64 * share) as usize] as f64 / 1e6)
}
