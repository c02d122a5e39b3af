//! Tests: a state directory that takes no more, through the real binary — its limit reached while a target is down, or
//! its disk full. Messages stay on the SIM, who sends is told so, and nothing is lost when there is room again.

use std::process::Command;

use serde_json::json;

use super::inbox;
use super::support::push::{Answer, PushReceiver, Request};
use super::support::{Bench, PATIENCE, Setup, wait_until};

/// Messages start coming until the store takes no more, and five after that: how many.
fn fill(bench: &Bench) -> usize {
    let mut count = 0;
    let mut deliver = || {
        let text = format!("{count} {}", "Füllung ".repeat(18));
        let order = json!({"from": "+12025550155", "text": text});
        bench.control(&format!("deliver {order}"));
        count += 1;
    };
    wait_until(PATIENCE, "a full store", || {
        deliver();
        bench.log().contains("a change was refused")
    });
    (0..5).for_each(|_| deliver());
    let order = json!({"to": "+12025550155", "text": "y".repeat(9000)});
    let (status, answer) = bench.api("POST", "/messages", Some(&order));
    let code = answer["code"].as_str().unwrap_or("none");
    assert!(
        matches!((status, code), (503, "flash_error") | (507, "store_full")),
        "{status} {answer}"
    );
    assert!(inbox(bench).len() < count);
    count
}

/// The number each text begins with, sorted.
fn numbers(texts: impl IntoIterator<Item = String>) -> Vec<usize> {
    let number = |text: String| text.split(' ').next().unwrap().parse().unwrap();
    let mut numbers: Vec<usize> = texts.into_iter().map(number).collect();
    numbers.sort_unstable();
    numbers
}

#[test]
fn a_full_state_directory_leaves_messages_on_the_sim_and_recovers_with_its_target() {
    let receiver = PushReceiver::start();
    receiver.answer(Answer::Status(503));
    let url = receiver.url("/in");
    let bench = Bench::start(&Setup {
        sections: format!(
            "config agent 'agent'\n\toption state_limit '65536'\n\
             config to_http 'host'\n\toption enabled '1'\n\toption url '{url}'\n\toption method 'json'\n"
        ),
        ..Setup::default()
    });
    let count = fill(&bench);
    receiver.answer(Answer::Status(204));
    // Not to wait for the next try: a reload tries at once.
    bench.reload();
    let refused = receiver.requests().len();
    wait_until(PATIENCE, "all pushed", || {
        let mut pushed = numbers(receiver.requests().iter().skip(refused).filter_map(text_of));
        pushed.dedup();
        pushed == (0..count).collect::<Vec<_>>()
    });
    wait_until(PATIENCE, "room for a message", || {
        let order = json!({"to": "+12025550155", "text": "at last"});
        bench.api("POST", "/messages", Some(&order)).0 == 202
    });
}

fn text_of(request: &Request) -> Option<String> {
    request.json()["data"]["text"].as_str().map(String::from)
}

/// A file system of so many kilobytes, unmounted when dropped.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn mount(&self, options: &str) -> bool {
        let done = Command::new("mount")
            .args(["-t", "tmpfs", "-o", options, "none"])
            .arg(self.0.path())
            .status();
        done.is_ok_and(|status| status.success())
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

#[test]
fn a_full_disk_leaves_messages_on_the_sim_until_there_is_room() {
    let disk = SmallDisk(tempfile::tempdir().unwrap());
    if !nix::unistd::geteuid().is_root() || !disk.mount("size=48k") {
        return println!("skipped: only root can mount a small disk");
    }
    let bench = Bench::start(&Setup {
        sections: format!(
            "config agent 'agent'\n\toption state_dir '{}'\n",
            disk.0.path().display()
        ),
        ..Setup::default()
    });
    let count = fill(&bench);
    assert!(disk.mount("remount,size=4m"));
    wait_until(PATIENCE, "all in", || {
        numbers(inbox(&bench)) == (0..count).collect::<Vec<_>>()
    });
    assert!(bench.log().contains("changes are taken again"));
}
