//! The `seedship` binary: everything is in the library.

fn main() -> std::process::ExitCode {
    seedship::cli::run(std::env::args_os())
}
