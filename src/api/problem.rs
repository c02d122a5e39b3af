//! Table: every way the API says no (RFC 9457), with its stable code, status and title. Never holds what a room does
//! about it: handlers choose the row and give the detail.

use std::fmt::Display;

use serde::Serialize;

use super::answer::Answer;
use super::head::Bad;
use crate::message::BadNumber;
use crate::modem::NotDone;
use crate::outbox::Refusal;
use crate::sms::BadText;
use crate::store::WhyNot;

/// A row of the table: what is wrong in general.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// The request cannot be read as HTTP.
    BadRequest,
    /// A query parameter or header is unknown or has a value that it may not have.
    BadParameter,
    /// The body is not JSON.
    MalformedJson,
    /// The body is not UTF-8.
    NotUtf8,
    /// No token came along.
    TokenMissing,
    /// A token came along that is not the right one.
    TokenWrong,
    /// Nobody has set a token, and the client is not on this router.
    TokenNotSet,
    /// The request comes from a web page of another site, or for another host's name.
    ForeignOrigin,
    /// No such path.
    NotFound,
    /// No such message.
    NoSuchMessage,
    /// No call to end or to take.
    NoCall,
    /// `allow_at` is 0.
    AtNotAllowed,
    /// There is a call already, or a code waits for its answer.
    ModemBusy,
    /// No AT line that is let through, or no USSD code.
    BadCommand,
    /// Modem or network said no.
    ModemRefused,
    /// The path is there, the method is not.
    MethodNotAllowed,
    /// The client took too long to send its request.
    Timeout,
    /// The message is at the modem just now.
    BeingSent,
    /// The `Idempotency-Key` was used for another request.
    KeyReused,
    /// The body has no Content-Length.
    LengthRequired,
    /// The body is too long.
    BodyTooLong,
    /// The body is a form of another kind than is read here.
    NotThisForm,
    /// An `Expect` that cannot be met.
    Expectation,
    /// The JSON is none of the shape that is asked for here.
    BadShape,
    /// A recipient is not a number.
    BadNumber,
    /// No recipient, or too many.
    BadRecipients,
    /// No phone group of that name, or nobody in it.
    UnknownGroup,
    /// The text is empty.
    EmptyText,
    /// The text needs more parts than a message can have.
    TextTooLong,
    /// `validity_s` is out of range.
    BadValidity,
    /// `limits` let nothing be sent to this number.
    NumberDenied,
    /// `limits` leave no room for so many parts now.
    LimitReached,
    /// Too many wrong tokens came from this address.
    ShutOut,
    /// The head is too long.
    HeadTooLong,
    /// The receiver did not take a trial push.
    PushFailed,
    /// The agent cannot answer now.
    Unavailable,
    /// So many event streams are open that no more can be.
    TooManyStreams,
    /// The modem does not answer.
    ModemSilent,
    /// The flash cannot be written.
    FlashError,
    /// An HTTP version that is not served.
    BadVersion,
    /// The state directory is full.
    StoreFull,
}

impl Code {
    /// All rows, for the table of the README and openapi.
    pub const ALL: [Code; 41] = [
        Code::BadRequest,
        Code::BadParameter,
        Code::MalformedJson,
        Code::NotUtf8,
        Code::TokenMissing,
        Code::TokenWrong,
        Code::TokenNotSet,
        Code::ForeignOrigin,
        Code::NotFound,
        Code::NoSuchMessage,
        Code::NoCall,
        Code::AtNotAllowed,
        Code::ModemBusy,
        Code::BadCommand,
        Code::ModemRefused,
        Code::MethodNotAllowed,
        Code::Timeout,
        Code::BeingSent,
        Code::KeyReused,
        Code::LengthRequired,
        Code::BodyTooLong,
        Code::NotThisForm,
        Code::Expectation,
        Code::BadShape,
        Code::BadNumber,
        Code::BadRecipients,
        Code::UnknownGroup,
        Code::EmptyText,
        Code::TextTooLong,
        Code::BadValidity,
        Code::NumberDenied,
        Code::LimitReached,
        Code::ShutOut,
        Code::HeadTooLong,
        Code::PushFailed,
        Code::Unavailable,
        Code::TooManyStreams,
        Code::ModemSilent,
        Code::FlashError,
        Code::BadVersion,
        Code::StoreFull,
    ];

    /// Status, stable code, title.
    pub fn row(self) -> (u16, &'static str, &'static str) {
        match self {
            Code::BadRequest => (400, "bad_request", "Not a request"),
            Code::BadParameter => (400, "bad_parameter", "Bad parameter"),
            Code::MalformedJson => (400, "malformed_json", "Malformed JSON"),
            Code::NotUtf8 => (400, "not_utf8", "Not UTF-8"),
            Code::TokenMissing => (401, "token_missing", "Token missing"),
            Code::TokenWrong => (401, "token_wrong", "Wrong token"),
            Code::TokenNotSet => (403, "token_not_set", "No token is configured"),
            Code::ForeignOrigin => (403, "foreign_origin", "Asked from another site"),
            Code::NotFound => (404, "not_found", "Nothing here"),
            Code::NoSuchMessage => (404, "no_such_message", "No such message"),
            Code::NoCall => (404, "no_call", "No call"),
            Code::AtNotAllowed => (403, "at_not_allowed", "Raw AT is not allowed"),
            Code::ModemBusy => (409, "modem_busy", "Busy"),
            Code::BadCommand => (422, "bad_command", "Bad command"),
            Code::ModemRefused => (502, "modem_refused", "Refused by modem or network"),
            Code::MethodNotAllowed => (405, "method_not_allowed", "Method not allowed"),
            Code::Timeout => (408, "timeout", "Too slow"),
            Code::BeingSent => (409, "being_sent", "Being sent"),
            Code::KeyReused => (409, "key_reused", "Idempotency-Key used before"),
            Code::LengthRequired => (411, "length_required", "Content-Length required"),
            Code::BodyTooLong => (413, "body_too_long", "Body too long"),
            Code::NotThisForm => (415, "unsupported_form", "Unsupported form"),
            Code::Expectation => (417, "expectation_failed", "Expectation failed"),
            Code::BadShape => (422, "bad_shape", "Unexpected JSON"),
            Code::BadNumber => (422, "bad_number", "Bad number"),
            Code::BadRecipients => (422, "bad_recipients", "Bad recipients"),
            Code::UnknownGroup => (422, "unknown_group", "Unknown group"),
            Code::EmptyText => (422, "empty_text", "Empty text"),
            Code::TextTooLong => (422, "text_too_long", "Text too long"),
            Code::BadValidity => (422, "bad_validity", "Bad validity"),
            Code::NumberDenied => (403, "number_denied", "Not to this number"),
            Code::LimitReached => (429, "limit_reached", "Limit reached"),
            Code::ShutOut => (429, "shut_out", "Shut out"),
            Code::HeadTooLong => (431, "head_too_long", "Head too long"),
            Code::PushFailed => (502, "push_failed", "The receiver did not take it"),
            Code::Unavailable => (503, "unavailable", "Not now"),
            Code::TooManyStreams => (503, "too_many_streams", "Too many event streams"),
            Code::ModemSilent => (503, "modem_silent", "The modem does not answer"),
            Code::FlashError => (503, "flash_error", "The flash cannot be written"),
            Code::BadVersion => (505, "bad_version", "HTTP version not served"),
            Code::StoreFull => (507, "store_full", "The state directory is full"),
        }
    }
}

/// One no: the row, and the words for this case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The row.
    pub code: Code,
    /// For a person, about this request.
    pub detail: String,
    /// `Allow`, `Retry-After` and the like.
    pub fields: Vec<(&'static str, String)>,
}

#[derive(Serialize)]
struct Body<'a> {
    r#type: &'static str,
    title: &'static str,
    status: u16,
    detail: &'a str,
    code: &'static str,
}

impl Problem {
    /// A problem in these words.
    pub fn new(code: Code, detail: impl Display) -> Problem {
        Problem {
            code,
            detail: detail.to_string(),
            fields: Vec::new(),
        }
    }

    /// With one more field in the answer's head.
    pub fn with(mut self, name: &'static str, value: impl Display) -> Problem {
        self.fields.push((name, value.to_string()));
        self
    }

    /// As an answer.
    pub fn answer(&self) -> Answer {
        let (status, code, title) = self.code.row();
        let body = Body {
            r#type: "about:blank",
            title,
            status,
            detail: &self.detail,
            code,
        };
        let mut answer = Answer::json(status, &body);
        answer.content_type = String::from("application/problem+json");
        let fields = self.fields.iter();
        answer.fields = fields
            .map(|(name, value)| (String::from(*name), value.clone()))
            .collect();
        answer
    }
}

impl From<Bad> for Problem {
    fn from(bad: Bad) -> Problem {
        let (code, detail) = match bad {
            Bad::RequestLine => (Code::BadRequest, "this is no HTTP request line"),
            Bad::Version => (Code::BadVersion, "HTTP/1.1 and HTTP/1.0 are served"),
            Bad::Field => (Code::BadRequest, "a header field cannot be read"),
            Bad::Folded => (Code::BadRequest, "a header field goes on in a second line"),
            Bad::Length => (
                Code::BadRequest,
                "the body's length is not one plain number",
            ),
            Bad::LengthRequired => (Code::LengthRequired, "send the body with Content-Length"),
            Bad::BodyTooLong => (Code::BodyTooLong, "a body may have 65,536 bytes"),
            Bad::HeadTooLong => (
                Code::HeadTooLong,
                "a head may have 8,192 bytes and 64 fields",
            ),
            Bad::Expectation => (Code::Expectation, "only Expect: 100-continue is understood"),
        };
        Problem::new(code, detail)
    }
}

impl From<WhyNot> for Problem {
    fn from(why: WhyNot) -> Problem {
        let code = match why {
            WhyNot::Full => Code::StoreFull,
            WhyNot::Io(_) => Code::FlashError,
        };
        Problem::new(code, why).with("Retry-After", 60)
    }
}

impl From<BadText> for Problem {
    fn from(why: BadText) -> Problem {
        let code = match why {
            BadText::Empty => Code::EmptyText,
            BadText::TooLong(_) => Code::TextTooLong,
        };
        Problem::new(code, why)
    }
}

impl From<NotDone> for Problem {
    fn from(why: NotDone) -> Problem {
        let code = match why {
            NotDone::NoCall => Code::NoCall,
            NotDone::Busy => Code::ModemBusy,
            NotDone::NotAllowed(_) => Code::BadCommand,
            NotDone::Refused(_) => Code::ModemRefused,
            NotDone::Late => Code::ModemSilent,
            NotDone::Unavailable => Code::Unavailable,
        };
        Problem::new(code, why)
    }
}

impl From<BadNumber> for Problem {
    fn from(why: BadNumber) -> Problem {
        Problem::new(Code::BadNumber, why)
    }
}

impl From<Refusal> for Problem {
    fn from(why: Refusal) -> Problem {
        match why {
            Refusal::Text(bad) => bad.into(),
            Refusal::Alphanumeric => Problem::new(Code::BadNumber, why),
            Refusal::Store(store) => store.into(),
            Refusal::KeyReused => Problem::new(Code::KeyReused, why),
            Refusal::Denied(_) => Problem::new(Code::NumberDenied, why),
            Refusal::Budget(budget) if budget.never_fits() => Problem::new(Code::LimitReached, why),
            Refusal::Budget(_) => Problem::new(Code::LimitReached, why).with("Retry-After", 600),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_there_once() {
        let mut names: Vec<&str> = Code::ALL.iter().map(|code| code.row().1).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Code::ALL.len());
    }

    #[test]
    fn a_problem_is_problem_json_with_its_status_and_code() {
        let answer = Problem::new(Code::BadNumber, "1\"2").with("X", 1).answer();
        assert_eq!(answer.status, 422);
        assert_eq!(answer.content_type, "application/problem+json");
        assert_eq!(answer.fields, [(String::from("X"), String::from("1"))]);
        assert_eq!(
            String::from_utf8(answer.body).unwrap(),
            r#"{"type":"about:blank","title":"Bad number","status":422,"detail":"1\"2","code":"bad_number"}"#
        );
    }
}
