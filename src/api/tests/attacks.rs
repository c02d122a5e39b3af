//! Tests: the attacks that kill tiny_http or starve a naive server (facts/crates.md section 3), each with a
//! well-behaved client beside it that must be answered.

use super::*;

/// A second is what BUDGETS.md gives; the machine that runs this may be busy.
const SOON: Duration = Duration::from_secs(5);

/// A newcomer is served.
async fn others_are_served(rig: &Rig) {
    let served = async {
        assert_eq!(rig.tcp().await.call("GET", "/", "").await.status, 200);
        assert_eq!(rig.get("/api/v1/signal").await.status, 200);
    };
    timeout(SOON, served).await.expect("others have to wait");
}

#[tokio::test]
async fn silent_and_slow_connections_shut_nobody_out() {
    with(
        |_| {},
        |rig| async move {
            let mut held = Vec::new();
            for n in 0..300 {
                let mut client = rig.tcp().await;
                if n % 2 == 0 {
                    client.send("GET / HTTP/1.1\r\nX: ").await;
                }
                held.push(client);
                if n % 60 == 0 {
                    others_are_served(&rig).await;
                }
            }
            others_are_served(&rig).await;
            let mut evicted = 0;
            for client in held.iter_mut().take(200) {
                let gone = timeout(SOON, client.more()).await;
                evicted += usize::from(gone == Ok(false));
            }
            assert_eq!(evicted, 200);
        },
    )
    .await;
}

#[tokio::test]
async fn a_body_that_never_comes_holds_up_nobody() {
    with(
        |_| {},
        |rig| async move {
            let mut held = Vec::new();
            for _ in 0..40 {
                let mut client = rig.tcp().await;
                client
                    .send("POST /api/v1/messages HTTP/1.1\r\nContent-Length: 2000\r\n\r\nabc")
                    .await;
                held.push(client);
            }
            others_are_served(&rig).await;
        },
    )
    .await;
}

#[tokio::test]
async fn what_is_too_long_is_refused_with_an_answer() {
    with(
        |_| {},
        |rig| async move {
            let answers = [
                ("Content-Length: 3000000000\r\n\r\n", "body_too_long"),
                ("Content-Length: 65537\r\n\r\n", "body_too_long"),
                (
                    "Content-Length: 1\r\nContent-Length: 1\r\n\r\n",
                    "bad_request",
                ),
                (
                    "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
                    "bad_request",
                ),
                (
                    "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                    "length_required",
                ),
                ("Expect: 200-ok\r\n\r\n", "expectation_failed"),
                ("A: b\r\n c\r\n\r\n", "bad_request"),
            ];
            for (fields, code) in answers {
                let mut client = rig.tcp().await;
                client.send(&format!("POST / HTTP/1.1\r\n{fields}")).await;
                assert_eq!(client.answer().await.code(), code, "{fields}");
                assert_eq!(client.rest().await, "", "{fields}");
            }
            let mut client = rig.tcp().await;
            client
                .send(&format!("GET / HTTP/1.1\r\nX: {}", "a".repeat(200_000)))
                .await;
            assert_eq!(client.answer().await.code(), "head_too_long");
            others_are_served(&rig).await;
        },
    )
    .await;
}

#[tokio::test]
async fn rubbish_gets_an_answer_or_a_clean_close() {
    with(
        |_| {},
        |rig| async move {
            for text in [
                "\u{16}\u{3}\u{1}",
                "\0\0\0\0",
                "GET / HTTP/9.9\r\n\r\n",
                "lots of words\r\n",
                " / \r\n",
            ] {
                let mut client = rig.tcp().await;
                client.send(text).await;
                let answer = client.answer().await;
                assert!((400..=505).contains(&answer.status), "{text:?}");
                assert_eq!(client.rest().await, "");
            }
            others_are_served(&rig).await;
        },
    )
    .await;
}

#[tokio::test]
async fn half_a_request_and_resets_harm_nobody() {
    with(
        |_| {},
        |rig| async move {
            for n in 0..200 {
                let line = std::net::TcpStream::connect(rig.address).unwrap();
                let whole = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
                let part = &whole[..n % (whole.len() + 1)];
                std::io::Write::write_all(&mut &line, part).unwrap();
                // Closing with unread data, or at once after connect, resets.
                drop(line);
                tokio::task::yield_now().await;
            }
            others_are_served(&rig).await;
        },
    )
    .await;
}

#[tokio::test]
async fn a_client_that_asks_and_never_reads_is_not_waited_for() {
    with(
        |_| {},
        |rig| async move {
            let mut greedy = rig.tcp().await;
            let many = "GET / HTTP/1.1\r\n\r\n".repeat(500);
            let asking = async {
                loop {
                    greedy.send(&many).await;
                }
            };
            let _blocked = timeout(Duration::from_millis(300), asking).await;
            others_are_served(&rig).await;
        },
    )
    .await;
}

#[tokio::test]
async fn a_body_comes_after_100_continue_and_in_pieces() {
    with(|_| {}, |rig| async move {
        let mut client = rig.tcp().await;
        let body = r#"{"text":"hello"}"#;
        client
            .send(&format!(
                "POST /api/v1/messages/preview HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: {}\r\n\r\n",
                body.len()
            ))
            .await;
        client.hears("100 Continue\r\n\r\n").await;
        client.buffer.clear();
        for byte in body.chars() {
            client.send(&byte.to_string()).await;
            tokio::task::yield_now().await;
        }
        let answer = client.answer().await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.value()["parts"], 1);
    })
    .await;
}

#[tokio::test]
async fn many_clients_at_once_each_get_their_own_answer() {
    with(
        |_| {},
        |rig| async move {
            let mut clients = Vec::new();
            for n in 0..16 {
                let mut client = rig.tcp().await;
                client
                    .send(&format!(
                        "GET /api/v1/{n} HTTP/1.1\r\n\r\nGET /api/v1/signal HTTP/1.1\r\n\r\n"
                    ))
                    .await;
                clients.push(client);
            }
            for client in &mut clients {
                assert_eq!(client.answer().await.code(), "not_found");
                assert_eq!(client.answer().await.status, 200);
            }
        },
    )
    .await;
}
