//! The `surehold` command.

/// Every request makes and frees many small pieces of memory; this one does so faster than the system's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    surehold::cli::main()
}
