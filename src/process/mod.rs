//! The process itself: who it is, whose rights it has, what it inherited from its parent.
//!
//! A door to the world: everything here asks or tells the kernel about processes, and nothing
//! else in the hook does. There is no state; what a killed process leaves behind is told by
//! [`Who`], which the lock's line carries, and ended by [`end_group`].

mod command;
mod detach;
mod family;
mod group;
mod inquiry;
mod owner;
mod who;

pub use command::{AS_COMMAND, Ended, Leash, Order, become_command, run};
pub use detach::{detach, spare_own};
pub use family::{Children, Confinement, children, confinement, task_limit};
pub use group::{Group, end_group};
pub use inquiry::Inquiry;
pub use owner::{AS_OWNER, Owner, become_owner, home, owner_of, require_owner, run_as, user_of};
pub use who::{Who, is_running};

/// Runs one ignored test of this binary in a process of its own, for what would change the whole
/// test process: its user, its signals, its descriptors.
#[cfg(test)]
fn child_side(test: &str, case: &str) -> std::process::Command {
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    command.args([test, "--exact", "--ignored", "--nocapture", "--test-threads=1"]);
    command.env("SEEDSHIP_TEST_CASE", case);
    command
}

/// What [`child_side`] asked for; nothing when someone runs all ignored tests.
#[cfg(test)]
fn child_case() -> Option<String> {
    std::env::var("SEEDSHIP_TEST_CASE").ok()
}
