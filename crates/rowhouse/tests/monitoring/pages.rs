//! The names of panels and alerts on the pages for operators, and their queries.

use std::fs;

use diesel_async::SimpleAsyncConnection;
use rowhouse_testkit::TestSystem;

use crate::prometheus::{Prometheus, deployed};
use crate::queries::{of_the_dashboards, specification};

/// Messages of the logs that begin like a panel's title.
const MESSAGES: [&str; 1] = ["TLS failed, or the certificate is not valid for the host"];

/// Returns the summaries of the alerts, by which a page can name one of several that share a name.
fn summaries() -> Vec<String> {
    let groups = specification();
    let rules =
        groups["groups"].as_array().unwrap().iter().flat_map(|group| group["rules"].as_array().unwrap());
    rules.filter_map(|rule| rule["annotations"]["summary"].as_str()).map(str::to_owned).collect()
}

/// Checks that each panel that a page names exists. Titles begin with a capital letter or with `p99`, and messages of the logs do not.
pub(crate) fn panels_exist() {
    let titles =
        of_the_dashboards().into_iter().map(|(title, _)| title).chain(summaries()).collect::<Vec<_>>();
    let mut named = 0;
    for page in ["alerts", "operations"] {
        let text = fs::read_to_string(deployed(&format!("../docs/{page}.md"))).unwrap();
        // Every second part is outside of code.
        let prose =
            text.split("```").step_by(2).flat_map(|part| part.split('`').step_by(2)).collect::<String>();
        for quoted in prose.split('"').skip(1).step_by(2).map(|quoted| quoted.replace('\n', " ")) {
            let is_title =
                quoted.starts_with(|first: char| first.is_ascii_uppercase()) || quoted.starts_with("p99");
            if is_title && !MESSAGES.contains(&quoted.as_str()) {
                assert!(titles.contains(&quoted), "docs/{page}.md: there is no panel or alert {quoted:?}");
                named += 1;
            }
        }
    }
    assert!(named > 20, "the pages name {named} panels");
}

/// Executes the page's queries: those of Prometheus, and those in SQL as a superuser, blocks and what stands in a sentence.
pub(crate) async fn queries_run(system: &TestSystem, prometheus: &Prometheus) {
    let page = fs::read_to_string(deployed("../docs/alerts.md")).unwrap();
    let parts = page.split("```").collect::<Vec<_>>();
    let (prose, blocks) = (parts.iter().step_by(2), parts.iter().skip(1).step_by(2));
    let of_prometheus = blocks.clone().filter_map(|block| block.strip_prefix("promql\n")).collect::<Vec<_>>();
    for query in &of_prometheus {
        // An error of the query would panic.
        prometheus.query(query).await;
    }
    let in_sentences = prose.flat_map(|text| text.split('`').skip(1).step_by(2));
    let in_sentences = in_sentences.filter(|code| code.starts_with("SELECT "));
    let in_sql =
        blocks.filter_map(|block| block.strip_prefix("sql\n")).chain(in_sentences).collect::<Vec<_>>();
    let mut admin = system.database().admin().await;
    for query in &in_sql {
        admin.batch_execute(query).await.unwrap_or_else(|error| panic!("{query}: {error}"));
    }
    assert!(of_prometheus.len() >= 2 && in_sql.len() >= 5, "{of_prometheus:#?} {in_sql:#?}");
}

/// Checks that the runbook of each alert is a section of a document.
pub(crate) fn runbooks_exist() {
    let groups = specification();
    let rules =
        groups["groups"].as_array().unwrap().iter().flat_map(|group| group["rules"].as_array().unwrap());
    for rule in rules.filter(|rule| rule["alert"].is_string()) {
        let runbook = rule["annotations"]["runbook_url"].as_str().unwrap();
        let (page, anchor) = runbook.split_once('#').unwrap();
        let page =
            fs::read_to_string(deployed("..").join(page)).unwrap_or_else(|error| panic!("{page}: {error}"));
        let headings =
            page.lines().filter(|line| line.starts_with('#')).map(|line| line.trim_start_matches('#').trim());
        assert!(headings.map(str::to_lowercase).any(|heading| heading == anchor), "{runbook} is no section");
    }
}
