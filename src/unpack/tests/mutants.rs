//! Arbitrary bytes, and archives with a few of theirs changed: refused or accepted, but nothing
//! panics and nothing outside is touched ([`Bench::unpack`] looks).

use super::{
    tars::{Tar, sum},
    *,
};
use proptest::prelude::*;

fn seed() -> Vec<u8> {
    Tar::new()
        .pax(b'g', &[("comment", "x")])
        .dir("d/")
        .pax(b'x', &[("path", "d/long"), ("mtime", "5.5")])
        .file("short", "some text")
        .data(b'L', "L", b"d/longer\0")
        .file("x", "more")
        .link("d/l", "../d/long")
        .same("h", "d/long")
        .end()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn arbitrary_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..3000), kind in 0..6_usize) {
        let name = ["a.tar", "a.tar.gz", "a.tar.zst", "a.tar.xz", "a.tar.bz2", "a.zip"][kind];
        let magic: &[u8] = [
            &b""[..], b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"\xfd7zXZ\0", b"BZh9", b"PK\x03\x04",
        ][kind];
        let e = Bench::new().land(name, &[magic, &bytes].concat()).err();
        prop_assert_eq!(e.map(|e| e.exit), Some(Exit::Payload));
    }

    #[test]
    fn changed_archives(changes in proptest::collection::vec((0..5120_usize, any::<u8>()), 1..4), mend: bool) {
        let mut bytes = seed();
        let length = bytes.len();
        for (at, value) in changes {
            bytes[at % length] = value;
        }
        if mend {
            // With right checksums the change gets further in.
            for block in bytes.chunks_exact_mut(512) {
                let block: &mut [u8; 512] = block.try_into().unwrap();
                if &block[257..262] == b"ustar" {
                    sum(block);
                }
            }
        }
        if let Err(e) = Bench::new().land("a.tar", &bytes) {
            prop_assert_eq!(e.exit, Exit::Payload);
        }
    }
}
