//! From Capistrano and Mina to Seedship and back, by the tools themselves: they deploy to this very
//! machine, Capistrano by SSHKit's local backend, Mina by running the script that it would send.

#[path = "../adopt/round.rs"]
mod round;

use lab::{Lab, await_for, skip};
use round::{Shop, Tool, round};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::{SystemTime, UNIX_EPOCH},
};

/// Where Debian's package of Mina has the script that its code looks for elsewhere.
const TEMPLATE: &str = "/usr/share/doc/mina/examples/deploy.sh.erb";

/// Whether a program is not there; says so.
fn is_missing(program: &str) -> bool {
    let found = Command::new("sh").args(["-c", &format!("command -v {program}")]).output().unwrap();
    if !found.status.success() {
        skip(format!("{program} is not installed"));
    }
    !found.status.success()
}

/// Runs one of the programs that a deploy is made of.
fn run(command: &mut Command, lab: &Lab) -> String {
    let run = command.env("HOME", lab.path()).env("LC_ALL", "C.UTF-8").output().unwrap();
    let said = String::from_utf8_lossy(&[run.stdout, run.stderr].concat()).into_owned();
    assert!(run.status.success(), "{command:?}: {said}");
    said
}

/// The sources that both deploy: a repository with one page.
struct Sources<'s> {
    shop: &'s Shop<'s>,
    repository: PathBuf,
    /// Where the tool's own configuration lies.
    folder: PathBuf,
}

impl<'s> Sources<'s> {
    fn new(shop: &'s Shop<'s>) -> Self {
        let repository = shop.lab.folder("sources").unwrap();
        let sources = Self { shop, repository, folder: shop.lab.folder("deployer").unwrap() };
        sources.git(&["init", "--quiet", "--initial-branch=main"]);
        sources
    }

    fn git(&self, args: &[&str]) {
        let mut git = Command::new("git");
        git.args(["-c", "user.name=anna", "-c", "user.email=anna@example.org"]);
        run(git.args(args).current_dir(&self.repository), self.shop.lab);
    }

    fn commit(&self, page: &str) {
        fs::write(self.repository.join("index.html"), lab::site::page(page)).unwrap();
        self.git(&["add", "."]);
        self.git(&["commit", "--quiet", "--message", page]);
    }

    fn write(&self, file: &str, text: &str) {
        let file = self.folder.join(file);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        let text = text.replace("ROOT", self.shop.root.to_str().unwrap());
        fs::write(file, text.replace("SOURCES", self.repository.to_str().unwrap())).unwrap();
    }
}

/// The name that `current` leads to.
fn live(root: &Path) -> String {
    let link = fs::read_link(root.join("current")).unwrap();
    link.file_name().unwrap().to_str().unwrap().to_owned()
}

struct Capistrano<'s>(Sources<'s>);

impl<'s> Capistrano<'s> {
    fn new(shop: &'s Shop<'s>) -> Self {
        let sources = Sources::new(shop);
        sources.write(
            "Capfile",
            "require \"capistrano/setup\"\nrequire \"capistrano/deploy\"\n\
             require \"capistrano/scm/git\"\ninstall_plugin Capistrano::SCM::Git\n",
        );
        sources.write("config/deploy/here.rb", "server :local, roles: %w[app web]\n");
        sources.write(
            "config/deploy.rb",
            "set :application, \"shop\"\nset :repo_url, \"SOURCES\"\nset :branch, \"main\"\n\
             set :deploy_to, \"ROOT\"\nset :keep_releases, ENV[\"KEEP\"].to_i\n\
             append :linked_files, \"settings.php\"\n",
        );
        Self(sources)
    }

    fn cap(&self, task: &str, keep: usize) -> String {
        let mut cap = Command::new("cap");
        cap.args(["here", task]).env("KEEP", keep.to_string()).current_dir(&self.0.folder);
        run(&mut cap, self.0.shop.lab)
    }
}

impl Tool for Capistrano<'_> {
    fn deploy(&self, page: &str, keep: usize) -> String {
        // Two releases of one second would be one directory.
        let second = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let then = second();
        await_for("another second", || second() > then).unwrap();
        self.0.commit(page);
        self.cap("deploy", keep);
        live(&self.0.shop.root)
    }
}

struct Mina<'s>(Sources<'s>);

impl<'s> Mina<'s> {
    fn new(shop: &'s Shop<'s>) -> Self {
        let sources = Sources::new(shop);
        fs::create_dir_all(shop.root.join("releases")).unwrap();
        sources.write(
            "config/deploy.rb",
            &format!(
                "Mina.define_singleton_method(:root_path) {{ |*| \"{TEMPLATE}\" }}\n\
                 require 'mina/deploy'\nrequire 'mina/git'\nset :domain, 'localhost'\n\
                 set :deploy_to, 'ROOT'\nset :repository, 'SOURCES'\nset :branch, 'main'\n\
                 set :shared_paths, ['settings.php']\nset :keep_releases, ENV['KEEP'].to_i\n\
                 task :deploy do\n  deploy do\n    invoke :'git:clone'\n\
                 \x20   invoke :'deploy:link_shared_paths'\n\
                 \x20   to :launch do\n      invoke :'deploy:cleanup'\n    end\n  end\nend\n"
            ),
        );
        Self(sources)
    }
}

impl Tool for Mina<'_> {
    fn deploy(&self, page: &str, keep: usize) -> String {
        let Sources { shop, folder, .. } = &self.0;
        self.0.commit(page);
        let mut mina = Command::new("mina");
        mina.args(["deploy", "--simulate"]).env("KEEP", keep.to_string()).current_dir(folder);
        let script = mina.output().unwrap();
        assert!(script.status.success(), "{script:?}");
        // Its last line is for people.
        let script = String::from_utf8(script.stdout).unwrap();
        let lines = script.lines().filter(|line| !line.trim_start().starts_with("Elapsed "));
        fs::write(folder.join("script"), lines.collect::<Vec<_>>().join("\n")).unwrap();
        run(Command::new("bash").arg(folder.join("script")), shop.lab);
        live(&shop.root)
    }
}

#[test]
fn from_capistrano_and_back() {
    if is_missing("cap") {
        return;
    }
    let lab = Lab::new().unwrap();
    let shop = Shop::new(&lab);
    let capistrano = Capistrano::new(&shop);
    let left = round(&shop, &capistrano);
    // It counts names of 14 digits: Seedship's releases stay until somebody removes them.
    assert_eq!((left.len(), &left[..2]), (4, &["1.0".to_owned(), "1.1".to_owned()][..]));
    // And its rollback goes to what lies before, by time.
    capistrano.cap("deploy:rollback", 2);
    assert_ne!(shop.served(), "four");
}

/// What the guide warns of: its clean-up alone knows what is live by an absolute link only, and the
/// one that Seedship made is relative.
#[test]
fn capistrano_cleans_up_what_is_live_behind_a_relative_link() {
    if is_missing("cap") {
        return;
    }
    let lab = Lab::new().unwrap();
    let shop = Shop::new(&lab);
    let capistrano = Capistrano::new(&shop);
    let old = ["one", "two", "three"].map(|page| capistrano.deploy(page, 5));
    shop.good(&["adopt", "shop"]);
    for page in ["two", "one"] {
        shop.good(&["rollback", "shop"]);
        assert_eq!(shop.served(), page);
    }
    fs::remove_dir_all(shop.root.join(".seedship")).unwrap();
    let absolute = shop.root.join("releases").join(&old[0]);
    let relink = |text: &Path| {
        let mut ln = Command::new("sh");
        ln.args(["-c", "ln -s \"$1\" next && mv -T next current", "sh"]).arg(text);
        run(ln.current_dir(&shop.root), &lab);
    };
    relink(&absolute);
    capistrano.cap("deploy:cleanup", 2);
    assert_eq!(shop.served(), "one", "with the link as it makes it, what is live stays");
    relink(&Path::new("releases").join(&old[0]));
    capistrano.cap("deploy:cleanup", 2);
    assert!(!absolute.exists(), "so it would go: the guide has to say so");
}

#[test]
fn from_mina_and_back() {
    if is_missing("mina") {
        return;
    }
    if !Path::new(TEMPLATE).exists() {
        return skip(format!("{TEMPLATE} is not there: documentation is left out here"));
    }
    let lab = Lab::new().unwrap();
    let shop = Shop::new(&lab);
    // It counts whatever begins with a digit, as numbers: 1.0 and 1.1 are older than its third.
    assert_eq!(round(&shop, &Mina::new(&shop)), ["3", "4"]);
}
