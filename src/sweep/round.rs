//! One app's share of a sweep: recover, heal, land and activate what is due, newest first, prune.

use super::{
    due::{Due, Found, due},
    swept::Swept,
};
use crate::{
    config::App,
    deploy::{self, Env, Lander, Outcome},
    disk::Disk,
    error::Result,
    heal::{self, Tended},
    rtorrent::Client,
    settle::{self, Crew},
    store::Site,
    tidy::{self, Seeding},
};
use metainfo::InfoHash;
use std::{collections::BTreeMap, time::Duration};

/// What it is gone round with.
pub(super) struct Round<'r, L> {
    pub(super) app: &'r App,
    /// rtorrent, if it answers.
    pub(super) rtorrent: Option<&'r Client>,
    pub(super) lander: &'r L,
    pub(super) env: &'r Env,
    pub(super) swept: &'r mut Swept,
}

impl<L: Crew> Round<'_, L> {
    /// Finishes what a killed run left; somebody else's running deploy is left alone.
    pub(super) fn recover<D: Disk>(&mut self, site: &mut Site<D>) -> Result<()> {
        let mut by = site.deploying(Duration::ZERO, &self.lander.me()?)?;
        let (debt, resumed) = deploy::recover(&mut by, self.app, self.lander, self.env)?;
        if let Some(resumed) = resumed {
            let name = format!("{} {}", self.app.name, resumed.trial.version);
            self.swept.settled(name, &resumed.outcome);
            deploy::tell_resumed(by.site().disk(), self.app, resumed, self.rtorrent, self.env);
        }
        settle::finish(&mut by, self.lander, debt)
    }

    /// Goes on with every heal, and says how the downloads are.
    fn tend<D: Disk>(&mut self, site: &mut Site<D>) -> Result<BTreeMap<InfoHash, Tended>> {
        let mut tended = BTreeMap::new();
        for hash in heal::all(site.disk(), &site.look()?)? {
            let after = self.heal(site, hash, &self.app.name).unwrap_or(Tended::Underway);
            tended.insert(hash, after);
        }
        Ok(tended)
    }

    /// Goes on with one, if the download is being healed; what fails is told, and stops nothing.
    fn heal<D: Disk>(
        &mut self,
        site: &mut Site<D>,
        hash: InfoHash,
        subject: &str,
    ) -> Option<Tended> {
        let healed = deploy::heal(site, self.app, hash, self.rtorrent, self.lander, self.env);
        healed.map_err(|error| self.swept.stopped(self.app, subject, &error)).ok()
    }
}

impl<L> Round<'_, L> {
    /// Goes round: all of it.
    ///
    /// # Errors
    /// What keeps it from the app at all. One release that cannot land does not stop the next.
    pub(super) fn go<D: Disk>(mut self, site: &mut Site<D>, found: Vec<Found<'_>>) -> Result<()>
    where
        L: Lander<D>,
    {
        self.recover(site)?;
        let tended = self.tend(site)?;
        let mut switched = false;
        for due in due(&site.look()?, self.app, found, &tended, self.env.now) {
            // Newest first: what landed earlier is older than what is live now, and was told of then.
            if switched && matches!(due, Due::Activate(_)) {
                continue;
            }
            let hash = due.rank().key.info_hash();
            let (name, done) = due.carry_out(site, &self);
            if let Some(hash) = hash {
                self.heal(site, hash, &name);
            }
            match done {
                Ok(outcome) => {
                    switched |= matches!(outcome, Outcome::Live { .. } | Outcome::Returned { .. });
                    self.swept.settled(name, &outcome);
                }
                Err(error) => self.swept.stopped(self.app, &name, &error),
            }
        }
        let mut by = site.deploying(Duration::ZERO, &self.lander.me()?)?;
        let seeding = self.rtorrent.map(|client| Seeding { client, session: &self.env.session });
        tidy::tidy(&mut by, self.app, seeding, self.env.now, self.env.random);
        Ok(())
    }
}
