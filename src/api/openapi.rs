//! Words: `GET /openapi.json`, the API described (OpenAPI 3.1). Never written by hand: `tests/openapi.rs` beside this makes
//! the file.

use super::answer::Answer;
use super::ask::Ask;
use super::desk::Desk;
use super::problem::Problem;

const DOCUMENT: &[u8] = include_bytes!("openapi.json");

/// The whole description.
pub fn get(_desk: &Desk, ask: &Ask) -> Result<Answer, Problem> {
    ask.params()?.done()?;
    Ok(Answer {
        status: 200,
        content_type: String::from("application/json"),
        body: DOCUMENT.to_vec(),
        ..Answer::default()
    })
}
