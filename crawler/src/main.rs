//! The program `crawler`.

fn main() -> std::process::ExitCode {
    crawler::main()
}
