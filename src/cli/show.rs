//! Codec: the API's JSON into lines for people. Never lets a message's text steer the terminal, and never fails: what the
//! answer does not hold is left out.

use serde_json::Value;

use super::MessageBox;
use crate::json;

/// Longest piece of a text in a table, characters.
const PIECE: usize = 60;

/// The text, number or boolean at `pointer` (RFC 6901); `None` for null and what is not there.
fn at(answer: &Value, pointer: &str) -> Option<String> {
    answer.pointer(pointer).and_then(plain)
}

fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(clean(text)),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// One line without control characters: they could move the cursor, or type.
fn clean(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\n' | '\r' | '\t' => ' ',
            c if c.is_control() => char::REPLACEMENT_CHARACTER,
            c => c,
        })
        .collect()
}

fn piece(text: &str) -> String {
    fit(text, PIECE + 1)
}

/// The columns of a terminal a character takes: two for those of East Asia and emoji, none for what is put over others.
fn columns_of(c: char) -> usize {
    match u32::from(c) {
        0x300..=0x36F | 0x200B..=0x200F | 0xFE00..=0xFE0F => 0,
        0x1100..=0x115F | 0x2E80..=0xA4CF | 0xAC00..=0xD7A3 | 0xF900..=0xFAFF => 2,
        0xFE30..=0xFE6F | 0xFF00..=0xFF60 | 0x1F300..=0x1FAFF | 0x20000..=0x3FFFD => 2,
        _ => 1,
    }
}

fn width_of(text: &str) -> usize {
    text.chars().map(columns_of).sum()
}

/// The text within so many columns, cut with an ellipsis where it is longer.
fn fit(text: &str, columns: usize) -> String {
    if width_of(text) <= columns {
        return String::from(text);
    }
    let mut left = columns.saturating_sub(1);
    let fits = |c: &char| {
        let wide = columns_of(*c);
        left.checked_sub(wide).map(|rest| left = rest).is_some()
    };
    text.chars().take_while(fits).chain(['…']).collect()
}

/// The values that are there, apart by ", ".
fn joined<const N: usize>(values: [Option<String>; N]) -> String {
    let there: Vec<String> = values.into_iter().flatten().collect();
    there.join(", ")
}

fn is_true(answer: &Value, pointer: &str) -> bool {
    answer.pointer(pointer).and_then(Value::as_bool) == Some(true)
}

/// A listing in columns, oldest first; each message on one line of `width` columns where that is known.
pub fn list(messages: &[Value], which: MessageBox, width: Option<usize>) -> String {
    let head = match which {
        MessageBox::Inbox => ["ID", "RECEIVED", "FROM", "STATE", "TEXT"],
        MessageBox::Sent => ["ID", "CREATED", "TO", "STATUS", "TEXT"],
    };
    let mut rows = vec![head.map(String::from)];
    rows.extend(messages.iter().map(|message| {
        let [time, party, state] = match which {
            MessageBox::Inbox => [
                at(message, "/received_at"),
                at(message, "/from"),
                Some(state(message)),
            ],
            MessageBox::Sent => [
                at(message, "/created_at"),
                at(message, "/to"),
                at(message, "/status"),
            ],
        };
        let text = at(message, "/text");
        [at(message, "/id"), time, party, state, text].map(Option::unwrap_or_default)
    }));
    columns(&rows, width)
}

fn state(message: &Value) -> String {
    let read = if is_true(message, "/read") {
        "read"
    } else {
        "new"
    };
    match message.pointer("/complete") {
        Some(Value::Bool(false)) => format!("{read}, incomplete"),
        Some(_) | None => String::from(read),
    }
}

/// Columns as wide as their widest cell; the last one takes what is left, and has no blanks behind it.
fn columns(rows: &[[String; 5]], width: Option<usize>) -> String {
    let mut widths = [0; 4];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = width_of(cell).max(*width);
        }
    }
    let before: usize = widths.iter().map(|width| width + 2).sum();
    let left = width.map_or(PIECE + 1, |width| width.saturating_sub(before).max(8));
    let mut out = String::new();
    for row in rows {
        let [head @ .., text] = row;
        for (width, cell) in widths.iter().zip(head) {
            let pad = width.saturating_sub(width_of(cell)) + 2;
            out.push_str(cell);
            out.extend(std::iter::repeat_n(' ', pad));
        }
        out.push_str(&fit(text, left));
        out.truncate(out.trim_end_matches(' ').len());
        out.push('\n');
    }
    out
}

/// Lines `name  value` of what is there.
fn table(rows: &[(&str, String)]) -> String {
    rows.iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| format!("{name:10}{value}\n"))
        .collect()
}

/// One message in full.
pub fn message(message: &Value) -> String {
    let there = |pointer: &str| at(message, pointer).unwrap_or_default();
    let received = message.pointer("/received_at").is_some();
    let flags = match received {
        true => state(message),
        false => there("/status"),
    };
    let head = table(&[
        ("from", there("/from")),
        ("to", there("/to")),
        ("received", there("/received_at")),
        ("created", there("/created_at")),
        ("sent", there("/sent_at")),
        ("delivered", there("/delivered_at")),
        ("state", flags),
        ("error", error(message).unwrap_or_default()),
    ]);
    let text = message.pointer("/text").and_then(Value::as_str);
    let lines = text.unwrap_or_default().lines().map(clean);
    let text: String = lines.map(|line| line + "\n").collect();
    format!("{head}\n{text}")
}

fn error(message: &Value) -> Option<String> {
    let cause = at(message, "/error/cause")?;
    Some(match at(message, "/error/code") {
        Some(code) => format!("{cause} ({code})"),
        None => cause,
    })
}

/// One line of a message that is on its way: `12 to +1…: sent`.
pub fn progress(message: &Value) -> String {
    let there = |pointer: &str| at(message, pointer).unwrap_or_default();
    let error = error(message).map_or(String::new(), |error| format!(": {error}"));
    let (id, to, status) = (there("/id"), there("/to"), there("/status"));
    format!("{id} to {to}: {status}{error}\n")
}

/// `GET /status` in short lines.
pub fn status(answer: &Value) -> String {
    let there = |pointer: &str| at(answer, pointer);
    let named = |name: &str, value: Option<String>| value.map(|value| format!("{name} {value}"));
    let uptime = answer.pointer("/agent/uptime_s").and_then(Value::as_u64);
    let waiting = |what: &str, value: Option<String>| value.map(|count| format!("{count} {what}"));
    table(&[
        (
            "modem",
            joined([
                there("/modem/state"),
                there("/modem/manufacturer"),
                there("/modem/model"),
                there("/modem/revision"),
                there("/modem/tty"),
                named("IMEI", there("/modem/imei")),
            ]),
        ),
        (
            "sim",
            joined([
                there("/sim/state"),
                named("ICCID", there("/sim/iccid")),
                named("IMSI", there("/sim/imsi")),
                named("service centre", there("/sim/smsc")),
            ]),
        ),
        (
            "network",
            joined([
                there("/network/registration"),
                there("/network/operator"),
                there("/network/plmn"),
                there("/network/technology"),
                there("/network/band"),
            ]),
        ),
        (
            "signal",
            answer.get("signal").map(levels).unwrap_or_default(),
        ),
        ("storage", slots(answer).unwrap_or_default()),
        (
            "queues",
            joined([
                waiting("to send", there("/queues/outbox")),
                waiting("to push", there("/queues/push")),
            ]),
        ),
        (
            "agent",
            joined([
                there("/agent/version"),
                uptime.map(|s| format!("up {}", duration(s))),
            ]),
        ),
    ])
}

fn slots(answer: &Value) -> Option<String> {
    let used = at(answer, "/storage/used")?;
    let total = at(answer, "/storage/total")?;
    let location = at(answer, "/storage/location").unwrap_or_default();
    Some(format!("{used} of {total} slots used ({location})"))
}

/// The call that was begun.
pub fn calls(answer: &Value) -> String {
    let there = |pointer: &str| at(answer, pointer).unwrap_or_default();
    format!(
        "{} to {}\n",
        there("/calls/0/state"),
        there("/calls/0/number")
    )
}

/// What the network says to a code; a menu keeps its lines.
pub fn ussd(answer: &Value) -> String {
    let text = answer
        .get("text")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let mut text: String = text.lines().map(|line| clean(line) + "\n").collect();
    if is_true(answer, "/more") {
        text.push_str("(the network waits for an answer: rut-agent ussd ANSWER)\n");
    }
    text
}

/// What the modem says to a command.
pub fn at_command(answer: &Value) -> String {
    let lines = answer.get("lines").and_then(Value::as_array);
    let lines = lines.into_iter().flatten().chain(answer.get("result"));
    lines.filter_map(plain).map(|line| line + "\n").collect()
}

/// What a message would set off: who takes it, what runs word by word, who is answered what.
pub fn trial(answer: &Value) -> String {
    let there = |pointer: &str| at(answer, pointer).unwrap_or_default();
    let all = |name: &str| answer.get(name).and_then(Value::as_array);
    let passed = all("passed_over").into_iter().flatten().map(|one| {
        let part = |pointer| at(one, pointer).unwrap_or_default();
        ("not for", format!("{}: {}", part("/rule"), part("/why")))
    });
    let word = |word: String| match word.is_empty() || word.contains(' ') {
        true => format!("'{word}'"),
        false => word,
    };
    let programs = all("programs").into_iter().flatten().map(|words| {
        let words = words.as_array().into_iter().flatten();
        let words: Vec<String> = words.filter_map(plain).map(word).collect();
        ("runs", words.join(" "))
    });
    let mut rows: Vec<(&str, String)> = passed.collect();
    rows.push(("nobody", there("/why")));
    rows.push(("rule", there("/rule")));
    rows.push(("action", there("/action")));
    rows.extend(programs);
    rows.push(("answers", there("/reply")));
    let to = all("recipients").into_iter().flatten().filter_map(plain);
    rows.extend(to.map(|to| ("to", to)));
    table(&rows)
}

/// `GET /signal` on one line.
pub fn signal(answer: &Value) -> String {
    match levels(answer) {
        none if none.is_empty() => String::from("no signal is known\n"),
        levels => levels + "\n",
    }
}

/// One line of `signal --watch`: the bars as a phone draws them, then the levels.
pub fn gauge(signal: &Value, width: usize, colours: bool) -> String {
    const BARS: [&str; 5] = ["▁", "▃", "▅", "▆", "█"];
    let count = signal.get("bars").and_then(Value::as_u64);
    let count = count.and_then(|count| usize::try_from(count).ok());
    let filled = BARS.iter().take(count.unwrap_or(0)).copied();
    let art: String = filled
        .chain(std::iter::repeat("·"))
        .take(BARS.len())
        .collect();
    let words = match levels(signal) {
        none if none.is_empty() => String::from("no signal is known"),
        levels => levels,
    };
    let words = fit(&words, width.saturating_sub(BARS.len() + 1));
    let colour = match count {
        _ if !colours => return format!("{art} {words}"),
        Some(4..) => 32,
        Some(2 | 3) => 33,
        Some(_) | None => 31,
    };
    format!("\x1b[{colour}m{art}\x1b[0m {words}")
}

fn levels(signal: &Value) -> String {
    let level = |name: &str, pointer: &str, unit: &str| {
        at(signal, pointer).map(|value| format!("{name} {value} {unit}"))
    };
    joined([
        at(signal, "/bars").map(|bars| format!("{bars} of 5 bars")),
        at(signal, "/technology"),
        level("RSSI", "/rssi_dbm", "dBm"),
        level("RSRP", "/rsrp_dbm", "dBm"),
        level("RSRQ", "/rsrq_db", "dB"),
        level("SINR", "/sinr_db", "dB"),
        level("RSCP", "/rscp_dbm", "dBm"),
        level("Ec/Io", "/ecio_db", "dB"),
        level("measured", "/at", "").map(|at| String::from(at.trim_end())),
    ])
}

/// Seconds as the two largest units that are not zero.
fn duration(seconds: u64) -> String {
    let units = [("d", 86_400), ("h", 3600), ("min", 60), ("s", 1)];
    let mut left = seconds;
    let mut shown = Vec::new();
    for (unit, size) in units {
        if left >= size && shown.len() < 2 {
            shown.push(format!("{} {unit}", left / size));
            left %= size;
        }
    }
    match shown.is_empty() {
        true => String::from("0 s"),
        false => shown.join(" "),
    }
}

/// One event on one line: when, what, and its facts.
pub fn event(event: &Value) -> String {
    let there = |pointer: &str| at(event, pointer).unwrap_or_default();
    let message = at(event, "/message").map_or(String::new(), |id| format!(" message={id}"));
    let data = event.get("data").and_then(Value::as_object);
    let facts = data.into_iter().flatten().filter_map(|(name, value)| {
        let value = piece(&plain(value)?);
        let value = match value.contains(' ') {
            true => format!("\"{value}\""),
            false => value,
        };
        Some(format!(" {}={value}", clean(name)))
    });
    let facts: String = facts.collect();
    format!("{} {}{message}{facts}\n", there("/at"), there("/type"))
}

/// Why the API said no: problem+json's title and detail (RFC 9457), or the status alone.
pub fn problem(status: u16, body: &[u8]) -> String {
    let problem = json::value(body).unwrap_or(Value::Null);
    match (at(&problem, "/title"), at(&problem, "/detail")) {
        (Some(title), Some(detail)) => {
            let hint = match at(&problem, "/code").as_deref() {
                Some("token_missing") => "; here: --token TOKEN",
                Some(_) | None => "",
            };
            format!("{title}: {detail}{hint}")
        }
        (Some(text), None) | (None, Some(text)) => text,
        (None, None) => format!("the agent answered with HTTP status {status}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_listing_stands_in_columns() {
        let messages = [
            json!({"id":"7","received_at":"2026-11-21T20:35:14Z","from":"+12025550155","read":false,"complete":true,"text":"Hi\nthere"}),
            json!({"id":"12","received_at":"2026-11-21T20:36:00Z","from":"InternetSMS","read":true,"complete":false,"text":"a".repeat(70)}),
        ];
        let expected = format!(
            "ID  RECEIVED              FROM          STATE             TEXT\n\
             7   2026-11-21T20:35:14Z  +12025550155  new               Hi there\n\
             12  2026-11-21T20:36:00Z  InternetSMS   read, incomplete  {}…\n",
            "a".repeat(60)
        );
        assert_eq!(list(&messages, MessageBox::Inbox, None), expected);
        assert_eq!(
            list(&[], MessageBox::Sent, None),
            "ID  CREATED  TO  STATUS  TEXT\n"
        );
    }

    #[test]
    fn a_listing_fits_the_terminal_whatever_the_script() {
        let of = |text: &str| json!({"id":"7","received_at":"T","from":"+1202","read":true,"complete":true,"text":text});
        let messages = [
            of("short"),
            of("a long text that goes on and on"),
            of("漢字漢字漢字漢字漢字"),
        ];
        let shown = list(&messages, MessageBox::Inbox, Some(45));
        for line in shown.lines() {
            assert!(width_of(line) <= 45, "{line}");
        }
        assert!(
            shown.contains("short\n") && shown.contains("that…\n") && shown.contains("字…\n"),
            "{shown}"
        );
    }

    #[test]
    fn the_live_line_has_bars_and_colours_only_where_they_are_wanted() {
        let signal = json!({"bars":3,"technology":"4G","rsrp_dbm":-94,"at":"2026-11-21T20:35:14Z"});
        assert_eq!(
            gauge(&signal, 40, false),
            "▁▃▅·· 3 of 5 bars, 4G, RSRP -94 dBm, me…"
        );
        assert!(gauge(&signal, 40, true).starts_with("\x1b[33m▁▃▅··\x1b[0m 3 of 5"));
        assert_eq!(gauge(&json!({}), 40, false), "····· no signal is known");
    }

    #[test]
    fn no_text_steers_the_terminal() {
        let evil = "\u{1b}]0;owned\u{7}\u{9b}2J\r\nnext";
        let received = json!({"id":"1","received_at":"x","from":evil,"text":evil,"data":{"text":evil},"type":evil});
        let shown = [
            list(std::slice::from_ref(&received), MessageBox::Inbox, None),
            message(&received),
            event(&received),
            problem(
                500,
                json!({"title":evil,"detail":evil}).to_string().as_bytes(),
            ),
        ];
        for text in shown {
            assert!(
                !text.contains(|c: char| c.is_control() && c != '\n'),
                "{text:?}"
            );
        }
        assert!(message(&received).ends_with("2J\nnext\n"));
    }

    #[test]
    fn a_message_is_shown_in_full() {
        let sent = json!({"id":"3","box":"sent","to":"+12025550155","text":"one\ntwo","status":"failed","error":{"code":28,"cause":"unidentified subscriber"},"created_at":"2026-11-21T20:35:14Z","sent_at":null});
        let expected = "to        +12025550155\ncreated   2026-11-21T20:35:14Z\nstate     failed\n\
                        error     unidentified subscriber (28)\n\none\ntwo\n";
        assert_eq!(message(&sent), expected);
        assert_eq!(
            progress(&sent),
            "3 to +12025550155: failed: unidentified subscriber (28)\n"
        );
    }

    #[test]
    fn the_status_has_a_line_for_what_is_known() {
        let answer = json!({
            "agent":{"version":"0.1.0","uptime_s":11100},
            "modem":{"state":"ready","tty":"/dev/ttyUSB3","manufacturer":"Quectel","model":"EC25","revision":null},
            "sim":{"state":"ready"},
            "network":{"registration":"home","operator":"Test","plmn":"00101","technology":"4G"},
            "signal":{"bars":3,"rsrp_dbm":-94,"sinr_db":12.5,"rssi_dbm":null},
            "storage":{"location":"sm","used":3,"total":20},
            "queues":{"outbox":1,"push":0}
        });
        let expected = "modem     ready, Quectel, EC25, /dev/ttyUSB3\nsim       ready\nnetwork   home, Test, 00101, 4G\n\
                        signal    3 of 5 bars, RSRP -94 dBm, SINR 12.5 dB\nstorage   3 of 20 slots used (sm)\n\
                        queues    1 to send, 0 to push\nagent     0.1.0, up 3 h 5 min\n";
        assert_eq!(status(&answer), expected);
        assert_eq!(
            status(&json!({"modem":{"state":"absent"}})),
            "modem     absent\n"
        );
        assert_eq!(status(&Value::Null), "");
        assert_eq!(signal(&json!({"bars":null})), "no signal is known\n");
    }

    #[test]
    fn durations_are_short() {
        assert_eq!(duration(0), "0 s");
        assert_eq!(duration(61), "1 min 1 s");
        assert_eq!(duration(90_061), "1 d 1 h");
    }

    #[test]
    fn events_and_problems_are_one_line() {
        let received = json!({"seq":7,"type":"message.received","at":"2026-11-21T20:35:14Z","message":"7","data":{"from":"+1","text":"a b","class":null}});
        assert_eq!(
            event(&received),
            "2026-11-21T20:35:14Z message.received message=7 from=+1 text=\"a b\"\n"
        );
        let body = br#"{"type":"about:blank","title":"Unknown group","status":404,"detail":"there is no group x"}"#;
        assert_eq!(problem(404, body), "Unknown group: there is no group x");
        let body = br#"{"title":"Token missing","detail":"send it","code":"token_missing"}"#;
        assert_eq!(
            problem(401, body),
            "Token missing: send it; here: --token TOKEN"
        );
        assert_eq!(
            problem(502, b"<html>"),
            "the agent answered with HTTP status 502"
        );
    }
}
