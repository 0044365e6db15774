//! Sending emails.

use rowhouse_auth::{MailArgs, MailError};
use rowhouse_chassis::config::Environment;
use rowhouse_chassis::program::StartError;
use rowhouse_chassis::service::App;
use rowhouse_proto::auth::v1::VerifyEmailRequest;
use rowhouse_testkit::TestDatabase;
use rowhouse_testkit::smtp::{Instead, Security, Smtp, certificate};
use tempfile::TempDir;

use crate::support::{Keys, Running, Service, config};

const EMAIL: &str = "ada@example.com";
const TASKS: &str = "SELECT count(*) FROM jobs.global_jobs";

fn by_smtp(url: &str, ca_file: Option<&TempDir>) -> MailArgs {
    MailArgs {
        smtp_url: Some(url.to_owned()),
        smtp_url_file: None,
        smtp_ca_file: ca_file.map(|directory| certificate(directory.path())),
        mail_dir: None,
        mail_from: "Rowhouse <noreply@rowhouse.example>".to_owned(),
        public_url: "https://app.example.com/".to_owned(),
    }
}

async fn service(mail: MailArgs) -> Service {
    Service::start_with(|config| config.args.mail = mail).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_email_arrives_and_its_link_works() {
    let directory = TempDir::new().unwrap();
    let smtp = Smtp::start(Security::None, directory.path()).await;
    let service = service(by_smtp(&format!("smtp://{}", smtp.address), None)).await;
    let acme = service.tenant("acme").await;
    service.member(acme, EMAIL).await;

    let received = smtp.email_to(EMAIL).await;
    assert_eq!((received.from.as_str(), received.encrypted), ("noreply@rowhouse.example", false));
    for header in [
        "From: Rowhouse <noreply@rowhouse.example>",
        "To: ada@example.com",
        "Subject: Confirm your email address",
        "Auto-Submitted: auto-generated",
        "Date: ",
        "Message-ID: <",
    ] {
        assert!(received.text.contains(header), "{header} is not in {}", received.text);
    }
    let message = received.email();
    let token = message.token.unwrap();
    assert_eq!(message.link.unwrap(), format!("https://app.example.com/verify-email?token={token}"));

    assert_eq!(service.value("SELECT email_verified_at IS NULL FROM auth.identities").await, "true");
    service.running.client().verify_email(VerifyEmailRequest { token }).await.unwrap();
    assert_eq!(service.value("SELECT email_verified_at IS NULL FROM auth.identities").await, "false");
    service.until(TASKS, "0").await;
    service.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn emails_are_sent_over_tls_to_the_certified_server() {
    for (security, scheme, query) in
        [(Security::StartTls, "smtp", "?tls=required"), (Security::Tls, "smtps", "")]
    {
        let directory = TempDir::new().unwrap();
        let smtp = Smtp::start(security, directory.path()).await;
        let port = smtp.address.port();
        let url = format!("{scheme}://rowhouse:secret@localhost:{port}{query}");
        let service = service(by_smtp(&url, Some(&directory))).await;
        let acme = service.tenant("acme").await;
        service.member(acme, EMAIL).await;
        let received = smtp.email_to(EMAIL).await;
        assert!(received.encrypted, "{security:?}");
        // "\0rowhouse\0secret" in base64.
        assert_eq!(received.login.as_deref(), Some("AHJvd2hvdXNlAHNlY3JldA=="));
        service.running.stop().await;
    }
}

/// Without a restart, since the password in the URL expires. An invalid file changes nothing.
#[tokio::test(flavor = "multi_thread")]
async fn the_file_with_the_servers_url_is_read_before_each_email() {
    let directory = TempDir::new().unwrap();
    let (old, new) = (
        Smtp::start(Security::None, directory.path()).await,
        Smtp::start(Security::None, directory.path()).await,
    );
    let file = directory.path().join("url");
    let name = |smtp: &Smtp| std::fs::write(&file, format!("smtp://{}\n", smtp.address)).unwrap();
    name(&old);
    let mail = MailArgs { smtp_url: None, smtp_url_file: Some(file.clone()), ..by_smtp("", None) };
    let service = service(mail).await;
    let acme = service.tenant("acme").await;
    service.member(acme, EMAIL).await;
    old.email_to(EMAIL).await;

    name(&new);
    service.member(acme, "bob@example.com").await;
    new.email_to("bob@example.com").await;

    std::fs::write(&file, "none of your business").unwrap();
    service.member(acme, "eve@example.com").await;
    new.email_to("eve@example.com").await;
    assert_eq!(old.received().len(), 1);
    service.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_tls_or_the_certificate_nothing_is_said() {
    let tried = "SELECT attempts > 0 AND due_at < now() + interval '10 s' FROM jobs.global_jobs";
    for (security, query, trusted) in [
        // A man in the middle removes STARTTLS from the server's answer.
        (Security::None, "?tls=required", true),
        // A man in the middle poses as the server.
        (Security::StartTls, "?tls=required", false),
    ] {
        let directory = TempDir::new().unwrap();
        let smtp = Smtp::start(security, directory.path()).await;
        let url = format!("smtp://localhost:{}{query}", smtp.address.port());
        let service = service(by_smtp(&url, trusted.then_some(&directory))).await;
        let acme = service.tenant("acme").await;
        service.member(acme, EMAIL).await;
        service.until(tried, "true").await;
        assert_eq!((smtp.asked(), smtp.received().len()), (0, 0), "{security:?}");
        service.running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn temporary_refusals_are_retried() {
    let directory = TempDir::new().unwrap();
    let smtp = Smtp::start(Security::None, directory.path()).await;
    smtp.instead(&[Instead::Answer("451 try again later"), Instead::Answer("452 still full")]);
    let service = service(by_smtp(&format!("smtp://{}", smtp.address), None)).await;
    let acme = service.tenant("acme").await;
    service.member(acme, EMAIL).await;
    for attempt in ["1", "2"] {
        let rescheduled =
            format!("SELECT attempts = {attempt} AND due_at < now() + interval '10 s' FROM jobs.global_jobs");
        service.until(&rescheduled, "true").await;
        service.sql("UPDATE jobs.global_jobs SET due_at = now()").await;
    }
    smtp.email_to(EMAIL).await;
    service.until(TASKS, "0").await;
    assert_eq!(smtp.received().len(), 1);
    service.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn permanent_refusals_are_abandoned() {
    let directory = TempDir::new().unwrap();
    let smtp = Smtp::start(Security::None, directory.path()).await;
    smtp.instead(&[Instead::Answer("550 no such person")]);
    let service = service(by_smtp(&format!("smtp://{}", smtp.address), None)).await;
    let acme = service.tenant("acme").await;
    service.member(acme, EMAIL).await;
    service.until(TASKS, "0").await;
    assert_eq!((smtp.asked(), smtp.received().len()), (1, 0));
    service.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_email_that_hangs_does_not_delay_others() {
    let directory = TempDir::new().unwrap();
    let smtp = Smtp::start(Security::None, directory.path()).await;
    smtp.instead(&[Instead::Silence]);
    let service = service(by_smtp(&format!("smtp://{}", smtp.address), None)).await;
    let acme = service.tenant("acme").await;
    service.member(acme, EMAIL).await;
    while smtp.asked() == 0 {
        tokio::task::yield_now().await;
    }
    service.member(acme, "bob@example.com").await;
    smtp.email_to("bob@example.com").await;
    assert_eq!(service.value(TASKS).await, "1");
    service.running.stop().await;
}

/// An email that was enqueued and not sent is sent after the next start.
#[tokio::test(flavor = "multi_thread")]
async fn enqueued_emails_survive_the_process_and_are_encrypted() {
    let service = service(by_smtp("smtp://127.0.0.1:1", None)).await;
    let acme = service.tenant("acme").await;
    service.member(acme, EMAIL).await;
    service.until("SELECT count(*) FROM jobs.global_jobs WHERE attempts > 0", "1").await;
    let Service { database, keys, running } = service;
    running.stop().await;

    let next = Running::start(config(&database, &keys)).await;
    let service = Service { database, keys, running: next };
    let task = service.value("SELECT encode(payload, 'escape') FROM jobs.global_jobs").await;
    assert!(!task.contains("ada") && !task.contains("rowhouse_otl"), "{task}");
    service.sql("UPDATE jobs.global_jobs SET due_at = now()").await;
    service.mail_to(EMAIL, "Confirm").await;
    service.until(TASKS, "0").await;
    service.running.stop().await;
}

/// While a release is rolled out, a program of the one before goes on adding to its own table.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_release_before_promises_becomes_a_job() {
    let service = service(by_smtp("smtp://127.0.0.1:1", None)).await;
    let acme = service.tenant("acme").await;
    service.member(acme, EMAIL).await;
    service.until("SELECT count(*) FROM jobs.global_jobs WHERE attempts > 0", "1").await;
    let Service { database, keys, running } = service;
    running.stop().await;

    let next = Running::start(config(&database, &keys)).await;
    let service = Service { database, keys, running: next };
    service
        .sql(
            "CREATE TEMPORARY TABLE task AS SELECT id, payload FROM jobs.global_jobs;
             GRANT SELECT ON task TO rowhouse_auth;
             DELETE FROM jobs.global_jobs;
             SET ROLE rowhouse_auth;
             INSERT INTO auth.outbox (id, sealed_task) SELECT id, payload FROM task",
        )
        .await;
    service.mail_to(EMAIL, "Confirm").await;
    service.until(TASKS, "0").await;
    assert_eq!(service.value("SELECT count(*) FROM auth.outbox").await, "0");
    service.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_production_emails_require_tls() {
    let (database, keys) = (TestDatabase::create().await, Keys::generate());
    for (mail, expected) in [
        (MailArgs::into_directory(keys.mail_dir()), "--mail-dir is for development"),
        (by_smtp("smtp://user:secret@mail.example.com", None), "--smtp-url is not encrypted"),
    ] {
        let mut config = config(&database, &keys);
        config.environment = Environment::Production;
        config.trust.issuer = "https://api.example.com".parse().unwrap();
        config.args.bcrypt_cost = 10;
        config.args.mail = mail;
        let error = App::build(config).await.err().unwrap();
        let text = error.to_string();
        let StartError::Own(error) = error else { panic!("{text}") };
        assert!(error.is::<MailError>(), "{text}");
        assert!(text.contains(expected) && !text.contains("secret"), "{text}");
    }
}
