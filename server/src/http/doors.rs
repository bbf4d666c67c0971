//! One address, two doors: what delivers is served by threads of its own, what people ask for by the product's.
//!
//! In a flood of deliveries thousands of connections wait in one line for the threads that read them, and a page would wait
//! in it twice: to be read and to be answered. So a connection is looked at before it is given away, and whoever begins with
//! a delivery is sent to the other door. Both doors answer everything: a proxy that mixes both on one connection loses only
//! this, see `http::router`.

use axum::{
    extract::connect_info::Connected,
    serve::{IncomingStream, Listener},
};
use std::net::SocketAddr;
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    sync::mpsc,
};

/// Of more connections than the usual 1,024 that all begin at once.
const BACKLOG: u16 = 4_096;
const DELIVERS: &[u8] = b"POST /webhooks/";

/// Who is at the other end of a connection.
#[derive(Clone, Copy)]
pub struct Remote(pub SocketAddr);

impl Connected<IncomingStream<'_, Door>> for Remote {
    fn connect_info(stream: IncomingStream<'_, Door>) -> Self {
        Self(*stream.remote_addr())
    }
}

/// Not yet of any threads.
type Connection = (std::net::TcpStream, SocketAddr);

/// Where connections of one kind come in.
pub struct Door {
    connections: mpsc::Receiver<Connection>,
    address: SocketAddr,
}

pub struct Doors {
    pub deliveries: Door,
    pub people: Door,
}

/// Begins to listen, and to sort. Connections are taken by the threads that ask a door for them.
pub fn open(address: SocketAddr) -> std::io::Result<Doors> {
    let mut listener = listen(address)?;
    let address = listener.local_addr()?;
    let (to_deliveries, deliveries) = mpsc::channel(BACKLOG.into());
    let (to_people, people) = mpsc::channel(BACKLOG.into());
    tokio::spawn(async move {
        loop {
            let (stream, remote) = tokio::select! {
                accepted = Listener::accept(&mut listener) => accepted,
                // The server stops: nobody shall be let in who will not be served.
                () = to_people.closed() => return,
            };
            tokio::spawn(sort(stream, remote, to_deliveries.clone(), to_people.clone()));
        }
    });
    Ok(Doors { deliveries: Door { connections: deliveries, address }, people: Door { connections: people, address } })
}

async fn sort(
    stream: TcpStream,
    remote: SocketAddr,
    deliveries: mpsc::Sender<Connection>,
    people: mpsc::Sender<Connection>,
) {
    // Whoever has gone already needs no door.
    let Ok(delivers) = delivers(&stream).await else { return };
    let Ok(stream) = stream.into_std() else { return };
    let door = if delivers { deliveries } else { people };
    door.send((stream, remote)).await.ok();
}

fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // Or a restart would have to wait for what is left of old connections.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG.into())
}

/// Judged by the first bytes that come, which stay to be read.
async fn delivers(stream: &TcpStream) -> std::io::Result<bool> {
    stream.set_nodelay(true)?;
    let mut first = [0; DELIVERS.len()];
    let read = stream.peek(&mut first).await?;
    Ok(first.get(..read) == Some(DELIVERS))
}

impl Listener for Door {
    type Io = TcpStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (TcpStream, SocketAddr) {
        loop {
            let Some((stream, remote)) = self.connections.recv().await else { return std::future::pending().await };
            match TcpStream::from_std(stream) {
                Ok(stream) => return (stream, remote),
                Err(error) => tracing::warn!(%error, "a connection was lost on its way to the threads that serve it"),
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<SocketAddr> {
        Ok(self.address)
    }
}
