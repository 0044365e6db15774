//! The traces that the sampler chooses, by the program's settings and as a collector receives them.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};

use futures_util::future::join_all;
use reqwest::Client;
use rowhouse_testkit::{Binary, Collector, ProgramName};
use uuid::Uuid;

/// The span of the caller.
const PARENT: &str = "b7ad6b7169203331";
/// The requests of which the sampler takes half. By chance it takes fewer than 140 or more than 260 once in 10^8 runs.
const MANY: usize = 400;

/// The decision that a caller has made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Caller {
    /// It sends no trace.
    Silent,
    Sampled,
    Unsampled,
}

/// A request, and whether its trace was recorded.
struct TracedRequest {
    trace: String,
    recorded: bool,
}

/// Makes requests to a gateway with this sampler, `count` for each kind of caller, and returns what the collector
/// recorded of them.
async fn sample(sampler: &str, ratio: &str, count: usize) -> HashMap<Caller, Vec<TracedRequest>> {
    let collector = Collector::over_grpc();
    let gateway = Binary::new(ProgramName::Gateway, env!("CARGO_BIN_EXE_rowhouse-gateway"))
        .with("OTEL_EXPORTER_OTLP_ENDPOINT", collector.endpoint())
        .with("OTEL_METRICS_EXPORTER", "none")
        .with("OTEL_TRACES_SAMPLER", sampler)
        .with("OTEL_TRACES_SAMPLER_ARG", ratio)
        .with("ROWHOUSE_LOG", "warn");
    let running = gateway.start().await;
    let (http, url) = (Client::new(), format!("http://{}/v1/me", gateway.address()));
    let mut made: HashMap<Caller, Vec<(String, bool)>> = HashMap::new();
    for caller in [Caller::Silent, Caller::Sampled, Caller::Unsampled] {
        let (http, url) = (&http, &url);
        let requests = (0..count).map(|_| async move {
            let flags = if caller == Caller::Sampled { "01" } else { "00" };
            let mut request = http.get(url);
            if caller != Caller::Silent {
                let (high, low) = (random(), random());
                request = request.header("traceparent", format!("00-{high:016x}{low:016x}-{PARENT}-{flags}"));
            }
            let answer = request.send().await.unwrap();
            let parent = answer.headers().get("traceparent").unwrap().to_str().unwrap();
            let [_, trace, _, flags] = parent.split('-').collect::<Vec<_>>()[..] else { panic!("{parent}") };
            (trace.to_owned(), flags == "01")
        });
        made.insert(caller, join_all(requests).await);
    }
    let ended = running.stop().await;
    assert_eq!(ended.code, Some(0), "{}", ended.output);

    let recorded: HashSet<_> = collector.spans().into_iter().map(|span| span.trace_id).collect();
    let request_of = |(trace, flag): (String, bool)| {
        let id = Uuid::parse_str(&trace).unwrap();
        let recorded = recorded.contains(id.as_bytes().as_slice());
        assert_eq!(recorded, flag, "the answer says whether {trace} is recorded");
        TracedRequest { trace, recorded }
    };
    made.into_iter().map(|(caller, made)| (caller, made.into_iter().map(&request_of).collect())).collect()
}

fn random() -> u64 {
    RandomState::new().hash_one(())
}

/// Returns the number of traces that were recorded, for a caller that sends none, one that traces and one that does not.
async fn recorded(sampler: &str, ratio: &str) -> [usize; 3] {
    let made = sample(sampler, ratio, 20).await;
    [Caller::Silent, Caller::Sampled, Caller::Unsampled]
        .map(|caller| made[&caller].iter().filter(|one| one.recorded).count())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ratio_of_nothing_or_all_ignores_the_caller() {
    for (sampler, ratio, expected) in [
        ("traceidratio", "0", [0, 0, 0]),
        ("traceidratio", "1", [20, 20, 20]),
        ("always_off", "1", [0, 0, 0]),
        ("always_on", "0", [20, 20, 20]),
    ] {
        assert_eq!(recorded(sampler, ratio).await, expected, "{sampler} {ratio}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sampler_that_is_based_on_the_parent_does_as_the_caller() {
    for (sampler, ratio, expected) in [
        ("parentbased_traceidratio", "0", [0, 20, 0]),
        ("parentbased_traceidratio", "1", [20, 20, 0]),
        ("parentbased_always_off", "1", [0, 20, 0]),
        ("parentbased_always_on", "0", [20, 20, 0]),
    ] {
        assert_eq!(recorded(sampler, ratio).await, expected, "{sampler} {ratio}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn half_of_the_traces_are_recorded_whatever_the_caller_decided() {
    for (caller, sampled) in sample("traceidratio", "0.5", MANY).await {
        let recorded = sampled.iter().filter(|one| one.recorded).count();
        assert!((140..=260).contains(&recorded), "{recorded} of {MANY} of {caller:?}");
        assert_eq!(sampled.iter().map(|one| &one.trace).collect::<HashSet<_>>().len(), MANY);
    }
}
