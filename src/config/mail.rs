//! Decider: the sections of mail, and what their options mean together. Never reads text that `check` has not seen.

use std::path::PathBuf;

use super::build::forwarding;
use super::check::Checked;
use super::problem::Notes;
use super::{Config, Email, Security, ToSmtp};

/// A section `to_smtp`.
pub fn to_smtp(section: &Checked, notes: &mut Notes) -> ToSmtp {
    let mut to: Vec<String> = Vec::new();
    for address in section.texts("recipemail") {
        if !to.iter().any(|known| known == address) {
            to.push(String::from(address));
        }
    }
    let target = ToSmtp {
        name: section.name.clone(),
        forwarding: forwarding(section),
        sender_num: section.flag("sender_num"),
        subject: String::from(section.text("subject")),
        account: String::from(section.text("email_name")),
        to,
    };
    let missing = [
        (target.account.is_empty(), "option email_name"),
        (target.to.is_empty(), "list recipemail"),
    ];
    for (_, what) in missing.iter().filter(|(missing, _)| *missing) {
        if target.forwarding.enabled {
            let text = format!("to_smtp '{}' is enabled and has no {what}", target.name);
            notes.error(section.line_of("enabled"), text);
        }
    }
    target
}

/// A section `email`.
pub fn email(section: &Checked, notes: &mut Notes) -> Email {
    let text = |name: &str| String::from(section.text(name));
    let email = Email {
        name: section.name.clone(),
        host: text("smtp_ip"),
        port: u16::try_from(section.whole("smtp_port")).unwrap_or(25),
        security: match section.text("secure_conn") {
            "starttls" => Security::StartTls,
            "tls" => Security::Tls,
            _ => Security::None,
        },
        login: section
            .flag("credentials")
            .then(|| (text("username"), text("password"))),
        sender: text("senderemail"),
        verify_cert: section.text("verify_cert") == "verify",
        ca_file: section.given("ca_file").map(PathBuf::from),
    };
    let mut remark = |option: &str, text: &str| {
        let text = format!("email '{}': {text}", email.name);
        notes.remark(section.line_of(option), text);
    };
    if email.login.is_some() && email.security == Security::None {
        remark(
            "credentials",
            "the password crosses the network in the open while secure_conn is none",
        );
    }
    if email.ca_file.is_some() && !email.verify_cert {
        remark("ca_file", "ca_file is not read while verify_cert is ignore");
    }
    email
}

/// An account that is used must be whole.
pub fn used_accounts(config: &Config, sections: &[Checked], notes: &mut Notes) {
    for section in sections.iter().filter(|one| one.table.kind == "email") {
        let uses = |target: &&ToSmtp| target.forwarding.enabled && target.account == section.name;
        let Some(user) = config.to_smtp.iter().find(uses) else {
            continue;
        };
        let mut needed = vec!["smtp_ip", "senderemail"];
        if section.flag("credentials") {
            needed.extend(["username", "password"]);
        }
        for name in needed.iter().filter(|name| section.given(name).is_none()) {
            let text = format!(
                "email '{}' has no {name}, and to_smtp '{}' sends from it",
                section.name, user.name
            );
            notes.error(section.line, text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{good, only_problem};
    use super::*;

    #[test]
    fn mail_needs_an_account_that_is_whole_and_somebody_to_write_to() {
        let text = "config to_smtp 'boss'\n option enabled '1'\n option email_name 'isp'\n list recipemail 'a@b.org'\n\
                    list recipemail 'a@b.org'\nconfig email 'isp'\n option smtp_ip 'mail.b.org'\n option secure_conn 'starttls'\n\
                    option senderemail 'router@b.org'\n option credentials '1'\n option username 'u'\n option password 'p'\n";
        let config = good(text);
        assert_eq!(config.to_smtp[0].to, ["a@b.org"]);
        let account = config.email(&config.to_smtp[0].account).unwrap();
        let login = Some((String::from("u"), String::from("p")));
        assert_eq!(
            (account.security, account.port, &account.login),
            (Security::StartTls, 25, &login)
        );
        let without = |option: &str| {
            let lines: Vec<&str> = text.lines().filter(|line| !line.contains(option)).collect();
            lines.join("\n")
        };
        for (option, problem) in [
            (
                "email_name",
                "2: error: to_smtp 'boss' is enabled and has no option email_name",
            ),
            (
                "recipemail",
                "2: error: to_smtp 'boss' is enabled and has no list recipemail",
            ),
            (
                "smtp_ip",
                "6: error: email 'isp' has no smtp_ip, and to_smtp 'boss' sends from it",
            ),
            ("senderemail", "6: error: email 'isp' has no senderemail"),
            ("username", "6: error: email 'isp' has no username"),
            ("password", "6: error: email 'isp' has no password"),
            (
                "secure_conn",
                "9: remark: email 'isp': the password crosses the network in the open",
            ),
        ] {
            only_problem(&without(option), problem);
        }
        good(
            &text
                .replace("enabled '1'", "enabled '0'")
                .replace("smtp_ip 'mail.b.org'", "smtp_ip ''"),
        );
    }
}
