//! The method that logs a person in.

use rowhouse_chassis::error::{Code, fault};
use rowhouse_proto::ERROR_CODES;
use rowhouse_proto::auth::v1::error_code;
use rowhouse_proto::auth::v1::{GetJwksRequest, Role};
use rowhouse_tenancy::TenantId;
use rowhouse_tokens::Principal;

use crate::support::{PASSWORD, Running, Service, config, refused};

#[tokio::test(flavor = "multi_thread")]
async fn the_token_is_for_the_persons_only_tenant() {
    let service = Service::start().await;
    let acme = service.tenant("acme").await;
    let created = service.create_membership(acme, "ada@example.com", PASSWORD, Role::Viewer).await.unwrap();

    for (email, tenant) in [
        ("ada@example.com", None),
        (" Ada@Example.COM ", None),
        ("ada@example.com", Some("acme")),
        ("ada@example.com", Some(acme.to_string().as_str())),
    ] {
        let answer = service.running.login(email, PASSWORD, tenant).await.unwrap().tokens.unwrap();
        assert_eq!((answer.token_type.as_str(), answer.expires_in), ("Bearer", 600));
        let token = service.keys.verifier().await.verify(&answer.access_token).await.unwrap();
        assert_eq!(token.tenant_id(), acme.as_uuid());
        let id = created.user.as_ref().unwrap().id.parse().unwrap();
        assert_eq!(token.principal(), &Principal::User { id, role: rowhouse_tokens::Role::Viewer });
    }
    service.running.stop().await;
}

/// Code, message and details do not reveal the reason.
#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_wrong_gets_the_same_answer() {
    let service = Service::start().await;
    let (acme, globex) = (service.tenant("acme").await, service.tenant("globex").await);
    service.member(acme, "ada@example.com").await;
    service.member(globex, "gina@example.com").await;

    let expected = service.running.login("ada@example.com", "wrong horse", None).await.unwrap_err();
    assert_eq!(fault(&expected, ERROR_CODES).code, error_code::INVALID_CREDENTIALS);
    let missing = TenantId::generate().to_string();
    for (email, password, tenant) in [
        ("nobody@example.com", PASSWORD, None),
        ("nobody@example.com", "wrong horse", Some("acme")),
        ("gina@example.com", "wrong horse", None),
        ("ada@example.com", "short", None),
        ("ada@example.com", &PASSWORD.repeat(10), None),
        ("ada@example.com", &"x".repeat(10_000), None),
        ("ada@example.com", "correct horse\0", None),
        ("ada@example.com", PASSWORD, Some("globex")),
        ("ada@example.com", PASSWORD, Some(globex.to_string().as_str())),
        ("ada@example.com", PASSWORD, Some("no-such-tenant")),
        ("ada@example.com", PASSWORD, Some(missing.as_str())),
        ("ada@example.com", PASSWORD, Some("ACME")),
    ] {
        let answer = service.running.login(email, password, tenant).await.unwrap_err();
        assert_eq!(answer.code(), expected.code(), "{email} {tenant:?}");
        assert_eq!(answer.message(), expected.message(), "{email} {tenant:?}");
        assert_eq!(answer.details(), expected.details(), "{email} {tenant:?}");
    }
    service.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_of_several_tenants_names_one() {
    let service = Service::start().await;
    let mut tenants = Vec::new();
    for slug in ["acme", "globex", "initech"] {
        let tenant = service.tenant(slug).await;
        service.member(tenant, "ada@example.com").await;
        tenants.push((tenant, slug));
    }
    service.sql("UPDATE tenancy.tenants SET status = 'suspended' WHERE slug = 'initech'").await;

    let wrong = service.running.login("ada@example.com", "wrong horse", None).await;
    assert_eq!(refused(wrong), error_code::INVALID_CREDENTIALS, "the list is for who knows the password");
    let answer =
        fault(&service.running.login("ada@example.com", PASSWORD, None).await.unwrap_err(), ERROR_CODES);
    assert_eq!(answer.code, error_code::TENANT_REQUIRED);
    let expected: Vec<_> = tenants[..2]
        .iter()
        .map(|(id, slug)| format!(r#"{{"id":"{id}","slug":"{slug}","name":"{slug}"}}"#))
        .collect();
    assert_eq!(answer.metadata["tenants"], format!("[{}]", expected.join(",")));

    let verifier = service.keys.verifier().await;
    for (tenant, slug) in &tenants[..2] {
        for named in [(*slug).to_owned(), tenant.to_string()] {
            let token = service.access_token("ada@example.com", Some(&named)).await;
            assert_eq!(verifier.verify(&token).await.unwrap().tenant_id(), tenant.as_uuid());
        }
    }
    let suspended = service.running.login("ada@example.com", PASSWORD, Some("initech")).await;
    assert_eq!(refused(suspended), error_code::INVALID_CREDENTIALS);
    service.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_of_no_active_tenant_is_told_so() {
    let service = Service::start().await;
    let acme = service.tenant("acme").await;
    service.member(acme, "ada@example.com").await;
    for status in ["suspended", "provisioning"] {
        service.sql(&format!("UPDATE tenancy.tenants SET status = '{status}'")).await;
        let answer = service.running.login("ada@example.com", PASSWORD, None).await;
        assert_eq!(refused(answer), Code::PERMISSION_DENIED, "{status}");
        let answer = service.running.login("ada@example.com", "wrong horse", None).await;
        assert_eq!(refused(answer), error_code::INVALID_CREDENTIALS, "{status}");
    }
    service.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_can_be_nobodys_is_told_what_to_change() {
    let service = Service::start().await;
    for (email, password, tenant, fields) in [
        ("", "", Some(""), vec!["email", "password", "tenant"]),
        ("ada", PASSWORD, None, vec!["email"]),
        ("ada@example.com'; --", PASSWORD, None, vec!["email"]),
        ("ada@example.com", "", None, vec!["password"]),
    ] {
        let answer = fault(&service.running.login(email, password, tenant).await.unwrap_err(), ERROR_CODES);
        assert_eq!(answer.code, Code::INVALID_ARGUMENT, "{email}");
        let named: Vec<_> = answer.violations.iter().map(|violation| violation.field.as_str()).collect();
        assert_eq!(named, fields);
    }
    service.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hash_from_cheaper_times_is_renewed_at_login() {
    let service = Service::start().await;
    let acme = service.tenant("acme").await;
    service.member(acme, "ada@example.com").await;
    let hash = "SELECT password_hash FROM auth.identities";
    let before = service.value(hash).await;
    assert!(before.starts_with("$bcrypt-sha256$v=2,t=2b,r=4$"), "{before}");

    let mut dearer = config(&service.database, &service.keys);
    dearer.args.bcrypt_cost = 5;
    let dearer = Running::start(dearer).await;
    assert_eq!(
        refused(dearer.login("ada@example.com", "wrong horse", None).await),
        error_code::INVALID_CREDENTIALS
    );
    assert_eq!(service.value(hash).await, before, "only the right password is hashed anew");
    dearer.login("ada@example.com", PASSWORD, None).await.unwrap();
    let after = service.value(hash).await;
    assert!(after.starts_with("$bcrypt-sha256$v=2,t=2b,r=5$"), "{after}");
    assert_eq!(service.value("SELECT updated_at > created_at FROM auth.identities").await, "true");

    dearer.login("ada@example.com", PASSWORD, None).await.unwrap();
    service.running.login("ada@example.com", PASSWORD, None).await.unwrap();
    assert_eq!(service.value(hash).await, after, "a dearer hash stays");
    dearer.stop().await;
    service.running.stop().await;
}

/// Hashes from before the prehash: of four characters, and of a decomposed text.
#[tokio::test(flavor = "multi_thread")]
async fn a_hash_from_before_still_opens_and_is_renewed_at_login() {
    let service = Service::start().await;
    let acme = service.tenant("acme").await;
    service.member(acme, "ada@example.com").await;
    let hash = "SELECT password_hash FROM auth.identities";
    for (password, old) in [
        ("паро", "$2b$04$n79VH.0Q2TMWmt3Oqt9ukuHCYudMBtbHF8VkneqGNPJQHOeU.VOCa"),
        ("cafe\u{301} 4711", "$2b$04$n79VH.0Q2TMWmt3Oqt9ukuE/GlQAZblnv.3XhyfFMSwiQ8HEHx0ty"),
    ] {
        service.sql(&format!("UPDATE auth.identities SET password_hash = '{old}'")).await;
        let wrong = service.running.login("ada@example.com", PASSWORD, None).await;
        assert_eq!(refused(wrong), error_code::INVALID_CREDENTIALS);
        assert_eq!(service.value(hash).await, old, "only the right password is hashed anew");
        service.running.login("ada@example.com", password, None).await.unwrap();
        let renewed = service.value(hash).await;
        assert!(renewed.starts_with("$bcrypt-sha256$v=2,t=2b,r=4$"), "{renewed}");
        service.running.login("ada@example.com", password, None).await.unwrap();
        assert_eq!(service.value(hash).await, renewed);
    }
    // Now it is the same from every keyboard.
    service.running.login("ada@example.com", "café 4711", None).await.unwrap();
    service.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn passwords_are_counted_in_characters_and_read_to_their_end() {
    let service = Service::start().await;
    let acme = service.tenant("acme").await;
    // The characters differ, since a few repeated ones are too easy to guess.
    let longest: String = ('а'..='я').cycle().take(128).collect();
    for (email, password) in [("ada@example.com", longest.as_str()), ("bob@example.com", "жщЫфЩЖюш")]
    {
        service.create_membership(acme, email, password, Role::Viewer).await.unwrap();
        service.running.login(email, password, None).await.unwrap();
    }
    let (almost, _) = longest.split_at(longest.len() - 'я'.len_utf8());
    let other_end = format!("{almost}z");
    for wrong in [almost, &other_end] {
        let refused = refused(service.running.login("ada@example.com", wrong, None).await);
        assert_eq!(refused, error_code::INVALID_CREDENTIALS);
    }
    for password in ["жщЫфЩЖю", &format!("{longest}!")] {
        let answer = service.create_membership(acme, "eve@example.com", password, Role::Viewer).await;
        assert_eq!(fault(&answer.unwrap_err(), ERROR_CODES).violations[0].field, "password");
    }
    service.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_public_keys_are_public() {
    let service = Service::start().await;
    let keys = service.running.client().get_jwks(GetJwksRequest {}).await.unwrap().into_inner().keys;
    let [key] = keys.as_slice() else { panic!("{keys:?}") };
    assert_eq!((key.kty.as_str(), key.crv.as_str(), key.alg.as_str()), ("OKP", "Ed25519", "EdDSA"));
    let published =
        std::fs::read_to_string(service.keys.trust_dir().join("rowhouse-auth.jwks.json")).unwrap();
    assert!(published.contains(&key.kid) && published.contains(&key.x));
    service.running.stop().await;
}
