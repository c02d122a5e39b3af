//! Tests: the verb `demo` as its reader meets it — what it prints works, Ctrl-C ends it, a taken port is told. Never a
//! test of the agent in it.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]
#![allow(clippy::disallowed_types, clippy::disallowed_methods)]

mod support;

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use nix::sys::signal::Signal;

use support::process::{Process, sim_binary};
use support::{PATIENCE, free_address, wait_for};

/// A demo whose folder lies in `dir`, what it says in `dir/said`.
fn demo(dir: &Path, address: &str) -> Process {
    let line = [&sim_binary(), "demo", "--listen", address].map(String::from);
    let env = [(String::from("TMPDIR"), dir.display().to_string())];
    Process::start_in(&line, &dir.join("said"), &env)
}

#[test]
fn the_lines_that_a_demo_prints_can_be_pasted_and_ctrl_c_ends_it() {
    let dir = tempfile::tempdir().unwrap();
    let address = free_address().to_string();
    let mut demo = demo(dir.path(), &address);
    let said = || std::fs::read_to_string(dir.path().join("said")).unwrap();
    let line = |name: &str| {
        let text = said();
        let line = text.lines().find_map(|line| line.trim().strip_prefix(name));
        line.map(|line| String::from(line.trim()))
    };
    wait_for(PATIENCE, "the agent in the demo", || {
        said().contains("is ready").then_some(())
    });
    assert_eq!(line("page"), Some(format!("http://{address}/")));
    for (name, answer) in [
        ("send", r#""status":"queued""#),
        ("see it", "hello"),
        ("what came in", "messages"),
    ] {
        let pasted = line(name).unwrap();
        let done = Command::new("sh").args(["-c", &pasted]).output().unwrap();
        let answered = String::from_utf8(done.stdout).unwrap();
        assert!(answered.contains(answer), "{pasted}: {answered}");
    }
    demo.signal(Signal::SIGINT);
    assert_eq!(demo.wait(PATIENCE), Some(0));
}

#[test]
fn a_demo_whose_port_is_taken_says_so_and_ends() {
    let dir = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    assert_eq!(demo(dir.path(), &address).wait(PATIENCE), Some(1));
    let said = std::fs::read_to_string(dir.path().join("said")).unwrap();
    assert!(said.contains(&format!("{address}: Address")), "{said}");
    assert!(said.contains("--listen names another address"), "{said}");
}
