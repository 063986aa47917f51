//! A connection between client and node that fails on command.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// Behavior of the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Traffic {
    /// Everything is passed on.
    Passes,
    /// Connections stay open, and nothing is passed on any more: half-open sockets.
    Stalls,
    /// Connections are closed, and new ones too.
    Drops,
}

/// A proxy before a node.
#[derive(Debug, Clone)]
pub struct Proxy {
    address: SocketAddr,
    traffic: Arc<Mutex<Traffic>>,
}

impl Proxy {
    /// A proxy before the node at this address.
    pub fn before(node: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("a bound socket");
        let traffic = Arc::new(Mutex::new(Traffic::Passes));
        let proxy = Self { address, traffic: Arc::clone(&traffic) };
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if let Ok(server) = TcpStream::connect(node) {
                    join(client, server, &traffic);
                }
            }
        });
        proxy
    }

    /// Its WebSocket address.
    pub fn url(&self) -> String {
        format!("ws://{}", self.address)
    }

    /// Changes what it does.
    pub fn set(&self, traffic: Traffic) {
        *self.traffic.lock().expect("no holder panics") = traffic;
    }
}

fn join(client: TcpStream, server: TcpStream, traffic: &Arc<Mutex<Traffic>>) {
    let clone = |stream: &TcpStream| stream.try_clone().expect("a socket can be shared");
    for (from, to) in [(clone(&client), clone(&server)), (server, client)] {
        let traffic = Arc::clone(traffic);
        // A connection that ends is no trouble of the proxy's.
        thread::spawn(move || pass(from, to, &traffic));
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, traffic: &Mutex<Traffic>) -> std::io::Result<()> {
    from.set_read_timeout(Some(Duration::from_millis(20)))?;
    let mut buffer = vec![0; 1 << 16];
    loop {
        let now = *traffic.lock().expect("no holder panics");
        match now {
            Traffic::Passes => match from.read(&mut buffer) {
                Ok(0) => break,
                Ok(length) => to.write_all(&buffer[..length])?,
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(error) => return Err(error),
            },
            Traffic::Stalls => thread::sleep(Duration::from_millis(20)),
            Traffic::Drops => break,
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
    Ok(())
}
