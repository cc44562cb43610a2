//! What visitors see while releases are deployed: nginx and Apache, configured as the operator's guide
//! says, word by word, under load from the first deploy to the last.

use lab::{
    Kind, Lab, Tree,
    apache::{self, Apache},
    await_for,
    halves::Answer,
    load::Load,
    nginx,
    php::Php,
    site,
    syslog::Listener,
    workspace,
};
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    time::Duration,
};

/// The binary under test.
const SEEDSHIP: &str = env!("CARGO_BIN_EXE_seedship");
/// Deploys under load, each of another release.
const DEPLOYS: usize = 12;
/// What PHP does between the halves of an answer: a request is in flight at each switch.
const WORK: Duration = Duration::from_millis(3);
/// A page that includes its second half from its own directory, as Drupal's autoloader does.
const BY_DIRECTORY: &str = "/index.php?by=directory";
/// A page that includes its second half from the document root that the server told it of.
const BY_ROOT: &str = "/index.php?by=root";
/// A file, served as it is.
const STATIC: &str = "/page.html";

/// A site under `web/`, whose answers have two halves that each name the release.
fn release(version: &str) -> Tree {
    let work = WORK.as_micros();
    let page = format!(
        "<?php\n$by = $_GET['by'] === 'root' ? $_SERVER['DOCUMENT_ROOT'] : __DIR__;\n\
         echo \"{version}\\n\"; usleep({work}); require $by . '/late.php';\n"
    );
    Tree::new()
        .file("web/index.php", page)
        .file("web/late.php", format!("<?php echo \"{version}\\n\";\n"))
        .file("web/page.html", format!("{version}\n{version}\n"))
}

/// The block of a language that stands under a heading of the guide's page on web servers, with this
/// root and this socket of php-fpm.
fn guide(heading: &str, language: &str, root: &Path, php: Option<&Php>) -> String {
    let page = fs::read_to_string(workspace().join("docs/guide/web-servers.md")).unwrap();
    let part = page.split_once(&format!("\n{heading}")).unwrap().1;
    let block = part.split_once(&format!("\n```{language}\n")).unwrap().1;
    let block = block.split_once("\n```").unwrap().0;
    let block = block.replace("/srv/www/shop", root.to_str().unwrap());
    match php {
        Some(php) => block.replace("/run/php/php8.2-fpm.sock", php.socket().to_str().unwrap()),
        None => block,
    }
}

/// An app and its commands.
struct Shop<'l> {
    lab: &'l Lab,
    root: PathBuf,
    log: Listener,
}

impl<'l> Shop<'l> {
    fn new(lab: &'l Lab) -> Self {
        let log = Listener::bind(&lab.path().join("log")).unwrap();
        Self { lab, root: lab.folder("www/shop").unwrap(), log }
    }

    /// The configuration: `prepare` as the guide has it for Apache, a worker that is told, and a check
    /// that asks the web server for the release that is on trial.
    fn configure(&self, url: &str, timeout: &str) {
        let prepare = guide("## Apache", "toml", &self.root, None);
        let (told, root) = (self.lab.path().join("told"), self.root.display());
        fs::write(
            self.lab.path().join("seedship.toml"),
            format!(
                "[log]\nsocket = \"{log}\"\n\
                 [apps.shop]\nmatch = \"shop-{{version}}.tar.zst\"\nroot = \"{root}\"\n\
                 unsigned = \"accept\"\nmin_free = \"1MiB\"\nlinger = \"0s\"\nkeep = 2\n\
                 {prepare}\n\
                 activated = [[\"sh\", \"-c\", \"echo $SEEDSHIP_VERSION >> {told}\"]]\n\
                 check = [[\"sh\", \"-c\", \"curl -fsS '{url}' | grep -qx $SEEDSHIP_VERSION\"]]\n\
                 timeout = \"{timeout}\"\n",
                log = self.lab.path().join("log").display(),
                told = told.display(),
            ),
        )
        .unwrap();
    }

    fn seedship(&self, args: &[&str]) -> Output {
        let mut command = self.lab.command(SEEDSHIP);
        command.args(args).arg("--config").arg(self.lab.path().join("seedship.toml"));
        command.env_remove("SUDO_USER").output().unwrap()
    }

    /// A whole deploy: verified, unpacked, switched, its commands run, the old ones pruned.
    fn deploy(&self, version: &str, tree: &Tree) -> Option<i32> {
        let folder = self.lab.folder(&self.lab.fresh("payload")).unwrap();
        let payload = tree.pack(Kind::TarZst, &folder, &format!("shop-{version}")).unwrap();
        let torrent = self.lab.torrent(&payload).make().unwrap();
        let file = folder.join("torrent");
        torrent.write_to(&file).unwrap();
        let (file, payload) = (file.to_str().unwrap(), payload.to_str().unwrap());
        let run =
            self.seedship(&["finished", &torrent.hash, "--torrent", file, "--payload", payload]);
        if let Some(last) = self.log.messages().unwrap().last() {
            println!("{}", last.text);
        }
        run.status.code()
    }

    fn live(&self) -> String {
        fs::read_link(self.root.join("current")).unwrap().display().to_string()
    }

    /// Deploys under load, a release that fails its check among them, and a rollback: no answer fails,
    /// none is of two releases, and each release is seen by who asks after its deploy.
    fn survives(&self, pages: &[&str], url: impl Fn(&str) -> String) {
        self.configure(&url(BY_DIRECTORY), "60s");
        assert_eq!(self.deploy("1.0.0", &release("1.0.0")), Some(0));
        let whole = |body: &[u8]| matches!(Answer::read(body), Answer::Of(_));
        // As much as leaves something of two cores to the deploys.
        let load = |page: &&str| Load::paced(&url(page), 2, Duration::from_millis(1), whole);
        let loads: Vec<Load> = pages.iter().map(|page| load(page).unwrap()).collect();
        let seen = |version: &str| {
            let expected = format!("{version}\n{version}\n");
            for page in pages {
                let (status, body) = lab::load::get(&url(page)).unwrap();
                assert_eq!(
                    (status, String::from_utf8_lossy(&body)),
                    (200, expected.as_str().into())
                );
            }
        };
        for n in 1..=DEPLOYS {
            let before = loads.iter().map(|load| load.counts().requests).collect::<Vec<_>>();
            let version = format!("1.0.{n}");
            assert_eq!(self.deploy(&version, &release(&version)), Some(0), "{version}");
            seen(&version);
            for (load, before) in loads.iter().zip(before) {
                await_for("answers", || load.counts().requests > before).unwrap();
            }
        }
        let last = format!("1.0.{DEPLOYS}");
        self.configure(&url(BY_DIRECTORY), "2s");
        // It tells another version than its own, so its check fails, and visitors have seen it.
        assert_eq!(self.deploy("1.1.0", &release("1.1.0-broken")), Some(79));
        seen(&last);
        assert_eq!(self.seedship(&["rollback", "shop"]).status.code(), Some(0));
        seen(&format!("1.0.{}", DEPLOYS - 1));
        for (page, load) in pages.iter().zip(loads) {
            let counts = load.stop();
            println!("{page}: {counts:?}");
            assert_eq!((counts.failed, counts.mixed), (0, 0), "{page}: {counts:?}");
            assert!(counts.requests > 100, "{page}: {counts:?}");
        }
        let told = fs::read_to_string(self.lab.path().join("told")).unwrap();
        assert_eq!(told.lines().count(), DEPLOYS + 4, "{told}");
        assert_eq!(self.live(), format!("releases/1.0.{}", DEPLOYS - 1));
    }
}

/// Whether Apache is there, and curl for the checks.
fn is_there(php: apache::Php<'_>) -> bool {
    let curl = || site::run(Command::new("curl").arg("--version")).map(drop);
    let is_there = apache::is_there(php).and_then(|()| curl());
    is_there.map_err(lab::skip).is_ok()
}

#[test]
fn nginx_answers_through_every_deploy() {
    let lab = Lab::new().unwrap();
    let shop = Shop::new(&lab);
    let php = Php::start(&lab, 8, &[]).unwrap();
    let block = guide("## nginx and php-fpm", "nginx", &shop.root, Some(&php));
    let current = shop.root.join("current");
    let nginx = nginx::Builder::new(&lab, &current).server(&block).start().unwrap();
    shop.survives(&[STATIC, BY_DIRECTORY, BY_ROOT], |page| nginx.url(page));
}

#[test]
fn apache_with_php_fpm_answers_through_every_deploy() {
    if !is_there(apache::Php::Fcgi) {
        return;
    }
    let lab = Lab::new().unwrap();
    let shop = Shop::new(&lab);
    let php = Php::start(&lab, 8, &[]).unwrap();
    let host = guide("## Apache", "apache", &shop.root, Some(&php));
    let apache = Apache::start(&lab, apache::Php::Fcgi, &host).unwrap();
    shop.survives(&[STATIC, BY_DIRECTORY, BY_ROOT], |page| apache.url(page));
}

/// What is included by `DOCUMENT_ROOT` may meet two releases under mod_php: the guide says so.
#[test]
fn apache_with_mod_php_answers_through_every_deploy() {
    let lab = Lab::new().unwrap();
    let shop = Shop::new(&lab);
    let settings = guide("**mod_php**", "ini", &shop.root, None);
    let php = apache::Php::Module(&settings);
    if !is_there(php) {
        return;
    }
    let host = guide("## Apache", "apache", &shop.root, None);
    // Without php-fpm: the directory of the site is the same.
    let host: Vec<&str> = host.lines().filter(|line| !line.contains("ProxyFCGI")).collect();
    let (before, rest) = host.join("\n").split_once("    <FilesMatch").map(owned).unwrap();
    let after = rest.split_once("</FilesMatch>").unwrap().1;
    let apache = Apache::start(&lab, php, &format!("{before}{after}")).unwrap();
    shop.survives(&[STATIC, BY_DIRECTORY], |page| apache.url(page));
}

fn owned((one, other): (&str, &str)) -> (String, String) {
    (one.to_owned(), other.to_owned())
}
