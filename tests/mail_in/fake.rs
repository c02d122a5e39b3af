//! Tests: a POP3 server of a few lines that does as told — lies, breaks off, holds its answer.

use std::io::{BufRead, BufReader, Result, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};

use super::support::PATIENCE;

/// What is done instead of the right thing.
#[derive(Clone, Debug)]
pub enum Act {
    /// These bytes are said, and the server waits for the next command.
    Say(String),
    /// The same, and then it hangs up.
    SayAndClose(String),
    /// Nothing is ever said.
    Silence,
    /// This line is said without end, after `+OK` unless it is the greeting.
    Flood(&'static str),
}

#[derive(Default)]
struct Book {
    /// Unique-id and content, with LF.
    mails: Vec<(String, String)>,
    /// A command's beginning, and what is done at it. The greeting is the empty command.
    acts: Vec<(String, Act)>,
    /// Every command that came.
    commands: Vec<String>,
}

#[derive(Default)]
struct Shared {
    book: Mutex<Book>,
    news: Condvar,
}

/// The server; it listens until the test process ends.
pub struct Fake {
    pub port: u16,
    shared: Arc<Shared>,
}

impl Fake {
    pub fn start() -> Fake {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let fake = Fake {
            port: listener.local_addr().unwrap().port(),
            shared: Arc::default(),
        };
        let shared = Arc::clone(&fake.shared);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&shared);
                // A client that hangs up is part of the game.
                std::thread::spawn(move || drop(serve(&shared, stream)));
            }
        });
        fake
    }

    /// From now on these mails, and these acts.
    pub fn set(&self, mails: &[(&str, &str)], acts: &[(&str, Act)]) {
        let mut book = self.shared.book.lock().unwrap();
        book.mails = mails
            .iter()
            .map(|(uid, mail)| (String::from(*uid), String::from(*mail)))
            .collect();
        book.acts = acts
            .iter()
            .map(|(at, act)| (String::from(*at), act.clone()))
            .collect();
        book.commands.clear();
    }

    /// Waits until a command that begins so has come; all commands since [`Fake::set`]. A QUIT counts only behind a UIDL:
    /// else it may be the end of a session that began before.
    pub fn wait(&self, command: &str) -> Vec<String> {
        let book = self.shared.book.lock().unwrap();
        let came = |book: &mut Book| {
            let mut asked = command != "QUIT";
            !book.commands.iter().any(|one| {
                asked |= one.starts_with("UIDL");
                asked && one.starts_with(command)
            })
        };
        let (book, late) = self
            .shared
            .news
            .wait_timeout_while(book, PATIENCE, came)
            .unwrap();
        assert!(
            !late.timed_out(),
            "{command} never came: {:?}",
            book.commands
        );
        book.commands.clone()
    }

    /// The unique-ids of the mails that are there.
    pub fn mails(&self) -> Vec<String> {
        let book = self.shared.book.lock().unwrap();
        book.mails.iter().map(|(uid, _)| uid.clone()).collect()
    }
}

fn serve(shared: &Shared, mut stream: TcpStream) -> Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut deleted: Vec<usize> = Vec::new();
    let mut command = String::new();
    loop {
        let act = {
            let mut book = shared.book.lock().unwrap();
            if !command.is_empty() {
                book.commands.push(command.clone());
                shared.news.notify_all();
            }
            let mut acts = book.acts.iter();
            let found = acts.find(|(at, _)| match at.is_empty() {
                true => command.is_empty(),
                false => command.starts_with(at.as_str()),
            });
            match found {
                Some((_, act)) => act.clone(),
                None => Act::Say(answer(&mut book, &command, &mut deleted)),
            }
        };
        match act {
            Act::Say(text) => stream.write_all(text.as_bytes())?,
            Act::SayAndClose(text) => return stream.write_all(text.as_bytes()),
            Act::Silence => {}
            Act::Flood(line) => loop {
                if !std::mem::take(&mut command).is_empty() {
                    stream.write_all(b"+OK\r\n")?;
                }
                stream.write_all(line.repeat(1000).as_bytes())?;
            },
        }
        command.clear();
        if reader.read_line(&mut command)? == 0 {
            return Ok(());
        }
        command.truncate(command.trim_end().len());
    }
}

/// The right thing.
fn answer(book: &mut Book, command: &str, deleted: &mut Vec<usize>) -> String {
    let words: Vec<&str> = command.split(' ').collect();
    let place = words.get(1).and_then(|number| number.parse::<usize>().ok());
    match (words[0], place.and_then(|number| number.checked_sub(1))) {
        ("CAPA", _) => String::from("-ERR unknown\r\n"),
        ("UIDL", _) => {
            let lines = book.mails.iter().enumerate();
            let lines: String = lines
                .map(|(at, (uid, _))| format!("{} {uid}\r\n", at + 1))
                .collect();
            format!("+OK\r\n{lines}.\r\n")
        }
        ("TOP" | "RETR", Some(at)) => {
            let stuffed = book.mails[at]
                .1
                .replace("\n.", "\n..")
                .replace('\n', "\r\n");
            format!("+OK\r\n{stuffed}\r\n.\r\n")
        }
        ("DELE", Some(at)) => {
            deleted.push(at);
            String::from("+OK\r\n")
        }
        ("QUIT", _) => {
            deleted.sort_unstable();
            deleted.dedup();
            for at in deleted.drain(..).rev() {
                book.mails.remove(at);
            }
            String::from("+OK bye\r\n")
        }
        _ => String::from("+OK\r\n"),
    }
}
