//! `bench_server [--port P] [--cpu N] [--tls]`: sends audio of a realtime service for the benches, encoded beforehand.
//!
//! One response per connection, after the client's `response.create`. The query of the URL says which:
//! `mode=burst&count=N` as fast as the socket takes it, `mode=paced&seconds=S` one delta per `delta_ms`, connections
//! staggered; `warm_up=1` keeps the connection out of the counts. Each `event_id` carries the CLOCK_MONOTONIC time in
//! ns at which its message was handed to the socket. `GET /summary` waits until the last connection has closed, tells
//! what was sent and swallowed, and starts to count again. `mode=idle` sends nothing unasked. `--tls` serves wss with the
//! simulator's kind of certificate. One thread, epoll, one timer of nanosecond resolution.

#[cfg(target_os = "linux")]
mod connection;
#[cfg(target_os = "linux")]
mod script;
#[cfg(target_os = "linux")]
mod server;
#[cfg(target_os = "linux")]
mod stream;
#[cfg(target_os = "linux")]
#[path = "../../src/tls.rs"]
mod tls;
#[cfg(target_os = "linux")]
mod uplink;

#[cfg(target_os = "linux")]
fn main() -> std::io::Result<()> {
    use std::num::NonZeroU64;

    let option = |name: &str| std::env::args().skip_while(|word| word != name).nth(1)?.parse().ok();
    if let Some(cpu) = option("--cpu") {
        let mut cpus = rustix::thread::CpuSet::new();
        cpus.set(cpu);
        rustix::thread::sched_setaffinity(None, &cpus)?;
    }
    // The kernel may otherwise fire timers 50 µs late.
    rustix::thread::set_current_timer_slack(NonZeroU64::new(1))?;
    let is_tls = std::env::args().any(|word| word == "--tls");
    // Its file goes when the server ends in good order; who stops it by a signal removes the folder.
    let identity = is_tls.then(|| tls::Identity::make("")).transpose().map_err(std::io::Error::other)?;
    let config = identity.as_ref().map(|identity| identity.acceptor.config().clone());
    let mut server = server::Server::bind(option("--port").unwrap_or(0) as u16, config)?;
    let scheme = if is_tls { "wss" } else { "ws" };
    let url = format!("{scheme}://{}/v1/realtime", server.address()?);
    let ca_file = identity.as_ref().map(|identity| identity.ca_file.path());
    println!("{}", serde_json::json!({"url": url, "ca_file": ca_file}));
    server.run()
}

#[cfg(not(target_os = "linux"))]
fn main() {
    eprintln!("bench_server needs Linux: epoll and timerfd");
    std::process::exit(2);
}
