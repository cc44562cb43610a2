//! The heart under test: what may go live, be left, be pruned, and what a crash may leave.

mod adopt;
mod kills;
mod random;
mod rules;
mod world;
