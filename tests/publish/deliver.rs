//! Deliveries: a fleet of directories behind something that is called as ssh is, and the real ssh
//! where nothing answers.

use super::{Desk, names};
use crate::screens::{masked, reviewed, stable};
use lab::{Lab, free_port, site};
use std::{
    fs,
    net::{Ipv4Addr, TcpListener},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

/// Called as ssh is; a host is a directory in `fleet`, its user's home.
const SSH: &str = "#!/bin/sh
while [ \"$1\" != -- ]; do shift; done
home=fleet/${2#*@}
if ! cd \"$home\" 2> /dev/null; then
    echo \"ssh: connect to host ${2#*@} port 22: Connection refused\" >&2
    exit 255
fi
shift 2
echo 'a login shell may say hello'
export HOME=$PWD
exec ${LOGIN_SHELL:-sh} -c \"$*\"
";

struct Fleet<'l> {
    desk: Desk<'l>,
    build: PathBuf,
}

impl<'l> Fleet<'l> {
    fn new(lab: &'l Lab, hosts: &[&str]) -> Self {
        let desk = Desk::new(lab);
        program(&lab.write("ssh", SSH).unwrap());
        let fleet = Self { build: desk.built(&site::small("1.0")), desk };
        hosts.iter().for_each(|host| drop(fleet.watch(host)));
        fleet
    }

    /// A host's watch directory, made.
    fn watch(&self, host: &str) -> PathBuf {
        self.desk.lab.folder(&format!("fleet/{host}/watch")).unwrap()
    }

    fn publish(&self, more: &[&str]) -> crate::host::Run {
        self.publish_by("./ssh -p 2222", more)
    }

    fn publish_by(&self, ssh: &str, more: &[&str]) -> crate::host::Run {
        let build = self.build.to_str().unwrap();
        let args = ["publish", build, "--app", "shop", "--version", "1.0", "--directory"];
        let out = self.desk.lab.folder("out").unwrap();
        let ssh = [out.to_str().unwrap(), "--ssh", ssh];
        self.desk.run(&[&args[..], &ssh, more].concat())
    }
}

fn program(path: &Path) {
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// Text with one number of seconds, and keys that differ from run to run.
pub(super) fn steady(text: &str, lab: &Lab, desk: &Desk<'_>) -> String {
    let public = fs::read_to_string(lab.path().join("minisign.pub")).unwrap();
    let id = public.lines().next().unwrap().rsplit(' ').next().unwrap();
    let text = masked(text, &format!("1220{}", "x".repeat(64)), "1220HASH-V2");
    let text = masked(&text, &"x".repeat(64), "HASH-V2");
    let lines = stable(&text, lab).replace(id, "KEY").replace(&desk.key, "RWQ…");
    let lines = lines.lines().map(|line| match line.rsplit_once("  ") {
        Some((before, time)) if time.ends_with(" s") && time.len() <= 6 => {
            format!("{before}  0.0 s")
        }
        _ if line.trim_start().starts_with("\"milliseconds\"") => {
            format!("{}N,", line.split_once(": ").map(|(key, _)| format!("{key}: ")).unwrap())
        }
        _ => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\n")
}

const FILE: &str = "shop-1.0.tar.zst.torrent";

#[test]
fn each_destination_stands_for_itself() {
    let lab = Lab::new().unwrap();
    let fleet = Fleet::new(&lab, &["web1", "web2", "web4"]);
    let here = fleet.desk.folder();
    let to = ["--to", "deploy@web1:watch", "--to", here.to_str().unwrap()];
    let more = ["--to", "web3:watch", "--to", "web2:watch", "--to", "web4:no"];
    let all = [&to[..], &more].concat();
    let first = fleet.publish(&all);
    assert_eq!(first.code, 69, "{first:?}");
    let published = fs::read(lab.path().join("out").join(FILE)).unwrap();
    let watches = ["web1", "web2"].map(|host| fleet.watch(host));
    for watch in watches.iter().chain([&here]) {
        assert_eq!(names(watch), [FILE]);
        assert_eq!(fs::read(watch.join(FILE)).unwrap(), published);
        let mode = fs::metadata(watch.join(FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o644);
    }
    // Where it was cured, and everywhere else, the next one completes it.
    lab.folder("fleet/web3/watch").unwrap();
    lab.folder("fleet/web4/no").unwrap();
    let second = fleet.publish(&all);
    assert_eq!(second.code, 0, "{second:?}");
    let sorted = |text: &str| {
        // They come as they are done.
        let text = steady(text, &lab, &fleet.desk);
        let begins = ["\ndelivered", "\nhas it", "\nFAILED"].map(|word| text.find(word));
        let (head, lines) = text.split_at(begins.into_iter().flatten().min().unwrap());
        let mut lines: Vec<String> =
            lines.replace("\n  ", "\r  ").lines().map(str::to_owned).collect();
        lines.sort();
        format!("{head}{}", lines.join("\n").replace('\r', "\n"))
    };
    let text = format!("{}\n{}\n\n{}", sorted(&first.stdout), first.stderr, sorted(&second.stdout));
    reviewed("publish_deliveries", &text);
    assert_eq!(fs::read(lab.path().join("fleet/web4/no").join(FILE)).unwrap(), published);
}

/// Whatever a directory is called, and whatever shell its user has, no word of it is obeyed.
#[test]
fn no_directory_is_a_command() {
    let lab = Lab::new().unwrap();
    let fleet = Fleet::new(&lab, &["web1"]);
    let hard = [
        "a b",
        "-n",
        "$(touch obeyed)",
        "`touch obeyed`",
        "x; touch obeyed",
        "it's",
        "\"q\"",
        "é\\n",
        "*",
        "~",
        "a&b",
        "#c",
        "new\nline",
    ];
    let mut to = Vec::new();
    for name in hard {
        fs::create_dir(lab.path().join("fleet/web1").join(name)).unwrap();
        to.extend(["--to".to_owned(), format!("web1:{name}")]);
    }
    let to: Vec<&str> = to.iter().map(String::as_str).collect();
    let run = fleet.publish(&to);
    assert_eq!(run.code, 0, "{run:?}");
    for name in hard {
        assert_eq!(names(&lab.path().join("fleet/web1").join(name)), [FILE], "{name}");
    }
    assert!(!lab.path().join("fleet/web1/obeyed").exists());
    assert!(!run.stdout.contains("new\nline"), "{}", run.stdout);
}

#[test]
fn what_has_the_name_already_is_compared() {
    let lab = Lab::new().unwrap();
    let fleet = Fleet::new(&lab, &["same", "other", "junk", "unsigned"]);
    let desk = &fleet.desk;
    // The same release from a workspace that knows nothing of this one, at another time.
    let elsewhere = desk.folder();
    let at = ["--directory", elsewhere.to_str().unwrap(), "--published", "2024-05-01T12:00:00Z"];
    desk.publish(&fleet.build, "1.0", &at);
    fs::copy(elsewhere.join(FILE), fleet.watch("same").join(FILE)).unwrap();
    // Another one under that name; a file that is none; one that nobody signed.
    let other = desk.folder();
    let built = desk.built(&site::small("1.0").file("x", "y"));
    desk.publish(&built, "1.0", &["--directory", other.to_str().unwrap()]);
    fs::copy(other.join(FILE), fleet.watch("other").join(FILE)).unwrap();
    fs::write(fleet.watch("junk").join(FILE), "junk").unwrap();
    let unsigned = desk.folder();
    desk.publish(&fleet.build, "1.0", &["--directory", unsigned.to_str().unwrap(), "--unsigned"]);
    fs::copy(unsigned.join(FILE), fleet.watch("unsigned").join(FILE)).unwrap();
    let hosts = ["same", "other", "junk", "unsigned"];
    let picture = || hosts.map(|host| fs::read(fleet.watch(host).join(FILE)).unwrap());
    let before = picture();
    let directories = hosts.map(|host| fleet.watch(host).to_str().unwrap().to_owned());
    for far in [true, false] {
        let to =
            |n: usize| if far { format!("{}:watch", hosts[n]) } else { directories[n].clone() };
        let to = [0, 1, 2, 3].map(to);
        let args: Vec<&str> = to.iter().flat_map(|to| ["--to", to]).chain(["--json"]).collect();
        let run = fleet.publish(&args);
        assert_eq!(run.code, 73, "{run:?}");
        let told: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
        let outcomes: Vec<_> = told["results"]
            .as_array()
            .unwrap()
            .iter()
            .map(|r| r["outcome"].as_str().unwrap())
            .collect();
        assert_eq!(outcomes, ["already", "failed", "failed", "failed"]);
        let cause = |n: usize| told["results"][n]["error"]["cause"].as_str().unwrap();
        let hash = told["info_hash"].as_str().unwrap();
        assert!(cause(1).contains(hash) && cause(1).contains("and not"), "{}", cause(1));
        assert!(cause(2).contains("no torrent") && cause(3).contains("not signed by this key"));
        assert_eq!(told["error"]["exit"], 73);
        assert_eq!(picture(), before, "none is touched");
    }
}

/// The real ssh, where nobody listens, and where somebody does and says nothing.
#[test]
fn a_host_that_does_not_answer_holds_nobody_for_long() {
    let lab = Lab::new().unwrap();
    let fleet = Fleet::new(&lab, &["web1"]);
    let port = free_port(Ipv4Addr::LOCALHOST).unwrap();
    let ssh = format!("ssh -F /dev/null -p {port}");
    let run = fleet.publish_by(&ssh, &["--to", "127.0.0.1:watch"]);
    assert_eq!(run.code, 69, "{run:?}");
    assert!(run.stdout.replace("\n ", "").contains("Connection refused"), "{run:?}");
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = silent.local_addr().unwrap().port();
    let ssh = format!("ssh -F /dev/null -o ConnectTimeout=600 -p {port}");
    let run = fleet.publish_by(&ssh, &["--timeout", "1s", "--to", "127.0.0.1:watch"]);
    assert_eq!(run.code, 69, "{run:?}");
    assert!(run.stdout.contains("nothing came of it within 1 s"), "{run:?}");
    let run = fleet.publish_by("no-such-ssh", &["--to", "web1:watch"]);
    assert!(run.code != 0 && run.stdout.contains("no such file"), "{run:?}");
}

/// A connection that breaks in the middle leaves nothing that a watch directory shows.
#[test]
fn half_a_torrent_is_none() {
    let lab = Lab::new().unwrap();
    let fleet = Fleet::new(&lab, &["web1"]);
    let cut = SSH.replace("exec ${LOGIN_SHELL:-sh}", "head -c 100 | exec ${LOGIN_SHELL:-sh}");
    program(&lab.write("cut", cut).unwrap());
    let run = fleet.publish_by("./cut", &["--to", "web1:watch"]);
    assert_eq!(run.code, 74, "{run:?}");
    assert_eq!(names(&fleet.watch("web1")), [""; 0]);
}

/// No child of ours learns the password of the key.
#[test]
fn the_password_stays_here() {
    let lab = Lab::new().unwrap();
    let fleet = Fleet::new(&lab, &["web1"]);
    let telling = SSH.replace("shift 2\n", "shift 2; env > env\n");
    program(&lab.write("telling", telling).unwrap());
    let build = fleet.build.to_str().unwrap();
    let args = ["publish", build, "--app", "shop", "--version", "1.0", "--ssh", "./telling"];
    let mut command = fleet.desk.command(&[&args[..], &["--to", "web1:watch"]].concat());
    let run =
        crate::host::Run::of(command.env("SEEDSHIP_KEY_PASSWORD", "secret").output().unwrap());
    assert_eq!(run.code, 0, "{run:?}");
    let env = fs::read_to_string(lab.path().join("fleet/web1/env")).unwrap();
    assert!(env.contains("HOME=") && !env.contains("SEEDSHIP_KEY_PASSWORD"), "{env}");
}
