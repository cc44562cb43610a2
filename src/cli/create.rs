//! `seedship torrent create`: a plain torrent of what lies at a path.

use super::{args::Create, output::Output, progress::Progress, signing::file};
use crate::{
    error::{Context, Error, Exit, Result, quoted},
    torrent::{
        self,
        create::{Made, Plan, listed, piece_length_for},
    },
};
use metainfo::{bencode::Item, create::Draft};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Lists, hashes and writes. Whatever can be known to be wrong is told before the first byte is hashed.
pub(super) fn run(typed: &Create, output: &Output) -> Result<u8> {
    let plan = listed(&typed.path, typed.name.as_deref())?;
    let place = place(typed, &plan, output)?;
    let hybrid = typed.hybrid || (!plan.is_directory && !typed.no_hybrid);
    let progress = Progress::new(plan.length, output);
    let bytes = plan.torrent(draft(typed, &plan), hybrid, &mut |hashed| {
        // A hybrid torrent's padding is hashed too, and nobody's bytes.
        progress.at(hashed.min(plan.length), "");
    })?;
    drop(progress);
    let Some(place) = place else {
        output.bytes(&bytes);
        return Ok(Exit::Done.code());
    };
    match typed.force && place.exists() {
        true => file::replace(&place, &bytes)?,
        false => file::create(&place, &bytes, 0o644).map_err(|e| forcible(e, &place))?,
    }
    let shown = quoted(&place).trim_matches('`').to_owned();
    let made = torrent::parse(&quoted(&place), &bytes)?;
    let made = Made::of(&made, shown, plan.notes);
    output.answer(made.screen(), &made);
    Ok(Exit::Done.code())
}

/// Where the torrent goes; `None` for standard output.
fn place(typed: &Create, plan: &Plan, output: &Output) -> Result<Option<PathBuf>> {
    let named = typed.output.as_deref();
    if named == Some(Path::new("-")) {
        return match output.is_json() {
            false => Ok(None),
            true => Err(Error::new(
                Exit::Usage,
                "write",
                "the torrent to standard output",
                "--json answers there",
            )
            .hint("name a file: --output FILE")),
        };
    }
    let place = match named {
        Some(place) => place.to_owned(),
        None => {
            let whole = fs::canonicalize(&plan.payload).on("read", &plan.payload)?;
            let beside = typed.path.parent().filter(|_| typed.path.file_name().is_some());
            let above = beside.or(whole.parent()).unwrap_or(Path::new("/"));
            above.join(format!("{}.torrent", plan.name))
        }
    };
    if !typed.force {
        file::must_be_free(&place).map_err(|e| forcible(e, &place))?;
    }
    must_be_outside(&place, plan)?;
    Ok(Some(place))
}

/// A torrent that lies in its own payload makes another payload of it.
fn must_be_outside(place: &Path, plan: &Plan) -> Result<()> {
    let above = place.parent().filter(|above| !above.as_os_str().is_empty());
    let whole = |path: &Path| fs::canonicalize(path).on("read", path);
    if !plan.is_directory
        || !whole(above.unwrap_or(Path::new(".")))?.starts_with(whole(&plan.payload)?)
    {
        return Ok(());
    }
    Err(Error::new(Exit::NotOurs, "make", quoted(place), "it would lie in its own payload")
        .hint("name another place: --output FILE"))
}

/// What is there already may be replaced, if that is said.
fn forcible(error: Error, place: &Path) -> Error {
    match error.exit == Exit::NotOurs && fs::symlink_metadata(place).is_ok() {
        true => error.hint("--force replaces it; --output FILE names another place"),
        false => error,
    }
}

fn draft(typed: &Create, plan: &Plan) -> Draft {
    let length = typed.piece_length.unwrap_or_else(|| piece_length_for(plan.length));
    let by = concat!("seedship ", env!("CARGO_PKG_VERSION"));
    let draft = plan.draft().piece_length(length).private(typed.private);
    let draft = draft.extra("created by", Item::bytes(by));
    let draft = typed.announce.iter().fold(draft, |draft, url| draft.announce(url.as_str()));
    match &typed.comment {
        Some(comment) => draft.extra("comment", Item::bytes(comment.as_str())),
        None => draft,
    }
}
