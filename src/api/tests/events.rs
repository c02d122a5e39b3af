//! Tests: events by page, by waiting, by stream, and over a reconnect.

use super::*;

const EVENTS: &str = "/api/v1/events";

#[tokio::test]
async fn a_page_tells_what_happened_and_where_to_go_on() {
    with(
        |_| {},
        |rig| async move {
            let none = rig.get(EVENTS).await.value();
            assert_eq!(none, serde_json::json!({"events":[],"next":0}));
            let first = rig.receive("one", 1);
            rig.receive("two", 2);
            let page = rig.get(&format!("{EVENTS}?limit=1")).await.value();
            let event = &page["events"][0];
            assert_eq!(event["type"], "message.received");
            assert_eq!(event["seq"], first);
            assert_eq!(event["message"], first.to_string());
            assert_eq!(
                (&event["data"]["text"], &event["data"]["from"]),
                (&"one".into(), &"+31641600986".into())
            );
            assert_eq!(page["next"], first);
            let rest = rig.get(&format!("{EVENTS}?after={first}")).await.value();
            assert_eq!(rest["events"].as_array().unwrap().len(), 1);
            assert_eq!(rest["events"][0]["data"]["text"], "two");
            let anew = rig.get(&format!("{EVENTS}?after=1000000")).await.value();
            assert_eq!(
                anew["events"].as_array().unwrap().len(),
                2,
                "a cursor from another life begins anew"
            );
            assert_eq!(
                rig.get(&format!("{EVENTS}?wait=61")).await.code(),
                "bad_parameter"
            );
        },
    )
    .await;
}

#[tokio::test]
async fn a_deleted_message_leaves_its_event_without_text() {
    with(
        |_| {},
        |rig| async move {
            let id = rig.receive("secret", 1);
            rig.call("DELETE", &format!("/api/v1/messages/{id}"), "")
                .await;
            let page = rig.get(EVENTS).await;
            assert_eq!(page.value()["events"][0]["message"], id.to_string());
            assert!(!String::from_utf8(page.body).unwrap().contains("secret"));
        },
    )
    .await;
}

#[tokio::test]
async fn a_waiting_page_is_answered_when_something_comes() {
    with(
        |_| {},
        |rig| async move {
            let mut client = rig.tcp().await;
            client
                .send(&format!("GET {EVENTS}?wait=60 HTTP/1.1\r\n\r\n"))
                .await;
            // Whoever waits keeps nobody else waiting.
            for _ in 0..3 {
                assert_eq!(rig.get("/").await.status, 200);
            }
            rig.receive("news", 1);
            let page = client.answer().await.value();
            assert_eq!(page["events"][0]["data"]["text"], "news");
            let next = page["next"].as_u64().unwrap();
            client
                .send(&format!(
                    "GET {EVENTS}?after={next}&wait=60 HTTP/1.1\r\n\r\n"
                ))
                .await;
            client.line.shutdown().await.unwrap();
            let page = client.answer().await.value();
            assert_eq!(
                page,
                serde_json::json!({"events":[],"next":next}),
                "a client that hangs up is not waited for"
            );
        },
    )
    .await;
}

#[tokio::test]
async fn a_stream_tells_what_comes_and_after_a_reconnect_what_was_missed() {
    with(|_| {}, |rig| async move {
        rig.receive("before", 1);
        let mut client = rig.tcp().await;
        client.send(&format!("GET {EVENTS} HTTP/1.1\r\nAccept: text/event-stream\r\n\r\n")).await;
        client.hears("retry: 3000\n\n").await;
        assert!(client.text().contains("Content-Type: text/event-stream\r\n"));
        let id = rig.receive("now", 2);
        client.hears("\n\n").await;
        client.hears(&format!("id: {id}\nevent: message.received\ndata: {{")).await;
        client.hears("\"text\":\"now\"").await;
        assert!(!client.text().contains("before"));
        drop(client);
        rig.receive("missed", 3);
        let mut client = rig.tcp().await;
        client
            .send(&format!("GET {EVENTS}?after=0 HTTP/1.1\r\nAccept: text/event-stream\r\nLast-Event-ID: {id}\r\n\r\n"))
            .await;
        client.hears("\"text\":\"missed\"").await;
        assert!(!client.text().contains("now"));
    })
    .await;
}

#[tokio::test]
async fn streams_are_counted_and_give_their_place_back() {
    with(
        |_| {},
        |rig| async move {
            let open = format!("GET {EVENTS} HTTP/1.1\r\nAccept: text/event-stream\r\n\r\n");
            let mut streams = Vec::new();
            for _ in 0..8 {
                let mut client = rig.tcp().await;
                client.send(&open).await;
                client.hears("retry").await;
                streams.push(client);
            }
            let mut more = rig.tcp().await;
            more.send(&open).await;
            assert_eq!(more.answer().await.code(), "too_many_streams");
            drop(streams.pop());
            let again = || async {
                let mut client = rig.tcp().await;
                client.send(&open).await;
                client.more().await;
                client.hears("\r\n\r\n").await;
                match client.text().contains("text/event-stream") {
                    true => Ok(()),
                    false => Err(std::io::ErrorKind::Other.into()),
                }
            };
            until(again).await;
            rig.stopper.stop();
            for mut client in streams {
                client.rest().await;
            }
            rig.api.await.unwrap().unwrap();
        },
    )
    .await;
}
