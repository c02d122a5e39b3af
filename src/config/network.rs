//! Codec: OpenWrt's own `/etc/config/network`, as far as an interface's device. Never reads the file.

use super::uci;

/// The device of a logical interface such as `lan`: `br-lan` for an old `type bridge`, else what `device` says (`ifname`
/// in old releases).
pub fn device_of(text: &str, interface: &str) -> Option<String> {
    let (sections, _) = uci::parse(text);
    let named = |section: &&uci::Section| {
        section.kind == "interface" && section.name.as_deref() == Some(interface)
    };
    let section = sections.iter().find(named)?;
    let get = |option: &str| {
        let mut entries = section.entries.iter().rev();
        entries
            .find(|entry| entry.name == option && !entry.value.is_empty())
            .map(|entry| &entry.value)
    };
    if get("type").is_some_and(|kind| kind == "bridge") {
        return Some(format!("br-{interface}"));
    }
    get("device").or_else(|| get("ifname")).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interfaces_device_is_found_in_both_manners() {
        let new = "config device\n option name 'br-lan'\n option type 'bridge'\n list ports 'eth0'\n\n\
                   config interface 'lan'\n option device 'br-lan'\n option proto 'static'\n";
        let old = "config interface 'loopback'\n option ifname 'lo'\n\n\
                   config interface 'lan'\n option type 'bridge'\n option ifname 'eth0.1 wlan0'\n";
        assert_eq!(device_of(new, "lan").as_deref(), Some("br-lan"));
        assert_eq!(device_of(old, "lan").as_deref(), Some("br-lan"));
        assert_eq!(device_of(old, "loopback").as_deref(), Some("lo"));
        assert_eq!(device_of(old, "wan"), None);
        for end in 0..new.len() {
            let _any = device_of(&new[..end], "lan");
        }
        assert_eq!(device_of("\u{0}'\nconfig", "lan"), None);
    }
}
