//! A signature as it came: four lines that anybody may have written.

use super::key::{Key, key_id};
use minisign_verify::Signature;

/// A longer signature is not looked at; minisign's own comments have at most 8 KiB.
const SIGNATURE_MAX: usize = 16 << 10;

/// What a signature says by itself: to be shown, and to be believed by nobody.
pub struct Seal {
    /// The id of the key that it says made it.
    pub id: String,
    /// Its trusted comment, whatever it holds.
    pub comment: String,
    pub(super) signature: Signature,
}

impl Seal {
    /// Reads four lines as minisign writes them and nothing else; `None` for anything else.
    pub fn read(text: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok().filter(|text| text.len() <= SIGNATURE_MAX)?;
        let lines: Vec<_> = text.lines().collect();
        let four = lines.len() == 4 && lines[0].starts_with("untrusted comment:");
        let signature = Signature::decode(text).ok().filter(|_| four)?;
        let comment = signature.trusted_comment().to_owned();
        Some(Self { id: key_id(lines[1])?, comment, signature })
    }

    /// Whether this key made it, for these bytes.
    pub fn is_by(&self, key: &Key, raw_info: &[u8]) -> bool {
        key.id == self.id && key.public.verify(raw_info, &self.signature, false).is_ok()
    }
}
