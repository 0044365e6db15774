//! The image, and running it without a cluster.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::read::{Prepared, REPOSITORY, Setting, Workload, documents, list, render, text};
use crate::{assert_accepted, endpoints};

#[test]
fn the_image_holds_every_program() {
    let dockerfile = fs::read_to_string(Path::new(REPOSITORY).join("deploy/Dockerfile")).unwrap();
    let build =
        "cargo auditable build --profile \"$PROFILE\" --locked --bins --workspace --exclude rowhouse-bench";
    assert!(dockerfile.contains(build));
    for line in dockerfile.lines().filter(|line| line.starts_with("COPY ") && !line.contains("--from")) {
        let mut paths = line.split(' ').skip(1).collect::<Vec<_>>();
        paths.pop();
        for path in paths {
            assert!(Path::new(REPOSITORY).join(path).exists(), "{line}");
        }
    }
    let Some(base) = render("base") else { return };
    for workload in base.programs() {
        let program = text(&workload.container["command"][0]).strip_prefix("/usr/local/bin/").unwrap();
        let package = program.strip_prefix("rowhouse-").unwrap_or(program);
        let main = Path::new(REPOSITORY).join("crates").join(package).join("src/main.rs");
        assert!(main.is_file(), "{program} is not built from {}", main.display());
    }
}

/// `deploy/compose.yaml` runs the migration and each program with variables that it accepts, under the names by which the others
/// call it, and mounts what the dev overlay's `prepare` makes.
#[test]
fn compose_runs_every_program() {
    let deploy = Path::new(REPOSITORY).join("deploy");
    let file = merged(documents(&fs::read_to_string(deploy.join("compose.yaml")).unwrap()).remove(0));
    let prepared = Prepared::new();
    let made = |path: &str| prepared.overlay("dev").join(path.strip_prefix("./overlays/dev/").unwrap());
    let secrets = fs::read_to_string(made("./overlays/dev/secrets/compose.env")).unwrap();
    let secrets = secrets.lines().map(|line| line.split_once('=').unwrap().0).collect::<Vec<_>>();
    let services = file["services"].as_object().unwrap();
    let mut programs = BTreeSet::new();
    for (name, service) in services.iter().filter(|(_, service)| service["image"] == "rowhouse:0.1.0") {
        let mut mounts = Vec::new();
        for volume in list(&service["volumes"]) {
            let [source, target, "ro"] = text(volume).split(':').collect::<Vec<_>>()[..] else {
                panic!("{name}: {volume}")
            };
            assert!(made(source).exists(), "{name}: nothing makes {source}");
            mounts.push(json!({ "name": target, "mountPath": target }));
        }
        let variables = service["environment"].as_object().unwrap().iter().map(|(variable, value)| {
            let value = text(value);
            let setting = match value.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')) {
                Some(secret) => {
                    assert!(secrets.contains(&secret), "{name}: {secret} is not in compose.env");
                    Setting::Secret(secret.to_owned(), String::new())
                }
                // The mail catcher has no password.
                None if variable == "ROWHOUSE_SMTP_URL" => Setting::Secret(value.to_owned(), String::new()),
                None => Setting::Written(value.to_owned()),
            };
            (variable.clone(), setting)
        });
        let mut variables = variables.collect::<BTreeMap<_, _>>();
        for file in list(&service["env_file"]) {
            for line in fs::read_to_string(made(text(file))).unwrap().lines() {
                let (variable, value) = line.split_once('=').unwrap();
                variables.insert(variable.to_owned(), Setting::Written(value.to_owned()));
            }
        }
        // A service of one's own need not be in the file.
        for (callee, endpoint) in
            endpoints(&variables).into_iter().filter(|(callee, _)| services.contains_key(callee))
        {
            let listen = text(&services[&callee]["environment"]["ROWHOUSE_LISTEN"]);
            let port = listen.strip_prefix("0.0.0.0:").unwrap();
            assert_eq!(endpoint, format!("http://{callee}:{port}"), "{name}");
        }
        let object = json!({ "metadata": { "name": name } });
        let pod = json!({ "volumes": mounts });
        let container = json!({ "command": service["command"], "volumeMounts": mounts });
        let workload = Workload { object: &object, labels: &Value::Null, pod: &pod, container: &container };
        assert_accepted(&workload, variables);
        programs.insert(workload.program().get_name().to_owned());
    }
    for program in ["migrate", "rowhouse-gateway", "rowhouse-auth", "rowhouse-onboarding", "rowhouse-orders"]
    {
        assert!(programs.contains(program), "{program} is not run");
    }
}

/// Resolves YAML's merge keys.
fn merged(value: Value) -> Value {
    match value {
        Value::Object(mut entries) => {
            let base = entries.remove("<<").map(merged);
            let mut result = base.and_then(|base| base.as_object().cloned()).unwrap_or_default();
            result.extend(entries.into_iter().map(|(key, entry)| (key, merged(entry))));
            Value::Object(result)
        }
        Value::Array(entries) => entries.into_iter().map(merged).collect(),
        other => other,
    }
}
