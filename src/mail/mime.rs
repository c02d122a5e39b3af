//! Codec: a mail into its subject and its text (RFC 5322, 2045, 2046). Never fails and never trusts: what is broken is read
//! as far as it goes, what was cut off is missing, and nesting has an end.

use super::mime_flow::{Flow, message};
use super::{mime_charset, mime_coding, mime_html};

/// Multiparts in multiparts are followed so deep.
const DEPTH: u8 = 8;

/// The subject, its encoded-words read; `None` when there is none.
pub(super) fn subject(mail: &[u8]) -> Option<String> {
    let raw = field(split(mail).0, "subject")?;
    Some(mime_coding::words(raw.trim_ascii()))
}

/// The text that a reader would see first: the first plain text that says something, else the first HTML that does; no
/// attachments. `None` when there is no such thing.
pub(super) fn text(mail: &[u8]) -> Option<String> {
    find(mail, "text/plain", DEPTH).or_else(|| find(mail, "text/html", DEPTH))
}

/// The first text of this type in an entity.
fn find(entity: &[u8], wanted: &str, depth: u8) -> Option<String> {
    let (head, body) = split(entity);
    let shown = |name| field(head, name).map(|raw| String::from_utf8_lossy(&raw).into_owned());
    let kind = shown("content-type").unwrap_or_default();
    let media = first_word(&kind);
    if media.starts_with("multipart/") {
        let boundary = parameter(&kind, "boundary")?;
        let mut parts = parts(body, boundary.as_bytes()).into_iter();
        let deeper = depth.checked_sub(1)?;
        return parts.find_map(|part| find(part, wanted, deeper));
    }
    let attached = shown("content-disposition").is_some_and(|how| first_word(&how) == "attachment");
    // No type, or none that can be read, is plain text (RFC 2045 5.2).
    let media = if media.contains('/') {
        media.as_str()
    } else {
        "text/plain"
    };
    if media != wanted || attached {
        return None;
    }
    let coding = shown("content-transfer-encoding").unwrap_or_default();
    let bytes = match first_word(&coding).as_str() {
        "quoted-printable" => mime_coding::quoted_printable(body),
        "base64" => mime_coding::base64(body),
        _ => body.to_vec(),
    };
    let charset = parameter(&kind, "charset").unwrap_or_default();
    let text = mime_charset::decode(&charset, &bytes);
    let said = match wanted {
        "text/html" => message(&mime_html::text(&text), Flow::default()),
        _ => message(&text, flow(&kind)),
    };
    (!said.trim().is_empty()).then_some(said)
}

fn flow(kind: &str) -> Flow {
    let says = |name, value: &str| {
        parameter(kind, name).is_some_and(|said| said.eq_ignore_ascii_case(value))
    };
    Flow {
        flowed: says("format", "flowed"),
        delsp: says("delsp", "yes"),
    }
}

/// What stands before the parameters, in lower case.
fn first_word(value: &str) -> String {
    let word = value
        .split([';', ' ', '\t', '('])
        .find(|word| !word.is_empty());
    word.unwrap_or_default().to_ascii_lowercase()
}

/// Header and body of an entity; a first empty line parts them.
fn split(entity: &[u8]) -> (&[u8], &[u8]) {
    let mut used = 0;
    for line in entity.split_inclusive(|byte| *byte == b'\n') {
        let head = used;
        used += line.len();
        if line.trim_ascii().is_empty() {
            return (
                entity.get(..head).unwrap_or_default(),
                entity.get(used..).unwrap_or_default(),
            );
        }
    }
    (entity, b"")
}

/// The first header field of this (lower-case) name, unfolded (RFC 5322 2.2.3).
fn field(head: &[u8], name: &str) -> Option<Vec<u8>> {
    let mut lines = head
        .split(|byte| *byte == b'\n')
        .map(<[u8]>::trim_ascii_end);
    let begins = |line: &[u8]| {
        let (found, value) = line.split_at_checked(name.len())?;
        let value = value.trim_ascii_start().strip_prefix(b":")?;
        found
            .eq_ignore_ascii_case(name.as_bytes())
            .then(|| value.to_vec())
    };
    let mut value = lines.find_map(begins)?;
    for line in lines.take_while(|line| line.starts_with(b" ") || line.starts_with(b"\t")) {
        value.extend_from_slice(line);
    }
    Some(value)
}

/// A parameter of a structured field (RFC 2045 5.1), quoted or not.
fn parameter(value: &str, name: &str) -> Option<String> {
    let mut quoted = false;
    let mut pieces = value.split(|c: char| {
        quoted ^= c == '"';
        c == ';' && !quoted
    });
    pieces.find_map(|piece| {
        let (found, said) = piece.split_once('=')?;
        let said = said.trim();
        let bare = said.strip_prefix('"').map_or_else(
            || said.split([' ', '\t', '(']).next(),
            |inside| inside.split('"').next(),
        );
        found
            .trim()
            .eq_ignore_ascii_case(name)
            .then(|| bare.map(String::from))?
    })
}

/// The parts between a multipart's delimiter lines (RFC 2046 5.1.1); a last one without an end is one, too.
fn parts<'a>(body: &'a [u8], boundary: &[u8]) -> Vec<&'a [u8]> {
    let mut found = Vec::new();
    let mut begin = None;
    let mut used = 0;
    for line in body.split_inclusive(|byte| *byte == b'\n') {
        let at = used;
        used += line.len();
        let rest = line
            .strip_prefix(b"--")
            .and_then(|line| line.strip_prefix(boundary));
        let Some(rest) = rest.map(<[u8]>::trim_ascii_end) else {
            continue;
        };
        if rest.is_empty() || rest == b"--" {
            found.extend(begin.and_then(|begin| body.get(begin..at)));
            begin = rest.is_empty().then_some(used);
        }
        if rest == b"--" {
            return found;
        }
    }
    found.extend(begin.and_then(|begin| body.get(begin..)));
    found
}

#[cfg(test)]
#[path = "mime_tests.rs"]
mod tests;
