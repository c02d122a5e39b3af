//! Edge: the whole agent on a simulated modem, for a look without a router; and the modem alone, for tests. Never in the
//! router build.
#![allow(clippy::disallowed_types, clippy::disallowed_methods)]

use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use tokio::sync::watch;
use tokio::task::spawn_local;

use rut_agent::cli::{DEFAULT_SOCKET, Demo, Sim};
use rut_agent::clock::Clock;
use rut_agent::sim::{self, Model, Options};
use rut_agent::{config, logging, stop};

/// What the simulated modem does by itself: one message comes in.
const CHAT: &str = "after 1500 deliver {\"from\":\"+12025550155\",\"text\":\"Test message\"}\n";

/// Runs agent and modem until SIGTERM or SIGINT. Its files lie in one folder and stay there for the next time.
pub async fn demo(options: Demo) -> Result<(), String> {
    let folder = own_folder()?;
    let token = token().map_err(|error| format!("/dev/urandom cannot be read: {error}"))?;
    let text = configuration(&folder, &token);
    let written = [("rut-agent.config", text.as_str()), ("chat", CHAT)]
        .iter()
        .try_for_each(|(name, text)| write_private(&folder.join(name), text));
    written.map_err(|error| format!("{}: {error}", folder.display()))?;
    let (config, problems) = config::read_with(&text, "demo", &options.overrides);
    let Some(config) = config else {
        return Err(problems
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("\n"));
    };
    let clock = Clock::start();
    logging::start(config.agent.log_level, clock);
    let socket = match options.socket == Path::new(DEFAULT_SOCKET) {
        true => folder.join("agent.sock"),
        false => options.socket,
    };
    let base = config
        .api
        .listen
        .first()
        .map_or_else(String::new, |at| format!("http://{at}"));
    let token = config.api.token.clone().unwrap_or_default();

    // The daemon would wait until it is free; who looks at a demo would look at whatever else is there.
    for at in &config.api.listen {
        std::net::TcpListener::bind(at.at)
            .map_err(|why| format!("{at}: {why}; --listen names another address"))?;
    }
    let (stopper, stop) = stop::pair();
    let modem = spawn_local(sim::run(modem_options(&folder), stop));
    welcome(&folder, &base, &token, &socket);
    let (_live, watched) = watch::channel(Rc::new(config));
    let result = crate::agent(watched, clock, socket, config::Settings::default()).await;
    stopper.stop();
    let _ended = modem.await;
    result
}

/// `rut-agent sim`: the modem alone, until SIGTERM or SIGINT.
pub async fn modem_alone(asked: Sim) -> Result<(), String> {
    let options = Options {
        model: asked
            .model
            .parse::<Model>()
            .map_err(|why| why.to_string())?,
        link: asked.link.ok_or("sim: --link names the port it shall be")?,
        control: asked.control,
        chat: asked.chat,
        pin: asked.pin,
    };
    let (stopper, stop) = stop::pair();
    let mut modem = spawn_local(sim::run(options, stop));
    tokio::select! {
        signal = crate::told_to_stop() => {
            signal?;
            stopper.stop();
            let _ended = modem.await;
            Ok(())
        }
        ended = &mut modem => match ended {
            Ok(Err(error)) => Err(format!("the simulated modem cannot run: {error}")),
            Ok(Ok(())) | Err(_) => Err(String::from("the simulated modem ended by itself")),
        },
    }
}

fn modem_options(folder: &Path) -> Options {
    Options {
        link: folder.join("ttyUSB3"),
        control: Some(folder.join("modem.sock")),
        chat: Some(folder.join("chat")),
        ..Options::default()
    }
}

fn configuration(folder: &Path, token: &str) -> String {
    let folder = folder.display();
    format!(
        "config agent 'agent'
	option state_dir '{folder}/state'
	option log_numbers '1'

config modem 'modem'
	option tty '{folder}/ttyUSB3'

config api 'api'
	list listen '127.0.0.1:8240'
	option token '{token}'

config to_http 'host'
	option enabled '1'
	option url 'http://127.0.0.1:8241/sms_in'
	option message_name 'message'
"
    )
}

fn welcome(folder: &Path, base: &str, token: &str, socket: &Path) {
    let (folder, socket) = (folder.display(), socket.display());
    println!(
        "rut-agent with a simulated Quectel EC25. Everything lies in {folder}. Stop with Ctrl-C.

  page            {base}/
  API             {base}/api/v1    token {token}
  send            curl -u x:{token} {base}/api/v1/messages -d '{{\"to\":\"+12025550155\",\"text\":\"hello\",\"report\":true}}'
  see it          curl -u x:{token} '{base}/api/v1/messages?box=sent'
  what came in    curl -u x:{token} '{base}/api/v1/messages?box=inbox'
  command line    RUT_AGENT_SOCKET={socket} target/debug/rut-agent status
  take the push   nc -l 127.0.0.1 8241        (\"Test message\" comes in by itself; without an answer the push comes again)
  deliver more    echo 'deliver {{\"from\":\"+37060000001\",\"text\":\"a b\"}}' | nc -N -U {folder}/modem.sock
  pull the plug   echo unplug | nc -N -U {folder}/modem.sock       and: echo replug, echo help
"
    );
}

/// A folder of this user alone: others could put links into a shared one.
fn own_folder() -> Result<PathBuf, String> {
    let user = nix::unistd::getuid();
    let folder = std::env::temp_dir().join(format!("rut-agent-demo-{user}"));
    let made = std::fs::DirBuilder::new()
        .mode(0o700)
        .recursive(true)
        .create(&folder);
    let about = made.and_then(|()| std::fs::symlink_metadata(&folder));
    match about {
        Ok(about) if about.is_dir() && about.uid() == user.as_raw() => Ok(folder),
        Ok(_) => Err(format!("{} belongs to somebody else", folder.display())),
        Err(error) => Err(format!("{}: {error}", folder.display())),
    }
}

fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(text.as_bytes())
}

fn token() -> std::io::Result<String> {
    let mut bytes = [0; 12];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
