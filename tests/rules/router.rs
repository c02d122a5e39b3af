//! Tests: a router for the rules — every program an action may run is one recording script in the agent's whole `PATH`, and
//! its files lie below a root of their own. Never lets the agent reach a program of the machine that tests.

use std::cell::Cell;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;

use serde_json::{Value, json};

use super::support::{Bench, PATIENCE, Setup, wait_for, wait_until};

/// Writes down its words, says what the file named like them says, and hangs or fails when told to.
const PROGRAM: &str = r#"#!/bin/sh
PATH=/usr/bin:/bin
dir=BIN me=$(basename "$0")
{ printf %s "$me"; for word; do printf '|%s' "$word"; done; echo; } >> "$dir/calls"
said="$dir/say/$(printf %s "$me $*" | tr ' /*' '___')"
[ -e "$dir/hang.$me" ] && exec sleep 600
[ -e "$said" ] && cat "$said"
[ ! -e "$dir/fail.$me" ]
"#;

const PROGRAMS: &[&str] = &[
    "api",
    "cat",
    "firstboot",
    "ifdown",
    "ifup",
    "mnf_info",
    "profile.sh",
    "reboot",
    "reload_config",
    "rut_fota",
    "ubus",
    "uci",
    "user_defaults",
    "wifi",
];

/// `openssl passwd -6 -salt saltsalt admin01`.
const SHADOW: &str = "daemon:*:0:0:99999:7:::\nroot:$6$saltsalt$ZakEZvxWJ3VVsBmt3rPS40IA7tbaRiSJbKIt9AqF0w5nxaMGSs21WEuK9pogbAJGP1C1WDgu9wGElyaBrPosK.:0:0:99999:7:::\n";

pub struct Router {
    pub bench: Bench,
    bin: PathBuf,
    /// Of the next message's parts: phones count, too.
    reference: Cell<u8>,
}

fn executable(path: PathBuf, text: &str) {
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
}

impl Router {
    /// An agent with these sections, whose programs say nothing yet.
    pub fn start(sections: &str) -> Router {
        let mut bench = Bench::sim_only(&Setup {
            sections: String::from(sections),
            ..Setup::default()
        });
        let (bin, root) = (bench.path("bin"), bench.path("root"));
        let script = PROGRAM.replace("BIN", &bin.display().to_string());
        fs::create_dir_all(bin.join("say")).unwrap();
        fs::create_dir_all(root.join("etc/init.d")).unwrap();
        fs::write(root.join("etc/shadow"), SHADOW).unwrap();
        executable(root.join("etc/init.d/rms_mqtt"), &script);
        for name in PROGRAMS {
            executable(bin.join(name), &script);
        }
        symlink("/usr/bin/env", bin.join("env")).unwrap();
        bring_runner(&bin);
        bench.env = vec![
            (String::from("PATH"), bin.display().to_string()),
            (String::from("RUT_AGENT_ROOT"), root.display().to_string()),
        ];
        bench.start_agent();
        bench.wait_ready();
        Router {
            bench,
            bin,
            reference: Cell::new(1),
        }
    }

    /// From now on the program says this to these words, such as `("uci -q show network", "…")`.
    pub fn says(&self, words: &str, text: &str) {
        let name = words.replace([' ', '/', '*'], "_");
        fs::write(self.bin.join("say").join(name), text).unwrap();
    }

    /// From now on the program hangs.
    pub fn hangs(&self, program: &str) {
        fs::write(self.bin.join(format!("hang.{program}")), "").unwrap();
    }

    /// From now on the program does not hang.
    pub fn works(&self, program: &str) {
        let _did_not_hang = fs::remove_file(self.bin.join(format!("hang.{program}")));
    }

    /// From now on there is no such program.
    pub fn lacks(&self, program: &str) {
        fs::remove_file(self.bin.join(program)).unwrap();
    }

    /// A script for `exec`; its path.
    pub fn script(&self, text: &str) -> String {
        let path = self.bench.path("script.sh");
        executable(
            path.clone(),
            &format!("#!/bin/sh\nPATH=/usr/bin:/bin\n{text}"),
        );
        path.display().to_string()
    }

    /// The programs that ran since the last time, with their words.
    pub fn ran(&self) -> Vec<String> {
        let file = self.bin.join("calls");
        let calls = fs::read_to_string(&file).unwrap_or_default();
        let _none = fs::remove_file(file);
        calls.lines().map(String::from).collect()
    }

    /// Waits until a program ran with these words.
    pub fn wait_ran(&self, line: &str) {
        wait_until(PATIENCE, line, || {
            let calls = fs::read_to_string(self.bin.join("calls"));
            calls.is_ok_and(|calls| calls.lines().any(|call| call == line))
        });
    }

    pub fn deliver(&self, from: &str, text: &str) {
        let reference = self.reference.get();
        self.reference.set(reference.wrapping_add(1));
        let order = json!({"from": from, "text": text, "concat_ref": reference});
        self.bench.control(&format!("deliver {order}"));
    }

    /// Delivers, and gives the text of the next message on the air, which must be to the sender.
    pub fn ask(&self, from: &str, text: &str) -> String {
        let before = self.bench.air().len();
        self.deliver(from, text);
        let air = self.bench.wait_air(before + 1);
        assert_eq!(air[before]["to"], from, "{text}");
        String::from(air[before]["text"].as_str().unwrap())
    }

    /// Cuts the power and starts again, as procd does until the agent stays: a program that was being started just then holds
    /// the state directory a moment longer.
    pub fn cut(&mut self) {
        self.bench.kill9();
        loop {
            let refusals = |bench: &Bench| bench.log().matches("\nrut-agent: ").count();
            let before = refusals(&self.bench);
            self.bench.start_agent();
            let stays = wait_for(PATIENCE, "the agent after a cut", || {
                let status = self.bench.try_api("GET", "/status", None);
                let refused = refusals(&self.bench) > before;
                (refused || status.is_ok()).then_some(!refused)
            });
            if stays {
                return self.bench.wait_ready();
            }
            self.bench.kill9();
        }
    }

    /// Recipients and texts of everything on the air.
    pub fn told(&self) -> Vec<(String, String)> {
        let text = |value: &Value| String::from(value.as_str().unwrap());
        let air = self.bench.air();
        air.iter()
            .map(|one| (text(&one["to"]), text(&one["text"])))
            .collect()
    }

    /// Waits until the agent has so many messages in its inbox and has judged them: one that no rule takes comes last.
    pub fn settle(&self) {
        let before = self.bench.air().len();
        let text = format!("settle {before}");
        self.deliver("+4999", &text);
        let air = self.bench.wait_air(before + 1);
        let last = air.last().unwrap();
        assert_eq!(
            (last["to"].as_str(), last["text"].as_str()),
            (Some("+4998"), Some(text.as_str())),
            "{air:?}"
        );
    }
}

/// Passes on what no rule takes and `+4999` sends: when it is on the air, all before it is judged.
pub const SETTLE: &str = "config to_sms 'settle'\n option enabled '1'\n option mode 'list_number'\n list tel '+4999'\n list fwd_number '+4998'\n";

/// The words in front of the agent are looked for in the agent's own `PATH`.
fn bring_runner(bin: &std::path::Path) {
    let runner = std::env::var("RUT_AGENT_RUNNER").unwrap_or_default();
    let Some(runner) = runner.split_whitespace().next() else {
        return;
    };
    let path = std::env::var("PATH").unwrap();
    let found = path
        .split(':')
        .map(|dir| PathBuf::from(dir).join(runner))
        .find(|path| path.exists());
    if let Some(found) = found {
        symlink(found, bin.join(runner)).unwrap();
    }
}
