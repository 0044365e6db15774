//! The address as libpq's environment variables, for PostgreSQL's own programs.

use tokio_postgres::config::Host;

use crate::Address;
use crate::parameters::SslMode;

impl Address {
    /// Returns libpq's variables for this address. They contain the password; as arguments of a program, other users of the machine
    /// could read it.
    #[must_use]
    pub fn libpq_variables(&self) -> Vec<(&'static str, String)> {
        let config = &self.config;
        let hosts = config.get_hosts().iter().map(|host| match host {
            Host::Tcp(name) => name.clone(),
            Host::Unix(directory) => directory.display().to_string(),
        });
        let ports = config.get_ports().iter().map(ToString::to_string);
        let text = |text: Option<&str>| text.map(str::to_owned);
        let password = config.get_password().map(|password| String::from_utf8_lossy(password).into_owned());
        let path = |path: &std::path::Path| path.display().to_string();
        let client = self.tls.client.as_ref();
        let variables = [
            ("PGHOST", Some(hosts.collect::<Vec<_>>().join(","))),
            ("PGPORT", Some(ports.collect::<Vec<_>>().join(","))),
            ("PGUSER", text(config.get_user())),
            ("PGPASSWORD", password),
            ("PGDATABASE", text(config.get_dbname())),
            ("PGOPTIONS", text(config.get_options())),
            ("PGSSLMODE", Some(self.sslmode().to_owned())),
            ("PGSSLROOTCERT", self.tls.authorities.as_deref().map(path)),
            ("PGSSLCERT", client.map(|(certificate, _)| path(certificate))),
            ("PGSSLKEY", client.map(|(_, key)| path(key))),
        ];
        let given = variables.into_iter().filter_map(|(name, value)| Some((name, value?)));
        given.filter(|(_, value)| !value.is_empty()).collect()
    }

    /// Returns the mode with which libpq verifies what this address verifies.
    const fn sslmode(&self) -> &'static str {
        match self.mode {
            SslMode::Disable => "disable",
            SslMode::Allow => "allow",
            SslMode::Prefer => "prefer",
            SslMode::Require if self.tls.authorities.is_none() => "require",
            SslMode::VerifyCa => "verify-ca",
            SslMode::Require | SslMode::VerifyFull => "verify-full",
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::path::Path;

    use super::*;

    fn of(url: &str, ca_file: Option<&str>) -> Vec<(&'static str, String)> {
        Address::parse(url, ca_file.map(Path::new)).unwrap().libpq_variables()
    }

    #[test]
    fn the_url_becomes_variables() {
        let url = "postgres://ada:a%40b@one:1,two:2/rowhouse?sslmode=verify-full&sslcert=c.pem&sslkey=k.pem";
        let variables = of(url, Some("ca.pem"));
        for (name, value) in [
            ("PGHOST", "one,two"),
            ("PGPORT", "1,2"),
            ("PGUSER", "ada"),
            ("PGPASSWORD", "a@b"),
            ("PGDATABASE", "rowhouse"),
            ("PGSSLMODE", "verify-full"),
            ("PGSSLROOTCERT", "ca.pem"),
            ("PGSSLCERT", "c.pem"),
            ("PGSSLKEY", "k.pem"),
        ] {
            assert!(variables.contains(&(name, value.to_owned())), "{name}: {variables:?}");
        }
        let socket = of("host=/run/postgresql dbname=x", None);
        assert!(socket.contains(&("PGHOST", "/run/postgresql".to_owned())), "{socket:?}");
        assert!(!socket.iter().any(|(name, _)| *name == "PGPASSWORD"), "{socket:?}");
    }

    #[test]
    fn as_much_is_verified() {
        for (mode, ca_file, expected) in [
            ("disable", None, "disable"),
            ("prefer", Some("ca.pem"), "prefer"),
            ("require", None, "require"),
            ("require", Some("ca.pem"), "verify-full"),
            ("verify-ca", Some("ca.pem"), "verify-ca"),
        ] {
            let variables = of(&format!("postgres://h/d?sslmode={mode}"), ca_file);
            assert!(variables.contains(&("PGSSLMODE", expected.to_owned())), "{mode}: {variables:?}");
        }
        let system = of("postgres://h/d?sslrootcert=system", None);
        for (name, value) in [("PGSSLMODE", "verify-full"), ("PGSSLROOTCERT", "system")] {
            assert!(system.contains(&(name, value.to_owned())), "{system:?}");
        }
    }
}
