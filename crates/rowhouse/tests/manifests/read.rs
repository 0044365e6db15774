//! Reading the manifests as kubectl would apply them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::{env, fs, io};

use clap::{Command, CommandFactory};
use rowhouse_catalog::ServiceName;
use serde::Deserialize;
use serde_json::Value;
use tempfile::TempDir;

pub(crate) const REPOSITORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// The Secret with the services' database URLs.
const DATABASES: &str = "rowhouse-databases";

/// A copy of `deploy/` without what was prepared in it, and with what `prepare` of each overlay makes.
pub(crate) struct Prepared(TempDir);

impl Prepared {
    pub(crate) fn new() -> Self {
        let copy = Self(tempfile::tempdir().unwrap());
        copy_directory(&Path::new(REPOSITORY).join("deploy"), copy.0.path());
        for overlay in fs::read_dir(copy.0.path().join("overlays")).unwrap() {
            let name = overlay.unwrap().file_name();
            if copy.overlay(name.to_str().unwrap()).join("prepare").exists() {
                copy.prepare(name.to_str().unwrap());
            }
        }
        copy
    }

    /// Returns the directory of an overlay.
    pub(crate) fn overlay(&self, name: &str) -> PathBuf {
        self.0.path().join("overlays").join(name)
    }

    /// Runs an overlay's `prepare`.
    pub(crate) fn prepare(&self, overlay: &str) {
        run(std::process::Command::new(self.overlay(overlay).join("prepare")));
    }

    /// Renders a kustomization. `None` without kubectl, which CI has.
    pub(crate) fn render(&self, directory: &str) -> Option<Manifests> {
        let mut kubectl = std::process::Command::new("kubectl");
        match kubectl.arg("kustomize").arg(self.0.path().join(directory)).output() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                assert!(env::var_os("CI").is_none(), "kubectl is not installed");
                None
            }
            output => {
                let output = output.unwrap();
                assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
                Some(Manifests { objects: documents(std::str::from_utf8(&output.stdout).unwrap()) })
            }
        }
    }
}

/// Runs a program that calls `rowhouse`, and expects success.
pub(crate) fn run(mut command: std::process::Command) {
    let output = command.env("ROWHOUSE", env!("CARGO_BIN_EXE_rowhouse")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn copy_directory(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if !source.is_dir() {
            fs::copy(&source, &target).unwrap();
        } else if !["keys", "secrets", "secrets.new"].iter().any(|prepared| entry.file_name() == *prepared) {
            fs::create_dir(&target).unwrap();
            copy_directory(&source, &target);
        }
    }
}

/// Renders a kustomization below `deploy/`. `None` without kubectl, which CI has.
pub(crate) fn render(directory: &str) -> Option<Manifests> {
    Prepared::new().render(directory)
}

/// The objects of a kustomization.
pub(crate) struct Manifests {
    pub(crate) objects: Vec<Value>,
}

impl Manifests {
    pub(crate) fn of_kind(&self, kind: &str) -> impl Iterator<Item = &Value> {
        self.objects.iter().filter(move |object| object["kind"] == kind)
    }

    /// Returns every container, also those that run before others.
    pub(crate) fn workloads(&self) -> Vec<Workload<'_>> {
        self.objects.iter().flat_map(Workload::of).collect()
    }

    /// Returns those that run a program of this repository.
    pub(crate) fn programs(&self) -> Vec<Workload<'_>> {
        let ours = |workload: &Workload<'_>| {
            workload.container["command"][0]
                .as_str()
                .is_some_and(|path| path.starts_with("/usr/local/bin/rowhouse"))
        };
        let ours = self.workloads().into_iter().filter(ours).collect::<Vec<_>>();
        let expected = 2 * ServiceName::ALL.len() + 3;
        assert_eq!(ours.len(), expected, "each service and what it waits with, the gateway, migrate, audit");
        ours
    }

    /// Returns those that serve.
    pub(crate) fn servers(&self) -> Vec<Workload<'_>> {
        let servers = self.programs().into_iter().filter(|workload| workload.container["name"] == "server");
        servers.collect()
    }

    /// Returns the keys of each Secret and each `ConfigMap` with the values that are written.
    pub(crate) fn data(&self) -> BTreeMap<String, BTreeMap<String, Value>> {
        let mut data = BTreeMap::new();
        for object in &self.objects {
            let name = object["metadata"]["name"].as_str().unwrap_or_default();
            let entries = match object["kind"].as_str() {
                Some("ConfigMap" | "Secret") => object["data"].as_object().unwrap().clone(),
                // It becomes a Secret with these keys. Only the one with the databases takes all that the store has.
                Some("ExternalSecret") if object["spec"]["dataFrom"].is_array() => {
                    database_variables().map(|variable| (variable, Value::Null)).collect()
                }
                Some("ExternalSecret") => list(&object["spec"]["data"])
                    .iter()
                    .map(|entry| (text(&entry["secretKey"]).to_owned(), Value::Null))
                    .collect(),
                _ => continue,
            };
            data.insert(name.to_owned(), entries.into_iter().collect());
        }
        // A Certificate becomes a Secret, too.
        for certificate in self.of_kind("Certificate") {
            let keys = ["tls.crt", "tls.key", "ca.crt"].map(|key| (key.to_owned(), Value::Null));
            data.insert(text(&certificate["spec"]["secretName"]).to_owned(), keys.into());
        }
        data
    }

    /// Returns a container's environment variables.
    pub(crate) fn variables(&self, container: &Value) -> BTreeMap<String, Setting> {
        let data = self.data();
        let mut found = BTreeMap::new();
        for source in list(&container["envFrom"]) {
            if let Some(secret) = source["secretRef"]["name"].as_str() {
                assert!(secret.starts_with(DATABASES), "{secret}");
                let each =
                    |variable: String| (variable.clone(), Setting::Secret(secret.to_owned(), variable));
                found.extend(database_variables().map(each));
                continue;
            }
            for (key, value) in &data[text(&source["configMapRef"]["name"])] {
                found.insert(key.clone(), Setting::Written(text(value).to_owned()));
            }
        }
        for variable in list(&container["env"]) {
            let setting = if let Some(value) = variable["value"].as_str() {
                Setting::Written(value.to_owned())
            } else if let Some(map) = variable["valueFrom"]["configMapKeyRef"]["name"].as_str() {
                let key = text(&variable["valueFrom"]["configMapKeyRef"]["key"]);
                Setting::Written(text(&data[map][key]).to_owned())
            } else {
                let key = &variable["valueFrom"]["secretKeyRef"];
                Setting::Secret(text(&key["name"]).to_owned(), text(&key["key"]).to_owned())
            };
            assert!(found.insert(text(&variable["name"]).to_owned(), setting).is_none(), "{variable} twice");
        }
        found
    }
}

pub(crate) enum Setting {
    Written(String),
    /// The name of a Secret, and the key in it.
    Secret(String, String),
}

/// Returns the variables with the services' database URLs, which are the keys of the Secret [`DATABASES`].
pub(crate) fn database_variables() -> impl Iterator<Item = String> {
    ServiceName::ALL.iter().map(|service| format!("ROWHOUSE_{}_DATABASE_URL", service.in_variables()))
}

/// A container with its pod and the object that makes it.
#[derive(Clone, Copy)]
pub(crate) struct Workload<'a> {
    pub(crate) object: &'a Value,
    /// The labels and the specification of the pod.
    pub(crate) labels: &'a Value,
    pub(crate) pod: &'a Value,
    pub(crate) container: &'a Value,
}

impl<'a> Workload<'a> {
    fn of(object: &'a Value) -> Vec<Self> {
        let template = match object["kind"].as_str() {
            Some("CronJob") => &object["spec"]["jobTemplate"]["spec"]["template"],
            _ => &object["spec"]["template"],
        };
        let (labels, pod) = (&template["metadata"]["labels"], &template["spec"]);
        let containers = ["initContainers", "containers"].iter().flat_map(|key| list(&pod[*key]));
        containers.map(|container| Self { object, labels, pod, container }).collect()
    }

    pub(crate) fn name(&self) -> &'a str {
        text(&self.object["metadata"]["name"])
    }

    /// Returns the number of a named port.
    pub(crate) fn port(&self, name: &str) -> Option<u64> {
        let ports = list(&self.container["ports"]);
        Some(number(&ports.iter().find(|port| port["name"] == name)?["containerPort"]))
    }

    /// Returns the arguments of the container's program, without the variables of this process.
    pub(crate) fn program(&self) -> Command {
        let line = list(&self.container["command"]).iter().map(text).collect::<Vec<_>>();
        let program = match line[..] {
            ["/usr/local/bin/rowhouse", subcommand] => {
                rowhouse::cli::command().find_subcommand(subcommand).unwrap().clone()
            }
            [path] => {
                let name = path.strip_prefix("/usr/local/bin/").unwrap();
                let found = programs().into_iter().find(|program| program.get_name() == name);
                found.unwrap_or_else(|| panic!("{path} is no program of the image"))
            }
            _ => panic!("{line:?} is no program with its arguments"),
        };
        assert!(self.container["args"].is_null(), "{}: settings are variables", self.name());
        program
    }

    /// Returns the names of the Secrets and `ConfigMap`s that have to be there for the pod to start.
    pub(crate) fn needed_volumes(&self) -> BTreeSet<&'a str> {
        let volumes = list(&self.pod["volumes"])
            .iter()
            .filter(|volume| volume["configMap"]["optional"] != true && volume["secret"]["optional"] != true);
        volumes
            .filter_map(|volume| {
                volume["secret"]["secretName"].as_str().or_else(|| volume["configMap"]["name"].as_str())
            })
            .collect()
    }
}

/// The arguments of the gateway and of every service.
pub(crate) fn programs() -> Vec<Command> {
    let services = ServiceName::ALL.iter().map(|service| rowhouse_system::command(*service));
    std::iter::once(rowhouse_gateway::Config::command()).chain(services).collect()
}

/// Returns the documents of a YAML file.
pub(crate) fn documents(written: &str) -> Vec<Value> {
    yaml_serde::Deserializer::from_str(written)
        .map(|document| Value::deserialize(document).unwrap())
        .collect()
}

pub(crate) fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no string"))
}

pub(crate) fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("{value} is no number"))
}
