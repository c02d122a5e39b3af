//! Tests: SMS rules through the real binary — who may, what runs, what is answered, and that nothing is done twice. Never
//! tests each answer of each firmware: the actions have tests beside them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_types,
    clippy::disallowed_methods
)]

#[path = "rules/reboot.rs"]
mod reboot;
#[path = "rules/router.rs"]
mod router;
mod support;
#[path = "rules/table.rs"]
mod table;
#[path = "rules/trial.rs"]
mod trial;

use serde_json::Value;

use router::{Router, SETTLE};
use support::{PATIENCE, wait_until};

const BOSS: &str = "+12025550155";
const THIEF: &str = "+12025550666";

/// A rule for everybody who knows its password.
fn rule(name: &str, action: &str, text: &str, more: &str) -> String {
    format!(
        "config sms_rule '{name}'\n option enabled '1'\n option action '{action}'\n option smstext '{text}'\n{more}\n"
    )
}

/// A rule for `BOSS`, who need say nothing but the text, and is told what came of it.
fn own(name: &str, action: &str, text: &str, more: &str) -> String {
    let who = format!(
        " option authorization 'local'\n option password 'Xyzzy123'\n option allowed_phone 'single'\n option tel '{BOSS}'\n option respond '1'\n"
    );
    rule(name, action, text, &(who + more))
}

#[test]
fn who_may_is_decided_by_number_and_keyword_and_the_first_rule_that_fits_wins() {
    let mut sections = String::from(SETTLE);
    sections += &own("off", "config_reload", "go", " option message 'off'\n")
        .replace("enabled '1'", "enabled '0'");
    sections += &own("one", "config_reload", "go", " option message 'one'\n");
    sections += &own("two", "config_reload", "go", " option message 'two'\n");
    sections += &rule(
        "by_serial",
        "config_reload",
        "go",
        " option authorization 'serial'\n option message 'serial'\n option status_sms '1'\n",
    );
    sections += &rule(
        "by_system",
        "config_reload",
        "go",
        " option message 'system'\n option respond '1'\n option to_other_phone '1'\n list to_number '+4997'\n",
    );
    sections += &rule(
        "by_nothing",
        "more",
        "mehr bitte",
        " option authorization 'no'\n",
    );
    let router = Router::start(&sections);
    router.says("mnf_info --sn", "1111111111\n");
    assert_eq!(router.ask(BOSS, " Xyzzy123  GO \n"), "one");
    assert_eq!(router.ask(BOSS, "1111111111 go"), "serial");
    assert_eq!(router.ask(THIEF, "mehr  Bitte"), "there is no more");
    let before = router.told().len();
    router.deliver(THIEF, "Admin01 go");
    router.bench.wait_air(before + 2);
    let system = |to: &str| (String::from(to), String::from("system"));
    assert_eq!(router.told()[before..], [system(THIEF), system("+4997")]);
    for text in [
        "go",
        "Xyzzy123 go",
        "Xyzzy124 go",
        "ADMIN01 go",
        "1111111112 go",
        "Xyzzy123 go on",
    ] {
        router.deliver(THIEF, text);
    }
    router.settle();
    let reloads = router.ran();
    let reloads = reloads.iter().filter(|call| *call == "reload_config");
    assert_eq!(
        reloads.count(),
        3,
        "nothing was done for the thief but what he may"
    );
}

#[test]
fn a_code_is_good_once_whoever_sends_it_over_a_restart_too() {
    let sections = String::from(SETTLE)
        + &rule(
            "by_code",
            "config_reload",
            "code",
            " option authorization 'totp'\n option secret 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ'\n option respond '1'\n",
        );
    let mut router = Router::start(&sections);
    router.deliver(THIEF, "000000 code");
    let code = code_now();
    assert_eq!(
        router.ask(BOSS, &format!("{code} code")),
        "config_reload: done"
    );
    router.deliver(BOSS, &format!("{code} code"));
    router.deliver(THIEF, &format!("{code} Code"));
    router.settle();
    router.bench.restart();
    router.deliver(BOSS, &format!("{code} code"));
    router.settle();
    let reloads = router
        .ran()
        .into_iter()
        .filter(|call| call == "reload_config")
        .count();
    assert_eq!(reloads, 1, "a code is good once, over a restart too");
}

/// RFC 6238 with the key of its own examples.
fn code_now() -> String {
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    let key = ring::hmac::Key::new(
        ring::hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
        b"12345678901234567890",
    );
    let tag = ring::hmac::sign(&key, &(now.as_secs() / 30).to_be_bytes());
    let at = usize::from(tag.as_ref()[19] & 15);
    let number = u32::from_be_bytes(tag.as_ref()[at..at + 4].try_into().unwrap()) & 0x7FFF_FFFF;
    format!("{:06}", number % 1_000_000)
}

#[test]
fn ten_wrong_passwords_make_a_number_deaf_over_a_restart_and_an_event_tells() {
    let sections = String::from(SETTLE)
        + &rule(
            "go",
            "config_reload",
            "go",
            " option authorization 'local'\n option password 'Xyzzy123'\n option respond '1'\n",
        );
    let mut router = Router::start(&sections);
    for number in 0..10 {
        router.deliver(THIEF, &format!("Guess{number} go"));
    }
    router.settle();
    router.bench.restart();
    router.deliver(THIEF, "Xyzzy123 go");
    assert_eq!(router.ask(BOSS, "Xyzzy123 go"), "config_reload: done");
    let (_, page) = router.bench.api("GET", "/events?after=0", None);
    let locked: Vec<&Value> = page["events"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|event| event["type"] == "rule.locked")
        .collect();
    assert_eq!(locked.len(), 1, "{page}");
    assert_eq!(locked[0]["data"]["from"], THIEF);
    assert_eq!(router.ran(), ["reload_config"]);
    assert!(
        !router.bench.log().contains("Guess"),
        "what was tried is nobody's business"
    );
}

#[test]
fn what_a_rule_takes_is_forwarded_to_nobody_but_who_wants_every_sms() {
    let sections = own("go", "config_reload", "go", "")
        + "config to_sms 'some'\n option enabled '1'\n list fwd_number '+4901'\n\
           config to_sms 'all'\n option enabled '1'\n option every_sms '1'\n list fwd_number '+4902'\n\
           config reply 'reply'\n option enabled '1'\n option msg 'hello'\n";
    let router = Router::start(&sections);
    router.deliver(BOSS, "Xyzzy123 go");
    router.deliver(BOSS, "Xyzzy123 go home");
    router.bench.wait_air(5);
    let mut told = router.told();
    told.sort();
    let line = |to: &str, text: &str| (String::from(to), String::from(text));
    let expected = [
        line(BOSS, "config_reload: done"),
        line(BOSS, "hello"),
        line("+4901", "Xyzzy123 go home"),
        line("+4902", "Xyzzy123 go"),
        line("+4902", "Xyzzy123 go home"),
    ];
    assert_eq!(told, expected);
}

#[test]
fn an_order_that_was_cut_short_is_told_of_and_not_done_again() {
    let sections = String::from(SETTLE) + &own("go", "config_reload", "go", "");
    let mut router = Router::start(&sections);
    router.hangs("reload_config");
    router.deliver(BOSS, "Xyzzy123 go");
    router.wait_ran("reload_config");
    // A slow order holds up nobody's messages.
    router.settle();
    let before = router.told().len();
    router.cut();
    router.bench.wait_air(before + 1);
    let (to, text) = router.told().pop().unwrap();
    assert_eq!(to, BOSS);
    assert_eq!(
        text,
        "config_reload: cut short by a restart, and not done again"
    );
    router.cut();
    router.settle();
    assert_eq!(router.ran(), ["reload_config"]);
    assert_eq!(router.told().len(), before + 2);
}

#[test]
fn an_output_is_set_back_after_its_time_and_after_a_cut() {
    let sections = own(
        "pulse",
        "io_set",
        "pulse",
        " option io 'dout1'\n option timeout '1'\n option seconds '1'\n",
    ) + &own(
        "long",
        "io_set",
        "long",
        " option io 'dout1'\n option timeout '1'\n option seconds '999999'\n",
    );
    let mut router = Router::start(&sections);
    router.says("ubus list ioman.*", "ioman.gpio.dout1\n");
    let set = |value| format!("ubus|call|ioman.gpio.dout1|update|{{\"value\":\"{value}\"}}");
    router.ask(BOSS, "Xyzzy123 pulse");
    router.wait_ran(&set(0));
    let updates: Vec<String> = router
        .ran()
        .into_iter()
        .filter(|call| call.contains("update"))
        .collect();
    assert_eq!(updates, [set(1), set(0)]);
    // More often than orders may wait: each stands for the one before.
    for _ in 0..20 {
        assert_eq!(router.ask(BOSS, "Xyzzy123 long"), "io_set: done");
    }
    let _before = router.ran();
    router.bench.restart();
    router.wait_ran(&set(0));
    assert_eq!(router.ask(BOSS, "Xyzzy123 long"), "io_set: done");
    let updates = router.ran();
    let updates = updates.iter().filter(|call| call.contains("update"));
    assert_eq!(updates.count(), 2, "set back once, and set again");
}

#[test]
fn a_long_answer_comes_in_pages() {
    let mut router = Router::start("");
    let script =
        router.script("i=0; while [ $i -lt 40 ]; do printf '%09d\\n' $i; i=$((i+1)); done");
    let sections = own("more", "more", "more", "")
        + &own(
            "run",
            "exec",
            "run",
            &format!(" option script '{script}'\n"),
        );
    router.bench.write_config("", &sections);
    router.bench.restart();
    let all: String = (0..40).map(|number| format!("{number:09}\n")).collect();
    let first = router.ask(BOSS, "Xyzzy123 run");
    let second = router.ask(BOSS, "Xyzzy123 more");
    let third = router.ask(BOSS, "Xyzzy123 More");
    assert_eq!(first.len(), 160);
    assert_eq!(first + &second + &third, all.trim_end());
    assert_eq!(router.ask(BOSS, "Xyzzy123 more"), "there is no more");
}

#[test]
fn hostile_words_reach_a_script_as_words_and_nothing_else() {
    let mut router = Router::start("");
    let script = router.script(&format!(
        "for word; do printf '[%s]' \"$word\"; done >> '{}'; echo $#",
        router.bench.path("words").display()
    ));
    router.bench.write_config(
        "",
        &own(
            "run",
            "exec",
            "run",
            &format!(" option script '{script}'\n"),
        ),
    );
    router.bench.restart();
    let hostile = "'; touch /tmp/x; $(id) `id` \" && | > < * ? ~ -rf --help =a\\n € \u{1F600}";
    let words: Vec<&str> = hostile.split_whitespace().collect();
    assert_eq!(
        router.ask(BOSS, &format!("Xyzzy123 run {hostile}")),
        words.len().to_string()
    );
    let expected: String = words.iter().map(|word| format!("[{word}]")).collect();
    let heard = || std::fs::read_to_string(router.bench.path("words")).unwrap();
    assert_eq!(heard(), expected);
    let many = vec!["-x"; 400].join(" ");
    assert_eq!(router.ask(BOSS, &format!("Xyzzy123 run {many}")), "400");
    let expected = expected + &"[-x]".repeat(400);
    assert_eq!(heard(), expected);
    let long = "y".repeat(20_000);
    assert_eq!(router.ask(BOSS, &format!("Xyzzy123 run {long}")), "1");
    assert_eq!(heard(), expected + &format!("[{long}]"));
    assert!(router.ran().is_empty());
}

/// An order with a hostile word in it, and what runs with that word; empty: nothing does.
const ORDERS: &[(&str, &str)] = &[
    (
        "change_mobile_settings apn=WORD",
        "uci|set|network.mob.apn=WORD",
    ),
    (
        "uci set network.wan.ipaddr=WORD",
        "uci|set|network.wan.ipaddr=WORD",
    ),
    ("api put /x {\"a\":\"WORD\"}", "api|PUT|/x|{\"a\":\"WORD\"}"),
    ("api get /WORD", ""),
    ("uci get WORD", ""),
    ("vpn WORD", ""),
    ("change_profile WORD", ""),
    ("ip_unblock WORD", ""),
];

#[test]
fn hostile_words_reach_the_routers_programs_as_one_word_or_not_at_all() {
    let mut router = Router::start("");
    let victim = router.bench.path("victim").display().to_string();
    let rules = [
        ("change_mobile_settings", ""),
        ("vpn", ""),
        ("change_profile", ""),
        ("ip_unblock", ""),
        ("uci", ""),
        ("api", " option acl_mode 'denied'\n"),
    ];
    let rules = rules.map(|(action, more)| own(&format!("do_{action}"), action, action, more));
    router.bench.write_config("", &rules.concat());
    router.bench.restart();
    router.says(
        "uci -q show network",
        "network.mob=interface\nnetwork.mob.proto='wwan'\n",
    );
    router.says("uci -q show openvpn", "openvpn.home=openvpn\n");
    router.says("uci -q show profiles", "profiles.sea=profile\n");
    router.says("ubus call ip_block show", "{\"ips\":[]}");
    let _start = router.ran();
    for word in [
        format!("$(touch${{IFS}}{victim})"),
        format!("`touch${{IFS}}{victim}`"),
        format!(";touch${{IFS}}{victim};"),
        format!("'\"&&touch${{IFS}}{victim}#"),
        String::from("--help"),
        String::from("-rf"),
        "z".repeat(20_000),
    ] {
        for (order, runs) in ORDERS {
            if word.len() > 1000 && order.contains("=WORD") {
                // What was set is answered, in eight messages.
                continue;
            }
            let said = router.ask(BOSS, &format!("Xyzzy123 {}", order.replace("WORD", &word)));
            let ran = router.ran();
            let given = ran.iter().filter(|line| line.contains(&word));
            let given: Vec<&String> = given.collect();
            let no_json = word.contains('"') && order.contains("put");
            // The word is fine for a path of `api`.
            let harmless = order.contains("get /") && word.starts_with(['-', 'z']);
            match *runs {
                _ if harmless => assert_eq!(given, [&format!("api|GET|/{word}")]),
                "" => assert!(given.is_empty(), "{order}: {given:?}"),
                _ if no_json => assert!(given.is_empty(), "{order}: {given:?}"),
                runs => assert_eq!(given, [&runs.replace("WORD", &word)], "{order}: {said}"),
            }
            assert!(!std::path::Path::new(&victim).exists(), "{order}: {word}");
        }
    }
}

#[test]
fn a_new_rule_leaves_what_came_before_it_alone_and_none_holds_nobody_up() {
    let mut router = Router::start(SETTLE);
    router.deliver(BOSS, "Xyzzy123 go");
    router.settle();
    let rules = own("go", "config_reload", "go", "");
    router
        .bench
        .write_config("", &(String::from(SETTLE) + &rules));
    router.bench.reload();
    wait_until(PATIENCE, "the new rule", || {
        router.bench.log().contains("read again")
    });
    router.settle();
    router.bench.restart();
    router.settle();
    assert!(router.ran().is_empty());
    assert_eq!(router.ask(BOSS, "Xyzzy123 go"), "config_reload: done");
    router.bench.write_config("", SETTLE);
    router.bench.restart();
    router.settle();
}
