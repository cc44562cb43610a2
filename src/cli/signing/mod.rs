//! `seedship keygen` and `seedship sign`: for whoever publishes. No server needs them, and neither
//! needs anything of a server.

pub(super) mod file;
mod password;

use super::{
    args::{Keygen, Sign},
    output::Output,
};
use crate::{
    bounded::{self, Unread},
    config::{self, Config},
    error::{Error, Exit, Result, quoted},
    release::Version,
    signature::{Pair, Sealed, Secret, Unusable},
    torrent::{self, Sealing},
};
use metainfo::Metainfo;
use serde_json::json;
use std::{
    env, fs,
    io::ErrorKind,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

/// No secret key has more bytes: two lines, the first a comment of at most 1 KiB.
const KEY_MAX: u64 = 4 << 10;

/// Makes a pair of keys. The secret one is written first: a public key that is on every server and
/// that nobody can sign by is worse than none.
pub(super) fn keygen(typed: &Keygen, output: &Output) -> Result<u8> {
    let public = typed.public.clone().unwrap_or_else(|| PathBuf::from("minisign.pub"));
    let secret = match &typed.secret {
        Some(secret) => secret.clone(),
        None => usual_secret(true)?,
    };
    file::must_be_free(&secret)?;
    file::must_be_free(&public)?;
    let password = match (typed.no_password, &typed.password_file) {
        (true, _) => None,
        (false, Some(file)) => Some(password::from(file)?),
        (false, None) => Some(password::chosen()?),
    };
    let kind = if password.is_some() { "with a password" } else { "without a password" };
    let pair = Pair::make(password)
        .map_err(|why| Error::new(Exit::Io, "make", "a pair of keys", why).hint("try again"))?;
    file::create(&secret, pair.secret.as_bytes(), 0o600)?;
    file::create(&public, pair.public.as_bytes(), 0o644).inspect_err(|_| {
        let _ = fs::remove_file(&secret);
    })?;
    let Pair { key, .. } = &pair;
    let text = format!(
        "key {}\n  secret  {}, {kind}\n  public  {}\n\
         In the configuration of every server that is to trust it:\n  public_keys = [\"{}\"]",
        key.id,
        shown(&secret),
        shown(&public),
        key.text
    );
    let object = json!({
        "key": key.id, "public_key": key.text, "public": shown(&public), "secret": shown(&secret),
        "password": !typed.no_password,
    });
    output.answer(text, &object);
    Ok(Exit::Done.code())
}

/// Signs a torrent where it lies.
pub(super) fn sign(typed: &Sign, config: &Path, output: &Output) -> Result<u8> {
    let bytes = torrent::read(&typed.torrent)?;
    let torrent = torrent::parse(&quoted(&typed.torrent), &bytes)?;
    if !typed.force {
        torrent::must_be_unsigned(&torrent)?;
    }
    let (app, version) = release(typed, config, &torrent, &bytes)?;
    let published = typed.published.unwrap_or_else(super::now);
    let comment = torrent::comment(&app, &version, published, &typed.facts)?;
    let secret = secret(typed.key.as_deref(), typed.password_file.as_deref())?;
    let sealing = torrent::sign(&torrent, &bytes, &secret, &comment, typed.force)?;
    file::replace(&typed.torrent, &sealing.bytes)?;
    output.answer(screen(&sealing, &typed.torrent), &sealing);
    Ok(Exit::Done.code())
}

/// For which release: as typed, or as a deploy would take the torrent.
fn release(
    typed: &Sign,
    config: &Path,
    torrent: &Metainfo,
    bytes: &[u8],
) -> Result<(String, Version)> {
    if let (Some(app), Some(version)) = (&typed.app, &typed.version) {
        return Ok((app.clone(), version.clone()));
    }
    let read = config::read(config).and_then(Config::merge);
    let config = read.map_err(|e| match config.exists() {
        true => e,
        false => e.hint("name both, and no configuration is read: --app APP --version VERSION"),
    })?;
    let (app, version) = torrent::release_of(&config, torrent, bytes)?;
    Ok((typed.app.clone().unwrap_or(app), typed.version.clone().unwrap_or(version)))
}

/// The key to sign with, opened.
pub(super) fn secret(key: Option<&Path>, password_file: Option<&Path>) -> Result<Secret> {
    let (path, sealed) = sealed(key)?;
    let password = match (sealed.is_encrypted(), password_file) {
        (false, _) => String::new(),
        (true, Some(file)) => password::from(file)?,
        (true, None) => password::given_or_asked(&secret_key(&path))?,
    };
    sealed.open(password).map_err(|why| unusable(&path, &why))
}

/// A secret key as it lies in its file; no password is needed to look at it.
pub(super) fn sealed(key: Option<&Path>) -> Result<(PathBuf, Sealed)> {
    let path = match key {
        Some(path) => path.to_owned(),
        None => usual_secret(false)?,
    };
    let bytes = bounded::read(&path, KEY_MAX).map_err(|why| match why {
        Unread::Io(e) if e.kind() == ErrorKind::NotFound => {
            Error::new(Exit::NotFound, "read", secret_key(&path), "there is no such file")
                .hint("name it: --key FILE; `seedship keygen` makes one")
        }
        Unread::Io(e) => Error::io("read", &path, &e),
        Unread::Not(_) | Unread::Larger(_) => unusable(&path, &Unusable::NotAKey),
    })?;
    let sealed = Sealed::read(&bytes).map_err(|why| unusable(&path, &why))?;
    Ok((path, sealed))
}

fn unusable(path: &Path, why: &Unusable) -> Error {
    let (exit, hint) = match why {
        Unusable::WrongPassword => {
            (Exit::Permission, "give the password of this very key; nothing was changed")
        }
        Unusable::Public => (Exit::Payload, "name the secret key, which lies in minisign.key"),
        Unusable::Failed(_) => (Exit::Io, "try again"),
        Unusable::NotAKey | Unusable::OtherForm | Unusable::TooMuchWork | Unusable::Damaged => {
            (Exit::Payload, "name the file that `minisign -G` or `seedship keygen` made")
        }
    };
    Error::new(exit, "use", secret_key(path), why).hint(hint)
}

fn secret_key(path: &Path) -> String {
    format!("the secret key {}", quoted(path))
}

/// Where minisign has its secret key; the directory is made if it is to be written there.
pub(super) fn usual_secret(make: bool) -> Result<PathBuf> {
    let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let home = || set("HOME").map(|home| home.join(".minisign"));
    let Some(directory) = set("MINISIGN_CONFIG_DIR").or_else(home) else {
        let cause = "neither HOME nor MINISIGN_CONFIG_DIR is set";
        return Err(Error::new(Exit::Usage, "find", "the secret key's place", cause)
            .hint("name it: --secret FILE to make it, --key FILE to sign with it"));
    };
    if make && !directory.exists() {
        let made = fs::DirBuilder::new().mode(0o700).create(&directory);
        made.map_err(|e| Error::io("make", &directory, &e))?;
    }
    Ok(directory.join("minisign.key"))
}

fn screen(sealing: &Sealing, path: &Path) -> String {
    let Sealing { app, version, published, facts, key, replaced, .. } = sealing;
    let facts = if facts.is_empty() { String::new() } else { format!("\n  {facts}") };
    let replaced = match replaced.as_deref() {
        None => String::new(),
        Some("") => "\n  in place of what was no signature".to_owned(),
        Some(other) => format!("\n  in place of the signature by key {other}"),
    };
    format!(
        "{} is signed\n  as {app} {version}, published {published}\n  by key {key}{facts}{replaced}",
        shown(path)
    )
}

fn shown(path: &Path) -> String {
    quoted(path).trim_matches('`').to_owned()
}
