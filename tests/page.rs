//! Tests: the page in a real browser — Chromium, driven by `tests/page/drive.mjs` — against the real agent on the
//! simulated modem; its pictures lie in `target/screens`. Never a test of the API alone.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_types,
    clippy::disallowed_methods
)]

mod support;

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use support::{Bench, Setup, TOKEN, free_address};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

fn needed(path: String) -> String {
    assert!(
        Path::new(&path).exists(),
        "{path} is missing: ./scripts/test installs Chromium, and Playwright into target/tools-node"
    );
    path
}

#[test]
fn the_page_does_in_a_browser_what_its_owner_expects() {
    let nobody = free_address();
    let mut bench = Bench::start(&Setup {
        sections: format!(
            "config to_http 'host'\n\toption enabled '1'\n\toption url 'http://{nobody}/sms_in'\n\toption method 'json'\n"
        ),
        ..Setup::default()
    });
    let screens = format!("{ROOT}/target/screens");
    std::fs::create_dir_all(&screens).unwrap();
    let mut browser = Command::new("node")
        .arg(format!("{ROOT}/tests/page/drive.mjs"))
        .env("PAGE", format!("http://{}/", bench.address))
        .env("TOKEN", TOKEN)
        .env("SCREENS", screens)
        .env(
            "PLAYWRIGHT",
            needed(format!(
                "{ROOT}/target/tools-node/node_modules/playwright-core/index.js"
            )),
        )
        .env("CHROMIUM", needed(String::from("/usr/bin/chromium")))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("node is missing: ./scripts/test installs it");
    let mut answers = browser.stdin.take().unwrap();
    for order in BufReader::new(browser.stdout.take().unwrap()).lines() {
        match order.unwrap().as_str() {
            "stop" => assert_eq!(bench.terminate(), Some(0)),
            "start" => {
                bench.start_agent();
                bench.wait_ready();
            }
            line => {
                bench.control(line);
            }
        }
        answers.write_all(b"done\n").unwrap();
    }
    assert!(browser.wait().unwrap().success());
}

/// What gzip makes of it stands for what it costs in the package.
#[test]
fn the_page_fits_its_budget() {
    let page = std::fs::File::open(format!("{ROOT}/src/api/page.html")).unwrap();
    let gzip = Command::new("gzip")
        .arg("-9c")
        .stdin(page)
        .output()
        .unwrap();
    assert!(
        (1000..20_000).contains(&gzip.stdout.len()),
        "{}",
        gzip.stdout.len()
    );
}
