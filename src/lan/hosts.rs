//! Codec: a file of host names (hosts(5)) with our lines in it. Never changes a byte of another's line.

use std::net::IpAddr;

/// How our lines end.
const MARK: &[u8] = b" # rut-agent";

/// The file with these names and no others of ours.
pub(super) fn merged(file: &[u8], names: &[(String, IpAddr)]) -> Vec<u8> {
    let lines = file.split_inclusive(|byte| *byte == b'\n');
    let others = lines.filter(|line| !line.trim_ascii_end().ends_with(MARK));
    let mut merged = others.flatten().copied().collect::<Vec<u8>>();
    if !names.is_empty() && merged.last().is_some_and(|last| *last != b'\n') {
        merged.push(b'\n');
    }
    for (name, ip) in names {
        merged.extend_from_slice(format!("{ip}\t{name}").as_bytes());
        merged.extend_from_slice(MARK);
        merged.push(b'\n');
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(pairs: &[(&str, &str)]) -> Vec<(String, IpAddr)> {
        let pair = |(ip, name): &(&str, &str)| (String::from(*name), ip.parse().unwrap());
        pairs.iter().map(pair).collect()
    }

    #[test]
    fn our_lines_come_change_and_go_and_the_others_stay_as_they_are() {
        let others: &[u8] = b"127.0.0.1 localhost\r\n\n# \xff rut-agent is mine\nfd00::9 nas # of rut-agent's owner\n";
        let both = names(&[("fd00::1", "sms.lan"), ("192.168.1.2", "sms.lan")]);
        let with = merged(others, &both);
        let ours = b"fd00::1\tsms.lan # rut-agent\n192.168.1.2\tsms.lan # rut-agent\n";
        assert_eq!(with, [others, ours].concat());
        assert_eq!(merged(&with, &both), with);
        let other = names(&[("fd00::2", "mail.lan")]);
        let changed = [others, b"fd00::2\tmail.lan # rut-agent\n"].concat();
        assert_eq!(merged(&with, &other), changed);
        assert_eq!(merged(&with, &[]), others);
        assert_eq!(merged(b"", &[]), b"");
    }

    #[test]
    fn a_last_line_without_an_end_gets_one_before_ours_follows() {
        let one = names(&[("fd00::1", "sms.lan")]);
        let with = merged(b"127.0.0.1 localhost", &one);
        assert_eq!(with, b"127.0.0.1 localhost\nfd00::1\tsms.lan # rut-agent\n");
        assert_eq!(merged(b"::1 localhost", &[]), b"::1 localhost");
        // A line of ours that was cut is still ours.
        assert_eq!(merged(b"fd00::1\tsms.lan # rut-agent", &[]), b"");
    }
}
