//! A way to the server on which one response is lost.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

/// A port of loopback that leads to a server. The first response to a POST of one path is taken from the server and not passed
/// on; the connection ends instead. It remembers the idempotency keys of all requests to that path.
pub(super) struct Lossy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    to: SocketAddr,
    request: Vec<u8>,
    lost: AtomicBool,
    keys: Mutex<Vec<String>>,
}

impl Lossy {
    pub(super) fn to(to: SocketAddr, path: &str) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let request = format!("POST {path} HTTP/1.1\r\n").into_bytes();
        let shared = Shared { to, request, lost: AtomicBool::new(false), keys: Mutex::default() };
        let shared = Arc::new(shared);
        let this = shared.clone();
        // Ends with the test's process.
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let shared = this.clone();
                std::thread::spawn(move || shared.carry(client));
            }
        });
        Self { address, shared }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) fn idempotency_keys(&self) -> Vec<String> {
        self.shared.keys.lock().unwrap().clone()
    }
}

impl Shared {
    /// One connection: a request, its response, and so on.
    fn carry(self: Arc<Self>, mut client: TcpStream) {
        let Ok(mut server) = TcpStream::connect(self.to) else { return };
        while let Some(request) = message(&mut client) {
            let loses = request.starts_with(&self.request) && {
                self.keys.lock().unwrap().extend(field(&request, "idempotency-key"));
                !self.lost.swap(true, Ordering::SeqCst)
            };
            if server.write_all(&request).is_err() {
                break;
            }
            let Some(response) = message(&mut server) else { break };
            if loses || client.write_all(&response).is_err() {
                break;
            }
        }
        let _over = client.shutdown(Shutdown::Both);
    }
}

/// A request or a response: its head, and as much as `Content-Length` says.
fn message(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let (mut bytes, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        let head = bytes.windows(4).position(|end| end == b"\r\n\r\n").map(|at| at + 4);
        if let Some(head) = head {
            let body = field(&bytes[..head], "content-length").map_or(0, |length| length.parse().unwrap());
            if bytes.len() >= head + body {
                return Some(bytes);
            }
        }
        match stream.read(&mut buffer) {
            Ok(length @ 1..) => bytes.extend_from_slice(&buffer[..length]),
            _ => return None,
        }
    }
}

fn field(head: &[u8], name: &str) -> Option<String> {
    let text = String::from_utf8_lossy(head);
    let mut fields = text.lines().filter_map(|line| line.split_once(": "));
    fields.find_map(|(key, value)| key.eq_ignore_ascii_case(name).then(|| value.to_owned()))
}
