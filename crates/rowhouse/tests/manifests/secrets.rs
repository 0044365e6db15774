//! Secrets, keys and certificates: what is referred to is made.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use rowhouse_catalog::ServiceName;
use serde_json::Value;

use crate::endpoints;
use crate::read::{Prepared, REPOSITORY, Setting, database_variables, list, render, run, text};

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

/// An operator who makes the Secrets in another way finds each of them on the page.
#[test]
fn the_page_lists_what_production_takes() {
    let Some(manifests) = render("overlays/production") else { return };
    let page = fs::read_to_string(Path::new(REPOSITORY).join("deploy/README.md")).unwrap();
    let (_, section) = page.split_once("\n## In production\n").unwrap();
    let (table, _) = section.split_once("\n2. ").unwrap();
    let secrets = manifests.of_kind("ExternalSecret").map(|secret| text(&secret["spec"]["target"]["name"]));
    let names = secrets.chain(["rowhouse-trust"]).collect::<Vec<_>>();
    assert!(names.len() > 5, "{names:?}");
    for name in names {
        assert!(table.contains(&format!("`{name}`")), "deploy/README.md does not list {name}");
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

/// A renewed authority with another key would not be trusted where its certificates come first.
#[test]
fn the_authority_keeps_its_key_and_its_certificates_do_not() {
    let Some(manifests) = render("overlays/production") else { return };
    for certificate in manifests.of_kind("Certificate") {
        let spec = &certificate["spec"];
        let expected = if spec["isCA"] == true { "Never" } else { "Always" };
        assert_eq!(spec["privateKey"]["rotationPolicy"], expected, "{certificate}");
    }
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
