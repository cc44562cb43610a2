//! Zips: honest ones from real programs against `unzip`, dishonest ones byte by byte.

use super::{
    honest::{run, site},
    zipped::{Item, dir, good, write, zip, zip64},
    *,
};
use lab::withstood;

#[track_caller]
fn refused(zip: &[u8], why: &str) {
    let told = Bench::new().refused("a.zip", zip);
    assert!(told.contains(why), "{told}");
}

#[test]
fn every_writer_of_zips_gives_the_tree_of_unzip() {
    let bench = Bench::new();
    let (site_dir, theirs, made) = (bench.at("site"), bench.at("theirs"), bench.at("made.zip"));
    [&site_dir, &theirs].iter().for_each(|d| fs::create_dir(d).unwrap());
    site(&site_dir);
    // Neither program can take this name out of a zip as it is, and we refuse it.
    fs::remove_file(site_dir.join("back\\slash $(x) ;'\"")).unwrap();
    for pack in [
        "zip -qry $0 .",
        "zip -qry -0 $0 .",
        // Into a pipe it cannot store, as it would a link.
        "find . -type f -size +0 | zip -q -@ - | cat > $0",
        "find . | sort -r | zip -qy -@ $0",
        "zip -qry $0 . && echo comment | zip -qz $0",
        "bsdtar --format zip -cf $0 .",
    ] {
        let pack = format!("rm -f $0; {pack}");
        let made_at = made.to_str().unwrap();
        run(&site_dir, &["sh", "-c", &pack, made_at]);
        let unzip = "find . -mindepth 1 -delete; TZ=UTC unzip -q \"$0\"";
        run(&theirs, &["sh", "-c", unzip, made_at]);
        bench.accepted("a.zip", &fs::read(&made).unwrap());
        let (ours, theirs) = (listing(&bench.stage(), None), listing(&theirs, None));
        assert_eq!(ours.keys().collect::<Vec<_>>(), theirs.keys().collect::<Vec<_>>());
        for (path, seen) in &ours {
            // unzip gives links and directories times of its own.
            let time = |s: &Seen| if s.0 & 0o170_000 == 0o100_000 { s.2 } else { 0 };
            let of = |s: &Seen| (s.0, s.1.clone(), time(s));
            assert_eq!(of(seen), of(&theirs[path]), "{pack} {path:?}");
        }
    }
}

#[test]
fn python_writes_zips_too() {
    let bench = Bench::new();
    let script = "import zipfile,sys\nz=zipfile.ZipFile(sys.argv[1],'w',zipfile.ZIP_DEFLATED)\nz.writestr('d/ünï','x'*5000)\nz.mkdir('e') if hasattr(z,'mkdir') else None\nwith z.open('big','w',force_zip64=True) as f: f.write(b'y'*100)\nz.close()";
    let made = bench.at("made.zip");
    run(&bench.at("payload"), &["python3", "-c", script, made.to_str().unwrap()]);
    bench.accepted("a.zip", &fs::read(&made).unwrap());
    assert_eq!(bench.read("d/ünï").len(), 5000);
    assert_eq!(bench.read("big").len(), 100);
}

#[test]
fn names_and_links_keep_to_the_rules_of_tar() {
    for (name, why) in [
        ("../evil", "goes up"),
        ("/evil", "absolute"),
        ("a\nb", "control characters"),
        ("a\\b", "backslash"),
        ("", "no name"),
    ] {
        refused(&zip(&[Item::stored(name, b"x")]), why);
    }
    let latin = Item { name: b"a\xe9".to_vec(), ..good() };
    assert!(Bench::new().land("a.zip", &zip(&[latin])).is_err());
    let link = |name: &str, target: &str| Item {
        mode: 0o120_777,
        ..Item::stored(name, target.as_bytes())
    };
    refused(&zip(&[link("l", "/etc/passwd")]), "an absolute path");
    refused(&zip(&[link("a/l", "../../x")]), "leaves the release");
    refused(&zip(&[link("l", "."), Item::stored("l/x", b"")]), "stands in its place");
    refused(&zip(&[link("l", &"x".repeat(5000))]), "a link to 5000 bytes");
    refused(&zip(&[good(), Item::stored("A", b"x")]), "only in case");
    refused(&zip(&[good(), good()]), "twice");
    refused(&zip(&[good(), Item::stored("./a", b"")]), "twice");
    for path in ["a/../../evil", "..", "a/..", "./../evil", "../d/"] {
        let item = if path.ends_with('/') { dir(path) } else { Item::stored(path, b"") };
        refused(&zip(&[item]), "goes up");
    }
    refused(&zip(&[Item::stored("//evil", b"")]), "absolute");
    refused(&zip(&[dir("/d/")]), "absolute");
    for (target, why) in [
        ("../outside", "leaves the release"),
        ("b/../../../outside", "behind a name"),
        ("", "a link to nothing"),
        ("a\nb", "control characters"),
    ] {
        refused(&zip(&[link("l", target)]), why);
    }
    let chain = [link("a/b/c/x", "../../.."), link("y", "a/b/c/x/../..")];
    refused(&zip(&chain), "behind a name");
    let through = "stands in its place";
    refused(&zip(&[dir("d/"), link("l", "d"), Item::stored("l/x", b"")]), through);
    refused(&zip(&[dir("d/"), link("l", "d"), dir("l/e/")]), through);
    refused(&zip(&[dir("d/"), link("l", "d"), link("l/e", "x")]), through);
    refused(&zip(&[Item::stored("f", b""), Item::stored("f/x", b"")]), through);
    refused(&zip(&[link("a", "b"), Item::stored("./a", b"x")]), "twice");
    refused(&zip(&[Item::stored("a", b"x"), link("./a", "b")]), "twice");
    refused(&zip(&[Item::stored("a", b"x"), dir("a/")]), through);
    refused(&zip(&[Item::stored("d/x", b""), Item::stored("D/y", b"")]), "only in case");
    refused(&zip(&[dir("d/"), dir("D/")]), "only in case");
    for name in ["a\x1b[2J", "d\n/f", "a\u{9b}"] {
        let flagged = Item { flags: 1 << 11, ..Item::stored(name, b"") };
        refused(&zip(&[flagged]), "control characters");
    }
    let utf8 = |name: &str| Item { flags: 1 << 11, ..Item::stored(name, b"") };
    refused(&zip(&[utf8("a\u{e9}"), utf8("ae\u{301}")]), "only in case");
    refused(&zip(&[utf8("a\u{fffd}")]), "U+FFFD");
    let bench = Bench::new();
    bench.accepted("a.zip", &zip(&[Item::stored("d/f", b"x"), link("d/l", "f")]));
    assert_eq!(bench.read("d/l"), "x");
    // A directory behind its own entries is none twice.
    let behind = [Item::stored("d/f", b"x"), dir("d/"), dir("./d/")];
    bench.accepted("a.zip", &zip(&behind));
    let tried = "zip: paths, links, names and duplicates, as for tar";
    withstood!(CHAPTER, tried, refusals(), REFUSED, true);
}

#[test]
fn what_is_no_file_directory_or_link() {
    for kind in [0o010_000, 0o020_000, 0o060_000, 0o140_000, 0o040_000] {
        let item = Item { mode: kind | 0o644, ..Item::stored("a", b"") };
        refused(&zip(&[item]), "neither a file nor a directory nor a link");
    }
    refused(&zip(&[Item::stored("d/", b"x")]), "a directory's and it is none");
    refused(&zip(&[Item { mode: 0o120_777, ..Item::stored("d/", b"") }]), "directory's");
    let dos = Item { mode: 0o120_777, system: 0, ..Item::stored("a", b"x") };
    refused(&zip(&[dos]), "neither");
    let bench = Bench::new();
    let setuid = Item { mode: 0o104_755, ..good() };
    let release =
        bench.accepted("a.zip", &zip(&[setuid, Item { mode: 0, ..Item::stored("b", b"") }]));
    assert_eq!(fs::metadata(bench.stage().join("a")).unwrap().mode() & 0o7777, 0o755);
    assert_eq!(fs::metadata(bench.stage().join("b")).unwrap().mode() & 0o7777, 0o644);
    assert_eq!(release.contents.notes.len(), 1);
    let tried = "zip: a device, fifo or socket, a directory with data";
    withstood!(CHAPTER, tried, refusals(), REFUSED, true);
}

#[test]
fn methods_and_flags_that_are_not_read() {
    for method in [1, 6, 9, 12, 14, 93, 95, 99] {
        let told = Bench::new().refused("a.zip", &zip(&[Item { method, ..good() }]));
        assert!(!told.contains("checksum"), "{told}");
    }
    for flags in [1, 1 << 5, 1 << 6, 1 << 13, 1 | 1 << 6] {
        refused(&zip(&[Item { flags, ..good() }]), "");
    }
    let tried = "zip: encrypted, patched, or by another method than deflate";
    withstood!(CHAPTER, tried, refusals(), REFUSED, true);
}

#[test]
fn sizes_and_checksums_that_lie() {
    let item = good();
    refused(&zip(&[Item { size: item.size - 1, ..item.clone() }]), "longer than its header says");
    refused(&zip(&[Item { size: item.size + 1, ..item.clone() }]), "before the file does");
    refused(&zip(&[Item { crc: item.crc ^ 1, ..item.clone() }]), "checksum is wrong");
    refused(&zip(&[Item { size: 9, ..Item::stored("a", b"ten bytes.") }]), "another size");
    // Bytes inside of the packed data that no decoder looks at.
    let mut hidden = item.clone();
    hidden.data.extend(b"hidden");
    hidden.packed += 6;
    refused(&zip(&[hidden]), "bytes follow its deflated data");
    let mut broken = item;
    broken.data[0] = 0xff;
    refused(&zip(&[broken]), "damaged");
    let tried = "zip: sizes and checksums that lie, bytes behind the packed data";
    withstood!(CHAPTER, tried, refusals(), REFUSED, true);
}

#[test]
fn headers_that_disagree() {
    refused(&zip(&[Item { local: Some(b"b".to_vec()), ..good() }]), "");
    let archive = zip(&[good()]);
    // Each field of the local header by itself: flags, method, checksum, sizes.
    for at in [6, 8, 14, 18, 22] {
        let mut changed = archive.clone();
        changed[at] ^= 1;
        refused(&changed, "");
    }
    // A Unicode name beside the name, as harmless as it can be.
    let mut crc = flate2::Crc::new();
    crc.update(b"\x81");
    let extra = [&[0x75, 0x70, 7, 0, 1][..], &crc.sum().to_le_bytes(), "ü".as_bytes()].concat();
    refused(&zip(&[Item { extra, name: vec![0x81], ..good() }]), "second name");
    let tried = "zip: local and central header disagree, a second name";
    withstood!(CHAPTER, tried, refusals(), REFUSED, true);
}

#[test]
fn what_makes_some_programs_pass_over_an_entry() {
    let plain = zip(&[good()]);
    let central = plain.windows(4).position(|w| w == b"PK\x01\x02").unwrap();
    let mut later = plain;
    later[central + 6] = 46;
    refused(&later, "it needs version 46 of the format");
    for extra in [&[0xfe, 0xca, 1, 0][..], &[0xfe, 0xca, 0, 0, 0], &[0xfe]] {
        refused(&zip(&[Item { extra: extra.into(), ..good() }]), "");
    }
    let extra = [0xfe, 0xca, 1, 0, 7, 0xfe, 0xca, 0, 0].to_vec();
    Bench::new().accepted("a.zip", &zip(&[Item { extra, ..good() }]));
    let tried = "zip: what makes some programs pass over an entry";
    withstood!(CHAPTER, tried, refusals(), REFUSED, true);
}

#[test]
fn bytes_that_belong_to_no_entry() {
    let archive = zip(&[good()]);
    refused(&[b"PK\x03\x04 stub", &archive[..]].concat(), "");
    refused(&[&archive[..], b"x"].concat(), "not the end of a zip");
    refused(&[&archive[..], &archive].concat(), "");
    refused(&zip(&[Item { behind: b"gap".to_vec(), ..good() }, Item::stored("b", b"")]), "between");
    refused(&zip(&[Item { behind: b"gap".to_vec(), ..good() }]), "between");
    // An entry that only a reader from the front would see.
    let unlisted = zip(&[Item::stored("evil", b"x")]);
    let local = &unlisted[..unlisted.len() - 22 - 46 - 4];
    refused(&zip(&[Item { behind: local.to_vec(), ..good() }, Item::stored("b", b"")]), "");
    // A second end record inside of the comment.
    let end = &archive[archive.len() - 22..];
    refused(&write(&[good()], None, end), "ends in two ways");
    // Python's zipfile and unzip believe the last signature, whatever length stands behind it.
    let unlike = [end, b"more"].concat();
    refused(&write(&[good()], None, &unlike), "signature of another end record");
    refused(&write(&[good()], None, b"PK\x05\x06"), "signature of another end record");
    Bench::new().accepted("a.zip", &write(&[good()], None, b"a comment"));
    refused(&archive[..archive.len() - 1], "not the end of a zip");
    let tried = "zip: bytes before, between and behind, two archives in one";
    withstood!(CHAPTER, tried, refusals(), REFUSED, true);
}

#[test]
fn entries_that_overlap() {
    let kernel = Item::deflated("a", &vec![0; 1 << 20]);
    let again = |name: &str| Item {
        at: Some(0),
        local: Some(Vec::new()),
        data: Vec::new(),
        ..Item { name: name.into(), ..kernel.clone() }
    };
    refused(&zip(&[kernel.clone(), again("b"), again("c")]), "");
    // The same name, so that the local header agrees: the crate keeps one.
    refused(&zip(&[kernel.clone(), again("a")]), "twice");
    refused(&zip(&[Item { at: Some(1), ..good() }]), "");
    refused(&zip(&[Item { at: Some(u32::MAX - 1), ..good() }]), "");
    let tried = "zip: entries that overlap";
    withstood!(CHAPTER, tried, refusals(), REFUSED, true);
}

#[test]
fn descriptors_must_agree_with_the_directory() {
    let item = Item { flags: 8, ..good() };
    let sums = |signature: &[u8]| {
        let numbers = [item.crc, item.packed, item.size].map(u32::to_le_bytes).concat();
        [signature, &numbers].concat()
    };
    let with = |behind: Vec<u8>| zip(&[Item { behind, ..item.clone() }]);
    Bench::new().accepted("a.zip", &with(sums(b"PK\x07\x08")));
    Bench::new().accepted("a.zip", &with(sums(b"")));
    let mut wrong = sums(b"PK\x07\x08");
    wrong[9] ^= 1;
    refused(&with(wrong), "between its entries");
    refused(&with(vec![0; 16]), "between its entries");
    refused(&with(Vec::new()), "between its entries");
    let tried = "zip: a data descriptor that disagrees";
    withstood!(CHAPTER, tried, refusals(), REFUSED, true);
}

#[test]
fn counts_are_read_before_room_is_made() {
    let mut bench = Bench::new();
    bench.limits.zip_entries = 2;
    let items = ["a", "b", "c"].map(|name| Item::stored(name, b""));
    bench.accepted("a.zip", &zip(&items[..2]));
    let told = bench.refused("a.zip", &zip(&items));
    assert!(told.contains("it has 3 entries: limits.zip_entries = 2"), "{told}");
    refused(&write(&items, Some(2), b""), "");
    refused(&write(&items, Some(4), b""), "");
    refused(&write(&items, Some(60_000), b""), "not where its end record says");
    let told = bench.refused("a.zip", &zip(&[]));
    assert!(told.contains("it holds nothing"), "{told}");
    let tried = "zip: more entries than the limit, a wrong count, none";
    withstood!(CHAPTER, tried, refusals(), REFUSED, true);
}

#[test]
fn a_directory_that_would_not_fit_in_memory_is_not_read() {
    // An extra field of a kind that nobody knows.
    let extra = [&[0xfe, 0xca, 0xf0, 0xff][..], &[0; 0xfff0]].concat();
    let large = |n: usize| Item { extra: extra.clone(), ..Item::stored(&n.to_string(), b"") };
    let items: Vec<Item> = (0..20).map(large).collect();
    let mut bench = Bench::new();
    bench.accepted("a.zip", &zip(&items));
    bench.limits.memory = 41 << 20;
    let size = zip(&items).windows(4).position(|w| w == b"PK\x01\x02").unwrap();
    let size = (zip(&items).len() - 22 - size) as u64;
    bench.limits.memory = (40 << 20) + size;
    bench.accepted("a.zip", &zip(&items));
    bench.limits.memory -= 1;
    bench.refused("a.zip", &zip(&items));
    bench.limits.memory = 41 << 20;
    let told = bench.refused("a.zip", &zip(&items));
    assert!(told.contains("a 2 MiB directory, and limits.memory = 41 MiB leaves 1 MiB"), "{told}");
    let tried = "zip: a directory larger than memory allows";
    withstood!(CHAPTER, tried, refusals(), REFUSED, true);
}

#[test]
fn bombs_are_stopped_by_what_they_say() {
    let mut bench = Bench::new();
    let big = Item::deflated("a", &vec![0; 100 << 20]);
    let told = bench.refused("a.zip", &zip(std::slice::from_ref(&big)));
    assert!(told.contains("limits.ratio = 200"), "{told}");
    // 64 MiB are free, and one byte more is not.
    bench.limits.ratio = 0;
    bench.accepted("a.zip", &zip(&[Item::deflated("a", &vec![0; 64 << 20])]));
    bench.refused("a.zip", &zip(&[Item::deflated("a", &vec![0; (64 << 20) + 1])]));
    bench.limits.ratio = 2000;
    bench.limits.bytes = 99 << 20;
    let told = bench.refused("a.zip", &zip(&[big]));
    assert!(told.contains("limits.bytes"), "{told}");
    let tried = "zip: a bomb of zeros";
    withstood!(CHAPTER, tried, refusals(), REFUSED, true);
}

#[test]
fn times_are_utc_and_zero_is_none() {
    let bench = Bench::new();
    // 2024-02-29 13:14:16
    let leap = ((2024 - 1980) << 25) | (2 << 21) | (29 << 16) | (13 << 11) | (14 << 5) | 8;
    let item = |name: &str, time| Item { time, ..Item::stored(name, b"") };
    let extended = |name: &str, seconds: i32| {
        let extra = [&[0x55, 0x54, 5, 0, 1][..], &seconds.to_le_bytes()].concat();
        Item { extra, ..item(name, leap) }
    };
    let zero = (1 << 21) | (1 << 16);
    bench.accepted(
        "a.zip",
        &zip(&[
            item("dos", leap),
            item("zero", zero),
            item("none", 0),
            extended("ut", 12345),
            extended("ut0", 0),
            extended("old", -5),
        ]),
    );
    let time = |name: &str| fs::metadata(bench.stage().join(name)).unwrap().mtime();
    assert_eq!(time("dos"), 1_709_212_456);
    assert_eq!([time("zero"), time("none"), time("ut0")], [TIME; 3]);
    assert_eq!((time("ut"), time("old")), (12345, -5));
}

#[test]
fn strip_shared_and_damage_hold_for_zips() {
    let mut bench = Bench { strip: 1, ..Bench::new() };
    bench.shared = vec![Shared { path: "s".into(), target: None }];
    let items = [Item::stored("top/a", b"x"), Item::deflated("top/s/b", b"not unpacked")];
    let release = bench.accepted("a.zip", &zip(&items));
    assert_eq!(bench.read("a"), "x");
    assert_eq!(release.contents.notes, ["1 entries at or below shared paths are not unpacked"]);
    let torrent = torrent_of("a.zip", &zip(&items), 16 << 10);
    fs::write(bench.at("payload/a.zip"), zip(&[good()])).unwrap();
    let e = bench.unpack(&torrent, &bench.at("payload")).err().unwrap();
    assert_eq!(e.exit, Exit::Again);
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(150))]

    #[test]
    fn changed_zips(changes in proptest::collection::vec((0..1000_usize, proptest::prelude::any::<u8>()), 1..4)) {
        let mut bytes = zip(&[Item::stored("d/", b""), good(), Item::deflated("d/b", &[7; 300])]);
        let length = bytes.len();
        for (at, value) in changes {
            bytes[at % length] = value;
        }
        if let Err(e) = Bench::new().land("a.zip", &bytes) {
            proptest::prop_assert_eq!(e.exit, Exit::Payload);
        }
    }
}

#[test]
fn both_end_records_say_the_same_and_stand_where_they_should() {
    let archive = zip(&[good()]);
    let bench = Bench::new();
    bench.accepted("a.zip", &zip64(&archive, |_| ()));
    // All ones in the short record leave it to the long one.
    let mut long = zip64(&archive, |_| ());
    let end = long.len() - 22;
    long[end + 8..end + 20].fill(0xff);
    bench.accepted("a.zip", &long);
    refused(&zip64(&archive, |n| n[0] += 1), "its two end records disagree");
    refused(&zip64(&archive, |n| n[1] -= 1), "its two end records disagree");
    refused(&zip64(&archive, |n| n[2] += 1), "its two end records disagree");
    let mut elsewhere = zip64(&archive, |_| ());
    elsewhere[end - 12] ^= 1;
    refused(&elsewhere, "not where it should be");

    // Bytes between the directory and the end record.
    let (front, end) = archive.split_at(archive.len() - 22);
    refused(&[front, b"hidden", end].concat(), "not where its end record says");
    let bytes = zip64(&archive, |_| ());
    let (front, end) = bytes.split_at(bytes.len() - 22);
    refused(&[front, b"hidden", end].concat(), "not where its end record says");
    let tried = "zip: two end records that disagree or stand elsewhere";
    withstood!(CHAPTER, tried, refusals(), REFUSED, true);
}

#[test]
fn limits_hold_for_zips() {
    let with = |change: fn(&mut Limits)| {
        let mut bench = Bench::new();
        change(&mut bench.limits);
        bench
    };
    let items = ["d/a", "d/b", "c"].map(|name| Item::stored(name, b"x"));
    let zipped = zip(&items);
    for (at, over, why) in [
        ((|l| l.bytes = 3) as fn(&mut Limits), (|l| l.bytes = 2) as fn(&mut Limits), "bytes = 2"),
        (|l| l.files = 4, |l| l.files = 3, "files = 3"),
        (|l| l.depth = 2, |l| l.depth = 1, "depth = 1"),
        (|l| l.path = 3, |l| l.path = 2, "path = 2"),
    ] {
        with(at).accepted("a.zip", &zipped);
        let told = with(over).refused("a.zip", &zipped);
        assert!(told.contains(&format!("limits.{why}")), "{told}");
    }
    let deep = |n: usize| zip(&[Item::stored(&vec!["d"; n].join("/"), b"")]);
    Bench::new().accepted("a.zip", &deep(64));
    assert!(Bench::new().refused("a.zip", &deep(65)).contains("limits.depth = 64"));
    refused(&deep(30_000), "limits.depth = 64");
    refused(&zip(&[Item::stored(&"a".repeat(65_535), b"")]), "longer than 255");
    let tried = "zip: more bytes, entries, depth or length of path than the limits";
    withstood!(CHAPTER, tried, refusals(), REFUSED, true);
}
