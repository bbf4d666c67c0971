//! The bytes of a connection, watched.

use super::{BEGINNING, connection::Connection};
use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};
use tokio_rustls::server::TlsStream;

pub struct Socket {
    /// `None` only after it failed to move.
    stream: Option<TcpStream>,
    connection: Arc<Connection>,
    /// Bytes a second that a reader owes us.
    rate: u64,
}

impl Socket {
    pub fn new(stream: TcpStream, connection: Arc<Connection>, rate: u64) -> Self {
        Self { stream: Some(stream), connection, rate }
    }

    /// To the threads that call this: theirs shall learn when bytes come.
    fn move_here(&mut self) -> io::Result<()> {
        let stream = self.stream.take().ok_or(io::ErrorKind::NotConnected)?;
        self.stream = Some(TcpStream::from_std(stream.into_std()?)?);
        Ok(())
    }

    fn stream(&mut self) -> io::Result<Pin<&mut TcpStream>> {
        self.stream.as_mut().map(Pin::new).ok_or_else(|| io::ErrorKind::NotConnected.into())
    }

    fn watch(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match written {
            Poll::Pending => self.connection.write_waits(),
            Poll::Ready(Ok(bytes)) => self.connection.wrote(bytes, self.rate),
            Poll::Ready(Err(_)) => {}
        }
        written
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(self.stream()?.poll_read(context, buffer))?;
        if buffer.filled().len() > before {
            self.connection.received();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = self.stream()?.poll_write(context, bytes);
        self.watch(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = self.stream()?.poll_write_vectored(context, slices);
        self.watch(written)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream()?.poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream()?.poll_shutdown(context)
    }
}

/// With or without TLS.
pub struct Transport {
    stream: Stream,
    /// What was read already, to see what the client wants.
    beginning: [u8; BEGINNING],
    given: usize,
    read: usize,
}

enum Stream {
    Plain(Socket),
    Tls(Box<TlsStream<Socket>>),
}

impl Transport {
    pub fn plain(socket: Socket) -> Self {
        Self { stream: Stream::Plain(socket), beginning: [0; BEGINNING], given: 0, read: 0 }
    }

    pub fn tls(stream: TlsStream<Socket>, beginning: [u8; BEGINNING], read: usize) -> Self {
        Self { stream: Stream::Tls(Box::new(stream)), beginning, given: 0, read }
    }

    /// To the threads that call this.
    pub fn move_here(&mut self) -> io::Result<()> {
        match &mut self.stream {
            Stream::Plain(socket) => socket.move_here(),
            Stream::Tls(stream) => stream.get_mut().0.move_here(),
        }
    }
}

/// Calls the stream's own method, whichever it is.
macro_rules! forward {
    ($self:ident, $method:ident $(, $argument:expr)*) => {
        match &mut $self.get_mut().stream {
            Stream::Plain(socket) => Pin::new(socket).$method($($argument),*),
            Stream::Tls(stream) => Pin::new(stream.as_mut()).$method($($argument),*),
        }
    };
}

impl AsyncRead for Transport {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.given < self.read {
            let given = self.given;
            let rest = self.beginning.get(given..self.read).unwrap_or_default();
            let rest = rest.get(..buffer.remaining()).unwrap_or(rest);
            buffer.put_slice(rest);
            let count = rest.len();
            self.given += count;
            return Poll::Ready(Ok(()));
        }
        forward!(self, poll_read, context, buffer)
    }
}

impl AsyncWrite for Transport {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        forward!(self, poll_write, context, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        forward!(self, poll_write_vectored, context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        forward!(self, poll_flush, context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        forward!(self, poll_shutdown, context)
    }
}
