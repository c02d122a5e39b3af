//! Edge: tiny_http on a socket of our own, behind the door. Never sees a client: it gets complete, canonical requests
//! over three connections that were made before the door opened and that stay.
//!
//! ```text
//! visit --ask()--> lane --socket--> tiny_http --> its thread --> pump: Desk::answer (the runtime)
//! visit <--------- lane <--socket-- tiny_http <-- its thread <-- (unblock) --+
//! ```
//! What kills tiny_http 0.12 cannot happen here: lengths are checked, the heads are ours, nobody resets, no connection
//! is made once files may run out, answers carry their length and date. Should a lane break all the same, the desk is asked directly.
#![allow(clippy::disallowed_types)]

use std::cell::Cell;
use std::io::{self, Cursor, Read};
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc as answers;
use std::thread::JoinHandle;
use std::time::Duration;

use tiny_http::{Header, Request, Response, Server, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::task::AbortHandle;
use tokio::time::timeout;

use super::answer::{Answer, MAX_ANSWER};
use super::ask::Ask;
use super::desk::Desk;
use super::head::MAX_BODY;
use super::problem::{Code, Problem};

/// Connections to tiny_http: one less than the threads of its pool, so that it never starts a fifth.
const LANES: usize = 3;
/// The pool's threads are up within this time, on a router too.
const POOL_STARTS: Duration = Duration::from_millis(50);
/// A handler answers from memory or after one fsync.
const ANSWER_LIMIT: Duration = Duration::from_secs(20);

type Job = (Ask, oneshot::Sender<Answer>);

/// The way through tiny_http.
pub struct Bridge {
    desk: Rc<Desk>,
    jobs: mpsc::UnboundedSender<Job>,
    lanes: Rc<Cell<usize>>,
    server: Arc<Server>,
    pump: AbortHandle,
    thread: JoinHandle<()>,
}

impl Bridge {
    /// Starts tiny_http on `path` and connects to it.
    ///
    /// # Errors
    /// When the socket or the thread cannot be made.
    pub async fn start(path: &Path, desk: Rc<Desk>) -> io::Result<Bridge> {
        let server = Arc::new(Server::http_unix(path).map_err(io::Error::other)?);
        // A connection that comes before the pool's four threads wait makes it start a fifth, for good.
        tokio::time::sleep(POOL_STARTS).await;
        let (asks, asked) = mpsc::unbounded_channel();
        let (replies, replied) = answers::channel();
        let inside = Arc::clone(&server);
        let thread = std::thread::Builder::new()
            .name(String::from("http"))
            .stack_size(128 * 1024)
            .spawn(move || receive(&inside, &asks, &replied))?;
        let pump = pump(Rc::clone(&desk), Arc::clone(&server), asked, replies);
        let pump = crate::task::spawn(pump).abort_handle();
        let (jobs, waiting) = mpsc::unbounded_channel();
        let waiting = Rc::new(Mutex::new(waiting));
        let lanes = Rc::new(Cell::new(0));
        for _ in 0..LANES {
            let mut lane = UnixStream::connect(path).await?;
            // An answer proves that tiny_http has accepted: later it might be out of files.
            exchange(&mut lane, &Ask::probe()).await?;
            lanes.set(lanes.get() + 1);
            crate::task::spawn(drive(lane, Rc::clone(&waiting), Rc::clone(&lanes)));
        }
        Ok(Bridge {
            desk,
            jobs,
            lanes,
            server,
            pump,
            thread,
        })
    }

    /// The answer to a request.
    pub async fn ask(&self, ask: Ask) -> Answer {
        if self.lanes.get() == 0 {
            return self.desk.answer(&ask);
        }
        let (answer, answered) = oneshot::channel();
        let _gone = self.jobs.send((ask, answer));
        answered.await.unwrap_or_else(|_| {
            Problem::new(Code::Unavailable, "the request was lost inside the agent")
                .with("Retry-After", 1)
                .answer()
        })
    }

    /// Ends lanes, pump and thread; returns when tiny_http's socket is gone.
    pub async fn stop(self) {
        drop(self.jobs);
        self.pump.abort();
        while !self.thread.is_finished() {
            tokio::time::sleep(Duration::from_millis(1)).await;
            // The thread ends when it wakes and finds the pump gone.
            self.server.unblock();
        }
    }
}

impl Ask {
    fn probe() -> Ask {
        Ask {
            method: String::from("GET"),
            target: String::from("/"),
            ..Ask::default()
        }
    }

    fn emit(&self) -> Vec<u8> {
        let mut out = format!(
            "{} {} HTTP/1.1\r\nContent-Length: {}\r\n",
            self.method,
            self.target,
            self.body.len()
        );
        if let Some(key) = &self.idempotency_key {
            out.push_str(&format!("Idempotency-Key: {key}\r\n"));
        }
        out.push_str("\r\n");
        let mut out = out.into_bytes();
        out.extend_from_slice(&self.body);
        out
    }
}

/// One connection to tiny_http: takes job after job. It breaks only by a mistake of ours, and then for good.
async fn drive(
    mut lane: UnixStream,
    jobs: Rc<Mutex<mpsc::UnboundedReceiver<Job>>>,
    lanes: Rc<Cell<usize>>,
) {
    loop {
        let job = jobs.lock().await.recv().await;
        let Some((ask, answer)) = job else { return };
        match exchange(&mut lane, &ask).await {
            Ok(got) => {
                let _client_left = answer.send(got);
            }
            Err(why) => {
                lanes.set(lanes.get().saturating_sub(1));
                log::error!(
                    "api: a connection to our own HTTP server broke ({why}); {} of {LANES} are left, without them \
                     requests are answered directly",
                    lanes.get()
                );
                return;
            }
        }
    }
}

async fn exchange(lane: &mut UnixStream, ask: &Ask) -> io::Result<Answer> {
    timeout(ANSWER_LIMIT, async {
        lane.write_all(&ask.emit()).await?;
        let mut buffer = Vec::with_capacity(1024);
        loop {
            if lane.read_buf(&mut buffer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let Some((mut answer, length, used)) = Answer::parse_head(&buffer) else {
                continue;
            };
            if length > MAX_ANSWER {
                return Err(io::Error::other("an answer of ours is too long"));
            }
            buffer.drain(..used);
            buffer.reserve(length.saturating_sub(buffer.len()));
            while buffer.len() < length {
                if lane.read_buf(&mut buffer).await? == 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
            }
            answer.body = buffer;
            return Ok(answer);
        }
    })
    .await
    .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

/// Answers requests on the runtime's thread, where the rooms are.
async fn pump(
    desk: Rc<Desk>,
    server: Arc<Server>,
    mut asked: mpsc::UnboundedReceiver<(u32, Ask)>,
    replies: answers::Sender<(u32, Answer)>,
) {
    while let Some((id, ask)) = asked.recv().await {
        if replies.send((id, desk.answer(&ask))).is_err() {
            return;
        }
        server.unblock();
    }
}

/// tiny_http's own thread: hands requests to the runtime and writes the answers that come back, in any order. Ends when
/// the pump has.
fn receive(
    server: &Server,
    asks: &mpsc::UnboundedSender<(u32, Ask)>,
    replies: &answers::Receiver<(u32, Answer)>,
) {
    let mut open: Vec<(u32, Request)> = Vec::new();
    let mut newest = 0u32;
    loop {
        // An error is a call of unblock(), or the end of accepting, which the lanes outlive.
        if let Ok(mut request) = server.recv() {
            newest = newest.wrapping_add(1);
            match taken(&mut request) {
                Ok(ask) => {
                    open.push((newest, request));
                    if asks.send((newest, ask)).is_err() {
                        return;
                    }
                }
                Err(why) => log::error!("api: our own request cannot be read: {why}"),
            }
        }
        loop {
            match replies.try_recv() {
                Ok((id, answer)) => {
                    if let Some(at) = open.iter().position(|(one, _)| *one == id) {
                        let (_, request) = open.swap_remove(at);
                        let _lane_broke = request.respond(response(answer));
                    }
                }
                Err(answers::TryRecvError::Empty) => break,
                Err(answers::TryRecvError::Disconnected) => return,
            }
        }
    }
}

fn taken(request: &mut Request) -> io::Result<Ask> {
    let mut fields = request.headers().iter();
    let key = fields.find(|header| header.field.equiv("Idempotency-Key"));
    let mut ask = Ask {
        method: request.method().as_str().to_owned(),
        target: request.url().to_owned(),
        idempotency_key: key.map(|header| header.value.as_str().to_owned()),
        ..Ask::default()
    };
    let body = request.as_reader();
    body.take(u64::from(MAX_BODY)).read_to_end(&mut ask.body)?;
    Ok(ask)
}

fn response(answer: Answer) -> Response<Cursor<Vec<u8>>> {
    let mut fields = answer.fields;
    if !answer.content_type.is_empty() {
        fields.push((String::from("Content-Type"), answer.content_type));
    }
    // tiny_http's own Date panics when the clock stands before 1970.
    fields.push((String::from("Date"), String::from("0")));
    let headers = fields
        .iter()
        .filter_map(|(name, value)| Header::from_bytes(name.as_bytes(), value.as_bytes()).ok())
        .collect();
    let length = Some(answer.body.len());
    let body = Cursor::new(answer.body);
    Response::new(StatusCode(answer.status), headers, body, length, None)
        .with_chunked_threshold(usize::MAX)
}
