//! Tests: the machine behind the bridge, through the real binary and the kernel's real routes — pushes to it without the
//! Internet, interfaces that go and come, listeners whose addresses do, and the README's files for it held against the
//! programs that read them. Needs root: network namespaces are the router and the machine.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_types,
    clippy::disallowed_methods
)]

#[path = "lan_host/link.rs"]
mod link;
#[path = "lan_host/readme.rs"]
mod readme;
mod support;

use std::fs;
use std::net::{SocketAddr, SocketAddrV6, TcpStream, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::json;

use link::{Lan, MACHINE, ROUTER};
use support::process::Process;
use support::push::PushReceiver;
use support::{Bench, PATIENCE, Setup, TOKEN, wait_until};

/// The two families' addresses, with names.
const HOSTS: &str = "config lan_host 'six'\n\toption ip 'fd00::1'\n\toption hostname 'sms.lan'\n\
                     config lan_host 'four'\n\toption ip '10.77.0.2'\n\toption hostname 'four.lan'\n";
const NETWORK: &str = "config interface 'lan'\n\toption type 'bridge'\n\toption ifname 'eth0'\n";
const OTHERS: &str = "127.0.0.1 localhost\nfd00::5 nas.lan # the owner's\n";

/// A router with an agent to be. To be made inside its namespace, and dropped there.
struct Router {
    bench: Bench,
    root: PathBuf,
}

impl Router {
    fn new(sections: &str) -> Router {
        let mut bench = Bench::sim_only(&Setup {
            sections: String::from(sections),
            ..Setup::default()
        });
        let (root, bin) = (bench.path("root"), bench.path("bin"));
        for dir in ["etc/config", "tmp/hosts"] {
            fs::create_dir_all(root.join(dir)).unwrap();
        }
        fs::create_dir_all(&bin).unwrap();
        fs::write(root.join("etc/hosts"), OTHERS).unwrap();
        fs::write(root.join("etc/config/network"), NETWORK).unwrap();
        bench.env = vec![
            (
                String::from("PATH"),
                format!("{}:/usr/bin:/bin", bin.display()),
            ),
            (String::from("RUT_AGENT_ROOT"), root.display().to_string()),
        ];
        let router = Router { bench, root };
        // Nobody else's dnsmasq is to hear of it.
        router.program("killall", "exit 1");
        router.program("ubus", "exit 1");
        router
    }

    fn start(sections: &str) -> Router {
        let mut router = Router::new(sections);
        router.bench.start_agent();
        router.bench.wait_ready();
        router
    }

    /// A program of the router's does this from now on.
    fn program(&self, name: &str, does: &str) {
        let path = self.bench.path("bin").join(name);
        fs::write(&path, format!("#!/bin/sh\n{does}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn hosts(&self) -> String {
        fs::read_to_string(self.root.join("etc/hosts")).unwrap()
    }

    fn reload(&self, sections: &str) {
        self.bench.write_config("", sections);
        self.bench.reload();
    }

    fn deliver(&self, text: &str) {
        let message = json!({"from": "+37060000001", "text": text});
        self.bench.control(&format!("deliver {message}"));
    }
}

fn to_http(name: &str, url: &str) -> String {
    format!("config to_http 'to_{name}'\n\toption enabled '1'\n\toption url '{url}'\n")
}

fn wait_routes(lan: &Lan, ips: &[&str]) {
    for ip in ips {
        wait_until(PATIENCE, &format!("our route to {ip}"), || {
            lan.our_route_to(ip)
        });
    }
}

/// A receiver on every address of the machine, in its namespace.
fn receiver(lan: &Lan) -> PushReceiver {
    lan.machine.within(|| PushReceiver::on("[::]:0"))
}

#[test]
fn pushes_reach_the_machine_by_both_families_by_name_and_by_link_without_internet_and_dns() {
    let lan = Lan::new();
    let receiver = receiver(&lan);
    let port = receiver.address.port();
    let urls = [
        ("six", String::from("[fd00::1]")),
        ("name", String::from("sms.lan")),
        ("four", String::from("10.77.0.2")),
        ("fourname", String::from("FOUR.lan")),
        ("link", format!("[{MACHINE}%br-lan]")),
    ];
    assert_eq!(lan.router.ip("route show default"), "");
    assert_eq!(lan.router.ip("-6 route show default"), "");
    lan.router.within(|| {
        let targets = urls.iter();
        let targets =
            targets.map(|(name, host)| to_http(name, &format!("http://{host}:{port}/{name}")));
        let mut router = Router::start(&(String::from(HOSTS) + &targets.collect::<String>()));
        router.deliver("ahoy");
        let mut came: Vec<String> = receiver
            .wait(urls.len(), PATIENCE)
            .iter()
            .map(|push| String::from(push.target()))
            .collect();
        came.sort_unstable();
        let mut expected: Vec<String> = urls
            .iter()
            .map(|(name, _)| format!("/{name}?&message=ahoy"))
            .collect();
        expected.sort_unstable();
        assert_eq!(came, expected);
        let ours = "fd00::1\tsms.lan # rut-agent\n10.77.0.2\tfour.lan # rut-agent\n";
        assert_eq!(router.hosts(), format!("{OTHERS}{ours}"));
        let file = router.root.join("tmp/hosts/rut-agent");
        assert_eq!(fs::read_to_string(&file).unwrap(), ours);
        println!(
            "route: {:?}; {:?}",
            lan.route_to("fd00::1"),
            lan.route_to("10.77.0.2")
        );
        assert_eq!(router.bench.terminate(), Some(0));
        assert_eq!(
            (lan.route_to("fd00::1"), lan.route_to("10.77.0.2")),
            (None, None)
        );
        assert_eq!(router.hosts(), OTHERS);
        assert!(!file.exists());
    });
}

#[test]
fn the_route_is_back_after_the_interface_was_down_or_made_anew_or_somebody_cleared_it() {
    let lan = Lan::new();
    let receiver = receiver(&lan);
    let url = format!("http://sms.lan:{}/in", receiver.address.port());
    lan.router.within(|| {
        let router = Router::start(&(String::from(HOSTS) + &to_http("six", &url)));
        let both = ["fd00::1", "10.77.0.2"];
        let clear: [(&str, &dyn Fn()); 3] = [
            ("down and up", &|| {
                lan.router.ip("link set br-lan down");
                assert_eq!(lan.route_to("fd00::1"), None);
                assert_eq!(lan.route_to("10.77.0.2"), None);
                lan.router.ip("link set br-lan up");
                lan.router
                    .ip(&format!("address replace {ROUTER}/64 dev br-lan nodad"));
            }),
            ("cleared, as netifd does", &|| {
                lan.router.ip("-6 route delete fd00::1/128 dev br-lan");
                lan.router.ip("-4 route delete 10.77.0.2/32 dev br-lan");
            }),
            ("made anew", &|| {
                lan.router.ip("link delete br-lan");
                lan.cable();
            }),
        ];
        for (round, (how, clear)) in clear.iter().enumerate() {
            wait_routes(&lan, &both);
            clear();
            wait_routes(&lan, &both);
            router.deliver(how);
            // Not to wait for the next try where the first was too early: a reload tries at once.
            router.bench.reload();
            assert_eq!(receiver.wait(round + 1, PATIENCE).len(), round + 1, "{how}");
        }
    });
}

#[test]
fn changed_and_removed_machines_are_followed_and_nothing_of_others_is_touched() {
    let lan = Lan::new();
    lan.router
        .ip("-6 route add fd00::9/128 dev br-lan proto static");
    lan.router.within(|| {
        let foreign =
            "config lan_host 'nine'\n\toption ip 'fd00::9'\n\toption hostname 'nine.lan'\n";
        let mut router = Router::start(&(String::from(HOSTS) + foreign));
        wait_routes(&lan, &["fd00::1", "10.77.0.2"]);
        wait_until(PATIENCE, "the names", || {
            router.hosts().contains("fd00::9\tnine.lan")
        });
        assert!(
            router
                .bench
                .log()
                .contains("there is a route to fd00::9 already")
        );
        // Another address for one, the other goes.
        router.reload(
            &HOSTS
                .replace("fd00::1", "fd00::2")
                .replace("10.77.0.2", "10.77.0.3"),
        );
        wait_routes(&lan, &["fd00::2", "10.77.0.3"]);
        wait_until(PATIENCE, "the old ones' end", || {
            lan.route_to("fd00::1").is_none() && lan.route_to("10.77.0.2").is_none()
        });
        let ours = "fd00::2\tsms.lan # rut-agent\n10.77.0.3\tfour.lan # rut-agent\n";
        wait_until(PATIENCE, "the new names", || {
            router.hosts() == format!("{OTHERS}{ours}")
        });
        // A killed agent takes nothing away; its successor finds it and does.
        router.bench.kill9();
        assert!(lan.our_route_to("fd00::2"));
        router.bench.start_agent();
        router.bench.wait_ready();
        wait_routes(&lan, &["fd00::2", "10.77.0.3"]);
        router.reload("");
        wait_until(PATIENCE, "the end of all", || {
            lan.route_to("fd00::2").is_none()
                && lan.route_to("10.77.0.3").is_none()
                && router.hosts() == OTHERS
        });
        assert_eq!(router.bench.terminate(), Some(0));
        assert!(lan.route_to("fd00::9").unwrap().contains("proto static"));
    });
}

#[test]
fn an_interface_is_what_netifd_says_and_one_that_is_not_there_yet_is_waited_for() {
    let lan = Lan::new();
    lan.router.within(|| {
        let sections = HOSTS.replace("sms.lan'\n", "sms.lan'\n\toption interface 'dmz'\n");
        let router = Router::new(&sections);
        let status = r#"[ "$*" = "call network.interface.dmz status" ] && echo '{"up":true,"l3_device":"br-dmz","device":"eth9"}'"#;
        router.program("ubus", status);
        let mut router = router;
        router.bench.start_agent();
        wait_routes(&lan, &["10.77.0.2"]);
        wait_until(PATIENCE, "a word about it", || {
            router.bench.log().contains("no route to fd00::1 through dmz: No such device")
        });
        assert!(lan.route_to("fd00::1").is_none());
        lan.router.ip("link add br-dmz type veth peer name dmz0");
        lan.router.ip("link set br-dmz up");
        wait_routes(&lan, &["fd00::1"]);
        assert!(lan.route_to("fd00::1").unwrap().contains("dev br-dmz"));
    });
}

fn answers(lan: &Lan, at: SocketAddr) -> bool {
    lan.machine.within(|| {
        let line = TcpStream::connect_timeout(&at, Duration::from_secs(1));
        line.is_ok_and(|_| {
            let words = [("Authorization", &*format!("Bearer {TOKEN}"))];
            let answer = support::http::request(at, "GET", "/api/v1/status", &words, b"");
            answer.is_ok_and(|answer| answer.status == 200)
        })
    })
}

#[test]
fn listeners_survive_that_their_addresses_go_and_come_and_one_that_comes_late_is_served() {
    let lan = Lan::new();
    lan.machine.ip("-6 route add fd00::/64 dev if0");
    lan.router.ip("address add fd00::a/64 dev br-lan nodad");
    let index = lan
        .machine
        .within(|| nix::net::if_::if_nametoindex("if0").unwrap());
    lan.router.within(|| {
        let mut router = Router::new(HOSTS);
        let port = router.bench.address.port();
        let all = format!(
            "192.168.1.1:{port}' '[fd00::a]:{port}' '[{ROUTER}%br-lan]:{port}' '192.168.2.1:{port}"
        );
        let lists = all.replace("' '", "'\n\tlist listen '");
        let api = format!("{HOSTS}config api 'api'\n\tlist listen '{lists}'\n");
        router.bench.write_config("", &api);
        router.bench.start_agent();
        router.bench.wait_ready();
        let link = SocketAddrV6::new(ROUTER.parse().unwrap(), port, 0, index);
        let places: [SocketAddr; 3] = [
            SocketAddr::from(([192, 168, 1, 1], port)),
            format!("[fd00::a]:{port}").parse().unwrap(),
            link.into(),
        ];
        for at in places {
            wait_until(PATIENCE, &at.to_string(), || answers(&lan, at));
        }
        // The addresses change, and change back.
        lan.router.ip("address flush dev br-lan");
        assert!(places.iter().all(|at| !answers(&lan, *at)));
        lan.router.ip("address add 192.168.2.1/24 dev br-lan");
        lan.router.ip("address add 192.168.1.1/24 dev br-lan");
        lan.router.ip("address add fd00::a/64 dev br-lan nodad");
        lan.router
            .ip(&format!("address add {ROUTER}/64 dev br-lan nodad"));
        for at in places {
            wait_until(PATIENCE, &at.to_string(), || answers(&lan, at));
        }
        lan.machine.ip("route add 192.168.2.0/24 dev if0");
        let late = SocketAddr::from(([192, 168, 2, 1], port));
        wait_until(PATIENCE, "the one that came late", || answers(&lan, late));
        // br-lan is another interface now: only the listener of the link must begin anew.
        lan.router.ip("link delete br-lan");
        lan.cable();
        let index = lan
            .machine
            .within(|| nix::net::if_::if_nametoindex("if0").unwrap());
        let link = SocketAddrV6::new(ROUTER.parse().unwrap(), port, 0, index);
        wait_until(PATIENCE, "the link anew", || answers(&lan, link.into()));
        assert!(answers(&lan, places[0]));
        let listening = |at: &str| {
            router
                .bench
                .log()
                .matches(&format!("listening on {at}:{port}"))
                .count()
        };
        assert_eq!(listening(&format!("[{ROUTER}%br-lan]")), 2);
        assert_eq!((listening("192.168.1.1"), listening("[fd00::a]")), (1, 1));
    });
}

/// Asks the name server on loopback for the address of a name (RFC 1035 4.1); the last bytes of its answer.
fn resolve(port: u16, name: &str, kind: u8, bytes: usize) -> Option<Vec<u8>> {
    let mut query = vec![0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in name.split('.') {
        query.push(u8::try_from(label.len()).unwrap());
        query.extend(label.bytes());
    }
    query.extend([0, 0, kind, 0, 1]);
    let line = UdpSocket::bind("127.0.0.1:0").unwrap();
    line.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
    line.send_to(&query, ("127.0.0.1", port)).unwrap();
    let mut answer = [0; 512];
    let count = line.recv(&mut answer).ok()?;
    // As many answers as there are.
    (answer[7] > 0).then(|| answer[count - bytes..count].to_vec())
}

#[test]
fn debians_dnsmasq_tells_the_lan_the_name_and_forgets_it() {
    let lan = Lan::new();
    lan.router.within(|| {
        let mut router = Router::new(HOSTS);
        let (pid, hosts) = (router.bench.path("dnsmasq.pid"), router.root.join("tmp/hosts"));
        router.program("killall", &format!("[ \"$*\" = '-HUP dnsmasq' ] && kill -HUP \"$(cat {})\"", pid.display()));
        let program = "/usr/sbin/dnsmasq";
        assert!(fs::exists(program).unwrap(), "this test needs dnsmasq: apt-get install dnsmasq-base");
        let line = format!(
            "{program} --keep-in-foreground --conf-file=/dev/null --no-resolv --no-hosts --user=root --port=5353 --listen-address=127.0.0.1 --addn-hosts={} --pid-file={}",
            hosts.display(), pid.display()
        );
        let line: Vec<String> = line.split(' ').map(String::from).collect();
        let _dnsmasq = Process::start(&line, &router.bench.path("dnsmasq.log"));
        wait_until(PATIENCE, "dnsmasq", || pid.exists());
        assert_eq!(resolve(5353, "sms.lan", 28, 16), None);
        router.bench.start_agent();
        let six = "fd00::1".parse::<std::net::Ipv6Addr>().unwrap().octets();
        wait_until(PATIENCE, "sms.lan", || resolve(5353, "sms.lan", 28, 16).is_some_and(|ip| ip == six));
        assert_eq!(resolve(5353, "four.lan", 1, 4), Some(vec![10, 77, 0, 2]));
        assert_eq!(router.bench.terminate(), Some(0));
        wait_until(PATIENCE, "the end of sms.lan", || resolve(5353, "sms.lan", 28, 16).is_none());
    });
}
