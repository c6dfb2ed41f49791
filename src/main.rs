fn main() -> std::process::ExitCode {
    actuary::cli::main()
}
