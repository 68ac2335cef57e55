//! A mail server that speaks just enough SMTP, answers what it is told to, and keeps what it gets.

use std::sync::{Arc, Mutex};
use tokio::sync::watch;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
};

/// What the server answers where it can matter.
#[derive(Clone, Copy)]
pub(crate) struct Answers {
    pub(crate) auth: &'static str,
    pub(crate) rcpt: &'static str,
    pub(crate) data: &'static str,
}

pub(crate) const WILLING: Answers =
    Answers { auth: "235 2.7.0 welcome", rcpt: "250 2.1.5 ok", data: "250 2.0.0 queued" };

#[derive(Default)]
struct Seen {
    connections: usize,
    commands: Vec<String>,
    data: Vec<String>,
}

pub(crate) struct Sink {
    pub(crate) port: u16,
    seen: Arc<Mutex<Seen>>,
    silent: watch::Sender<bool>,
}

impl Sink {
    pub(crate) async fn start(answers: Answers) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::new(Mutex::new(Seen::default()));
        let shared = Arc::clone(&seen);
        let (silent, silence) = watch::channel(false);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                shared.lock().unwrap().connections += 1;
                tokio::spawn(converse(stream, answers, Arc::clone(&shared), silence.clone()));
            }
        });
        Self { port, seen, silent }
    }

    /// From now on it takes connections and commands and answers none: a server that hangs.
    pub(crate) fn falls_silent(&self) {
        self.silent.send_replace(true);
    }

    /// New connections are answered again. Those that were open never are.
    pub(crate) fn recovers(&self) {
        self.silent.send_replace(false);
    }

    pub(crate) fn connections(&self) -> usize {
        self.seen.lock().unwrap().connections
    }

    /// The command lines, in their order.
    pub(crate) fn commands(&self) -> Vec<String> {
        self.seen.lock().unwrap().commands.clone()
    }

    /// What came between DATA and the final dot, as it went over the wire.
    pub(crate) fn data(&self) -> Vec<String> {
        self.seen.lock().unwrap().data.clone()
    }
}

async fn converse(
    stream: TcpStream,
    answers: Answers,
    seen: Arc<Mutex<Seen>>,
    silence: watch::Receiver<bool>,
) {
    let mut stream = BufReader::new(stream);
    let mut answer = "220 sink ESMTP";
    loop {
        if *silence.borrow() {
            // Held open, and never answered.
            return std::future::pending().await;
        }
        if stream.write_all(format!("{answer}\r\n").as_bytes()).await.is_err() {
            return;
        }
        let Some(command) = line(&mut stream).await else { return };
        let command = command.trim_end();
        let verb = command.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
        seen.lock().unwrap().commands.push(command.to_owned());
        answer = match verb.as_str() {
            "EHLO" => "250-sink\r\n250-8BITMIME\r\n250 AUTH PLAIN",
            "AUTH" => answers.auth,
            "RCPT" => answers.rcpt,
            "DATA" => {
                stream.write_all(b"354 go on\r\n").await.unwrap();
                let mut data = String::new();
                loop {
                    let Some(line) = line(&mut stream).await else { return };
                    if line == ".\r\n" {
                        break;
                    }
                    data.push_str(&line);
                }
                seen.lock().unwrap().data.push(data);
                answers.data
            }
            _ => "250 2.0.0 ok",
        };
    }
}

/// A line with its end; `None` at the end of the connection, or where something else than text begins.
async fn line(stream: &mut BufReader<TcpStream>) -> Option<String> {
    let mut line = String::new();
    match stream.read_line(&mut line).await {
        Ok(length) if length > 0 => Some(line),
        _ => None,
    }
}
