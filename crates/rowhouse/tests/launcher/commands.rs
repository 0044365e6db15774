//! Commands on the database of a running `rowhouse dev`, which need no URL.

use std::process::Output;

use rowhouse_testkit::own_address;
use rustix::process::Signal;

use crate::dev::Dev;
use crate::run::{directory, rowhouse, stderr, stdout};

fn succeed(output: &Output) -> String {
    assert!(output.status.success(), "{}{}", stdout(output), stderr(output));
    stdout(output)
}

#[test]
fn the_data_directory_names_the_database() {
    let parent = directory();
    let data = parent.path().join("data");
    let absent = rowhouse(&["tenant", "list", "--data-dir"]).arg(&data).output().unwrap();
    assert_eq!(absent.status.code(), Some(2));
    let expected = format!("no rowhouse dev is running on {}: start it", data.display());
    assert!(stderr(&absent).contains(&expected), "{}", stderr(&absent));

    let dev = Dev::start(&data);
    dev.paste();
    let on_it = |arguments: &[&str]| {
        let mut command = rowhouse(arguments);
        // The directory that the command line names goes before the database that the environment names.
        let closed = own_address();
        command.arg("--data-dir").arg(&data).env("DATABASE_URL", format!("postgres://nobody@{closed}/x"));
        command
    };
    assert!(succeed(&on_it(&["tenant", "list"]).output().unwrap()).contains("  initech  active "));
    assert!(succeed(&on_it(&["user", "list"]).output().unwrap()).contains(" bill@initech.example "));
    succeed(&on_it(&["migrate", "--status"]).output().unwrap());
    assert_eq!(succeed(&on_it(&["audit"]).output().unwrap()), "");
    succeed(&on_it(&["tenant", "suspend", "initech", "--reason", "a test"]).output().unwrap());
    // The variable is enough as well.
    let by_variable = rowhouse(&["actions"]).env("ROWHOUSE_DATA_DIR", &data).output().unwrap();
    assert!(succeed(&by_variable).contains("  tenant.suspend  initech  a test"));

    let both = on_it(&["audit", "--database-url", &dev.endpoint("database")]).output().unwrap();
    assert_eq!(both.status.code(), Some(2));
    assert!(stderr(&both).contains("give --database-url or --data-dir, not both"), "{}", stderr(&both));

    // The address that the greeting shows has no password in it.
    let url = dev.endpoint("database");
    let shown = format!("PostgreSQL  postgres://postgres@{}", url.rsplit_once('@').unwrap().1);
    assert!(dev.stdout().contains(&shown), "{shown} in {}", dev.stdout());

    let opened = on_it(&["psql"]).args(["--", "-XAtc", "SELECT slug FROM tenancy.tenants"]).output().unwrap();
    assert_eq!(succeed(&opened), "initech\n");
    dev.stop(Signal::TERM);
}

#[test]
fn shells_complete_commands_and_arguments() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = succeed(&rowhouse(&["completions", shell]).output().unwrap());
        for word in ["tenant", "suspend", "reason", "psql", "database-url-file", "environment"] {
            assert!(script.contains(word), "{shell}: {word}");
        }
    }
    let script = succeed(&rowhouse(&["completions", "bash"]).output().unwrap());
    for (words, begun, expected) in [
        ("tenant su", "su", "suspend"),
        ("audit --database-url-f", "--database-url-f", "--database-url-file"),
    ] {
        let (before, _) = words.rsplit_once(' ').unwrap();
        let complete = format!(
            "{script}\nCOMP_WORDS=(rowhouse {words}); COMP_CWORD=2; _rowhouse rowhouse {begun} {before}; echo \"${{COMPREPLY[*]}}\""
        );
        let completed = std::process::Command::new("bash").args(["-c", &complete]).output().unwrap();
        assert_eq!(stdout(&completed).trim(), expected, "{}", stderr(&completed));
    }
}

#[test]
fn keys_are_made_and_rotated_in_a_directory_that_is_named_in_the_same_way() {
    let parent = directory();
    let keys = |arguments: &[&str]| {
        let mut command = rowhouse(&["keys"]);
        succeed(
            &command
                .args(arguments)
                .args(["--directory", "own"])
                .current_dir(parent.path())
                .output()
                .unwrap(),
        )
    };
    assert!(keys(&["generate"]).contains("own/rowhouse-auth/current.pem\n"));
    assert!(keys(&["rotate", "--step", "publish"]).contains("rowhouse-auth"));
    assert!(parent.path().join("own/rowhouse-auth/next.pem").is_file());
}
