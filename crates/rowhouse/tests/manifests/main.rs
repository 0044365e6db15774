//! Comparing `deploy/` with the programs that it runs.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod images;
mod network;
mod read;
mod settings;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use clap::builder::{OsStr, Resettable};
use clap::{Arg, ArgAction};
use rowhouse_catalog::ServiceName;
use serde_json::Value;

use read::{Prepared, Setting, Workload, database_variables, list, number, render, run, text};

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

fn assert_mounted(workload: &Workload<'_>, file: &str) {
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

/// The base commits no Secret, and each overlay makes every one that is referenced.
#[test]
fn secrets_are_referred_to_and_made_elsewhere() {
    let Some(base) = render("base") else { return };
    assert_eq!(base.of_kind("Secret").count(), 0);

    for (overlay, elsewhere) in [("overlays/dev", &[][..]), ("overlays/production", &["rowhouse-trust"])] {
        let manifests = render(overlay).unwrap();
        let data = manifests.data();
        for workload in manifests.workloads() {
            for setting in manifests.variables(workload.container).into_values() {
                if let Setting::Secret(name, key) = setting {
                    let keys = data.get(&name).unwrap_or_else(|| panic!("{overlay}: nothing makes {name}"));
                    assert!(keys.contains_key(&key), "{overlay}: {name} has no {key}");
                }
            }
            for name in workload.needed_volumes() {
                assert!(
                    data.contains_key(name) || elsewhere.contains(&name),
                    "{overlay}: {} needs {name}, which nothing makes",
                    workload.name()
                );
            }
        }
    }
}

/// With certificates, each endpoint is the name in the callee's, callers have one that the callee accepts, and nothing is asked for one
/// that cannot have it: the kubelet.
#[test]
fn pods_know_each_other_by_certificates_in_production() {
    let Some(manifests) = render("overlays/production") else { return };
    let names = |secret: &str| -> Vec<&str> {
        let of_secret = |certificate: &&Value| certificate["spec"]["secretName"] == secret;
        let certificate = manifests.of_kind("Certificate").find(of_secret);
        list(&certificate.unwrap_or_else(|| panic!("nothing makes {secret}"))["spec"]["dnsNames"])
            .iter()
            .map(text)
            .collect()
    };
    let mut calls = 0;
    for workload in manifests.servers() {
        let name = workload.name();
        let variables = manifests.variables(workload.container);
        for (callee, endpoint) in
            endpoints(&variables).into_iter().filter(|(_, endpoint)| endpoint.starts_with("https:"))
        {
            assert_eq!(names(&format!("{callee}-tls")), [callee.as_str()], "{endpoint}");
            assert_eq!(names(&format!("{name}-tls")), [name]);
            let callee = manifests.servers().into_iter().find(|workload| workload.name() == callee).unwrap();
            let Setting::Written(accepted) =
                &manifests.variables(callee.container)["ROWHOUSE_TLS_CLIENT_NAMES"]
            else {
                panic!("names are no secret")
            };
            assert!(
                accepted.split(',').any(|accepted| accepted == name),
                "{endpoint} does not accept {name}"
            );
            calls += 1;
        }
        let probes = ["startupProbe", "livenessProbe", "readinessProbe"];
        for probe in probes.iter().filter(|_| workload.port("grpc").is_some()) {
            assert_eq!(workload.container[probe]["httpGet"]["port"], "admin", "{name}");
            assert!(workload.container[probe]["grpc"].is_null(), "{name}");
        }
    }
    assert_eq!(calls, 5, "the gateway's three, and onboarding's two");
}

#[test]
fn preparing_the_overlay_again_keeps_what_is_there() {
    let prepared = Prepared::new();
    let overlay = prepared.overlay("dev");
    let databases = overlay.join("secrets/databases.env");
    let urls = fs::read_to_string(&databases).unwrap();
    let named = urls.lines().map(|line| line.split_once('=').unwrap().0.to_owned());
    assert_eq!(named.collect::<BTreeSet<_>>(), database_variables().collect());
    // A service that comes later gets its own, and the others keep theirs.
    let (kept, _) = urls.trim_end().rsplit_once('\n').unwrap();
    fs::write(&databases, format!("{kept}\n")).unwrap();
    prepared.prepare("dev");
    let again = fs::read_to_string(&databases).unwrap();
    assert!(again.starts_with(kept) && again.lines().count() == urls.lines().count(), "{again}");
    // A rotation removes the next key, and preparing again removes none.
    let keys = overlay.join("keys");
    for step in ["publish", "sign"] {
        let mut rotate = Command::new(env!("CARGO_BIN_EXE_rowhouse"));
        rotate.args(["keys", "rotate", "--step", step, "--directory"]).arg(&keys);
        run(rotate);
    }
    let current = keys.join("rowhouse-auth/current.pem");
    let signing = fs::read(&current).unwrap();
    prepared.prepare("dev");
    assert_eq!(fs::read(&current).unwrap(), signing);
    assert!(!fs::read(keys.join("rowhouse-auth/previous.pem")).unwrap().is_empty());
    prepared.render("overlays/dev");
}

/// A service follows its keys in a mounted directory; it would not see a change of a file that is mounted alone.
#[test]
fn the_signing_keys_are_a_mounted_secret_with_a_current_key() {
    for manifests in ["overlays/dev", "overlays/production"].into_iter().filter_map(render) {
        for service in ServiceName::ALL.iter().filter(|service| service.signs()) {
            let name = service.program();
            let workload = manifests.servers().into_iter().find(|workload| workload.name() == name).unwrap();
            let Setting::Written(directory) =
                &manifests.variables(workload.container)["ROWHOUSE_SIGNING_KEYS"]
            else {
                panic!("{name}: a directory is no secret")
            };
            let mounts = list(&workload.container["volumeMounts"]);
            let mount = mounts.iter().find(|mount| text(&mount["mountPath"]) == directory).unwrap();
            assert!(mount.get("subPath").is_none(), "{name}");
            let volumes = list(&workload.pod["volumes"]);
            let volume = volumes.iter().find(|volume| volume["name"] == mount["name"]).unwrap();
            let secret = text(&volume["secret"]["secretName"]);
            assert!(manifests.data()[secret].contains_key("current.pem"), "{name}");
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
