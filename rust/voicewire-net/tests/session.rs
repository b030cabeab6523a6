//! Sessions over loopback with a protocol of the test's own: order, bounds, ends, and one inbox for many.
#![allow(clippy::unwrap_used)]

use std::collections::VecDeque;
use std::sync::{mpsc, Arc};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use tokio_tungstenite::tungstenite::Message as WsMessage;
use voicewire_net::session::Plan;
use voicewire_net::{Delivery, Inbox, Item, Limits, Phase, SendError, Session, Target, Timeouts, TlsOptions};
use voicewire_proto::{
    AudioEncoder, Body, Command, CommandId, Error, Event, Message, Outcome, Protocol, Settled, Text, Transmit,
};

const ENCODER: AudioEncoder = AudioEncoder::new("[", "]", 8_000);
const LIMITS: Limits = Limits {
    max_message_bytes: 1 << 20,
    inbox_bytes: 1 << 20,
    outbox_bytes: 4_096,
    input_ring_ms: 1_000,
    json_depth: 128,
};
const PATIENCE: Duration = Duration::from_secs(10);

/// A protocol whose events are the messages, whose greeting is "hello", and that panics at "panic".
#[derive(Default)]
struct Echo {
    events: VecDeque<Event>,
    settled: VecDeque<Settled>,
    outgoing: VecDeque<Transmit>,
    ready: bool,
}

impl Protocol for Echo {
    fn start(&mut self, _now: Instant) {}

    fn receive(&mut self, message: Message, now: Instant) {
        let text = String::from_utf8(message.as_bytes().to_vec()).unwrap();
        assert_ne!(text, "panic", "the test asked for it");
        self.ready = true;
        self.events.push_back(Event { wire_type: Text::owned(text), ..Event::ours(Body::Server, now) });
    }
    fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }
    fn poll_settled(&mut self) -> Option<Settled> {
        self.settled.pop_front()
    }
    fn send(&mut self, command: Command, id: CommandId, _now: Instant) {
        let Command::Raw { kind, .. } = command else { return };
        self.outgoing.push_back(Transmit { text: kind, settles: Some(id.receipt) });
    }
    fn poll_transmit(&mut self, _now: Instant) -> Option<Transmit> {
        self.outgoing.pop_front()
    }
    fn poll_timeout(&self) -> Option<Instant> {
        None
    }
    fn handle_timeout(&mut self, _now: Instant) {}
    fn is_ready(&self) -> bool {
        self.ready
    }
    fn refusal(&self) -> Option<&Error> {
        None
    }
    fn session_id(&self) -> Option<&str> {
        None
    }
    fn dropped_samples(&self) -> u64 {
        0
    }
    fn close(&mut self, _error: Error) {}
}

/// A server on a thread of its own: says hello, then what the script says to each message; tells what it heard.
fn server(answer: fn(&str) -> Vec<WsMessage>) -> (u16, mpsc::Receiver<String>) {
    let (heard, hearing) = mpsc::channel();
    let (told, port) = mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            told.send(listener.local_addr().unwrap().port()).unwrap();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let heard = heard.clone();
                tokio::spawn(async move {
                    let mut websocket = tokio_tungstenite::accept_async(stream).await.unwrap();
                    websocket.send(WsMessage::text("hello")).await.unwrap();
                    while let Some(Ok(message)) = websocket.next().await {
                        let WsMessage::Text(text) = message else { continue };
                        let _ = heard.send(text.to_string());
                        for message in answer(&text) {
                            if websocket.send(message).await.is_err() {
                                return;
                            }
                        }
                    }
                });
            }
        });
    });
    (port.recv().unwrap(), hearing)
}

fn echo(text: &str) -> Vec<WsMessage> {
    vec![WsMessage::text(text)]
}

fn silent(_text: &str) -> Vec<WsMessage> {
    Vec::new()
}

/// Reads an inbox as an event loop would: waits for its wake, then drains it.
struct Reader {
    inbox: Arc<Inbox>,
    staged: VecDeque<Delivery>,
}

impl Reader {
    fn new() -> Self {
        Self { inbox: Arc::new(Inbox::new().unwrap()), staged: VecDeque::new() }
    }

    fn next(&mut self) -> Delivery {
        let start = Instant::now();
        loop {
            if let Some(delivery) = self.staged.pop_front() {
                return delivery;
            }
            assert!(start.elapsed() < PATIENCE, "nothing came");
            self.inbox.wait(Duration::from_millis(200));
            self.inbox.drain(&mut self.staged);
        }
    }

    fn until(&mut self, mut fits: impl FnMut(&Delivery) -> bool) -> Delivery {
        loop {
            let delivery = self.next();
            if fits(&delivery) {
                return delivery;
            }
        }
    }

    fn connected(&mut self) {
        self.until(|delivery| matches!(delivery.item, Item::Connected(_)));
    }

    fn text(&mut self) -> String {
        let found =
            self.until(|delivery| matches!(&delivery.item, Item::Event(event) if event.kind().name() == "server"));
        let Item::Event(event) = found.item else { unreachable!() };
        event.resolve(&event.wire_type).unwrap().to_owned()
    }

    fn closed(&mut self) -> (u16, bool) {
        let found =
            self.until(|delivery| matches!(&delivery.item, Item::Event(event) if event.kind().name() == "close"));
        let Item::Event(event) = found.item else { unreachable!() };
        match event.body {
            Body::Closed { code, clean, .. } => (code, clean),
            _ => unreachable!(),
        }
    }
}

fn plan(port: u16, reader: &Reader) -> Plan {
    let target = Target {
        host: "127.0.0.1".into(),
        port,
        tls: false,
        path_and_query: "/".into(),
        host_header: "localhost".into(),
        headers: Vec::new(),
        subprotocols: Vec::new(),
        tls_options: TlsOptions { ca: None, client_cert: None },
        max_message_bytes: LIMITS.max_message_bytes,
    };
    let timeouts =
        Timeouts { connect: PATIENCE, close: Duration::from_secs(2), ping_interval: PATIENCE, ping_timeout: PATIENCE };
    Plan {
        inline: None,
        target,
        timeouts,
        reconnect: None,
        renews: false,
        output_sample_rate: None,
        secrets: voicewire_proto::Secrets::default(),
        inbox: Arc::clone(&reader.inbox),
        protocol: Box::<Echo>::default(),
    }
}

fn raw(session: &Session, receipt: u64, text: &str) {
    let command = Command::Raw { kind: text.to_owned(), payload: serde_json::Map::new() };
    session.send(command, CommandId { receipt, event_id: String::new() }).unwrap();
}

fn start(session: &Session, port: u16, reader: &Reader) {
    session.begin(ENCODER).unwrap();
    session.start(plan(port, reader)).unwrap();
}

#[test]
fn what_was_kept_goes_out_in_order_once_the_session_is_ready() {
    let (port, heard) = server(silent);
    let (session, mut reader) = (Session::new(LIMITS), Reader::new());
    raw(&session, 1, "first");
    session.begin(ENCODER).unwrap();
    session.send_audio(&[1, 2, 3]).unwrap();
    raw(&session, 2, "second");
    session.start(plan(port, &reader)).unwrap();

    let settled = reader.until(|delivery| matches!(&delivery.item, Item::Settled(settled) if settled.receipt == 2));

    assert!(matches!(settled.item, Item::Settled(Settled { outcome: Outcome::Done, .. })));
    let heard: Vec<String> = (0..3).map(|_| heard.recv_timeout(PATIENCE).unwrap()).collect();
    assert_eq!(heard, ["first", "[AQACAAMA]", "second"]);
}

#[test]
fn a_full_ring_drops_the_oldest_and_counts_exactly() {
    let (port, heard) = server(silent);
    let (session, mut reader) = (Session::new(LIMITS), Reader::new());
    session.begin(ENCODER).unwrap();
    for number in 0..10_000i16 {
        session.send_audio(&[number]).unwrap();
    }
    assert_eq!(session.stats().audio_in_dropped.get(), 2_000);

    session.start(plan(port, &reader)).unwrap();
    reader.connected();
    session.flush(7).unwrap();
    reader.until(|delivery| matches!(&delivery.item, Item::Settled(settled) if settled.receipt == 7));

    let message = heard.recv_timeout(PATIENCE).unwrap();
    let samples = voicewire_audio::base64::decode_pcm16(message.trim_matches(['[', ']']).as_bytes()).unwrap().samples;
    assert_eq!((samples.len(), samples[0], samples[7_999]), (8_000, 2_000, 9_999));
}

#[test]
fn long_audio_goes_out_in_messages_of_a_second() {
    let (port, heard) = server(silent);
    let (session, mut reader) = (Session::new(LIMITS), Reader::new());
    start(&session, port, &reader);
    reader.connected();

    session.send_audio(&[7; 20_000]).unwrap();

    let lengths = (0..3).map(|_| heard.recv_timeout(PATIENCE).unwrap().len() - 2);
    assert_eq!(lengths.collect::<Vec<_>>(), [21_336, 21_336, 10_668]);
}

#[test]
fn audio_is_refused_while_there_is_no_session() {
    let session = Session::new(LIMITS);
    assert_eq!(session.send_audio(&[1]), Err(SendError::NotConnected(Phase::Idle)));
    assert!(session.close().is_empty());
    assert_eq!(session.send_audio(&[1]), Err(SendError::NotConnected(Phase::Closed)));
}

#[test]
fn a_closed_session_says_goodbye_and_can_be_connected_again() {
    let (port, _heard) = server(echo);
    let (session, mut reader) = (Session::new(LIMITS), Reader::new());
    for _ in 0..2 {
        start(&session, port, &reader);
        reader.connected();
        session.close();
        assert_eq!(reader.closed(), (1000, true));
        reader.until(|delivery| matches!(delivery.item, Item::Ended(_)));
        assert_eq!(session.phase(), Phase::Closed);
    }
}

#[test]
fn a_panic_ends_its_session_and_no_other() {
    let (port, _heard) = server(echo);
    let mut reader = Reader::new();
    let sessions = [Session::new(LIMITS), Session::new(LIMITS)];
    for session in &sessions {
        start(session, port, &reader);
        reader.connected();
    }

    raw(&sessions[0], 1, "panic");
    let ended = reader.until(|delivery| matches!(delivery.item, Item::Ended(_)));
    raw(&sessions[1], 1, "still here");

    assert_eq!(ended.session, sessions[0].id());
    assert_eq!(sessions[0].phase(), Phase::Closed);
    assert_eq!(reader.text(), "still here");
}

#[test]
fn many_sessions_share_one_inbox_and_lose_nothing() {
    let (port, _heard) = server(echo);
    let mut reader = Reader::new();
    let sessions: Vec<Session> = (0..50).map(|_| Session::new(LIMITS)).collect();
    sessions.iter().for_each(|session| start(session, port, &reader));
    (0..50).for_each(|_| reader.connected());

    for round in 0..40u64 {
        sessions.iter().for_each(|session| raw(session, round + 1, "x"));
    }
    let mut echoes = 0;
    let mut deliveries = 0u64;
    while echoes < 2_000 {
        let delivery = reader.next();
        deliveries += 1;
        echoes +=
            usize::from(matches!(&delivery.item, Item::Event(event) if event.resolve(&event.wire_type) == Some("x")));
    }

    assert!(reader.inbox.wakes() < deliveries);
}

#[test]
fn a_full_inbox_makes_the_socket_wait_until_there_is_room() {
    fn flood(text: &str) -> Vec<WsMessage> {
        (0..2_000).map(|number| WsMessage::text(format!("{text}{number}"))).collect()
    }
    let (port, _heard) = server(flood);
    let limits = Limits { inbox_bytes: 16_384, ..LIMITS };
    let (session, mut reader) = (Session::new(limits), Reader::new());
    start(&session, port, &reader);
    reader.connected();

    raw(&session, 1, "n");
    for number in 0..2_000 {
        let delivery = reader.until(|delivery| {
            session.release(delivery.weight);
            matches!(&delivery.item, Item::Event(event) if event.resolve(&event.wire_type) != Some("hello"))
        });
        let Item::Event(event) = delivery.item else { unreachable!() };
        assert_eq!(event.resolve(&event.wire_type), Some(format!("n{number}").as_str()));
        assert!(session.inbox_bytes() < 64 * 1024);
    }
}

#[test]
fn binary_json_is_a_message_and_other_bytes_are_an_error() {
    fn binary(_text: &str) -> Vec<WsMessage> {
        vec![WsMessage::Binary(Bytes::from_static(&[0xff, 0xfe])), WsMessage::Binary(Bytes::from_static(b"{}"))]
    }
    let (port, _heard) = server(binary);
    let (session, mut reader) = (Session::new(LIMITS), Reader::new());
    start(&session, port, &reader);
    assert_eq!(reader.text(), "hello");

    raw(&session, 1, "go");
    reader.until(|delivery| matches!(&delivery.item, Item::Event(event) if event.kind().name() == "error"));

    assert_eq!(reader.text(), "{}");
}
