//! Checks of the behaviour that the services' programs share. The tests of each service run them.

use std::net::TcpListener;

use rowhouse_catalog::ServiceName;
use rowhouse_chassis::grpc::channel;
use rowhouse_chassis::health::is_serving;
use serde_json::Value;
use tokio::time::{sleep, timeout};

use super::{Binary, PATIENCE, PAUSE};
use crate::{ProgramName, TestDatabase};

impl Binary {
    /// Takes the file of a service's program, as [`Binary::new`] does.
    #[must_use]
    pub fn of_service(service: ServiceName, file: &'static str) -> Self {
        Self::new(ProgramName::Service(service), file)
    }

    /// Connects the service to a database, with its own login.
    #[must_use]
    pub fn on(self, database: &TestDatabase) -> Self {
        let url = database.url(self.service());
        self.with("DATABASE_URL", url)
    }

    fn service(&self) -> ServiceName {
        match self.name {
            ProgramName::Service(service) => service,
            ProgramName::Gateway => panic!("the gateway is no service"),
        }
    }

    /// Checks that the service serves, and that a request to stop ends it with success.
    pub async fn serves_until_a_request_to_stop(self) {
        let database = TestDatabase::create().await;
        let service = self.on(&database);
        let running = service.start().await;
        let channel = channel(&format!("http://{}", service.address())).unwrap();
        assert!(is_serving(&channel, "").await);
        let ready = async {
            while !is_serving(&channel, service.service().health()).await {
                sleep(PAUSE).await;
            }
        };
        timeout(PATIENCE, ready).await.unwrap_or_else(|_| panic!("it is not ready: {}", running.output()));
        let ended = running.stop().await;
        assert_eq!(ended.code, Some(0), "{}", ended.output);
    }

    /// Checks that a port that is in use is one message and the exit code 1.
    pub async fn reports_a_taken_port(self) {
        let database = TestDatabase::create().await;
        let service = self.on(&database);
        let _taken = TcpListener::bind(service.address()).unwrap();
        let ended = service.run(&[], &[("ROWHOUSE_LOG", "off")]).await;
        assert_eq!(ended.code, Some(1));
        let (name, address) = (service.name, service.address());
        let expected = format!(
            "{name}: port {} on {} is in use; choose another with --listen\n",
            address.port(),
            address.ip()
        );
        assert_eq!(ended.output, expected);
    }

    /// Checks that with JSON logs each reason not to start is one log line, whatever the filter is.
    pub async fn reports_failures_as_json(self) {
        let listen = format!("--listen={}", self.address());
        for (argument, variable, code, part) in [
            (listen.as_str(), ("ROWHOUSE_LOG", "off"), 1, "no connection to the database"),
            (&listen, ("ROWHOUSE_LOG", "info,="), 1, "`info,=` is not a log filter"),
            (&listen, ("ROWHOUSE_LISTN", "127.0.0.1:1"), 2, "the nearest is ROWHOUSE_LISTEN"),
            ("--listen=nonsense", ("ROWHOUSE_LOG", "off"), 2, "invalid value 'nonsense' for '--listen"),
            ("--check-config", ("ROWHOUSE_LOG", "off"), 0, "the configuration is valid"),
        ] {
            let ended = self.run(&[argument, "--log-format", "json"], &[variable]).await;
            assert_eq!(ended.code, Some(code), "{}", ended.output);
            let line: Value = serde_json::from_str(&ended.output)
                .unwrap_or_else(|error| panic!("{error}: {}", ended.output));
            let level = if code == 0 { "INFO" } else { "ERROR" };
            assert_eq!((&line["level"], &line["service"]), (&level.into(), &self.name.to_string().into()));
            let message = line["message"].as_str().unwrap();
            assert!(message.contains(part) && !message.starts_with("error"), "{message}");
            assert!(line["timestamp"].is_string() && line["target"].is_string(), "{line}");
        }
    }

    /// Checks that the login of another service is refused, as when the logins of two services were swapped.
    pub async fn refuses_the_login_of_another_service(self) {
        let database = TestDatabase::create().await;
        let own = self.service();
        let other = *ServiceName::ALL.iter().find(|service| **service != own).unwrap();
        let ended = self.run(&[], &[("DATABASE_URL", &database.url(other))]).await;
        assert_eq!(ended.code, Some(1));
        let (own, other) = (own.role(), other.role());
        let expected = format!(
            "{}: DATABASE_URL logs in as {other}, and this service works as {own}: set DATABASE_URL (--database-url) to a URL \
             with the login of {own}",
            self.name
        );
        assert_eq!(ended.output.lines().last().unwrap(), expected);
    }
}
