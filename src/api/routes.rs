//! Table: ROUTES, every call the API answers. Never a handler's work: parser, `Allow`, README and openapi read it here.

use super::answer::Answer;
use super::ask::Ask;
use super::desk::Desk;
use super::problem::{Code, Problem};
use super::{calls, history, messages, metrics, openapi, page, status};
use crate::config::told;
use crate::modem::Errand;

/// Answers at once, from what the rooms hold.
pub type Handler = fn(&Desk, &Ask) -> Result<Answer, Problem>;

/// What the modem shall do, by what the request says.
pub type Wish = fn(&Desk, &Ask) -> Result<Errand, Problem>;

/// How a call is served.
#[derive(Clone, Copy, Debug)]
pub enum Serve {
    /// At once.
    Now(Handler),
    /// After asking the modem.
    Healthz,
    /// When there are events.
    Events,
    /// When the receiver has answered.
    PushTest,
    /// When the router's programs have.
    RuleTest,
    /// When the modem has done this.
    Errand(Wish),
}

/// A call.
#[derive(Clone, Copy, Debug)]
pub struct Route {
    /// Its method.
    pub method: &'static str,
    /// Its path; `{id}` and `{name}` stand for one segment.
    pub path: &'static str,
    /// What it does, for openapi and the README.
    pub summary: &'static str,
    /// How it is served.
    pub serve: Serve,
}

const fn route(
    method: &'static str,
    path: &'static str,
    serve: Serve,
    summary: &'static str,
) -> Route {
    Route {
        method,
        path,
        summary: told(summary),
        serve,
    }
}

/// Every call.
#[rustfmt::skip]
pub const ROUTES: &[Route] = &[
    route("GET", "/", Serve::Now(page::get), "The page for a browser"),
    route("GET", "/openapi.json", Serve::Now(openapi::get), "This description of the API"),
    route("GET", "/metrics", Serve::Now(metrics::get), "Counters and levels for Prometheus"),
    route("GET", "/healthz", Serve::Healthz, "200 when the modem answers"),
    route("GET", "/api/v1/healthz", Serve::Healthz, "200 when the modem answers"),
    route("GET", "/api/v1/status", Serve::Now(status::get), "Agent, modem, SIM, network, signal, storage, queues"),
    route("GET", "/api/v1/signal", Serve::Now(status::signal), "The last measured levels"),
    route("GET", "/api/v1/signal/history", Serve::Now(history::get), "The levels of a day, or of thirty"),
    route("GET", "/api/v1/storage", Serve::Now(status::storage), "The modem's message store"),
    route("PUT", "/api/v1/storage", Serve::Now(status::set_storage), "Choose where messages are kept and how many slots stay free"),
    route("GET", "/api/v1/push", Serve::Now(status::push), "How each forwarder fares"),
    route("GET", "/api/v1/smpp", Serve::Now(status::smpp), "The SMPP server's sessions"),
    route("POST", "/api/v1/push/{name}/test", Serve::PushTest, "Push a trial message at once and say how it went"),
    route("POST", "/api/v1/messages", Serve::Now(messages::send), "Send a message to one or more numbers"),
    route("POST", "/api/v1/messages/preview", Serve::Now(messages::preview), "What a text would cost; sends nothing"),
    route("GET", "/api/v1/messages", Serve::Now(messages::list), "Received or sent messages, oldest first"),
    route("GET", "/api/v1/messages/{id}", Serve::Now(messages::get), "One message; a received one is marked read"),
    route("PATCH", "/api/v1/messages/{id}", Serve::Now(messages::mark), "Mark a received message read or unread"),
    route("DELETE", "/api/v1/messages/{id}", Serve::Now(messages::delete), "Delete a message, or cancel one that waits"),
    route("POST", "/api/v1/rules/test", Serve::RuleTest, "What a message would set off; does nothing"),
    route("GET", "/api/v1/calls", Serve::Now(calls::list), "The voice call there is"),
    route("POST", "/api/v1/calls", Serve::Errand(calls::dial), "Call a number"),
    route("DELETE", "/api/v1/calls/current", Serve::Errand(calls::hang_up), "Hang up, or reject the call that rings"),
    route("POST", "/api/v1/calls/current/answer", Serve::Errand(calls::answer), "Take the call that rings"),
    route("POST", "/api/v1/ussd", Serve::Errand(calls::ussd), "Send a USSD code, or an answer to the network, and wait for what it says"),
    route("POST", "/api/v1/at", Serve::Errand(calls::at), "One AT command, with allow_at 1"),
    route("GET", "/api/v1/events", Serve::Events, "What happened: a stream, or a page"),
];

/// The call that `method` and `path` name.
///
/// # Errors
/// [`Code::NotFound`], or [`Code::MethodNotAllowed`] with `Allow`.
pub fn find(method: &str, path: &str) -> Result<&'static Route, Problem> {
    let here: Vec<&'static Route> = ROUTES
        .iter()
        .filter(|route| matches(route.path, path))
        .collect();
    // A fixed path such as /messages/preview goes before one with {id}.
    let fixed = here.iter().any(|route| route.path == path);
    let mut here = here
        .into_iter()
        .filter(|route| !fixed || route.path == path);
    let allow: Vec<&str> = here.clone().map(|route| route.method).collect();
    if allow.is_empty() {
        return Err(Problem::new(
            Code::NotFound,
            "there is nothing at this path",
        ));
    }
    here.find(|route| route.method == method).ok_or_else(|| {
        Problem::new(Code::MethodNotAllowed, "this path has other methods")
            .with("Allow", named(&allow))
    })
}

fn named(methods: &[&str]) -> String {
    let all: Vec<&str> = methods
        .iter()
        .flat_map(|method| match *method {
            "GET" => ["GET", "HEAD"].as_slice(),
            _ => std::slice::from_ref(method),
        })
        .copied()
        .collect();
    all.join(", ")
}

fn matches(pattern: &str, path: &str) -> bool {
    let mut path = path.split('/');
    let fits = pattern.split('/').all(|part| {
        path.next().is_some_and(|segment| {
            part == segment || (part.starts_with('{') && !segment.is_empty())
        })
    });
    fits && path.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(method: &str, path: &str) -> &'static str {
        find(method, path).unwrap().path
    }

    #[test]
    fn a_call_is_found_by_method_and_path() {
        assert_eq!(found("GET", "/"), "/");
        assert_eq!(found("GET", "/api/v1/messages"), "/api/v1/messages");
        assert_eq!(
            found("DELETE", "/api/v1/messages/7"),
            "/api/v1/messages/{id}"
        );
        assert_eq!(
            found("POST", "/api/v1/messages/preview"),
            "/api/v1/messages/preview"
        );
        for path in [
            "",
            "*",
            "/api",
            "/api/v1/messages/",
            "/api/v1/messages/7/x",
            "//",
            "/API/v1/status",
        ] {
            assert_eq!(
                find("GET", path).unwrap_err().code,
                Code::NotFound,
                "{path}"
            );
        }
    }

    #[test]
    fn a_wrong_method_is_told_the_right_ones() {
        let allow = |method: &str, path: &str| find(method, path).unwrap_err().fields;
        assert_eq!(
            allow("PUT", "/api/v1/messages"),
            [("Allow", String::from("POST, GET, HEAD"))]
        );
        assert_eq!(
            allow("GET", "/api/v1/messages/preview"),
            [("Allow", String::from("POST"))]
        );
        assert_eq!(
            allow("get", "/api/v1/messages/7"),
            [("Allow", String::from("GET, HEAD, PATCH, DELETE"))]
        );
    }

    #[test]
    fn no_call_is_listed_twice_and_each_says_what_it_does() {
        for (at, one) in ROUTES.iter().enumerate() {
            assert!(!one.summary.is_empty());
            let again = ROUTES
                .iter()
                .skip(at + 1)
                .any(|other| (other.method, other.path) == (one.method, one.path));
            assert!(!again, "{} {}", one.method, one.path);
        }
    }
}
