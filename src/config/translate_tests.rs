//! Tests: RutOS's own configuration made into ours — option by option, what is refused, and that no input gives a text
//! which the checks refuse or a section that does more than it did.

use super::translate::{File, translate};
use super::*;

/// What comes of these files: the text, the configuration it is, and which file could not be read.
fn moved(files: &[(&'static str, &str)]) -> (String, Config, Vec<String>) {
    let file = |(name, text): &(&'static str, &str)| File {
        name,
        path: format!("/etc/config/{name}"),
        text: String::from(*text),
    };
    let (text, problems) = translate(&files.iter().map(file).collect::<Vec<_>>());
    let (config, refused) = read(&text, "out");
    let errors: Vec<&Problem> = refused.iter().filter(|one| one.is_error()).collect();
    assert!(errors.is_empty(), "{errors:?}\n{text}");
    let problems = problems.iter().map(ToString::to_string);
    (text, config.unwrap(), problems.collect())
}

const CREW: &str = "config phone '1'\n option name 'crew'\n list tel '+37060000001'\n";

/// A row: RutOS's file, what it says, and what then stands in ours, each text once.
type Row = (&'static str, &'static str, &'static [&'static str]);

#[rustfmt::skip]
const ROWS: &[Row] = &[
    ("user_groups", "config phone 'a'\n list tel '0049 151'\n list tel 'nobody'\n", &["config phone 'a'\n\tlist tel '0049 151'\n#\tlist tel 'nobody': phone.tel the number"]),
    ("user_groups", "config phone '7'\n option name 'Žalia 1'\n list tel '+1'\n", &["# RutOS: Žalia 1\nconfig phone '_alia_1'\n"]),
    ("user_groups", "config phone 'x'\n option name 'modem'\n list tel '+1'\n", &["config phone 'modem_1'\n"]),
    ("user_groups", "config email 'e'\n option secure_conn '1'\n option smtp_port '587'\n", &["\t# RutOS: 1\n\toption secure_conn 'starttls'\n"]),
    ("user_groups", "config email 'e'\n option secure_conn '1'\n option smtp_port '465'\n option do_not_verify '0'\n", &["secure_conn 'tls'", "verify_cert 'verify'"]),
    ("user_groups", "config email 'e'\n option secure_conn 'maybe'\n option smtp_ip 'a.b'\n", &["#config email 'e'\n#\toption secure_conn 'maybe': email.secure_conn", "#\toption smtp_ip 'a.b'\n"]),
    ("simcard", "config sim\n option pincode '12'\n option band 'x'\n", &["#\toption pincode '12': modem.pincode must be"]),
    ("simcard", "config sim\n option enable_sms_limit '0'\n option sms_limit_num '9'\n", &["# Nothing was found.\n"]),
    ("simcard", "config sim\n option enable_sms_limit '1'\n option sms_limit 'month'\n option sms_limit_num '9'\n", &["#\toption per_day '9': RutOS counts a week or a month"]),
    ("simcard", "config simman\n option free '300'\n option msg_storage 'me'\nconfig sim\n option pincode '1234'\n", &["#\toption free '300': modem.free", "\toption msg_storage 'me'\n\toption pincode '1234'\n"]),
    ("sms_gateway", "config fwd 'to_http'\n option enabled '1'\n option url 'sms.lan/in'\n option verify_cert 'global'\n", &["\t# RutOS: sms.lan/in\n\toption url 'http://sms.lan/in'\n", "verify_cert 'verify'", "enabled '1'"]),
    ("sms_gateway", "config fwd 'to_http'\n option enabled '1'\n option url 'http://me:pw@sms.lan/'\n", &["\t# off here: look at", "enabled '0'", "url 'http://me:pw@sms.lan/': to_http.url must not hold"]),
    ("sms_gateway", "config fwd 'to_sms'\n option enabled '1'\n option mode 'list_number'\n list tel 'x'\n list fwd_number '+1'\n", &["#\toption mode 'list_number': to_sms.mode list_number needs", "enabled '0'"]),
    ("sms_gateway", "config fwd 'to_sms'\n option enabled '1'\n option mode 'user_group'\n option group 'ghosts'\n list fwd_number '+1'\n", &["#\toption group 'ghosts': RutOS's user_groups has none", "enabled '0'"]),
    ("sms_gateway", "config fwd 'to_smtp'\n option enabled '1'\n option email_name 'isp'\n list recipemail 'a@b.org'\n", &["#\toption email_name 'isp': RutOS's user_groups has none", "enabled '0'"]),
    ("sms_gateway", "config fwd 'other'\n option enabled '1'\n", &["# nothing here is like it\n#config fwd 'other'\n"]),
    ("post_get", "config post_get 'mobile'\n option enabled '1'\n option username 'user1'\n option password 'user_pass'\n", &["\t# off here: post_get is enabled and has no listen\n\toption enabled '0'\n", "# post_get.password is RutOS's well-known one"]),
    ("post_get", "config post_get 'mobile'\n option enabled '0'\n option password '$5$a$b'\n", &["#\toption password '$5$a$b': RutOS kept only this hash"]),
    ("email_to_sms", "config pop3 'pop3'\n option time 'day'\n option min '5'\n option day '3'\n", &["interval_unit 'day'", "interval '3'"]),
    ("email_to_sms", "config pop3 'pop3'\n option min '30'\n option hour '2'\n option limit '99'\n", &["interval '30'", "#\toption limit '99': pop3.limit"]),
    ("smpp", "config smpp 'smpp'\n option enabled '1'\n option use_tls_ssl '1'\n", &["#\toption use_tls_ssl '1': there is no TLS", "enabled '0'"]),
    ("smpp", "config smpp 'smpp'\n option password 'longer than eight'\nconfig smpp\n option port '1'\n", &["#\toption password 'longer than eight': smpp.password", "there is only one of these here\n#config smpp 'smpp'\n#\toption port '1'\n"]),
    ("call_utils", "config call 'call'\n option enabled '0'\n option action 'answer'\n", &["# RutOS has it switched off\n#config call 'call'\n#\toption action 'answer'\n"]),
    ("call_utils", "config rule\n option enabled '1'\n option action 'reboot'\n option key '7'\n", &["config call_rule 'call_reboot'\n", "enabled '0'", "#\toption key '7': call_rule.key"]),
    ("sms_utils", "config rule\n option enabled '1'\n option action 'gps'\n option smstext 'where'\n", &["#config sms_rule 'where'\n#\toption enabled '1'\n#\toption action 'gps': this agent has no such action\n"]),
    ("sms_utils", "config rule\n option enabled '1'\n option action 'uci'\n option smstext 'uci'\n option authorization 'no'\n", &["\t# off here: look at", "#\toption authorization 'no': sms_rule 'uci': needs"]),
    ("sms_utils", "config rule\n option enabled '1'\n option action 'more'\n option smstext 'more'\n option authorization 'no'\n", &["\t# sms_rule 'more': authorization is no: whoever fakes", "enabled '1'"]),
    ("sms_utils", "config rule\n option enabled '1'\n option action 'more'\n option smstext 'm'\n option authorization 'local'\n option password '$2y$10$x'\n", &["#\toption password '$2y$10$x': a hash of this form", "enabled '0'"]),
    ("sms_utils", "config rule\n option enabled '1'\n option action 'more'\n option smstext 'm'\n option allowed_phone 'single'\n option tel '\u{fffd}'\n", &["#\toption tel '\u{fffd}': this is not UTF-8", "enabled '0'"]),
    ("sms_utils", "config rule\n option action 'more'\n option modem_id 'a'\n option colour 'red'\nconfig rule\n option action 'more'\n option modem_id 'b'\n", &["#\toption modem_id 'a': this agent has one modem", "#\toption colour 'red': nothing here is like it", "config sms_rule 'more_2'\n"]),
    ("sms_utils", "config rule\n option action 'reboot'\n option message 'it'\"'\"'s\n2'\n", &["option message 'it'\\''s\n2'\n"]),
    ("sms_utils", "config sms-reboot\n option phone '+1'\n", &["# nothing here is like it\n#config sms-reboot ''\n"]),
];

#[test]
fn each_option_is_carried_over_or_becomes_a_remark() {
    for (file, theirs, expected) in ROWS {
        let (text, _, problems) = moved(&[(file, theirs)]);
        assert_eq!(problems, [""; 0], "{theirs}");
        for part in *expected {
            assert_eq!(text.matches(part).count(), 1, "{theirs}\n{part}\n{text}");
        }
    }
}

#[test]
fn groups_are_found_under_both_their_names_and_two_of_one_name_under_none() {
    let rule = |group: &str| {
        format!(
            "config rule\n option enabled '1'\n option action 'more'\n option smstext 'm'\n\
             option allowed_phone 'group'\n option group '{group}'\n"
        )
    };
    for name in ["1", "crew"] {
        let (_, config, _) = moved(&[("user_groups", CREW), ("sms_utils", &rule(name))]);
        assert_eq!(config.sms_rules[0].who, Who::Group(String::from("crew")));
    }
    let twice = format!("{CREW}config phone 'crew'\n list tel '+1'\n");
    let (text, config, _) = moved(&[("user_groups", &twice), ("sms_utils", &rule("crew"))]);
    assert!(config.sms_rules.is_empty() && text.contains("has two of that name"));
    // A group without members would let nobody in, and its section is none.
    let nobody = "config phone '1'\n option name 'crew'\n list tel ''\n";
    let (_, config, _) = moved(&[("user_groups", nobody), ("sms_utils", &rule("crew"))]);
    assert!(config.sms_rules.is_empty());
}

#[test]
fn rules_for_everybody_with_the_routers_password_are_counted() {
    let rule = "config rule\n option enabled '1'\n option action 'more'\n option smstext 'm'\n";
    let text = moved(&[("sms_utils", &[rule, rule, &rule.replace('1', "0")].concat())]).0;
    assert!(
        text.contains("\n# 2 of the rules below obey every phone"),
        "{text}"
    );
    let closed = format!("{rule} option authorization 'serial'\n");
    assert!(!moved(&[("sms_utils", &closed)]).0.contains("of the rules"));
}

#[test]
fn a_file_that_cannot_be_read_is_told_and_the_others_are_taken() {
    let broken = "config rule\n option smstext 'x\nconfig rule\n";
    let (text, config, problems) = moved(&[("sms_utils", broken), ("user_groups", CREW)]);
    assert_eq!(
        problems,
        ["/etc/config/sms_utils:2: error: the quote that opens here is never closed"]
    );
    assert!(text.contains("# sms_utils: it cannot be read") && config.groups.len() == 1);
    let many = "config rule\n option action 'more'\n".repeat(6000);
    assert_eq!(moved(&[("sms_utils", &many)]).0, "");
}

/// The words of a random file, each option with a value that fits.
#[rustfmt::skip]
const OPTIONS: &[(&str, &str)] = &[
    ("enabled", "1"), ("enabled", "1"), ("action", "more"), ("smstext", "m"), ("authorization", "serial"),
    ("password", "Xyzzy123"), ("allowed_phone", "group"), ("tel", "+37060000001"), ("group", "crew"), ("mode", "user_group"),
    ("url", "a.b/c"), ("method", "get"), ("verify_cert", "none"), ("secure_conn", "1"), ("smtp_port", "465"),
    ("email_name", "isp"), ("recipemail", "a@b.org"), ("fwd_number", "+1"), ("name", "crew"), ("message", "%rn"),
    ("msg", "hello"), ("key", "1"), ("time", "day"), ("day", "2"), ("pincode", "1234"), ("limit", "3"),
    ("enable_sms_limit", "1"), ("sms_limit_num", "5"), ("use_tls_ssl", "1"), ("credentials", "1"), ("username", "u"),
    ("modem_id", "1-1"), ("listen", "x"), ("host", "a.b"), ("port", "1"), ("smtp_ip", "a.b"), ("senderemail", "a@b.org"),
];
#[rustfmt::skip]
const VALUES: &[&str] = &[
    "1", "0", "exec", "gps", "no", "local", "all", "single", "list_number", "ignore", "it's", "two\nlines", "\u{1b}[2J",
    "\u{fffd}", "", "$1$a$b", "/x", "x'\"\\#;y", "\t", "\r", "ž", "# no", "a b", "nobody",
];
/// Without these a section that is on would do more than it did.
const NARROW: &[&str] = &[
    "action",
    "authorization",
    "password",
    "allowed_phone",
    "group",
    "mode",
    "use_tls_ssl",
    "key",
];
#[rustfmt::skip]
const SECTIONS: &[(&str, &str)] = &[
    ("user_groups", "phone 'crew'"),
    ("user_groups", "email 'isp'"),
    ("simcard", "sim"),
    ("simcard", "simman"),
    ("sms_gateway", "fwd 'reply'"),
    ("sms_gateway", "fwd 'to_http'"),
    ("sms_gateway", "fwd 'to_sms'"),
    ("sms_gateway", "fwd 'to_smtp'"),
    ("sms_gateway", "x-y 'z'"),
    ("post_get", "post_get 'mobile'"),
    ("email_to_sms", "pop3 'pop3'"),
    ("smpp", "smpp 'smpp'"),
    ("call_utils", "call 'call'"),
    ("call_utils", "rule"),
    ("sms_utils", "rule"),
];

#[test]
fn whatever_the_files_hold_the_text_passes_the_checks() {
    let mut seed = 11_u32;
    let mut pick = |most: usize| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 16) as usize % most
    };
    let mut on = 0;
    for _ in 0..1000 {
        let mut files: Vec<(&str, String)> = vendor::FILES
            .iter()
            .map(|name| (*name, String::new()))
            .collect();
        for _ in 0..pick(12) {
            let (file, section) = SECTIONS[pick(SECTIONS.len())];
            let text = &mut files.iter_mut().find(|(name, _)| *name == file).unwrap().1;
            *text += &format!("config {section}\n");
            let tidy = pick(2) == 0;
            for _ in 0..pick(40) {
                let word = ["option", "option", "list"][pick(3)];
                let (name, mut value) = OPTIONS[pick(OPTIONS.len())];
                if !tidy && pick(3) == 0 {
                    value = VALUES[pick(VALUES.len())];
                }
                let value = value.replace('\'', r"'\''");
                *text += &format!(" {word} {name} '{value}'\n");
            }
        }
        let files: Vec<_> = files
            .iter()
            .map(|(name, text)| (*name, text.as_str()))
            .collect();
        let (text, config, problems) = moved(&files);
        assert_eq!(problems, [""; 0]);
        assert!(!text.contains(['\u{1b}', '\r']));
        on += usize::from(config.to_sms.iter().any(|target| target.forwarding.enabled));
        on += config.sms_rules.len();
        let sections = text
            .split("\nconfig ")
            .filter(|one| one.contains("\n\toption enabled '1'"));
        for section in sections.filter(|one| !one.contains("\n\toption enabled '0'")) {
            // What another section has instead is no loss to this one.
            let own = section.split("\n#config").next().unwrap_or_default();
            let lines = own
                .lines()
                .filter(|line| !line.ends_with("nothing here is like it"));
            let gone = lines.filter_map(|line| line.strip_prefix("#\toption "));
            let gone = gone.map(|line| line.split(' ').next().unwrap_or_default());
            let mut narrow = gone.filter(|name| NARROW.contains(name));
            assert_eq!(narrow.next(), None, "{text}");
        }
    }
    assert!(on > 30, "much of it is of use: {on}");
}

#[test]
fn files_cut_anywhere_give_a_text_that_passes_the_checks() {
    let whole = include_str!("../../tests/import/rutos/sms_gateway");
    for end in (0..whole.len()).filter(|&end| whole.is_char_boundary(end)) {
        moved(&[("user_groups", CREW), ("sms_gateway", &whole[..end])]);
    }
}
