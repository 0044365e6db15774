//! Measures a quiet tenant's requests at the gateway beside one tenant that does all it can.

use std::io::Write;
use std::process::{Child, Output, Stdio};
use std::time::Duration;

use super::{Comparison, Percentile};
use crate::Failure;
use crate::report::Operation;
use crate::system::{System, Tenant, output};
use crate::wrk::{self, Load};

/// The busy tenant's concurrent requests, for creates and for lists of 100 orders each.
const CONNECTIONS: usize = 64;

/// The pause between the quiet tenant's sequential requests: about fifty a second, half of a tenant's rate limit.
const PAUSE: Duration = Duration::from_millis(20);

/// The time for which the busy tenant runs before and after the measurement.
const MARGIN: Duration = Duration::from_secs(1);

const OPERATIONS: [Operation; 3] = [Operation::Get, Operation::List, Operation::Create];

pub(super) fn beside_a_busy_tenant(
    system: &System,
    seconds: u64,
    rounds: usize,
) -> Result<Vec<Comparison>, Failure> {
    system.onboard("busy")?;
    system.fill_orders(200)?;
    let what =
        |operation| format!("{operation:?} beside {CONNECTIONS} creates and {CONNECTIONS} lists of 100");
    let mut comparisons: Vec<_> = OPERATIONS
        .map(|operation| (operation, Comparison::new(what(operation), Percentile::P99, 1.5)))
        .into();
    for _ in 0..rounds {
        let (quiet, busy) = (system.tenant("quiet")?, system.tenant("busy")?);
        for (operation, comparison) in &mut comparisons {
            let load = Load { pause: PAUSE, ..Load::new(*operation, 1, seconds) };
            comparison.alone.push(wrk::measure(system, &quiet, load)?);
            let neighbour = Busy::start(system, &busy, seconds)?;
            std::thread::sleep(MARGIN);
            comparison.beside.push(wrk::measure(system, &quiet, load)?);
            neighbour.end()?;
        }
    }
    Ok(comparisons.into_iter().map(|(_, comparison)| comparison).collect())
}

/// The busy tenant's two loads.
struct Busy([Child; 2]);

impl Busy {
    fn start(system: &System, tenant: &Tenant, seconds: u64) -> Result<Self, Failure> {
        let seconds = seconds + 2 * MARGIN.as_secs();
        let spawn = |operation, page_size| {
            let load = Load { page_size, ..Load::new(operation, CONNECTIONS, seconds) };
            load.command(system, tenant)?.stdout(Stdio::piped()).spawn().map_err(Failure::from)
        };
        Ok(Self([spawn(Operation::Create, 20)?, spawn(Operation::List, 100)?]))
    }

    /// Prints what the busy tenant got, including its refusals.
    fn end(self) -> Result<(), Failure> {
        let mut err = std::io::stderr().lock();
        for (name, child) in ["creates", "lists"].into_iter().zip(self.0) {
            let printed: Output = child.wait_with_output()?;
            let printed = output(&printed)?;
            let lines = printed.lines().map(str::trim);
            let said: Vec<_> = lines
                .filter(|line| {
                    ["Requests/sec", "Non-2xx", "Socket errors"].iter().any(|it| line.starts_with(it))
                })
                .collect();
            writeln!(err, "the busy tenant's {name}: {}", said.join(", "))?;
        }
        Ok(())
    }
}
