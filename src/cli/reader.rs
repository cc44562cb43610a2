//! What an operator types to look at something: no lock, nothing written.
use super::{args, output::Output};
use crate::{
    config::Config,
    error::{Exit, Result},
};
pub(super) fn status(_: &Config, _: &args::SomeApp, _: &Output) -> Result<Exit> {
    Ok(Exit::Done)
}
pub(super) fn releases(_: &Config, _: &args::App, _: &Output) -> Result<Exit> {
    Ok(Exit::Done)
}
pub(super) fn history(_: &Config, _: &args::History, _: &Output) -> Result<Exit> {
    Ok(Exit::Done)
}
