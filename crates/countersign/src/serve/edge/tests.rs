use super::*;
use axum::routing::get;
use std::net::{IpAddr, SocketAddr};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::Semaphore;

/// Longer than anything here takes.
const LONG: Duration = Duration::from_secs(30);

/// A listener at which `/wait` waits for a permit, and says on `begun` that it does.
struct Waiting {
    address: SocketAddr,
    begun: Arc<Semaphore>,
    permits: Arc<Semaphore>,
    stage: watch::Sender<Stage>,
}

impl Waiting {
    async fn start(connections: usize, connections_per_network: usize) -> Self {
        let (begun, permits) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
        let router = Router::new().route(
            "/wait",
            get({
                let (begun, permits) = (Arc::clone(&begun), Arc::clone(&permits));
                async move || {
                    begun.add_permits(1);
                    permits.acquire().await.unwrap().forget();
                    "done"
                }
            }),
        );
        let (stage, stages) = watch::channel(Stage::Serving);
        let limits = Limits { header: LONG, body: LONG, idle: LONG, connections, connections_per_network };
        let edge = Edge::new("test", router, limits, Vec::new(), stages);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(serve(listener, edge));
        Self { address, begun, permits, stage }
    }

    async fn connect(&self, from: &str) -> TcpStream {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((from.parse::<IpAddr>().unwrap(), 0).into()).unwrap();
        socket.connect(self.address).await.unwrap()
    }

    /// A connection with a request under way.
    async fn at_work(&self, from: &str) -> TcpStream {
        let mut stream = self.connect(from).await;
        stream.write_all(b"GET /wait HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await.unwrap();
        self.begun.acquire().await.unwrap().forget();
        stream
    }
}

async fn rest(mut stream: TcpStream) -> String {
    let mut said = String::new();
    // A reset is an end as well.
    drop(stream.read_to_string(&mut said).await);
    said
}

#[tokio::test]
async fn where_every_connection_is_at_work_a_newcomer_is_asked_to_come_back() {
    let server = Waiting::start(11, 5).await;
    let mut work = Vec::new();
    for network in ["127.0.0.3", "127.0.0.4"] {
        for _ in 0..5 {
            work.push(server.at_work(network).await);
        }
        let said = rest(server.connect(network).await).await;
        assert!(said.starts_with("HTTP/1.1 503 ") && said.contains("Retry-After: 5"), "{said}");
    }
    // Another network is not concerned, until there are too many in total.
    work.push(server.at_work("127.0.0.5").await);
    let said = rest(server.connect("127.0.0.6").await).await;
    assert!(said.starts_with("HTTP/1.1 503 "), "{said}");
    // Who was at work has lost nothing.
    server.permits.add_permits(11);
    for stream in work {
        assert!(rest(stream).await.ends_with("done"));
    }
}

#[tokio::test]
async fn what_is_under_way_at_the_end_is_finished_and_nothing_new_begins() {
    let server = Waiting::start(10, 10).await;
    let first = server.at_work("127.0.0.3").await;
    server.stage.send_replace(Stage::Closing);
    while TcpStream::connect(server.address).await.is_ok() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    server.permits.add_permits(1);
    let said = rest(first).await;
    assert!(said.starts_with("HTTP/1.1 200 ") && said.ends_with("done"), "{said}");
}
