//! A door in front of a database: while it is shut, the database is away.

use std::{net::SocketAddr, sync::Arc};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
};

pub struct Gate {
    pub address: SocketAddr,
    open: Arc<watch::Sender<bool>>,
}

impl Gate {
    /// In front of `target`, such as `127.0.0.1:5432`.
    pub async fn new(target: String, open: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let open = Arc::new(watch::Sender::new(open));
        let opener = open.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (target, mut shut) = (target.clone(), opener.subscribe());
                tokio::spawn(async move {
                    if *shut.borrow() {
                        tokio::select! {
                            () = pass(client, &target) => {}
                            _ = shut.wait_for(|open| !open) => {}
                        }
                    }
                });
            }
        });
        Self { address, open }
    }

    /// Cuts every connection and lets no other in.
    pub fn shut(&self) {
        self.open.send_replace(false);
    }

    pub fn open(&self) {
        self.open.send_replace(true);
    }
}

async fn pass(mut client: TcpStream, target: &str) {
    let mut server = TcpStream::connect(target).await.unwrap();
    // However it ends, both sides are closed.
    copy_bidirectional(&mut client, &mut server).await.ok();
}
