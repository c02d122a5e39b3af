//! Tests: who is let in, how connections live and end, and how the listeners follow the configuration.

use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::config::Network;

fn token(config: &mut Config) {
    config.api.token = Some(String::from("s3cret"));
}

#[tokio::test]
async fn the_unix_socket_is_for_its_owner_and_needs_no_token() {
    with(token, |rig| async move {
        let mode = std::fs::metadata(&rig.socket).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(rig.get("/api/v1/signal").await.status, 200);
        assert_eq!(rig.get("/nowhere").await.code(), "not_found");
        let wrong = rig.call("PUT", "/api/v1/signal", "").await;
        assert_eq!(wrong.code(), "method_not_allowed");
        assert_eq!(wrong.field("Allow"), Some("GET, HEAD"));
    })
    .await;
}

#[tokio::test]
async fn over_tcp_the_token_is_asked_for_and_a_wrong_one_waits() {
    with(token, |rig| async move {
        let mut client = rig.tcp().await;
        let none = client.call("GET", "/api/v1/signal", "").await;
        assert_eq!(none.code(), "token_missing");
        assert!(
            none.field("WWW-Authenticate")
                .is_some_and(|way| way.starts_with("Bearer"))
        );
        let with = |token: &str| {
            format!("GET /api/v1/signal HTTP/1.1\r\nAuthorization: Bearer {token}\r\n\r\n")
        };
        client.send(&with("wrong")).await;
        let before = rig.rooms.clock.now().tick;
        assert_eq!(client.answer().await.code(), "token_wrong");
        let waited = rig.rooms.clock.now().tick.since(before);
        assert!(waited >= Duration::from_millis(200), "{waited:?}");
        client.send(&with("s3cret")).await;
        assert_eq!(client.answer().await.status, 200);
    })
    .await;
}

#[tokio::test]
async fn ten_wrong_tokens_shut_the_address_out_even_with_the_right_one() {
    with(token, |rig| async move {
        let wrong = "GET /api/v1/signal HTTP/1.1\r\nAuthorization: Bearer no\r\n\r\n";
        let mut clients = Vec::new();
        for _ in 0..10 {
            let mut client = rig.tcp().await;
            client.send(wrong).await;
            clients.push(client);
        }
        for client in &mut clients {
            let answer = client.answer().await;
            assert!(
                matches!(answer.code().as_str(), "token_wrong"),
                "{answer:?}"
            );
        }
        let mut client = rig.tcp().await;
        client
            .send("GET /api/v1/signal HTTP/1.1\r\nAuthorization: Bearer s3cret\r\n\r\n")
            .await;
        let answer = client.answer().await;
        assert_eq!(answer.code(), "shut_out");
        assert!(answer.field("Retry-After").is_some());
        // The page is told the same when it asks; it needs no token itself.
        client.send("GET / HTTP/1.1\r\n\r\n").await;
        let page = client.answer().await;
        assert_eq!(page.status, 200);
        assert!(page.field("Content-Security-Policy").is_some());
        assert_eq!(rig.get("/").await.status, 200);
    })
    .await;
}

#[tokio::test]
async fn a_network_that_is_not_allowed_is_closed_at_once() {
    fn elsewhere(config: &mut Config) {
        config.api.allow = vec![Network {
            address: [10, 0, 0, 0].into(),
            prefix: 8,
        }];
    }
    with(elsewhere, |rig| async move {
        let mut client = rig.tcp().await;
        client.send("GET / HTTP/1.1\r\n\r\n").await;
        assert_eq!(client.rest().await, "");
    })
    .await;
}

#[tokio::test]
async fn a_connection_is_kept_and_requests_may_come_in_one_go() {
    with(
        |_| {},
        |rig| async move {
            let mut client = rig.tcp().await;
            for _ in 0..50 {
                assert_eq!(client.call("GET", "/api/v1/push", "").await.status, 200);
            }
            let one =
                "HEAD / HTTP/1.1\r\n\r\nGET /api/v1/storage HTTP/1.0\r\n\r\nGET / HTTP/1.1\r\n\r\n";
            client.send(one).await;
            let text = client.rest().await;
            assert_eq!(text.matches("HTTP/1.1 200 OK").count(), 2, "{text}");
            assert!(text.contains("Content-Type: text/html"));
            assert!(!text.contains("<html"), "HEAD has no body: {text}");
            assert!(text.ends_with(r#"{"location":"sm","used":null,"total":null,"leave_free":5}"#));
        },
    )
    .await;
}

#[tokio::test]
async fn a_client_that_closes_its_half_still_gets_its_answer() {
    with(
        |_| {},
        |rig| async move {
            let mut client = rig.tcp().await;
            client.send("GET /healthz HTTP/1.0\r\n\r\n").await;
            client.line.shutdown().await.unwrap();
            let text = client.rest().await;
            assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{text}");
            assert!(
                text.ends_with(r#"{"status":"ok","modem":"absent"}"#),
                "{text}"
            );
        },
    )
    .await;
}

#[tokio::test]
async fn listeners_follow_the_configuration_and_one_that_is_taken_is_tried_again() {
    with(
        |_| {},
        |rig| async move {
            let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            let address = taken.local_addr().unwrap();
            rig.config
                .send_modify(|config| Rc::make_mut(config).api.listen = vec![address.into()]);
            let gone = || async {
                match TcpStream::connect(rig.address).await {
                    Ok(_) => Err(std::io::ErrorKind::Other.into()),
                    Err(_) => Ok(()),
                }
            };
            until(gone).await;
            drop(taken);
            let mut client = Client::new(until(|| TcpStream::connect(address)).await);
            assert_eq!(client.call("GET", "/", "").await.status, 200);
            rig.config
                .send_modify(|config| Rc::make_mut(config).api.enabled = false);
            assert_eq!(rig.get("/").await.status, 200);
        },
    )
    .await;
}

#[tokio::test]
async fn what_is_not_ours_is_never_removed_to_make_a_socket() {
    with(
        |_| {},
        |rig| async move {
            let place = rig.socket.parent().unwrap().join("profile");
            let start = || {
                run(
                    rig.config.subscribe(),
                    rig.rooms.clone(),
                    place.clone(),
                    pair().1,
                )
            };
            std::fs::write(&place, "a file").unwrap();
            let kind = start().await.unwrap_err().kind();
            assert_eq!(kind, std::io::ErrorKind::AlreadyExists);
            std::fs::remove_file(&place).unwrap();
            let theirs = place.with_extension("d");
            std::fs::create_dir(&theirs).unwrap();
            std::fs::write(theirs.join("x"), "a file").unwrap();
            let kind = start().await.unwrap_err().kind();
            assert_eq!(kind, std::io::ErrorKind::AlreadyExists);
            assert!(theirs.join("x").exists());
            // What a killed agent left is no hindrance.
            std::fs::remove_file(theirs.join("x")).unwrap();
            std::fs::write(theirs.join("public"), "").unwrap();
            drop(std::os::unix::net::UnixListener::bind(&place).unwrap());
            start().await.unwrap();
            assert!(!place.exists() && !theirs.exists());
        },
    )
    .await;
}

#[tokio::test]
async fn a_second_agent_is_refused_and_a_stopped_one_leaves_nothing() {
    with(
        |_| {},
        |rig| async move {
            let (_stopper, stop) = pair();
            let second = run(
                rig.config.subscribe(),
                rig.rooms.clone(),
                rig.socket.clone(),
                stop,
            )
            .await;
            assert_eq!(second.unwrap_err().kind(), std::io::ErrorKind::AddrInUse);
            let mut idle = rig.tcp().await;
            assert_eq!(idle.call("GET", "/", "").await.status, 200);
            rig.stopper.stop();
            rig.api.await.unwrap().unwrap();
            assert_eq!(idle.rest().await, "");
            let left: Vec<_> = std::fs::read_dir(rig.socket.parent().unwrap())
                .unwrap()
                .filter_map(|entry| Some(entry.ok()?.file_name()))
                .collect();
            assert_eq!(left, ["state"]);
        },
    )
    .await;
}
