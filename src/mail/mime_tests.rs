//! Tests: mails as they come, each with the text that becomes a message.

use super::*;

/// The text of a mail whose lines end as on the wire.
fn text_of(mail: &str) -> Option<String> {
    text(mail.replace('\n', "\r\n").as_bytes())
}

#[track_caller]
fn says(mail: &str, said: &str) {
    assert_eq!(text_of(mail).as_deref(), Some(said));
    assert_eq!(
        text(mail.as_bytes()).as_deref(),
        Some(said),
        "bare line feeds"
    );
}

const ALTERNATIVE: &str = "Subject: +12025550155\nMIME-Version: 1.0\n\
    Content-Type: multipart/mixed;\n boundary=\"out;er\"\n\npreamble\n\
    --out;er\nContent-Type: multipart/alternative; boundary=inner\n\n\
    --inner\nContent-Type: text/html\n\n<p>in HTML</p>\n\
    --inner\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\n\
    plain =C5=BE\n--inner--\n\
    --out;er\nContent-Type: application/pdf\nContent-Transfer-Encoding: base64\n\nJVBERi0=\n--out;er--\nepilogue\n";

#[test]
fn plain_text_is_preferred_wherever_it_lies() {
    says("Subject: x\n\nhello\n", "hello");
    says(
        "Content-Type: text/plain; charset=iso-8859-1\n\ncaf\n",
        "caf",
    );
    says(ALTERNATIVE, "plain ž");
    says("content-TYPE: nonsense\n\nhello", "hello");
    says("\nno header at all", "no header at all");
}

#[test]
fn html_is_read_where_there_is_no_plain_text_or_an_empty_one() {
    says("Content-Type: text/html\n\n<b>Hi</b> you\n", "Hi you");
    says(
        "Content-Type: multipart/alternative; boundary=b\n\n--b\n\n \n--b\nContent-Type: text/html\n\n<p>Hi</p>\n--b--\n",
        "Hi",
    );
}

#[test]
fn codings_and_sets_are_those_the_part_names() {
    says(
        "Content-Type: text/plain; charset=\"ISO-8859-2\"\nContent-Transfer-Encoding: BASE64\n\ncPjtbGm5\n",
        "příliš",
    );
    says(
        "Content-Type: text/plain; charset=utf-8; format=flowed; DelSp=yes\n\none \ntwo\n",
        "onetwo",
    );
    says(
        "Content-Type: text/plain;charset=x-none (odd)\n\nabc\n",
        "abc",
    );
    let broken = b"Content-Type: text/plain; charset=utf-8\n\nab\xFFcd\n";
    assert_eq!(text(broken).unwrap(), "ab\u{fffd}cd");
}

#[test]
fn attachments_pictures_and_empty_mails_have_no_text() {
    for mail in [
        "",
        "Subject: only\n",
        "Subject: x\n\n \n\n",
        "Content-Type: image/png\nContent-Transfer-Encoding: base64\n\nAAAA\n",
        "Content-Type: text/plain\nContent-Disposition: attachment; filename=a.txt\n\nx\n",
        "Content-Type: multipart/mixed\n\nno boundary\n",
        "Content-Type: multipart/mixed; boundary=b\n\nno part\n",
        "Content-Type: message/rfc822\n\nSubject: y\n\ninner\n",
    ] {
        assert_eq!(text_of(mail), None, "{mail:?}");
    }
}

#[test]
fn a_subject_is_unfolded_and_decoded() {
    for (mail, said) in [
        ("Subject: +12025550155\n\n", "+12025550155"),
        (
            "X: y\nSUBJECT : =?utf-8?B?KzEyMDI1NTUw?=\n =?utf-8?q?155?=\nTo: x\n\n",
            "+12025550155",
        ),
        ("subject:+1,\n\t+2\n", "+1,\t+2"),
        ("Subject:\n\nbody", ""),
    ] {
        assert_eq!(subject(mail.as_bytes()).as_deref(), Some(said), "{mail:?}");
    }
    assert_eq!(subject(b"To: x\n\nSubject: in the body\n"), None);
}

#[test]
fn a_mail_cut_at_any_byte_and_rubbish_are_read_without_a_panic() {
    for cut in 0..ALTERNATIVE.len() {
        let _some = text(&ALTERNATIVE.as_bytes()[..cut]);
        let _none = subject(&ALTERNATIVE.as_bytes()[cut..]);
    }
    let rubbish: Vec<u8> = (0..70_000u32).map(|n| ((n * 7919) >> 5) as u8).collect();
    let _some = (text(&rubbish), subject(&rubbish));
    let deep = "Content-Type: multipart/mixed; boundary=b\n\n--b\n".repeat(1000);
    assert_eq!(text(deep.as_bytes()), None);
}
