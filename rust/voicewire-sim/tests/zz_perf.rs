//! x
#![allow(clippy::unwrap_used)]
mod support;
use serde_json::json;
use support::*;
#[tokio::test]
async fn perf() {
    let simulator = start_with(|c| {
        c.pace = 12.0;
        c.script = script(json!([{"say":"x".repeat(95)}]));
    });
    let mut clients = Vec::new();
    for _ in 0..200 {
        let mut c = Client::open(&simulator).await;
        c.next().await;
        clients.push(c);
    }
    let c0 = simulator.cpu_time();
    let t = std::time::Instant::now();
    let mut js = Vec::new();
    for mut c in clients {
        js.push(tokio::spawn(async move {
            for _ in 0..5 {
                c.ask("hi").await;
            }
        }));
    }
    for j in js {
        j.await.unwrap();
    }
    println!(
        "1000 turns of 6.8 s: cpu {:?} wall {:?}",
        simulator.cpu_time() - c0,
        t.elapsed()
    );
}
