//! Hands what was published to an rtorrent, and waits until it seeds.

use super::{Published, Seeds, parsed};
use crate::{
    error::Result,
    rtorrent::{Client, Seed},
};

/// Has rtorrent seed it.
///
/// # Errors
/// 69 if rtorrent cannot be reached or refuses, 75 if it does not find the payload.
pub fn seed(published: &mut Published, client: &Client) -> Result<()> {
    let torrent = parsed(&published.bytes)?;
    let seed = Seed { torrent: &torrent, bytes: &published.bytes, directory: &published.directory };
    let state = client.seed(&seed)?;
    let rtorrent = client.address().to_string().trim_matches('`').to_owned();
    published.seeding = Some(Seeds { rtorrent, state });
    Ok(())
}
