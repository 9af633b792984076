//! The `planspec` program.

fn main() -> std::process::ExitCode {
    planspec::cli::main()
}
