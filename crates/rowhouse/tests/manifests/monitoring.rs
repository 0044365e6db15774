//! The pods that Prometheus finds, and the pages that alerts link.

use std::collections::BTreeSet;

use crate::network::selects;
use crate::read::{Workload, list, render, text};

/// The `ServiceMonitor` selects the Services of the gateway and of each service, and no other, at a port that each of them has.
#[test]
fn each_programs_metrics_are_fetched() {
    let Some(manifests) = render("overlays/production") else { return };
    let monitors = manifests.of_kind("ServiceMonitor").collect::<Vec<_>>();
    let [monitor] = monitors[..] else { panic!("{monitors:?}") };
    let [endpoint] = list(&monitor["spec"]["endpoints"]) else { panic!("{monitor}") };
    assert_eq!(endpoint["path"], "/metrics");
    let mut fetched = BTreeSet::new();
    for service in manifests.of_kind("Service") {
        let labels = service["metadata"]["labels"].as_object().unwrap();
        let labels = labels.iter().map(|(label, value)| (label.clone(), text(value).to_owned())).collect();
        if selects(&monitor["spec"]["selector"], &labels) {
            let ports = list(&service["spec"]["ports"]);
            assert!(ports.iter().any(|port| port["name"] == endpoint["port"]), "{service}");
            fetched.insert(text(&service["metadata"]["name"]));
        }
    }
    assert_eq!(fetched, manifests.servers().iter().map(Workload::name).collect());
}

/// The overlay completes the links to the runbooks, and says nothing to the cluster about where it takes them from.
#[test]
fn each_alert_links_its_runbook() {
    let Some(manifests) = render("overlays/production") else { return };
    let rules = manifests.of_kind("PrometheusRule").next().unwrap();
    let rules = list(&rules["spec"]["groups"]).iter().flat_map(|group| list(&group["rules"]));
    let alerts = rules.filter(|rule| rule["alert"].is_string()).collect::<Vec<_>>();
    assert!(alerts.len() > 10);
    for alert in alerts {
        let section = text(&alert["alert"]).to_lowercase();
        let link = format!("https://docs.rowhouse.example/alerts.md#{section}");
        assert_eq!(alert["annotations"]["runbook_url"], link.as_str(), "{alert}");
    }
    assert!(!manifests.data().contains_key("rowhouse-runbooks"));
}
