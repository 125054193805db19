//! The command line of daleian: what was typed → what was validated → run.
#![forbid(unsafe_code)]

mod cli;

fn main() -> std::process::ExitCode {
    cli::main()
}
