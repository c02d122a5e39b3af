//! Tests: a mail server that keeps every line it was told and refuses as it is told.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;

/// A mail that was taken.
#[derive(Clone, Debug)]
pub struct Mail {
    pub to: Vec<String>,
    /// Head and body as they came, dots as on the wire.
    pub content: String,
}

impl Mail {
    /// The first header of that name.
    pub fn header(&self, name: &str) -> &str {
        let line = self
            .content
            .lines()
            .find_map(|line| line.strip_prefix(name));
        line.and_then(|rest| rest.strip_prefix(": ")).unwrap_or("")
    }

    pub fn body(&self) -> &str {
        self.content.split_once("\r\n\r\n").unwrap().1
    }
}

#[derive(Debug, Default)]
struct Book {
    mails: Vec<Mail>,
    lines: Vec<String>,
    /// Beginning of a line, what is answered, and whether every time.
    odd: Vec<(String, String, bool)>,
}

/// The server; it listens until the test process ends.
#[derive(Clone, Debug)]
pub struct FakeServer {
    pub port: u16,
    book: Arc<Mutex<Book>>,
}

impl FakeServer {
    pub fn start() -> FakeServer {
        FakeServer::on("127.0.0.1:0")
    }

    pub fn on(address: &str) -> FakeServer {
        let listener = TcpListener::bind(address).unwrap();
        let server = FakeServer {
            port: listener.local_addr().unwrap().port(),
            book: Arc::default(),
        };
        let serving = server.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let server = serving.clone();
                // A client that hangs up ends its own thread only.
                thread::spawn(move || server.serve(stream));
            }
        });
        server
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap()
    }

    /// The next line that begins so is answered so, once. `""` is the greeting's turn, `.` the content's; no answer means
    /// hanging up.
    pub fn once(&self, line: &str, answer: &str) {
        self.book().odd.push((line.into(), answer.into(), false));
    }

    /// The same, every time.
    pub fn always(&self, line: &str, answer: &str) {
        self.book().odd.push((line.into(), answer.into(), true));
    }

    /// What was taken so far.
    pub fn mails(&self) -> Vec<Mail> {
        self.book().mails.clone()
    }

    /// Every command line so far.
    pub fn lines(&self) -> Vec<String> {
        self.book().lines.clone()
    }

    fn answer(&self, line: &str, usual: &str) -> String {
        let mut book = self.book();
        if !line.is_empty() && line != "." {
            book.lines.push(String::from(line));
        }
        let fits = |rule: &(String, String, bool)| match rule.0.as_str() {
            "" => line.is_empty(),
            begin => line.starts_with(begin),
        };
        match book.odd.iter().position(fits) {
            Some(at) if book.odd[at].2 => book.odd[at].1.clone(),
            Some(at) => book.odd.remove(at).1,
            None => String::from(usual),
        }
    }

    fn serve(&self, stream: TcpStream) -> std::io::Result<()> {
        let mut reader = BufReader::new(&stream);
        let mut line = String::new();
        let mut to = Vec::new();
        loop {
            let usual = match line.split([' ', ':']).next().unwrap_or_default() {
                "" => "220 fake ESMTP",
                "EHLO" => "250-fake\r\n250-8BITMIME\r\n250 SIZE 1000000",
                "DATA" => "354 go on",
                "QUIT" => "221 bye",
                _ => "250 ok",
            };
            let answer = self.answer(&line, usual);
            if answer.is_empty() {
                return Ok(());
            }
            (&stream).write_all((answer.clone() + "\r\n").as_bytes())?;
            if line.starts_with("RCPT") && answer.starts_with('2') {
                to.push(line.replace("RCPT TO:<", "").replace('>', ""));
            }
            if answer.starts_with("354") {
                let content = read_content(&mut reader)?;
                let answer = self.answer(".", "250 taken");
                if answer.starts_with('2') {
                    let to = std::mem::take(&mut to);
                    self.book().mails.push(Mail { to, content });
                }
                if answer.is_empty() {
                    return Ok(());
                }
                (&stream).write_all((answer + "\r\n").as_bytes())?;
            }
            line.clear();
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
            line = String::from(line.trim_end());
        }
    }
}

fn read_content(reader: &mut BufReader<&TcpStream>) -> std::io::Result<String> {
    let mut content = String::new();
    while !content.ends_with("\r\n.\r\n") {
        if reader.read_line(&mut content)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
    content.truncate(content.len() - 3);
    Ok(content)
}
