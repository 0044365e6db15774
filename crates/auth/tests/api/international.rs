//! Addresses in all scripts: all spellings of an address are one person, who gets its email.

use rowhouse_auth::MailArgs;
use rowhouse_proto::auth::v1::Role;
use rowhouse_proto::auth::v1::error_code;
use rowhouse_testkit::smtp::{Security, Smtp};
use tempfile::TempDir;

use crate::support::{PASSWORD, Service, refused};
use crate::team::{accept, member, token_to};

const IDENTITIES: &str = "SELECT count(*) FROM auth.identities";
const TASKS: &str = "SELECT count(*) FROM jobs.global_jobs";
/// The Universal Acceptance Steering Group's test address in Hindi, and its canonical form.
const HINDI: &str = "संपर्क@डाटामेल.भारत";
const HINDI_KEPT: &str = "संपर्क@xn--c2bd4bq1db8d.xn--h2brj9c";

#[tokio::test(flavor = "multi_thread")]
async fn one_address_is_one_person() {
    let service = Service::start().await;
    let (acme, globex) = (service.tenant("acme").await, service.tenant("globex").await);
    let first =
        service.create_membership(acme, "jürgen@bücher.example", PASSWORD, Role::Admin).await.unwrap();
    let first = first.user.unwrap();
    assert_eq!(first.email, "jürgen@xn--bcher-kva.example");
    let spellings = [
        "jürgen@bücher.example",
        "JÜRGEN@BÜCHER.EXAMPLE",
        "jürgen@xn--bcher-kva.example",
        "ju\u{308}rgen@bu\u{308}cher.example",
        " Jürgen@ＢÜＣＨＥＲ。example ",
    ];
    for spelling in spellings {
        service
            .running
            .login(spelling, PASSWORD, None)
            .await
            .unwrap_or_else(|error| panic!("{spelling}: {error}"));
        // A stranger signs up with it: there is no second person.
        let stranger = service.sign_up(globex, spelling, Some("another horse"), None).await.unwrap();
        assert_ne!(stranger.user.unwrap().id, first.id);
        let login = service.running.login(spelling, "another horse", None).await;
        assert_eq!(refused(login), error_code::INVALID_CREDENTIALS, "{spelling}");
        service.sql("DELETE FROM auth.attempts").await;
    }
    assert_eq!(service.value(IDENTITIES).await, "1");
    // The person joins with the password and any spelling.
    let joined = service.sign_up(globex, spellings[3], Some(PASSWORD), None).await.unwrap();
    assert_eq!(joined.user.unwrap().id, first.id);
    service.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_is_for_the_address_in_any_spelling() {
    let service = Service::start().await;
    let acme = service.tenant("acme").await;
    let ada = member(&service, acme, "ada@example.com", Role::Owner).await;
    ada.invite("bob@bücher.example", Role::Viewer).await.unwrap();
    let token = token_to(&service, "bob@xn--bcher-kva.example").await;
    accept(&service.running, &token, Some(PASSWORD), None).await.unwrap();
    let again = ada.invite("Bob@XN--bcher-kva.example", Role::Viewer).await.unwrap_err();
    assert_eq!(again.code, error_code::ALREADY_MEMBER);
    service.running.stop().await;
}

/// A person from before domains were stored as A-labels, until the addresses are rewritten.
#[tokio::test(flavor = "multi_thread")]
async fn a_person_from_before_is_found_under_each_spelling() {
    let service = Service::start().await;
    let (acme, globex) = (service.tenant("acme").await, service.tenant("globex").await);
    let ada = member(&service, acme, "ada@example.com", Role::Owner).await;
    service.member(acme, "a@xn--bcher-kva.example").await;
    service.sql("UPDATE auth.identities SET email = 'a@bücher.example' WHERE email LIKE 'a@xn--%'").await;
    for spelling in ["a@bücher.example", "a@xn--bcher-kva.example", "A@bu\u{308}cher.example"] {
        service.running.login(spelling, PASSWORD, Some("acme")).await.unwrap();
        let invited = ada.invite(spelling, Role::Viewer).await.unwrap_err();
        assert_eq!(invited.code, error_code::ALREADY_MEMBER, "{spelling}");
        service.sign_up(globex, spelling, Some(PASSWORD), None).await.unwrap();
    }
    // Also by a session, whose person has the old spelling.
    let token = service.access_token("a@bücher.example", Some("acme")).await;
    let initech = service.tenant("initech").await;
    service.sign_up(initech, "a@xn--bcher-kva.example", None, Some(&token)).await.unwrap();
    assert_eq!(service.value(IDENTITIES).await, "2");
    service.running.stop().await;
}

/// Two people were added with two spellings of one address: each continues, until an operator disables one.
#[tokio::test(flavor = "multi_thread")]
async fn of_two_people_with_one_address_the_spelling_decides() {
    let service = Service::start().await;
    let acme = service.tenant("acme").await;
    service.create_membership(acme, "a@xn--bcher-kva.example", "the first horse", Role::Admin).await.unwrap();
    service.sql("UPDATE auth.identities SET email = 'a@bücher.example'").await;
    // As the earlier program would have added them.
    service
        .create_membership(acme, "b@xn--bcher-kva.example", "the second horse", Role::Admin)
        .await
        .unwrap();
    service.sql("UPDATE auth.identities SET email = 'a@xn--bcher-kva.example' WHERE email LIKE 'b@%'").await;
    let may_log_in = async |spelling: &str, password: &str| {
        service.sql("DELETE FROM auth.attempts").await;
        service.running.login(spelling, password, None).await.is_ok()
    };
    assert!(may_log_in("a@bücher.example", "the first horse").await);
    assert!(!may_log_in("a@bücher.example", "the second horse").await);
    assert!(may_log_in("a@xn--bcher-kva.example", "the second horse").await);
    assert!(!may_log_in("a@xn--bcher-kva.example", "the first horse").await);

    service.sql("UPDATE auth.identities SET disabled_at = now() WHERE email LIKE 'a@xn--%'").await;
    for spelling in ["a@bücher.example", "a@xn--bcher-kva.example"] {
        assert!(may_log_in(spelling, "the first horse").await, "{spelling}");
        assert!(!may_log_in(spelling, "the second horse").await, "{spelling}");
    }
    service.running.stop().await;
}

async fn by_smtp(smtp: &Smtp) -> Service {
    let mail = MailArgs {
        smtp_url: Some(format!("smtp://{}", smtp.address)),
        mail_dir: None,
        mail_from: "Rowhouse <noreply@rowhouse.example>".to_owned(),
        ..MailArgs::into_directory("")
    };
    Service::start_with(|config| config.args.mail = mail).await
}

#[tokio::test(flavor = "multi_thread")]
async fn mail_goes_to_addresses_of_all_scripts() {
    let directory = TempDir::new().unwrap();
    let smtp = Smtp::start(Security::None, directory.path()).await;
    let service = by_smtp(&smtp).await;
    let acme = service.tenant("acme").await;
    for (typed, kept, parameter) in [
        (HINDI, HINDI_KEPT, true),
        ("ทดสอบ@บ้าน.example", "ทดสอบ@xn--q3cb6e5d.example", true),
        ("jose\u{301}@corp.example", "josé@corp.example", true),
        // Every server accepts this one.
        ("ada@bücher.example", "ada@xn--bcher-kva.example", false),
    ] {
        service.member(acme, typed).await;
        let received = smtp.email_to(kept).await;
        assert_eq!(received.smtputf8, parameter, "{typed}");
        assert!(received.text.contains(&format!("To: {kept}\r\n")), "{}", received.text);
        service.running.login(typed, PASSWORD, None).await.unwrap();
    }
    service.until(TASKS, "0").await;
    service.running.stop().await;
}

/// The server is not asked repeatedly, and the log says why.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_smtputf8_gets_no_mail_that_it_cannot_take() {
    let directory = TempDir::new().unwrap();
    let smtp = Smtp::without_smtputf8(directory.path()).await;
    let service = by_smtp(&smtp).await;
    let acme = service.tenant("acme").await;
    service.member(acme, HINDI).await;
    service.until(TASKS, "0").await;
    assert_eq!((smtp.asked(), smtp.received().len()), (0, 0));
    service.member(acme, "ada@bücher.example").await;
    smtp.email_to("ada@xn--bcher-kva.example").await;
    service.running.stop().await;
}
