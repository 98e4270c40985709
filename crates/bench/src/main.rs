//! The `surehold-bench` command.

fn main() -> std::process::ExitCode {
    surehold_bench::cli::main()
}
