//! Evaluating the network policies: a program reaches another exactly if it has its endpoint, and what comes in and goes out is what the
//! table of deploy/README.md has.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnet::IpNet;
use rowhouse_catalog::ServiceName;
use serde_json::Value;

use crate::endpoints;
use crate::read::{Manifests, Workload, list, render, text};

type Labels = BTreeMap<String, String>;

/// An end of a connection.
enum Peer {
    /// A pod of this namespace, with its named ports.
    Pod { labels: Labels, ports: BTreeMap<String, u64> },
    /// A pod of another namespace.
    Stranger { namespace: Labels, labels: Labels },
    /// An address outside of the cluster.
    Address(IpAddr),
}

fn labels(written: &[(&str, &str)]) -> Labels {
    written.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn stranger(namespace: &[(&str, &str)]) -> Peer {
    Peer::Stranger { namespace: labels(namespace), labels: Labels::new() }
}

fn pod(workload: &Workload<'_>) -> Peer {
    let labels = workload.labels.as_object().unwrap();
    let ports = list(&workload.container["ports"]).iter();
    Peer::Pod {
        labels: labels.iter().map(|(key, value)| (key.clone(), text(value).to_owned())).collect(),
        ports: ports
            .map(|port| (text(&port["name"]).to_owned(), port["containerPort"].as_u64().unwrap()))
            .collect(),
    }
}

/// Returns whether a label selector selects labels.
pub(crate) fn selects(selector: &Value, labels: &Labels) -> bool {
    let matched = selector["matchLabels"].as_object().is_none_or(|wanted| {
        wanted.iter().all(|(key, value)| labels.get(key).is_some_and(|label| label == text(value)))
    });
    matched
        && list(&selector["matchExpressions"]).iter().all(|expression| {
            assert_eq!(expression["operator"], "In", "no other operator is in use");
            let label = labels.get(text(&expression["key"]));
            label.is_some_and(|label| list(&expression["values"]).iter().any(|value| text(value) == label))
        })
}

/// Returns whether an entry of `from` or `to` means a peer.
fn means(entry: &Value, peer: &Peer) -> bool {
    match peer {
        Peer::Pod { labels, .. } => {
            entry.get("namespaceSelector").is_none()
                && entry.get("podSelector").is_some_and(|selector| selects(selector, labels))
        }
        Peer::Stranger { namespace, labels } => {
            entry.get("namespaceSelector").is_some_and(|selector| selects(selector, namespace))
                && entry.get("podSelector").is_none_or(|selector| selects(selector, labels))
        }
        Peer::Address(address) => entry.get("ipBlock").is_some_and(|block| {
            let contains = |cidr: &Value| text(cidr).parse::<IpNet>().unwrap().contains(address);
            contains(&block["cidr"]) && !list(&block["except"]).iter().any(contains)
        }),
    }
}

/// Returns whether a rule allows a port of the peer that is connected to.
fn allows_port(rule: &Value, to: &Peer, port: u64) -> bool {
    list(&rule["ports"]).iter().any(|allowed| {
        if let Some(name) = allowed["port"].as_str() {
            return matches!(to, Peer::Pod { ports, .. } if ports.get(name) == Some(&port));
        }
        let first = allowed["port"].as_u64().unwrap();
        (first..=allowed["endPort"].as_u64().unwrap_or(first)).contains(&port)
    })
}

/// Returns whether the policies of one direction leave a connection open at one end, the pod.
fn open(manifests: &Manifests, direction: &str, at: &Peer, other: &Peer, to: &Peer, port: u64) -> bool {
    let Peer::Pod { labels, .. } = at else { return true };
    let selected = |policy: &&Value| {
        list(&policy["policyTypes"]).iter().any(|kind| kind == direction)
            && selects(&policy["podSelector"], labels)
    };
    let policies = manifests.of_kind("NetworkPolicy").map(|policy| &policy["spec"]).filter(selected);
    let policies = policies.collect::<Vec<_>>();
    let (rules, peers) = if direction == "Ingress" { ("ingress", "from") } else { ("egress", "to") };
    // A pod that no policy selects is open.
    let allowed = policies.iter().any(|policy| {
        list(&policy[rules]).iter().any(|rule| {
            let meant =
                rule.get(peers).is_none_or(|entries| list(entries).iter().any(|entry| means(entry, other)));
            meant && allows_port(rule, to, port)
        })
    });
    policies.is_empty() || allowed
}

fn connects(manifests: &Manifests, from: &Peer, to: &Peer, port: u64) -> bool {
    open(manifests, "Egress", from, to, to, port) && open(manifests, "Ingress", to, from, to, port)
}

/// Returns the pods with their names.
fn pods(manifests: &Manifests) -> Vec<(&str, Peer)> {
    let main = |workload: &Workload<'_>| list(&workload.pod["containers"]).contains(workload.container);
    manifests.workloads().iter().filter(|workload| main(workload)).map(|one| (one.name(), pod(one))).collect()
}

/// Returns the names of the pods that can connect to a peer.
fn callers<'a>(manifests: &'a Manifests, to: &Peer, port: u64) -> BTreeSet<&'a str> {
    let pods = pods(manifests);
    pods.into_iter().filter(|(_, from)| connects(manifests, from, to, port)).map(|(name, _)| name).collect()
}

/// Of two pods, one connects to the other exactly if it has an endpoint of it, and only to the port of that.
#[test]
fn programs_reach_those_whose_endpoints_they_have() {
    for manifests in FOR_CLUSTERS.into_iter().filter_map(render) {
        let mut expected = BTreeSet::new();
        for workload in manifests.servers() {
            for (callee, endpoint) in endpoints(&manifests.variables(workload.container)) {
                let port = endpoint.rsplit(':').next().unwrap().parse::<u64>().unwrap();
                expected.insert((workload.name(), callee, port));
            }
        }
        assert_eq!(expected.len(), ServiceName::ALL.len() + 2, "the gateway's, and onboarding's two");
        let mut found = BTreeSet::new();
        for (callee, to) in pods(&manifests) {
            let Peer::Pod { ports, .. } = &to else { unreachable!("it is a pod") };
            for port in ports.values().copied().chain([22, 5432, 6432, 8080, 9464]) {
                // The pooler's callers are looked at below.
                let callers = if port == 6432 { BTreeSet::new() } else { callers(&manifests, &to, port) };
                found.extend(callers.into_iter().map(|caller| (caller, callee.to_owned(), port)));
            }
        }
        assert_eq!(found, expected);
    }
}

/// The kustomizations for clusters whose other parts are not known here.
const FOR_CLUSTERS: [&str; 2] = ["base", "overlays/production"];

#[test]
fn only_the_ingress_comes_in() {
    let ingress = stranger(&[("rowhouse-ingress", "true")]);
    let observability = stranger(&[("rowhouse-observability", "true")]);
    let other = stranger(&[("kubernetes.io/metadata.name", "default")]);
    let internet = Peer::Address("93.184.216.34".parse().unwrap());
    for manifests in FOR_CLUSTERS.into_iter().filter_map(render) {
        for (name, to) in pods(&manifests) {
            let Peer::Pod { ports, .. } = &to else { unreachable!("it is a pod") };
            for port in ports.values().copied().chain([5432, 6432, 8080, 9464, 50051]) {
                let connects = |from: &Peer| connects(&manifests, from, &to, port);
                assert!(!connects(&other), "a pod of another namespace reaches {name}:{port}");
                assert!(!connects(&internet), "the internet reaches {name}:{port}");
                let expected = name == "rowhouse-gateway" && port == 8080;
                assert_eq!(connects(&ingress), expected, "the ingress and {name}:{port}");
                let expected = ports.get("admin") == Some(&port);
                assert_eq!(connects(&observability), expected, "Prometheus and {name}:{port}");
            }
        }
    }
}

#[test]
fn only_what_is_needed_goes_out() {
    for directory in FOR_CLUSTERS {
        let Some(manifests) = render(directory) else { return };
        let none = BTreeSet::new();
        let all = pods(&manifests).iter().map(|(name, _)| *name).collect::<BTreeSet<_>>();
        let servers = manifests.servers().iter().map(Workload::name).collect::<BTreeSet<_>>();
        let names = Peer::Stranger {
            namespace: labels(&[("kubernetes.io/metadata.name", "kube-system")]),
            labels: labels(&[("k8s-app", "kube-dns")]),
        };
        assert_eq!(callers(&manifests, &names, 53), all);
        let observability = stranger(&[("rowhouse-observability", "true")]);
        for (port, expected) in [(4317, &servers), (4318, &servers), (9090, &none)] {
            assert_eq!(callers(&manifests, &observability, port), *expected, "{port}");
        }

        // The base leaves open where the database is. The overlay knows its network, and that services reach it through the pooler.
        let mut anywhere = all.clone();
        anywhere.remove("rowhouse-gateway");
        let of_server = BTreeSet::from(["rowhouse-pgbouncer", "rowhouse-migrate", "rowhouse-audit"]);
        let [of_inside, of_pooler, of_metadata] = match directory {
            "base" => [&anywhere, &anywhere, &anywhere],
            _ => [&of_server, &none, &none],
        };
        let inside = Peer::Address("10.1.2.3".parse().unwrap());
        let metadata = Peer::Address("169.254.169.254".parse().unwrap());
        for (port, of_inside, of_metadata) in [
            (5432, of_inside, of_metadata),
            (6432, of_pooler, of_metadata),
            (80, &none, &none),
            (443, &none, &none),
        ] {
            assert_eq!(callers(&manifests, &inside, port), *of_inside, "{directory}: {port}");
            assert_eq!(callers(&manifests, &metadata, port), *of_metadata, "{directory}: {port}");
        }
        let outside = Peer::Address("93.184.216.34".parse().unwrap());
        let (mail, webhooks) = (BTreeSet::from(["rowhouse-auth"]), BTreeSet::from(["rowhouse-orders"]));
        for (port, expected) in [(465, &mail), (587, &mail), (443, &webhooks), (8443, &webhooks), (80, &none)]
        {
            assert_eq!(callers(&manifests, &outside, port), *expected, "{directory}: {port}");
        }
    }
}

/// The parts that the overlays add: their own PostgreSQL and mail server, and the pooler.
#[test]
fn the_parts_of_overlays_have_their_callers_only() {
    let Some(dev) = render("overlays/dev") else { return };
    let production = render("overlays/production").unwrap();
    let of = |manifests: &Manifests, name: &str, port: u64| -> BTreeSet<String> {
        let (_, to) = pods(manifests).into_iter().find(|(found, _)| *found == name).unwrap();
        callers(manifests, &to, port).into_iter().map(str::to_owned).collect()
    };
    let expected = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
    let services = ServiceName::ALL.iter().map(|service| service.program()).collect::<Vec<_>>();
    let of_database = [services.as_slice(), &["rowhouse-migrate", "rowhouse-audit"]].concat();
    assert_eq!(of(&dev, "rowhouse-postgres", 5432), expected(&of_database));
    assert_eq!(of(&dev, "rowhouse-mail", 1025), expected(&["rowhouse-auth"]));
    assert_eq!(of(&dev, "rowhouse-mail", 8025), expected(&[]));
    // Commands rely on their sessions, so they do not come here.
    assert_eq!(of(&production, "rowhouse-pgbouncer", 6432), expected(&services));
}
