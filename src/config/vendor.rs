//! Table: RutOS's own files about messages and calls — their sections and options, and what becomes of each here. Never
//! holds a value of an owner's, and nothing that is called the same on both sides.

/// The files that are looked for, groups first: the others name them.
pub(super) const FILES: &[&str] = &[
    "user_groups",
    "simcard",
    "sms_gateway",
    "post_get",
    "email_to_sms",
    "smpp",
    "call_utils",
    "sms_utils",
];

/// A type of section of RutOS's.
pub(super) struct Turn {
    file: &'static str,
    kind: &'static str,
    /// Its name where that tells what it is; else empty.
    name: &'static str,
    /// The type of section it becomes.
    pub(super) ours: &'static str,
    /// What else there is to know about it here; else empty.
    pub(super) note: &'static str,
    /// An option whose default differs, and how; else empty.
    pub(super) lacking: (&'static str, &'static str),
    options: &'static [(&'static str, Here)],
    /// Options that are not in `options` are not meant.
    alone: bool,
}

/// What becomes of an option.
#[derive(Clone, Copy)]
pub(super) enum Here {
    /// It has this name, or its own where none stands here; these of its words are said otherwise.
    As(&'static str, &'static [(&'static str, &'static str)]),
    /// It is not needed.
    Nothing,
    /// There is none, for this reason, which is said once in a file.
    Gone(&'static str),
    /// There is none; where it is switched on, its section must be off, for this reason.
    Unsafe(&'static str),
}

impl Turn {
    /// True when a section of this file, type and name is meant.
    pub(super) fn takes(&self, file: &str, kind: &str, name: &str) -> bool {
        let named = self.name == name || self.name.is_empty();
        self.file == file && named && (self.kind == kind || self.kind == name)
    }

    /// What becomes of that option of RutOS's; most keep their name.
    pub(super) fn here(&self, name: &str) -> Here {
        let mut rows = self.options.iter().chain(EVERYWHERE);
        match rows.find(|(known, _)| *known == name) {
            Some((_, here)) => *here,
            None if self.alone => Here::Nothing,
            None => Here::As("", &[]),
        }
    }
}

const ONE_MODEM: &str = "this agent has one modem; left out below, too";
const TLS: &str = "there is no TLS for SMPP here, and what was protected must not be in the open";

const EVERYWHERE: &[(&str, Here)] = &[
    ("modem_id", Here::Gone(ONE_MODEM)),
    ("info_modem_id", Here::Gone(ONE_MODEM)),
    ("send_modem_id", Here::Gone(ONE_MODEM)),
    ("modem", Here::Gone(ONE_MODEM)),
];

const fn turn(file: &'static str, kind: &'static str, ours: &'static str) -> Turn {
    Turn {
        file,
        kind,
        name: "",
        ours,
        note: "",
        lacking: ("", ""),
        options: &[],
        alone: false,
    }
}

impl Turn {
    const fn named(mut self, name: &'static str) -> Turn {
        self.name = name;
        self
    }

    const fn note(mut self, note: &'static str) -> Turn {
        self.note = note;
        self
    }

    const fn lacking(mut self, option: &'static str, why: &'static str) -> Turn {
        self.lacking = (option, why);
        self
    }

    const fn options(mut self, options: &'static [(&'static str, Here)]) -> Turn {
        self.options = options;
        self
    }

    const fn alone(mut self) -> Turn {
        self.alone = true;
        self
    }
}

#[rustfmt::skip]
pub(super) static TURNS: &[Turn] = &[
    turn("user_groups", "phone", "phone").options(&[("name", Here::Nothing)]),
    turn("user_groups", "email", "email").options(&[
        ("name", Here::Nothing),
        ("secure_conn", Here::As("secure_conn", &[("0", "none"), ("1", "starttls")])),
        ("do_not_verify", Here::As("verify_cert", &[("0", "verify"), ("1", "ignore")])),
    ]),
    turn("simcard", "sim", "modem").alone().options(&[("pincode", Here::As("pincode", &[]))])
        .note("service, band, operator, roaming and the like stay RutOS's"),
    turn("simcard", "sim", "limits").alone().options(&[("sms_limit_num", Here::As("per_day", &[]))])
        .note("RutOS counted for itself alone; here every part that this agent sends counts"),
    turn("simcard", "simman", "modem"),
    turn("sms_gateway", "fwd", "reply").named("reply")
        .note("one answer per number and hour, see limits.reply_interval; RutOS answered every message"),
    turn("sms_gateway", "fwd", "to_http").named("to_http")
        .options(&[("verify_cert", Here::As("verify_cert", &[("none", "ignore"), ("global", "verify")]))])
        .lacking("verify_cert", "https servers must prove who they are unless verify_cert says ignore; RutOS did not ask"),
    turn("sms_gateway", "fwd", "to_sms").named("to_sms"),
    turn("sms_gateway", "fwd", "to_smtp").named("to_smtp"),
    turn("post_get", "post_get", "post_get").named("mobile")
        .note("RutOS's web server has this; here list listen names its addresses, such as '192.168.1.1:8080'"),
    turn("email_to_sms", "pop3", "pop3")
        .options(&[
            ("time", Here::As("interval_unit", &[])),
            ("min", Here::As("interval", &[])),
            ("hour", Here::As("interval", &[])),
            ("day", Here::As("interval", &[])),
        ])
        .lacking("ssl_verify", "with ssl the server must prove who it is unless ssl_verify is 0; RutOS did not ask"),
    turn("smpp", "smpp", "smpp").options(&[("use_tls_ssl", Here::Unsafe(TLS))])
        .note("RutOS serves every address; here list listen names them, such as '192.168.1.1'"),
    turn("call_utils", "call", "call"),
    turn("call_utils", "rule", "call_rule"),
    turn("sms_utils", "rule", "sms_rule"),
];
