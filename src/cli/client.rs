//! Edge: does the client verbs — asks a running agent and prints what it says. Never words an answer: `show` does.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::connection::{Connection, Trouble};
use super::http::Request;
use super::{Ask, Client, DONE, Door, FAILED, MessageBox, NO_AGENT, live, show, sse};
use crate::config;
use crate::json;
use crate::message::Status;

/// How long the agent may wait for an event where it does not stream, seconds; below `connection::ANSWER`.
const PAGE_WAIT_S: u32 = 20;
/// Between the first two looks at a message that is waited for; each pause is twice as long as the one before.
const FIRST_LOOK: Duration = Duration::from_millis(20);
/// The longest such pause.
const LAST_LOOK: Duration = Duration::from_secs(1);
/// Most pages of one listing.
const MOST_PAGES: usize = 1000;

/// Reads the configuration, prints every problem and gives the exit code: 1 when one of them is an error.
pub fn check(path: Option<&Path>) -> u8 {
    let (config, problems) = config::load(path, &config::Overrides::default());
    let mut out = std::io::stdout().lock();
    let own = Path::new(config::DEFAULT_FILE);
    if path.is_none() && !own.exists() {
        let _nobody_reads = writeln!(out, "there is no {}: the defaults hold", own.display());
    }
    for problem in problems {
        let _nobody_reads = writeln!(out, "{problem}");
    }
    if config.is_some() { DONE } else { FAILED }
}

/// What a running agent says of itself; `None` when nobody answers at this socket.
pub fn agent_status(socket: &Path) -> Option<Value> {
    let client = Client {
        door: Door::Socket(socket.to_owned()),
        token: None,
        json: true,
        ask: Ask::Status,
    };
    exchange(&client, &Request::new("GET", "/api/v1/status")).ok()
}

/// Prints a configuration made from RutOS's own, tells what of it cannot be read, and gives the exit code: 1 when there is
/// such a thing.
pub fn import(from: &Path) -> u8 {
    let (text, problems) = config::import(from);
    for problem in &problems {
        let _nobody_reads = writeln!(std::io::stderr(), "{problem}");
    }
    match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) if !problems.iter().any(config::Problem::is_error) => DONE,
        _ => FAILED,
    }
}

/// Does a client verb and gives the exit code.
pub fn ask(client: &Client) -> u8 {
    let mut out = std::io::stdout().lock();
    match answer(client, &mut out) {
        Ok(code) => code,
        Err(Trouble::NoReader) => DONE,
        Err(Trouble::Refused(why)) => complain(&why, FAILED),
        Err(Trouble::Problem(answer)) => {
            let _nobody_reads = out.write_all(line(&answer).as_bytes());
            FAILED
        }
        Err(Trouble::NoAgent(why)) => complain(&why, NO_AGENT),
    }
}

fn complain(why: &str, code: u8) -> u8 {
    let _nobody_reads = writeln!(std::io::stderr(), "rut-agent: {why}");
    code
}

fn answer(client: &Client, out: &mut dyn Write) -> Result<u8, Trouble> {
    let get = |path: &str| exchange(client, &Request::new("GET", format!("/api/v1{path}")));
    let post = |path: &str, body: Value| {
        let mut request = Request::new("POST", format!("/api/v1{path}"));
        request.body = Some(body.to_string());
        exchange(client, &request)
    };
    let shown = match &client.ask {
        Ask::Send {
            to,
            text,
            flash,
            wait,
        } => {
            return send(
                client,
                &json!({"to": to, "text": text, "flash": flash}),
                *wait,
                out,
            );
        }
        Ask::Events => return events(client, out),
        Ask::WatchSignal => return live::watch(client, out),
        Ask::Call(to) => worded(client, &post("/calls", json!({ "to": to }))?, show::calls),
        Ask::HangUp => {
            exchange(client, &Request::new("DELETE", "/api/v1/calls/current"))?;
            String::new()
        }
        Ask::Ussd(code) => worded(client, &post("/ussd", json!({ "code": code }))?, show::ussd),
        Ask::At(command) => {
            let answer = post("/at", json!({ "command": command }))?;
            out.write_all(worded(client, &answer, show::at_command).as_bytes())?;
            let good = answer.get("result").is_some_and(|result| result == "OK");
            return Ok(if good { DONE } else { FAILED });
        }
        Ask::RuleTest { text, from } => {
            let answer = post("/rules/test", json!({ "from": from, "text": text }))?;
            out.write_all(worded(client, &answer, show::trial).as_bytes())?;
            let taken = answer.get("rule").is_some_and(Value::is_string);
            return Ok(if taken { DONE } else { FAILED });
        }
        Ask::List(which) => list(client, *which)?,
        Ask::Delete(id) => {
            let request = Request::new("DELETE", format!("/api/v1/messages/{id}"));
            // Nothing is said of a message that is gone; one that waited is shown cancelled.
            let message = exchange(client, &request)?;
            match message.is_null() {
                true => String::new(),
                false => worded(client, &message, show::progress),
            }
        }
        Ask::Read(id) => worded(client, &get(&format!("/messages/{id}"))?, show::message),
        Ask::Status => worded(client, &get("/status")?, show::status),
        Ask::Signal => worded(client, &get("/signal")?, show::signal),
    };
    out.write_all(shown.as_bytes())?;
    Ok(DONE)
}

fn worded(client: &Client, answer: &Value, words: fn(&Value) -> String) -> String {
    match client.json {
        true => line(answer),
        false => words(answer),
    }
}

fn line(answer: &Value) -> String {
    format!("{answer}\n")
}

fn list(client: &Client, which: MessageBox) -> Result<String, Trouble> {
    let mut messages = Vec::new();
    let mut after = String::new();
    for _page in 0..MOST_PAGES {
        let target = format!("/api/v1/messages?box={}{after}", which.as_str());
        let mut page = exchange(client, &Request::new("GET", target))?;
        if let Some(Value::Array(more)) = page.get_mut("messages").map(Value::take) {
            messages.extend(more);
        }
        let next = match page.get("next") {
            Some(Value::String(next)) => utf8_percent_encode(next, NON_ALPHANUMERIC).to_string(),
            Some(Value::Number(next)) => next.to_string(),
            Some(_) | None => break,
        };
        after = format!("&after={next}");
    }
    Ok(match client.json {
        true => line(&json!({"messages": messages, "next": null})),
        false => show::list(&messages, which, live::width()),
    })
}

fn send(client: &Client, body: &Value, wait: bool, out: &mut dyn Write) -> Result<u8, Trouble> {
    let mut request = Request::new("POST", "/api/v1/messages");
    request.body = Some(body.to_string());
    let mut answer = exchange(client, &request)?;
    let mut code = DONE;
    if wait && let Some(messages) = answer.get_mut("messages").and_then(Value::as_array_mut) {
        for message in messages {
            *message = finished(client, message.take())?;
            match status(message) {
                Some(Status::Sent | Status::Delivered) => {}
                Some(_) | None => code = FAILED,
            }
        }
    }
    let messages = answer.get("messages").and_then(Value::as_array);
    let shown = match client.json {
        true => line(&answer),
        false => messages.into_iter().flatten().map(show::progress).collect(),
    };
    let written = out.write_all(shown.as_bytes());
    if code == DONE {
        written?;
    }
    Ok(code)
}

/// Looks at the message until nothing more happens to it; for ever if need be: its validity ends the wait.
fn finished(client: &Client, mut message: Value) -> Result<Value, Trouble> {
    let mut pause = FIRST_LOOK;
    while status(&message).is_some_and(|status| !status.is_final()) {
        std::thread::sleep(pause);
        pause = LAST_LOOK.min(pause * 2);
        let id = match message.get("id") {
            Some(Value::String(id)) => utf8_percent_encode(id, NON_ALPHANUMERIC).to_string(),
            Some(id) => id.to_string(),
            None => return Ok(message),
        };
        message = exchange(
            client,
            &Request::new("GET", format!("/api/v1/messages/{id}")),
        )?;
    }
    Ok(message)
}

fn status(message: &Value) -> Option<Status> {
    serde_json::from_value(message.get("status")?.clone()).ok()
}

/// Follows the agent's stream, or asks for page after page where it gives those. Ends only with the agent.
fn events(client: &Client, out: &mut dyn Write) -> Result<u8, Trouble> {
    let mut print = |event: &Value| {
        out.write_all(worded(client, event, show::event).as_bytes())?;
        out.flush()
    };
    let mut after = String::new();
    loop {
        let target = format!("/api/v1/events{after}");
        let mut request = Request::new("GET", target);
        request.accept = "text/event-stream";
        let mut connection = Connection::open(client, &request)?;
        if connection.head.status == 200 && connection.head.content_type == "text/event-stream" {
            connection.wait_for_ever();
            let mut stream = sse::Stream::default();
            let mut bytes = Vec::new();
            while connection.more(&mut bytes)? {
                for event in stream.feed(&std::mem::take(&mut bytes)) {
                    // What is no JSON is no event of ours.
                    json::value(event.data.as_bytes()).map_or(Ok(()), |event| print(&event))?;
                }
            }
            return Err(Trouble::NoAgent(String::from("the agent ended the stream")));
        }
        let page = connection.json()?;
        let events = page.get("events").and_then(Value::as_array);
        for event in events.into_iter().flatten() {
            print(event)?;
        }
        let next = page.get("next").and_then(Value::as_u64);
        let next =
            next.ok_or_else(|| Trouble::Refused(String::from("the agent gives no events")))?;
        after = format!("?after={next}&wait={PAGE_WAIT_S}");
    }
}

/// One request, one JSON answer; null when it has no body.
fn exchange(client: &Client, request: &Request) -> Result<Value, Trouble> {
    Connection::open(client, request)?.json()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::os::unix::net::UnixListener;
    use std::thread::JoinHandle;

    /// Gives the answers one after the other, each to a connection of its own; then the requests it got.
    struct Canned {
        dir: tempfile::TempDir,
        server: JoinHandle<Vec<String>>,
    }

    fn canned(answers: Vec<String>) -> Canned {
        let dir = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(dir.path().join("s")).unwrap();
        let server = std::thread::spawn(move || {
            let answer = |answer: &String| {
                let mut stream = listener.accept().unwrap().0;
                let mut request = Vec::new();
                read_request(&mut stream, &mut request);
                // In two pieces, for the reader's sake, who may have read enough after the first.
                let (first, second) = answer.split_at(answer.len() / 3);
                stream.write_all(first.as_bytes()).unwrap();
                let _reader_left = stream.write_all(second.as_bytes());
                String::from_utf8(request).unwrap()
            };
            answers.iter().map(answer).collect()
        });
        Canned { dir, server }
    }

    fn read_request(stream: &mut dyn Read, request: &mut Vec<u8>) {
        while !whole(request) {
            let mut buffer = [0; 4096];
            let count = stream.read(&mut buffer).unwrap();
            assert_ne!(count, 0, "the request was cut short");
            request.extend_from_slice(&buffer[..count]);
        }
    }

    fn whole(request: &[u8]) -> bool {
        let text = String::from_utf8_lossy(request);
        let length = text.split("Content-Length: ").nth(1).map_or(0, |rest| {
            rest.split("\r\n").next().unwrap().parse::<usize>().unwrap()
        });
        text.split_once("\r\n\r\n")
            .is_some_and(|(_, body)| body.len() == length)
    }

    fn json_answer(status: &str, body: &str) -> String {
        let length = body.len();
        format!(
            "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        )
    }

    impl Canned {
        fn client(&self, json: bool, ask: Ask) -> Client {
            Client {
                door: Door::Socket(self.dir.path().join("s")),
                token: None,
                json,
                ask,
            }
        }

        /// What is printed, the exit code, and the requests' first lines.
        fn asked(self, json: bool, ask: Ask) -> (String, u8, Vec<String>) {
            let mut out = Vec::new();
            let code = match answer(&self.client(json, ask), &mut out) {
                Ok(code) => code,
                Err(Trouble::Refused(why)) => {
                    out.extend(why.bytes());
                    FAILED
                }
                Err(Trouble::Problem(answer)) => {
                    out.extend(line(&answer).bytes());
                    FAILED
                }
                Err(Trouble::NoAgent(why)) => {
                    out.extend(why.bytes());
                    NO_AGENT
                }
                Err(Trouble::NoReader) => panic!("somebody reads"),
            };
            let requests = self.server.join().unwrap();
            let first = |request: &String| String::from(request.split(" HTTP").next().unwrap());
            let lines = requests.iter().map(first).collect();
            (String::from_utf8(out).unwrap(), code, lines)
        }
    }

    fn message(status: &str) -> String {
        format!(r#"{{"id":"9","to":"+12025550155","status":"{status}"}}"#)
    }

    fn send_and_wait() -> Ask {
        Ask::Send {
            to: String::from("+12025550155"),
            text: String::from("Hi \"you\""),
            flash: true,
            wait: true,
        }
    }

    #[test]
    fn a_message_is_sent_and_waited_for_until_it_is_sent_or_failed() {
        for (last, code) in [
            ("sent", DONE),
            ("delivered", DONE),
            ("failed", FAILED),
            ("expired", FAILED),
        ] {
            let queued = format!(r#"{{"messages":[{}]}}"#, message("queued"));
            let server = canned(vec![
                json_answer("202 Accepted", &queued),
                json_answer("200 OK", &message("sending")),
                json_answer("200 OK", &message(last)),
            ]);
            let (shown, got, requests) = server.asked(false, send_and_wait());
            assert_eq!((shown, got), (format!("9 to +12025550155: {last}\n"), code));
            assert_eq!(
                requests,
                [
                    "POST /api/v1/messages",
                    "GET /api/v1/messages/9",
                    "GET /api/v1/messages/9"
                ]
            );
        }
    }

    #[test]
    fn the_text_goes_out_as_json() {
        let server = canned(vec![json_answer("202 Accepted", r#"{"messages":[]}"#)]);
        let mut out = Vec::new();
        let code = answer(&server.client(true, send_and_wait()), &mut out);
        assert!(matches!(code, Ok(DONE)));
        assert_eq!(out, b"{\"messages\":[]}\n");
        let request = server.server.join().unwrap().remove(0);
        let body: Value = serde_json::from_str(request.split_once("\r\n\r\n").unwrap().1).unwrap();
        assert_eq!(
            body,
            json!({"to": "+12025550155", "text": "Hi \"you\"", "flash": true})
        );
    }

    #[test]
    fn a_refusal_is_told_in_the_agents_words() {
        let problem = r#"{"title":"Bad number","detail":"the number is empty","status":422,"code":"bad_number"}"#;
        let server = canned(vec![json_answer("422 Unprocessable Content", problem)]);
        let (shown, code, _) = server.asked(false, send_and_wait());
        assert_eq!(
            (shown.as_str(), code),
            ("Bad number: the number is empty", FAILED)
        );
        let server = canned(vec![json_answer("422 Unprocessable Content", problem)]);
        let (shown, code, _) = server.asked(true, send_and_wait());
        let shown: Value = serde_json::from_str(&shown).unwrap();
        assert_eq!((&shown["code"], code), (&json!("bad_number"), FAILED));
    }

    #[test]
    fn a_listing_turns_every_page() {
        let pages = || {
            canned(vec![
                json_answer("200 OK", r#"{"messages":[{"id":"1"}],"next":"a b"}"#),
                json_answer("200 OK", r#"{"messages":[{"id":"2"}],"next":null}"#),
            ])
        };
        let (shown, code, requests) = pages().asked(true, Ask::List(MessageBox::Sent));
        assert_eq!(
            shown,
            "{\"messages\":[{\"id\":\"1\"},{\"id\":\"2\"}],\"next\":null}\n"
        );
        assert_eq!(code, DONE);
        assert_eq!(
            requests,
            [
                "GET /api/v1/messages?box=sent",
                "GET /api/v1/messages?box=sent&after=a%20b"
            ]
        );
        let (shown, _, _) = pages().asked(false, Ask::List(MessageBox::Sent));
        assert_eq!(shown, "ID  CREATED  TO  STATUS  TEXT\n1\n2\n");
    }

    #[test]
    fn a_deleted_message_leaves_nothing_to_say_and_a_cancelled_one_does() {
        let server = canned(vec![String::from("HTTP/1.1 204 No Content\r\n\r\n")]);
        let (shown, code, requests) = server.asked(false, Ask::Delete(9));
        assert_eq!((shown.as_str(), code), ("", DONE));
        assert_eq!(requests, ["DELETE /api/v1/messages/9"]);
        let server = canned(vec![json_answer("200 OK", &message("cancelled"))]);
        let (shown, code, _) = server.asked(false, Ask::Delete(9));
        assert_eq!(
            (shown.as_str(), code),
            ("9 to +12025550155: cancelled\n", DONE)
        );
    }

    #[test]
    fn events_are_followed_until_the_agent_goes() {
        let event =
            r#"{"seq":7,"type":"modem.state","at":"T","message":null,"data":{"state":"ready"}}"#;
        let stream = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n\
             {:x}\r\nid: 7\ndata: {event}\n\n\r\n0\r\n\r\n",
            event.len() + 15
        );
        let (shown, code, _) = canned(vec![stream]).asked(false, Ask::Events);
        assert_eq!(
            (shown.as_str(), code),
            (
                "T modem.state state=ready\nthe agent ended the stream",
                NO_AGENT
            )
        );
    }

    #[test]
    fn events_come_in_pages_where_there_is_no_stream() {
        let page = r#"{"events":[{"seq":7,"type":"call.incoming","at":"T"}],"next":7}"#;
        let server = canned(vec![
            json_answer("200 OK", page),
            json_answer("503 Service Unavailable", r#"{"title":"Stopping"}"#),
        ]);
        let (shown, code, requests) = server.asked(false, Ask::Events);
        assert_eq!(
            (shown.as_str(), code),
            ("T call.incoming\nStopping", FAILED)
        );
        assert_eq!(
            requests,
            ["GET /api/v1/events", "GET /api/v1/events?after=7&wait=20"]
        );
    }

    #[test]
    fn who_is_no_agent_is_told_apart_from_a_refusal() {
        for rubbish in [
            "",
            "220 mail ESMTP\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{",
            "HTTP/1.1 200 OK\r\n\r\nhello",
        ] {
            let (shown, code, _) = canned(vec![String::from(rubbish)]).asked(false, Ask::Status);
            assert_eq!(code, NO_AGENT, "{rubbish}: {shown}");
        }
        let nobody = Client {
            door: Door::Socket("/nowhere/rut-agent.sock".into()),
            token: None,
            json: false,
            ask: Ask::Status,
        };
        let why = answer(&nobody, &mut Vec::new());
        assert!(matches!(why, Err(Trouble::NoAgent(why)) if why.contains("is rut-agent running?")));
    }

    #[test]
    fn an_agent_elsewhere_is_asked_over_tcp_with_the_token() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = std::thread::spawn(move || {
            let mut stream = listener.accept().unwrap().0;
            let mut request = Vec::new();
            read_request(&mut stream, &mut request);
            stream
                .write_all(json_answer("200 OK", r#"{"bars":4}"#).as_bytes())
                .unwrap();
            String::from_utf8(request).unwrap()
        });
        let client = Client {
            door: Door::Tcp {
                host: String::from("127.0.0.1"),
                port,
                authority: format!("127.0.0.1:{port}"),
            },
            token: Some(String::from("long-enough")),
            json: false,
            ask: Ask::Signal,
        };
        let mut out = Vec::new();
        assert!(matches!(answer(&client, &mut out), Ok(DONE)));
        assert_eq!(out, b"4 of 5 bars\n");
        let request = server.join().unwrap();
        assert!(request.contains(&format!("\r\nHost: 127.0.0.1:{port}\r\n")));
        assert!(request.contains("\r\nAuthorization: Bearer long-enough\r\n"));
    }
}
