//! Words: the page a browser gets at `/`. Never anything that runs: no script, nothing from elsewhere.

use super::answer::Answer;
use super::ask::Ask;
use super::desk::Desk;
use super::problem::Problem;

const PAGE: &str = concat!(
    "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">",
    "<meta name=\"viewport\" content=\"width=device-width\"><title>rut-agent</title>",
    "<style>body{font:1em/1.5 sans-serif;max-width:40em;margin:2em auto;padding:0 1em}</style>",
    "<h1>rut-agent ",
    env!("CARGO_PKG_VERSION"),
    "</h1><p>The SMS agent of this router. Its API:</p><ul>",
    "<li><a href=\"/api/v1/status\">/api/v1/status</a> modem, SIM, network, queues</li>",
    "<li><a href=\"/api/v1/messages\">/api/v1/messages</a> received messages; ",
    "<a href=\"/api/v1/messages?box=sent\">sent ones</a>; POST sends</li>",
    "<li><a href=\"/api/v1/events\">/api/v1/events</a> what happened</li>",
    "<li><a href=\"/api/v1/signal\">/api/v1/signal</a>, <a href=\"/api/v1/storage\">/api/v1/storage</a>, ",
    "<a href=\"/api/v1/push\">/api/v1/push</a>, <a href=\"/healthz\">/healthz</a></li></ul>",
    "<p>All of it is described in the README that came with the package.</p></html>\n",
);

/// `GET /`.
pub fn get(_desk: &Desk, _ask: &Ask) -> Result<Answer, Problem> {
    Ok(Answer {
        status: 200,
        content_type: String::from("text/html; charset=utf-8"),
        fields: vec![(
            String::from("Content-Security-Policy"),
            String::from("default-src 'none'; style-src 'unsafe-inline'"),
        )],
        body: PAGE.as_bytes().to_vec(),
    })
}
