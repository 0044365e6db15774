//! The settings of logs, traces and metrics.
//!
//! Where OpenTelemetry defines a variable, it is that one, so that collectors' guides apply.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::seconds;

/// The settings of logs, traces and metrics.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Logs, traces and metrics")]
pub struct TelemetryArgs {
    /// Format of the log lines on standard error
    #[arg(long, env = "ROWHOUSE_LOG_FORMAT", value_enum, default_value_t)]
    pub log_format: LogFormat,
    /// Filter of log lines: a level, or a list such as `info,rowhouse_orders=debug`
    #[arg(long, env = "ROWHOUSE_LOG", value_name = "FILTER", default_value = "info")]
    pub log: String,
    /// Address and port at which `/metrics` (Prometheus), `/healthz`, `/readyz` and `/log-filter` are served, such as `0.0.0.0:9464`;
    /// none by default. There is no authentication, so only the monitoring may reach it
    #[arg(long, env = "ROWHOUSE_ADMIN_LISTEN", value_name = "ADDRESS:PORT")]
    pub admin_listen: Option<SocketAddr>,
    /// URL of the collector to which traces and metrics are sent by OTLP, such as `http://localhost:4317`; none by default
    #[arg(long, env = "OTEL_EXPORTER_OTLP_ENDPOINT", value_name = "URL")]
    pub otlp_endpoint: Option<String>,
    /// Protocol of the collector
    #[arg(long, env = "OTEL_EXPORTER_OTLP_PROTOCOL", value_enum, default_value_t)]
    pub otlp_protocol: OtlpProtocol,
    /// Exporter of traces: `none` sends none to the collector
    #[arg(long, env = "OTEL_TRACES_EXPORTER", value_enum, default_value_t)]
    pub traces_exporter: Exporter,
    /// Exporter of metrics: `none` for a collector that takes traces only
    #[arg(long, env = "OTEL_METRICS_EXPORTER", value_enum, default_value_t)]
    pub metrics_exporter: Exporter,
    /// Sampler that chooses the requests to trace, if there is a collector. `parentbased_…` follows the caller's decision, which any client could make
    #[arg(long, env = "OTEL_TRACES_SAMPLER", value_enum, default_value_t)]
    pub traces_sampler: TracesSampler,
    /// The part of the requests that `traceidratio` and `parentbased_traceidratio` trace, from 0 to 1
    #[arg(long, env = "OTEL_TRACES_SAMPLER_ARG", value_name = "RATIO", default_value = "1", value_parser = ratio)]
    pub traces_sampler_arg: f64,
    /// Interval at which metrics are sent to the collector, in seconds
    #[arg(
        long,
        env = "ROWHOUSE_METRICS_INTERVAL",
        value_name = "SECONDS",
        default_value = "60",
        value_parser = seconds
    )]
    pub metrics_interval: Duration,
}

impl Default for TelemetryArgs {
    fn default() -> Self {
        Self {
            log_format: LogFormat::default(),
            log: "info".into(),
            admin_listen: None,
            otlp_endpoint: None,
            otlp_protocol: OtlpProtocol::default(),
            traces_exporter: Exporter::default(),
            metrics_exporter: Exporter::default(),
            traces_sampler: TracesSampler::default(),
            traces_sampler_arg: 1.0,
            metrics_interval: Duration::from_mins(1),
        }
    }
}

/// The format of log lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Short lines for people.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}

/// The protocol of a collector.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum OtlpProtocol {
    /// OTLP over gRPC, usually on port 4317.
    #[default]
    Grpc,
    /// OTLP over HTTP, usually on port 4318. The endpoint is the base URL.
    #[value(name = "http/protobuf")]
    HttpProtobuf,
}

/// The exporter of traces or metrics, by its name in OpenTelemetry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Exporter {
    /// To the collector, if there is one.
    #[default]
    Otlp,
    /// None.
    None,
}

impl LogFormat {
    /// Returns the format that arguments or the environment ask for, also if they are invalid otherwise.
    pub(crate) fn asked_for(arguments: &[OsString]) -> Self {
        let mut rest = arguments.iter().filter_map(|argument| argument.to_str());
        let mut asked = None;
        while let Some(argument) = rest.next() {
            match argument.strip_prefix("--log-format") {
                Some("") => asked = rest.next().map(OsString::from),
                Some(value) => asked = value.strip_prefix('=').map(OsString::from).or(asked),
                None => {}
            }
        }
        let asked = asked.or_else(|| std::env::var_os("ROWHOUSE_LOG_FORMAT"));
        let parsed = asked.and_then(|asked| Self::from_str(asked.to_str()?, false).ok());
        parsed.unwrap_or_default()
    }
}

/// The decision which requests are traced, by its name in OpenTelemetry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum TracesSampler {
    /// All.
    #[value(name = "always_on")]
    AlwaysOn,
    /// None.
    #[value(name = "always_off")]
    AlwaysOff,
    /// A part, whatever the caller decided. All programs choose the same ones, by the trace's id.
    #[default]
    #[value(name = "traceidratio")]
    TraceIdRatio,
    /// Those that the caller traces, and all without a caller's decision.
    #[value(name = "parentbased_always_on")]
    ParentBasedAlwaysOn,
    /// Those that the caller traces.
    #[value(name = "parentbased_always_off")]
    ParentBasedAlwaysOff,
    /// Those that the caller traces, and a part of those without a caller's decision.
    #[value(name = "parentbased_traceidratio")]
    ParentBasedTraceIdRatio,
}

fn ratio(text: &str) -> Result<f64, String> {
    let ratio: f64 = text.parse().map_err(|error| format!("`{text}` is not a number: {error}"))?;
    if (0.0..=1.0).contains(&ratio) { Ok(ratio) } else { Err("write a number from 0 to 1".to_owned()) }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Program {
        #[command(flatten)]
        telemetry: TelemetryArgs,
    }

    fn parse(arguments: &str) -> Result<TelemetryArgs, clap::Error> {
        let arguments = ["program"].into_iter().chain(arguments.split_whitespace());
        Program::try_parse_from(arguments).map(|program| program.telemetry)
    }

    /// The defaults are declared twice: for the parser, and for code that creates the arguments.
    #[test]
    fn defaults() {
        assert_eq!(format!("{:?}", parse("").unwrap()), format!("{:?}", TelemetryArgs::default()));
    }

    #[test]
    fn the_format_is_known_though_another_argument_is_invalid() {
        for (line, expected) in [
            ("program --log-format json --nonsense", LogFormat::Json),
            ("program --nonsense --log-format=json", LogFormat::Json),
            ("program --log-format=text --log-format json", LogFormat::Json),
            ("program --log-format", LogFormat::Text),
            ("program --log-format=jason", LogFormat::Text),
            ("program --log-formats=json", LogFormat::Text),
        ] {
            let arguments: Vec<_> = line.split(' ').map(OsString::from).collect();
            assert_eq!(LogFormat::asked_for(&arguments), expected, "{line}");
        }
    }

    #[test]
    fn values() {
        let args =
            parse("--otlp-protocol http/protobuf --traces-sampler traceidratio --traces-sampler-arg 0.01");
        let args = args.unwrap();
        assert_eq!(args.otlp_protocol, OtlpProtocol::HttpProtobuf);
        assert_eq!(args.traces_sampler, TracesSampler::TraceIdRatio);
        assert!((args.traces_sampler_arg - 0.01).abs() < f64::EPSILON);
        for wrong in ["1.01", "-0.1", "NaN", "half"] {
            assert!(parse(&format!("--traces-sampler-arg={wrong}")).is_err(), "{wrong}");
        }
        assert!(parse("--traces-sampler sometimes").is_err());
    }
}
