//! Tests: that the tests' own tools work.

#[path = "mod.rs"]
mod support;

use std::time::Duration;

use support::push::{Answer, PushReceiver};
use support::{PATIENCE, http, wait_for};

#[test]
fn the_receiver_keeps_what_came_and_answers_as_told() {
    let receiver = PushReceiver::start();
    receiver.answer(Answer::Status(204));
    receiver.answer_next(&[Answer::Status(500), Answer::HangUp]);
    let push = |body: &str| {
        http::request(
            receiver.address,
            "POST",
            "/in?&a=b",
            &[("X-Id", "7")],
            body.as_bytes(),
        )
    };
    assert_eq!(push("one").unwrap().status, 500);
    assert!(push("two").is_err());
    assert_eq!(push("three").unwrap().status, 204);
    let requests = receiver.wait(3, PATIENCE);
    assert_eq!(
        requests
            .iter()
            .map(support::push::Request::text)
            .collect::<Vec<_>>(),
        ["one", "two", "three"]
    );
    assert_eq!(requests[0].line, "POST /in?&a=b HTTP/1.1");
    assert_eq!(requests[0].target(), "/in?&a=b");
    assert_eq!(requests[0].header("x-id"), Some("7"));
}

#[test]
#[should_panic(expected = "0 of 1 pushes came")]
fn waiting_for_a_push_that_never_comes_ends() {
    PushReceiver::start().wait(1, Duration::from_millis(10));
}

#[test]
fn chunked_and_plain_answers_are_read() {
    let read = |text: &str| http::read_response(&mut text.as_bytes());
    let chunked =
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
    assert_eq!(read(chunked).unwrap().text(), "abcde");
    let plain =
        read("HTTP/1.1 404 No\r\nContent-Length: 2\r\nContent-Type: x\r\n\r\n{}tail").unwrap();
    assert_eq!(
        (
            plain.status,
            plain.text().as_str(),
            plain.header("content-type")
        ),
        (404, "{}", Some("x"))
    );
    assert!(read("SSH-2.0\r\n").is_err());
}

#[test]
fn asking_ends_with_the_first_answer() {
    let mut asked = 0;
    let answer = wait_for(PATIENCE, "three", || {
        asked += 1;
        (asked == 3).then_some(asked)
    });
    assert_eq!(answer, 3);
}
