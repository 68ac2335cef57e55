//! A network between a server and what it depends on, which can go silent.

use std::net::{Ipv4Addr, SocketAddr, TcpListener as StdListener};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime;
use tokio::sync::watch;

/// A port of loopback that leads to another one. While it is silent, connections stay open and new ones are accepted, and no
/// byte and no end of a connection passes; what was sent meanwhile arrives afterwards. It ends with this value.
///
/// It runs in a thread of its own, so that a test that blocks does not stop it.
#[derive(Debug)]
pub struct Network {
    address: SocketAddr,
    silent: watch::Sender<bool>,
}

impl Network {
    /// Leads to `to`.
    ///
    /// # Panics
    /// When no port of loopback is free.
    #[must_use]
    pub fn to(to: SocketAddr) -> Self {
        let listener = StdListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        listener.set_nonblocking(true).expect("a listener that does not block");
        let address = listener.local_addr().expect("an address");
        let silent = watch::Sender::new(false);
        let flow = silent.subscribe();
        std::thread::spawn(move || {
            let runtime = runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(listen(listener, to, flow));
        });
        Self { address, silent }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on nothing passes.
    pub fn go_silent(&self) {
        self.silent.send_replace(true);
    }

    /// From now on everything passes, and what was held back as well.
    pub fn come_back(&self) {
        self.silent.send_replace(false);
    }
}

async fn listen(listener: StdListener, to: SocketAddr, flow: watch::Receiver<bool>) {
    let listener = TcpListener::from_std(listener).expect("a listener");
    let mut end = flow.clone();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { return };
                tokio::spawn(connect(stream, to, flow.clone()));
            }
            // The value is gone.
            _ = end.wait_for(|_| false) => return,
        }
    }
}

async fn connect(from: TcpStream, to: SocketAddr, mut flow: watch::Receiver<bool>) {
    if flow.wait_for(|silent| !silent).await.is_err() {
        return;
    }
    let Ok(to) = TcpStream::connect(to).await else { return };
    let ((from_read, from_write), (to_read, to_write)) = (from.into_split(), to.into_split());
    tokio::join!(pass(from_read, to_write, flow.clone()), pass(to_read, from_write, flow));
}

async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut flow: watch::Receiver<bool>) {
    let mut bytes = [0; 16 * 1024];
    loop {
        let read = from.read(&mut bytes).await.unwrap_or(0);
        let open = flow.wait_for(|silent| !silent).await.is_ok();
        if read == 0 || !open || to.write_all(&bytes[..read]).await.is_err() {
            return;
        }
    }
}
