//! Tests: loopback receivers for the tests of the wire and of the targets' tasks.
#![allow(clippy::disallowed_types)]

mod narrow;
mod targets;
mod wire;

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use super::*;
use crate::config::{Method, ToHttp};

const SAFETY: Duration = Duration::from_secs(20);

fn target(method: Method, port: u16) -> ToHttp {
    ToHttp {
        name: String::from("alarm"),
        forwarding: crate::config::Forwarding {
            enabled: true,
            ..Default::default()
        },
        method,
        url: format!("http://127.0.0.1:{port}/sms_in"),
        message_name: String::from("message"),
        verify_cert: true,
        ..ToHttp::default()
    }
}

/// Reads one request: its head and as much body as Content-Length says.
async fn read_request(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .filter_map(|line| line.split_once(": "))
                .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
                .map_or(0, |(_, value)| value.parse::<usize>().unwrap());
            if body.len() >= length {
                return text;
            }
        }
        if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
            return String::from_utf8_lossy(&bytes).into_owned();
        }
    }
}

/// A receiver that answers its requests with these texts, one after the other (the last for ever), and hangs up.
async fn receiver(answers: &'static [&'static str]) -> (u16, mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (tell, told) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let mut turn = 0;
        while let Ok((mut stream, _)) = listener.accept().await {
            let request = read_request(&mut stream).await;
            let answer = answers[turn.min(answers.len() - 1)];
            turn += 1;
            let _client_may_be_gone = stream.write_all(answer.as_bytes()).await;
            let _client_may_be_gone = stream.shutdown().await;
            let _test_may_be_over = tell.send(request);
        }
    });
    (port, told)
}

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
