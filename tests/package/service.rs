//! Tests: the installed service — a changed configuration, a stop in the middle of a command, the scripts themselves.

use std::process::Command;

use super::house::{NEW, OLD, Router, Workshop, repository, run};
use super::{PATIENCE, first, wait_until};

fn reloads(router: &Router) -> usize {
    router
        .log()
        .matches("the configuration was read again")
        .count()
}

#[test]
fn a_committed_change_reaches_the_running_agent_and_a_bad_one_does_not() {
    let router = Router::start(OLD);
    router.furnish_with(&first(&Workshop::new()));
    let pid = router.agent();
    wait_until(PATIENCE, "the first reload", || reloads(&router) == 1);
    let shown = || router.sh("rut-agent status --json");

    router.sh(
        "uci set rut-agent.agent.log_level=debug; uci set rut-agent.phones=phone; \
               uci add_list rut-agent.phones.tel=+12025550155; uci commit rut-agent; reload_config",
    );
    wait_until(PATIENCE, "the second reload", || reloads(&router) == 2);
    router.sh("rut-agent send @phones 'to the new group' --wait");
    assert_eq!(router.modem.air()[0]["text"], "to the new group");

    // Others' configuration, and nothing new, are no reason.
    router
        .sh("uci set system.cfg1.hostname=other; uci commit system; reload_config; reload_config");
    router.sh("uci set rut-agent.modem.poll=0; uci commit rut-agent; reload_config");
    wait_until(PATIENCE, "the refusal", || {
        router.log().contains("the old one stays in force")
    });
    assert_eq!(reloads(&router), 2);
    assert!(router.log().contains("poll"), "{}", router.log());
    assert!(shown().contains(r#""state":"ready""#));

    router.sh("uci delete rut-agent.modem.poll; uci commit rut-agent; reload_config");
    wait_until(PATIENCE, "the third reload", || reloads(&router) == 3);
    assert_eq!(router.agent(), pid);
}

#[test]
fn a_stop_lets_the_modem_finish_what_it_is_at() {
    let router = Router::start(NEW);
    router.furnish_with(&first(&Workshop::new()));
    router.modem.control("delay 4000");
    let sent = router.sh("rut-agent send +12025550155 'on its way' --json");
    assert!(sent.contains("queued"), "{sent}");
    router.modem.wait_air(1);
    router.sh("/etc/init.d/rut-agent restart");
    let log = router.log();
    assert!(
        log.contains("SIGTERM: rut-agent stops") && !log.contains("was killed"),
        "{log}"
    );
    assert!(
        !log.contains("not finished") && !log.contains("another rut-agent"),
        "{log}"
    );
    router.modem.control("delay 0");
    router.wait_ready();
    wait_until(PATIENCE, "the message is known as sent", || {
        let sent = router.sh("rut-agent list --box sent --json");
        sent.contains(r#""status":"sent""#) || sent.contains(r#""status":"delivered""#)
    });
    assert_eq!(router.modem.air().len(), 1);
}

#[test]
fn tools_that_know_only_ubus_read_it_through_rpcd() {
    let router = Router::start(OLD);
    router.furnish_with(&first(&Workshop::new()));
    let reader = repository().join("openwrt/rut-agent.rpcd");
    run(Command::new("install")
        .arg(reader)
        .arg(router.path("/usr/sbin/reader")));
    router
        .modem
        .control(r#"deliver {"from":"+12025550155","text":"read me over ubus"}"#);
    wait_until(PATIENCE, "the message", || {
        router.sh("rut-agent list").contains("read me")
    });
    router.sh("rut-agent send +12025550155 'and me' --wait");
    // As rpcd calls it: the method's arguments on standard input, an object on standard output.
    let call = |words: &str| -> serde_json::Value {
        let said = router.sh(&format!("echo '{{}}' | reader {words}"));
        serde_json::from_str(&said).unwrap_or_else(|why| panic!("{words}: {why}: {said}"))
    };
    let methods = call("list");
    for method in methods.as_object().unwrap().keys() {
        assert!(call(&format!("call {method}")).is_object(), "{method}");
    }
    assert_eq!(call("call status")["modem"]["state"], "ready");
    assert_eq!(
        call("call inbox")["messages"][0]["text"],
        "read me over ubus"
    );
    assert_eq!(call("call sent")["messages"][0]["text"], "and me");
    assert_ne!(router.try_sh("reader call reboot").0, Some(0));
    assert_ne!(
        router
            .try_sh("/etc/init.d/rut-agent stop; reader call status")
            .0,
        Some(0)
    );
}

#[test]
fn every_script_of_the_router_is_clean_and_busybox_reads_it() {
    let below = |folder: &str| {
        let found = run(Command::new("find")
            .arg(repository().join(folder))
            .args(["-type", "f"]));
        found.lines().map(String::from).collect::<Vec<_>>()
    };
    let mut scripts = below("tests/package/router");
    let ours = below("openwrt");
    let is_script = |file: &&String| {
        ["init", "postinst", "prerm", "rpcd"]
            .iter()
            .any(|end| file.ends_with(end))
    };
    scripts.extend(ours.iter().filter(is_script).cloned());
    assert_eq!(scripts.len(), 13, "{scripts:?}");
    for script in &scripts {
        run(Command::new("busybox").args(["ash", "-n", script]));
    }
    // What is sourced lies on the router (1091); rc.common reads START (2034) and runs our init script (1008).
    run(Command::new("shellcheck")
        .args(["-s", "dash", "-e", "SC1091,SC2034,SC1008"])
        .args(&scripts));
}
