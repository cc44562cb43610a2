//! A wrong value is refused, and nothing of it reaches the server: by its type when the catalogue is
//! compiled, else by Seedship before the file is replaced.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::process::Command;

use lab::Lab;

use super::{APP, SEEDSHIP, Site};

/// A type, where its values stand in Seedship's configuration, and some that are right and wrong.
struct Kind {
    name: &'static str,
    /// TOML, in which `VALUE` stands for one.
    stands: &'static str,
    right: &'static [&'static str],
    wrong: &'static [&'static str],
}

/// An app to which a key may be added.
const TOML_APP: &str =
    "[apps.shop]\nmatch = \"shop-{version}.tar\"\nroot = \"/srv/shop\"\nunsigned = \"accept\"\n";

const KINDS: &[Kind] = &[
    Kind {
        name: "Period",
        stands: "APP\nlinger = \"VALUE\"",
        right: &["0s", "60s", "007m", "1h", "7d"],
        wrong: &["60", "", "1 h", "1H", "-1s", "1.5h", "1w", "1h30m", "s"],
    },
    Kind {
        name: "Timeout",
        stands: "APP\n[apps.shop.run]\ntimeout = \"VALUE\"",
        right: &["1s", "060s", "2m"],
        wrong: &["0s", "00m", "60"],
    },
    Kind {
        name: "Size",
        stands: "APP\nmin_free = \"VALUE\"",
        right: &["0B", "123B", "512KiB", "64MiB", "16GiB", "10GB", "1TB", "1TiB"],
        wrong: &["1", "1 GiB", "1G", "1gib", "GiB", "-1B", "1.5GiB", "1iB"],
    },
    Kind {
        name: "Path",
        stands: "[apps.shop]\nmatch = \"shop-{version}.tar\"\nunsigned = \"accept\"\nroot = \"VALUE\"",
        right: &["/srv/www/shop", "/srv/my shop", "/srv/...", "/srv/.a", "/a"],
        wrong: &["srv/www", "", "/", "/srv/../www", "/srv/.."],
    },
    Kind {
        name: "InnerPath",
        stands: "APP\nmust_exist = [\"VALUE\"]",
        right: &["index.php", "web/index.php", ".htaccess", "a b/...", "..a"],
        wrong: &["", "/index.php", "../x", "a/../b", "a/./b", "a//b", "a/", "."],
    },
    Kind {
        name: "Match",
        stands: "[apps.shop]\nroot = \"/srv/shop\"\nunsigned = \"accept\"\nmatch = \"VALUE\"",
        right: &["shop-{version}.tar.zst", "{tag}", "a b-{tag}"],
        wrong: &[
            "",
            "shop.tar",
            "{version}-{version}",
            "{version}{tag}",
            "{name}",
            "a/{version}",
            "{version",
        ],
    },
    Kind {
        name: "PublicKey",
        stands: "[apps.shop]\nmatch = \"shop-{version}.tar\"\nroot = \"/srv/shop\"\npublic_keys = [\"VALUE\"]",
        right: &["RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3"],
        wrong: &[
            "",
            "RWQx",
            "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO",
            "XWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3",
        ],
    },
    Kind {
        name: "AppName",
        stands: "[apps.\"VALUE\"]\nmatch = \"shop-{version}.tar\"\nroot = \"/srv/shop\"\nunsigned = \"accept\"",
        right: &["shop", "a.b", "9", "a_b-c"],
        wrong: &["", ".a", "a b", "a/b", "-a", "_a"],
    },
    Kind {
        name: "Env",
        stands: "APP\n[apps.shop.env]\nVALUE = \"1\"",
        right: &["A", "_a", "PATH", "A1"],
        wrong: &["SEEDSHIP_X", "SEEDSHIP_"],
    },
    Kind {
        name: "Endpoint",
        stands: "[rtorrent]\nallow_tcp = true\nscgi = \"VALUE\"",
        right: &["127.0.0.1:5000", "[::1]:5000", "localhost:5000"],
        wrong: &["localhost", "localhost:", ":5000", "local host:5000"],
    },
    Kind {
        name: "Facility",
        stands: "[log]\nfacility = \"VALUE\"",
        right: &["daemon", "user", "local0", "local7", "authpriv"],
        wrong: &["local8", "DAEMON", "", "kern8"],
    },
    Kind {
        name: "Level",
        stands: "[log]\nlevel = \"VALUE\"",
        right: &["off", "error", "warn", "info", "debug", "trace"],
        wrong: &["warning", "INFO", ""],
    },
    Kind {
        name: "Activate",
        stands: "APP\nactivate = \"VALUE\"",
        right: &["auto", "manual"],
        wrong: &["no", ""],
    },
    Kind {
        name: "Downloads",
        stands: "APP\ndownloads = \"VALUE\"",
        right: &["with-release", "keep"],
        wrong: &["delete"],
    },
    Kind {
        name: "Case",
        stands: "APP\ncase = \"VALUE\"",
        right: &["refuse", "accept"],
        wrong: &["ignore"],
    },
    Kind {
        name: "Mode",
        stands: "APP\nmode = \"VALUE\"",
        right: &["public", "private"],
        wrong: &["0755"],
    },
];

/// A type that admitted more would leave it to Seedship, in the middle of a run; one that admitted less
/// would forbid what Seedship can do.
#[test]
fn a_type_admits_what_seedship_admits() {
    let lab = Lab::new().unwrap();
    let Some(site) = Site::new(&lab) else { return };
    let mut manifest = String::new();
    for kind in KINDS {
        for (values, right) in [(kind.right, true), (kind.wrong, false)] {
            for value in values {
                let toml = kind.stands.replace("APP\n", TOML_APP).replace("VALUE", value);
                let file = lab.write("one.toml", &toml).unwrap();
                let mut check = Command::new(SEEDSHIP);
                let out = check.args(["config", "check", "--file"]).arg(file).output().unwrap();
                let said = String::from_utf8_lossy(&out.stderr);
                assert_eq!(out.status.success(), right, "{}: {toml}{said}", kind.name);
                let value = match kind.name {
                    "Env" => format!("{{ '{value}' => '1' }}"),
                    _ => format!("'{value}'"),
                };
                let is = if right { "unless" } else { "if" };
                let name = kind.name;
                writeln!(
                    manifest,
                    "{is} {value} =~ Seedship::{name} {{ notice('WRONG {name}', {value}) }}"
                )
                .unwrap();
            }
        }
    }
    let run = site.apply_manifest(&manifest, &[]).is(0);
    let wrong: Vec<&str> = run.stdout.lines().filter(|line| line.contains("WRONG")).collect();
    assert_eq!(wrong, [""; 0]);
}

#[test]
fn a_wrong_type_ends_the_run_before_anything_is_made() {
    let lab = Lab::new().unwrap();
    let Some(site) = Site::new(&lab) else { return };
    for (wrong, said) in [
        (format!("{APP}, 'linger' => '60'"), "'linger'"),
        (format!("{APP}, 'keeep' => 2"), "'keeep'"),
        (APP.replace(", 'unsigned' => 'accept'", ""), "nothing says whose releases"),
    ] {
        let run = site.apply_app(&wrong).is(1);
        assert!(run.stderr.contains(said), "{wrong}: {}", run.stderr);
        assert!(!site.at("etc/seedship").exists(), "{wrong}: nothing is made");
    }
}

/// Three apps of four become wrong in ways that no type can see: their files stay, to the inode; the
/// fourth changes, for a wrong app stops no other.
#[test]
fn what_types_cannot_see_seedship_refuses_and_the_file_stays() {
    let lab = Lab::new().unwrap();
    let Some(site) = Site::new(&lab) else { return };
    let wrong = [
        ("long", "'linger' => '9999d'", "longer than ten years"),
        ("twice", "'shared' => ['a', 'a/b']", "overlap"),
        ("vast", "'min_free' => '99999999999999999999GiB'", "is no size"),
    ];
    let app = |name: &str, more: &str| {
        format!("'{name}' => {{ {}, {more} }},\n", APP.replace("shop", name))
    };
    let right: String = wrong.iter().map(|(name, ..)| app(name, "")).collect();
    site.apply(&format!("apps => {{ {right} {} }}", app("well", "'keep' => 3"))).is(2);

    let file = |name: &str| format!("etc/seedship/config.d/{name}.toml");
    let state =
        |name: &str| (site.text(&file(name)), fs::metadata(site.at(&file(name))).unwrap().ino());
    let before = wrong.map(|(name, ..)| state(name));
    let all: String = wrong.iter().map(|(name, key, _)| app(name, key)).collect();
    let run = site.apply(&format!("apps => {{ {all} {} }}", app("well", "'keep' => 4"))).is(6);
    for (_, key, said) in wrong {
        assert!(run.stderr.contains(said), "{key}: {}", run.stderr);
    }
    assert_eq!(wrong.map(|(name, ..)| state(name)), before);
    assert!(site.text(&file("well")).contains("\nkeep = 4\n"));
    let left: Vec<_> = fs::read_dir(site.at("etc/seedship/config.d"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".toml"))
        .collect();
    assert_eq!(left.len(), 4, "{left:?}");
}

/// The run fails, and says why; no drop-in opens what is wrong.
#[test]
fn what_is_wrong_in_company_alone_fails_the_run() {
    let lab = Lab::new().unwrap();
    let Some(site) = Site::new(&lab) else { return };
    let nested = APP.replace("www/shop", "www/shop/nested").replace("shop-", "two-");
    let run = site.apply(&format!("apps => {{ 'shop' => {{ {APP} }}, 'two' => {{ {nested} }} }}"));
    let run = run.is(6);
    assert!(run.stdout.contains("seedship: could not"), "{}", run.stdout);
    let units = fs::read_dir(site.at("etc/units")).unwrap();
    let inside = units.map(|folder| fs::read_dir(folder.unwrap().path()).unwrap().count());
    assert_eq!(inside.sum::<usize>(), 0);
}

/// What rtorrent alone would see: it does not start with such a port, and caps nothing by such a network
/// without a word.
#[test]
fn no_port_and_no_network_is_taken_that_there_is_not() {
    let lab = Lab::new().unwrap();
    let Some(site) = Site::new(&lab) else { return };
    let mut manifest = String::new();
    for (kind, right, wrong) in [
        (
            "Ports",
            &["1-65535", "6881-6999"][..],
            &["0-1", "65536-65536", "99999-99999", "6881"][..],
        ),
        (
            "Network",
            &["0.0.0.0/0", "10.1.0.0/16", "255.255.255.255/32"],
            &[
                "300.0.0.0/8",
                "10.0.0.256/24",
                "10.0.0/8",
                "10.0.0.0.0/8",
                "10.0.0.0/33",
                "10.0.0.0",
            ],
        ),
    ] {
        for (values, is) in [(right, ""), (wrong, "!")] {
            for value in values {
                let test = format!("{is}('{value}' =~ Seedship::{kind})");
                writeln!(manifest, "unless {test} {{ fail(\"{kind}: {value}\") }}").unwrap();
            }
        }
    }
    site.apply_manifest(&manifest, &[]).is(0);
}
