//! Tests: one push each, to receivers that behave and that do not.
#![allow(clippy::disallowed_types)]

use super::*;
use crate::forward::http::{Failure, Way, send};
use crate::forward::webhook;
use crate::message::{Encoding, MessageId, Number, Received};
use crate::time::WallTime;

fn announced(id: u64, text: &str) -> (Event, Received) {
    let event = Event {
        seq: id,
        at: WallTime(1_795_293_314_000),
        kind: EventKind::MessageReceived,
        message: Some(MessageId(id)),
        facts: serde_json::Value::Null,
    };
    let message = Received {
        id: MessageId(id),
        from: Number::as_received("+37060000001"),
        text: String::from(text),
        sent_at: None,
        received_at: event.at,
        parts: 1,
        complete: true,
        class: None,
        encoding: Encoding::Gsm7,
        slots: Vec::new(),
    };
    (event, message)
}

async fn push(method: Method, port: u16) -> Result<(), Failure> {
    let target = target(method, port);
    let (event, message) = announced(12, "Test message");
    let at = WallTime(1_795_293_400_000);
    let request = webhook::request(&target, &event, Some(&message), at).unwrap();
    let taken = send(&Dialer::default(), &target, request, Way::default()).await?;
    assert!(taken.line.is_none() && (200..300).contains(&taken.status));
    Ok(())
}

/// What a receiver's answer is taken for.
async fn verdict(answer: &'static str) -> Result<(), String> {
    let (port, _told) = receiver(Box::leak(Box::new([answer]))).await;
    push(Method::Get, port)
        .await
        .map_err(|failure| failure.to_string())
}

#[tokio::test]
async fn a_get_on_the_wire_is_this_to_the_byte() {
    let (port, mut told) = receiver(&[OK]).await;
    push(Method::Get, port).await.unwrap();
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(
        told.recv().await.unwrap(),
        format!(
            "GET /sms_in?&message=Test%20message HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUser-Agent: rut-agent/{version}\r\nAccept: */*\r\nConnection: close\r\n\r\n"
        )
    );
}

#[tokio::test]
async fn a_post_on_the_wire_is_framed_by_its_length() {
    let (port, mut told) = receiver(&[OK]).await;
    push(Method::Post, port).await.unwrap();
    let request = told.recv().await.unwrap();
    assert!(
        request.starts_with("POST /sms_in HTTP/1.1\r\n"),
        "{request}"
    );
    assert!(request.contains("\r\nContent-Length: 23\r\n"), "{request}");
    assert!(
        request.ends_with("\r\n\r\n&message=Test%20message"),
        "{request}"
    );
}

#[tokio::test]
async fn every_2xx_is_a_yes_however_the_body_ends() {
    for answer in [
        OK,
        "HTTP/1.1 204 No Content\r\n\r\n",
        "HTTP/1.0 200 OK\r\n\r\nuntil the end",
        "HTTP/1.1 201 Created\r\nContent-Length: 500\r\n\r\nclosed in the middle",
        "HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\nrubbish",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    ] {
        assert_eq!(verdict(answer).await, Ok(()), "{answer:?}");
    }
}

#[tokio::test]
async fn everything_else_is_a_no_that_says_why() {
    for (answer, why) in [
        ("HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n", "500"),
        ("HTTP/1.1 404 Not Found\r\n\r\n", "404"),
        (
            "HTTP/1.1 301 Moved\r\nLocation: http://example.org/\r\n\r\n",
            "redirects are not followed",
        ),
        ("", "closed the connection"),
        ("HTTP/1.1 200 O", "closed the connection"),
        ("HTTP/1.1 200 OK\r\nContent-Le", "closed the connection"),
        ("SSH-2.0-OpenSSH_9.7\r\n\r\n", "cannot be read"),
    ] {
        let said = verdict(answer).await.unwrap_err();
        assert!(said.contains(why), "{answer:?}: {said}");
    }
}

#[tokio::test]
async fn a_giant_head_is_refused_and_a_giant_body_is_left() {
    let head = format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "y".repeat(64 * 1024));
    let said = verdict(Box::leak(head.into_boxed_str())).await.unwrap_err();
    assert!(said.contains("cannot be read"), "{said}");

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let flood = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        read_request(&mut stream).await;
        let head = "HTTP/1.1 200 OK\r\nContent-Length: 3000000000\r\n\r\n";
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut written = 0_u64;
        while stream.write_all(&[b'x'; 65_536]).await.is_ok() {
            written += 65_536;
        }
        written
    });
    push(Method::Get, port).await.unwrap();
    let written = tokio::time::timeout(SAFETY, flood).await.unwrap().unwrap();
    assert!(written < 100_000_000, "{written} bytes were taken");
}

#[tokio::test]
async fn a_receiver_that_refuses_is_named_so() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let said = push(Method::Get, port).await.unwrap_err().to_string();
    assert!(said.contains("refused"), "{said}");
}
