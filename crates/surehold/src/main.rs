//! The `surehold` command.

fn main() -> std::process::ExitCode {
    surehold::cli::main()
}
