//! An SMS gateway that answers what it is told to and keeps what it gets.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

/// A request: the head in lower case, and the body.
#[derive(Clone)]
pub(crate) struct Request {
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Request {
    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

pub(crate) struct Gateway {
    pub(crate) url: String,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Gateway {
    /// Answers with `statuses` in turn, the last one for good, each after `delay`.
    pub(crate) async fn start(statuses: &[u16], delay: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/messages", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (shared, location) = (Arc::clone(&requests), url.clone());
        let statuses = Arc::new(Mutex::new(statuses.iter().copied().collect::<VecDeque<_>>()));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (requests, statuses, location) =
                    (Arc::clone(&shared), Arc::clone(&statuses), location.clone());
                tokio::spawn(async move {
                    let (stream, request) = read(stream).await;
                    requests.lock().unwrap().push(request);
                    tokio::time::sleep(delay).await;
                    let status = next(&mut statuses.lock().unwrap());
                    answer(stream, status, &location).await;
                });
            }
        });
        Self { url, requests }
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

fn next(statuses: &mut VecDeque<u16>) -> u16 {
    if statuses.len() > 1 { statuses.pop_front().unwrap() } else { statuses[0] }
}

async fn read(mut stream: TcpStream) -> (TcpStream, Request) {
    let mut bytes = Vec::new();
    loop {
        let mut chunk = [0; 4096];
        let length = stream.read(&mut chunk).await.unwrap();
        assert!(length > 0, "the request ended early");
        bytes.extend_from_slice(&chunk[..length]);
        let text = String::from_utf8(bytes.clone()).unwrap();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let request = Request { head: head.to_lowercase(), body: body.to_owned() };
        if request.header("content-length").unwrap().parse::<usize>().unwrap() == request.body.len() {
            return (stream, request);
        }
    }
}

async fn answer(mut stream: TcpStream, status: u16, location: &str) {
    let answer = format!(
        "HTTP/1.1 {status} Answer\r\nlocation: {location}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(answer.as_bytes()).await.unwrap();
}
