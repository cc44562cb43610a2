//! Secret keys: made, opened with a password, signed with.
//!
//! Files are those of the `minisign` program, which reads ours as we read its: a comment, and base64
//! of an Ed25519 key, encrypted by what scrypt makes of the password or, for machines, not at all.
//! Nothing here can be printed, lest a key comes to stand in a log.

use super::{
    Comment, Key,
    key::{beginning, key_id},
};
use minisign::{KeyPair, PublicKey, SecretKey, SecretKeyBox};

/// Characters in the base64 of a secret key, 158 bytes.
const SECRET_LENGTH: usize = 212;
/// Of them, those before its checksum, 126 bytes.
const BEFORE_CHECKSUM: usize = 168;
/// Those in that of a public key, 42 bytes.
const PUBLIC_LENGTH: usize = 56;
/// minisign itself asks scrypt for no more operations and bytes than these (libsodium's "sensitive").
const WORK_MAX: (u64, u64) = (1 << 25, 1 << 30);

/// Why a secret key is of no use.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Unusable {
    /// Bytes of another kind.
    #[error("it is no minisign secret key")]
    NotAKey,
    /// The other half of a pair.
    #[error("it is a public key")]
    Public,
    /// Not Ed25519, scrypt and BLAKE2b, which are all that there ever was.
    #[error("it is of a form that minisign does not have")]
    OtherForm,
    /// Opening it would take for ever.
    #[error("it asks for more work than any key of minisign")]
    TooMuchWork,
    /// Or its bytes were changed: nothing tells the two apart.
    #[error("the password is not the key's, or the key is damaged")]
    WrongPassword,
    /// It has no password, and yet its checksum is wrong.
    #[error("it is damaged: its checksum is wrong")]
    Damaged,
    /// The library's own word, or that of the kernel's source of random bytes.
    #[error("{0}")]
    Failed(String),
}

/// A secret key as it lies in its file.
pub struct Sealed {
    text: String,
    encrypted: bool,
}

impl Sealed {
    /// Reads a secret key's file.
    ///
    /// # Errors
    /// It is something else.
    pub fn read(file: &[u8]) -> Result<Self, Unusable> {
        let text = std::str::from_utf8(file).map_err(|_| Unusable::NotAKey)?;
        let mut lines = text.lines();
        let (Some(_comment), Some(key)) = (lines.next(), lines.next()) else {
            return Err(Unusable::NotAKey);
        };
        let head = beginning(key, 54).filter(|_| key.len() == SECRET_LENGTH);
        let Some(head) = head else {
            let public = key.len() == PUBLIC_LENGTH && key_id(key).is_some();
            return Err(if public { Unusable::Public } else { Unusable::NotAKey });
        };
        let encrypted = match (&head[..2], &head[2..4], &head[4..6]) {
            (b"Ed", b"Sc", b"B2") => true,
            (b"Ed", [0, 0], b"B2") => false,
            _ => return Err(Unusable::OtherForm),
        };
        let number =
            |at: usize| head[at..at + 8].iter().rev().fold(0, |n, b| n << 8 | u64::from(*b));
        if encrypted && (number(38) > WORK_MAX.0 || number(46) > WORK_MAX.1) {
            return Err(Unusable::TooMuchWork);
        }
        Ok(Self { text: text.to_owned(), encrypted })
    }

    /// Nobody can sign with it who does not know its password.
    pub fn is_encrypted(&self) -> bool {
        self.encrypted
    }

    /// Opens it. A key of the `minisign` program takes 1 GiB of memory and a few seconds for its
    /// password, ours take 32 MiB; one without a password takes none, and asks for none.
    ///
    /// # Errors
    /// The password is wrong, or the key damaged.
    pub fn open(self, password: String) -> Result<Secret, Unusable> {
        let unchecked = self.unchecked();
        let sealed = SecretKeyBox::from(self.text);
        let (opened, wrong) = match (self.encrypted, unchecked) {
            (true, _) => (sealed.into_secret_key(Some(password)), Unusable::WrongPassword),
            (false, Some(bytes)) => (SecretKey::from_bytes(&bytes), Unusable::Damaged),
            (false, None) => (sealed.into_unencrypted_secret_key(), Unusable::Damaged),
        };
        let secret = opened.map_err(|_| wrong)?;
        let public = PublicKey::from_secret_key(&secret).map_err(failed)?;
        let key = Key::parse(&public.to_base64()).map_err(|_| Unusable::Damaged)?;
        // Both halves of the key are in it: what one signs, the other must verify.
        let tried = minisign::sign(Some(&public), &secret, &b""[..], Some(""), Some(""));
        tried.map_err(|_| Unusable::Damaged)?;
        Ok(Secret { secret, public, key })
    }

    /// The bytes of a key that has no checksum: `minisign -W` writes zeros for it, and reads none.
    fn unchecked(&self) -> Option<Vec<u8>> {
        let (key, checksum) = self.text.lines().nth(1)?.split_at_checked(BEFORE_CHECKSUM)?;
        let nothing = checksum.trim_end_matches('=').bytes().all(|letter| letter == b'A');
        let bytes = beginning(key, 126).filter(|_| nothing && !self.encrypted)?;
        Some([bytes, vec![0; 32]].concat())
    }
}

/// A key that can sign.
pub struct Secret {
    secret: SecretKey,
    public: PublicKey,
    key: Key,
}

impl Secret {
    /// The public key to it.
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// The four lines of a signature of these bytes that says this, as `minisign -S` writes them.
    ///
    /// # Errors
    /// The key contradicts itself: what it signs, its own public key does not verify.
    pub fn sign(&self, raw_info: &[u8], comment: &Comment) -> Result<String, Unusable> {
        let said = comment.to_string();
        let by = format!("signature by seedship, key {}", self.key.id);
        let made =
            minisign::sign(Some(&self.public), &self.secret, raw_info, Some(&said), Some(&by));
        made.map(|signature| signature.into_string()).map_err(failed)
    }
}

/// A new pair of keys, as two files.
pub struct Pair {
    /// The public key.
    pub key: Key,
    /// What is to be written to the public key's file.
    pub public: String,
    /// What is to be written to the secret key's.
    pub secret: String,
}

impl Pair {
    /// Makes one; without a password whoever reads its file can sign.
    ///
    /// # Errors
    /// The kernel gives no random bytes.
    pub fn make(password: Option<String>) -> Result<Self, Unusable> {
        let (made, kind) = match password {
            Some(password) => (KeyPair::generate_encrypted_keypair(Some(password)), "encrypted"),
            None => (KeyPair::generate_unencrypted_keypair(), "unencrypted"),
        };
        let KeyPair { pk, sk } = made.map_err(failed)?;
        let key = Key::parse(&pk.to_base64()).map_err(|error| Unusable::Failed(error.cause))?;
        let public = format!("untrusted comment: minisign public key {}\n{}\n", key.id, key.text);
        let comment = format!("minisign {kind} secret key");
        let secret = sk.to_box(Some(&comment)).map_err(failed)?.to_string();
        Ok(Self { key, public, secret })
    }
}

fn failed(error: minisign::PError) -> Unusable {
    Unusable::Failed(error.to_string().to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        release::{Unix, Version},
        signature::verify,
    };
    use proptest::prelude::*;

    fn unusable(file: impl AsRef<[u8]>) -> Unusable {
        Sealed::read(file.as_ref()).err().unwrap()
    }

    fn comment() -> Comment {
        let version = Version::parse("1.4.2").unwrap();
        Comment::new("shop", &version, Unix(1_714_564_800), &["git=abc".into()]).unwrap()
    }

    #[test]
    fn what_is_made_can_be_opened_and_signs() {
        for password in [None, Some("correct horse".to_owned())] {
            let pair = Pair::make(password.clone()).unwrap();
            let sealed = Sealed::read(pair.secret.as_bytes()).ok().unwrap();
            assert_eq!(sealed.is_encrypted(), password.is_some());
            let secret = sealed.open(password.unwrap_or_default()).ok().unwrap();
            assert_eq!(*secret.key(), pair.key);
            let signature = secret.sign(b"info", &comment()).unwrap();
            let keys = [pair.key];
            let version = Version::parse("1.4.2").unwrap();
            let signed = verify(&keys, b"info", signature.as_bytes(), "shop", &version).unwrap();
            assert_eq!((signed.facts.as_str(), &signed.signer), ("git=abc", &keys[0].id));
            assert!(verify(&keys, b"other", signature.as_bytes(), "shop", &version).is_err());
        }
    }

    #[test]
    fn what_is_no_secret_key_says_what_it_is() {
        let pair = Pair::make(None).unwrap();
        assert_eq!(unusable(&pair.public), Unusable::Public);
        for bad in ["", "one line", "a\nb", "untrusted comment: x\nRWQ\n", &pair.secret[..200]] {
            assert_eq!(unusable(bad), Unusable::NotAKey, "{bad}");
        }
        assert_eq!(unusable(b"\xff\n\xff"), Unusable::NotAKey);
        // `RWQ` is Ed and the first of a key derivation's two letters.
        let other = |from: &str, to: &str| unusable(pair.secret.replacen(from, to, 1));
        assert_eq!(other("\nRW", "\nRU"), Unusable::OtherForm);
        // The key itself, its public half, its checksum; and the first two where nothing sums them.
        let (comment, key) = pair.secret.split_once('\n').unwrap();
        let unchecked = format!("{}{}=\n", &key[..BEFORE_CHECKSUM], "A".repeat(43));
        for (key, at) in
            [(key, 76), (key, 90), (key, 130), (key, 190), (&unchecked, 90), (&unchecked, 130)]
        {
            let mut letters = format!("{comment}\n{key}").into_bytes();
            let at = comment.len() + 1 + at;
            letters[at] = if letters[at] == b'A' { b'B' } else { b'A' };
            let damaged = Sealed::read(&letters).ok().unwrap().open(String::new());
            assert_eq!(damaged.err().unwrap(), Unusable::Damaged, "{at}");
        }
        let sealed = Sealed::read(format!("{comment}\n{unchecked}").as_bytes()).ok().unwrap();
        assert_eq!(*sealed.open(String::new()).ok().unwrap().key(), pair.key);
    }

    #[test]
    fn a_wrong_password_opens_nothing() {
        let pair = Pair::make(Some("right".into())).unwrap();
        let sealed = Sealed::read(pair.secret.as_bytes()).ok().unwrap();
        assert_eq!(sealed.open("wrong".into()).err().unwrap(), Unusable::WrongPassword);
    }

    #[test]
    fn nobody_works_for_ever() {
        let pair = Pair::make(Some("p".into())).unwrap();
        let lines: Vec<&str> = pair.secret.lines().collect();
        // The 39th byte on, eight of operations: their greatest is the 46th.
        let at = 60;
        let much = format!("{}\n{}////{}\n", lines[0], &lines[1][..at], &lines[1][at + 4..]);
        assert_eq!(unusable(much), Unusable::TooMuchWork);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn no_bytes_make_it_panic(bytes in any::<Vec<u8>>(), text in ".{0,9}\n[A-Za-z0-9+/]{0,220}=?\n?") {
            let _ = Sealed::read(&bytes);
            // Without a password, for deriving a key from one takes its time.
            if let Ok(sealed) = Sealed::read(text.as_bytes()) && !sealed.is_encrypted() {
                prop_assert!(sealed.open(String::new()).is_err());
            }
        }

        #[test]
        fn a_comment_that_is_written_is_read(app in ".{0,9}", fact in ".{0,9}", time in any::<i64>()) {
            let version = Version::parse("1").unwrap();
            if let Ok(comment) = Comment::new(&app, &version, Unix(time), &[fact]) {
                prop_assert_eq!(Comment::parse(&comment.to_string()), Ok(comment));
            }
        }
    }
}
