//! Settings that an operator should decide about: the manifests set them, and docs/limits.md lists those that are
//! limits.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use clap::Arg;
use rowhouse_catalog::ServiceName;
use rowhouse_chassis::rate_limit::RateLimit;

use crate::read::{REPOSITORY, Setting, database_variables, programs, render};

/// The settings that the base leaves at their defaults, with the reasons.
const LEFT: &[(&str, &str)] = &[
    ("DATABASE_URL", "the programs read a file, and the migration has its own"),
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "there is no collector in the base"),
    ("OTEL_EXPORTER_OTLP_PROTOCOL", "there is no collector in the base"),
    ("OTEL_METRICS_EXPORTER", "there is no collector in the base"),
    ("OTEL_TRACES_EXPORTER", "there is no collector in the base"),
    ("OTEL_TRACES_SAMPLER", "there is no collector in the base"),
    ("OTEL_TRACES_SAMPLER_ARG", "there is no collector in the base"),
    ("ROWHOUSE_AUDIT_INTERVAL", "does anywhere"),
    ("ROWHOUSE_AUDIT_LOG_RETENTION", "its default is more than a year, see docs/retention.md"),
    ("ROWHOUSE_BCRYPT_COST", "its default follows the recommendations, and production refuses less than 10"),
    ("ROWHOUSE_BEHIND_TLS", "an overlay with an ingress that terminates TLS sets it"),
    ("ROWHOUSE_DATABASE_ACQUIRE_TIMEOUT", "half of the request's time, which is set"),
    ("ROWHOUSE_DATABASE_MAX_LIFETIME", "does anywhere"),
    ("ROWHOUSE_DATABASE_URL_FILE", "the migration reads its URLs once, as variables"),
    ("ROWHOUSE_DATA_DIR", "for development"),
    ("ROWHOUSE_HSTS_MAX_AGE", "does anywhere"),
    ("ROWHOUSE_HTTP_TLS_CERTIFICATE", "the ingress terminates TLS"),
    ("ROWHOUSE_HTTP_TLS_KEY", "the ingress terminates TLS"),
    ("ROWHOUSE_IDENTITY_RETENTION", "its default is more than a year, see docs/retention.md"),
    ("ROWHOUSE_JOB_LEASE", "does anywhere"),
    ("ROWHOUSE_LOCK_WAIT", "does anywhere"),
    ("ROWHOUSE_MAIL_DIR", "for development"),
    ("ROWHOUSE_MAX_CONCURRENT_CALLS", "does for the pods' processors and pools"),
    ("ROWHOUSE_MAX_CONNECTIONS", "does for the pods' memory"),
    ("ROWHOUSE_MAX_CONNECTION_AGE", "does anywhere"),
    ("ROWHOUSE_METRICS_INTERVAL", "there is no collector in the base"),
    ("ROWHOUSE_MIGRATION_WAIT", "does anywhere"),
    ("ROWHOUSE_ONBOARDING_RETENTION", "does anywhere"),
    ("ROWHOUSE_OPERATOR_ACTIONS_RETENTION", "its default is three years, see docs/retention.md"),
    ("ROWHOUSE_OUTPUT", "for people at a terminal"),
    ("ROWHOUSE_REFRESH_GRACE", "does anywhere"),
    ("ROWHOUSE_REQUIRE_VERIFIED_EMAIL", "follows the environment, which is set"),
    ("ROWHOUSE_SMTP_CA_FILE", "a mail server of the internet has a certificate of a public authority"),
    ("ROWHOUSE_SMTP_URL", "auth reads a file, which may change"),
    ("ROWHOUSE_TLS_CA", "the pods have no certificates in the base"),
    ("ROWHOUSE_TLS_CERTIFICATE", "the pods have no certificates in the base"),
    ("ROWHOUSE_TLS_CLIENT_CA", "the pods have no certificates in the base"),
    ("ROWHOUSE_TLS_CLIENT_NAMES", "the pods have no certificates in the base"),
    ("ROWHOUSE_TLS_KEY", "the pods have no certificates in the base"),
    ("ROWHOUSE_TOKEN_LIFETIME", "does anywhere"),
    ("ROWHOUSE_USAGE_RETENTION", "its default is more than a year, see docs/retention.md"),
];

fn variable(argument: &Arg) -> Option<String> {
    Some(argument.get_env()?.to_str().unwrap().to_owned())
}

/// A new setting is either set, or left with a reason.
#[test]
fn every_setting_is_set_or_left_for_a_reason() {
    let Some(base) = render("base") else { return };
    let mut unset = Vec::new();
    for workload in base.programs() {
        let set = base.variables(workload.container);
        let known = workload.program().get_arguments().filter_map(variable).collect::<Vec<_>>();
        // The migration reads the services' URLs as variables, which their files would be instead of.
        let file = |variable: &str| database_variables().any(|url| variable == format!("{url}_FILE"));
        unset.extend(known.into_iter().filter(|variable| !set.contains_key(variable) && !file(variable)));
    }
    unset.sort_unstable();
    unset.dedup();
    assert_eq!(unset, LEFT.iter().map(|(variable, _)| *variable).collect::<Vec<_>>());
}

/// Services do not refuse what the gateway let through.
#[test]
fn services_take_twice_what_the_gateway_takes() {
    let Some(base) = render("base") else { return };
    let rate = |name: &str, variable: &str| -> RateLimit {
        let workload = base.servers().into_iter().find(|workload| workload.name() == name).unwrap();
        match &base.variables(workload.container)[variable] {
            Setting::Written(rate) => rate.parse().unwrap(),
            Setting::Secret(..) => panic!("{variable} is no secret"),
        }
    };
    for variable in ["ROWHOUSE_TENANT_RATE_LIMIT", "ROWHOUSE_USER_RATE_LIMIT", "ROWHOUSE_API_KEY_RATE_LIMIT"]
    {
        for service in ServiceName::ALL.iter().map(|service| service.program()) {
            let (at_service, at_gateway) = (rate(service, variable), rate("rowhouse-gateway", variable));
            assert_eq!(at_service.half(), at_gateway, "{service}: {variable}");
        }
    }
}

/// The headings of limits in `--help`.
const LIMITING: [&str; 3] = ["Rate limits", "Jobs", "Sign-ups"];
/// Limits under other headings.
const OTHERS: [&str; 6] = [
    "ROWHOUSE_REQUEST_TIMEOUT",
    "ROWHOUSE_MAX_CONCURRENT_CALLS",
    "ROWHOUSE_MAX_CONNECTIONS",
    "ROWHOUSE_MAX_CONNECTION_AGE",
    "ROWHOUSE_DATABASE_POOL_SIZE",
    "ROWHOUSE_DATABASE_ACQUIRE_TIMEOUT",
];

#[test]
fn every_argument_has_a_variable_and_a_help_text() {
    for program in programs() {
        program.clone().debug_assert();
        for argument in program.get_arguments() {
            assert!(argument.get_env().is_some(), "{argument:?}");
            assert!(argument.get_help().is_some(), "{argument:?}");
        }
    }
}

/// A secret can be a file, which changes without a restart and which a crash does not print.
#[test]
fn every_secret_can_be_a_file() {
    let mut commands = programs();
    commands.push(rowhouse::cli::command());
    let mut secrets = BTreeSet::new();
    while let Some(command) = commands.pop() {
        commands.extend(command.get_subcommands().cloned());
        for secret in command.get_arguments().filter(|argument| argument.is_hide_env_values_set()) {
            let (name, long) = (variable(secret).unwrap(), secret.get_long().unwrap());
            let file = command
                .get_arguments()
                .find(|argument| argument.get_long() == Some(&format!("{long}-file")))
                .unwrap_or_else(|| panic!("{}: {name} cannot be a file", command.get_name()));
            let expected = format!("ROWHOUSE_{}_FILE", name.trim_start_matches("ROWHOUSE_"));
            assert_eq!(variable(file), Some(expected), "{}", command.get_name());
            secrets.insert(name);
        }
    }
    let services = database_variables().chain(["DATABASE_URL", "ROWHOUSE_SMTP_URL"].map(str::to_owned));
    assert_eq!(secrets, services.collect());
}

#[test]
fn the_table_of_limits_has_each_setting_with_its_default() {
    let document = fs::read_to_string(Path::new(REPOSITORY).join("docs/limits.md")).unwrap();
    let mut listed = document.lines().filter(|line| line.starts_with("| `ROWHOUSE_")).collect::<Vec<_>>();
    let rows = listed.clone();
    for program in programs() {
        for argument in program.get_arguments() {
            let Some(variable) = variable(argument) else { continue };
            let heading = argument.get_help_heading().unwrap_or_default();
            if !LIMITING.contains(&heading) && !OTHERS.contains(&variable.as_str()) {
                continue;
            }
            let name = format!("| `{variable}` |");
            let row = rows.iter().find(|row| row.starts_with(&name));
            let row = row.unwrap_or_else(|| panic!("{variable} is not in docs/limits.md"));
            let cell = row.split('|').nth(2).unwrap();
            match argument.get_default_values() {
                [] => assert!(cell.contains("half of the tenant's"), "{row}"),
                [default] => assert!(cell.contains(&format!("`{}`", default.to_str().unwrap())), "{row}"),
                several => panic!("{variable}: {several:?}"),
            }
            listed.retain(|row| !row.starts_with(&name));
        }
    }
    assert!(listed.is_empty(), "no program knows {listed:?}");
}
