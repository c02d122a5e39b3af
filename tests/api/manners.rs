//! Tests: clients with bad manners — floods, resets, half requests, guessed tokens, web pages of other sites. Somebody
//! well-behaved is served beside each of them.

use std::io::{BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use super::support::{Bench, PATIENCE, Setup, TOKEN, http, wait_until};
use super::{ask, code, head, inbox, is_served, until_closed};

/// A connection from another address of this machine.
fn connect_from(host: [u8; 4], to: SocketAddr) -> std::io::Result<TcpStream> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()?;
    let stream = runtime.block_on(async {
        let socket = tokio::net::TcpSocket::new_v4()?;
        socket.bind(SocketAddr::from((host, 0)))?;
        socket.connect(to).await?.into_std()
    })?;
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    Ok(stream)
}

/// The agent's greatest resident memory so far, kB.
fn peak_kb(bench: &Bench) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", bench.agent().pid())).unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM:"))
        .unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn a_head_of_64_mb_rubbish_resets_and_half_a_request_harm_nobody() {
    let bench = Bench::start(&Setup::default());
    let before = peak_kb(&bench);
    let mut stream = TcpStream::connect(bench.address).unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nX: ").unwrap();
    let megabyte = vec![b'a'; 1 << 20];
    let refused = (0..64).any(|_| stream.write_all(&megabyte).is_err());
    assert!(refused, "64 MB were taken");
    for n in 0..300_usize {
        let mut stream = TcpStream::connect(bench.address).unwrap();
        let whole = head(&["POST /api/v1/messages HTTP/1.1", "Content-Length: 2000"]);
        stream.write_all(&whole[..n % whole.len()]).unwrap();
        // Every third one is closed with bytes unread, which resets.
        if n % 3 == 0 {
            stream.write_all(&megabyte[..3000]).unwrap();
        }
    }
    for bytes in [
        &b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03"[..],
        &[0; 4000],
        b"\xff\xfb\x01",
        b"}{\r\n\r\n",
    ] {
        let mut stream = TcpStream::connect(bench.address).unwrap();
        stream.write_all(bytes).unwrap();
        assert!(
            until_closed(&mut stream).contains("bad_request"),
            "{bytes:?}"
        );
    }
    // What half a request waits for does not come: it is told so, and meanwhile others are served.
    let mut half = TcpStream::connect(bench.address).unwrap();
    half.write_all(b"GET / HTTP/1.1\r\nHost:").unwrap();
    is_served(&bench);
    assert!(until_closed(&mut half).contains("\"code\":\"timeout\""));
    let grown = peak_kb(&bench) - before;
    assert!(grown < 4096, "memory grew by {grown} kB");
}

#[test]
fn a_thousand_idle_and_a_thousand_slow_connections_shut_nobody_out() {
    let bench = Bench::start(&Setup::default());
    let before = peak_kb(&bench);
    let over = AtomicBool::new(false);
    let mut idle = Vec::new();
    let mut slow = Vec::new();
    for n in 0..1000_u32 {
        // From a hundred hosts, a quarter of them the good client's own.
        let last = if n % 4 == 0 {
            1
        } else {
            2 + u8::try_from(n % 100).unwrap()
        };
        idle.push(connect_from([127, 0, 0, last], bench.address).unwrap());
        let mut one = connect_from([127, 0, 0, last], bench.address).unwrap();
        // It may have had to make room already.
        let _ = one.write_all(b"GET / HTTP/1.1\r\nX: ");
        slow.push(one);
        if n % 50 == 0 {
            is_served(&bench);
        }
    }
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                for one in &mut slow {
                    let _ = one.write_all(b"a");
                }
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        for _ in 0..20 {
            is_served(&bench);
        }
        bench.control(r#"deliver {"from":"+12025550155","text":"through the flood"}"#);
        wait_until(PATIENCE, "the message", || {
            inbox(&bench) == ["through the flood"]
        });
        over.store(true, Ordering::Relaxed);
    });
    drop(idle);
    let grown = peak_kb(&bench) - before;
    assert!(grown < 8192, "memory grew by {grown} kB");
}

#[test]
fn when_files_run_out_idle_connections_make_room_and_messages_come_and_go() {
    let bench = Bench::start(&Setup::default());
    let pid = bench.agent().pid().to_string();
    let limited = Command::new("prlimit")
        .args(["--pid", &pid, "--nofile=40:40"])
        .status();
    if !limited.is_ok_and(|status| status.success()) {
        return println!("skipped: prlimit cannot lower the agent's limit here");
    }
    let flood: Vec<TcpStream> = (0..200_u8)
        .map(|n| connect_from([127, 0, 1, 1 + n / 10], bench.address).unwrap())
        .collect();
    wait_until(PATIENCE, "the log", || {
        bench.log().contains("idle ones are closed to make room")
    });
    is_served(&bench);
    bench.control(r#"deliver {"from":"+12025550155","text":"in"}"#);
    wait_until(PATIENCE, "the message", || inbox(&bench) == ["in"]);
    let order = json!({"to": "+12025550155", "text": "out"});
    assert_eq!(bench.api("POST", "/messages", Some(&order)).0, 202);
    assert_eq!(bench.wait_air(1)[0]["text"], "out");
    drop(flood);
    is_served(&bench);
}

#[test]
fn wrong_tokens_are_slowed_then_shut_out_while_others_are_served_and_never_logged() {
    let bench = Bench::start(&Setup::default());
    let get = |host: u8, authorization: &str| {
        let mut stream = connect_from([127, 0, 0, host], bench.address).unwrap();
        let request = format!("GET /api/v1/signal HTTP/1.1\r\n{authorization}\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        http::read_response(&mut BufReader::new(stream)).unwrap()
    };
    let missing = get(2, "A: b");
    assert_eq!(code(&missing), "token_missing");
    assert!(missing.header("www-authenticate").is_some());
    let begun = Instant::now();
    // Base64 of x:a-wrong-guess.
    assert_eq!(
        code(&get(2, "Authorization: Basic eDphLXdyb25nLWd1ZXNz")),
        "token_wrong"
    );
    assert!(begun.elapsed() >= Duration::from_millis(200));
    std::thread::scope(|scope| {
        let guesses: Vec<_> = (0..9)
            .map(|_| scope.spawn(|| code(&get(2, "Authorization: Bearer a-wrong-guess"))))
            .collect();
        is_served(&bench);
        for guess in guesses {
            assert_eq!(guess.join().unwrap(), "token_wrong");
        }
    });
    let right = format!("Authorization: Bearer {TOKEN}");
    let out = get(2, &right);
    assert_eq!((out.status, code(&out).as_str()), (429, "shut_out"));
    assert!(out.header("retry-after").is_some());
    assert_eq!(get(3, &right).status, 200);
    let log = bench.log();
    assert!(log.contains("127.0.0.2 gave ten wrong tokens and is shut out"));
    for secret in ["a-wrong-guess", "eDphLXdy", TOKEN] {
        assert!(!log.contains(secret), "{secret} is in the log");
    }
}

#[test]
fn a_web_page_of_another_site_is_refused_whatever_it_knows() {
    let bench = Bench::start(&Setup::default());
    let body = json!({"to": "+12025550155", "text": "hello"}).to_string();
    let post = |origin: &str| {
        let fields = [("Origin", origin), ("Content-Type", "text/plain")];
        ask(
            &bench,
            ("POST", "/api/v1/messages"),
            &fields,
            body.as_bytes(),
        )
    };
    for origin in [
        "http://evil.example",
        "null",
        "",
        "http://127.0.0.1",
        "http://127.0.0.1.evil.example",
    ] {
        assert_eq!(code(&post(origin)), "foreign_origin", "{origin}");
    }
    assert_eq!(post(&format!("http://{}", bench.address)).status, 202);
}
