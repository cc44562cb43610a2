//! What switching leaves to be run: `activated` and `check`, the verdict of a trial, and what a
//! killed process owed of them.
//!
//! No lock is held while a command runs but a deploy's own: an operator's rollback never waits for
//! one, and wins. `activated` is owed from before the switch until it ran for what is live, and a
//! look under the switch lock shows that this did not change meanwhile; so it runs last for what is
//! live, whoever switched and whoever was killed.

mod crew;

pub use crew::{Commands, Crew, Live};

use crate::{
    checkpoint,
    disk::Disk,
    error::{Error, Exit, Result},
    process::Group,
    release::{Target, Unix, Version},
    store::{CURRENT, Deploying, Owed, Site},
    switch::{self, Switched, Trial, Verdict},
};

/// What this process owes, and for which release `activated` ran last.
#[must_use = "what is owed is paid"]
#[derive(Debug, Default)]
pub struct Debt {
    owed: Option<Owed>,
    ran_for: Option<Version>,
    /// For which one it ran before that.
    before: Option<Version>,
}

impl Debt {
    /// `activated` ran for this release, or there is nothing to be run for it.
    fn ran_for(&mut self, version: Option<Version>) {
        self.before = std::mem::replace(&mut self.ran_for, version);
    }
}

/// Who can look at what is live under the switch lock: an operator's command, or a deploy.
trait Holder<D: Disk> {
    fn live(&mut self) -> Result<Option<Live>>;
    /// Tells where a command runs.
    fn leash(&mut self, owed: Option<&Owed>, group: Option<Group>) -> Result<()>;
    fn disk(&self) -> &D;
}

impl<D: Disk> Holder<D> for Site<D> {
    fn live(&mut self) -> Result<Option<Live>> {
        Ok(Live::seen(self.switching_blind()?.seen()))
    }

    fn leash(&mut self, owed: Option<&Owed>, group: Option<Group>) -> Result<()> {
        owed.map_or(Ok(()), |owed| self.note_group(owed, group))
    }

    fn disk(&self) -> &D {
        Self::disk(self)
    }
}

impl<D: Disk> Holder<D> for Deploying<'_, D> {
    fn live(&mut self) -> Result<Option<Live>> {
        Ok(Live::seen(self.switching()?.seen()))
    }

    fn leash(&mut self, _: Option<&Owed>, group: Option<Group>) -> Result<()> {
        Self::leash(self, group)
    }

    fn disk(&self) -> &D {
        self.site().disk()
    }
}

/// Notes what is owed, if there is anything to be run: before the switch.
fn owe<D: Disk>(site: &Site<D>, crew: &impl Crew, ran_for: Option<Version>) -> Result<Debt> {
    let owed = if crew.owes() { Some(site.owe(&crew.me()?)?) } else { None };
    checkpoint::reach("activated-owed");
    Ok(Debt { owed, ran_for, before: None })
}

/// Runs `activated` until it ran for what is live. The failure is that of `of`, the release that
/// was made live; what fails of another one is told.
///
/// # Errors
/// What kept it from being run: it stays owed.
fn run_activated<D: Disk>(
    by: &mut impl Holder<D>,
    crew: &impl Crew,
    debt: &mut Debt,
    of: Option<&Version>,
) -> Result<Option<Error>> {
    let mut failure = None;
    loop {
        let live = by.live()?;
        let version = live.as_ref().map(|live| live.version.clone());
        if version == debt.ran_for {
            return Ok(failure);
        }
        if let Some(live) = live.filter(|_| debt.owed.is_some()) {
            let live = live.instead_of(debt.ran_for.as_ref());
            let ran = crew.activated(&live, &mut |group| by.leash(debt.owed.as_ref(), group));
            checkpoint::reach("activated-ran");
            match ran {
                Err(error) if error.exit != Exit::Unhealthy => return Err(error),
                Err(error) if Some(&live.version) == of => failure = Some(error),
                Err(error) => log::error!("{error}; {} stays live", live.version),
                Ok(()) => {}
            }
        }
        debt.ran_for(version);
    }
}

/// Checks a release, for as long as it is live.
fn run_check<D: Disk>(
    by: &mut impl Holder<D>,
    crew: &impl Crew,
    debt: &Debt,
    version: &Version,
) -> Result<Option<Error>> {
    let Some(live) = by.live()?.filter(|live| live.version == *version) else { return Ok(None) };
    let live = live.instead_of(debt.before.as_ref());
    let link = by.disk().read_link(CURRENT)?;
    // Two ways to the same holder: one looks, one writes.
    let by = std::cell::RefCell::new(by);
    let matters = || by.borrow().disk().read_link(CURRENT).is_ok_and(|now| now == link);
    let mut leash = |group| by.borrow_mut().leash(debt.owed.as_ref(), group);
    match crew.check(&live, &matters, &mut leash) {
        Err(error) if error.exit == Exit::Unhealthy => Ok(Some(error)),
        other => other.map(|()| None),
    }
}

/// How a trial ended.
#[derive(Clone, Debug)]
pub struct Settled {
    /// Whose it was.
    pub trial: Trial,
    /// What was decided.
    pub verdict: Verdict,
    /// What failed, if it was returned.
    pub failure: Option<Error>,
}

/// Brings a trial to its verdict: `activated`, `check`, one durable write. If it is bad, what was
/// live before is live again, and `activated` runs for that.
///
/// # Errors
/// Of what is on trial nothing is known: whoever comes next tries it out. What fails after the
/// verdict is told and owed, and changes nothing about it.
pub fn try_out<D: Disk>(
    by: &mut Deploying<'_, D>,
    crew: &impl Crew,
    debt: &mut Debt,
    trial: Trial,
    now: Unix,
) -> Result<Settled> {
    checkpoint::reach("trial-live");
    let mut failure = run_activated(by, crew, debt, Some(&trial.version))?;
    if failure.is_none() {
        failure = run_check(by, crew, debt, &trial.version)?;
    }
    checkpoint::reach("trial-checked");
    let reason = failure.as_ref().map(ToString::to_string);
    let verdict = {
        let mut lock = by.switching()?;
        switch::verdict(&mut lock, &trial, reason, now)?
    };
    checkpoint::reach("verdict-written");
    Ok(Settled { trial, verdict, failure })
}

/// What recovery found.
pub struct Recovered {
    /// How many stages were left.
    pub stages: usize,
    /// How the trial ended that was interrupted, if there was one.
    pub settled: Option<Settled>,
    /// What this process owes from now on.
    pub debt: Debt,
}

/// Finishes or cleans what earlier runs left. Only the holder of the deploy lock may: nothing of
/// its own exists yet.
pub fn recover<D: Disk>(
    by: &mut Deploying<'_, D>,
    crew: &impl Crew,
    now: Unix,
) -> Result<Recovered> {
    let me = crew.me()?;
    let mine = |owed: &Owed| owed.process == (me.pid, me.start);
    // A note of our own is of something that failed earlier in this process.
    let mut unpaid = by.site().owed()?;
    unpaid.retain(|owed| mine(owed) || !crew.is_alive(owed));
    let mut killed =
        by.before().into_iter().chain(unpaid.iter().filter_map(|owed| owed.who.as_ref()));
    killed.try_for_each(|who| crew.end(who))?;
    let before = by.live()?.map(|live| live.version);
    // Where nothing was left and nothing changes, it ran for what is live.
    let ran_for = if unpaid.is_empty() { before } else { None };
    let mut debt = owe(by.site(), crew, ran_for)?;
    let trial = switch::recover(&mut by.switching()?, now)?;
    let stages = by.remove_leftovers()?;
    let settled = match trial {
        Some(trial) => {
            debt.ran_for = None;
            Some(try_out(by, crew, &mut debt, trial, now)?)
        }
        None => None,
    };
    run_activated(by, crew, &mut debt, None)?;
    let others = unpaid.into_iter().filter(|owed| debt.owed.is_none() || !mine(owed));
    others.into_iter().try_for_each(|owed| by.site().paid(owed))?;
    Ok(Recovered { stages, settled, debt })
}

/// The end of a deploy: whatever was switched since, `activated` ran for it, and nothing is owed.
///
/// # Errors
/// What kept it from being run: it stays owed, and the next recovery runs it.
pub fn finish<D: Disk>(by: &mut Deploying<'_, D>, crew: &impl Crew, mut debt: Debt) -> Result<()> {
    run_activated(by, crew, &mut debt, None)?;
    debt.owed.map_or(Ok(()), |owed| by.site().paid(owed))
}

/// An operator's switch, and what is to be run after it. Nothing is switched again, whatever fails:
/// a failure is told beside what was done. `switched` says what a command did, if it switched.
///
/// # Errors
/// What `switch` says.
pub fn around<D: Disk, T>(
    site: &mut Site<D>,
    crew: &impl Crew,
    switched: impl Fn(&T) -> Option<&Switched>,
    switch: impl FnOnce(&mut Site<D>) -> Result<T>,
) -> Result<(T, Option<Error>)> {
    let before = match site.look()?.live_target() {
        Some(Target::Release(version)) => Some(version),
        Some(Target::Nothing) | None => None,
    };
    // A command that was killed and is typed again does what it says. Its note is recovery's.
    let unpaid = site.owed()?.iter().any(|owed| !crew.is_alive(owed));
    let debt = owe(site, crew, if unpaid { None } else { before })?;
    let done = switch(site);
    let after = settle_switched(site, crew, debt, done.as_ref().ok().and_then(switched));
    let done = done?;
    Ok((done, after.unwrap_or_else(Some)))
}

fn settle_switched<D: Disk>(
    site: &mut Site<D>,
    crew: &impl Crew,
    mut debt: Debt,
    switched: Option<&Switched>,
) -> Result<Option<Error>> {
    if let Some(Switched { from, .. }) = switched {
        // What was left is not what was seen without the lock: a deploy may have come between, whose
        // `activated` ran last.
        debt.ran_for(from.version().cloned());
    }
    let live = site.live()?.map(|live| live.version);
    let mut failure = run_activated(site, crew, &mut debt, live.as_ref())?;
    let to = switched.and_then(|switched| switched.to.version());
    if let (None, Some(to)) = (&failure, to) {
        failure = run_check(site, crew, &debt, to)?;
    }
    checkpoint::reach("switch-checked");
    debt.owed.map_or(Ok(()), |owed| site.paid(owed))?;
    Ok(failure)
}
