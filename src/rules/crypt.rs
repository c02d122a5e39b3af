//! Edge: the C library's crypt(3) and the system's own password hashes. Never keeps a password or a hash.
#![allow(clippy::disallowed_types, clippy::disallowed_methods)]

use std::ffi::{CStr, CString, c_char};
use std::path::Path;

use subtle::ConstantTimeEq;

/// Whose passwords are the router's: RutOS's web page calls root admin.
const ACCOUNTS: &[&str] = &["root", "admin"];

/// True when `word` has one of these hashes (`$1$` MD5, `$5$` SHA-256, `$6$` SHA-512, as RutOS and OpenWrt write them).
/// Takes up to a second for each on a router.
pub(super) fn is_one(word: &str, hashes: &[String]) -> bool {
    let same = |hash: &String| {
        hashed(word, hash).is_some_and(|made| made.as_bytes().ct_eq(hash.as_bytes()).into())
    };
    hashes.iter().any(same)
}

/// The hashes that `/etc/shadow` below `root` holds for the router's owner.
pub(super) fn system_hashes(root: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(root.join("etc/shadow")).unwrap_or_default();
    let hashes = text.lines().filter_map(|line| {
        let mut fields = line.split(':');
        let own = ACCOUNTS.contains(&fields.next()?);
        fields.next().filter(|_| own)
    });
    hashes.map(String::from).collect()
}

/// Room for any hash.
const HASH: usize = 128;

/// The three forms by themselves, as musl has them behind its crypt(3): that one brings DES and Blowfish, 16 KB.
#[cfg(target_env = "musl")]
#[allow(unsafe_code)]
mod forms {
    use std::ffi::c_char;

    unsafe extern "C" {
        fn __crypt_md5(key: *const c_char, salt: *const c_char, out: *mut c_char) -> *mut c_char;
        fn __crypt_sha256(key: *const c_char, salt: *const c_char, out: *mut c_char)
        -> *mut c_char;
        fn __crypt_sha512(key: *const c_char, salt: *const c_char, out: *mut c_char)
        -> *mut c_char;
    }

    /// `form`: the digit between the first two dollar signs.
    pub(super) unsafe fn crypt(
        form: u8,
        key: *const c_char,
        salt: *const c_char,
        out: *mut c_char,
    ) -> *mut c_char {
        // The caller vouches for the pointers.
        unsafe {
            match form {
                b'1' => __crypt_md5(key, salt, out),
                b'5' => __crypt_sha256(key, salt, out),
                _ => __crypt_sha512(key, salt, out),
            }
        }
    }
}

/// The development machine's own crypt(3), whose answer is a static buffer.
#[cfg(not(target_env = "musl"))]
#[allow(unsafe_code)]
mod forms {
    use std::ffi::c_char;

    #[link(name = "crypt")]
    unsafe extern "C" {
        #[link_name = "crypt"]
        fn libc_crypt(key: *const c_char, salt: *const c_char) -> *mut c_char;
    }

    pub(super) unsafe fn crypt(
        _form: u8,
        key: *const c_char,
        salt: *const c_char,
        _out: *mut c_char,
    ) -> *mut c_char {
        // The caller vouches for the pointers.
        unsafe { libc_crypt(key, salt) }
    }
}

/// `word` hashed as `hash` was; an empty or locked entry is no hash.
fn hashed(word: &str, hash: &str) -> Option<String> {
    let form = match hash.as_bytes() {
        [b'$', form @ (b'1' | b'5' | b'6'), b'$', ..] => *form,
        _ => return None,
    };
    let (word, salt) = (CString::new(word).ok()?, CString::new(hash).ok()?);
    let mut out: [c_char; HASH] = [0; HASH];
    // Both texts and the room outlive the call; what comes back is null or ends with a NUL, and one thread at a time asks.
    #[allow(unsafe_code)]
    let made = unsafe {
        let made = forms::crypt(form, word.as_ptr(), salt.as_ptr(), out.as_mut_ptr());
        (!made.is_null()).then(|| CStr::from_ptr(made).to_owned())
    };
    made?.into_string().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_held_against_the_forms_that_routers_use() {
        // Made with `openssl passwd -1|-5|-6 -salt saltsalt admin01`.
        for hash in [
            "$1$saltsalt$5/gi.wSjMlcofPDKM7kYu.",
            "$5$saltsalt$zrcTxQnavwgGlbRpBYrNG9l0tTqr8mdUSlUgcFKsPx.",
            "$6$saltsalt$ZakEZvxWJ3VVsBmt3rPS40IA7tbaRiSJbKIt9AqF0w5nxaMGSs21WEuK9pogbAJGP1C1WDgu9wGElyaBrPosK.",
        ] {
            let hash = String::from(hash);
            assert!(is_one("admin01", std::slice::from_ref(&hash)), "{hash}");
            assert!(!is_one("admin02", std::slice::from_ref(&hash)), "{hash}");
        }
        for locked in ["", "*", "!", "x", "$", "$6$", "$9$what", "admin01"] {
            assert!(!is_one("admin01", &[String::from(locked)]), "{locked}");
            assert!(!is_one("", &[String::from(locked)]), "{locked}");
        }
        assert!(!is_one("admin\0", &[]));
    }

    #[test]
    fn only_the_owners_hashes_are_read() {
        let root = tempfile::tempdir().unwrap();
        assert!(system_hashes(root.path()).is_empty());
        std::fs::create_dir(root.path().join("etc")).unwrap();
        let text = "root:$1$a$b:0:0:99999:7:::\ndaemon:*:0\nadmin:$6$c$d\nrooty:$1$x$y:\nroot\n";
        std::fs::write(root.path().join("etc/shadow"), text).unwrap();
        assert_eq!(system_hashes(root.path()), ["$1$a$b", "$6$c$d"]);
    }
}
