//! Tests: a receiver of pushes that keeps every byte it was sent and answers as told.

use std::collections::VecDeque;
use std::io::{BufReader, Read, Result, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use super::http;

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Request {
    /// `GET /sms_in?&message=Test%20message HTTP/1.1`
    pub line: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Request {
    /// The first header of that (lower-case) name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// What stands between method and version.
    pub fn target(&self) -> &str {
        self.line.split(' ').nth(1).unwrap_or("")
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON; panics when it is none.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// How a request is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    Status(u16),
    /// The connection stays open and nothing comes.
    Silence,
    /// The connection is closed at once.
    HangUp,
}

#[derive(Debug, Default)]
struct Book {
    requests: Vec<Request>,
    next: VecDeque<Answer>,
    always: Option<Answer>,
    /// Connections that get silence, held open.
    silent: Vec<TcpStream>,
}

#[derive(Debug, Default)]
struct Shared {
    book: Mutex<Book>,
    news: Condvar,
}

impl Shared {
    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap()
    }
}

/// The receiver; it listens until the test process ends.
#[derive(Debug)]
pub struct PushReceiver {
    pub address: SocketAddr,
    shared: Arc<Shared>,
}

impl PushReceiver {
    /// Listens on a free port of 127.0.0.1 and answers 200.
    pub fn start() -> PushReceiver {
        PushReceiver::on("127.0.0.1:0")
    }

    /// Listens on this address, such as `[::1]:0`.
    pub fn on(address: &str) -> PushReceiver {
        let listener = TcpListener::bind(address).unwrap();
        let shared = Arc::new(Shared::default());
        let receiver = PushReceiver {
            address: listener.local_addr().unwrap(),
            shared: Arc::clone(&shared),
        };
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || serve(&shared, stream));
            }
        });
        receiver
    }

    /// `http://127.0.0.1:PORT` and `path`.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// From now on, unless [`PushReceiver::answer_next`] says otherwise.
    pub fn answer(&self, answer: Answer) {
        self.shared.book().always = Some(answer);
    }

    /// The next requests are answered so, in this order.
    pub fn answer_next(&self, answers: &[Answer]) {
        self.shared.book().next.extend(answers);
    }

    /// From now on everything is answered with 200 again.
    pub fn clear(&self) {
        let mut book = self.shared.book();
        book.always = None;
        book.next.clear();
        book.silent.clear();
    }

    /// What came so far.
    pub fn requests(&self) -> Vec<Request> {
        self.shared.book().requests.clone()
    }

    /// Waits until at least `count` requests have come, and gives them all.
    pub fn wait(&self, count: usize, patience: Duration) -> Vec<Request> {
        let end = Instant::now() + patience;
        let mut book = self.shared.book();
        while book.requests.len() < count {
            let left = end.saturating_duration_since(Instant::now());
            assert!(
                !left.is_zero(),
                "{} of {count} pushes came in {patience:?}",
                book.requests.len()
            );
            book = self.shared.news.wait_timeout(book, left).unwrap().0;
        }
        book.requests.clone()
    }
}

fn serve(shared: &Shared, mut stream: TcpStream) {
    let Ok(request) = read_request(&stream) else {
        return;
    };
    let mut book = shared.book();
    book.requests.push(request);
    let answer = book
        .next
        .pop_front()
        .or(book.always)
        .unwrap_or(Answer::Status(200));
    shared.news.notify_all();
    match answer {
        Answer::Silence => book.silent.push(stream),
        Answer::HangUp => {}
        Answer::Status(status) => {
            drop(book);
            // A client that is gone already has had its request counted; nothing more to do for it.
            let _ = write!(
                stream,
                "HTTP/1.1 {status} Told\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            );
        }
    }
}

fn read_request(stream: &TcpStream) -> Result<Request> {
    let mut from = BufReader::new(stream);
    let mut line = String::new();
    std::io::BufRead::read_line(&mut from, &mut line)?;
    let headers = http::read_headers(&mut from)?;
    let mut request = Request {
        line: String::from(line.trim_end()),
        headers,
        body: Vec::new(),
    };
    let length = request
        .header("content-length")
        .and_then(|length| length.parse().ok())
        .unwrap_or(0);
    request.body.resize(length, 0);
    from.read_exact(&mut request.body)?;
    Ok(request)
}
