<<<<<<< HEAD
=======
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

>>>>>>> cli
fn main() -> std::process::ExitCode {
    actuary::cli::main()
}
