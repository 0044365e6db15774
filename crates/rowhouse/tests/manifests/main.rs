//! Comparing `deploy/` with the programs that it runs.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod read;
mod settings;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use clap::ArgAction;
use clap::builder::{OsStr, Resettable};
use rowhouse_catalog::ServiceName;
use serde_json::Value;

use read::{Manifests, REPOSITORY, Setting, Workload, database_variables, list, number, text};

/// Each program would start: it knows every variable, accepts every value, and lacks none.
#[test]
fn the_programs_accept_their_variables() {
    for manifests in [Manifests::read("base"), Manifests::read("overlays/dev")] {
        for workload in manifests.programs() {
            let name = workload.name();
            let program = workload.program();
            let mut line = vec![name.to_owned()];
            for (variable, setting) in manifests.variables(workload.container) {
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
                    assert_mounted(&workload, &value);
                }
                let long = argument.get_long().unwrap();
                match (argument.get_action(), value.as_str()) {
                    (ArgAction::SetTrue, "true") => line.push(format!("--{long}")),
                    (ArgAction::SetTrue, "false") => {}
                    _ => line.push(format!("--{long}={value}")),
                }
            }
            let deaf = program.mut_args(|argument| argument.env(Resettable::<OsStr>::Reset));
            if let Err(error) = deaf.try_get_matches_from(line) {
                panic!("{name}: {error}");
            }
        }
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
    let manifests = Manifests::read("base");
    let mut services = BTreeMap::new();
    let servers = manifests.programs().into_iter().filter(|workload| workload.object["kind"] == "Deployment");
    for workload in servers {
        let name = workload.name();
        let variables = manifests.variables(workload.container);
        let listen = variables.get("ROWHOUSE_LISTEN").or_else(|| variables.get("ROWHOUSE_HTTP_LISTEN"));
        let Some(Setting::Written(listen)) = listen else { panic!("{name} listens nowhere") };
        let port = listen.strip_prefix("0.0.0.0:").unwrap().parse::<u64>().unwrap();
        let [declared] = list(&workload.container["ports"]) else { panic!("{name} has one port") };
        assert_eq!(number(&declared["containerPort"]), port, "{name}");

        for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
            let probe = &workload.container[probe];
            if probe["grpc"].is_object() {
                assert_eq!(number(&probe["grpc"]["port"]), port, "{name}");
            } else {
                assert_eq!(probe["httpGet"]["port"], declared["name"], "{name}");
            }
        }
        let readiness = &workload.container["readinessProbe"];
        match ServiceName::ALL.iter().find(|service| service.program() == name) {
            Some(service) => {
                assert_eq!(port, u64::from(service.port()), "{name}");
                assert_eq!(readiness["grpc"]["service"], service.health());
            }
            None => assert_eq!(readiness["httpGet"]["path"], "/readyz"),
        }

        let of_this = |object: &&Value| object["kind"] == "Service" && object["metadata"]["name"] == name;
        let service =
            manifests.objects.iter().find(of_this).unwrap_or_else(|| panic!("{name} has no Service"));
        assert_eq!(service["spec"]["selector"], workload.object["spec"]["selector"]["matchLabels"], "{name}");
        let [exposed] = list(&service["spec"]["ports"]) else { panic!("{name}'s Service has one port") };
        assert_eq!(exposed["targetPort"], declared["name"], "{name}");
        // A service's name has the addresses of its pods, over which its callers balance; the gateway's is for clients.
        let headless = service["spec"]["clusterIP"] == "None";
        assert_eq!(headless, name != "rowhouse-gateway", "{name}");
        // Without a cluster IP, nothing translates ports.
        assert!(!headless || number(&exposed["port"]) == port, "{name}");
        services.insert(format!("http://{name}:{}", exposed["port"]), name.to_owned());
    }
    for workload in manifests.programs() {
        for (variable, setting) in manifests.variables(workload.container) {
            let Some(callee) =
                variable.strip_prefix("ROWHOUSE_").and_then(|rest| rest.strip_suffix("_ENDPOINT"))
            else {
                continue;
            };
            let Setting::Written(endpoint) = setting else { panic!("{variable} is no secret") };
            let expected = format!("rowhouse-{}", callee.to_lowercase());
            assert_eq!(services.get(&endpoint), Some(&expected), "{variable} of {}", workload.name());
        }
    }
}

#[test]
fn every_pod_is_restricted() {
    for workload in Manifests::read("overlays/dev").workloads() {
        let (name, pod) = (workload.name(), workload.pod);
        assert_eq!(pod["automountServiceAccountToken"], false, "{name}");
        assert_eq!(pod["enableServiceLinks"], false, "{name}: links would set unknown ROWHOUSE_ variables");
        assert_eq!(pod["securityContext"]["runAsNonRoot"], true, "{name}");
        assert_eq!(pod["securityContext"]["seccompProfile"]["type"], "RuntimeDefault", "{name}");
        let security = &workload.container["securityContext"];
        assert_eq!(security["allowPrivilegeEscalation"], false, "{name}");
        assert_eq!(security["readOnlyRootFilesystem"], true, "{name}");
        assert_eq!(security["capabilities"]["drop"][0], "ALL", "{name}");
    }
}

/// The base commits no Secret, and the dev overlay generates each one that is referenced.
#[test]
fn secrets_are_referred_to_and_made_elsewhere() {
    let base = Manifests::read("base");
    assert!(base.objects.iter().all(|object| object["kind"] != "Secret"));
    assert!(base.generated.keys().all(|name| !name.starts_with("Secret/")));

    let dev = Manifests::read("overlays/dev");
    for workload in dev.workloads() {
        let mut needed = Vec::new();
        for volume in list(&workload.pod["volumes"]) {
            if let Some(secret) = volume["secret"]["secretName"].as_str() {
                needed.push(format!("Secret/{secret}"));
            }
            if let (Some(map), None) =
                (volume["configMap"]["name"].as_str(), volume["configMap"].get("optional"))
            {
                needed.push(format!("ConfigMap/{map}"));
            }
        }
        for setting in dev.variables(workload.container).into_values() {
            if let Setting::Secret(name, key) = setting {
                assert!(dev.generated[&format!("Secret/{name}")].contains_key(&key), "{name} {key}");
            }
        }
        for name in needed {
            assert!(dev.generated.contains_key(&name), "{}: nothing makes {name}", workload.name());
        }
    }
}

#[test]
fn the_overlay_finds_the_files_that_its_preparation_makes() {
    let deploy = Path::new(REPOSITORY).join("deploy");
    let overlay = deploy.join("overlays/dev");
    let directory = tempfile::tempdir().unwrap();
    let copy = directory.path().join("overlays/dev");
    fs::create_dir_all(&copy).unwrap();
    fs::create_dir(directory.path().join("base")).unwrap();
    for manifest in fs::read_dir(deploy.join("base")).unwrap().map(Result::unwrap) {
        fs::copy(manifest.path(), directory.path().join("base").join(manifest.file_name())).unwrap();
    }
    fs::copy(overlay.join("prepare"), copy.join("prepare")).unwrap();
    let program = env!("CARGO_BIN_EXE_rowhouse");
    let run = |command: &mut Command| {
        let output = command.env("ROWHOUSE", program).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    let find = || {
        let files = Manifests::read("overlays/dev").files;
        for file in files.iter().map(|file| file.strip_prefix(&overlay).unwrap()) {
            assert!(copy.join(file).is_file(), "nothing makes {}", file.display());
        }
    };
    run(&mut Command::new(copy.join("prepare")));
    find();
    let urls = fs::read_to_string(copy.join("secrets/databases.env")).unwrap();
    let named = urls.lines().map(|line| line.split_once('=').unwrap().0).collect::<BTreeSet<_>>();
    assert_eq!(named, database_variables().collect::<Vec<_>>().iter().map(String::as_str).collect());
    // A service that comes later gets its own, and the others keep theirs.
    let (kept, _) = urls.trim_end().rsplit_once('\n').unwrap();
    fs::write(copy.join("secrets/databases.env"), format!("{kept}\n")).unwrap();
    run(&mut Command::new(copy.join("prepare")));
    let again = fs::read_to_string(copy.join("secrets/databases.env")).unwrap();
    assert!(again.starts_with(kept) && again.lines().count() == urls.lines().count(), "{again}");
    // A rotation removes the next key, and preparing again removes none.
    let keys = copy.join("keys");
    for step in ["publish", "sign"] {
        run(Command::new(program).args(["keys", "rotate", "--step", step, "--directory"]).arg(&keys));
    }
    let current = keys.join("rowhouse-auth/current.pem");
    let signing = fs::read(&current).unwrap();
    run(&mut Command::new(copy.join("prepare")));
    find();
    assert_eq!(fs::read(&current).unwrap(), signing);
    assert!(!fs::read(keys.join("rowhouse-auth/previous.pem")).unwrap().is_empty());
}

/// A service follows its keys in a mounted directory; it would not see a change of a file that is mounted alone.
#[test]
fn the_signing_keys_are_a_mounted_secret_with_a_current_key() {
    let dev = Manifests::read("overlays/dev");
    for service in ServiceName::ALL.iter().filter(|service| service.signs()) {
        let name = service.program();
        let workload = dev.programs().into_iter().find(|workload| workload.name() == name).unwrap();
        let Setting::Written(directory) = &dev.variables(workload.container)["ROWHOUSE_SIGNING_KEYS"] else {
            panic!("{name}: a directory is no secret")
        };
        let mounts = list(&workload.container["volumeMounts"]);
        let mount = mounts.iter().find(|mount| text(&mount["mountPath"]) == directory).unwrap();
        assert!(mount.get("subPath").is_none(), "{name}");
        let volumes = list(&workload.pod["volumes"]);
        let volume = volumes.iter().find(|volume| volume["name"] == mount["name"]).unwrap();
        let secret = text(&volume["secret"]["secretName"]);
        assert!(dev.generated[&format!("Secret/{secret}")].contains_key("current.pem"), "{name}");
    }
}

#[test]
fn the_image_holds_every_program() {
    let dockerfile = fs::read_to_string(Path::new(REPOSITORY).join("deploy/Dockerfile")).unwrap();
    assert!(dockerfile.contains("cargo build --release --locked --bins --workspace "));
    for workload in Manifests::read("base").programs() {
        let program = text(&workload.container["command"][0]).strip_prefix("/usr/local/bin/").unwrap();
        let package = program.strip_prefix("rowhouse-").unwrap_or(program);
        let main = Path::new(REPOSITORY).join("crates").join(package).join("src/main.rs");
        assert!(main.is_file(), "{program} is not built from {}", main.display());
    }
    for line in dockerfile.lines().filter(|line| line.starts_with("COPY ") && !line.contains("--from")) {
        let mut paths = line.split(' ').skip(1).collect::<Vec<_>>();
        paths.pop();
        for path in paths {
            assert!(Path::new(REPOSITORY).join(path).exists(), "{line}");
        }
    }
}
