//! Reads below TLS in strides that suit the traffic.
//!
//! rustls asks for 4 KiB at a time, one system call each. A read that fills what was asked for
//! promises more, so the next ones take 16 and then 64 KiB; once the socket runs dry the memory is
//! given back, and an idle session holds none.

use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::{pin, Pin};
use std::task::{ready, Context, Poll};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

const FIRST_STRIDE: usize = 16 * 1024;
const LONG_STRIDE: usize = 64 * 1024;

/// A TCP stream with a read buffer that exists only while data keeps coming.
#[derive(Debug)]
pub struct ReadAhead {
    tcp: TcpStream,
    buffer: BytesMut,
    /// Bytes to ask for in the next read; 0 reads straight into the caller's buffer.
    stride: usize,
}

impl ReadAhead {
    pub(crate) fn new(tcp: TcpStream) -> Self {
        Self { tcp, buffer: BytesMut::new(), stride: 0 }
    }

    pub(crate) fn tcp(&self) -> &TcpStream {
        &self.tcp
    }

    fn poll_direct(&mut self, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = out.filled().len();
        ready!(Pin::new(&mut self.tcp).poll_read(cx, out))?;
        if out.remaining() == 0 && out.filled().len() > before {
            self.stride = FIRST_STRIDE;
        }
        Poll::Ready(Ok(()))
    }

    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.buffer.reserve(self.stride);
        let wanted = self.buffer.capacity();
        let read = pin!(self.tcp.read_buf(&mut self.buffer)).poll(cx);
        if read.is_pending() {
            self.buffer = BytesMut::new();
            self.stride = 0;
        }
        if ready!(read)? == wanted {
            self.stride = LONG_STRIDE;
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for ReadAhead {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.buffer.is_empty() {
            if self.stride == 0 {
                return self.poll_direct(cx, out);
            }
            ready!(self.poll_fill(cx))?;
        }
        let size = out.remaining().min(self.buffer.len());
        out.put_slice(&self.buffer[..size]);
        self.buffer.advance(size);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for ReadAhead {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.tcp).poll_write(cx, data)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.tcp).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.tcp.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(cx)
    }
}
