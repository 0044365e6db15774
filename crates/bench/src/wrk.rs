//! Measures REST at the gateway with wrk.

use std::process::Command;
use std::time::Duration;

use crate::Failure;
use crate::report::{Figures, Operation};
use crate::system::{System, Tenant, output};

/// A kind of request to the gateway.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    pub(crate) operation: Operation,
    /// The page size of lists.
    pub(crate) page_size: u32,
    pub(crate) concurrency: usize,
    pub(crate) seconds: u64,
    /// The pause between an answer and the next request of a connection.
    pub(crate) pause: Duration,
}

impl Load {
    /// Creates a load with pages of twenty and without a pause.
    pub(crate) const fn new(operation: Operation, concurrency: usize, seconds: u64) -> Self {
        Self { operation, page_size: 20, concurrency, seconds, pause: Duration::ZERO }
    }

    /// Returns the command that runs wrk.
    pub(crate) fn command(self, system: &System, tenant: &Tenant) -> Result<Command, Failure> {
        let Self { operation, page_size, concurrency, seconds, pause } = self;
        let gateway = system.endpoint("gateway");
        let url = format!("{gateway}{}", path(operation, tenant, page_size));
        let script = system.directory().join(format!("{operation:?}-{concurrency}.lua"));
        std::fs::write(&script, lua(operation, pause))?;
        let mut command = Command::new("wrk");
        command
            .args(["--threads", "1", "--latency"])
            .args(["--connections", &concurrency.to_string(), "--duration", &format!("{seconds}s")])
            .args(["--header", &format!("authorization: Bearer {}", tenant.token)])
            .arg("--script")
            .arg(&script)
            .arg(url);
        Ok(command)
    }
}

/// The body that creates an order.
pub(crate) const ORDER: &str = r#"{"customer":"Customer","currency":"EUR","lines":[{"sku":"sku-1","quantity":1,"unit_price_minor":1000},{"sku":"sku-2","quantity":2,"unit_price_minor":1000}]}"#;

/// Returns the path of a request.
pub(crate) fn path(operation: Operation, tenant: &Tenant, page_size: u32) -> String {
    match operation {
        Operation::Get => format!("/v1/orders/{}", tenant.order),
        Operation::List => format!("/v1/orders?page_size={page_size}"),
        Operation::Create => "/v1/orders".to_owned(),
    }
}

pub(crate) fn measure(system: &System, tenant: &Tenant, load: Load) -> Result<Figures, Failure> {
    let printed = output(&load.command(system, tenant)?.output()?)?;
    if printed.contains("Non-2xx") || printed.contains("Socket errors") {
        return Err(printed.into());
    }
    let mut figures = parse(&printed).ok_or(printed)?;
    if figures.p99.is_zero() {
        // No request was answered in time, so each takes longer than the whole measurement.
        let all = Duration::from_secs(load.seconds);
        (figures.p50, figures.p99) = (all, all);
    }
    Ok(figures)
}

fn lua(operation: Operation, pause: Duration) -> String {
    let request = match operation {
        Operation::Get | Operation::List => String::new(),
        Operation::Create => format!(
            "wrk.method = \"POST\"\nwrk.headers[\"content-type\"] = \"application/json\"\nwrk.body = '{ORDER}'\n"
        ),
    };
    let millis = pause.as_millis();
    // wrk looks at the clock for a connection only if there is such a function.
    if millis == 0 { request } else { format!("{request}function delay() return {millis} end\n") }
}

fn parse(printed: &str) -> Option<Figures> {
    let word = |label: &str| {
        printed.lines().find_map(|line| line.trim().strip_prefix(label)).map(|rest| rest.trim().to_owned())
    };
    Some(Figures {
        per_second: word("Requests/sec:")?.parse().ok()?,
        p50: duration(&word("50%")?)?,
        p99: duration(&word("99%")?)?,
    })
}

/// Parses a duration such as `980.00us`, `1.23ms` or `2.34s`.
fn duration(text: &str) -> Option<Duration> {
    let (number, unit) = text.split_at(text.find(|c: char| c.is_ascii_alphabetic())?);
    let seconds = match unit {
        "us" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        _ => return None,
    };
    Some(Duration::from_secs_f64(number.parse::<f64>().ok()? * seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_wrk_prints_is_read() {
        let figures = parse(
            "Running 10s test @ http://127.0.0.1:8080\n  Latency Distribution\n     50%    1.50ms\n     75%    2.00ms\n     \
             90%    2.50ms\n     99%  980.00us\n  100 requests in 10.00s, 1.00MB read\nRequests/sec:   1234.50\n",
        )
        .unwrap();
        assert_eq!((figures.p50, figures.p99), (Duration::from_micros(1500), Duration::from_micros(980)));
        assert!((figures.per_second - 1234.5).abs() < 1e-9);
    }
}
