//! The queries of the dashboards and of the rules.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::Channel;
use tonic_prost::ProstCodec;

use crate::prometheus::deployed;

const DASHBOARDS: [&str; 2] = ["requests", "work"];
const MONITORING: &str = "components/monitoring";

/// The value of Grafana's variable `$namespace` until somebody chooses one.
pub(crate) const ALL: &str = ".*";

/// Metrics of others than Rowhouse's programs: of Prometheus and of kube-state-metrics.
pub(crate) const OF_OTHERS: [&str; 2] = ["up", "kube_job_failed"];

/// Returns each panel's title and expression.
pub(crate) fn of_the_dashboards() -> Vec<(String, String)> {
    let mut queries = Vec::new();
    for name in DASHBOARDS {
        let path = deployed(&format!("{MONITORING}/dashboards/{name}.json"));
        let dashboard: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
        for panel in dashboard["panels"].as_array().unwrap() {
            for target in panel["targets"].as_array().into_iter().flatten() {
                let expression = target["expr"].as_str().unwrap();
                let expression = expression.replace("$__rate_interval", "1m").replace("$namespace", ALL);
                queries.push((panel["title"].as_str().unwrap().to_owned(), expression));
            }
        }
    }
    queries
}

/// Returns the groups of rules.
pub(crate) fn specification() -> Value {
    let path = deployed(&format!("{MONITORING}/prometheus-rule.yaml"));
    let resource: Value = yaml_serde::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    resource["spec"].clone()
}

/// Returns the rules in the form of Prometheus' own files.
pub(crate) fn rules() -> String {
    serde_json::to_string(&specification()).unwrap()
}

/// Returns each rule's name and expression.
pub(crate) fn of_the_rules() -> Vec<(String, String)> {
    let groups = specification();
    let rules =
        groups["groups"].as_array().unwrap().iter().flat_map(|group| group["rules"].as_array().unwrap());
    let text = |rule: &Value, key: &str| rule[key].as_str().map(str::to_owned);
    rules
        .map(|rule| {
            let name = text(rule, "alert").or_else(|| text(rule, "record")).unwrap();
            (name, text(rule, "expr").unwrap())
        })
        .collect()
}

/// Returns the metrics that an expression reads: its names that no parenthesis follows, outside of braces, brackets and quotation marks.
pub(crate) fn metrics_of(expression: &str) -> BTreeSet<String> {
    const KEYWORDS: [&str; 10] = ["by", "and", "or", "on", "unless", "sum", "min", "max", "count", "group"];
    let mut names = BTreeSet::new();
    let (mut word, mut depth, mut labels) = (String::new(), 0_usize, false);
    let outside_of_quotes = expression.split('"').step_by(2).collect::<Vec<_>>().join(" ");
    for char in outside_of_quotes.chars().chain([' ']) {
        if depth == 0 && (char.is_ascii_alphanumeric() || matches!(char, '_' | ':')) {
            word.push(char);
            continue;
        }
        let found = std::mem::take(&mut word);
        if found == "by" {
            labels = true;
        }
        let is_name = found.starts_with(|first: char| first.is_ascii_alphabetic());
        if is_name && char != '(' && !labels && !KEYWORDS.contains(&found.as_str()) {
            names.insert(found);
        }
        match char {
            '{' | '[' => depth += 1,
            '}' | ']' => depth -= 1,
            ')' => labels = false,
            _ => {}
        }
    }
    names
}

/// Checks that the documentation has each metric of a scrape, and no other.
pub(crate) fn documented(scrape: &str) {
    let pages = deployed("../docs/observability.md");
    let page = fs::read_to_string(pages).unwrap();
    let types = scrape.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let missing: Vec<_> = types
        .filter_map(|line| line.split(' ').next())
        .filter(|name| !page.contains(&format!("`{name}`")))
        .collect();
    assert!(missing.is_empty(), "docs/observability.md lacks {missing:?}");
    let first_cells =
        page.lines().filter(|line| line.starts_with("| `")).filter_map(|line| line.split('|').nth(1));
    let documented = first_cells.flat_map(|cell| cell.split('`').skip(1).step_by(2));
    let gone: Vec<_> = documented
        .filter(|name| name.contains('_') && name.chars().all(|c| c.is_ascii_lowercase() || c == '_'))
        .filter(|name| !scrape.contains(&format!("# TYPE {name} ")))
        .collect();
    assert!(gone.is_empty(), "docs/observability.md has {gone:?}, which no scrape has");
}

/// A method that no service has.
pub(crate) const INVENTED: &str = "/orders.v1.OrderService/Invented";

/// Calls a method that need not exist.
pub(crate) async fn call(endpoint: &str, path: &'static str) {
    let channel = Channel::from_shared(endpoint.to_owned()).unwrap().connect().await.unwrap();
    let mut client = Grpc::new(channel);
    client.ready().await.unwrap();
    let codec: ProstCodec<(), ()> = ProstCodec::default();
    let refused = client.unary(tonic::Request::new(()), PathAndQuery::from_static(path), codec).await;
    assert!(refused.is_err());
}
