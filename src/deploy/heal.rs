//! What a deploy leaves to be done for its download: to heal it, or to take away what is left of that.

use super::{Env, Subject, tell_in};
use crate::{
    config::App,
    disk::Disk,
    error::Result,
    heal::{self, Healer, Rtorrent, Tended},
    release::Record,
    rtorrent::Client,
    settle::Crew,
    store::Site,
};
use metainfo::InfoHash;
use std::time::Duration;

/// How long an event waits for another process that heals; a sweep goes on to what is next.
const PATIENCE: Duration = Duration::from_secs(30);

/// Goes on with the heal of a download, if there is one: after a deploy, with no lock held. Tells of
/// what fails, and passes it on.
pub fn heal<D: Disk>(
    site: &mut Site<D>,
    app: &App,
    hash: InfoHash,
    rtorrent: Option<&Client>,
    crew: &impl Crew,
    env: &Env,
) -> Result<Tended> {
    let Some(client) = rtorrent else {
        let record = site.record(hash)?;
        return record.map_or(Ok(Tended::Well), |record| heal::look(site.disk(), &record));
    };
    let healer = Healer {
        app: &app.name,
        me: crew.me()?,
        now: env.now,
        random: env.random,
        wait: if env.lock_wait.is_none() { PATIENCE } else { Duration::ZERO },
    };
    let ward = Rtorrent { client, session: &env.session, limit: app.limits.torrent };
    let tended = heal::tend(site, hash, &ward, &healer);
    if let (Err(error), Some(Record { version, .. })) = (&tended, site.record(hash)?) {
        let subject = Subject { app, version: &version, hash: Some(hash) };
        // A terminal has its answer already: this is said beside it.
        let env = Env { answers: false, ..env.clone() };
        let _ = tell_in(Some(site.disk()), &subject, Err(error.clone()), None, &env);
    }
    tended
}
