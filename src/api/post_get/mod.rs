//! Table: CALLS, every call of RutOS's old Post/Get interface, and who may make them. Never a call's work, and never
//! JSON: what these clients read is plain text.

mod answers;
mod calls;
mod form;
mod router;

use subtle::Choice;

use super::answer::Answer;
use super::ask::Ask;
use super::auth;
use super::desk::Desk;
use super::head::Head;
use super::problem::{Code, Problem};
use crate::config;
use form::Form;

pub use answers::refused;

/// How a call is served.
#[derive(Clone, Copy, Debug)]
enum Serve {
    /// At once, from what the rooms hold.
    Now(fn(&Desk, &Form) -> Result<String, Problem>),
    /// By the router's programs.
    MobileData,
    /// By the router's programs.
    SimPin,
}

/// Where the calls are.
const FOLDER: &str = "/cgi-bin/";

/// Every call.
const CALLS: &[(&str, Serve)] = &[
    ("mobile_data", Serve::MobileData),
    ("mobile_sim_pin", Serve::SimPin),
    ("sms_delete", Serve::Now(calls::delete)),
    ("sms_list", Serve::Now(calls::list)),
    ("sms_read", Serve::Now(calls::read)),
    ("sms_send", Serve::Now(calls::send)),
    ("sms_total", Serve::Now(calls::total)),
];

/// A request that has come in whole and whose user name and password are still to be looked at.
#[derive(Debug)]
pub struct Request {
    name: String,
    form: Form,
}

impl Request {
    /// Takes it apart: parameters of the address first, then those of a posted form.
    pub fn read(ask: &Ask) -> Request {
        let query = ask.target.split_once('?').map_or("", |(_, query)| query);
        let mut form = Form::default();
        form.add(query.as_bytes());
        if ask.method == "POST" {
            form.add(&ask.body);
        }
        let name = ask.path().strip_prefix(FOLDER).unwrap_or_default();
        Request {
            name: String::from(name),
            form,
        }
    }

    /// Says whether it may be answered.
    ///
    /// # Errors
    /// [`Code::TokenWrong`], the only one that counts against the address; [`Code::TokenMissing`].
    pub fn admit(&self, post_get: &config::PostGet) -> Result<(), Problem> {
        let no = |code| Err(Problem::new(code, "Bad username or password"));
        let (name, password) = (self.form.bytes("username"), self.form.bytes("password"));
        let (Some(name), Some(password)) = (name, password) else {
            return no(Code::TokenMissing);
        };
        // Both are compared whatever the first one says. Neither may hold a blank, so one is a + sent raw.
        let name = auth::same(&with_plus(name), post_get.username.as_bytes());
        let password = auth::same(&with_plus(password), post_get.password.as_bytes());
        let set = Choice::from(u8::from(!post_get.password.is_empty()));
        if (name & password & set).into() {
            return Ok(());
        }
        no(Code::TokenWrong)
    }

    /// The answer, in RutOS's words.
    pub async fn answer(&self, desk: &Desk) -> Answer {
        let said = match self.call(&desk.config().post_get) {
            Ok(Serve::Now(handler)) => handler(desk, &self.form),
            Ok(Serve::MobileData) => router::mobile_data(desk, &self.form).await,
            Ok(Serve::SimPin) => router::sim_pin(desk, &self.form).await,
            Err(problem) => Err(problem),
        };
        match said {
            Ok(text) => answers::plain(200, text),
            Err(problem) => refused(&problem),
        }
    }

    /// The answer of a call that waits for nobody.
    #[cfg(any(test, fuzzing))]
    pub fn at_once(&self, desk: &Desk) -> Option<Result<String, Problem>> {
        match self.call(&desk.config().post_get) {
            Ok(Serve::Now(handler)) => Some(handler(desk, &self.form)),
            Ok(Serve::MobileData | Serve::SimPin) => None,
            Err(problem) => Some(Err(problem)),
        }
    }

    fn call(&self, post_get: &config::PostGet) -> Result<Serve, Problem> {
        let known = CALLS.iter().find(|(name, _)| *name == self.name);
        let (name, serve) =
            known.ok_or_else(|| Problem::new(Code::NotFound, "there is no such call"))?;
        if post_get.allow.is_empty() || post_get.allow.iter().any(|allowed| allowed == name) {
            return Ok(*serve);
        }
        Err(Problem::new(
            Code::MethodNotAllowed,
            format!("{name} is not in list allow of section post_get"),
        ))
    }
}

fn with_plus(text: &[u8]) -> Vec<u8> {
    let plus = |byte: &u8| if *byte == b' ' { b'+' } else { *byte };
    text.iter().map(plus).collect()
}

/// What RutOS's clients use: another method might send a message and show no answer, and the parts of a multipart form
/// are no pairs.
///
/// # Errors
/// [`Code::MethodNotAllowed`], [`Code::NotThisForm`].
pub fn head_fits(head: &Head) -> Result<(), Problem> {
    let kind = head.field("content-type").unwrap_or_default();
    if kind
        .get(..10)
        .is_some_and(|start| start.eq_ignore_ascii_case("multipart/"))
    {
        return Err(Problem::new(
            Code::NotThisForm,
            "post the form as application/x-www-form-urlencoded (curl: -d or --data-urlencode, not -F)",
        ));
    }
    if matches!(head.method.as_str(), "GET" | "POST") {
        return Ok(());
    }
    let problem = Problem::new(Code::MethodNotAllowed, "ask with GET or POST");
    Err(problem.with("Allow", "GET, POST"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(target: &str, body: &str) -> Request {
        let method = if body.is_empty() { "GET" } else { "POST" };
        let head = Head::of(&format!("{method} {target} HTTP/1.1\r\n\r\n"));
        let mut ask = Ask::new(&head).unwrap();
        ask.body = body.as_bytes().to_vec();
        Request::read(&ask)
    }

    fn section() -> config::PostGet {
        config::PostGet {
            enabled: true,
            username: String::from("user1"),
            password: String::from("p+ss&word"),
            ..config::PostGet::default()
        }
    }

    #[test]
    fn name_and_password_open_from_the_address_and_from_the_form() {
        let pair = "username=user1&password=p%2Bss%26word";
        for good in [
            request(&format!("/cgi-bin/sms_list?{pair}"), ""),
            request("/cgi-bin/sms_list", pair),
            request("/cgi-bin/sms_list?username=user1&password=p+ss%26word", ""),
            request("/cgi-bin/sms_list?username=user1", "password=p%2Bss%26word"),
        ] {
            assert_eq!(good.admit(&section()), Ok(()));
        }
        let why = |target: &str| request(target, "").admit(&section()).unwrap_err().code;
        for (query, code) in [
            ("", Code::TokenMissing),
            ("?username=user1", Code::TokenMissing),
            ("?password=p%2Bss%26word", Code::TokenMissing),
            ("?username=user1&password=", Code::TokenWrong),
            ("?username=user2&password=p%2Bss%26word", Code::TokenWrong),
            ("?username=user1&password=p%2Bss%26wor", Code::TokenWrong),
            ("?username=user1&password=%FF", Code::TokenWrong),
        ] {
            assert_eq!(why(&format!("/cgi-bin/sms_list{query}")), code, "{query}");
        }
        let nothing_set = request("/?username=&password=", "").admit(&config::PostGet::default());
        assert_eq!(nothing_set.unwrap_err().code, Code::TokenWrong);
    }

    #[test]
    fn an_empty_list_allows_every_call_and_any_other_only_its_own() {
        let mut section = section();
        let code = |name: &str, section: &config::PostGet| {
            let request = request(&format!("/cgi-bin/{name}"), "");
            request.call(section).err().map(|problem| problem.code)
        };
        assert!(CALLS.iter().all(|(name, _)| code(name, &section).is_none()));
        section.allow = vec![String::from("sms_send")];
        assert_eq!(code("sms_send", &section), None);
        assert_eq!(code("sms_list", &section), Some(Code::MethodNotAllowed));
        for unknown in ["mobile", "", "sms_send/", "../sms_send"] {
            assert_eq!(code(unknown, &section), Some(Code::NotFound), "{unknown}");
        }
        let bare = request("/sms_send", "").call(&section);
        assert_eq!(bare.err().map(|problem| problem.code), Some(Code::NotFound));
        let fits = |method: &str, kind: &str| {
            let head = format!("{method} / HTTP/1.1\r\nContent-Type: {kind}\r\n\r\n");
            head_fits(&Head::of(&head)).map_err(|problem| problem.code)
        };
        assert_eq!(fits("HEAD", "x"), Err(Code::MethodNotAllowed));
        assert_eq!(fits("POST", "application/x-www-form-urlencoded"), Ok(()));
        let multipart = fits("POST", "Multipart/form-data; boundary=x");
        assert_eq!(multipart, Err(Code::NotThisForm));
    }
}
