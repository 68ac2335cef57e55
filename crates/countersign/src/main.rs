//! `countersign`: see `countersign --help`.

use clap::Parser as _;
use countersign::cli::{Cli, Command, Keys, Owner};
use std::process::ExitCode;

/// glibc's allocator keeps what a burst of password hashes needed; this one gives it back.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Serve(options) => countersign::serve::run(&options),
        Command::Doctor(options) => countersign::doctor::run(&options),
        Command::Owner(Owner::Create(options)) => countersign::owner::create(&options),
        Command::User(command) => countersign::user::run(&command),
        Command::Application(command) => countersign::application::run(&command),
        Command::ApiKey(command) => countersign::application::api_keys(&command),
        Command::Keys(Keys::RotateSigning(options)) => countersign::signing_keys::rotate(&options),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            #[expect(clippy::print_stderr, reason = "the operator reads this sentence")]
            {
                eprintln!("countersign: {failure}");
            }
            ExitCode::from(failure.exit_code())
        }
    }
}
