//! Measures what the number of tenants changes: requests, claims of jobs and commands on two systems, of which one has few tenants and
//! the other many, in turns. The ratios matter; the absolute figures depend on the machine.

mod claims;
mod commands;
mod picture;
mod requests;
mod side;
mod table;

use std::io::Write;
use std::time::Duration;

use crate::report::{Figures, Operation};
use crate::{Arguments, Failure};
use side::{Sampled, Side};
use table::{Both, Table, Which};

/// The number of tenants of the system that has few.
const FEW: usize = 100;

/// A measured operation.
#[derive(Clone, Copy)]
enum Subject {
    Login,
    Order(Operation),
    Claim,
    Command(&'static [&'static str]),
}

/// The subjects, of which the login is the first: the others use its tokens.
const SUBJECTS: [(&str, Subject); 8] = [
    ("log in", Subject::Login),
    ("get an order", Subject::Order(Operation::Get)),
    ("list 20 orders", Subject::Order(Operation::List)),
    ("create an order", Subject::Order(Operation::Create)),
    ("claim a job", Subject::Claim),
    ("rowhouse tenant list", Subject::Command(&["tenant", "list"])),
    ("rowhouse audit", Subject::Command(&["audit"])),
    ("rowhouse migrate", Subject::Command(&["migrate"])),
];

pub(crate) async fn run(arguments: &Arguments) -> Result<(), Failure> {
    let &Arguments { seconds, rounds, tenants, orders, ref svg, .. } = arguments;
    let few = Side::start(FEW.min(tenants), orders).await?;
    let many = Side::start(tenants, orders).await?;
    let lasting = Duration::from_secs(seconds);
    let mut table =
        Table::new(Both::new(few.tenants(), many.tenants()), orders, SUBJECTS.map(|(label, _)| label));
    for round in 0..rounds {
        let mut sides =
            [(Which::Few, &few, few.sample(seconds)?), (Which::Many, &many, many.sample(seconds)?)];
        if round % 2 == 1 {
            sides.reverse();
        }
        for (label, subject) in SUBJECTS {
            for (which, side, sample) in &mut sides {
                let latencies = measure(side, sample, subject, lasting).await?;
                let figures =
                    Figures::of(latencies, lasting).ok_or_else(|| format!("{label}: nothing was done"))?;
                table.add(label, *which, figures);
            }
        }
    }
    let needs = Both::new(few.needs(lasting).await?, many.needs(lasting).await?);
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "One client, another tenant each time; {rounds} rounds in turns, {seconds} s each; medians of the rounds\n"
    )?;
    table.write(&mut out)?;
    writeln!(out)?;
    table.write_needs(&mut out, &needs)?;
    if let Some(file) = svg {
        let title = format!("{} tenants beside {}, {orders} orders each", many.tenants(), few.tenants());
        std::fs::write(file, picture::draw(&title, &table.medians())?)?;
    }
    few.stop()?;
    many.stop()
}

async fn measure(
    side: &Side,
    sample: &mut [Sampled],
    subject: Subject,
    lasting: Duration,
) -> Result<Vec<Duration>, Failure> {
    let system = side.system();
    match subject {
        Subject::Login => requests::log_in(system, sample).await,
        Subject::Order(operation) => requests::ask(system, sample, operation, lasting).await,
        Subject::Claim => claims::measure(system, sample, lasting).await,
        Subject::Command(arguments) => commands::measure(system, arguments, lasting),
    }
}
