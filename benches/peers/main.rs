//! Seedship beside the tools that people use for the same work, alternately in one run.

fn main() {}
