//! # rut-agent: how the house is built
//!
//! One small static daemon on a Teltonika RUT-240 or RUT241. It speaks AT on the modem's spare port and gives the machine
//! behind the router all that the modem can do.
//!
//! ```text
//!              SIM / radio                                    people and programs
//!                  |                                                  |
//!              modem/  ---- received ---> inbox/ --> store/           |
//!                ^                          |                         |
//!                |                       feed.rs  "there is news"     |
//!                |                 +--------+-----------+             |
//!                |    rules/ -> forward/   smpp/       api/ <---------+ HTTP (JSON, Post/Get), SMPP (smpp/)
//!                |       |         |         |          |
//!                +---- takes ---- outbox/ <--+----------+
//!                                   |
//!                                 store/
//! ```
//! Down the left a message comes in; along the bottom a message goes out.
//!
//! 1. **Nobody hands a message to the modem.** The modem's one worker takes the next part from the outbox.
//! 2. **Nobody takes a message from the modem.** It hands it to [`inbox::Inbox::accept`], which says Ok only when the
//!    message is on flash; only then is it acknowledged and its slot freed.
//! 3. **The feed is a doorbell, not a conveyor.** Events lie in the store under one growing sequence (a received message
//!    and its event have the same number); each listener keeps its own cursor there.
//! 4. Inside a room: edge -> keeper -> decider -> codec -> words, never back.
//! 5. **Rules look first.** `rules/` marks the messages it takes in one batch with its cursor; [`inbox::Inbox::judged`] says how
//!    far it has looked, and forwarders stop there. So a restart finds the same verdict, and what is taken is done at most once.
//!
//! Everything runs on one thread's tokio runtime; the rooms share `Rc<RefCell<…>>` and never hold a borrow across an
//! await. Keepers write and fsync inline: "Ok" means on flash.
//!
//! ## Where to look
//! | question | file |
//! |---|---|
//! | what the words mean | [`message`], [`time`] |
//! | an option's name, default and range | `config/options.rs` |
//! | bytes of a PDU | [`sms`] |
//! | what an AT command says and expects | `modem/commands.rs` |
//! | what a brand does differently | `modem/quirks.rs` |
//! | how a long message is put together | `inbox/assemble.rs` |
//! | when a message is tried again | `outbox/schedule.rs` |
//! | where a delivery report is matched to its message | `outbox/report.rs` |
//! | what is written to flash, and how it survives a cut | [`store`] |
//! | how the levels of a day are kept | `signal/history.rs` |
//! | when a change of the signal is an event | `signal/threshold.rs` |
//! | what is counted, and a line of `/metrics` | [`counters`], `api/metrics.rs` |
//! | what the page in the browser does | `api/page.html` |
//! | an URL of the API | `api/routes.rs` |
//! | a JSON name of the API | `api/json.rs` |
//! | who may connect, and how many | `api/door.rs`, [`seats`], `api/auth.rs`, [`gate`] |
//! | an answer of Post/Get | `api/post_get/answers.rs` |
//! | what a push looks like on the wire | `forward/webhook.rs` |
//! | what a mail looks like, and what is said to its server | `mail/compose.rs`, `mail/smtp_talk.rs` |
//! | what a mail server's refusal means | `forward/to_smtp.rs` |
//! | who gets an automatic reply, and where loops end | `forward/reply.rs`, `forward/to_sms.rs` |
//! | what an SMPP PDU means in which state | `smpp/session.rs` |
//! | how a short_message becomes a text, or goes out as it is | `smpp/text.rs` |
//! | what an SMPP client has not been told yet | `smpp/delivery.rs` |
//! | what `%rn` stands for | [`status_text`] |
//! | what a text message can do, and who may | `rules/actions.rs`, `rules/matching.rs` |
//! | what a trial of a message tells, and why it changes nothing | `rules/trial.rs`, `rules/runner.rs` |
//! | how an action's steps are run, and a test plays them | `rules/script.rs`, `rules/runner.rs` |
//! | what becomes of a call, and when it is news | `modem/calls.rs`, `modem/errands.rs` |
//! | which AT command the owner may send | `modem/raw.rs` |
//! | what a USSD answer says | `modem/ussd.rs` |
//! | how many parts may be sent, and to whom | `outbox/limits.rs` |
//! | which mail becomes a message, and when it is deleted | `mail/fetch.rs`, `mail/fetch_memory.rs`, `mail/subject.rs` |
//! | what the text of a mail is | `mail/mime.rs` and its neighbours |
//! | which server certificate is believed, with which ciphers | `net/trust.rs`, `net/provider.rs` |
//! | what a program that found itself broken says | [`crash`] |
//! | what becomes of RutOS's own options | `config/vendor.rs`, `config/translate.rs`, `config/parts.rs` |
//! | an option that the API may change | `config/change.rs` |
//! | the router's own time zone | [`zone`] |
//! | how the machine behind the bridge is reached | `lan/keep.rs`, `lan/route.rs` |
//! | how a program of the router is run | `system/run.rs` |
//! | how the service is started, stopped and told of a change | `openwrt/files/rut-agent.init` |
//! | where the modem's port is found | `modem/find.rs` |
//! | what is put right when the clock is set | [`time::Jump`], `modem/tell.rs` |
//! | what `doctor` looks at, and which of RutOS's services it warns of | `doctor/checks.rs`, `doctor/vendor.rs` |
//! | what the simulated modem can be told to do | `sim/control.rs` |
//! | what is fuzzed, and what fell | `fuzz.rs`, each room's `fuzz.rs`, `tests/fuzz/corpus` |
//!
//! ## Where the house differs from its first plan, and why
//! * The HTTP client is our own (`forward/http.rs`, over httparse): hyper with its crates cost 144 KB of the 2 MB.
//! * SMTP and the writing of mails are our own (`mail/smtp*.rs`, `mail/compose.rs`): mail-send 0.6 alone cost 54 KB of the
//!   binary and 23 KB of it gzipped; all of mail forwarding, options and texts included, costs 30 and about 13 KB now.
//!   mail-builder 2.0 wants 64-bit atomics, which MIPS has not.
//! * SMPP's PDUs are our own (`smpp/pdu.rs`, `smpp/short.rs`: some 3 KB of code). rusmpp 0.4 with its codec added up to 148 KB
//!   to a small program when the crates were compared.
//! * rustls gets the ciphers that standards demand of every server and no others, and no key provider (`net/provider.rs`).
//! * Mails are read by a reader of our own (`mail/mime*.rs`, 600 lines): mail-parser 0.11 made the binary 128 KB larger than
//!   it, and that gzipped 50 KB.
//! * The router's binary has no panic texts: [`crash`] says where it was. It has no Debug texts either, so nothing that people
//!   read is made with Debug; `tests/tidy.rs` holds that.
//! * tiny_http answers in the tests only. Alone it dies of one request, so the door has to read all of a request anyway; behind
//!   it, it was 45 KB of the package and five threads that read the same once more. SMPP has their place.
//! * Tasks are started by [`task`] in a box: tokio's handling of a task is compiled once, not once for each future.
//! * The Unix socket has the same guarded door: a stopped client never holds up the others.
//!
//! ## Kinds of file
//! Every file opens with its kind. **Words** are types. A **codec** turns bytes into meaning and back, purely. A
//! **decider** is pure too: input and `now` in, actions and next wake-up out. A **keeper** owns state. An **edge** is the
//! only kind that does I/O or reads a clock. A **table** is a list that parser, help, README and tests read. A **room**'s
//! `mod.rs` is its only door. `tests/tidy.rs` and clippy hold these fences.

pub mod api;
pub mod cli;
pub mod clock;
pub mod config;
pub mod counters;
pub mod crash;
#[cfg(test)]
mod day;
pub mod doctor;
pub mod feed;
pub mod forward;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
pub mod gate;
pub mod inbox;
pub mod json;
pub mod lan;
pub mod logging;
pub mod mail;
pub mod message;
pub mod modem;
pub mod net;
pub mod outbox;
pub mod rules;
pub mod seats;
pub mod signal;
#[cfg(feature = "sim")]
pub mod sim;
pub mod smpp;
pub mod sms;
pub mod sorted;
pub mod status_text;
pub mod stop;
pub mod store;
pub mod system;
pub mod task;
pub mod time;
pub mod url;
pub mod zone;
