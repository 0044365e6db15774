//! `docs/configuration.md`, the list of all settings, which is generated from the programs' own arguments.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command as Process;

use clap::{Arg, Command, CommandFactory};
use rowhouse_catalog::ServiceName;
use rowhouse_testkit::TestDatabase;

const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/configuration.md");
const REGENERATE: &str = "just generate";
/// The end of what is written by hand.
const MARK: &str = "<!-- The rest is generated: just generate -->\n";
/// The heading of settings without one.
const GENERAL: &str = "General";

/// A setting, as `--help` describes it.
#[derive(PartialEq)]
struct Setting {
    variable: String,
    flag: String,
    default: String,
    help: String,
}

/// The settings under one heading, each with the programs that have it.
struct Section {
    heading: String,
    settings: Vec<(Setting, Vec<String>)>,
}

#[test]
fn the_list_of_settings_is_that_of_the_programs() {
    let document = fs::read_to_string(DOCUMENT).unwrap();
    let (by_hand, written) = document.split_once(MARK).unwrap();
    let generated = generate();
    if std::env::var_os("UPDATE_GENERATED").is_some() {
        fs::write(DOCUMENT, format!("{by_hand}{MARK}{generated}")).unwrap();
        return;
    }
    assert!(written == generated, "{} is out of date: run `{REGENERATE}`", Path::new(DOCUMENT).display());
}

fn generate() -> String {
    let mut servers = vec![rowhouse_gateway::Config::command()];
    servers.extend(ServiceName::ALL.iter().map(|service| rowhouse_system::command(*service)));
    let all = servers.len();
    let mut sections = Vec::new();
    for server in &servers {
        let name = server.get_name().trim_start_matches("rowhouse-").to_owned();
        add(&mut sections, &name, server);
    }
    let mut text = String::from("\n## Services and gateway\n");
    text.push_str(&tables(&sections, |programs| {
        if programs.len() == all { "all".to_owned() } else { programs.join(", ") }
    }));
    let mut sections = Vec::new();
    for command in rowhouse::cli::command().get_subcommands() {
        add_all(&mut sections, command.get_name(), command);
    }
    text.push_str("\n## Command line\n");
    text.push_str(&tables(&sections, |commands| {
        let commands = commands.iter().map(|command| format!("`{command}`"));
        commands.collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(", ")
    }));
    text
}

fn add_all(sections: &mut Vec<Section>, name: &str, command: &Command) {
    add(sections, name, command);
    command.get_subcommands().for_each(|inner| add_all(sections, name, inner));
}

fn add(sections: &mut Vec<Section>, program: &str, command: &Command) {
    for argument in command.get_arguments() {
        let Some(setting) = setting(argument) else { continue };
        let heading = argument.get_help_heading().unwrap_or(GENERAL);
        let known = sections.iter().position(|section| section.heading == heading);
        let index = known.unwrap_or_else(|| {
            sections.push(Section { heading: heading.to_owned(), settings: Vec::new() });
            sections.len() - 1
        });
        let settings = &mut sections[index].settings;
        match settings.iter_mut().find(|(known, _)| *known == setting) {
            Some((_, programs)) => programs.push(program.to_owned()),
            None => settings.push((setting, vec![program.to_owned()])),
        }
    }
}

/// Returns the row of an argument that has a variable. The others are what a command is to do.
fn setting(argument: &Arg) -> Option<Setting> {
    let variable = argument.get_env()?.to_str()?.to_owned();
    let defaults = argument.get_default_values().iter().map(|value| value.to_str().unwrap());
    let default = match defaults.collect::<Vec<_>>().join(",").as_str() {
        _ if argument.is_required_set() => "required".to_owned(),
        "" => String::new(),
        default => format!("`{default}`"),
    };
    let secret = if argument.is_hide_env_values_set() { " **Secret.**" } else { "" };
    let help = argument.get_help()?.to_string().replace('|', "\\|").replace('\n', " ");
    let flag = format!("--{}", argument.get_long()?);
    Some(Setting { variable, flag, default, help: format!("{help}.{secret}") })
}

fn tables(sections: &[Section], programs: impl Fn(&[String]) -> String) -> String {
    let mut text = String::new();
    for Section { heading, settings } in sections {
        text.push_str(&format!(
            "\n### {heading}\n\n| variable, flag | default | programs | |\n|---|---|---|---|\n"
        ));
        for (Setting { variable, flag, default, help }, of) in settings {
            text.push_str(&format!("| `{variable}` `{flag}` | {default} | {} | {help} |\n", programs(of)));
        }
    }
    text
}

/// Runs a command and returns its exit code and what it printed.
fn run(arguments: &[&str], variables: &[(&str, &str)]) -> (Option<i32>, String) {
    let program = env!("CARGO_BIN_EXE_rowhouse");
    let output =
        Process::new(program).args(arguments).env_clear().envs(variables.iter().copied()).output().unwrap();
    let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
    (output.status.code(), said)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_reads_its_secrets_from_files() {
    let database = TestDatabase::create().await;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("url");
    fs::write(&file, format!("{}\n", database.admin_url())).unwrap();
    let file = file.to_str().unwrap();
    for (arguments, variables) in [
        (&["audit"][..], &[("ROWHOUSE_DATABASE_URL_FILE", file)][..]),
        (&["audit", "--database-url-file", file], &[]),
        (&["tenant", "list", "--database-url-file", file], &[]),
        // The file overrides the variable.
        (
            &["audit"],
            &[("ROWHOUSE_DATABASE_URL_FILE", file), ("DATABASE_URL", "postgres://u:p@127.0.0.1:1/d")],
        ),
    ] {
        let (code, said) = run(arguments, variables);
        assert_eq!(code, Some(0), "{arguments:?} {variables:?}: {said}");
    }
    let (code, said) = run(&["audit", "--database-url-file", "/nowhere/url"], &[]);
    assert!(code != Some(0) && said.contains("/nowhere/url"), "{said}");
    let (code, said) = run(&["audit"], &[]);
    assert!(code == Some(2) && said.contains("--database-url"), "{said}");
}

#[test]
fn an_administrators_password_is_not_sent_in_the_clear_in_production() {
    let url = "postgres://u:hunter2@db.invalid/d";
    for arguments in [&["audit"][..], &["migrate"], &["tenant", "list"], &["backfill", "--list"]] {
        let (code, said) = run(arguments, &[("DATABASE_URL", url)]);
        assert_eq!(code, Some(2), "{arguments:?}: {said}");
        assert!(said.contains("sslmode=verify-full") && !said.contains("hunter2"), "{arguments:?}: {said}");
    }
    let (_, said) = run(&["audit"], &[("DATABASE_URL", url), ("ROWHOUSE_ENVIRONMENT", "dev")]);
    assert!(said.contains("cannot be reached"), "{said}");
    let (_, said) = run(&["audit"], &[("DATABASE_URL", &format!("{url}?sslmode=require"))]);
    assert!(said.contains("cannot be reached"), "{said}");
}

#[test]
fn a_misspelt_variable_stops_a_command() {
    let (code, said) = run(&["audit"], &[("ROWHOUSE_DATABASE_CAFILE", "x")]);
    assert_eq!(code, Some(2));
    assert!(said.contains("the nearest is ROWHOUSE_DATABASE_CA_FILE"), "{said}");
    // A question is answered nevertheless.
    assert_eq!(run(&["audit", "--help"], &[("ROWHOUSE_DATABASE_CAFILE", "x")]).0, Some(0));
}
