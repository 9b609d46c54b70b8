//! The program; everything is in the library.

fn main() -> std::process::ExitCode {
    otp_gateway::cli::main()
}
