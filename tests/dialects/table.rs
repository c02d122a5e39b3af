//! Tests: the dialects, one an entry.

use std::time::Duration;

use super::dialect::{Dialect, Echo, Errors, Reports, Tells};

/// One difference from the plain modem.
fn with(name: &'static str, change: impl FnOnce(&mut Dialect)) -> Dialect {
    let mut dialect = Dialect::plain(name);
    change(&mut dialect);
    dialect
}

/// The same, for fixed replies.
fn says(name: &'static str, replies: &[(&'static str, &'static str)]) -> Dialect {
    with(name, |dialect| dialect.replies = replies.to_vec())
}

const POLL: &str = "\toption poll '1'";
const OURS: &str = "\toption exclusive '1'";

/// Every dialect.
pub fn all() -> Vec<Dialect> {
    [
        memories(),
        lines(),
        prompts(),
        messages(),
        registrations(),
        sims(),
        tempers(),
        reports(),
    ]
    .concat()
}

fn memories() -> Vec<Dialect> {
    vec![
        with("plain", |_| {}),
        says("no CPMS", &[("AT+CPMS", "ERROR")]),
        says("no CPMS, by number", &[("AT+CPMS", "+CMS ERROR: 303")]),
        says(
            "CPMS counts without names",
            &[("AT+CPMS?", "+CPMS: 1,20,1,20")],
        ),
        says(
            "CPMS counts without names, nearly full",
            &[("AT+CPMS", "+CPMS: 19,20,19,20")],
        ),
        says("CPMS is set and never told", &[("AT+CPMS?", "ERROR")]),
        with("only SM", |d| d.config = "\toption msg_storage 'me'"),
        with("no two questions on a line", |d| {
            d.one_a_line = true;
            d.config = POLL;
        }),
        with("tells of another memory than it names", |d| {
            d.replies = vec![("AT+CPMS", "ERROR")];
            d.tells = Tells::Stored("+CMTI: \"ME\",#");
        }),
        with("index from 0", |d| d.first_index = 0),
        with("index from 100", |d| d.first_index = 100),
    ]
}

fn lines() -> Vec<Dialect> {
    let ends = |name, end, head| {
        with(name, |d| {
            d.line_end = end;
            d.head = head;
        })
    };
    vec![
        ends("LF only", "\n", "\n"),
        ends("CR only", "\r", "\r"),
        ends("CR CR LF", "\r\r\n", "\r\r\n"),
        ends("no line end before a reply", "\r\n", ""),
        with("echo for ever", |d| d.echo = Echo::Always),
        with("echo for ever, LF", |d| {
            d.echo = Echo::Always;
            d.line_end = "\n";
            d.head = "";
        }),
        with("echo lingers", |d| d.echo = Echo::Lingers(5)),
        with("no echo at all", |d| d.echo = Echo::Never),
        with("no numbers for errors", |d| d.errors = Errors::Plain),
        with("errors in words", |d| d.errors = Errors::Words),
        with("OK twice", |d| d.ok_twice = true),
        with("OK twice, slowly", |d| {
            d.ok_twice = true;
            d.slow = Some(Duration::from_millis(20));
        }),
    ]
}

fn prompts() -> Vec<Dialect> {
    let prompt = |name, prompt| with(name, |d| d.prompt = prompt);
    vec![
        prompt("prompt without blank", "\r\n>"),
        prompt("prompt without line end", "> "),
        prompt("prompt is one byte", ">"),
        prompt("prompt on a line of its own", "\r\n>\r\n"),
        prompt("prompt behind LF", "\n> "),
        with("prompt with the echo", |d| {
            d.echo = Echo::Always;
            d.prompt = ">";
        }),
        with("CMGS without blank", |d| d.sent = "+CMGS:#"),
        with("CMGS with a time stamp", |d| {
            d.sent = "+CMGS: #,\"26/11/21,12:34:30+00\""
        }),
        with("CMS ERROR 500 at first", |d| {
            d.refusals = vec!["+CMS ERROR: 500"];
        }),
        with("CMS ERROR in words at first", |d| {
            d.refusals = vec!["+CMS ERROR: unknown error"];
        }),
        with("CME ERROR 30 at first", |d| {
            d.refusals = vec!["+CME ERROR: 30"];
        }),
        with("ERROR at first", |d| d.refusals = vec!["ERROR"]),
    ]
}

fn messages() -> Vec<Dialect> {
    let told = |name, line| with(name, |d| d.tells = Tells::Stored(line));
    let direct = |name, header| {
        with(name, |d| {
            d.tells = Tells::Direct(header);
            d.config = OURS;
        })
    };
    vec![
        told("CMTI without quotes", "+CMTI: SM,#"),
        told("CMTI without blank", "+CMTI:\"SM\",#"),
        told("CMTI with blanks", "+CMTI: \"SM\", #"),
        told("CMTI in another memory's name", "+CMTI: \"MT\",#"),
        told("CMTI with a kind", "+CMTI: \"SM\",#,0"),
        direct("CMT without alpha", "+CMT: ,30"),
        direct("CMT with alpha", "+CMT: \"+12025550155\",30"),
        direct("CMT with empty alpha", "+CMT: \"\",30"),
        direct("CMT with the length alone", "+CMT: 30"),
        with("CMGL with empty alpha", |d| d.alpha = ",\"\","),
        with("CMGL with alpha", |d| d.alpha = ",\"A, B\","),
        with("CMGL with blanks", |d| d.alpha = ", , "),
        with("lower-case PDUs", |d| d.lower_case = true),
        with("no service centre", |d| d.centre = "00"),
        with("lists torn by notifications", |d| d.torn_lists = true),
        with("no CNMI", |d| {
            d.tells = Tells::Never;
            d.reports = Reports::Never;
            d.config = POLL;
        }),
        with("no CNMI, no CPMS", |d| {
            d.tells = Tells::Never;
            d.reports = Reports::Never;
            d.config = POLL;
            d.replies = vec![("AT+CPMS", "ERROR")];
        }),
    ]
}

fn registrations() -> Vec<Dialect> {
    const NONE: &str = "ERROR";
    vec![
        says(
            "CREG with n",
            &[("AT+CREG?", "+CREG: 0,1"), ("AT+CEREG?", NONE)],
        ),
        says(
            "CREG without n",
            &[("AT+CREG?", "+CREG: 5"), ("AT+CEREG?", NONE)],
        ),
        says(
            "CREG without n, with a cell",
            &[("AT+CREG?", "+CREG: 1,00C3,01A2"), ("AT+CEREG", NONE)],
        ),
        says(
            "CEREG only",
            &[("AT+CREG", NONE), ("AT+CEREG?", "+CEREG: 0,5")],
        ),
        says(
            "CEREG only, without n",
            &[("AT+CREG", NONE), ("AT+CEREG?", "+CEREG: 1")],
        ),
        says(
            "CGREG only",
            &[
                ("AT+CREG", NONE),
                ("AT+CEREG", NONE),
                ("AT+CGREG?", "+CGREG: 0,1"),
            ],
        ),
        says(
            "LTE only",
            &[("AT+CREG?", "+CREG: 0,2"), ("AT+CEREG?", "+CEREG: 0,1")],
        ),
        says("no registration", &[("AT+CREG", NONE), ("AT+CEREG", NONE)]),
        says(
            "no registration, just OK",
            &[("AT+CREG?", ""), ("AT+CEREG?", "")],
        ),
        says("no operator", &[("AT+COPS", NONE)]),
        says("CSQ knows nothing", &[("AT+CSQ", "+CSQ: 99,99")]),
        says("no signal", &[("AT+CSQ", NONE)]),
    ]
}

fn sims() -> Vec<Dialect> {
    vec![
        with("SIM busy for a while", |d| d.sim_busy = 3),
        with("SIM busy for a while, in words", |d| {
            d.sim_busy = 2;
            d.errors = Errors::Words;
        }),
        with("PIN", |d| {
            d.pin = Some("4321");
            d.config = "\toption pincode '4321'";
        }),
        with("PIN, no numbers for errors", |d| {
            d.pin = Some("4321");
            d.config = "\toption pincode '4321'";
            d.errors = Errors::Plain;
        }),
        says("no CPIN", &[("AT+CPIN?", "ERROR")]),
        says(
            "CPIN without its OK (Wavecom)",
            &[("AT+CPIN?", "+CPIN: READY...")],
        ),
        says("bare ICCID", &[("AT+CCID", "89012345678901234567")]),
        says("no identity", &[("AT+CG", "ERROR"), ("AT+CIMI", "ERROR")]),
    ]
}

fn tempers() -> Vec<Dialect> {
    vec![
        with("deaf at first", |d| d.deaf = Duration::from_secs(3)),
        with("silent before ATE0", |d| d.waits_for = "ATE0"),
        with("boots while it is asked", |d| {
            d.boot = vec![
                (1, "RDY"),
                (3, "+CFUN: 1"),
                (5, "+CPIN: READY"),
                (9, "Call Ready"),
                (11, "SMS Ready"),
            ];
        }),
        with("boots before its name", |d| {
            d.boot = vec![(2, "Call Ready"), (3, "Call Ready"), (4, "SMS Ready")];
        }),
        with("chatters (ZTE, Telit, u-blox, SIMCom)", |d| {
            d.chatter =
                "+ZUSIMR:2\n#QSS: 1\n+UUSORD: 0,5\nDST: 0\n*PSUTTZ: 2026,11,28,12,0,0,\"+4\",0";
        }),
        with("very slow", |d| {
            d.slow = Some(Duration::from_millis(300));
        }),
        with("very slow, echo for ever", |d| {
            d.slow = Some(Duration::from_millis(300));
            d.echo = Echo::Always;
        }),
    ]
}

fn reports() -> Vec<Dialect> {
    vec![
        with("no reports", |d| d.reports = Reports::Never),
        with("reports past the store, acknowledged", |d| {
            d.acknowledge = true
        }),
        with("messages past the store, acknowledged", |d| {
            d.acknowledge = true;
            d.tells = Tells::Direct("+CMT: ,30");
            d.config = OURS;
        }),
        with("reports among the messages", |d| {
            d.reports = Reports::Stored("SM")
        }),
        with("reports in a memory of their own", |d| {
            d.reports = Reports::Stored("SR")
        }),
    ]
}
