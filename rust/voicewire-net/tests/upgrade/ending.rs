//! The close frame that a peer gets for what it did wrong.

use std::time::{Duration, Instant};

use futures_util::StreamExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use voicewire_net::socket::{close_after_error, Opened};
use voicewire_net::target::Target;

use crate::peer::{agreement, connect, peer, target, PATIENCE};

#[tokio::test]
async fn message_of_exactly_the_cap_passes() {
    let frame = [&[0x82, 125][..], &[7; 125]].concat();

    let mut opened = connect_then_send(frame, 125).await.0;

    let message = opened.websocket.next().await.unwrap().unwrap();
    assert_eq!(message, Message::Binary(vec![7; 125].into()));
}

#[tokio::test]
async fn message_over_the_cap_is_answered_with_1009() {
    assert_eq!(close_code_for([&[0x82, 125][..], &[7; 125]].concat(), 124).await, 1009);
}

#[tokio::test]
async fn fragments_over_the_cap_are_answered_with_1009() {
    let fragments = [&[0x02, 70][..], &[7; 70], &[0x80, 55], &[7; 55]].concat();

    assert_eq!(close_code_for(fragments, 124).await, 1009);
}

#[tokio::test]
async fn broken_utf8_is_answered_with_1007() {
    assert_eq!(close_code_for(b"\x81\x02\xc3\x28".to_vec(), 1024).await, 1007);
}

#[tokio::test]
async fn broken_utf8_in_a_close_reason_is_answered_with_1007() {
    assert_eq!(close_code_for(b"\x88\x04\x03\xe8\xc3\x28".to_vec(), 1024).await, 1007);
}

#[tokio::test]
async fn broken_frames_are_answered_with_1002() {
    let reserved_opcode = b"\x83\x00".to_vec();
    let reserved_bit = b"\xc1\x00".to_vec();
    let masked = b"\x81\x82\x00\x00\x00\x00hi".to_vec();
    let fragmented_ping = b"\x09\x00".to_vec();
    let lone_continuation = b"\x80\x00".to_vec();
    let one_byte_close = b"\x88\x01\x03".to_vec();
    for bytes in [reserved_opcode, reserved_bit, masked, fragmented_ping, lone_continuation, one_byte_close] {
        assert_eq!(close_code_for(bytes.clone(), 1024).await, 1002, "{bytes:?}");
    }
}

#[tokio::test]
async fn close_frame_arrives_though_much_is_unread() {
    let flood = [&[0x82, 127, 0, 0, 0, 0, 0, 0x10, 0, 0][..], &vec![7; 1 << 20]].concat();

    assert_eq!(close_code_for(flood, 1024).await, 1009);
}

#[tokio::test]
async fn peer_that_leaves_the_end_to_us_gets_it() {
    let (mut opened, peer) = connect_then_wait(b"\x83\x00".to_vec()).await;
    let error = opened.websocket.next().await.unwrap().unwrap_err();

    close_after_error(&mut opened.websocket, &error).await;

    let received = timeout(PATIENCE, peer).await.unwrap().unwrap();
    assert!(received.starts_with(&[0x88, 0x82]), "{received:?}");
}

#[tokio::test]
async fn peer_that_takes_no_close_frame_costs_a_second_at_most() {
    let (mut opened, _peer) = connect_then_hold(b"\x83\x00".to_vec()).await;
    let error = opened.websocket.next().await.unwrap().unwrap_err();
    let began = Instant::now();

    let code = close_after_error(&mut opened.websocket, &error).await;

    assert_eq!(code, 1002);
    assert!(began.elapsed() < Duration::from_millis(1500), "{:?}", began.elapsed());
}

#[tokio::test]
async fn lost_connection_is_1006_and_nothing_is_sent() {
    let (mut opened, peer) = connect_then_send(Vec::new(), 1024).await;
    peer.abort();
    let error = opened.websocket.next().await.unwrap().unwrap_err();

    assert_eq!(close_after_error(&mut opened.websocket, &error).await, 1006);
}

/// Lets a peer send `bytes`, and returns the close code that it is sent for them.
///
/// The peer sees our code in a masked frame, then the end of the stream, and no reset.
async fn close_code_for(bytes: Vec<u8>, cap: usize) -> u16 {
    let (mut opened, peer) = connect_then_send(bytes, cap).await;
    let received = timeout(PATIENCE, opened.websocket.next()).await.unwrap();
    let error = received.unwrap().unwrap_err();
    let code = close_after_error(&mut opened.websocket, &error).await;
    drop(opened);
    let received = timeout(PATIENCE, peer).await.unwrap().unwrap();
    let [0x88, 0x82, m0, m1, _, _, c0, c1] = received[..] else {
        panic!("no masked close frame: {received:?}");
    };
    assert_eq!(u16::from_be_bytes([m0 ^ c0, m1 ^ c1]), code);
    code
}

/// Connects to a peer that sends `bytes`, reads one close frame, ends its side, and returns all that
/// it receives.
async fn connect_then_send(bytes: Vec<u8>, cap: usize) -> (Opened, JoinHandle<Vec<u8>>) {
    let (port, peer) = peer(move |mut tcp, request| async move {
        send(&mut tcp, &request, &bytes).await;
        let mut received = vec![0; 8];
        tcp.read_exact(&mut received).await.unwrap();
        tcp.shutdown().await.unwrap();
        tcp.read_to_end(&mut received).await.unwrap();
        received
    })
    .await;
    let target = Target { max_message_bytes: cap, ..target(port) };
    (connect(&target).await.unwrap(), peer)
}

/// Connects to a peer that sends `bytes` and leaves it to us to end the connection.
async fn connect_then_wait(bytes: Vec<u8>) -> (Opened, JoinHandle<Vec<u8>>) {
    let (port, peer) = peer(move |mut tcp, request| async move {
        send(&mut tcp, &request, &bytes).await;
        let mut received = Vec::new();
        tcp.read_to_end(&mut received).await.unwrap();
        received
    })
    .await;
    (connect(&target(port)).await.unwrap(), peer)
}

/// Connects to a peer that sends `bytes` and then neither reads nor closes.
async fn connect_then_hold(bytes: Vec<u8>) -> (Opened, JoinHandle<()>) {
    let (port, peer) = peer(move |mut tcp, request| async move {
        send(&mut tcp, &request, &bytes).await;
        std::future::pending::<()>().await;
    })
    .await;
    (connect(&target(port)).await.unwrap(), peer)
}

async fn send(tcp: &mut TcpStream, request: &str, bytes: &[u8]) {
    let agreement = agreement(request, "");
    tcp.write_all(&[agreement.as_bytes(), bytes].concat()).await.unwrap();
}
