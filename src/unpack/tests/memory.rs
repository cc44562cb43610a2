//! Peak memory. Each test needs a process of its own, as nextest gives it, and looks at the whole
//! process: run by `cargo nextest run --run-ignored all memory`.

use super::{honest::run, *};
use metainfo::create::Draft;

/// The process's peak of resident memory in KiB.
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|l| l.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Unpacks what `make` writes to `$0`, with manifests on disk, and tells the peak.
fn land(name: &str, make: &str) {
    let bench = Bench::new();
    let at = bench.at("payload").join(name);
    run(bench.dir.path(), &["sh", "-ec", make, at.to_str().unwrap()]);
    let length = fs::metadata(&at).unwrap().len();
    let draft = Draft::single(name, length).piece_length(1 << 20);
    let pieces = draft.hash(|_| fs::File::open(&at)).unwrap();
    let bytes = draft.torrent(&pieces).unwrap();
    let hash = Metainfo::parse(&bytes).unwrap().info_hash();
    let torrent = Authentic::check(&bytes, hash).unwrap();
    let payload = Payload::open(&torrent, &bench.at("payload")).unwrap();
    let stage = fs::File::open(bench.stage()).unwrap();
    let limits = Limits { files: 2_000_000, zip_entries: 200_000, ..Limits::default() };
    let plan = Plan {
        limits: &limits,
        strip: 0,
        must_exist: &[],
        shared: &[],
        mode: Mode::Public,
        group: 0,
        case: Case::Refuse,
        time: Unix(TIME),
    };
    let out = |n| io::BufWriter::new(fs::File::create(bench.at(n)).unwrap());
    let mut manifest = manifest::Writer::new(out("b3"), out("tree")).unwrap();
    let before = peak();
    let begun = std::time::Instant::now();
    let contents = unpack(payload, stage.as_fd(), stage.as_fd(), &plan, &mut manifest).unwrap();
    let peak = peak();
    println!(
        "{name}: {} files, {} MiB from {} MiB, {:.1} s, peak {} MiB (before {} MiB)",
        contents.files,
        contents.bytes >> 20,
        length >> 20,
        begun.elapsed().as_secs_f64(),
        peak >> 10,
        before >> 10
    );
    assert!(peak <= 64 << 10, "{name}: VmHWM {peak} KiB");
}

/// 1 GiB in 16 files of which about half compresses.
const GIB: &str = "mkdir g; for i in 1 2 3 4 5 6 7 8; do head -c 64M /dev/urandom > g/r$i; \
    yes $i some text that compresses | head -c 64M > g/t$i; done; ";

macro_rules! kinds {
    ($($test:ident, $name:literal, $make:expr;)*) => {$(
        #[test]
        #[ignore = "writes gigabytes and needs a process of its own"]
        fn $test() {
            land($name, &format!("{GIB}{}; rm -r g", $make));
        }
    )*};
}

kinds! {
    a_gib_of_tar, "a.tar", "tar -cf $0 g";
    a_gib_of_gzip, "a.tar.gz", "tar -c g | gzip -1 > $0";
    a_gib_of_zstd, "a.tar.zst", "tar -c g | zstd -q -3 > $0";
    a_gib_of_zstd_19, "a.tar.zst", "tar -c g | zstd -q -1 --zstd=wlog=23 > $0";
    a_gib_of_xz, "a.tar.xz", "tar -c g | xz --lzma2=preset=0,dict=16MiB -T1 > $0";
    a_gib_of_bzip2, "a.tar.bz2", "tar -c g | bzip2 -9 > $0";
    a_gib_of_zip, "a.zip", "zip -qr -1 $0 g";
    a_gib_in_one_file, "plain", "cat g/* > $0";
}

#[test]
#[ignore = "writes a million files and needs a process of its own"]
fn a_million_files() {
    let script = "python3 - $0 <<'P'\nimport tarfile,io,sys\n\
        t=tarfile.open(sys.argv[1],'w:gz',compresslevel=1,format=tarfile.GNU_FORMAT)\n\
        for i in range(1000000):\n \
        e=tarfile.TarInfo('Modules/Package%d/Some%d/File%d.php'%(i%100,i//100%100,i)); e.size=7; e.mtime=i+1\n \
        t.addfile(e,io.BytesIO(b'content'))\nt.close()\nP\n";
    land("million.tar.gz", script);
}
