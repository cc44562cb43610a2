//! The magnet link of a torrent: what finds it again without the file.

use metainfo::Metainfo;
use std::fmt::Write;

/// `magnet:?xt=urn:btih:…` with name, trackers and web seeds (BEP 9); for a hybrid torrent with
/// the v2 hash as well (BEP 52). ASCII without a space, whatever the torrent holds.
pub fn link(torrent: &Metainfo) -> String {
    let mut link = format!("magnet:?xt=urn:btih:{}", torrent.info_hash());
    if let Some(hash) = torrent.info_hash_v2() {
        // 0x12 and 0x20: SHA-256, of 32 bytes, as a multihash.
        link.push_str("&xt=urn:btmh:1220");
        link.push_str(&hex(&hash));
    }
    put(&mut link, "dn", torrent.name());
    torrent.announce().iter().for_each(|url| put(&mut link, "tr", url));
    torrent.web_seeds().iter().for_each(|url| put(&mut link, "ws", url));
    link
}

/// Lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Adds a parameter; every byte but RFC 3986's unreserved ones stands as `%XX`.
fn put(link: &mut String, key: &str, value: &[u8]) {
    link.push('&');
    link.push_str(key);
    link.push('=');
    for byte in value {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                link.push(char::from(*byte));
            }
            byte => {
                let _ = write!(link, "%{byte:02X}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use metainfo::create::Draft;
    use proptest::prelude::*;

    fn torrent(name: &[u8], trackers: &[&[u8]]) -> Metainfo {
        let draft = Draft::single(name, 0);
        let draft = trackers.iter().fold(draft, |draft, url| draft.announce(*url));
        Metainfo::parse(&draft.torrent(&[]).unwrap()).unwrap()
    }

    #[test]
    fn a_link_names_hash_name_and_trackers() {
        let torrent = torrent("shop 1&2.tar".as_bytes(), &[b"http://a/x?y=1", b"udp://b:1"]);
        let expected = format!(
            "magnet:?xt=urn:btih:{}&dn=shop%201%262.tar&tr=http%3A%2F%2Fa%2Fx%3Fy%3D1&tr=udp%3A%2F%2Fb%3A1",
            torrent.info_hash()
        );
        assert_eq!(link(&torrent), expected);
    }

    proptest! {
        #[test]
        fn a_link_is_one_word_and_the_name_comes_back(name in "[^/\0]{1,20}") {
            prop_assume!(name != "." && name != "..");
            let torrent = torrent(name.as_bytes(), &[]);
            let link = link(&torrent);
            prop_assert!(link.bytes().all(|b| b.is_ascii_graphic()));
            let encoded = link.split_once("&dn=").unwrap().1;
            let mut bytes = encoded.bytes();
            let mut decoded = Vec::new();
            while let Some(byte) = bytes.next() {
                decoded.push(match byte {
                    b'%' => {
                        let digits = [bytes.next().unwrap(), bytes.next().unwrap()];
                        u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap()
                    }
                    byte => byte,
                });
            }
            prop_assert_eq!(decoded, name.into_bytes());
        }
    }
}
