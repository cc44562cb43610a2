//! Signed torrents, by the real `minisign`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::{During, Error, Result};
use crate::lab::Lab;
use crate::site::run;
use crate::torrent::Torrent;

/// A key pair without a password.
#[derive(Debug)]
pub struct Signer {
    lab: Lab,
    secret: PathBuf,
    public: String,
}

impl Signer {
    pub(crate) fn generate(lab: &Lab) -> Result<Self> {
        let folder = lab.folder(&lab.fresh("key"))?;
        let (secret, public) = (folder.join("secret"), folder.join("public"));
        run(Command::new("minisign").args(["-G", "-W", "-s"]).arg(&secret).arg("-p").arg(&public))?;
        let text = fs::read_to_string(&public).during("read a public key")?;
        let key = text.lines().nth(1).ok_or_else(|| Error::new("no public key"))?;
        Ok(Self { lab: lab.clone(), secret, public: key.to_owned() })
    }

    /// The public key as it stands in a configuration: one line of base64.
    pub fn public_key(&self) -> &str {
        &self.public
    }

    /// The file of the secret key, which has no password.
    pub fn secret(&self) -> &Path {
        &self.secret
    }

    /// The torrent with a signature that names app and version. `published` is RFC 3339 in UTC;
    /// `facts` are `key=value` words, or nothing.
    pub fn sign(
        &self,
        torrent: &Torrent,
        app: &str,
        version: &str,
        published: &str,
        facts: &[&str],
    ) -> Result<Torrent> {
        let mut comment = format!("seedship1 app={app} version={version} published={published}");
        facts.iter().for_each(|fact| comment.push_str(&format!(" {fact}")));
        self.sign_with_comment(torrent, &comment)
    }

    /// The torrent with a signature under any trusted comment, good or not.
    pub fn sign_with_comment(&self, torrent: &Torrent, comment: &str) -> Result<Torrent> {
        let name = self.lab.fresh("signed/info");
        let message = self.lab.write(&name, &torrent.info)?;
        let signature = message.with_extension("minisig");
        let mut minisign = Command::new("minisign");
        minisign.arg("-S").arg("-s").arg(&self.secret).arg("-x").arg(&signature);
        run(minisign.args(["-t", comment, "-m"]).arg(&message))?;
        torrent.with_key("minisign", &fs::read(&signature).during("read a signature")?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minisign_itself_accepts_what_the_torrent_carries() {
        let lab = Lab::new().unwrap();
        let signer = lab.signer().unwrap();
        let torrent = lab.torrent(lab.write("shop-1.0.0.tar", "x").unwrap()).make().unwrap();
        let time = "2026-01-02T03:04:05Z";
        let signed = signer.sign(&torrent, "shop", "1.0.0", time, &["git=abc"]).unwrap();
        assert_eq!(signed.hash, torrent.hash);

        let text = String::from_utf8_lossy(&signed.bytes);
        let begin = text.find("untrusted comment: ").unwrap();
        let signature = lab.write("sig", &text.as_bytes()[begin..text.len() - 1]).unwrap();
        let message = lab.write("info", &signed.info).unwrap();
        let mut check = Command::new("minisign");
        check.args(["-V", "-Q", "-P", signer.public_key(), "-x"]).arg(signature);
        let comment = run(check.arg("-m").arg(message)).unwrap();
        let comment = String::from_utf8_lossy(&comment);
        let expected = "seedship1 app=shop version=1.0.0 published=2026-01-02T03:04:05Z git=abc";
        assert_eq!(comment.trim_end(), expected);
    }
}
