//! Edge: options that the API may change, written into the configuration file. Never leaves half a file, and never writes
//! one that could not be read again.
#![allow(clippy::disallowed_types)]

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use tokio::sync::Notify;

use super::{DEFAULT_FILE, edit, read};

/// The configuration file, for those who may change an option in it.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    file: Option<PathBuf>,
    changed: Rc<Notify>,
}

impl Settings {
    /// Of the file that was named on the command line; `None`: the router's own.
    pub fn of(file: Option<&Path>) -> Settings {
        Settings {
            file: Some(PathBuf::from(file.unwrap_or(Path::new(DEFAULT_FILE)))),
            changed: Rc::default(),
        }
    }

    /// Resolves when the file was changed here and is to be read again.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Sets these options of one section on flash and has them brought into force.
    ///
    /// # Errors
    /// In words for the owner: there is no file, it cannot be written, or it cannot be used as it is.
    pub fn set(&self, section: &str, options: &[(&str, &str)]) -> Result<(), String> {
        let file = self.file.as_deref();
        let file = file.ok_or("the agent runs without a configuration file")?;
        let failed = |why: std::io::Error| format!("{}: {why}", file.display());
        let mut text = match std::fs::read_to_string(file) {
            Err(why) if why.kind() == std::io::ErrorKind::NotFound => String::new(),
            read => read.map_err(failed)?,
        };
        for (name, value) in options {
            text = edit::set(&text, section, name, value);
        }
        let (usable, problems) = read(&text, &file.display().to_string());
        if usable.is_none() {
            let first = problems.iter().find(|problem| problem.is_error());
            return Err(first.map_or_else(String::new, ToString::to_string));
        }
        replace(file, &text).map_err(failed)?;
        self.changed.notify_one();
        Ok(())
    }
}

/// Whole or not at all, and readable for those who could read it before.
fn replace(file: &Path, text: &str) -> std::io::Result<()> {
    // UCI's tools read every file of the folder whose name is a package's: one with a dot in front is none.
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let file = std::fs::canonicalize(file).unwrap_or_else(|_new| file.to_path_buf());
    let beside = file.with_file_name(format!(".{name}.new"));
    // Secrets come in: nobody else may have it open before it has its mode.
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let mut new = options.open(&beside)?;
    if let Ok(old) = std::fs::metadata(&file) {
        new.set_permissions(old.permissions())?;
    }
    new.write_all(text.as_bytes())?;
    new.sync_all()?;
    std::fs::rename(&beside, &file)?;
    // Until its folder is on flash too a power cut brings the old one back.
    let folder = file.parent().filter(|folder| *folder != Path::new(""));
    std::fs::File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}
