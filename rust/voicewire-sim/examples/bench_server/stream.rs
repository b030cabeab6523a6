//! The bytes under a connection, plain or TLS, for a loop that never waits.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use rustls::{ServerConfig, ServerConnection};

pub(crate) struct Stream {
    tcp: TcpStream,
    tls: Option<Box<ServerConnection>>,
}

impl Stream {
    /// A connection that was accepted, TLS where there is a certificate.
    pub(crate) fn new(tcp: TcpStream, config: Option<&Arc<ServerConfig>>) -> io::Result<Self> {
        let tls = config.map(|config| ServerConnection::new(config.clone())).transpose().map_err(io::Error::other)?;
        let mut stream = Self { tcp, tls: tls.map(Box::new) };
        if let Some(tls) = &mut stream.tls {
            // The connection sends only what is due, and no more before all of it is written.
            tls.set_buffer_limit(None);
        }
        Ok(stream)
    }

    /// Hands sealed bytes to the socket, as many as it takes.
    pub(crate) fn push(&mut self) -> io::Result<()> {
        let Some(tls) = &mut self.tls else { return Ok(()) };
        while tls.wants_write() {
            match tls.write_tls(&mut self.tcp) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Whether the socket has taken all that was written.
    pub(crate) fn is_written(&self) -> bool {
        self.tls.as_ref().is_none_or(|tls| !tls.wants_write())
    }
}

impl Read for Stream {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        loop {
            let Some(tls) = &mut self.tls else { return self.tcp.read(bytes) };
            match tls.reader().read(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                // Clients of the benches may leave without a farewell.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(0),
                outcome => return outcome,
            }
            if tls.read_tls(&mut self.tcp)? == 0 {
                return Ok(0);
            }
            tls.process_new_packets().map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
            self.push()?;
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.tls {
            Some(tls) => {
                let taken = tls.writer().write(bytes)?;
                self.push()?;
                Ok(taken)
            }
            None => self.tcp.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.push()
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        if let Some(tls) = &mut self.tls {
            tls.send_close_notify();
        }
        let _ = self.push();
    }
}
