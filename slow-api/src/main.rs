//! `slow-api`: the service as a program.

use std::net::IpAddr;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use slow_api::Options;

/// An HTTP service that is slow on purpose, and counts what it was asked.
#[derive(Debug, Parser)]
#[command(version)]
struct Flags {
    /// Address to listen on.
    #[arg(long, default_value = "127.0.0.1")]
    address: IpAddr,
    /// Port to listen on; 0 picks a free one.
    #[arg(long, default_value_t = 4000)]
    port: u16,
    /// Milliseconds each answer takes.
    #[arg(long, default_value_t = 4000)]
    delay_ms: u64,
}

#[tokio::main]
async fn main() -> ExitCode {
    let flags = Flags::parse();
    let _as_it_was = rlimit::increase_nofile_limit(u64::MAX);
    let options = Options {
        address: flags.address,
        port: flags.port,
        delay: Duration::from_millis(flags.delay_ms),
    };
    match slow_api::start(options).await {
        Ok(server) => {
            println!("slow-api listening on {}", server.url());
            let _no_signals = tokio::signal::ctrl_c().await;
            server.stop().await;
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("slow-api: {error}");
            ExitCode::from(2)
        }
    }
}
