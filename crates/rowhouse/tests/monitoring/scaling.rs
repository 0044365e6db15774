//! The metric of the pods by which `components/scale-by-requests` scales, as prometheus-adapter makes it with the rule of deploy/README.md.

use std::fs;

use rowhouse_testkit::{ServiceName, TestSystem};
use serde_json::Value;

use crate::prometheus::{Prometheus, deployed};
use crate::queries::{INVENTED, call};

/// The labels that Kubernetes' discovery gives a pod's series.
pub(crate) const NAMESPACE: &str = "rowhouse";
pub(crate) const POD: &str = "rowhouse-0";

const SERIES: [&str; 2] =
    ["http_server_request_duration_seconds_count", "rpc_server_call_duration_seconds_count"];

/// Returns the only rule of the page.
fn rule() -> Value {
    let page = fs::read_to_string(deployed("README.md")).unwrap();
    let (_, begun) = page.split_once("```yaml\nrules:").unwrap();
    let (block, _) = begun.split_once("\n```").unwrap();
    let rules: Value = yaml_serde::from_str(&format!("rules:{block}")).unwrap();
    let [rule] = rules["rules"]["custom"].as_array().unwrap().as_slice() else { panic!("{rules}") };
    rule.clone()
}

/// Checks that the rule's metric has the name that the autoscalers read, and counts the requests of the gateway and the calls of the services,
/// whichever of its two series the adapter keeps.
pub(crate) async fn requests_are_counted(system: &TestSystem, prometheus: &Prometheus) {
    // A rate needs an increase after the first scrape of a series.
    prometheus.scrapes(2).await;
    system.http().get(format!("{}/nowhere", system.gateway_url())).send().await.unwrap();
    call(system.endpoint(ServiceName::Orders), INVENTED).await;
    prometheus.scrapes(2).await;
    let rule = rule();
    let component = fs::read_to_string(deployed("components/scale-by-requests/kustomization.yaml")).unwrap();
    let name = rule["name"]["as"].as_str().unwrap();
    assert!(component.contains(&format!("name: {name}\n")), "the autoscalers do not read {name}");
    let found = rule["seriesQuery"].as_str().unwrap();
    assert_eq!(prometheus.query(&format!("count by (__name__) ({found})")).await.len(), SERIES.len());

    let query = rule["metricsQuery"].as_str().unwrap();
    let matchers = format!("namespace=\"{NAMESPACE}\",pod=~\"{POD}|another\"");
    let metric = |series: &str| {
        let query = query.replace("<<.Series>>", series).replace("<<.LabelMatchers>>", &matchers);
        query.replace("<<.GroupBy>>", "pod")
    };
    let [http, rpc] = SERIES.map(metric);
    for series in SERIES {
        // At one moment, each is more than one of the series alone.
        let all = format!("({http}) == ({rpc}) > sum by (pod) (rate({series}{{{matchers}}}[2m]))");
        assert_eq!(prometheus.query(&all).await.len(), 1, "{all}");
    }
}
