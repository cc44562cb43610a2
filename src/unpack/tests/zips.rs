//! Zips: honest ones from real programs against `unzip`, dishonest ones byte by byte.

use super::{
    honest::{run, site},
    *,
};
use std::io::Write;

/// One entry, every field as wrong as a test needs it.
#[derive(Clone)]
struct Item {
    name: Vec<u8>,
    /// The name in the local header, if it is another.
    local: Option<Vec<u8>>,
    data: Vec<u8>,
    method: u16,
    flags: u16,
    crc: u32,
    size: u32,
    packed: u32,
    /// Unix mode with its type.
    mode: u32,
    system: u8,
    time: u32,
    extra: Vec<u8>,
    /// What stands behind the data.
    behind: Vec<u8>,
    /// Where the directory says that it is, if not where it is.
    at: Option<u32>,
}

impl Item {
    fn stored(name: &str, data: &[u8]) -> Self {
        let size = data.len() as u32;
        let mut crc = flate2::Crc::new();
        crc.update(data);
        Self {
            name: name.into(),
            local: None,
            data: data.into(),
            method: 0,
            flags: 0,
            crc: crc.sum(),
            size,
            packed: size,
            mode: 0o100_644,
            system: 3,
            time: 0x5821_0000,
            extra: Vec::new(),
            behind: Vec::new(),
            at: None,
        }
    }

    fn deflated(name: &str, data: &[u8]) -> Self {
        let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), Default::default());
        encoder.write_all(data).unwrap();
        let packed = encoder.finish().unwrap();
        Self { method: 8, packed: packed.len() as u32, data: packed, ..Self::stored(name, data) }
    }

    fn fields(&self, sizes: bool, name: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        out.extend(20_u16.to_le_bytes());
        out.extend(self.flags.to_le_bytes());
        out.extend(self.method.to_le_bytes());
        out.extend(self.time.to_le_bytes());
        for value in [self.crc, self.packed, self.size] {
            out.extend(if sizes { value } else { 0 }.to_le_bytes());
        }
        out.extend((name.len() as u16).to_le_bytes());
        out.extend((self.extra.len() as u16).to_le_bytes());
        out
    }
}

/// Writes an archive with `count` instead of the number of entries.
fn write(items: &[Item], count: Option<u16>, comment: &[u8]) -> Vec<u8> {
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    for item in items {
        let at = item.at.unwrap_or(out.len() as u32);
        let local = item.local.as_ref().unwrap_or(&item.name);
        out.extend(b"PK\x03\x04");
        out.extend(item.fields(item.flags & 8 == 0, local));
        out.extend(local);
        out.extend(&item.extra);
        out.extend(&item.data);
        out.extend(&item.behind);
        directory.extend(b"PK\x01\x02");
        directory.extend([20, item.system]);
        directory.extend(item.fields(true, &item.name));
        directory.extend([0; 6]);
        directory.extend((item.mode << 16).to_le_bytes());
        directory.extend(at.to_le_bytes());
        directory.extend(&item.name);
        directory.extend(&item.extra);
    }
    let at = out.len() as u32;
    out.extend(&directory);
    let count = count.unwrap_or(items.len() as u16);
    out.extend(b"PK\x05\x06\0\0\0\0");
    out.extend(count.to_le_bytes());
    out.extend(count.to_le_bytes());
    out.extend((directory.len() as u32).to_le_bytes());
    out.extend(at.to_le_bytes());
    out.extend((comment.len() as u16).to_le_bytes());
    out.extend(comment);
    out
}

fn zip(items: &[Item]) -> Vec<u8> {
    write(items, None, b"")
}

#[track_caller]
fn refused(zip: &[u8], why: &str) {
    let told = Bench::new().refused("a.zip", zip);
    assert!(told.contains(why), "{told}");
}

fn good() -> Item {
    Item::deflated("a", b"some text some text")
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
    let bench = Bench::new();
    bench.accepted("a.zip", &zip(&[Item::stored("d/f", b"x"), link("d/l", "f")]));
    assert_eq!(bench.read("d/l"), "x");
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
    let told = bench.refused("a.zip", &zip(&items));
    assert!(told.contains("a 2 MiB directory, and limits.memory = 41 MiB leaves 1 MiB"), "{told}");
}

#[test]
fn bombs_are_stopped_by_what_they_say() {
    let mut bench = Bench::new();
    let big = Item::deflated("a", &vec![0; 100 << 20]);
    let told = bench.refused("a.zip", &zip(std::slice::from_ref(&big)));
    assert!(told.contains("limits.ratio = 200"), "{told}");
    bench.limits.ratio = 2000;
    bench.limits.bytes = 99 << 20;
    let told = bench.refused("a.zip", &zip(&[big]));
    assert!(told.contains("limits.bytes"), "{told}");
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

/// The same archive with a zip64 end record of these numbers before its end record.
fn zip64(archive: &[u8], change: impl Fn(&mut [u64; 3])) -> Vec<u8> {
    let (front, end) = archive.split_at(archive.len() - 22);
    let number =
        |at: usize, n: usize| end[at..at + n].iter().rev().fold(0, |v, b| v << 8 | u64::from(*b));
    let mut numbers = [number(10, 2), number(12, 4), number(16, 4)];
    change(&mut numbers);
    let [count, size, directory] = numbers;
    let mut out = front.to_vec();
    out.extend(b"PK\x06\x06");
    out.extend(44_u64.to_le_bytes());
    out.extend([45, 3, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    for value in [count, count, size, directory] {
        out.extend(value.to_le_bytes());
    }
    out.extend(b"PK\x06\x07\0\0\0\0");
    out.extend((front.len() as u64).to_le_bytes());
    out.extend(1_u32.to_le_bytes());
    out.extend(end);
    out
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
}
