//! `ws_echo URL`: echoes every data message until the connection is closed, then prints one line of
//! JSON. What the Autobahn suite is run against.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::{Error as WsError, Message};
use tokio_tungstenite::WebSocketStream;
use url::{Host, Url};
use voicewire_net::socket::{close_after_error, open, Stream};
use voicewire_net::target::{Target, TlsOptions};

const CONNECT: Duration = Duration::from_secs(10);
/// How long the server may take to close TCP behind its close frame.
const CLOSE: Duration = Duration::from_secs(2);
const MAX_MESSAGE: usize = 16 << 20;
/// What fits the write buffer of 4 MiB; longer messages go out in fragments.
const FRAGMENT: usize = 1 << 20;

/// What came of it.
#[derive(Default)]
struct Outcome {
    connected: bool,
    close_code: Option<u16>,
    error: Option<String>,
    status: Option<u16>,
}

fn main() -> ExitCode {
    let target = std::env::args().nth(1).ok_or("usage: ws_echo URL".to_owned());
    let target = match target.and_then(|url| parse(&url)) {
        Ok(target) => target,
        Err(message) => {
            eprintln!("{message}");
            return ExitCode::from(2);
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match runtime {
        Ok(runtime) => println!("{}", runtime.block_on(run(&target)).json()),
        Err(error) => {
            eprintln!("runtime not started: {error}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

async fn run(target: &Target) -> Outcome {
    let mut websocket = match open(target, Instant::now() + CONNECT).await {
        Ok(opened) => opened.websocket,
        Err(error) => {
            let message = Some(error.message);
            return Outcome { error: message, status: error.status, ..Outcome::default() };
        }
    };
    let (code, error) = match echo(&mut websocket).await {
        Ok(code) => (code, None),
        Err(error) => (close_after_error(&mut websocket, &error).await, Some(error.to_string())),
    };
    Outcome { connected: true, close_code: Some(code), error, status: Some(101) }
}

/// Returns the code of the close frame, 1005 for one without.
async fn echo(websocket: &mut WebSocketStream<Stream>) -> Result<u16, WsError> {
    while let Some(message) = websocket.next().await {
        match message? {
            Message::Text(text) => send(websocket, Data::Text, text.into()).await?,
            Message::Binary(data) => send(websocket, Data::Binary, data).await?,
            Message::Close(frame) => {
                // Reading on sends the reply and waits for the server to close TCP first.
                let _ = timeout(CLOSE, websocket.next()).await;
                return Ok(frame.map_or(1005, |frame| frame.code.into()));
            }
            // Pings are answered by tungstenite at the next read.
            _ => {}
        }
    }
    Ok(1006)
}

async fn send(websocket: &mut WebSocketStream<Stream>, kind: Data, mut data: Bytes) -> Result<(), WsError> {
    let mut kind = kind;
    while data.len() > FRAGMENT {
        let part = Frame::message(data.split_to(FRAGMENT), OpCode::Data(kind), false);
        websocket.send(Message::Frame(part)).await?;
        kind = Data::Continue;
    }
    websocket.send(Message::Frame(Frame::message(data, OpCode::Data(kind), true))).await
}

fn parse(text: &str) -> Result<Target, String> {
    let url = Url::parse(text).map_err(|error| format!("URL not valid: {text} ({error})"))?;
    let tls = match url.scheme() {
        "ws" | "http" => false,
        "wss" | "https" => true,
        other => return Err(format!("URL scheme not supported: {other}")),
    };
    let host = url.host().ok_or_else(|| format!("URL without a host: {text}"))?;
    let host_header = url.port().map_or(host.to_string(), |port| format!("{host}:{port}"));
    let host = match host {
        Host::Domain(name) => name.to_owned(),
        Host::Ipv4(address) => address.to_string(),
        Host::Ipv6(address) => address.to_string(),
    };
    Ok(Target {
        host,
        port: url.port_or_known_default().unwrap_or(if tls { 443 } else { 80 }),
        tls,
        path_and_query: url[url::Position::BeforePath..url::Position::AfterQuery].to_owned(),
        host_header,
        headers: Vec::new(),
        subprotocols: Vec::new(),
        tls_options: TlsOptions::default(),
        max_message_bytes: MAX_MESSAGE,
    })
}

impl Outcome {
    fn json(&self) -> String {
        let number = |value: Option<u16>| value.map_or("null".to_owned(), |n| n.to_string());
        format!(
            r#"{{"connected": {}, "close_code": {}, "error": {}, "status": {}}}"#,
            self.connected,
            number(self.close_code),
            self.error.as_deref().map_or("null".to_owned(), quote),
            number(self.status),
        )
    }
}

fn quote(text: &str) -> String {
    let escape = |c: char| match c {
        '"' | '\\' => format!("\\{c}"),
        c if c.is_control() => format!("\\u{:04x}", u32::from(c)),
        c => c.to_string(),
    };
    format!("\"{}\"", text.chars().map(escape).collect::<String>())
}
