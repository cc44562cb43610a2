//! Typed questions to rtorrent, and what its session directory says without it.
//!
//! [`Client`] asks the running rtorrent; [`session`] reads the files it leaves; [`Client::find`] takes
//! whichever of the two answers; [`payload`] deletes what a download has on disk once rtorrent has let
//! go of it; [`Belongings`] are what it would forget of one that it loads again. Nothing is cached:
//! rtorrent is the one who knows. A crash between two questions loses nothing that asking again does
//! not bring.

mod again;
mod belongings;
mod client;
pub mod command;
mod download;
mod find;
mod handlers;
pub mod payload;
mod seed;
pub mod session;

pub use crate::scgi::{Address, Listener, Timeouts};
pub use again::{Standing, Torrent};
pub use belongings::Belongings;
pub use client::Client;
pub use download::Download;
pub use find::{Asked, Found};
pub use handlers::{Bound, Handler};
pub use seed::{Seed, Seeding};
