//! Seedship: the rtorrent companion that turns a finished download into a live release.
//!
//! The modules stand in the order of their layers; each imports only from those above it in this
//! file (`tests/layers.rs` holds that). Read [`deploy`] first: it is the story the rest serves.

// nouns
pub mod bounded;
pub mod config;
pub mod error;
pub mod manifest;
pub mod release;
pub mod signature;
pub mod table;
// doors to the world
pub mod checkpoint;
pub mod disk;
pub mod process;
pub mod scgi;
// stages, in the order of the pipeline
pub mod rtorrent;
pub mod store;
pub mod verify;
pub mod unpack;
pub mod choose;
pub mod switch;
pub mod check;
pub mod prune;
pub mod report;
// stories
pub mod settle;
pub mod tidy;
pub mod heal;
pub mod deploy;
pub mod operate;
pub mod sweep;
pub mod look;
pub mod monitor;
pub mod torrent;
pub mod doctor;
pub mod publish;
// door
pub mod cli;
