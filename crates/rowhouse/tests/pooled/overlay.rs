//! `PgBouncer` with the settings of the production overlay: passwords by SCRAM, and TLS on both sides.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rowhouse_catalog::PerService;
use rowhouse_testkit::{
    CertificateAuthority, PgBouncer, ServiceName, TestDatabase, TestOptions, TestServer, TestSystem,
    own_address,
};
use tempfile::TempDir;
use tokio_postgres::NoTls;

use crate::{company::Company, has_pooler};

/// The directory of its files in the overlay.
const DIRECTORY: &str = "/etc/pgbouncer";

/// Starts it before the server, with the overlay's file but for addresses and the directory of its files. Returns it with the URLs by
/// which the services know it.
async fn pooler(server: &TestServer, authority: &CertificateAuthority) -> (PgBouncer, PerService<String>) {
    let listen = own_address();
    let directory = pooler_files(server, authority, &listen.ip().to_string());
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/overlays/production/pgbouncer.ini");
    let mut settings = fs::read_to_string(file).unwrap();
    let (host, port) =
        server.address().split_once(':').map(|(host, port)| (host.to_owned(), port.to_owned())).unwrap();
    for (written, here) in [
        ("host=postgres.example port=5432", format!("host={host} port={port}")),
        ("listen_addr = 0.0.0.0", format!("listen_addr = {}", listen.ip())),
        ("listen_port = 6432", format!("listen_port = {}", listen.port())),
        (DIRECTORY, directory.path().display().to_string()),
    ] {
        assert!(settings.contains(written), "{written} is not in the overlay's file");
        settings = settings.replace(written, &here);
    }
    let config = directory.path().join("pgbouncer.ini");
    fs::write(&config, settings).unwrap();
    let authorities = directory.path().join("server-ca/ca.crt").display().to_string();
    let urls = PerService::from_fn(|service| {
        let url = server.url_at(service, &listen.to_string());
        format!("{}?sslmode=verify-full&sslrootcert={authorities}", url.split('?').next().unwrap())
    });
    (PgBouncer::run(directory, &config, listen.to_string()).await, urls)
}

/// Writes what the overlay mounts. `name` is in the pooler's certificate.
fn pooler_files(server: &TestServer, authority: &CertificateAuthority, name: &str) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    for part in ["", "users", "certificate", "server-ca"] {
        let path = directory.path().join(part);
        fs::create_dir_all(&path).unwrap();
        // It may have to run as another user.
        fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
    }
    let users = ServiceName::ALL.iter().map(|service| {
        let url = server.url(*service);
        let (user, password) =
            url.strip_prefix("postgres://").unwrap().split_once('@').unwrap().0.split_once(':').unwrap();
        format!("\"{user}\" \"{password}\"\n")
    });
    fs::write(directory.path().join("users/userlist.txt"), users.collect::<String>()).unwrap();
    fs::write(directory.path().join("server-ca/ca.crt"), authority.pem()).unwrap();
    authority.issue(&[name]).write(&directory.path().join("certificate"), "tls");
    directory
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_placed_through_the_overlays_pooler() {
    if !has_pooler() {
        return;
    }
    let (server, authority) = (TestServer::start().await, CertificateAuthority::new());
    server.present(&authority.issue(&["127.0.0.1"]), &authority).await;
    let (_pooler, urls) = pooler(&server, &authority).await;
    let database_urls = PerService::from_fn(|service| Some(urls[service].clone()));
    let options = TestOptions { database_urls, ..TestOptions::default() };
    let system = TestSystem::start_on(TestDatabase::create().await, options).await;
    let acme = Company::onboard(&system, "Acme").await;
    let order = acme.order("Alice").await;
    assert_eq!(acme.get(&order).await.as_deref(), Some("Alice"));

    let connections = "SELECT count(*), bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
        WHERE usename ~ '^rowhouse_'";
    let row = server.admin().await.query_one(connections, &[]).await.unwrap();
    assert!(
        row.get::<_, i64>(0) > 0 && row.get::<_, bool>(1),
        "the pooler encrypts its connections: {row:?}"
    );

    // Neither without TLS nor with another password.
    let url = &urls[ServiceName::Orders];
    let plain = url.split('?').next().unwrap();
    let refused = tokio_postgres::connect(&format!("{plain}?sslmode=disable"), NoTls).await.err().unwrap();
    assert!(refused.to_string().contains("db error"), "{refused}");
    let (user, rest) =
        url.rsplit_once('@').map(|(login, rest)| (login.rsplit_once(':').unwrap().0, rest)).unwrap();
    let forged = rowhouse_tenancy::DatabaseConfig::new(format!("{user}:another@{rest}"));
    let refused = rowhouse_tenancy::TenantDb::connect(&forged).await.err().unwrap().to_string();
    assert!(refused.contains("authentication failed"), "{refused}");
    system.shutdown().await;
}
