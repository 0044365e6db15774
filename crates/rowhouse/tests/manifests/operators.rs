//! Operators' commands on the cluster, as deploy/README.md has them.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use rowhouse_testkit::TestDatabase;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::assert_mounted;
use crate::read::{Manifests, REPOSITORY, Setting, Workload, database_variables, list, render, text};

/// Stands for the cluster: `$CLUSTER` has the migration's Job, auth's Secret, and the Job that was created last, which runs when it is waited for.
/// The real program does the parts that need no cluster.
const KUBECTL: &str = r#"#!/usr/bin/env bash
set -euo pipefail
case "$*" in
*' get job rowhouse-migrate '*) cat "$CLUSTER/migrate.json" ;;
*' create --filename -') cat >"$CLUSTER/created.json" ;;
*' create secret generic '*) exec "$KUBECTL" "$@" ;;
'apply -f -') "$KUBECTL" patch --local --type=merge --patch='{}' -f - -o json >"$CLUSTER/secret.json" ;;
*' get secret rowhouse-auth-encryption-keys -o json') cat "$CLUSTER/secret.json" ;;
*' wait --for=condition=complete '*)
    jq --join-output '.data["encryption.keys"] | @base64d' "$CLUSTER/secret.json" >"$CLUSTER/mounted.keys"
    job=.spec.template.spec.containers[0]
    ROWHOUSE_ACTOR=$(jq -r "$job.env[] | select(.name == \"ROWHOUSE_ACTOR\").value" "$CLUSTER/created.json")
    export ROWHOUSE_ACTOR ROWHOUSE_ENCRYPTION_KEYS=$CLUSTER/mounted.keys
    jq -j "$job.args[] + \"\\u0000\"" "$CLUSTER/created.json" | xargs -0 rowhouse ;;
*) echo "no cluster has: kubectl $*" >&2; exit 1 ;;
esac
"#;

const ACTOR: &str = "grace.hopper";

/// A directory from which an operator works, and a cluster.
struct Operator {
    directory: TempDir,
    database: TestDatabase,
}

impl Operator {
    /// Prepares a cluster on which the manifests were applied.
    async fn new(manifests: &Manifests) -> Self {
        let directory = tempfile::tempdir().unwrap();
        symlink(Path::new(REPOSITORY).join("deploy"), directory.path().join("deploy")).unwrap();
        let this = Self { directory, database: TestDatabase::create().await };
        fs::write(this.file("kubectl"), KUBECTL).unwrap();
        fs::set_permissions(this.file("kubectl"), Permissions::from_mode(0o755)).unwrap();
        symlink(env!("CARGO_BIN_EXE_rowhouse"), this.file("rowhouse")).unwrap();
        fs::write(this.file("migrate.json"), applied(manifests).to_string()).unwrap();
        this
    }

    fn file(&self, name: &str) -> std::path::PathBuf {
        self.directory.path().join(name)
    }

    /// Runs commands of a page.
    async fn run(&self, commands: &str) {
        let script = format!("KUBECTL=$(command -v kubectl); export KUBECTL PATH=$CLUSTER:$PATH\n{commands}");
        let mut bash = Command::new("bash");
        bash.args(["-euo", "pipefail", "-c", &script]).current_dir(self.directory.path());
        bash.env("CLUSTER", self.directory.path()).env("ROWHOUSE_ACTOR", ACTOR);
        bash.env("DATABASE_URL", self.database.admin_url());
        let output = tokio::task::spawn_blocking(move || bash.output().unwrap()).await.unwrap();
        assert!(output.status.success(), "{commands}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// Returns the Job that was created last.
    fn created(&self) -> Value {
        serde_json::from_str(&fs::read_to_string(self.file("created.json")).unwrap()).unwrap()
    }

    /// Runs the program of the Job that was created last, as its pod would.
    async fn run_created(&self) {
        let job = self.created();
        let container = &job["spec"]["template"]["spec"]["containers"][0];
        assert_eq!(container["command"], json!(["/usr/local/bin/rowhouse"]));
        let mut command = Command::new(env!("CARGO_BIN_EXE_rowhouse"));
        command.env_clear().args(list(&container["args"]).iter().map(text));
        for variable in list(&container["env"]) {
            let value = match text(&variable["name"]) {
                "DATABASE_URL" => self.database.admin_url(),
                _ => variable["value"].as_str().unwrap_or("dev").to_owned(),
            };
            command.env(text(&variable["name"]), value);
        }
        for url in database_variables() {
            command.env(url, "postgres://role:password@host/database");
        }
        let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// Returns the record of operators' actions without the migration's, each as its actor, action and reason.
    async fn actions(&self) -> Vec<String> {
        let recorded =
            "SELECT coalesce(string_agg(concat_ws(' ', actor, action, reason), E'\n' ORDER BY id), '')
             FROM tenancy.operator_actions WHERE action <> 'database.migrate'";
        self.database.value(recorded).await.lines().map(str::to_owned).collect()
    }
}

/// Returns the migration's Job with what a cluster adds to it.
fn applied(manifests: &Manifests) -> Value {
    let mut job =
        manifests.of_kind("Job").find(|job| job["metadata"]["name"] == "rowhouse-migrate").unwrap().clone();
    job["metadata"]["uid"] = json!("1");
    job["metadata"]["resourceVersion"] = json!("1");
    job["spec"]["selector"] = json!({ "matchLabels": { "batch.kubernetes.io/controller-uid": "1" } });
    job["status"] = json!({ "succeeded": 1 });
    let labels = &mut job["spec"]["template"]["metadata"]["labels"];
    for label in
        ["batch.kubernetes.io/controller-uid", "batch.kubernetes.io/job-name", "controller-uid", "job-name"]
    {
        labels[label] = json!("1");
    }
    job
}

/// Returns the commands of a section of deploy/README.md.
fn commands(section: &str) -> String {
    let page = fs::read_to_string(Path::new(REPOSITORY).join("deploy/README.md")).unwrap();
    let (_, begun) = page.split_once(&format!("\n### {section}\n")).unwrap();
    let section = begun.split("\n### ").next().unwrap();
    section.split("```sh\n").skip(1).map(|block| block.split("```").next().unwrap()).collect()
}

/// The record says who acted, not that the migration did. The pod reaches what the migration's reaches.
#[tokio::test(flavor = "multi_thread")]
async fn a_command_on_the_cluster_is_recorded_as_the_operators() {
    for manifests in ["base", "overlays/production"].into_iter().filter_map(render) {
        let operator = Operator::new(&manifests).await;
        let commands = commands("Operators' commands");
        let backfill = commands.lines().find(|line| line.contains(" backfill ")).unwrap();
        operator.run(backfill).await;
        operator.run_created().await;
        assert_eq!(operator.actions().await, [format!("{ACTOR} backfill.run release 7")]);

        let (migration, job) = (applied(&manifests), operator.created());
        assert_eq!(job["metadata"]["name"], "rowhouse-backfill");
        for added in [
            &job["metadata"]["uid"],
            &job["metadata"]["resourceVersion"],
            &job["spec"]["selector"],
            &job["status"],
        ] {
            assert!(added.is_null(), "{added}");
        }
        let (pod, of_migration) = (&job["spec"]["template"], &migration["spec"]["template"]);
        assert_eq!(pod["spec"]["volumes"], of_migration["spec"]["volumes"]);
        let labels = pod["metadata"]["labels"].as_object().unwrap();
        assert!(
            labels
                .iter()
                .all(|(name, value)| value != "1" && of_migration["metadata"]["labels"][name] == *value)
        );
        assert_eq!(labels["app.kubernetes.io/component"], "migration");

        // Every other command of the page is one, too.
        for line in commands.lines().filter_map(|line| line.strip_prefix("deploy/operator-job ")) {
            operator.run(&format!("deploy/operator-job {line}")).await;
            let arguments = operator.created()["spec"]["template"]["spec"]["containers"][0]["args"].clone();
            let line =
                std::iter::once("rowhouse").chain(list(&arguments).iter().map(text)).collect::<Vec<_>>();
            rowhouse::cli::command().try_get_matches_from(line).unwrap();
        }
    }
}

/// The Job has the keys that the service's pods have, and the file in the Secret ends with one that encrypts and decrypts, the new one.
#[tokio::test(flavor = "multi_thread")]
async fn encryption_keys_are_replaced_on_the_cluster() {
    let Some(manifests) = render("base") else { return };
    let operator = Operator::new(&manifests).await;
    let old = format!("{}A=", "A".repeat(42));
    let commands = commands("New encryption keys");
    let (_, apply) = commands.split_once("apply() {").unwrap();
    let (apply, _) = apply.split_once("\n}").unwrap();
    operator.run(&format!("echo {old} >auth.keys; {apply}")).await;
    operator.run(&commands).await;
    operator.run("jq -j '.data[\"encryption.keys\"] | @base64d' secret.json >now.keys").await;
    let now = fs::read_to_string(operator.file("now.keys")).unwrap();
    let [new, retired] = now.lines().collect::<Vec<_>>()[..] else { panic!("{now}") };
    assert_eq!(new, fs::read_to_string(operator.file("next.keys")).unwrap().trim());
    assert!(retired.starts_with("digest:") && !retired.contains(&old), "{now}");
    let action = format!("{ACTOR} keys.re_encrypt rotation");
    assert_eq!(operator.actions().await, [action.clone(), action]);

    let job = operator.created();
    let pod = &job["spec"]["template"]["spec"];
    let job = Workload { object: &job, labels: &Value::Null, pod, container: &pod["containers"][0] };
    let auth = manifests.servers().into_iter().find(|server| server.name() == "rowhouse-auth").unwrap();
    let keys = |workload: &Workload<'_>| {
        let Setting::Written(file) = &manifests.variables(workload.container)["ROWHOUSE_ENCRYPTION_KEYS"]
        else {
            panic!("a file's name is no secret")
        };
        assert_mounted(workload, file);
        let volumes = list(&workload.pod["volumes"]).iter();
        let secrets =
            volumes.filter(|volume| volume["name"] == "encryption").map(|volume| volume["secret"].clone());
        (file.clone(), secrets.collect::<Vec<_>>(), workload.pod["securityContext"]["fsGroup"].clone())
    };
    assert_eq!(keys(&job), keys(&auth));
}
