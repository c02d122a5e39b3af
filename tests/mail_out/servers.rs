//! Tests: mail servers that are not ours — Debian's OpenSMTPD, and Python's aiosmtpd for what Debian's cannot (its TLS
//! handshakes fail).

use std::fs::{self, Permissions};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use tempfile::TempDir;

use super::support::process::Process;
use super::support::{PATIENCE, free_address, wait_for, wait_until};

/// Its queue and its control socket lie where Debian compiled them in. Here they are its own: what one before it has not
/// quite finished is not delivered again, and a second one may run beside it.
const OWN_SPOOL: &str = "mount -t tmpfs -o mode=711 none /var/spool/smtpd && mount -t tmpfs none /run && \
    exec /usr/sbin/smtpd -d -f \"$0\"";

/// OpenSMTPD in the foreground. It takes mail for `readers@sms.lan` and `boss@sms.lan` and answers 550 for all others.
pub struct OpenSmtpd {
    process: Option<Process>,
    pub port: u16,
    dir: TempDir,
}

impl OpenSmtpd {
    pub fn start() -> OpenSmtpd {
        let dir = tempfile::tempdir().unwrap();
        let port = free_address().port();
        let mails = dir.path().join("mails");
        fs::create_dir(&mails).unwrap();
        // It delivers as nobody.
        for path in [dir.path(), &mails] {
            fs::set_permissions(path, Permissions::from_mode(0o777)).unwrap();
        }
        let config = dir.path().join("smtpd.conf");
        let text = format!(
            "table recipients {{ \"readers@sms.lan\", \"boss@sms.lan\" }}\nlisten on 127.0.0.1 port {port} hostname sms.lan\n\
             action \"keep\" maildir \"{}\" user nobody virtual {{ \"@\" = nobody }}\n\
             match from any for rcpt-to <recipients> action \"keep\"\n",
            mails.display()
        );
        fs::write(&config, text).unwrap();
        fs::set_permissions(&config, Permissions::from_mode(0o644)).unwrap();
        let config = config.display().to_string();
        let line = ["unshare", "--mount", "sh", "-c", OWN_SPOOL, &config].map(String::from);
        let log = dir.path().join("log");
        let mut process = Process::start(&line, &log);
        wait_until(
            PATIENCE,
            "OpenSMTPD (apt-get install opensmtpd, run as root)",
            || {
                let said = fs::read_to_string(&log).unwrap_or_default();
                assert!(process.runs(), "OpenSMTPD ended: {said}");
                TcpStream::connect(("127.0.0.1", port)).is_ok()
            },
        );
        let process = Some(process);
        OpenSmtpd { process, port, dir }
    }

    /// Waits until so many mails lie in its maildir, and gives them.
    pub fn wait(&self, count: usize) -> Vec<String> {
        let new = self.dir.path().join("mails/new");
        wait_for(PATIENCE, "mails in OpenSMTPD's maildir", || {
            let files = fs::read_dir(&new).ok()?.flatten();
            let mut mails: Vec<String> = files
                .map(|file| fs::read_to_string(file.path()).unwrap())
                .collect();
            mails.sort();
            (mails.len() >= count).then_some(mails)
        })
    }
}

impl Drop for OpenSmtpd {
    fn drop(&mut self) {
        // Its children end when it is asked to; killed, it would leave its control socket behind.
        if let Some(process) = self.process.take() {
            process.terminate(PATIENCE);
        }
    }
}

/// Runs beside this file, under the Python that `scripts/setup` fills.
const AIOSMTPD: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/mail_out/server.py");
const PYTHON: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/tools/bin/python");

/// aiosmtpd with TLS and the account `joe` and `secret`, without which it takes nothing.
pub struct Aiosmtpd {
    _process: Process,
    pub port: u16,
    dir: TempDir,
}

impl Aiosmtpd {
    /// `how` is `starttls` or `tls`; it shows `NAME.crt` of a directory.
    pub fn start(how: &str, certificates: &Path, name: &str) -> Aiosmtpd {
        assert!(
            Path::new(PYTHON).exists(),
            "{PYTHON} is missing: ./scripts/test installs it"
        );
        let dir = tempfile::tempdir().unwrap();
        let port = free_address().port();
        let file = |ending: &str| certificates.join(format!("{name}.{ending}"));
        let (certificate, key) = (file("crt"), file("key"));
        let words = [
            PYTHON,
            AIOSMTPD,
            how,
            &port.to_string(),
            &certificate.display().to_string(),
            &key.display().to_string(),
        ];
        let log = dir.path().join("log");
        let mut process = Process::start(&words.map(String::from), &log);
        wait_until(PATIENCE, "aiosmtpd (./scripts/test installs it)", || {
            let said = fs::read_to_string(&log).unwrap_or_default();
            assert!(process.runs(), "aiosmtpd ended: {said}");
            said.contains("ready\n")
        });
        Aiosmtpd {
            _process: process,
            port,
            dir,
        }
    }

    /// Waits until a mail came, and gives what it wrote about all of them: one JSON object a line.
    pub fn wait(&self) -> Vec<serde_json::Value> {
        wait_for(PATIENCE, "a mail at aiosmtpd", || {
            let mails = self.mails();
            (!mails.is_empty()).then_some(mails)
        })
    }

    pub fn mails(&self) -> Vec<serde_json::Value> {
        let said = fs::read_to_string(self.dir.path().join("log")).unwrap_or_default();
        let lines = said
            .split_inclusive('\n')
            .filter(|line| line.ends_with('\n'));
        lines
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect()
    }
}
