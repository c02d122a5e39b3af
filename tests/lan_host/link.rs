//! Tests: two network namespaces as router and machine behind it, joined by br-lan. Nothing outside them is touched, and
//! they go when the test ends.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::process::Command;

use nix::sched::{CloneFlags, setns, unshare};

/// The router's link-local address, and the machine's.
pub const ROUTER: &str = "fe80::a";
pub const MACHINE: &str = "fe80::b";

/// A network namespace; it lives as long as this.
#[derive(Debug)]
pub struct Space(File);

impl Space {
    fn new() -> Space {
        let made = std::thread::spawn(|| {
            unshare(CloneFlags::CLONE_NEWNET).expect(
                "this test makes network namespaces: run it as root, in a container with CAP_SYS_ADMIN and CAP_NET_ADMIN",
            );
            // A test has no time to wait until addresses are known to be nobody else's.
            for which in ["all", "default"] {
                let file = format!("/proc/sys/net/ipv6/conf/{which}/accept_dad");
                std::fs::write(file, "0").expect("this test needs IPv6 and a writable /proc/sys");
            }
            Space(File::open("/proc/thread-self/ns/net").unwrap())
        });
        let space = made.join().unwrap();
        space.ip("link set lo up");
        space
    }

    /// Does something inside: what it binds, connects and starts is there.
    pub fn within<T: Send>(&self, act: impl FnOnce() -> T + Send) -> T {
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                setns(&self.0, CloneFlags::CLONE_NEWNET).unwrap();
                act()
            });
            thread
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// Runs `ip` inside; what it prints.
    pub fn ip(&self, words: &str) -> String {
        let ran = self.within(|| Command::new("ip").args(words.split(' ')).output());
        let ran = ran.expect("this test needs ip: apt-get install iproute2");
        let why = String::from_utf8_lossy(&ran.stderr);
        assert!(ran.status.success(), "ip {words}: {why}");
        String::from_utf8(ran.stdout).unwrap()
    }
}

/// The router and the machine behind it.
#[derive(Debug)]
pub struct Lan {
    pub router: Space,
    pub machine: Space,
}

impl Lan {
    /// The machine has fd00::1 and 10.77.0.2 beside its link-local address, the router 192.168.1.1; no routes lead to
    /// the machine's, and the router has no default route: it is not on the Internet.
    pub fn new() -> Lan {
        let lan = Lan {
            router: Space::new(),
            machine: Space::new(),
        };
        lan.cable();
        lan
    }

    /// A new br-lan with everything on it, as after `network restart`.
    pub fn cable(&self) {
        let there = format!(
            "/proc/{}/fd/{}",
            std::process::id(),
            self.machine.0.as_raw_fd()
        );
        let link = "link add br-lan type veth peer name if0 netns";
        self.router.ip(&format!("{link} {there}"));
        for (space, name, own) in [
            (&self.router, "br-lan", ROUTER),
            (&self.machine, "if0", MACHINE),
        ] {
            space.ip(&format!("link set {name} addrgenmode none"));
            space.ip(&format!("link set {name} up"));
            space.ip(&format!("address add {own}/64 dev {name} nodad"));
        }
        self.router.ip("address add 192.168.1.1/24 dev br-lan");
        self.machine.ip("address add fd00::1/128 dev if0 nodad");
        self.machine.ip("address add 10.77.0.2/32 dev if0");
        self.machine.ip("route add 192.168.1.0/24 dev if0");
    }

    /// The host route to this address as `ip` shows it, if there is one.
    pub fn route_to(&self, ip: &str) -> Option<String> {
        let bits = if ip.contains(':') { 128 } else { 32 };
        let family = if bits == 128 { "-6" } else { "-4" };
        let shown = self.router.ip(&format!("{family} route show {ip}/{bits}"));
        Some(String::from(shown.trim())).filter(|shown| !shown.is_empty())
    }

    /// True when there is one, and the agent made it.
    pub fn our_route_to(&self, ip: &str) -> bool {
        self.route_to(ip)
            .is_some_and(|route| route.contains("proto 82"))
    }
}
