//! Connections that are encrypted, as `sslmode` says it.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use rowhouse_tenancy::{ConnectError, DatabaseConfig, TenantDb};
use rowhouse_testkit::{CertificateAuthority, IssuedCertificate, ServiceName, TestServer, until};
use tempfile::TempDir;

use crate::world::{config, text};

/// A server with TLS, whose certificate is for `localhost`, and the authority that signed it.
struct TlsServer {
    server: TestServer,
    authority: CertificateAuthority,
    directory: TempDir,
}

impl TlsServer {
    async fn start() -> Self {
        let server = TestServer::start().await;
        let authority = CertificateAuthority::new();
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("ca.pem"), authority.pem()).unwrap();
        fs::write(directory.path().join("other.pem"), CertificateAuthority::new().pem()).unwrap();
        let this = Self { server, authority, directory };
        this.present(&this.authority.issue(&["localhost"])).await;
        this
    }

    async fn present(&self, issued: &IssuedCertificate) {
        self.server.present(issued, &self.authority).await;
    }

    /// Replaces `pg_hba.conf`.
    async fn admit(&self, hba: &str) {
        self.server.put("pg_hba.conf", hba).await;
        self.server.reload().await;
    }

    /// Returns the configuration for the host and the parameters; `@` stands for the directory of the files.
    fn config(&self, host: &str, parameters: &str) -> DatabaseConfig {
        let url = self.server.url(ServiceName::Orders).replace("127.0.0.1", host);
        let url = url.split('?').next().unwrap();
        let parameters = parameters.replace('@', self.directory.path().to_str().unwrap());
        config(format!("{url}?{parameters}"))
    }

    fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }
}

/// Returns whether the connection is encrypted, or why there is none.
async fn encrypted(config: &DatabaseConfig) -> Result<bool, ConnectError> {
    let db = TenantDb::connect(config).await?;
    let ssl = "(SELECT ssl::text FROM pg_catalog.pg_stat_ssl WHERE pid = pg_catalog.pg_backend_pid())";
    Ok(text(&db, ssl).await.unwrap() == "true")
}

/// A reload takes effect a moment later.
async fn until_encrypted(config: &DatabaseConfig, expected: Option<bool>) {
    until(async || encrypted(config).await.ok() == expected).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sslmode_means_what_it_does_for_libpq() {
    let server = TlsServer::start().await;
    until_encrypted(&server.config("localhost", "sslmode=require"), Some(true)).await;
    let ca = "sslrootcert=@/ca.pem";
    for (host, parameters, expected) in [
        ("localhost", "sslmode=disable", Ok(false)),
        ("localhost", "sslmode=allow", Ok(false)),
        ("localhost", "sslmode=prefer", Ok(true)),
        ("localhost", "application_name=x", Ok(true)),
        ("localhost", "sslmode=require", Ok(true)),
        ("localhost", "sslmode=require&channel_binding=require", Ok(true)),
        ("127.0.0.1", "sslmode=require", Ok(true)),
        ("localhost", &format!("sslmode=verify-full&{ca}"), Ok(true)),
        ("127.0.0.1", &format!("sslmode=verify-ca&{ca}"), Ok(true)),
        ("127.0.0.1", &format!("sslmode=verify-full&{ca}"), Err("not valid for name")),
        ("127.0.0.1", &format!("sslmode=require&{ca}"), Err("not valid for name")),
        ("localhost", "sslmode=verify-ca&sslrootcert=@/other.pem", Err("invalid peer certificate")),
        ("localhost", "sslmode=verify-full&sslrootcert=@/other.pem", Err("invalid peer certificate")),
        ("localhost", "sslmode=verify-full&sslrootcert=@/missing.pem", Err("missing.pem")),
        // The authorities of the system have not signed a test's certificate.
        ("localhost", "sslrootcert=system", Err("invalid peer certificate")),
        ("localhost", "sslmode=verify-full", Err("--database-ca-file")),
    ] {
        let found = encrypted(&server.config(host, parameters)).await.map_err(|error| error.to_string());
        match (&found, expected) {
            (Ok(found), Ok(expected)) => assert_eq!(*found, expected, "{host} {parameters}"),
            (Err(error), Err(part)) => assert!(error.contains(part), "{host} {parameters}: {error}"),
            _ => panic!("{host} {parameters}: {found:?}"),
        }
    }

    // The flag names the authorities of a URL that names none.
    let ca_file = Some(server.file("ca.pem"));
    let by_flag = DatabaseConfig { ca_file, ..server.config("localhost", "sslmode=verify-full") };
    assert!(encrypted(&by_flag).await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_tls_is_used_only_if_sslmode_allows_it() {
    let server = TestServer::start().await;
    let url = |mode: &str| server.url(ServiceName::Orders).replace("disable", mode);
    for mode in ["disable", "allow", "prefer"] {
        assert!(!encrypted(&config(url(mode))).await.unwrap(), "{mode}");
    }
    let error = encrypted(&config(url("require"))).await.unwrap_err().to_string();
    assert!(error.contains("the server offers no TLS"), "{error}");
}

/// `pg_hba.conf` decides which of the two ways a server takes; allow and prefer try the other one.
#[tokio::test(flavor = "multi_thread")]
async fn the_other_way_is_tried_if_the_server_refuses_one() {
    let server = TlsServer::start().await;
    let trusting = "local all all trust\nhost all postgres all trust\n";
    for (kind, mode, expected) in [("hostssl", "allow", true), ("hostnossl", "prefer", false)] {
        server.admit(&format!("{trusting}{kind} all all all scram-sha-256")).await;
        until_encrypted(&server.config("localhost", &format!("sslmode={mode}")), Some(expected)).await;
    }
    let refused = encrypted(&server.config("localhost", "sslmode=require")).await.unwrap_err().to_string();
    assert!(refused.contains("pg_hba.conf"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_certificate_is_presented_and_read_again_for_each_connection() {
    let server = TlsServer::start().await;
    let hba = "local all all trust\nhost all postgres all trust\nhostssl all all all cert";
    server.admit(hba).await;
    let parameters = "sslmode=verify-full&sslrootcert=@/ca.pem&sslcert=@/client.crt&sslkey=@/client.key";
    let with = server.config("localhost", parameters);
    let issue = |name: &str| server.authority.issue(&[name]).write(server.directory.path(), "client");
    issue("rowhouse_orders");
    until_encrypted(&with, Some(true)).await;

    issue("rowhouse_auth");
    let error = encrypted(&with).await.unwrap_err().to_string();
    assert!(error.contains("the server refuses the role"), "{error}");

    let (certificate, _) = issue("rowhouse_orders");
    assert!(encrypted(&with).await.unwrap());
    fs::write(&certificate, "").unwrap();
    let error = encrypted(&with).await.unwrap_err().to_string();
    assert!(error.contains("client.crt"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn new_authorities_need_no_restart() {
    let server = TlsServer::start().await;
    let with = server.config("localhost", "sslmode=verify-full&sslrootcert=@/trusted.pem");
    let trust = |authorities: &[String]| fs::write(server.file("trusted.pem"), authorities.concat()).unwrap();
    trust(&[server.authority.pem()]);
    until_encrypted(&with, Some(true)).await;

    let short = DatabaseConfig {
        max_lifetime: Duration::from_secs(1),
        acquire_timeout: Duration::from_secs(1),
        ..with.clone()
    };
    let db = TenantDb::connect(&short).await.unwrap();
    let next = CertificateAuthority::new();
    server.present(&next.issue(&["localhost"])).await;
    until(async || text(&db, "'a'").await.is_err()).await;
    trust(&[server.authority.pem(), next.pem()]);
    until(async || text(&db, "'a'").await.is_ok()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_may_refuse_what_is_not_encrypted() {
    let refuse = |host: &str, mode: &str| DatabaseConfig {
        refuse_plaintext: true,
        ..config(format!("postgres://u:hunter2@{host}/d?sslmode={mode}"))
    };
    for mode in ["disable", "allow", "prefer"] {
        let error = encrypted(&refuse("db.invalid", mode)).await.unwrap_err().to_string();
        assert!(error.contains("sslmode=verify-full") && !error.contains("hunter2"), "{mode}: {error}");
    }
    let server = TestServer::start().await;
    let here = DatabaseConfig { refuse_plaintext: true, ..config(server.url(ServiceName::Orders)) };
    assert!(!encrypted(&here).await.unwrap());
}
