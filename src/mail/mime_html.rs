//! Codec: the text that an HTML mail shows. Never follows a link, and keeps no markup: what is no text is dropped.

use super::mime_charset;

/// Elements whose content nobody sees.
const UNSEEN: &[&str] = &["head", "script", "style", "title", "template"];
/// Elements that begin on a line of their own.
const LINES: &[&str] = &[
    "br",
    "p",
    "div",
    "tr",
    "li",
    "ul",
    "ol",
    "table",
    "hr",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "blockquote",
    "pre",
    "section",
    "article",
    "dt",
    "dd",
];
/// The names of Latin-1 from A0 on (HTML 13.5).
const LATIN_1: &str = "\
    nbsp iexcl cent pound curren yen brvbar sect uml copy ordf laquo not shy reg macr deg plusmn sup2 sup3 acute \
    micro para middot cedil sup1 ordm raquo frac14 frac12 frac34 iquest Agrave Aacute Acirc Atilde Auml Aring \
    AElig Ccedil Egrave Eacute Ecirc Euml Igrave Iacute Icirc Iuml ETH Ntilde Ograve Oacute Ocirc Otilde Ouml \
    times Oslash Ugrave Uacute Ucirc Uuml Yacute THORN szlig agrave aacute acirc atilde auml aring aelig ccedil \
    egrave eacute ecirc euml igrave iacute icirc iuml eth ntilde ograve oacute ocirc otilde ouml divide oslash \
    ugrave uacute ucirc uuml yacute thorn yuml";
/// The other named characters that mails use.
const NAMED: &[(&str, char)] = &[
    ("amp", '&'),
    ("lt", '<'),
    ("gt", '>'),
    ("quot", '"'),
    ("apos", '\''),
    ("euro", '€'),
    ("hellip", '…'),
    ("ndash", '–'),
    ("mdash", '—'),
    ("lsquo", '‘'),
    ("rsquo", '’'),
    ("ldquo", '“'),
    ("rdquo", '”'),
    ("bdquo", '„'),
    ("bull", '•'),
];
/// Where a word may be broken; there is no such place in a message.
const SOFT_HYPHEN: char = '\u{ad}';
/// Longer than all names above, and some digits.
const LONGEST: usize = 10;

/// The text of `html`: blanks run together, a line for each paragraph, row and item.
pub(super) fn text(html: &str) -> String {
    let mut out = Out::default();
    let mut rest = html;
    while let Some(at) = rest.find(['<', '&']) {
        let (before, from) = rest.split_at(at);
        out.words(before);
        rest = match from.strip_prefix('&') {
            Some(name) => entity(name, &mut out),
            None => markup(from, &mut out),
        };
    }
    out.words(rest);
    out.text
}

#[derive(Default)]
struct Out {
    text: String,
    /// A blank stands before the next word.
    blank: bool,
}

impl Out {
    fn words(&mut self, text: &str) {
        text.chars().for_each(|character| self.put(character));
    }

    fn put(&mut self, character: char) {
        if character.is_whitespace() {
            self.blank = true;
            return;
        }
        if character == SOFT_HYPHEN {
            return;
        }
        if self.blank && !self.text.is_empty() && !self.text.ends_with('\n') {
            self.text.push(' ');
        }
        self.blank = false;
        self.text.push(character);
    }

    fn line(&mut self) {
        if !self.text.is_empty() && !self.text.ends_with('\n') {
            self.text.push('\n');
        }
        self.blank = false;
    }
}

/// What follows a `&`: a character's name or number, or nothing of the kind. Gives what is left.
fn entity<'a>(from: &'a str, out: &mut Out) -> &'a str {
    let name = from
        .split(|c: char| !c.is_ascii_alphanumeric() && c != '#')
        .next();
    let name = name
        .filter(|name| name.len() <= LONGEST)
        .unwrap_or_default();
    let Some(character) = named(name) else {
        out.put('&');
        return from;
    };
    out.put(character);
    let rest = from.strip_prefix(name).unwrap_or_default();
    rest.strip_prefix(';').unwrap_or(rest)
}

fn named(name: &str) -> Option<char> {
    let Some(number) = name.strip_prefix('#') else {
        let known = NAMED.iter().find(|(known, _)| *known == name);
        let other = known.map(|(_, character)| *character);
        let mut latin_1 = ('\u{a0}'..).zip(LATIN_1.split(' '));
        return other.or_else(|| latin_1.find(|(_, known)| *known == name).map(|(it, _)| it));
    };
    let code = match number.strip_prefix(['x', 'X']) {
        Some(hex) => u32::from_str_radix(hex, 16),
        None => number.parse(),
    };
    match code.ok()? {
        // No control characters, but what windows-1252 has there (HTML 13.2.5.80).
        code @ 0x80..0xA0 => mime_charset::decode("cp1252", &[code as u8]).chars().next(),
        code => char::from_u32(code),
    }
}

/// What begins with `<`: a comment, a tag, or a plain character. Gives what is left.
fn markup<'a>(from: &'a str, out: &mut Out) -> &'a str {
    if let Some(comment) = from.strip_prefix("<!--") {
        return after(comment, "-->");
    }
    let inside = from.strip_prefix('<').unwrap_or_default();
    if !inside.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '!' | '?')) {
        out.put('<');
        return inside;
    }
    let bare = inside.strip_prefix('/').unwrap_or(inside);
    let name = bare.split(|c: char| !c.is_ascii_alphanumeric()).next();
    let name = name.unwrap_or_default().to_ascii_lowercase();
    let rest = after(inside, ">");
    if LINES.contains(&name.as_str()) {
        out.line();
    } else if matches!(name.as_str(), "td" | "th") {
        out.blank = true;
    } else if UNSEEN.contains(&name.as_str()) && !inside.starts_with('/') {
        return past_end_of(&name, rest);
    }
    rest
}

fn after<'a>(text: &'a str, mark: &str) -> &'a str {
    text.split_once(mark).map_or("", |(_, rest)| rest)
}

/// What follows the end tag of an element; all of it is unseen when there is none.
fn past_end_of<'a>(name: &str, text: &'a str) -> &'a str {
    let mut rest = text;
    while let Some((_, tag)) = rest.split_once("</") {
        let found = tag.get(..name.len());
        if found.is_some_and(|found| found.eq_ignore_ascii_case(name)) {
            return after(tag, ">");
        }
        rest = tag;
    }
    ""
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_becomes_the_lines_it_shows() {
        for (html, shown) in [
            ("plain", "plain"),
            ("<p>One\r\n  two</p><p>three</p>", "One two\nthree\n"),
            (
                "<html><head><style>p { color: red }</style><title>no</title></head><BODY>Hi<br/>you</BODY></html>",
                "Hi\nyou",
            ),
            (
                "<!-- a > b --><b>bold</b>er <SCRIPT>if (a</b) x</SCRIPT >end",
                "bolder end",
            ),
            (
                "<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>",
                "a b\nc\n",
            ),
            (
                "Fish &amp; Chips &lt;5&nbsp;&euro;&gt; &#x1F496;&#382;",
                "Fish & Chips <5 €> 💖ž",
            ),
            (
                "&iexcl;Ma&ntilde;ana, &AElig;r&oslash;&nbsp;&yuml;! It&#146;s 5&#x80; to&shy;day",
                "¡Mañana, Ærø ÿ! It’s 5€ today",
            ),
            (
                "AT&T &unheard; & &#xFFFFFFFF; &#55296;",
                "AT&T &unheard; & &#xFFFFFFFF; &#55296;",
            ),
            ("a < b, <3", "a < b, <3"),
            ("<p>never closed <b", "never closed "),
            ("<style>all of it", ""),
            ("<!doctype html><?xml?>x", "x"),
        ] {
            assert_eq!(text(html).trim_end(), shown.trim_end(), "{html}");
        }
    }

    #[test]
    fn a_page_cut_anywhere_and_rubbish_are_read() {
        let html = "<p title='ž'>ž&eacute;<style>ž</style><!-- ž -->&#x17E;</p>";
        for (cut, _) in html.char_indices() {
            text(&html[..cut]);
            text(&html[cut..]);
        }
        let deep = "<div>&".repeat(20_000);
        assert!(text(&deep).starts_with('&'));
    }
}
