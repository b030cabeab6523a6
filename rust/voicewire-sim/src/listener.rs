//! Accepts connections and starts one task for each: the first step of the path.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use crate::connection;
use crate::fault::{FaultKind, Trigger};
use crate::gemini::Handles;
use crate::ledger::Ledger;
use crate::registry::Registry;
use crate::stage::Stage;
use crate::voice::Studio;
use crate::{Fault, SimulatorConfig};

/// What all connections share.
pub(crate) struct Shared {
    pub(crate) config: SimulatorConfig,
    pub(crate) ledger: Ledger,
    pub(crate) stage: Arc<Stage>,
    pub(crate) studio: Arc<Studio>,
    pub(crate) faults: FaultBoard,
    pub(crate) registry: Registry,
    pub(crate) handles: Handles,
    pub(crate) tls: Option<TlsAcceptor>,
}

/// Faults that have not struck yet.
#[derive(Debug)]
pub(crate) struct FaultBoard {
    // A std mutex: never held across an await.
    armed: Mutex<Vec<Fault>>,
    changed: watch::Sender<()>,
    /// Spares the lock for the runs without faults, which are most.
    any: AtomicBool,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("config", &self.config).finish_non_exhaustive()
    }
}

impl Shared {
    pub(crate) fn new(mut config: SimulatorConfig) -> Self {
        let stage = Stage::default();
        stage.set(std::mem::take(&mut config.script));
        let faults =
            FaultBoard { armed: Mutex::default(), changed: watch::Sender::new(()), any: AtomicBool::new(false) };
        faults.set(std::mem::take(&mut config.faults));
        Shared {
            registry: Registry::new(config.seed),
            handles: Handles::new(config.seed),
            config,
            ledger: Ledger::default(),
            stage: Arc::new(stage),
            studio: Arc::default(),
            faults,
            tls: None,
        }
    }

    /// The same over TLS, if there is an acceptor.
    pub(crate) fn over(self, tls: Option<TlsAcceptor>) -> Self {
        Shared { tls, ..self }
    }
}

impl FaultBoard {
    pub(crate) fn set(&self, faults: Vec<Fault>) {
        let mut armed = self.lock();
        self.any.store(!faults.is_empty(), Ordering::Release);
        *armed = faults;
        drop(armed);
        self.changed.send_replace(());
    }

    /// Tells a connection that the faults were replaced.
    pub(crate) fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// Take the HTTP status that refuses this connection's upgrade.
    pub(crate) fn take_http(&self, connection: usize) -> Option<u16> {
        self.take(|fault| for_connection(fault, connection) && matches!(fault.kind, FaultKind::Http(_))).and_then(
            |kind| match kind {
                FaultKind::Http(status) => Some(status),
                _ => None,
            },
        )
    }

    /// Take a fault that is due on a connection.
    pub(crate) fn take_due(&self, connection: usize, events: u64, age: Duration) -> Option<FaultKind> {
        self.take(|fault| {
            let due = match fault.trigger {
                Trigger::AfterEvents(count) => events >= count,
                Trigger::After(time) => age >= time,
            };
            due && for_connection(fault, connection) && !matches!(fault.kind, FaultKind::Http(_))
        })
    }

    /// The age of a connection at which its next timed fault strikes.
    pub(crate) fn next_time(&self, connection: usize) -> Option<Duration> {
        if !self.any.load(Ordering::Acquire) {
            return None;
        }
        let armed = self.lock();
        let times =
            armed.iter().filter(|fault| for_connection(fault, connection)).filter_map(|fault| match fault.trigger {
                Trigger::After(time) => Some(time),
                Trigger::AfterEvents(_) => None,
            });
        times.min()
    }

    fn take(&self, wanted: impl Fn(&Fault) -> bool) -> Option<FaultKind> {
        if !self.any.load(Ordering::Acquire) {
            return None;
        }
        let mut armed = self.lock();
        let index = armed.iter().position(wanted)?;
        Some(armed.remove(index).kind)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Fault>> {
        self.armed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn for_connection(fault: &Fault, connection: usize) -> bool {
    fault.connection.is_none_or(|wanted| wanted == connection)
}

/// Accept until aborted. A panic in a connection's task ends that task alone.
pub(crate) async fn accept(listener: std::net::TcpListener, shared: Arc<Shared>) {
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else {
        return;
    };
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                tokio::spawn(connection::run(stream, Arc::clone(&shared)));
            }
            // Out of file descriptors, mostly: accepting again at once would spin.
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
}
