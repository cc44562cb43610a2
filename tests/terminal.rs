//! What an operator sees on a real terminal: its size, its colours, its shell's completion.

use crate::{
    host::{Host, SEEDSHIP, SHOP},
    manual::is_missing,
    screens::{damage, release, reviewed, stable, two_days_pass},
};
use lab::Lab;
use std::{
    path::{Path, PathBuf},
    process::Command,
};

/// A terminal of tmux, on a server of its own.
pub(crate) struct Terminal {
    socket: PathBuf,
}

impl Terminal {
    /// Opens one of this size, in which a command runs with these variables set.
    pub(crate) fn open(
        lab: &Lab,
        (columns, lines): (u16, u16),
        env: &[(&str, &str)],
        run: &str,
    ) -> Self {
        let terminal = Self { socket: lab.path().join(lab.fresh("tmux-")) };
        let bin = Path::new(SEEDSHIP).parent().unwrap().display();
        let path = format!("{bin}:{}", std::env::var("PATH").unwrap());
        let mut words = vec![format!("PATH={path}"), format!("HOME={}", lab.path().display())];
        words.extend(env.iter().map(|(name, value)| format!("{name}={value}")));
        let (columns, lines) = (columns.to_string(), lines.to_string());
        let mut tmux = terminal.tmux();
        tmux.args(["-f", "/dev/null", "new-session", "-d", "-x", &columns, "-y", &lines]);
        tmux.args(["env", "-u", "NO_COLOR", "-u", "COLUMNS", "-u", "LINES", "SUDO_USER=anna"]);
        tmux.args(words).args(["sh", "-c", run]);
        lab::site::run(&mut tmux).unwrap();
        terminal
    }

    fn tmux(&self) -> Command {
        let mut tmux = Command::new("tmux");
        tmux.arg("-u").arg("-S").arg(&self.socket).env("LC_ALL", "C.UTF-8").env_remove("TMUX");
        tmux
    }

    pub(crate) fn keys(&self, keys: &[&str]) {
        lab::site::run(self.tmux().arg("send-keys").args(keys)).unwrap();
    }

    /// What is on the screen, long lines joined again; with colours as escape sequences if they are
    /// asked for.
    fn pane(&self, colours: bool) -> String {
        let mut tmux = self.tmux();
        tmux.args(["capture-pane", "-p", "-J"]).args(colours.then_some("-e"));
        String::from_utf8(lab::site::run(&mut tmux).unwrap()).unwrap()
    }

    /// Waits until this is on the screen.
    pub(crate) fn shows(&self, text: &str) -> String {
        let awaited =
            lab::await_for(format!("{text} on the screen"), || self.pane(false).contains(text));
        awaited.unwrap_or_else(|e| panic!("{e}:\n{}", self.pane(false)));
        self.pane(false)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.tmux().arg("kill-server").output();
    }
}

/// A shop with a live release, one before it, one that is held back and one that was damaged.
fn shop(lab: &Lab) -> Host<'_> {
    let host = Host::new(lab, SHOP);
    for version in ["1.4.0", "1.4.1"] {
        host.landed("shop", version);
        two_days_pass(&host, "shop");
    }
    let hold = ["hold", "shop", "--until", "2099-05-01T12:00:00Z", "--reason", "sale"];
    assert!(host.command(&hold).env("SUDO_USER", "anna").status().unwrap().success());
    host.landed("shop", "1.4.2");
    let (torrent, payload) = release(lab, "1.5.0");
    damage(&payload);
    assert_eq!(host.finished(&torrent, &payload).code, 75);
    two_days_pass(&host, "shop");
    host
}

/// What a command shows on a terminal of this size.
fn shown(host: &Host<'_>, size: (u16, u16), line: &str, env: &[(&str, &str)]) -> (String, String) {
    let config = ("SEEDSHIP_CONFIG", host.config().to_str().unwrap());
    let run = format!("seedship {line}; echo \"[exit $?]\"; exec cat");
    let terminal = Terminal::open(host.lab, size, &[&[config], env].concat(), &run);
    let plain = terminal.shows("[exit ");
    let trimmed = |text: String| {
        let lines: Vec<&str> = text.trim_end().lines().map(str::trim_end).collect();
        stable(&(lines.join("\n") + "\n"), host.lab)
    };
    (trimmed(plain), trimmed(terminal.pane(true)).replace('\u{1b}', "ESC"))
}

#[test]
fn screens_fit_a_terminal_and_are_coloured_there() {
    if is_missing("tmux") {
        return;
    }
    let lab = Lab::new().unwrap();
    let host = shop(&lab);
    for line in ["status", "releases shop", "history shop"] {
        let name = line.split(' ').next().unwrap();
        let (plain, coloured) = shown(&host, (80, 24), line, &[]);
        reviewed(&format!("terminal-{name}"), &plain);
        reviewed(&format!("terminal-{name}-colours"), &coloured);
        assert_eq!(coloured.contains("ESC["), name != "history", "{coloured}");
        let (again, refused) = shown(&host, (80, 24), line, &[("NO_COLOR", "1")]);
        assert_eq!((&again, refused.contains("ESC[")), (&plain, false), "{refused}");
        // Half as wide the terminal breaks lines, and nothing is lost.
        assert_eq!(shown(&host, (40, 48), line, &[]).0, plain);
    }
    let (help, _) = shown(&host, (80, 50), "-h", &[]);
    assert!(help.lines().all(|line| line.chars().count() <= 80), "{help}");
}

#[test]
fn what_is_wrong_with_a_payload_or_a_release_can_be_read_on_a_terminal() {
    if is_missing("tmux") {
        return;
    }
    let lab = Lab::new().unwrap();
    let host = shop(&lab);
    let (torrent, payload) = release(&lab, "1.6.0");
    torrent.write_to(&lab.path().join("shop.torrent")).unwrap();
    let payload = payload.strip_prefix(lab.path()).unwrap().display().to_string();
    let verify = format!("--config none torrent verify shop.torrent {payload}");
    let folder = lab.path().display();
    let verify = format!("status > /dev/null; cd \"{folder}\"; seedship {verify}");
    let (good, _) = shown(&host, (80, 24), &verify, &[]);
    assert!(good.ends_with("[exit 0]\n"), "{good}");
    reviewed("terminal-torrent-verify-good", &good);
    damage(&lab.path().join(&payload));
    let (damaged, coloured) = shown(&host, (80, 24), &verify, &[]);
    reviewed("terminal-torrent-verify-damaged", &damaged);
    assert!(damaged.ends_with("[exit 65]\n"), "{damaged}");
    assert_eq!(shown(&host, (80, 24), &verify, &[("NO_COLOR", "1")]).0, damaged, "{coloured}");

    let live = lab.path().join("www/shop/current/index.html");
    std::fs::write(&live, "changed").unwrap();
    std::fs::write(live.with_file_name("backdoor.php"), "added").unwrap();
    let (audit, _) = shown(&host, (80, 24), "audit shop", &[]);
    reviewed("terminal-audit", &audit);
    assert!(audit.ends_with("[exit 65]\n"), "{audit}");
}

#[test]
fn zsh_completes_commands_and_options() {
    if is_missing("tmux") || is_missing("zsh") {
        return;
    }
    let lab = Lab::new().unwrap();
    let functions = lab.folder("functions").unwrap();
    let script = Command::new(SEEDSHIP).args(["completions", "zsh"]).output().unwrap().stdout;
    std::fs::write(functions.join("_seedship"), script).unwrap();
    let terminal = Terminal::open(&lab, (80, 24), &[], "exec zsh -f");
    let setup = format!(
        "PS1='> '; fpath=(\"{}\" $fpath); autoload -U compinit; compinit -u -D; clear; echo rea'dy'",
        functions.display()
    );
    terminal.keys(&[&setup, "Enter"]);
    terminal.shows("ready");
    terminal.keys(&["seedship rol", "Tab"]);
    terminal.shows("> seedship rollback");
    terminal.keys(&["shop --keep", "Tab"]);
    terminal.shows("> seedship rollback shop --keep-good");
    terminal.keys(&["C-u"]);
    terminal.keys(&["seedship torrent v", "Tab"]);
    terminal.shows("> seedship torrent verify");
}
