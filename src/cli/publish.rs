//! `seedship publish`: for whoever builds releases. Needs no configuration, unless it is to say where
//! rtorrent listens.

use super::{address, address_of, args::Publish, output::Output, progress::Progress, signing};
use crate::{
    checkpoint,
    config::{self, Config},
    error::{Context, Error, Exit, Result, quoted},
    publish::{self, Input, Order, Published, Ssh},
    report,
    rtorrent::{Client, Timeouts},
    table::{counted, size},
};
use serde_json::json;
use std::{
    fs,
    io::Write,
    num::NonZeroUsize,
    path::{Path, PathBuf},
    thread,
};

/// Publishes.
pub(super) fn run(typed: &Publish, config: &Path, output: &Output) -> Result<u8> {
    let to_stdout = typed.output.as_deref() == Some(Path::new("-"));
    if to_stdout && output.is_json() {
        let cause = "both write to standard output";
        return Err(Error::new(Exit::Usage, "take", "`--output -` and `--json`", cause));
    }
    let client = if typed.seed { Some(client(typed, config)?) } else { None };
    if let Some(client) = &client {
        // Rather now than when everything is packed.
        must_load(&client.version()?, typed)?;
    }
    let input = Input::find(&typed.path, typed.layout, &typed.exclude)?;
    let name = input.name(&typed.app, &typed.version)?;
    let directory = directory(typed, client.as_ref())?;
    let beside = directory.join(format!("{name}.torrent"));
    let file = typed.output.clone().unwrap_or(beside);
    if !to_stdout && !beside_of(&file).is_dir() {
        let cause = "its directory is not there";
        return Err(Error::new(Exit::NotFound, "write", quoted(&file), cause)
            .hint("make the directory, or name another place: --output FILE"));
    }
    if !to_stdout {
        input.must_not_take(&file)?;
    }
    input.must_not_take(&directory.join(name.as_str()))?;
    let mut order = Order {
        name: &name,
        directory: &directory,
        output: Some(file.as_path()).filter(|_| !to_stdout),
        announce: &typed.announce,
        private: !typed.no_private,
        hybrid: !typed.no_hybrid,
        piece_length: typed.piece_length,
        level: typed.level,
        threads: typed.threads.unwrap_or_else(processors),
        published: typed.published.unwrap_or_else(super::now),
        exactly_then: typed.published.is_some(),
        facts: &typed.facts,
        secret: None,
    };
    order.check()?;
    publish::look(&typed.to)?;
    if !typed.unsigned {
        must_be_named(typed, signing::sealed(typed.key.as_deref()))?;
    }
    if typed.dry_run {
        return Ok(would(&order, &input, client.as_ref(), typed, output));
    }
    let secret = match typed.unsigned {
        true => None,
        false => Some(secret(typed, &input)?),
    };
    order.secret = secret.as_ref();
    checkpoint::reach("publish-looked");
    let progress = Progress::new(input.bytes(), output).told(input.does(), output);
    let mut published = publish::make(&order, input, &mut |done| progress.at(done, ""))?;
    drop(progress);
    let done = onwards(&order, &mut published, typed, client.as_ref(), to_stdout, output);
    Ok(match done {
        Ok(()) => {
            output.object(&published);
            Exit::Done.code()
        }
        Err(error) => {
            let mut object = json!(published);
            object["error"] = report::in_json(&error)["error"].clone();
            output.failed(&error, &object)
        }
    })
}

/// Everything after payload and .torrent are in their places.
fn onwards(
    order: &Order<'_>,
    published: &mut Published,
    typed: &Publish,
    client: Option<&Client>,
    to_stdout: bool,
    output: &Output,
) -> Result<()> {
    let seeded = client.map_or(Ok(()), |client| publish::seed(published, client));
    // Whatever becomes of it from here on, this is done.
    told(&published.screen(), to_stdout, output);
    seeded?;
    if to_stdout {
        output.bytes(&published.bytes);
    }
    let words = typed.ssh.split_whitespace().map(str::to_owned).collect();
    let ssh = Ssh { words, within: typed.timeout };
    publish::deliver(order, published, &typed.to, &ssh, &mut |delivery| {
        told(&delivery.line(), to_stdout, output);
    })
}

/// Tells a person; on standard error where the .torrent goes to standard output.
fn told(text: &str, to_stdout: bool, output: &Output) {
    match to_stdout {
        true => drop(writeln!(anstream::stderr(), "{}", text.trim_end())),
        false => output.tell(text),
    }
}

/// What would be published.
fn would(
    order: &Order<'_>,
    input: &Input,
    client: Option<&Client>,
    typed: &Publish,
    output: &Output,
) -> u8 {
    let destinations: Vec<String> = typed.to.iter().map(ToString::to_string).collect();
    let payload = plain(quoted(order.payload()));
    let torrent = order.output.map(|at| plain(quoted(at)));
    let mut text = format!(
        "{} {} would be published\n  payload  {payload}\n  content  {} in {}\n",
        order.name.app(),
        order.name.version(),
        size(input.bytes()),
        counted(input.files(), "file")
    );
    if let Some(torrent) = &torrent {
        text.push_str(&format!("  torrent  {torrent}\n"));
    }
    if let Some(client) = client {
        text.push_str(&format!("  seeding  rtorrent at {}\n", plain(client.address())));
    }
    for to in &destinations {
        text.push_str(&format!("  to       {to}\n"));
    }
    let object = json!({
        "app": order.name.app(), "version": order.name.version(), "name": order.name.as_str(),
        "payload": payload, "torrent": torrent, "content": input.bytes(), "files": input.files(),
        "piece_length": order.piece_length(input.bytes()), "to": destinations, "dry_run": true,
    });
    output.answer(text, &object);
    Exit::Done.code()
}

/// What stands in quotes elsewhere, alone in its line.
fn plain(quoted: impl std::fmt::Display) -> String {
    quoted.to_string().trim_matches('`').to_owned()
}

/// The rtorrent that is to seed: the one that was typed, or the configured one.
fn client(typed: &Publish, config: &Path) -> Result<Client> {
    let address = match &typed.scgi {
        Some(scgi) => address_of(scgi),
        None => {
            let read = config::read(config).and_then(Config::merge).map_err(|e| {
                match config.exists() {
                    true => e,
                    false => {
                        e.hint("name rtorrent's socket, and no configuration is read: --scgi PATH")
                    }
                }
            })?;
            address(&read)
        }
    };
    Ok(Client::new(address, Timeouts::default()))
}

/// rtorrent 0.9.8 drops a torrent without a tracker, and says so in its own log alone.
fn must_load(version: &str, typed: &Publish) -> Result<()> {
    match version == "0.9.8" && typed.announce.is_empty() {
        false => Ok(()),
        true => {
            let cause = "rtorrent 0.9.8 loads no torrent without a tracker";
            Err(Error::new(Exit::Usage, "seed", quoted(&typed.path), cause)
                .hint("name the tracker: --announce URL"))
        }
    }
}

/// Where the payload is to lie.
fn directory(typed: &Publish, client: Option<&Client>) -> Result<PathBuf> {
    let directory = match (&typed.directory, client) {
        (Some(directory), _) => directory.clone(),
        (None, Some(client)) => client.default_directory()?,
        (None, None) => PathBuf::from("."),
    };
    if !directory.is_dir() {
        let cause = "there is no such directory";
        return Err(Error::new(Exit::NotFound, "publish into", quoted(&directory), cause)
            .hint("make it, or name another one: --directory DIR"));
    }
    fs::canonicalize(&directory).on("publish into", directory)
}

/// The directory that a file is in.
fn beside_of(file: &Path) -> &Path {
    file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// The key to sign with, which is no part of the release.
fn secret(typed: &Publish, input: &Input) -> Result<crate::signature::Secret> {
    let usual = signing::usual_secret(false).ok();
    let files = [typed.key.as_ref().or(usual.as_ref()), typed.password_file.as_ref()];
    files.into_iter().flatten().try_for_each(|file| input.must_not_reveal(file))?;
    signing::secret(typed.key.as_deref(), typed.password_file.as_deref())
}

/// Without a key that was named, the one that is missing is minisign's own.
fn must_be_named<T>(typed: &Publish, key: Result<T>) -> Result<T> {
    key.map_err(|e| match (e.exit, &typed.key) {
        (Exit::NotFound, None) => e.hint(
            "name a key: --key FILE; `seedship keygen` makes one; --unsigned is for servers that \
             take anybody's releases",
        ),
        _ => e,
    })
}

fn processors() -> NonZeroUsize {
    thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}
