//! A file descriptor that one thread writes to wake another.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::time::Duration;

use rustix::event::{poll, PollFd, PollFlags, Timespec};

/// Wakes whoever polls its descriptor.
#[derive(Debug)]
pub struct WakeFd {
    read: OwnedFd,
    #[cfg(not(target_os = "linux"))]
    write: OwnedFd,
}

impl WakeFd {
    /// An eventfd on Linux, a pipe elsewhere.
    ///
    /// # Errors
    /// Where the process has no descriptors left.
    #[cfg(target_os = "linux")]
    pub fn new() -> io::Result<Self> {
        use rustix::event::{eventfd, EventfdFlags};
        Ok(Self { read: eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)? })
    }

    /// An eventfd on Linux, a pipe elsewhere.
    ///
    /// # Errors
    /// Where the process has no descriptors left.
    #[cfg(not(target_os = "linux"))]
    pub fn new() -> io::Result<Self> {
        let (read, write) = rustix::pipe::pipe()?;
        for fd in [&read, &write] {
            rustix::io::ioctl_fionbio(fd, true)?;
            rustix::io::fcntl_setfd(fd, rustix::io::FdFlags::CLOEXEC)?;
        }
        Ok(Self { read, write })
    }

    /// Makes the descriptor readable.
    pub fn wake(&self) {
        #[cfg(target_os = "linux")]
        let written = rustix::io::write(&self.read, &1u64.to_ne_bytes());
        #[cfg(not(target_os = "linux"))]
        let written = rustix::io::write(&self.write, &[1]);
        // Full means that a wake is under way already.
        let _ = written;
    }

    /// Makes the descriptor unreadable until the next wake.
    pub fn clear(&self) {
        let mut buffer = [0; 64];
        while rustix::io::read(&self.read, &mut buffer).is_ok_and(|count| count == buffer.len()) {}
    }

    /// A second descriptor of the readable end.
    ///
    /// # Errors
    /// Where the process has no descriptors left.
    pub fn descriptor(&self) -> io::Result<OwnedFd> {
        self.read.try_clone()
    }

    /// Waits for a wake, at most `timeout`.
    pub fn wait(&self, timeout: Duration) {
        let limit = Timespec { tv_sec: timeout.as_secs() as _, tv_nsec: i64::from(timeout.subsec_nanos()) as _ };
        // An interrupted or failed wait ends early; the caller looks at its queues in any case.
        let _ = poll(&mut [PollFd::new(&self.read, PollFlags::IN)], Some(&limit));
    }
}

impl AsRawFd for WakeFd {
    fn as_raw_fd(&self) -> RawFd {
        self.read.as_raw_fd()
    }
}
