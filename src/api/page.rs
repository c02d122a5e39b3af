//! Words: the page a browser gets at `/`, one file without outside resources. Never holds a secret: it asks for the token
//! and then speaks the API as any client.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::answer::Answer;
use super::ask::Ask;
use super::desk::Desk;
use super::problem::Problem;

const PAGE: &str = include_str!("page.html");

/// `GET /`. The browser runs this script and this style and nothing else, and speaks to nobody else.
pub fn get(_desk: &Desk, _ask: &Ask) -> Result<Answer, Problem> {
    let policy = format!(
        "default-src 'none'; script-src {}; style-src {}; connect-src 'self'; img-src data:; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'",
        hash("script"),
        hash("style")
    );
    Ok(Answer {
        status: 200,
        content_type: String::from("text/html; charset=utf-8"),
        fields: vec![
            (String::from("Content-Security-Policy"), policy),
            (String::from("Referrer-Policy"), String::from("no-referrer")),
        ],
        body: PAGE.as_bytes().to_vec(),
    })
}

/// The source expression that allows what stands in the page's one element of that name (CSP 3, 2.3.1).
fn hash(element: &str) -> String {
    let (begin, end) = (format!("<{element}>"), format!("</{element}>"));
    let inner = PAGE
        .split_once(&begin)
        .and_then(|(_, rest)| rest.split_once(&end));
    let digest = Sha256::digest(inner.map_or("", |(inner, _)| inner));
    format!("'sha256-{}'", STANDARD.encode(digest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_needs_nothing_from_elsewhere_and_never_makes_markup_of_data() {
        for tag in ["<script>", "</script>", "<style>", "</style>"] {
            assert_eq!(PAGE.matches(tag).count(), 1, "{tag}");
        }
        for word in [
            "innerHTML",
            "outerHTML",
            "insertAdjacent",
            "document.write",
            "eval(",
            " style=",
            "onclick",
            "src=",
        ] {
            assert!(!PAGE.contains(word), "{word}");
        }
        let named = PAGE.matches("http").count() - PAGE.matches("to_http").count();
        assert_eq!(named, 1, "the name of SVG is the only address");
    }
}
