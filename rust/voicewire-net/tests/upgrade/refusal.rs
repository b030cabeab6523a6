//! What is told of a server that does not agree to the upgrade.

use std::time::{Duration, Instant, SystemTime};

use tokio::io::AsyncWriteExt;
use tokio::time::timeout;
use voicewire_net::connect_error::ConnectErrorKind;
use voicewire_net::socket::open;

use crate::peer::{connect, peer, refusal, target, PATIENCE};

#[tokio::test]
async fn refusal_tells_status_and_body() {
    let error = refusal("HTTP/1.1 401 Unauthorized\r\nContent-Length: 9\r\n\r\n{\"bad\":1}trailing").await;

    assert_eq!((error.kind, error.status), (ConnectErrorKind::Http, Some(401)));
    assert_eq!(error.body.as_deref(), Some("{\"bad\":1}"));
    assert_eq!(error.retry_after, None);
    assert!(error.message.starts_with("upgrade refused: HTTP 401 Unauthorized from 127.0.0.1:"));
}

#[tokio::test]
async fn retry_after_is_read_as_seconds() {
    let head = "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n";

    assert_eq!(refusal(head).await.retry_after, Some(7.0));
}

#[tokio::test]
async fn retry_after_is_read_as_a_date() {
    let date = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(100));
    let head = format!("HTTP/1.1 429 Slow\r\nRetry-After: {date}\r\nContent-Length: 0\r\n\r\n");

    let seconds = refusal(head).await.retry_after.unwrap();

    assert!((90.0..=100.0).contains(&seconds), "{seconds}");
}

#[tokio::test]
async fn retry_after_in_the_past_is_zero() {
    let head = "HTTP/1.1 503 Busy\r\nRetry-After: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n";

    assert_eq!(refusal(head).await.retry_after, Some(0.0));
}

#[tokio::test]
async fn milliseconds_come_before_seconds() {
    let head = "HTTP/1.1 429 Slow\r\nRetry-After: 2\r\nretry-after-ms: 1500\r\n\r\n";

    assert_eq!(refusal(head).await.retry_after, Some(1.5));
}

#[tokio::test]
async fn chunked_body_is_put_together_from_any_segments() {
    let (port, _peer) = peer(|mut tcp, _| async move {
        tcp.set_nodelay(true).unwrap();
        let text = "HTTP/1.1 503 Busy\r\nTransfer-Encoding: chunked\r\n\r\n\
                    4;x=y\r\nover\r\n6\r\nloaded\r\n0\r\n\r\n";
        for byte in text.as_bytes() {
            tcp.write_all(&[*byte]).await.unwrap();
            tokio::task::yield_now().await;
        }
        tcp
    })
    .await;

    let error = connect(&target(port)).await.unwrap_err();

    assert_eq!(error.status, Some(503));
    assert_eq!(error.body.as_deref(), Some("overloaded"));
}

#[tokio::test]
async fn body_without_length_ends_with_the_connection() {
    let error = refusal(b"HTTP/1.0 502 Bad Gateway\r\n\r\nbroken\xff").await;

    assert_eq!(error.status, Some(502));
    assert_eq!(error.body.as_deref(), Some("broken\u{fffd}"));
}

#[tokio::test]
async fn body_that_never_ends_is_cut_at_64_kib() {
    for framing in ["", "Content-Length: 99999999\r\n", "Transfer-Encoding: chunked\r\n"] {
        let (port, peer) = peer(move |mut tcp, _| async move {
            let head = format!("HTTP/1.1 500 Oops\r\n{framing}\r\n5F5E0FF\r\n");
            tcp.write_all(head.as_bytes()).await.unwrap();
            while tcp.write_all(&[b'x'; 4096]).await.is_ok() {}
        })
        .await;

        let error = connect(&target(port)).await.unwrap_err();

        assert_eq!(error.body.unwrap().len(), 64 * 1024, "{framing}");
        timeout(PATIENCE, peer).await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn body_that_stalls_counts_as_far_as_it_came() {
    let (port, _peer) = peer(|mut tcp, _| async move {
        let text = "HTTP/1.1 403 Forbidden\r\nContent-Length: 100\r\n\r\nno entry";
        tcp.write_all(text.as_bytes()).await.unwrap();
        std::future::pending::<()>().await;
    })
    .await;

    let error = open(&target(port), Instant::now() + Duration::from_millis(100)).await;

    let error = error.unwrap_err();
    assert_eq!((error.status, error.body.as_deref()), (Some(403), Some("no entry")));
}

#[tokio::test]
async fn redirect_is_not_followed_and_names_the_host_alone() {
    let error = refusal("HTTP/1.1 302 Found\r\nLocation: https://u:secret@else.example:444/p?key=secret\r\n\r\n").await;

    assert_eq!(error.status, Some(302));
    assert!(error.message.ends_with("to https://else.example:444"), "{error}");
}
