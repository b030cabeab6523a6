//! The caller's side of a session: takes commands and audio from any thread, never blocks, touches no socket.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures_util::task::AtomicWaker;
use futures_util::FutureExt;
use thiserror::Error;
use voicewire_proto::{AudioEncoder, Command, CommandId, Protocol, ReceiptId, Secrets};

use crate::driver::{self, Driver};
use crate::inbox::{ConnectFailure, Inbox};
use crate::inline::Inline;
use crate::io::Notify;
use crate::outbox::{Entry, Outbox, Phase, SendError};
use crate::runs_on::{RunsOn, Unended};
use crate::settings::{Limits, Reconnect, Timeouts};
use crate::stats::Stats;
use crate::target::Target;

/// A session that can be connected, again and again.
#[derive(Clone)]
pub struct Session {
    shared: Arc<Shared>,
}

/// What a connection is made from.
pub struct Plan {
    /// Where to.
    pub target: Target,
    /// How long to wait.
    pub timeouts: Timeouts,
    /// How a lost connection is replaced; None: not at all.
    pub reconnect: Option<Reconnect>,
    /// Whether each connection but the first is to ask for a fresh key.
    pub renews: bool,
    /// What must not be shown in what the peer says at the end.
    pub secrets: Secrets,
    /// Hz of the audio that is delivered; None for what comes.
    pub output_sample_rate: Option<u32>,
    /// Whom to tell.
    pub inbox: Arc<Inbox>,
    /// What is spoken.
    pub protocol: Box<dyn Protocol>,
    /// The event loop's own driver; None for an I/O thread.
    pub inline: Option<Arc<Inline>>,
}

/// Why a session cannot be started.
#[derive(Debug, Error)]
pub enum StartError {
    /// It is connecting, open or closing.
    #[error("session is {}: it cannot be connected again before it is closed", .0.as_str())]
    Busy(Phase),
    /// No I/O thread could be made.
    #[error("cannot start the I/O thread: {0}")]
    Io(#[from] io::Error),
}

/// What callers and driver share.
pub(crate) struct Shared {
    pub(crate) id: u64,
    pub(crate) limits: Limits,
    pub(crate) stats: Stats,
    pub(crate) waker: AtomicWaker,
    /// Whether the driver has been told of something that it has not looked at.
    pub(crate) news: AtomicBool,
    /// Whether somebody listens to what we send.
    pub(crate) observed: AtomicBool,
    /// Bytes received that the application has not taken.
    held: AtomicUsize,
    /// Whether `close` was called.
    pub(crate) closing: AtomicBool,
    /// Whether the driver waits for room in the inbox.
    pub(crate) paused: AtomicBool,
    /// Whether a notification is on its way to the I/O thread.
    queued: AtomicBool,
    outbox: Mutex<Outbox>,
    /// The answer to `Item::KeyWanted`.
    renewal: Mutex<Option<Renewal>>,
    runs_on: Mutex<Option<RunsOn>>,
}

/// Where the next connection goes, or why it cannot.
pub(crate) type Renewal = Result<(Target, Secrets), ConnectFailure>;

static NEXT_ID: AtomicU64 = AtomicU64::new(1);

impl Session {
    /// A session that is not connected; nothing runs yet.
    pub fn new(limits: Limits) -> Self {
        Self {
            shared: Arc::new(Shared {
                id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
                limits,
                stats: Stats::default(),
                waker: AtomicWaker::new(),
                news: AtomicBool::new(false),
                observed: AtomicBool::new(false),
                held: AtomicUsize::new(0),
                closing: AtomicBool::new(false),
                paused: AtomicBool::new(false),
                queued: AtomicBool::new(false),
                outbox: Mutex::new(Outbox::new(limits)),
                renewal: Mutex::new(None),
                runs_on: Mutex::new(None),
            }),
        }
    }

    /// Begins to connect: from here on commands and audio are kept for the session to come, which takes audio as
    /// `encoder` writes it.
    ///
    /// # Errors
    /// [`StartError::Busy`] unless the session is idle or closed.
    pub fn begin(&self, encoder: AudioEncoder) -> Result<(), StartError> {
        let mut outbox = self.shared.outbox();
        match outbox.phase {
            Phase::Idle | Phase::Closed => outbox.begin(encoder),
            phase => return Err(StartError::Busy(phase)),
        }
        self.shared.stats.audio_in_rate.set(u64::from(encoder.sample_rate));
        Ok(())
    }

    /// Gives up what `begin` began; returns whose commands will never be written.
    pub fn abort(&self) -> Vec<ReceiptId> {
        let mut outbox = self.shared.outbox();
        outbox.phase = Phase::Closed;
        outbox.abandon()
    }

    /// Connects in the background, behind `begin`; the inbox tells how it went.
    ///
    /// # Errors
    /// [`StartError::Busy`] where `close` was called since; [`StartError::Io`] where no thread can be had.
    pub fn start(&self, plan: Plan) -> Result<(), StartError> {
        let shared = &self.shared;
        let phase = self.phase();
        if phase != Phase::Connecting {
            return Err(StartError::Busy(phase));
        }
        let runs_on = shared.assign(plan.inline.clone())?;
        shared.news.store(false, Ordering::SeqCst);
        shared.paused.store(false, Ordering::SeqCst);
        shared.closing.store(false, Ordering::SeqCst);
        let inbox = Arc::clone(&plan.inbox);
        let guarded = Arc::clone(shared);
        let unended = Unended::new(Arc::clone(shared));
        let running = std::panic::AssertUnwindSafe(Driver::new(Arc::clone(shared), plan).run()).catch_unwind();
        runs_on.spawn(Box::pin(async move {
            let ended = running.await;
            unended.over();
            if ended.is_err() {
                driver::report_panic(&guarded, &inbox);
            }
        }));
        Ok(())
    }

    /// Appends a command.
    ///
    /// # Errors
    /// [`SendError::NotConnected`] once the session is closing or closed; before that it is kept.
    pub fn send(&self, command: Command, id: CommandId) -> Result<(), SendError> {
        self.append(Entry::Command(Box::new(command), id))
    }

    /// Appends audio at the wire's rate, in messages of at most one second.
    ///
    /// # Errors
    /// [`SendError::Full`] where the outbox is at its limit, [`SendError::NotConnected`] unless the session is connecting
    /// or open. Nothing was taken then.
    pub fn send_audio(&self, samples: &[i16]) -> Result<(), SendError> {
        self.send_as(samples, |encoder, second, messages| {
            let message = |chunk: &[i16]| (encode(|out| encoder.encode(chunk, out)), chunk.len());
            messages.extend(samples.chunks(second).map(message));
        })
    }

    /// Appends samples that the caller has encoded as the session takes them, a byte each.
    ///
    /// # Errors
    /// As [`Session::send_audio`].
    pub fn send_encoded(&self, samples: &[i16], bytes: &[u8]) -> Result<(), SendError> {
        self.send_as(samples, |encoder, second, messages| {
            let message = |chunk: &[u8]| (encode(|out| encoder.encode_bytes(chunk, out)), chunk.len());
            messages.extend(bytes.chunks(second).map(message));
        })
    }

    fn send_as(
        &self,
        samples: &[i16],
        write: impl FnOnce(&AudioEncoder, usize, &mut Vec<(Bytes, usize)>),
    ) -> Result<(), SendError> {
        if samples.is_empty() {
            return self.shared.outbox().admits_audio();
        }
        let encoder = {
            let mut outbox = self.shared.outbox();
            outbox.admits_audio()?;
            if outbox.phase == Phase::Connecting {
                self.keep(&mut outbox, samples);
                return Ok(());
            }
            outbox.encoder
        };
        let mut messages = Vec::new();
        write(&encoder, encoder.sample_rate as usize, &mut messages);
        {
            let mut outbox = self.shared.outbox();
            match outbox.phase {
                Phase::Open => messages.into_iter().for_each(|(message, len)| outbox.push_audio(message, len)),
                // The connection was left while the samples were encoded.
                Phase::Connecting => self.keep(&mut outbox, samples),
                phase => return Err(SendError::NotConnected(phase)),
            }
        }
        self.shared.tell_driver(false);
        Ok(())
    }

    /// Asks the peer for a pong; the receipt settles with it.
    ///
    /// # Errors
    /// [`SendError::NotConnected`] once the session is closing or closed.
    pub fn ping(&self, receipt: ReceiptId) -> Result<(), SendError> {
        self.append(Entry::Ping(receipt))
    }

    /// Settles the receipt when all that was sent before is written.
    ///
    /// # Errors
    /// [`SendError::NotConnected`] once the session is closing or closed.
    pub fn flush(&self, receipt: ReceiptId) -> Result<(), SendError> {
        self.append(Entry::Flushed(receipt))
    }

    /// Answers `Item::KeyWanted` with where the next connection goes, and what must not be shown.
    pub fn renew(&self, target: Target, secrets: Secrets) {
        self.answer(Ok((target, secrets)));
    }

    /// Answers `Item::KeyWanted` where there is no key; `is_final` where there will be none.
    pub fn renewal_failed(&self, message: String, is_final: bool) {
        self.answer(Err(ConnectFailure::Key { message, is_final }));
    }

    fn answer(&self, renewal: Renewal) {
        *self.shared.renewal() = Some(renewal);
        self.shared.tell_driver(true);
    }

    /// Says goodbye behind what was sent before, from any state; returns whose commands will never be written.
    pub fn close(&self) -> Vec<ReceiptId> {
        let abandoned = {
            let mut outbox = self.shared.outbox();
            match outbox.phase {
                Phase::Idle | Phase::Closed => {
                    outbox.phase = Phase::Closed;
                    return outbox.abandon();
                }
                Phase::Closing => Vec::new(),
                Phase::Connecting => {
                    outbox.phase = Phase::Closing;
                    outbox.abandon()
                }
                Phase::Open => {
                    // The phase admits this entry as the last one.
                    let last = outbox.push(Entry::Close);
                    debug_assert!(last.is_ok());
                    outbox.phase = Phase::Closing;
                    Vec::new()
                }
            }
        };
        self.shared.closing.store(true, Ordering::SeqCst);
        self.shared.tell_driver(true);
        abandoned
    }

    /// Whether audio may be sent now.
    ///
    /// # Errors
    /// As [`Session::send_audio`].
    pub fn admits_audio(&self) -> Result<(), SendError> {
        self.shared.outbox().admits_audio()
    }

    /// Takes audio another way from here on: the command that tells the service was appended before.
    pub fn change_encoder(&self, encoder: AudioEncoder) {
        self.shared.outbox().encoder = encoder;
        self.shared.stats.audio_in_rate.set(u64::from(encoder.sample_rate));
    }

    /// How the session takes audio.
    pub fn audio_encoder(&self) -> AudioEncoder {
        self.shared.outbox().encoder
    }

    /// Counts bytes that the application keeps in an iterator.
    pub fn retain(&self, weight: usize) {
        self.shared.hold(weight);
    }

    /// Gives back room in the inbox.
    pub fn release(&self, weight: usize) {
        let held = self.shared.held.fetch_sub(weight, Ordering::SeqCst) - weight;
        if held < self.shared.limits.inbox_bytes / 2 && self.shared.paused.swap(false, Ordering::SeqCst) {
            self.shared.tell_driver(true);
        }
    }

    /// Whether what we send is told to the inbox.
    pub fn observe(&self, observed: bool) {
        self.shared.observed.store(observed, Ordering::SeqCst);
    }

    /// Names the session in deliveries.
    pub fn id(&self) -> u64 {
        self.shared.id
    }

    /// Where the session is in its life.
    pub fn phase(&self) -> Phase {
        self.shared.outbox().phase
    }

    /// Its counters.
    pub fn stats(&self) -> &Stats {
        &self.shared.stats
    }

    /// Bytes received that the application has not taken.
    pub fn inbox_bytes(&self) -> usize {
        self.shared.held()
    }

    /// Bytes of audio that wait for the socket.
    pub fn outbox_bytes(&self) -> usize {
        self.shared.outbox().audio_bytes()
    }

    /// Its limits.
    pub fn limits(&self) -> &Limits {
        &self.shared.limits
    }

    /// Keeps samples for the session to come.
    fn keep(&self, outbox: &mut Outbox, samples: &[i16]) {
        let dropped = outbox.push_samples(samples);
        self.shared.stats.audio_in_dropped.add(dropped as u64);
    }

    fn append(&self, entry: Entry) -> Result<(), SendError> {
        self.shared.outbox().push(entry)?;
        self.shared.tell_driver(true);
        Ok(())
    }
}

fn encode(write: impl FnOnce(&mut Vec<u8>)) -> Bytes {
    let mut message = Vec::new();
    write(&mut message);
    message.into()
}

impl Shared {
    pub(crate) fn outbox(&self) -> MutexGuard<'_, Outbox> {
        // The outbox is whole between any two statements of its methods' callers.
        self.outbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn renewal(&self) -> MutexGuard<'_, Option<Renewal>> {
        // It is replaced as a whole.
        self.renewal.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Bytes received that the application has not taken.
    pub(crate) fn held(&self) -> usize {
        self.held.load(Ordering::SeqCst)
    }

    pub(crate) fn hold(&self, weight: usize) {
        self.held.fetch_add(weight, Ordering::SeqCst);
    }

    fn tell_driver(self: &Arc<Self>, urgent: bool) {
        let Some(runs_on) = self.runs_on().clone() else { return };
        match runs_on {
            RunsOn::Thread(io) => {
                if !self.queued.swap(true, Ordering::SeqCst) || urgent {
                    io.notify(Arc::clone(self) as Arc<dyn Notify>, urgent);
                }
            }
            RunsOn::Loop(inline) => {
                if let Some(inline) = inline.upgrade() {
                    inline.notify(&**self);
                }
            }
        }
    }

    fn assign(&self, inline: Option<Arc<Inline>>) -> io::Result<RunsOn> {
        let mut runs_on = self.runs_on();
        let assigned = RunsOn::next(runs_on.take(), inline)?;
        *runs_on = Some(assigned.clone());
        Ok(assigned)
    }

    fn runs_on(&self) -> MutexGuard<'_, Option<RunsOn>> {
        self.runs_on.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Notify for Shared {
    fn notify(&self) {
        self.queued.store(false, Ordering::SeqCst);
        self.news.store(true, Ordering::SeqCst);
        self.waker.wake();
    }
}
