//! Reading the manifests as far as the tests need them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use clap::{Command, CommandFactory};
use rowhouse_catalog::ServiceName;
use serde::Deserialize;
use serde_json::Value;

pub(crate) const REPOSITORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// The Secret with the services' database URLs.
pub(crate) const DATABASES: &str = "rowhouse-databases";

/// A kustomization.
#[derive(Default)]
pub(crate) struct Manifests {
    pub(crate) objects: Vec<Value>,
    /// The generated objects: `ConfigMap/name` or `Secret/name` → key → the value, if it is given.
    pub(crate) generated: BTreeMap<String, BTreeMap<String, Option<String>>>,
    /// The files that the generators read.
    pub(crate) files: Vec<PathBuf>,
}

impl Manifests {
    pub(crate) fn read(directory: impl AsRef<Path>) -> Self {
        let mut manifests = Self::default();
        manifests.add(&Path::new(REPOSITORY).join("deploy").join(directory));
        manifests
    }

    fn add(&mut self, directory: &Path) {
        let kustomization = documents(&directory.join("kustomization.yaml")).remove(0);
        for resource in list(&kustomization["resources"]) {
            let path = directory.join(text(resource));
            if path.is_dir() {
                self.add(&path);
            } else {
                self.objects.extend(documents(&path));
            }
        }
        for (kind, generators) in [("ConfigMap", "configMapGenerator"), ("Secret", "secretGenerator")] {
            for generator in list(&kustomization[generators]) {
                let name = format!("{kind}/{}", text(&generator["name"]));
                let entries = self.generated.entry(name).or_default();
                for literal in list(&generator["literals"]) {
                    let (key, value) = text(literal).split_once('=').unwrap();
                    entries.insert(key.to_owned(), Some(value.to_owned()));
                }
                for file in list(&generator["files"]) {
                    let path = text(file).rsplit('=').next().unwrap();
                    let key = text(file).split('=').next().unwrap().rsplit('/').next().unwrap();
                    entries.insert(key.to_owned(), None);
                    self.files.push(directory.join(path));
                }
                for file in list(&generator["envs"]) {
                    entries.extend(database_variables().map(|variable| (variable, None)));
                    self.files.push(directory.join(text(file)));
                }
            }
        }
    }

    /// Returns the objects with pods, each with its pods' specification and its only container.
    pub(crate) fn workloads(&self) -> Vec<Workload<'_>> {
        self.objects.iter().filter_map(Workload::of).collect()
    }

    /// Returns those that run a program of this repository.
    pub(crate) fn programs(&self) -> Vec<Workload<'_>> {
        let ours = self.workloads().into_iter().filter(|workload| workload.container["image"] == "rowhouse");
        let ours = ours.collect::<Vec<_>>();
        assert_eq!(ours.len(), ServiceName::ALL.len() + 2, "the services, gateway, migrate");
        ours
    }

    /// Returns a container's environment variables.
    pub(crate) fn variables(&self, container: &Value) -> BTreeMap<String, Setting> {
        let mut found = BTreeMap::new();
        for source in list(&container["envFrom"]) {
            if let Some(secret) = source["secretRef"]["name"].as_str() {
                assert_eq!(secret, DATABASES);
                let each =
                    |variable: String| (variable.clone(), Setting::Secret(secret.to_owned(), variable));
                found.extend(database_variables().map(each));
                continue;
            }
            let map = &self.generated[&format!("ConfigMap/{}", text(&source["configMapRef"]["name"]))];
            for (key, value) in map {
                found.insert(key.clone(), Setting::Written(value.clone().unwrap()));
            }
        }
        for variable in list(&container["env"]) {
            let setting = if let Some(value) = variable["value"].as_str() {
                Setting::Written(value.to_owned())
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

#[derive(Clone, Copy)]
pub(crate) struct Workload<'a> {
    pub(crate) object: &'a Value,
    pub(crate) pod: &'a Value,
    pub(crate) container: &'a Value,
}

impl<'a> Workload<'a> {
    fn of(object: &'a Value) -> Option<Self> {
        let pod = &object["spec"]["template"]["spec"];
        let [container] = list(&pod["containers"]) else { return None };
        Some(Self { object, pod, container })
    }

    pub(crate) fn name(&self) -> &str {
        text(&self.object["metadata"]["name"])
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
}

/// The arguments of the gateway and of every service.
pub(crate) fn programs() -> Vec<Command> {
    let services = ServiceName::ALL.iter().map(|service| rowhouse_system::command(*service));
    std::iter::once(rowhouse_gateway::Config::command()).chain(services).collect()
}

fn documents(path: &Path) -> Vec<Value> {
    let written = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    yaml_serde::Deserializer::from_str(&written)
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
