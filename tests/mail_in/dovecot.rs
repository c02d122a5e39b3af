//! Tests: Debian's Dovecot as POP3 server, in the foreground, with a mailbox of files.

use std::fs::{self, Permissions};
use std::net::TcpStream;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};

use super::support::process::Process;
use super::support::{PATIENCE, free_address, wait_until};

/// Dovecot reads no mail as root: the mailbox is nobody's.
const NOBODY: u32 = 65534;

/// A Dovecot with one account, `joe` and `secret`. It ends with its owner.
pub struct Dovecot {
    process: Option<Process>,
    /// Clear text, and STLS where there is a certificate.
    pub port: u16,
    /// TLS from the first byte.
    pub tls_port: u16,
    dir: tempfile::TempDir,
}

impl Dovecot {
    /// Starts it; with `NAME.crt` and `NAME.key` of a directory it speaks TLS.
    pub fn start(certificate: Option<(&Path, &str)>) -> Dovecot {
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(dir.path(), Permissions::from_mode(0o755)).unwrap();
        for folder in ["mail", "mail/new", "mail/cur", "mail/tmp"] {
            fs::create_dir(dir.path().join(folder)).unwrap();
            chown(dir.path().join(folder), Some(NOBODY), Some(NOBODY)).unwrap();
        }
        fs::write(dir.path().join("passwd"), "joe:{PLAIN}secret\n").unwrap();
        let mut dovecot = Dovecot {
            process: None,
            port: free_address().port(),
            tls_port: free_address().port(),
            dir,
        };
        dovecot.write_config(certificate);
        let config = dovecot.path("conf").display().to_string();
        let line = ["dovecot", "-F", "-c", &config].map(String::from);
        dovecot.process = Some(Process::start(&line, &dovecot.path("stderr")));
        wait_until(PATIENCE, "Dovecot (apt-get install dovecot-pop3d)", || {
            TcpStream::connect(("127.0.0.1", dovecot.port)).is_ok()
        });
        dovecot
    }

    fn write_config(&self, certificate: Option<(&Path, &str)>) {
        let (dir, port, tls_port) = (self.dir.path().display(), self.port, self.tls_port);
        let (ssl, listener) = match certificate {
            None => (String::from("ssl = no"), "port = 0".into()),
            Some((made, name)) => {
                let made = made.display();
                let files = format!("ssl_cert = <{made}/{name}.crt\nssl_key = <{made}/{name}.key");
                (
                    format!("ssl = yes\n{files}"),
                    format!("port = {tls_port}\nssl = yes"),
                )
            }
        };
        let text = format!(
            "protocols = pop3\nlisten = 127.0.0.1\nbase_dir = {dir}/run\nlog_path = {dir}/log\n{ssl}\n\
             disable_plaintext_auth = no\nauth_failure_delay = 0\nfirst_valid_uid = 1\nmail_location = maildir:{dir}/mail\n\
             passdb {{\ndriver = passwd-file\nargs = {dir}/passwd\n}}\n\
             userdb {{\ndriver = static\nargs = uid={NOBODY} gid={NOBODY} home={dir}/mail\n}}\n\
             service pop3-login {{\nchroot =\ninet_listener pop3 {{\nport = {port}\n}}\n\
             inet_listener pop3s {{\n{listener}\n}}\n}}\n"
        );
        fs::write(self.path("conf"), text).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A mail comes in; `name` orders it among the others.
    pub fn deliver(&self, name: &str, mail: &[u8]) {
        let (made, new) = (
            self.path("mail/tmp").join(name),
            self.path("mail/new").join(name),
        );
        fs::write(&made, mail).unwrap();
        chown(&made, Some(NOBODY), Some(NOBODY)).unwrap();
        fs::rename(made, new).unwrap();
    }

    /// The names of the mails that are there.
    pub fn mails(&self) -> Vec<String> {
        let mut names = Vec::new();
        for folder in ["mail/new", "mail/cur"] {
            for entry in fs::read_dir(self.path(folder)).unwrap() {
                let name = entry.unwrap().file_name().into_string().unwrap();
                names.push(String::from(name.split([',', ':']).next().unwrap()));
            }
        }
        names.sort_unstable();
        names
    }

    /// What Dovecot logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap_or_default()
    }
}

impl Drop for Dovecot {
    fn drop(&mut self) {
        // It has children, which it ends itself when it is asked to end.
        if let Some(process) = self.process.take() {
            process.terminate(PATIENCE);
        }
        if std::thread::panicking() {
            eprintln!("--- Dovecot\n{}", self.log());
        }
    }
}
