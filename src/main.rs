//! The `planspec` program.

/// Reading many small files is mostly allocating.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    planspec::cli::main()
}
