//! What Go's `archive/tar` and `archive/zip` are tested with.

use super::{
    Case, Head, Tar, odd, refused, same,
    tars::Form,
    then, try_all,
    zipped::{Item, dir, good, write, zip, zip64},
};
use lab::withstood;

/// The two files that many of the archives hold.
fn small() -> Tar {
    Tar::new().file("small.txt", "Kilts").file("small2.txt", "Google.com\n")
}

/// The same with another magic.
fn small_as(magic: [u8; 8]) -> Tar {
    let head = |name, size| Head { magic, size, mode: 0o640, ..Head::new(b'0', name) };
    Tar::new().put(&head("small.txt", 5), b"Kilts").put(&head("small2.txt", 11), b"Google.com\n")
}

/// A name of a hundred numbers, 192 bytes.
fn numbers() -> String {
    (1..=100).map(|n| n.to_string()).collect()
}

fn gnu(flag: u8, name: &str) -> Head {
    Head { magic: *b"ustar  \0", ..Head::new(flag, name) }
}

fn honest() -> Vec<Case> {
    let numbers = numbers();
    let long = |name: &str| Tar::new().told(Form::Pax, b'0', name, "").end();
    let old = |name, data: &[u8]| {
        let size = data.len() as u64;
        Tar::new().put(&Head { magic: [0; 8], size, ..Head::new(0, name) }, data)
    };
    let prefix =
        |length: usize| odd(b'0', "file.txt", |block| block[345..345 + length].fill(b'd')).end();
    let star = |block: &mut [u8; 512]| {
        block[476..488].copy_from_slice(b"11213551557\0");
        block[488..500].copy_from_slice(b"11213551557\0");
        block[508..512].copy_from_slice(b"tar\0");
    };
    vec![
        same("gnu", small_as(*b"ustar  \0").end()),
        same("star", odd(b'0', "small.txt", star).end()),
        same("v7", then(old("small.txt", b"Kilts"), old("small2.txt", b"Google.com\n")).end()),
        same("ustar", prefix(90)),
        same("ustar.issue12594", prefix(155)),
        same("ustar-file-reg", small_as(*b"ustar\x0000").end()),
        same("pax", {
            let file = Tar::new().told(Form::Pax, b'0', &format!("a/{numbers}"), "");
            file.told(Form::Pax, b'2', "a/b", &numbers).end()
        }),
        same("pax-path-hdr", long("the name that counts")),
        same("pax-records", {
            let own =
                [("GOLANG.pkg", "tar"), ("comment", "Hello, \u{4e16}\u{754c}"), ("uname", "l")];
            Tar::new().pax(b'x', &own).file("file", "").end()
        }),
        same("xattrs", {
            let own = [
                ("SCHILY.xattr.user.key", "value"),
                ("SCHILY.xattr.security.selinux", "unconfined_u:object_r:default_t:s0\0"),
                ("mtime", "1386065770.448252320"),
            ];
            Tar::new().pax(b'x', &own).file("small.txt", "Kilts").end()
        }),
        same("nil-uid", {
            let nil = |block: &mut [u8; 512]| block[108..124].fill(0);
            odd(b'0', "P1050238.JPG.log", nil).end()
        }),
        same("gnu-utf8", {
            let name = "\u{263a}\u{263b}\u{2639}".repeat(40);
            let one = format!("{}/{}", &name[..90], &name[..120]);
            Tar::new().told(Form::Gnu, b'0', &one, "").end()
        }),
        same(
            "hardlink",
            Tar::new().file("file.txt", "Slartibartfast").same("hard.txt", "file.txt").end(),
        ),
        same("file-and-dir", Tar::new().file("small.txt", "Kilts").dir("dir/").end()),
        same(
            "trailing-slash",
            Tar::new().told(Form::Pax, b'5', &"123456789/".repeat(30), "").end(),
        ),
        same("writer", small().link("link.txt", "small.txt").end()),
    ]
}

fn broken() -> Vec<Case> {
    let sparse = |records: &[(&str, &str)]| Tar::new().pax(b'x', records).file("s", "x").end();
    let large = |name: &str, pax: bool| {
        let big = |block: &mut [u8; 512]| {
            block[124..136].copy_from_slice(b"\x80\0\0\0\0\0\0\x04\0\0\0\0");
        };
        let ahead = if pax { Tar::new().pax(b'x', &[("path", name)]) } else { Tar::new() };
        then(ahead, odd(b'0', "big", big)).end()
    };
    let header_alone = |flag| Tar::new().put(&Head::new(flag, "x"), &[]).end();
    vec![
        refused(
            "pax-bad-hdr-file",
            "malformed",
            Tar::new().data(b'x', "x", b"8 path=a\n").file("a", "").end(),
        ),
        refused(
            "pax-bad-mtime-file",
            "malformed",
            Tar::new().pax(b'x', &[("mtime", "-1.-5")]).file("a", "").end(),
        ),
        refused("pax-bad-hdr-large", "its extended header holds", {
            Tar::new().data(b'x', "x", &vec![b'x'; 2 << 20]).file("a", "").end()
        })
        .through(".tar.bz2"),
        refused("pax-pos-size-file", "two sizes", {
            Tar::new().pax(b'x', &[("size", "000000000000000000000999")]).file("foo", "x").end()
        }),
        refused("pax-multi-hdrs", "twice", {
            let first = Tar::new().pax(b'x', &[("path", "PAX1/PAX1/long-path-name")]);
            first.pax(b'x', &[("linkpath", "PAX4/PAX4/long-linkpath-name")]).link("bar", "x").end()
        }),
        refused("pax-nul-xattrs", "malformed", {
            let value = "SCHILY.xattr.null\0null\0key";
            Tar::new().pax(b'x', &[(value, "fizzbuzz")]).file("x", "").end()
        }),
        refused("pax-nul-path", "control characters", {
            Tar::new().pax(b'x', &[("path", "0123456789\x000123456789")]).file("x", "").end()
        }),
        refused("pax-global-records", "all entries behind it", {
            Tar::new()
                .pax(b'g', &[("path", "global1"), ("mtime", "1500000000.0")])
                .file("f", "")
                .end()
        }),
        refused("gnu-multi-hdrs", "twice", {
            let first = Tar::new().data(b'L', "L", b"GNU1/GNU1/long-path-name\0");
            first.data(b'L', "L", b"GNU2/GNU2/long-path-name\0").link("foo", "x").end()
        }),
        refused("gnu-long-nul", "malformed", {
            Tar::new().data(b'L', "L", b"0123456789\0fizzbuzz\0").file("x", "").end()
        }),
        refused("gnu-not-utf8", "not UTF-8", Tar::new().file(b"hi\x80\x81\x82\x83bye", "").end()),
        refused(
            "gnu-incremental",
            "unknown type `D`",
            Tar::new().data(b'D', "test2/", b"Yfoo\0\0").end(),
        ),
        refused("gnu-sparse-big", "sparse", Tar::new().put(&gnu(b'S', "gnu-sparse"), &[]).end()),
        refused(
            "gnu-nil-sparse-data",
            "sparse",
            Tar::new().put(&gnu(b'S', "sparse.db"), &[]).end(),
        ),
        refused("gnu-nil-sparse-hole", "sparse", header_alone(b'S')),
        refused("gnu-sparse-many-zeros", "sparse", header_alone(b'S')).through(".tar.bz2"),
        refused("pax-sparse-big", "sparse", {
            let size = "60000000000";
            sparse(&[
                ("GNU.sparse.major", "1"),
                ("GNU.sparse.minor", "0"),
                ("GNU.sparse.realsize", size),
            ])
        }),
        refused("pax-nil-sparse-data", "sparse", sparse(&[("GNU.sparse.major", "1")])),
        refused("pax-nil-sparse-hole", "sparse", sparse(&[("GNU.sparse.realsize", "1000")])),
        refused(
            "sparse-formats 0.0",
            "sparse",
            sparse(&[("GNU.sparse.size", "200"), ("GNU.sparse.offset", "1")]),
        ),
        refused(
            "sparse-formats 0.1",
            "sparse",
            sparse(&[("GNU.sparse.map", "1,1,3,1"), ("GNU.sparse.size", "200")]),
        ),
        refused("sparse-formats 1.0", "sparse", sparse(&[("GNU.sparse.name", "sparse-posix-1.0")])),
        refused(
            "neg-size",
            "size is negative",
            odd(b'0', "x", |block| block[124..136].fill(0xff)).end(),
        ),
        refused(
            "issue10968",
            "malformed",
            Tar::new().data(b'x', "x", b"00000000000000000000 =").end(),
        ),
        refused("issue11169", "ends too early", {
            let endless = Head { size: 512, ..Head::new(b'L', "L") };
            Tar::new().put(&endless, &[]).0
        }),
        refused("issue12435", "checksum is wrong", {
            let mut tar = Tar::new().file("x", "").0;
            tar[148..156].fill(b'0');
            tar
        }),
        refused("invalid-go17", "neither POSIX, GNU nor old", {
            let mixed = |block: &mut [u8; 512]| {
                block[257..265].copy_from_slice(b"ustar  0");
                block[345..445].fill(b'a');
            };
            odd(b'0', "foo", mixed).end()
        }),
        refused("hdr-only", "device", {
            let first = Tar::new().dir("dir").file("file", "").link("link", "file");
            then(first, Tar::new().put(&Head::new(b'3', "null"), &[])).end()
        }),
        refused(
            "ustar-file-devs",
            "device",
            then(small(), Tar(Head::new(b'4', "loop").block().to_vec())).end(),
        ),
        refused("writer-big", "limits.ratio", large("", false)),
        refused(
            "writer-big-long",
            "limits.ratio",
            large(&("longname/".repeat(15) + "16gig.txt"), true),
        ),
    ]
}

fn zips() -> Vec<Case> {
    let two = || {
        [
            Item::stored("test.txt", b"This is a test text file.\n"),
            Item::deflated("gophercolor.png", &[7; 900]),
        ]
    };
    let archive = zip(&two());
    let with_mode = |name: &str, mode| Item { mode, ..Item::stored(name, b"x") };
    let described = |signature: &[u8], wrong: u32| {
        let item = good();
        let sums = [item.crc ^ wrong, item.packed, item.size].map(u32::to_le_bytes).concat();
        zip(&[Item { flags: 8, behind: [signature, &sums].concat(), ..item }])
    };
    let utf8 = |flags| Item { flags, ..Item::stored("\u{4e16}\u{754c}", b"") };
    let time = |extra: &[u8]| Item { extra: extra.to_vec(), ..Item::stored("test.txt", b"") };
    let ut = [0x55, 0x54, 5, 0, 1, 0x2d, 0x8b, 0xf7, 0x59];
    let mut zip64_extra = good();
    zip64_extra.extra = [
        &[1, 0, 16, 0][..],
        &u64::from(zip64_extra.size).to_le_bytes(),
        &u64::from(zip64_extra.packed).to_le_bytes(),
    ]
    .concat();
    let mut far = good();
    far.extra =
        [&[1, 0, 16, 0][..], &(5_u64 << 30).to_le_bytes(), &u64::from(far.packed).to_le_bytes()]
            .concat();
    (far.size, far.packed) = (u32::MAX, u32::MAX);
    vec![
        same("test", write(&two(), None, b"This is a zipfile comment.")),
        same("unix", {
            let bits = [
                with_mode("hello", 0o100_666),
                dir("dir/"),
                with_mode("dir/bar", 0o100_666),
                dir("dir/empty/"),
                with_mode("readonly", 0o100_444),
            ];
            zip(&bits)
        }),
        same("subdir", zip(&[Item::stored("a/b/c", b"x")])),
        same("dd", described(b"PK\x07\x08", 0)),
        same("go-with-datadesc-sig", described(b"PK\x07\x08", 0)),
        same("go-no-datadesc-sig", described(b"", 0)),
        same("zip64", zip64(&archive, |_| ())),
        same("zip64-2", zip(&[zip64_extra])),
        same("utf8-7zip", zip(&[utf8(1 << 11)])),
        same("utf8-infozip", zip(&[utf8(1 << 11)])),
        same("time-infozip", zip(&[time(&ut)])),
        same("extra-timestamp", zip(&[time(&ut)])),
        same("r, a zip in a zip", zip(&[Item::stored("r/r.zip", &archive)])),
        refused("test-trailing-junk", "not the end of a zip", [&archive[..], b"junk"].concat()),
        refused(
            "test-prefix",
            "not where its end record says",
            [b"PK\x03\x04 prefix", &archive[..]].concat(),
        ),
        refused("test-badbase", "not where its end record says", {
            let mut bad = archive.clone();
            let at = bad.len() - 6;
            bad[at] ^= 1;
            bad
        }),
        refused("test-baddirsz", "not where its end record says", {
            let mut bad = archive.clone();
            let at = bad.len() - 10;
            bad[at] ^= 1;
            bad
        }),
        refused(
            "symlink",
            "leaves the release",
            zip(&[Item { mode: 0o120_777, ..Item::stored("symlink", b"../target") }]),
        ),
        refused("dupdir", "twice", zip(&[dir("a/"), dir("a/"), dir("a/b/")])),
        refused("readme.notzip", "its first bytes are", b"This is no zip at all.\n"),
        refused("Bad-CRC32-in-data-descriptor", "between its entries", described(b"PK\x07\x08", 1)),
        refused(
            "crc32-not-streamed, a wrong one",
            "checksum is wrong",
            zip(&[Item { crc: 1, ..good() }]),
        ),
        refused("comment-truncated", "not the end of a zip", {
            let whole = write(&two(), None, b"This is a comment.");
            whole[..whole.len() - 5].to_vec()
        }),
        refused("zip64/deflate-zeros-5g", "limits.ratio", zip(&[far])),
    ]
    .into_iter()
    .map(|case| case.ending(".zip"))
    .collect()
}

#[test]
fn the_tars_of_go() {
    let tried = try_all(honest().into_iter().chain(broken()).collect());
    let happened = tried.happened();
    withstood!(
        "Corpora",
        "the test archives of Go's archive/tar",
        tried.all,
        happened,
        tried.served
    );
}

#[test]
fn the_zips_of_go() {
    let tried = try_all(zips());
    let happened = tried.happened();
    withstood!(
        "Corpora",
        "the test archives of Go's archive/zip",
        tried.all,
        happened,
        tried.served
    );
}
