//! The handle of a running simulator: its own thread with one runtime, from the first byte of the path to the last.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{mpsc, Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::mpsc as async_mpsc;

use crate::ledger::Ledger;
use crate::listener::{self, Shared};
use crate::tls::{CaFile, Identity};
use crate::{ConnectionRecord, Fault, RequestRecord, Script, SimulatorConfig};

/// A simulator that could not be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SimulatorError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// Host and port as configured.
        address: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The thread or its runtime could not be made.
    #[error("cannot start the simulator's thread: {0}")]
    Thread(std::io::Error),
    /// The certificate could not be made or its file not be written.
    #[error("cannot prepare TLS: {0}")]
    Tls(Box<dyn std::error::Error + Send + Sync>),
    /// An option has a value that it cannot have.
    #[error("{field}: out of range: {value}")]
    Option {
        /// Name of the option.
        field: &'static str,
        /// Its value.
        value: String,
    },
}

/// A running simulator; dropping it stops it.
#[derive(Debug)]
pub struct Simulator {
    address: SocketAddr,
    /// Id of the process that has the thread: a forked child has a copy of the handle alone.
    process: u32,
    shared: Arc<Shared>,
    commands: async_mpsc::UnboundedSender<Command>,
    thread: Mutex<Option<JoinHandle<()>>>,
    cpu_nanos: Arc<AtomicU64>,
    ca_path: Option<PathBuf>,
    ca_file: Mutex<Option<CaFile>>,
}

enum Command {
    SampleCpu(mpsc::Sender<()>),
    Stop,
}

impl Simulator {
    /// Listen, start the thread, and return when clients can connect.
    ///
    /// # Errors
    /// If an option is out of range, the address is taken, or the thread cannot be made.
    pub fn start(config: SimulatorConfig) -> Result<Simulator, SimulatorError> {
        check(&config)?;
        let listener = listen(&config)?;
        let address = listener.local_addr().map_err(SimulatorError::Thread)?;
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(SimulatorError::Thread)?;
        let identity = config.tls.then(|| Identity::make(&config.host)).transpose().map_err(SimulatorError::Tls)?;
        let (acceptor, ca_file) = identity.map(|identity| (identity.acceptor, identity.ca_file)).unzip();
        let shared = Arc::new(Shared::new(config).over(acceptor));
        let (commands, inbox) = async_mpsc::unbounded_channel();
        let cpu_nanos = Arc::new(AtomicU64::new(0));
        let (serving, cpu) = (Arc::clone(&shared), Arc::clone(&cpu_nanos));
        let thread = std::thread::Builder::new()
            .name("voicewire-sim".to_owned())
            .spawn(move || {
                runtime.block_on(serve(listener, serving, inbox, &cpu));
                runtime.shutdown_background();
                sample_cpu(&cpu);
            })
            .map_err(SimulatorError::Thread)?;
        let ca_path = ca_file.as_ref().map(|file| file.path().to_owned());
        let (thread, ca_file) = (Mutex::new(Some(thread)), Mutex::new(ca_file));
        Ok(Simulator { address, process: std::process::id(), shared, commands, thread, cpu_nanos, ca_path, ca_file })
    }

    /// Base URL for a WebSocket client, as `ws://127.0.0.1:PORT/v1`, with TLS `wss://…`.
    pub fn url(&self) -> String {
        format!("ws{}://{}/v1", self.secure(), self.address)
    }

    /// Base URL of Gemini Live, as `ws://127.0.0.1:PORT`, with TLS `wss://…`; the path of Google's hosts follows.
    pub fn gemini_url(&self) -> String {
        format!("ws{}://{}", self.secure(), self.address)
    }

    /// Base URL for an HTTP client, as `http://127.0.0.1:PORT/v1`, with TLS `https://…`.
    pub fn http_url(&self) -> String {
        format!("http{}://{}/v1", self.secure(), self.address)
    }

    /// PEM file of the authority that a client of TLS must trust; it is removed when the simulator stops.
    pub fn ca_file(&self) -> Option<&std::path::Path> {
        self.ca_path.as_deref()
    }

    /// Client events as JSON text, in order over all connections.
    ///
    /// Bounded for long runs: of audio appends the newest 64 MiB keep their audio, older ones have `"audio":""`; of all
    /// events the newest 262,144 or 128 MiB are kept.
    pub fn received(&self) -> Vec<String> {
        self.ledger().received()
    }

    /// Connections in order, with what they sent; the first 65,536 are kept.
    pub fn connections(&self) -> Vec<ConnectionRecord> {
        self.ledger().connections()
    }

    /// Requests of the REST interface in order; the newest 4,096 are kept.
    pub fn requests(&self) -> Vec<RequestRecord> {
        self.ledger().requests()
    }

    /// Block until more than `known` events were received or `timeout` has passed; the count of events received so far.
    pub fn wait_received(&self, known: usize, timeout: Duration) -> usize {
        self.ledger().wait(known, timeout)
    }

    /// Replace the script; running responses end as they began.
    pub fn set_script(&self, script: Script) {
        self.shared.stage.set(script);
    }

    /// Replace the faults; those whose time has passed on an open connection strike at once.
    pub fn set_faults(&self, faults: Vec<Fault>) {
        self.shared.faults.set(faults);
    }

    /// CPU time that the simulator's thread has used.
    pub fn cpu_time(&self) -> Duration {
        // The clock of a thread can be read on that thread only; a stopped one left its last value.
        let (reply, answer) = mpsc::channel();
        if self.is_ours() && self.commands.send(Command::SampleCpu(reply)).is_ok() {
            let _ = answer.recv_timeout(Duration::from_secs(1));
        }
        Duration::from_nanos(self.cpu_nanos.load(Ordering::Acquire))
    }

    /// End all connections and the thread. Calling it again does nothing, as in a forked child: the parent's goes on.
    pub fn stop(&self) {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        let ca_file = self.ca_file.lock().unwrap_or_else(PoisonError::into_inner).take();
        if !self.is_ours() {
            // The thread is not here to be joined, the file not ours to remove, and the queue would wake the parent.
            return std::mem::forget((thread, ca_file, self.commands.clone()));
        }
        let _ = self.commands.send(Command::Stop);
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }

    fn is_ours(&self) -> bool {
        self.process == std::process::id()
    }

    fn secure(&self) -> &'static str {
        if self.ca_path.is_some() {
            "s"
        } else {
            ""
        }
    }

    fn ledger(&self) -> &Ledger {
        &self.shared.ledger
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.stop();
    }
}

async fn serve(
    listener: TcpListener,
    shared: Arc<Shared>,
    mut inbox: async_mpsc::UnboundedReceiver<Command>,
    cpu: &AtomicU64,
) {
    let accepting = tokio::spawn(listener::accept(listener, shared));
    while let Some(Command::SampleCpu(reply)) = inbox.recv().await {
        sample_cpu(cpu);
        let _ = reply.send(());
    }
    accepting.abort();
}

fn sample_cpu(cpu: &AtomicU64) {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    let nanos = time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64;
    cpu.store(nanos, Ordering::Release);
}

fn check(config: &SimulatorConfig) -> Result<(), SimulatorError> {
    let wrong = |field, value| Err(SimulatorError::Option { field, value });
    if !(config.pace >= 0.0 && config.pace.is_finite()) {
        return wrong("pace", config.pace.to_string());
    }
    if !(10..=10_000).contains(&config.delta_ms) {
        return wrong("delta_ms", config.delta_ms.to_string());
    }
    Ok(())
}

fn listen(config: &SimulatorConfig) -> Result<TcpListener, SimulatorError> {
    let listener = TcpListener::bind((config.host.as_str(), config.port));
    let nonblocking = listener.and_then(|listener| listener.set_nonblocking(true).map(|()| listener));
    nonblocking.map_err(|source| SimulatorError::Listen { address: format!("{}:{}", config.host, config.port), source })
}
