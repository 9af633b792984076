//! The `planspec` program.

/// Reading many small files mostly allocates memory.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    planspec::cli::main()
}
