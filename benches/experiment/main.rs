//! What requests see of a switch: three ways to change a link, under load, side by side.

fn main() {}
