//! A way to the database that can stall: its connections stay, and nothing comes through.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// A proxy before a server; dropping it cuts its connections.
pub(crate) struct Proxy {
    address: SocketAddr,
    stalled: watch::Sender<bool>,
    _tasks: JoinSet<()>,
}

impl Proxy {
    /// Starts one before the server at this port.
    pub(crate) async fn before(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stalled, is_stalled) = watch::channel(false);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((near, _)) = listener.accept().await {
                let is_stalled = is_stalled.clone();
                connections.spawn(async move {
                    let mut open = is_stalled.clone();
                    open.wait_for(|is_stalled| !is_stalled).await.unwrap();
                    let far = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                    let (near_in, near_out) = near.into_split();
                    let (far_in, far_out) = far.into_split();
                    tokio::join!(
                        forward(near_in, far_out, is_stalled.clone()),
                        forward(far_in, near_out, is_stalled)
                    );
                });
            }
        });
        Self {
            address,
            stalled,
            _tasks: tasks,
        }
    }

    pub(crate) const fn port(&self) -> u16 {
        self.address.port()
    }

    /// Lets nothing through, or all again.
    pub(crate) fn stall(&self, is_stalled: bool) {
        self.stalled.send_replace(is_stalled);
    }
}

async fn forward(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut is_stalled: watch::Receiver<bool>,
) {
    let mut bytes = vec![0; 16 << 10];
    while let Ok(count @ 1..) = from.read(&mut bytes).await {
        let is_open = is_stalled.wait_for(|is_stalled| !is_stalled).await.is_ok();
        if !is_open || to.write_all(&bytes[..count]).await.is_err() {
            return;
        }
    }
}
