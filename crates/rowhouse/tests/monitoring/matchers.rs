//! The labels by which dashboards and rules select series, and their values.

use std::collections::BTreeSet;

use crate::prometheus::Prometheus;
use crate::queries::{ALL, of_the_dashboards, of_the_rules, specification};

/// Labels that Prometheus adds, and those of kube-state-metrics.
const OF_OTHERS: [&str; 5] = ["instance", "job", "namespace", "job_name", "condition"];

/// One matcher of a selector.
struct Matcher {
    metric: String,
    label: String,
    operator: String,
    value: String,
}

/// Returns the matchers of an expression's selectors.
fn matchers(expression: &str) -> Vec<Matcher> {
    let mut found = Vec::new();
    let mut rest = expression;
    while let Some((before, selector)) = rest.split_once('{') {
        let is_name = |char: char| char.is_ascii_alphanumeric() || matches!(char, '_' | ':');
        let metric = before.rsplit(|char| !is_name(char)).next().unwrap();
        let (selector, after) = selector.split_once('}').unwrap();
        for matcher in selector.strip_suffix('"').unwrap().split("\",") {
            let (label, value) = matcher.split_once('"').unwrap();
            let end = label.find(['=', '!']).unwrap();
            let (label, operator) = label.split_at(end);
            found.push(Matcher {
                metric: metric.to_owned(),
                label: label.trim().to_owned(),
                operator: operator.to_owned(),
                value: value.to_owned(),
            });
        }
        rest = after;
    }
    found
}

/// Returns the labels by which an expression groups or matches series.
fn grouped_by(expression: &str) -> BTreeSet<&str> {
    let lists = ["by (", "on (", "without ("].into_iter().flat_map(|word| expression.split(word).skip(1));
    lists.flat_map(|list| list.split(')').next().unwrap().split(',')).map(str::trim).collect()
}

/// Returns the labels that a text shows, as `{{ $labels.a }}` in an annotation or `{{b}}` in a legend.
fn shown(text: &str) -> Vec<&str> {
    let parts = text.split("{{").skip(1).map(|part| part.split("}}").next().unwrap().trim());
    parts.filter(|part| !part.starts_with("$value")).map(|part| part.trim_start_matches("$labels.")).collect()
}

/// Checks that each label of an expression is one of a scrape, and that each value that it selects was there.
pub(crate) async fn exist(scrape: &str, prometheus: &Prometheus) {
    let exists = |label: &str| OF_OTHERS.contains(&label) || scrape.contains(&format!("{label}=\""));
    let mut not_seen = BTreeSet::new();
    for (what, expression) in of_the_dashboards().into_iter().chain(of_the_rules()) {
        for label in grouped_by(&expression) {
            assert!(exists(label), "{what}: no metric has the label {label}");
        }
        for Matcher { metric, label, operator, value } in matchers(&expression) {
            assert!(exists(&label), "{what}: no metric has the label {label}");
            if operator.starts_with('!') || value == ALL || metric.starts_with("kube_") {
                continue;
            }
            let values = if operator == "=~" { value.split('|').collect() } else { vec![value.as_str()] };
            for value in values {
                let selected = format!("{metric}{{{label}{operator}\"{value}\"}}");
                if prometheus.query(&selected).await.is_empty() {
                    not_seen.insert((label.clone(), value.to_owned()));
                }
            }
        }
    }
    assert!(not_seen.is_empty(), "values that no series had: {not_seen:?}");

    for group in specification()["groups"].as_array().unwrap() {
        for rule in group["rules"].as_array().unwrap().iter().filter(|rule| rule["alert"].is_string()) {
            for label in shown(rule["annotations"]["description"].as_str().unwrap()) {
                assert!(exists(label), "{}: no metric has the label {label}", rule["alert"]);
            }
        }
    }
}
