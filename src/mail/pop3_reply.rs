//! Codec: what a POP3 server says — status lines, replies of many lines, their listings (RFC 1939). Never believes a length
//! or a count of the server's, and keeps no more than it was told to.

/// What the first line of a reply says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Status {
    /// `+OK`.
    Ok,
    /// `-ERR`, and the server's words, fit for the log.
    Err(String),
}

/// Characters of the server's words that are worth a place in the log.
const WORDS: usize = 80;

/// Reads a status line; `None` when it is none.
pub(super) fn status(line: &[u8]) -> Option<Status> {
    if is(line, b"+OK") {
        return Some(Status::Ok);
    }
    if !is(line, b"-ERR") {
        return None;
    }
    let said = String::from_utf8_lossy(line.get(4..).unwrap_or_default());
    let shown = said.trim().chars().filter(|c| !c.is_control()).take(WORDS);
    Some(Status::Err(shown.collect()))
}

/// True for this word alone or with something behind it.
fn is(line: &[u8], word: &[u8]) -> bool {
    let rest = line.get(word.len()..);
    line.get(..word.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(word))
        && rest.is_some_and(|rest| rest.first().is_none_or(u8::is_ascii_whitespace))
}

/// Finds the end of a reply of many lines and takes the dots off that stand for themselves (RFC 1939 3).
///
/// ```text
/// Start --'.'--> Dot --CR--> DotCr --LF--> the end
///   ^   other     | other       | other
///   LF <--------- Inside <------+
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Unstuff {
    /// A line begins.
    #[default]
    Start,
    /// It began with a dot.
    Dot,
    /// And a carriage return follows.
    DotCr,
    /// Within a line.
    Inside,
}

/// What a byte is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Piece {
    /// Content.
    Byte(u8),
    /// Only there for the wire.
    Nothing,
    /// The reply's last.
    End,
}

impl Unstuff {
    /// The next byte of the reply. A bare LF ends a line, too: some servers send mails as they lie on their disk.
    fn take(&mut self, byte: u8) -> Piece {
        let (next, piece) = match (*self, byte) {
            (Unstuff::Dot | Unstuff::DotCr, b'\n') => (Unstuff::Start, Piece::End),
            (Unstuff::Start, b'.') => (Unstuff::Dot, Piece::Nothing),
            (Unstuff::Dot, b'\r') => (Unstuff::DotCr, Piece::Nothing),
            (_, b'\n') => (Unstuff::Start, Piece::Byte(byte)),
            (_, byte) => (Unstuff::Inside, Piece::Byte(byte)),
        };
        *self = next;
        piece
    }
}

/// Where the content of a reply of many lines goes.
pub(super) type Sink<'a> = &'a mut dyn FnMut(u8);

/// A reply on its way in.
pub(super) struct Reply<'a> {
    head: Vec<u8>,
    status: Option<Status>,
    body: Unstuff,
    sink: Option<Sink<'a>>,
}

/// What came is no POP3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NotPop3;

impl<'a> Reply<'a> {
    /// The longest status line; RFC 1939 3 allows 512.
    const HEAD: usize = 2048;

    /// A reply of one line, or with a `sink` one of many, unless it is an error.
    pub(super) fn new(sink: Option<Sink<'a>>) -> Reply<'a> {
        Reply {
            head: Vec::new(),
            status: None,
            body: Unstuff::default(),
            sink,
        }
    }

    /// The next byte; how the reply begins, when it was the last.
    pub(super) fn take(&mut self, byte: u8) -> Option<Result<Status, NotPop3>> {
        match (&self.status, &mut self.sink) {
            (Some(status), Some(sink)) => match self.body.take(byte) {
                Piece::Byte(byte) => sink(byte),
                Piece::Nothing => {}
                Piece::End => return Some(Ok(status.clone())),
            },
            (None, sink) if byte == b'\n' => match status(&self.head) {
                None => return Some(Err(NotPop3)),
                Some(Status::Ok) if sink.is_some() => self.status = Some(Status::Ok),
                Some(found) => return Some(Ok(found)),
            },
            (None, _) if self.head.len() < Self::HEAD => self.head.push(byte),
            (None, _) | (Some(_), None) => return Some(Err(NotPop3)),
        }
        None
    }
}

/// Puts lines together from single bytes; of a line that is too long only the front.
#[derive(Debug, Default)]
pub(super) struct Lines(Vec<u8>);

impl Lines {
    /// The longest line of a listing: `UIDL`'s have a number and at most 70 characters.
    const LONGEST: usize = 128;

    /// The next byte, and the line that it ends.
    pub(super) fn take(&mut self, byte: u8) -> Option<Vec<u8>> {
        if byte == b'\n' {
            return Some(std::mem::take(&mut self.0));
        }
        if self.0.len() < Self::LONGEST {
            self.0.push(byte);
        }
        None
    }
}

/// A line of `UIDL`: the mail's number in this session, and its unique-id (RFC 1939 7, 1 to 70 visible characters).
pub(super) fn uidl(line: &[u8]) -> Option<(u32, &[u8])> {
    let place = line.iter().position(|byte| *byte == b' ')?;
    let (number, uid) = line.split_at(place);
    let number = str::from_utf8(number).ok()?.parse().ok()?;
    let uid = uid.trim_ascii();
    let right = matches!(uid.len(), 1..=70) && uid.iter().all(u8::is_ascii_graphic);
    (right && number > 0).then_some((number, uid))
}

/// True for `CAPA`'s line that offers TLS (RFC 2595 4).
pub(super) fn offers_stls(line: &[u8]) -> bool {
    line.trim_ascii().eq_ignore_ascii_case(b"STLS")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_line_is_told_from_all_else() {
        for (line, found) in [
            ("+OK", Some(Status::Ok)),
            ("+ok Dovecot ready. <x@y>", Some(Status::Ok)),
            ("-ERR", Some(Status::Err(String::new()))),
            (
                "-ERR [AUTH] no\u{1b}[31m way ",
                Some(Status::Err("[AUTH] no[31m way".into())),
            ),
            ("+OKAY", None),
            ("+", None),
            ("* OK IMAP", None),
            ("", None),
        ] {
            assert_eq!(status(line.as_bytes()), found, "{line}");
        }
        let Some(Status::Err(long)) = status(&[b"-ERR ", &[b'x'; 5000][..]].concat()) else {
            panic!("an error is an error")
        };
        assert_eq!(long.len(), WORDS);
    }

    /// The content of a reply and the bytes behind its end, if it has one.
    fn unstuffed(reply: &[u8]) -> (String, Option<usize>) {
        let mut content = Vec::new();
        let mut sink = |byte| content.push(byte);
        let mut taken = Reply::new(Some(&mut sink));
        let end = [b"+OK\r\n", reply]
            .concat()
            .iter()
            .position(|byte| taken.take(*byte).is_some());
        let left = end.map(|end| reply.len() + 4 - end);
        (String::from_utf8(content).unwrap(), left)
    }

    #[test]
    fn a_reply_of_one_line_ends_with_it_and_an_error_has_no_more() {
        let mut sink = |_| panic!("an error has no content");
        for (mut reply, bytes, found) in [
            (Reply::new(None), "+OK\r\n", Ok(Status::Ok)),
            (
                Reply::new(Some(&mut sink)),
                "-ERR no\n",
                Ok(Status::Err("no".into())),
            ),
            (Reply::new(None), "HTTP/1.1 400\n", Err(NotPop3)),
        ] {
            let mut ends = bytes.bytes().filter_map(|byte| reply.take(byte));
            assert_eq!((ends.next(), ends.next()), (Some(found), None));
        }
        let mut endless = Reply::new(None);
        let ends = std::iter::repeat_n(b'+', 3000).find_map(|byte| endless.take(byte));
        assert_eq!(ends, Some(Err(NotPop3)));
    }

    #[test]
    fn dots_are_taken_off_and_the_end_is_found_and_only_there() {
        for (reply, content, left) in [
            (".\r\n", "", Some(0)),
            ("a\r\n.\r\n+OK", "a\r\n", Some(3)),
            ("..\r\n...x\r\n.y\r\n.\r\n", ".\r\n..x\r\ny\r\n", Some(0)),
            ("a.\r\n. \r\n.\n", "a.\r\n \r\n", Some(0)),
            ("a\n.\n", "a\n", Some(0)),
            (".\rx\r\n", "x\r\n", None),
            ("endless", "endless", None),
        ] {
            let found = unstuffed(reply.as_bytes());
            assert_eq!(found, (String::from(content), left), "{reply:?}");
        }
        let whole = b"..a\r\nb\r\n.\r\n";
        for cut in 0..whole.len() {
            assert_eq!(unstuffed(&whole[..cut]).1, None, "cut at {cut}");
        }
    }

    #[test]
    fn a_listing_is_read_line_by_line_and_its_rubbish_passed_over() {
        for (line, found) in [
            (
                "1 whqtswO00WBw418f9t5JxYwZ",
                Some((1, "whqtswO00WBw418f9t5JxYwZ")),
            ),
            ("2  QhdPYR:00WBw1Ph7x7 \r", Some((2, "QhdPYR:00WBw1Ph7x7"))),
            ("0 a", None),
            ("-1 a", None),
            ("99999999999 a", None),
            ("1", None),
            ("1 ", None),
            ("1 a b", None),
            ("x a", None),
            ("", None),
        ] {
            let found = found.map(|(number, uid): (u32, &str)| (number, uid.as_bytes()));
            assert_eq!(uidl(line.as_bytes()), found, "{line:?}");
        }
        let long = format!("3 {}", "x".repeat(71));
        assert_eq!(uidl(long.as_bytes()), None);
        let mut lines = Lines::default();
        let text = format!("{}\nSTLS\r\n", "y".repeat(10_000));
        let found: Vec<Vec<u8>> = text.bytes().filter_map(|byte| lines.take(byte)).collect();
        assert_eq!((found.len(), found[0].len()), (2, Lines::LONGEST));
        assert!(offers_stls(&found[1]) && !offers_stls(&found[0]) && !offers_stls(b"STLSX"));
    }
}
