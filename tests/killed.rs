//! SIGKILL and power cuts, for real: the site stays up, and one sweep brings order.

mod anywhere;
mod hook;
mod points;
mod power;
mod replay;
mod together;
