//! Comparing `deploy/` with the programs that it runs.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod guides;
mod images;
mod monitoring;
mod network;
mod operators;
mod read;
mod secrets;
mod settings;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use clap::builder::{OsStr, Resettable};
use clap::{Arg, ArgAction};
use rowhouse_catalog::ServiceName;
use serde_json::Value;

use read::{Setting, Workload, list, number, render, text};

const KUSTOMIZATIONS: [&str; 3] = ["base", "overlays/dev", "overlays/production"];

/// Each program would start: it knows every variable, accepts every value, and lacks none.
#[test]
fn the_programs_accept_their_variables() {
    for manifests in KUSTOMIZATIONS.into_iter().filter_map(render) {
        for workload in manifests.programs() {
            assert_accepted(&workload, manifests.variables(workload.container));
        }
    }
}

/// Checks variables by giving the program their values as flags.
pub(crate) fn assert_accepted(workload: &Workload<'_>, variables: BTreeMap<String, Setting>) {
    let name = workload.name();
    let program = workload.program();
    let mut line = vec![name.to_owned()];
    for (variable, setting) in variables {
        let argument = program
            .get_arguments()
            .find(|argument| argument.get_env().is_some_and(|known| known == variable.as_str()))
            .unwrap_or_else(|| panic!("{name} knows no {variable}"));
        let secret = argument.is_hide_env_values_set();
        let value = match setting {
            Setting::Written(value) => {
                assert!(!secret, "{name}: {variable} belongs in a Secret");
                value
            }
            Setting::Secret(..) => {
                assert!(secret, "{name}: {variable} is no secret");
                "postgres://role:password@host/database".to_owned()
            }
        };
        if value.starts_with('/') {
            assert_mounted(workload, &value);
        }
        let long = argument.get_long().unwrap();
        match (argument.get_action(), value.as_str()) {
            (ArgAction::SetTrue, "true") => line.push(format!("--{long}")),
            (ArgAction::SetTrue, "false") => {}
            _ => line.push(format!("--{long}={value}")),
        }
    }
    let has_file = |argument: &Arg| {
        let file = format!("--{}-file=", argument.get_long().unwrap_or_default());
        line.iter().any(|written| written.starts_with(&file))
    };
    // A file is instead of its secret.
    let deaf = program.mut_args(|argument| {
        let required = argument.is_required_set() && !has_file(&argument);
        argument.env(Resettable::<OsStr>::Reset).required(required)
    });
    if let Err(error) = deaf.try_get_matches_from(&line) {
        panic!("{name}: {error}");
    }
}

/// Checks that a container has a volume at a file's place.
pub(crate) fn assert_mounted(workload: &Workload<'_>, file: &str) {
    let mounts = list(&workload.container["volumeMounts"]);
    let mount = mounts.iter().find(|mount| Path::new(file).starts_with(text(&mount["mountPath"])));
    let mount = mount.unwrap_or_else(|| panic!("{}: nothing is mounted at {file}", workload.name()));
    let volumes = list(&workload.pod["volumes"]);
    assert!(volumes.iter().any(|volume| volume["name"] == mount["name"]), "{mount} names no volume");
}

/// The port of a program is that of its container, its probes, its Service and the other programs' endpoints, and
/// readiness asks for the service by its name.
#[test]
fn the_ports_match() {
    let Some(manifests) = render("base") else { return };
    let mut services = BTreeMap::new();
    for workload in manifests.servers() {
        let name = workload.name();
        let variables = manifests.variables(workload.container);
        let listen = variables.get("ROWHOUSE_LISTEN").or_else(|| variables.get("ROWHOUSE_HTTP_LISTEN"));
        let Some(Setting::Written(listen)) = listen else { panic!("{name} listens nowhere") };
        let port = listen.strip_prefix("0.0.0.0:").unwrap().parse::<u64>().unwrap();
        let service = ServiceName::ALL.iter().find(|service| service.program() == name);
        let port_name = if service.is_some() { "grpc" } else { "http" };
        assert_eq!(workload.port(port_name), Some(port), "{name}");

        let Setting::Written(admin) = &variables["ROWHOUSE_ADMIN_LISTEN"] else { panic!("it is no secret") };
        assert_eq!(admin, &format!("0.0.0.0:{}", workload.port("admin").unwrap()), "{name}");

        for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
            let probe = &workload.container[probe];
            if probe["grpc"].is_object() {
                assert_eq!(number(&probe["grpc"]["port"]), port, "{name}");
            } else {
                assert_eq!(probe["httpGet"]["port"], port_name, "{name}");
            }
        }
        let readiness = &workload.container["readinessProbe"];
        match service {
            Some(service) => {
                assert_eq!(port, u64::from(service.port()), "{name}");
                assert_eq!(readiness["grpc"]["service"], service.health());
            }
            None => assert_eq!(readiness["httpGet"]["path"], "/readyz"),
        }

        let object = manifests.of_kind("Service").find(|object| object["metadata"]["name"] == name);
        let object = object.unwrap_or_else(|| panic!("{name} has no Service"));
        assert_eq!(object["spec"]["selector"]["app.kubernetes.io/name"], name);
        let exposed =
            list(&object["spec"]["ports"]).iter().find(|exposed| exposed["name"] == port_name).unwrap();
        assert_eq!(exposed["targetPort"], port_name, "{name}");
        let admin = list(&object["spec"]["ports"]).iter().find(|exposed| exposed["name"] == "admin").unwrap();
        assert_eq!(admin["targetPort"], "admin", "{name}");
        // Callers find each pod of a service by its own address, so the port is the pod's.
        if service.is_some() {
            assert_eq!(
                (&object["spec"]["clusterIP"], number(&exposed["port"])),
                (&Value::from("None"), port)
            );
        }
        services.insert(format!("{name}:{}", exposed["port"]), name.to_owned());
    }
    for workload in manifests.programs() {
        for (callee, endpoint) in endpoints(&manifests.variables(workload.container)) {
            let (_, address) = endpoint.split_once("://").unwrap();
            assert_eq!(services.get(address), Some(&callee), "{endpoint} of {}", workload.name());
        }
    }
}

/// Returns the programs that one calls, with their endpoints.
pub(crate) fn endpoints(variables: &BTreeMap<String, Setting>) -> Vec<(String, String)> {
    let endpoint = |(variable, setting): (&String, &Setting)| {
        let callee = variable.strip_prefix("ROWHOUSE_")?.strip_suffix("_ENDPOINT")?;
        let Setting::Written(endpoint) = setting else { panic!("{variable} is no secret") };
        Some((format!("rowhouse-{}", callee.to_lowercase()), endpoint.clone()))
    };
    variables.iter().filter_map(endpoint).collect()
}

#[test]
fn every_pod_is_restricted() {
    for manifests in KUSTOMIZATIONS.into_iter().filter_map(render) {
        let accounts = manifests
            .of_kind("ServiceAccount")
            .filter(|account| account["automountServiceAccountToken"] == false)
            .map(|account| text(&account["metadata"]["name"]))
            .collect::<BTreeSet<_>>();
        for workload in manifests.workloads() {
            let (name, pod) = (workload.name(), workload.pod);
            assert!(accounts.contains(text(&pod["serviceAccountName"])), "{name}");
            assert_eq!(pod["automountServiceAccountToken"], false, "{name}");
            assert_eq!(
                pod["enableServiceLinks"], false,
                "{name}: links would set unknown ROWHOUSE_ variables"
            );
            assert_eq!(pod["securityContext"]["runAsNonRoot"], true, "{name}");
            assert_eq!(pod["securityContext"]["seccompProfile"]["type"], "RuntimeDefault", "{name}");
            let security = &workload.container["securityContext"];
            assert_eq!(security["allowPrivilegeEscalation"], false, "{name}");
            assert_eq!(security["readOnlyRootFilesystem"], true, "{name}");
            assert_eq!(security["capabilities"]["drop"][0], "ALL", "{name}");
            for resource in ["cpu", "memory"] {
                assert!(workload.container["resources"]["requests"][resource].is_string(), "{name}");
            }
            assert!(workload.container["resources"]["limits"]["memory"].is_string(), "{name}");
        }
    }
}

/// A roll-out, a drained node and load stop no program.
#[test]
fn every_server_is_spread_scaled_and_kept_from_disruptions() {
    for manifests in ["base", "overlays/production"].into_iter().filter_map(render) {
        for workload in manifests.servers() {
            let name = workload.name();
            let spec = &workload.object["spec"];
            assert!(
                spec["replicas"].is_null(),
                "{name}: applying it again would undo the autoscaler's choice"
            );
            assert_eq!(spec["strategy"]["rollingUpdate"]["maxUnavailable"], 0, "{name}");
            assert!(number(&workload.container["lifecycle"]["preStop"]["sleep"]["seconds"]) > 0, "{name}");
            assert_eq!(list(&workload.pod["topologySpreadConstraints"]).len(), 2, "{name}");
            let budget = manifests
                .of_kind("PodDisruptionBudget")
                .find(|budget| budget["spec"]["selector"]["matchLabels"]["app.kubernetes.io/name"] == name);
            assert_eq!(budget.unwrap()["spec"]["maxUnavailable"], 1, "{name}");
            let scaler = manifests
                .of_kind("HorizontalPodAutoscaler")
                .find(|scaler| scaler["spec"]["scaleTargetRef"]["name"] == name)
                .unwrap_or_else(|| panic!("nothing scales {name}"));
            assert!(number(&scaler["spec"]["minReplicas"]) >= 2, "{name}");
        }
    }
}

/// The migration ends in bounded time and leaves nothing behind; the services wait for it; the audit runs with a service's login.
#[test]
fn jobs_end_and_services_wait_for_the_migration() {
    let Some(manifests) = render("base") else { return };
    let job = manifests.of_kind("Job").next().unwrap();
    let cron_job = manifests.of_kind("CronJob").next().unwrap();
    assert!(number(&job["spec"]["ttlSecondsAfterFinished"]) > 0);
    for spec in [&job["spec"], &cron_job["spec"]["jobTemplate"]["spec"]] {
        assert!(number(&spec["activeDeadlineSeconds"]) > 0);
    }
    let waiting = manifests.programs().into_iter().filter(|workload| {
        list(&workload.pod["initContainers"]).contains(workload.container)
            && workload.container["command"][1] == "wait-for-migrations"
    });
    let waiting = waiting.map(|workload| workload.name()).collect::<BTreeSet<_>>();
    assert_eq!(waiting, ServiceName::ALL.iter().map(|service| service.program()).collect());
}
