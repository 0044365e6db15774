//! A real Prometheus that scrapes the system, and promtool.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use reqwest::{Client, Url};
use rowhouse_testkit::own_address;
use serde_json::Value;
use tempfile::TempDir;

use crate::queries::rules;
use crate::scaling::{NAMESPACE, POD};

/// The time limit for what Prometheus does by itself.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Prometheus {
    process: Child,
    url: String,
    http: Client,
    _directory: TempDir,
}

impl Prometheus {
    /// Starts a server that scrapes `target` every second, with the rules of the deployment.
    pub(crate) fn start(target: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let config = directory.path().join("prometheus.yml");
        fs::write(directory.path().join("rules.yaml"), rules()).unwrap();
        check(&["check", "rules"], &directory.path().join("rules.yaml"));
        for cases in ["alerts.test.yaml", "days.test.yaml"] {
            let copy = directory.path().join(cases);
            fs::copy(deployed(&format!("components/monitoring/{cases}")), &copy).unwrap();
            check(&["test", "rules"], &copy);
        }
        let target = target.trim_start_matches("http://");
        let text = format!(
            "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\n\
             rule_files: [rules.yaml]\n\
             scrape_configs: [{{job_name: rowhouse, static_configs: [{{targets: ['{target}'],\n\
             labels: {{namespace: {NAMESPACE}, pod: {POD}}}}}]}}]\n"
        );
        fs::write(&config, text).unwrap();
        check(&["check", "config"], &config);
        let address = own_address();
        let log = File::create(directory.path().join("log")).unwrap();
        let process = Command::new("prometheus")
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", directory.path().join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| panic!("Prometheus cannot be started ({error}): install `prometheus`"));
        Self { process, url: format!("http://{address}"), http: Client::new(), _directory: directory }
    }

    /// Waits until as many further scrapes are stored.
    pub(crate) async fn scrapes(&self, further: usize) {
        let count = async || match self.try_query("count_over_time(up[10m])").await {
            Some(series) => series.first().map_or(0, |value| value.parse::<usize>().unwrap()),
            None => 0,
        };
        let wanted = count().await + further;
        let reached = async {
            while count().await < wanted {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        tokio::time::timeout(PATIENCE, reached).await.expect("Prometheus scrapes the system");
    }

    /// Returns the values of an expression's series. Panics if Prometheus refuses the expression.
    pub(crate) async fn query(&self, expression: &str) -> Vec<String> {
        self.try_query(expression).await.unwrap_or_else(|| panic!("Prometheus refuses {expression}"))
    }

    /// Waits until so many series of an alert fire, and returns them.
    pub(crate) async fn until_firing(&self, alert: &str, count: usize) -> Vec<Value> {
        let reached = async {
            loop {
                let firing = self.firing(alert).await;
                if firing.len() == count {
                    return firing;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        tokio::time::timeout(PATIENCE, reached).await.unwrap_or_else(|_| panic!("{alert}: not {count}"))
    }

    /// Returns the series of an alert that fire, as they would be sent to an operator.
    pub(crate) async fn firing(&self, alert: &str) -> Vec<Value> {
        let answer = self.http.get(format!("{}/api/v1/alerts", self.url)).send().await.unwrap();
        let answer: Value = answer.json().await.unwrap();
        let alerts = answer["data"]["alerts"].as_array().unwrap().iter();
        let firing = alerts.filter(|one| one["labels"]["alertname"] == alert && one["state"] == "firing");
        firing.cloned().collect()
    }

    async fn try_query(&self, expression: &str) -> Option<Vec<String>> {
        let url =
            Url::parse_with_params(&format!("{}/api/v1/query", self.url), [("query", expression)]).unwrap();
        let answer = self.http.get(url).send().await.ok()?;
        let answer: Value = answer.json().await.ok()?;
        if answer["status"] != "success" {
            return None;
        }
        let series = answer["data"]["result"].as_array()?;
        Some(series.iter().map(|one| one["value"][1].as_str().unwrap_or_default().to_owned()).collect())
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ended = self.process.kill();
        let _ended = self.process.wait();
    }
}

fn check(arguments: &[&str], file: &Path) {
    let checked = Command::new("promtool").args(arguments).arg(file).output().unwrap();
    let said =
        String::from_utf8_lossy(&checked.stdout).into_owned() + &String::from_utf8_lossy(&checked.stderr);
    assert!(checked.status.success(), "promtool {arguments:?}: {said}");
}

/// Returns what promtool has to say about the text of a scrape.
pub(crate) fn check_metrics(text: &str) -> String {
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("promtool cannot be started ({error}): install `prometheus`"));
    promtool.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let said = promtool.wait_with_output().unwrap();
    String::from_utf8_lossy(&said.stdout).into_owned() + &String::from_utf8_lossy(&said.stderr)
}

/// Returns a file below the repository's `deploy/`.
pub(crate) fn deployed(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy").join(path)
}
