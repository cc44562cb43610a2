//! What libarchive's readers of tar, zip and compressed streams are tested with.

use super::{
    Case, Head, Tar, odd, refused, same,
    tars::{self, Form},
    then, try_all,
    zipped::{Item, dir, good, write, zip, zip64},
};
use lab::withstood;

fn old(flag: u8, name: &str) -> Head {
    Head { magic: [0; 8], ..Head::new(flag, name) }
}

fn tars() -> Vec<Case> {
    let long = |n: usize| "abcdefghij".repeat(n);
    let gtar = |flag, name: &str, target: &str| Tar::new().told(Form::Gnu, flag, name, target);
    let large = |block: &mut [u8; 512]| {
        block[108..116].copy_from_slice(b"\x80\0\0\0\x7f\xff\xff\xff");
        block[116..124].copy_from_slice(b"\x80\0\0\0\x7f\xff\xff\xff");
        block[257..265].copy_from_slice(b"ustar  \0");
    };
    let bare = |block: &mut [u8; 512]| {
        block[100..108].copy_from_slice(b"00000644");
        block[124..136].copy_from_slice(b"000000000000");
        block[136..148].copy_from_slice(b"007346545000");
    };
    let sized = |flag, name: &str, data: &[u8]| {
        let head = Head { size: data.len() as u64, link: b"f".to_vec(), ..Head::new(flag, name) };
        Tar::new().file("f", "x").put(&head, data).end()
    };
    let sparse = |key: &str| Tar::new().pax(b'x', &[(key, "1")]).file("sparse", "x").end();
    vec![
        same("compat_gtar_1", {
            let file = gtar(b'0', &long(20), "");
            then(file, gtar(b'2', &long(19), &long(20))).end()
        }),
        same("compat_gtar_2", odd(b'0', "file_with_big_uid_gid", large).end()),
        same(
            "compat_mac_gnutar",
            Tar::new().file("._file", "\0\u{5}\u{16}\u{7}").file("file", "x").end(),
        ),
        same("compat_pax_libarchive_2x", {
            let own = [
                ("LIBARCHIVE.creationtime", "1236283200"),
                ("LIBARCHIVE.xattr.user.a", "YQ"),
                ("SCHILY.dev", "1"),
            ];
            Tar::new().pax(b'x', &own).file("file", "x").end()
        }),
        same(
            "compat_perl_archive_tar",
            then(
                Tar::new().put(&old(b'0', "file1"), &[]),
                Tar::new().put(&old(b'0', "file2"), &[]),
            )
            .end(),
        ),
        same("compat_plexus_archiver_tar", odd(b'0', "commons-logging-1.2/NOTICE.txt", bare).end()),
        same("read_format_tar_empty_pax", Tar::new().data(b'x', "x", b"").file("file", "x").end()),
        same(
            "read_format_tar_pax_negative_time",
            Tar::new().pax(b'x', &[("mtime", "-2")]).file("empty", "").end(),
        ),
        same(
            "read_format_tar_pax_global_header_ignorable",
            Tar::new().pax(b'g', &[("comment", "c0ffee"), ("uname", "x")]).file("file", "x").end(),
        ),
        same(
            "read_format_ustar_filename in UTF-8",
            Tar::new().file("\u{41f}\u{420}\u{418}\u{412}\u{415}\u{422}", "x").end(),
        ),
        same(
            "read_pax_vendor_attributes",
            Tar::new()
                .pax(b'x', &[("GNU.dummy", "x"), ("VENDOR.key", "y")])
                .file("file", "x")
                .end(),
        ),
        refused("compat_solaris_pax_sparse_1", "sparse", sparse("SUN.holesdata")),
        refused("compat_solaris_pax_sparse_2", "sparse", sparse("SUN.holesdata")),
        refused(
            "compat_solaris_tar_acl",
            "unknown type `A`",
            Tar::new().data(b'A', "file", b"1000000\0user::rw-\0").end(),
        ),
        refused("compat_tar_directory_1", "has data", sized(b'5', "directory1/", b"x")),
        refused("compat_tar_hardlink_1", "has data", sized(b'1', "xmcd-3.3.2/docs_d/READMf", b"x")),
        refused(
            "pax_filename_encoding",
            "not UTF-8",
            Tar::new().pax(b'x', &[("hdrcharset", "BINARY")]).file(b"abc\xcc\x8c\xff", "x").end(),
        ),
        refused(
            "read_format_gtar_filename in koi8-r",
            "not UTF-8",
            Tar::new().file(b"\xf0\xf2\xe9\xf7\xe5\xf4", "x").end(),
        ),
        refused("read_format_gtar_redundant_L", "twice", {
            let twice = Tar::new().data(b'L', "././@LongLink", b"name1\0").data(
                b'L',
                "././@LongLink",
                b"name2\0",
            );
            twice.file("x", "").end()
        }),
        refused(
            "read_format_gtar_sparse_1_13",
            "sparse",
            Tar::new().put(&Head { magic: *b"ustar  \0", ..Head::new(b'S', "sparse") }, &[]).end(),
        ),
        refused("read_format_gtar_sparse_1_17_posix00", "sparse", sparse("GNU.sparse.numblocks")),
        refused("read_format_gtar_sparse_1_17_posix01", "sparse", sparse("GNU.sparse.map")),
        refused("read_format_gtar_sparse_1_17_posix10", "sparse", sparse("GNU.sparse.major")),
        refused("read_format_gtar_sparse_exceeds_length", "sparse", sparse("GNU.sparse.realsize")),
        refused(
            "read_format_tar_pax_global_header",
            "all entries behind it",
            Tar::new().pax(b'g', &[("path", "x")]).file("file", "x").end(),
        ),
        refused("read_format_tar_pax_global_header_concatenated", "bytes follow its end", {
            let one = Tar::new().pax(b'g', &[("comment", "1")]).file("file", "x").end();
            [&one[..], &one].concat()
        }),
        refused(
            "read_format_tar_invalid_pax_size",
            "malformed",
            Tar::new().pax(b'x', &[("size", "-18446744073709551615")]).file("a", "").end(),
        ),
        refused(
            "read_format_tar_pax_g_large",
            "its extended header holds",
            Tar::new().data(b'g', "g", &vec![b' '; 3 << 20]).file("a", "").end(),
        ),
        refused("read_format_tar_pax_large_attr", "its extended header holds", {
            Tar::new()
                .pax(b'x', &[("SCHILY.xattr.user.large", &"x".repeat(100_000))])
                .file("a", "")
                .end()
        }),
        refused(
            "read_format_tar_empty_with_gnulabel",
            "unknown type `V`",
            Tar::new().put(&Head::new(b'V', "VOLUME LABEL"), &[]).end(),
        ),
        refused(
            "read_format_tar_V_negative_size",
            "unknown type `V`",
            odd(b'V', "label", |block| block[124..136].fill(0xff)).end(),
        ),
        refused("read_format_tar_empty_filename", "no name", Tar::new().file("", "x").end()),
        refused(
            "read_format_tar_empty_truncated",
            "ends too early",
            &Tar::new().file("a", "x").0[..100],
        ),
        refused("read_format_tar_overflow", "size is not a number", {
            let huge = |block: &mut [u8; 512]| {
                block[124..136].copy_from_slice(b"\x80\x7f\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff")
            };
            odd(b'0', "a", huge).end()
        }),
        refused("read_format_tar_concatenated", "bytes follow its end", {
            [Tar::new().file("file1", "1").end(), Tar::new().file("file2", "2").end()].concat()
        }),
        refused("read_large_tar, files of terabytes", "limits.bytes", {
            let tera = |block: &mut [u8; 512]| {
                block[124..136].copy_from_slice(b"\x80\0\0\0\0\0\x01\0\0\0\0\0")
            };
            odd(b'0', "1T", tera).end()
        }),
        refused(
            "read_truncated",
            "before the file does",
            &Tar::new().file("a", &"x".repeat(2000)).0[..1024],
        ),
        refused(
            "compat_tar_multivolume",
            "continues",
            Tar::new().put(&Head::new(b'M', "a"), &[]).end(),
        ),
    ]
}

/// Streams: what stands in, between and behind them.
fn streams() -> Vec<Case> {
    let tar = Tar::new().file("f1", "x").file("f2", "y").end();
    let packed = |suffix: &str| tars::pack(&format!(".tar.{suffix}"), &tar);
    let half = |suffix: &str| {
        let (first, second) = tar.split_at(700);
        let of = |part: &[u8]| tars::pack(&format!(".tar.{suffix}"), part);
        [of(first), of(second)].concat()
    };
    let junk = |suffix: &str| [packed(suffix), b"\0This is unrelated junk".to_vec()].concat();
    let skip = [&[0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0][..], b"skip"].concat();
    vec![
        same("compat_bzip2_1, two streams", half("bz2")).ending(".tar.bz2"),
        same("compat_xz_1, two streams", half("xz")).ending(".tar.xz"),
        same("compat_zstd_1, two frames", half("zst")).ending(".tar.zst"),
        same("compat_zstd_2, a skippable frame", [&skip[..], &packed("zst")].concat())
            .ending(".tar.zst"),
        same("compat_zstd_3", packed("zst")).ending(".tar.zst"),
        same("compat_gzip", packed("gz")).ending(".tar.gz"),
        refused("compat_gzip_1, two members and junk", "bytes follow the gzip member", half("gz"))
            .ending(".tar.gz"),
        refused("compat_gzip_2, junk behind", "bytes follow the gzip member", junk("gz"))
            .ending(".tar.gz"),
        refused("compat_bzip2_2, junk behind", "its data is damaged", junk("bz2"))
            .ending(".tar.bz2"),
        refused("compat_xz, junk behind", "its data is damaged", junk("xz")).ending(".tar.xz"),
        refused("compat_zstd, junk behind", "not a zstd frame", junk("zst")).ending(".tar.zst"),
        refused(
            "compat_lz4, by another name",
            "its first bytes are",
            b"\x04\x22\x4d\x18".repeat(9),
        )
        .ending(".tar.zst"),
        refused("compat_lrzip, by another name", "its first bytes are", b"LRZI\0\x06".repeat(9))
            .ending(".tar.xz"),
        refused(
            "compat_uudecode, by another name",
            "its first bytes are",
            b"begin 644 x\n".repeat(9),
        )
        .ending(".tar.gz"),
    ]
}

fn zips() -> Vec<Case> {
    let archive = zip(&[good(), Item::stored("dir/f", b"x")]);
    let method = |method| zip(&[Item { method, ..good() }]);
    let extra = |kind: u16, data: &[u8]| {
        let field = [&kind.to_le_bytes()[..], &(data.len() as u16).to_le_bytes(), data].concat();
        zip(&[Item { extra: field, ..good() }])
    };
    let unicode = {
        let mut crc = flate2::Crc::new();
        crc.update(b"\x81");
        [&[1][..], &crc.sum().to_le_bytes(), "\u{fc}".as_bytes()].concat()
    };
    let descriptor = |item: Item| {
        let sums = [item.crc, item.packed, item.size].map(u32::to_le_bytes).concat();
        Item { flags: 8, behind: [&b"PK\x07\x08"[..], &sums].concat(), ..item }
    };
    let symlink = |item: Item| Item { mode: 0o120_755, ..item };
    let padded = |bytes: &[u8]| [b"garbage in front", bytes].concat();
    vec![
        same(
            "read_format_zip",
            zip(&[dir("dir/"), good(), descriptor(Item::deflated("file2", b"hello"))]),
        ),
        same("read_format_zip_comment_stored", write(&[good()], None, b"a comment")),
        same("read_format_zip_length_at_end", zip(&[descriptor(good())])),
        same("read_format_zip_nested", zip(&[Item::stored("inner.zip", &archive)])),
        same("read_format_zip_nofiletype", zip(&[Item { mode: 0o644, ..good() }])),
        same(
            "read_format_zip_mac_metadata",
            zip(&[Item::stored("__MACOSX/._a", b"\0\x05"), good()]),
        ),
        same("read_format_zip_ux", extra(0x7875, &[1, 4, 0xe8, 3, 0, 0, 4, 0xe8, 3, 0, 0])),
        same("read_format_zip_jar", extra(0xcafe, b"")),
        same(
            "read_format_zip_symlink",
            zip(&[Item::stored("file", b"x"), symlink(Item::stored("link", b"file"))]),
        ),
        same(
            "read_format_zip_symlink_deflate",
            zip(&[Item::stored("file", b"x"), symlink(Item::deflated("link", b"file"))]),
        ),
        same("read_format_zip_zip64a", zip64(&archive, |_| ())),
        same(
            "compat_zip_utf8",
            zip(&[Item { flags: 1 << 11, ..Item::stored("\u{41f}\u{440}", b"x") }]),
        ),
        refused(
            "read_format_zip_7075_utf8_paths",
            "second name",
            zip(&[Item {
                extra: [&[0x75, 0x70, unicode.len() as u8, 0][..], &unicode].concat(),
                name: vec![0x81],
                ..good()
            }]),
        ),
        refused(
            "read_format_zip_encryption_header",
            "encrypted",
            zip(&[Item { flags: 1 | 1 << 13, ..good() }]),
        ),
        refused(
            "read_format_zip_traditional_encryption",
            "encrypted",
            zip(&[Item { flags: 1, ..good() }]),
        ),
        refused("read_format_zip_winzip_aes128", "only deflate is read", method(99)),
        refused(
            "read_format_zip_winzip_aes256_large",
            "encrypted",
            zip(&[Item { flags: 1, method: 99, ..good() }]),
        ),
        refused("read_format_zip_bzip2", "only deflate is read", method(12)),
        refused("read_format_zip_lzma", "only deflate is read", method(14)),
        refused("read_format_zip_xz_multi", "only deflate is read", method(95)),
        refused("read_format_zip_ppmd8", "only deflate is read", method(98)),
        refused("read_format_zip_zstd", "only deflate is read", method(93)),
        refused("read_format_zip_deflate64", "only deflate is read", method(9)),
        refused("read_format_zip_implode", "only deflate is read", method(6)),
        refused(
            "read_format_zip_filename in cp866",
            "not UTF-8",
            zip(&[Item { name: b"\x8f\x90\x88".to_vec(), ..good() }]),
        ),
        refused("read_format_zip_padded1", "its first bytes are", padded(&archive)),
        refused(
            "read_format_zip_padded2, junk behind",
            "not the end of a zip",
            [&archive[..], &[0; 40]].concat(),
        ),
        refused(
            "read_format_zip_padded3",
            "its first bytes are",
            padded(&[&archive[..], &[0; 40]].concat()),
        ),
        refused("read_format_zip_sfx", "its first bytes are", [b"\x7fELF", &archive[..]].concat()),
        refused(
            "read_format_zip_malformed1",
            "invalid Zip archive",
            zip(&[Item { at: Some(u32::MAX - 1), ..good() }]),
        ),
        refused(
            "read_format_zip_with_invalid_traditional_eocd",
            "its two end records disagree",
            zip64(&archive, |n| n[2] += 1),
        ),
        refused(
            "read_format_zip_zip64b, an entry that is not there",
            "its two end records disagree",
            zip64(&archive, |n| n[0] += 1),
        ),
        refused(
            "read_format_zip_msdos, backslashes",
            "backslash",
            zip(&[Item { system: 0, mode: 0, ..Item::stored("abc\\def", b"x") }]),
        ),
        refused(
            "read_format_zip_symlink_lzma",
            "only deflate is read",
            zip(&[symlink(Item { method: 14, ..good() })]),
        ),
        refused("read_format_zip_bad_crc", "checksum is wrong", zip(&[Item { crc: 1, ..good() }])),
        refused(
            "read_format_zip_size_too_small",
            "longer than its header says",
            zip(&[Item { size: 2, ..good() }]),
        ),
    ]
    .into_iter()
    .map(|case| case.ending(".zip"))
    .collect()
}

#[test]
fn the_tars_of_libarchive() {
    let tried = try_all(tars());
    let happened = tried.happened();
    withstood!("Corpora", "libarchive's test archives: tar", tried.all, happened, tried.served);
}

#[test]
fn the_streams_of_libarchive() {
    let tried = try_all(streams());
    let happened = tried.happened();
    withstood!(
        "Corpora",
        "libarchive's test archives: compressed streams",
        tried.all,
        happened,
        tried.served
    );
}

#[test]
fn the_zips_of_libarchive() {
    let tried = try_all(zips());
    let happened = tried.happened();
    withstood!("Corpora", "libarchive's test archives: zip", tried.all, happened, tried.served);
}
