//! Edge: puts route and names of each `lan_host` where they belong, looks after them, and takes them away at the end.
//! Never makes a route to where the configuration names none.
#![allow(clippy::disallowed_methods)]

use std::io;
use std::net::IpAddr;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use nix::errno::Errno;
use serde_json::Value;
use tokio::sync::watch;

use super::files;
use super::kernel::{self, Ear};
use crate::config::{self, Config, LanHost};
use crate::json;
use crate::net;
use crate::stop::Stop;
use crate::system;

/// After news the interface gets so long to settle: netifd changes many things in a row.
const SETTLE: Duration = Duration::from_secs(1);
/// Until what failed is tried again, and until the next look where no news can be heard.
const AGAIN: Duration = Duration::from_secs(30);
/// Until the next look when all is well: news comes by itself.
const LONG: Duration = Duration::from_secs(86_400);
/// Time for one program.
const LIMIT: Duration = Duration::from_secs(5);

/// Keeps the machines behind the bridge reachable until told to stop; follows the configuration. Where the router's files
/// lie is `root`.
pub async fn run(root: PathBuf, mut config: watch::Receiver<Rc<Config>>, mut stop: Stop) {
    let mut keeper = Keeper {
        root,
        routes: Vec::new(),
        devices: Vec::new(),
        failed: None,
    };
    let mut ear = None;
    let mut stopping = false;
    loop {
        let mut hosts = config.borrow_and_update().lan_hosts.clone();
        if stopping {
            hosts.clear();
        }
        if ear.is_none() && !hosts.is_empty() {
            // Before the first look, so that nothing happens unheard between the two.
            ear = Ear::open().ok();
        }
        keeper.see_to(&hosts).await;
        if stopping {
            return;
        }
        let quiet = hosts.is_empty() || ear.is_some() && keeper.all_well();
        let wait = if quiet { LONG } else { AGAIN };
        tokio::select! {
            () = stop.wait() => stopping = true,
            changed = config.changed() => {
                keeper.devices.clear();
                stopping = changed.is_err();
            }
            () = settled(ear.as_ref()) => {}
            () = tokio::time::sleep(wait) => {}
        }
    }
}

/// Something happened to links or routes, and a moment went by.
async fn settled(ear: Option<&Ear>) {
    match ear {
        Some(ear) => ear.news().await,
        None => std::future::pending().await,
    }
    tokio::time::sleep(SETTLE).await;
}

/// What became of a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// We made it.
    Ours,
    /// There was one before ours: it stays as it is.
    Others,
    /// The kernel's error.
    Failed(i32),
}

/// A route, by destination and interface index (0: there is none).
type Route = (IpAddr, u32, State);

/// What was done so far.
#[derive(Debug)]
struct Keeper {
    root: PathBuf,
    routes: Vec<Route>,
    /// Interfaces and their devices, as they were told last.
    devices: Vec<(String, String)>,
    /// Why a file of names could not be written; it was said.
    failed: Option<io::ErrorKind>,
}

impl Keeper {
    fn all_well(&self) -> bool {
        let failed = |route: &Route| matches!(route.2, State::Failed(_));
        self.failed.is_none() && !self.routes.iter().any(failed)
    }

    /// Makes it so for these machines, and undoes what was done for others.
    async fn see_to(&mut self, hosts: &[LanHost]) {
        let mut wanted = Vec::new();
        for host in hosts {
            wanted.push((host, self.index_of(&host.interface).await));
        }
        self.routes.retain(|(ip, through, _)| {
            let stays = wanted
                .iter()
                .any(|(host, index)| (&host.ip, index) == (ip, through));
            if !stays {
                kernel::delete_route(*ip);
            }
            stays
        });
        for (host, through) in wanted {
            self.see_to_route(host, through);
        }
        let named = |host: &LanHost| Some((host.hostname.clone()?, host.ip));
        let names: Vec<_> = hosts.iter().filter_map(named).collect();
        self.see_to_files(&names).await;
        net::know(names);
    }

    fn see_to_route(&mut self, host: &LanHost, through: u32) {
        let ip = host.ip;
        let known = |(to, by, _): &&mut Route| (*to, *by) == (ip, through);
        let known = self.routes.iter_mut().find(known);
        if known.is_none() {
            // What a killed agent left may go another way.
            kernel::delete_route(ip);
        }
        let before = known.as_ref().map(|route| route.2);
        let made = match through {
            0 => Err(Errno::ENODEV.into()),
            _ => kernel::add_route(ip, through),
        };
        let state = match &made {
            Ok(()) => State::Ours,
            Err(why) if why.kind() == io::ErrorKind::AlreadyExists => before
                .filter(|was| *was == State::Ours)
                .unwrap_or(State::Others),
            Err(why) => State::Failed(why.raw_os_error().unwrap_or_default()),
        };
        match known {
            Some(route) => route.2 = state,
            None => self.routes.push((ip, through, state)),
        }
        let by = &host.interface;
        match made {
            Ok(()) => log::info!("lan_host: {ip} is reached through {by}"),
            Err(_) if before == Some(state) => {}
            Err(_) if state == State::Others => {
                log::info!("lan_host: there is a route to {ip} already, which stays as it is");
            }
            Err(why) => {
                log::warn!("lan_host: no route to {ip} through {by}: {why}; it is tried again")
            }
        }
    }

    async fn see_to_files(&mut self, names: &[(String, IpAddr)]) {
        let written = files::write(&self.root, names);
        if let Ok(true) = written {
            // dnsmasq reads its names again. Where it does not run, nobody needs it to.
            let _not_there = system::run("killall", &["-HUP", "dnsmasq"], LIMIT).await;
        }
        let failed = written.err();
        let kind = failed.as_ref().map(io::Error::kind);
        if let Some(why) = failed
            && self.failed != kind
        {
            log::warn!(
                "lan_host: the names cannot be written to /etc/hosts: {why}; our own pushes know them"
            );
        }
        self.failed = kind;
    }

    /// The index of the device that a logical interface has; 0 when there is none.
    async fn index_of(&mut self, interface: &str) -> u32 {
        let mut told = self.devices.iter();
        if let Some((_, device)) = told.find(|(of, _)| of == interface)
            && let Some(index) = kernel::index_of(device)
        {
            return index;
        }
        let device = self.device_of(interface).await;
        self.devices.retain(|(of, _)| of != interface);
        let index = kernel::index_of(&device).unwrap_or(0);
        self.devices.push((String::from(interface), device));
        index
    }

    /// From netifd, else from its configuration, else the name is the device's own.
    async fn device_of(&self, interface: &str) -> String {
        let object = format!("network.interface.{interface}");
        let told = system::run("ubus", &["call", &object, "status"], LIMIT).await;
        if let Ok(told) = told
            && let Ok(Value::Object(status)) = json::value(told.stdout.as_bytes())
            // It has no l3_device while it is down.
            && let Some(Value::String(device)) = status.get("l3_device").or(status.get("device"))
        {
            return device.clone();
        }
        let file = files::read(&self.root.join("etc/config/network"));
        let text = String::from_utf8_lossy(&file);
        config::device_of(&text, interface).unwrap_or_else(|| String::from(interface))
    }
}
