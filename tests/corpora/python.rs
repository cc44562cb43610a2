//! What Python's `tarfile` is tested with: the members of its test archive, one by one, and what its
//! extraction filters were made against.

use super::{Case, Head, Tar, odd, refused, same, tars::Form, then, try_all};
use lab::withstood;

/// The members of `testtar.tar`, each an archive by itself.
fn members() -> Vec<Case> {
    let size = 7011;
    let text = "x".repeat(size);
    let of = |flag| Tar::new().put(&Head::new(flag, "ustar/x"), &[]).end();
    let old = |flag, name: &str| Head { magic: [0; 8], ..Head::new(flag, name) };
    let longest = format!("gnu/{}", "123456789/".repeat(15)) + "longname";
    vec![
        same("ustar/regtype", Tar::new().file("ustar/regtype", &text).end()),
        same("ustar/dirtype", Tar::new().dir("ustar/dirtype/").end()),
        same(
            "ustar/lnktype",
            Tar::new().file("ustar/regtype", &text).same("ustar/lnktype", "ustar/regtype").end(),
        ),
        same(
            "ustar/symtype",
            Tar::new().file("ustar/regtype", &text).link("ustar/symtype", "regtype").end(),
        ),
        same("ustar/linktest", {
            let first = Tar::new().file("ustar/linktest1/regtype", &text);
            let link = first.link("ustar/linktest2/symtype", "../linktest1/regtype");
            link.same("ustar/linktest2/lnktype", "ustar/linktest1/regtype").end()
        }),
        same("ustar/100 characters", Tar::new().file("1".repeat(100), &text).end()),
        same("ustar/prefix", odd(b'0', "f", |block| block[345..445].fill(b'p')).end()),
        same("misc/regtype-old-v7", Tar::new().put(&old(0, "misc/regtype-old-v7"), &[]).end()),
        same("misc/dirtype-old-v7", Tar::new().put(&old(0, "misc/dirtype-old-v7/"), &[]).end()),
        same("misc/regtype-suntar", {
            let spaces = |block: &mut [u8; 512]| block[100..108].copy_from_slice(b"  0644 \0");
            odd(b'0', "misc/regtype-suntar", spaces).end()
        }),
        same("gnu/longname", Tar::new().told(Form::Gnu, b'0', &longest, "").end()),
        same("gnu/longlink", Tar::new().told(Form::Gnu, b'2', "gnu/longlink", &longest).end()),
        same("gnu/regtype-gnu-uid", {
            let large = |block: &mut [u8; 512]| {
                block[108..116].copy_from_slice(b"\x80\0\0\0\xff\xff\xff\xff");
                block[257..265].copy_from_slice(b"ustar  \0");
            };
            odd(b'0', "gnu/regtype-gnu-uid", large).end()
        }),
        same(
            "pax/regtype1",
            Tar::new().told(Form::Pax, b'0', &longest.replace("gnu", "pax"), "").end(),
        ),
        same(
            "pax/umlauts",
            Tar::new().told(Form::Pax, b'0', "pax/umlauts-\u{c4}\u{d6}\u{dc}", "").end(),
        ),
        same(
            "pax/regtype4, an empty uname",
            Tar::new().pax(b'x', &[("uname", ""), ("uid", "1")]).file("pax/r", "").end(),
        ),
        refused("ustar/conttype", "unknown type `7`", of(b'7')),
        refused("ustar/blktype", "device", of(b'4')),
        refused("ustar/chrtype", "device", of(b'3')),
        refused("ustar/fifotype", "fifo", of(b'6')),
        refused("ustar/sparse", "sparse", of(b'S')),
        refused("ustar/dirtype-with-size", "has data", {
            Tar::new().put(&Head { size: 255, ..Head::new(b'5', "d/") }, &[1; 255]).end()
        }),
        refused(
            "ustar/umlauts in latin-1",
            "not UTF-8",
            Tar::new().file(b"umlauts-\xc4\xd6\xdc", "").end(),
        ),
        refused("misc/regtype-hpux-signed-chksum", "not UTF-8", {
            Tar::new().file(b"misc/regtype-hpux-\xc4\xd6", "").end()
        }),
        refused(
            "misc/eof, a header cut off",
            "ends too early",
            &Tar::new().file("a", "x").0[..700],
        ),
        refused(
            "pax/bad-pax, of no length",
            "malformed",
            Tar::new().data(b'x', "x", b"0 a=b\n").file("a", "").end(),
        ),
        refused(
            "gnu/sparse 0.0",
            "sparse",
            Tar::new().pax(b'x', &[("GNU.sparse.size", "86016")]).file("a", "").end(),
        ),
        refused(
            "gnu/sparse 1.0",
            "sparse",
            Tar::new().pax(b'x', &[("GNU.sparse.major", "1")]).file("a", "").end(),
        ),
        refused("zero-length name", "no name", Tar::new().file("", "").end()),
    ]
}

/// What the filters are tried with.
fn filters() -> Vec<Case> {
    let to = |name: &str, target: &str| Tar::new().link(name, target);
    let steps = |n: usize| "d".repeat(200) + "/" + &"a/".repeat(n);
    // Each link looks short and stands for a long path, until the resolver gives up.
    let mut chain = Tar::new();
    for step in 1..16 {
        chain = chain.dir(steps(step)).told(Form::Pax, b'2', &format!("{}s", steps(step - 1)), "a");
    }
    let chain = chain.told(Form::Pax, b'2', "escape", &format!("{}../../../../../..", steps(15)));
    let at_most = Head { mode: 0o7777, ..Head::new(b'0', "high_bits") };
    vec![
        same("benign", Tar::new().dir("dir/").file("dir/file", "x").end()),
        same("deep symlink and hard link", {
            let first = Tar::new().file("targetdir/target", "xxx");
            first
                .same("linkdir/hardlink", "targetdir/target")
                .link("linkdir/symlink", "../targetdir/target")
                .end()
        }),
        same("chains of good links", {
            Tar::new().link("linkdest", "linkdest2").link("linkdest2", "nothing/there").end()
        }),
        same(
            "modes",
            Tar::new()
                .put(&at_most, &[])
                .put(&Head { mode: 0o000, ..Head::new(b'0', "none") }, &[])
                .end(),
        ),
        same("a symlink to the release itself", Tar::new().link("d/current", "..").end()),
        refused("absolute", "absolute", Tar::new().file("/tmp/escaped.evil", "x").end()),
        refused("parent", "goes up", Tar::new().file("../escaped.evil", "x").end()),
        refused(
            "absolute symlink",
            "an absolute path",
            then(to("linkdir", "/tmp"), Tar::new().file("linkdir/escaped.evil", "x")).end(),
        ),
        refused(
            "parent symlink",
            "leaves the release",
            then(to("parent", ".."), Tar::new().file("parent/escaped.evil", "x")).end(),
        ),
        refused("parent symlink 2a", "behind a name", {
            then(to("current", "."), to("parent", "current/.."))
                .file("parent/escaped.evil", "x")
                .end()
        }),
        refused("parent symlink 2b", "stands in its place", {
            then(to("current", "."), to("current/parent", ".."))
                .file("parent/escaped.evil", "x")
                .end()
        }),
        refused("sly relative 0", "goes up", Tar::new().link("../moo", "..//tmp/moo").end()),
        refused(
            "sly relative 2",
            "goes up",
            Tar::new().dir("tmp/").link("tmp/../../moo", "tmp/../..//tmp/moo").end(),
        ),
        refused(
            "a hard link to an absolute path",
            "absolute",
            Tar::new().same("x", "/etc/passwd").end(),
        ),
        refused("a hard link through a symlink", "no file of that name", {
            to("link", "d").file("d/f", "x").same("x", "link/f").end()
        }),
        refused("sneaky hard link fallback", "no file of that name", {
            Tar::new().file("a/t/dummy", "").link("a/b/s", "../escape").same("s", "a/b/s").end()
        }),
        refused(
            "exfiltration via symlink",
            "an absolute path",
            to("escaped.evil", "/etc/hostname").same("copy", "escaped.evil").end(),
        ),
        refused("realpath limit", "behind a name", chain.end()),
        refused("a pipe", "fifo", Tar::new().put(&Head::new(b'6', "foo"), &[]).end()),
        refused("a character device", "device", Tar::new().put(&Head::new(b'3', "foo"), &[]).end()),
        refused("a block device", "device", Tar::new().put(&Head::new(b'4', "foo"), &[]).end()),
        refused("a symlink over a directory", "twice", Tar::new().dir("d").link("d", "x").end()),
        refused("a directory over a symlink", "stands in its place", to("d", "x").dir("d").end()),
        refused("a file over a symlink", "twice", to("f", "x").file("f", "x").end()),
    ]
}

#[test]
fn the_members_of_pythons_test_archive() {
    let tried = try_all(members());
    let happened = tried.happened();
    withstood!("Corpora", "the members of Python's testtar.tar", tried.all, happened, tried.served);
}

#[test]
fn what_pythons_filters_are_tried_with() {
    let tried = try_all(filters());
    let happened = tried.happened();
    withstood!(
        "Corpora",
        "what Python's extraction filters are tested with",
        tried.all,
        happened,
        tried.served
    );
}
