//! `kuvert-relay`: runs a relay until it is told to stop, or checks a report of what it carried.

mod args;
mod config;
mod report;
mod shown;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use kuvert_relay::{Relay, RelayOptions};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::fmt::format::FmtSpan;

use args::{Args, Command, ReportCommand};

fn main() -> ExitCode {
    let args = Args::parse();
    if let Some(Command::Report(ReportCommand::Verify(args))) = &args.command {
        return report::verify(args);
    }
    start_log(args.log);
    match args.into_options() {
        Ok(options) => match run(options) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => fail(&error, 1),
        },
        Err(error) => fail(&error, 2),
    }
}

fn fail(error: &dyn std::fmt::Display, code: u8) -> ExitCode {
    eprintln!("error: {error}");
    ExitCode::from(code)
}

/// Only this program's own lines are logged: what libraries say could hold addresses or contents.
fn start_log(level: LevelFilter) {
    let ours = tracing_subscriber::EnvFilter::default()
        .add_directive(LevelFilter::OFF.into())
        .add_directive(format!("kuvert_relay={level}").parse().expect("a target and a level"));
    tracing_subscriber::fmt()
        .with_env_filter(ours)
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .with_target(false)
        .with_span_events(FmtSpan::NONE)
        .init();
}

#[tokio::main]
async fn run(options: RelayOptions) -> Result<(), Box<dyn std::error::Error>> {
    let stopped = stop_signal()?;
    let relay = Relay::start(options).await?;
    let mut stdout = std::io::stdout();
    writeln!(stdout, "listening on {}", relay.url())?;
    stdout.flush()?;
    stopped.await;
    relay.shutdown().await;
    Ok(())
}

/// Ends when the system asks the program to stop: SIGTERM or SIGINT.
#[cfg(unix)]
fn stop_signal() -> std::io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// Ends when the user presses Ctrl-C.
#[cfg(not(unix))]
fn stop_signal() -> std::io::Result<impl Future<Output = ()>> {
    Ok(async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    })
}
