//! The story under test, over a disk in memory: what may go live, be left, be pruned, and what a
//! crash may leave.

mod adopt;
mod adopt_tree;
mod interleave;
mod kills;
mod process;
mod random;
mod rules;
mod syncs;
mod world;
