//! Measures listing, getting and creating orders at the gateway (wrk), over gRPC (a small client) and in PostgreSQL
//! itself (pgbench with the same statements in one round trip), in turns.
//!
//! pgbench is the baseline: what the database can do without services in front. The ratio to it matters; the absolute
//! figures depend on the machine.

mod client;
mod connections;
mod flood;
mod grpc;
mod jobs;
mod metrics;
mod neighbours;
mod overload;
mod pgbench;
mod program;
mod report;
mod scale;
mod sizing;
mod system;
mod wrk;

use std::path::PathBuf;

use clap::Parser;
use report::{Operation, Report, Surface};
use system::System;
use wrk::Load;

/// Measures a Rowhouse that it starts itself. Needs `wrk`, `pgbench` and `psql`, and the `rowhouse` binary of
/// the same build beside it, or, for `sizing`, all programs.
#[derive(Parser)]
struct Arguments {
    #[arg(value_enum, default_value_t = Measurement::Requests)]
    measurement: Measurement,
    /// Duration of a measurement, in seconds.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Number of rounds, in turns, of measurements that compare two things.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Number of concurrent requests at the gateway and over gRPC, and of pgbench's clients.
    #[arg(long, default_value_t = 16)]
    concurrency: usize,
    /// Number of tenants in the database, including the measured one.
    #[arg(long, default_value_t = 50)]
    tenants: usize,
    /// Number of orders per tenant, each with two lines.
    #[arg(long, default_value_t = 200)]
    orders: usize,
    /// Number of jobs per measurement, for `jobs`.
    #[arg(long, default_value_t = 20_000)]
    job_count: usize,
    /// Keep the default rate limits.
    #[arg(long)]
    rate_limits: bool,
    /// Number of due maintenance jobs, for `neighbours`.
    #[arg(long, default_value_t = 10_000)]
    maintenance: u32,
    /// Number of requests after which the memory is read again, for `sizing`.
    #[arg(long, default_value_t = 2_000)]
    requests: usize,
    /// File for the picture, for `scale`.
    #[arg(long)]
    svg: Option<PathBuf>,
}

/// The subject of the measurement.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Measurement {
    /// Listing, getting and creating orders at the gateway and over gRPC, compared with pgbench.
    Requests,
    /// Listing orders, without and during a flood of logins.
    Flood,
    /// Jobs per second, compared with `graphile_worker` on the same PostgreSQL.
    Jobs,
    /// Getting an order, with metrics and without.
    Metrics,
    /// Getting and creating orders at five times the rate of the peak, compared with the peak.
    Overload,
    /// The memory of connections: open, with large bodies, idle, and closed.
    Connections,
    /// The memory of each program, also after many requests, and its processor time for each kind of request.
    Sizing,
    /// Requests, jobs and commands with a hundred tenants, compared with many.
    Scale,
    /// The requests of one tenant, alone and beside tenants that use all the capacity they can get.
    Neighbours,
}

#[tokio::main]
async fn main() -> std::process::ExitCode {
    let arguments = Arguments::parse();
    rowhouse_chassis::program::raise_open_files();
    match run(&arguments).await {
        Ok(report) => {
            if let Some(report) = report {
                report.print();
            }
            std::process::ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("rowhouse-bench: {error}");
            std::process::ExitCode::FAILURE
        }
    }
}

/// The argument with which a system takes the connections of measurements that have many, without closing those that are idle.
const ROOM: [&str; 2] = ["--max-connections", "4000"];

/// An error, as a message.
type Failure = Box<dyn std::error::Error>;

async fn run(arguments: &Arguments) -> Result<Option<Report>, Failure> {
    if arguments.measurement == Measurement::Jobs {
        jobs::run(arguments.concurrency, arguments.job_count, arguments.rounds).await?;
        return Ok(None);
    }
    if arguments.measurement == Measurement::Metrics {
        let &Arguments { concurrency, seconds, rounds, tenants, orders, .. } = arguments;
        let size = metrics::Size { concurrency, seconds, rounds, tenants, orders };
        metrics::run(arguments.rate_limits, size).await?;
        return Ok(None);
    }
    if arguments.measurement == Measurement::Sizing {
        sizing::run(arguments).await?;
        return Ok(None);
    }
    if arguments.measurement == Measurement::Scale {
        scale::run(arguments).await?;
        return Ok(None);
    }
    let many = [Measurement::Connections, Measurement::Overload].contains(&arguments.measurement);
    let room: &[&str] = if many { &ROOM } else { &[] };
    let system = System::start(arguments.rate_limits, room).await?;
    if arguments.measurement == Measurement::Neighbours {
        neighbours::run(&system, arguments.seconds, arguments.rounds, arguments.maintenance).await?;
        system.stop()?;
        return Ok(None);
    }
    if arguments.measurement == Measurement::Overload {
        overload::run(&system, arguments.seconds, arguments.rounds).await?;
        system.stop()?;
        return Ok(None);
    }
    let tenant = system.seed(arguments.tenants, arguments.orders)?;
    if arguments.measurement == Measurement::Flood {
        flood::run(&system, &tenant, arguments.seconds, arguments.rounds).await?;
        system.stop()?;
        return Ok(None);
    }
    if arguments.measurement == Measurement::Connections {
        connections::run(&system, &tenant, arguments.seconds).await?;
        system.stop()?;
        return Ok(None);
    }
    let mut report = Report::new(arguments.concurrency, arguments.seconds);
    for operation in [Operation::Get, Operation::List, Operation::Create] {
        let (concurrency, seconds) = (arguments.concurrency, arguments.seconds);
        report.add(
            operation,
            Surface::Pgbench,
            pgbench::measure(&system, &tenant, operation, concurrency, seconds)?,
        );
        report.add(
            operation,
            Surface::Grpc,
            grpc::measure(&system, &tenant, operation, concurrency, seconds).await?,
        );
        report.add(
            operation,
            Surface::Rest,
            wrk::measure(&system, &tenant, Load::new(operation, concurrency, seconds))?,
        );
    }
    system.stop()?;
    Ok(Some(report))
}
