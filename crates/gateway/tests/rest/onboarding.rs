//! Onboarding tenants.

use rowhouse_testkit::{SignUpArgs, TestOptions, TestSystem};
use serde_json::{Value, json};

use crate::api::Api;

const PASSWORD: &str = "correct horse battery";

fn company(name: &str, email: &str) -> Value {
    json!({ "name": name, "admin": { "email": email, "password": PASSWORD } })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_company_can_work_at_once() {
    let system = TestSystem::start().await;
    let api = Api::of(system.gateway_url()).await;
    let mut body = company("Acmé & Söhne", "Ada@Acme.example");
    body["slug"] = json!("acme-1");
    let made = api.post("/v1/tenants", &body).expect(201).await;
    let (tenant, admin) = (&made.body["tenant"], &made.body["admin"]);
    assert_eq!(tenant["name"], "Acmé & Söhne");
    assert_eq!(tenant["slug"], "acme-1");
    assert_eq!(tenant["status"], "active");
    assert_eq!(admin["email"], "ada@acme.example");
    assert_eq!(admin["role"], "owner");
    assert_eq!(made.header("location"), format!("/v1/tenants/{}", tenant["id"].as_str().unwrap()));
    assert!(made.body.get("status_token").is_none(), "an access token is better");

    let login = json!({ "email": "ada@acme.example", "password": PASSWORD });
    let token = api.post("/v1/auth/login", &login).expect(200).await;
    let me = api.with_token(token.body["access_token"].as_str().unwrap()).get("/v1/me").expect(200).await;
    let user = json!({ "id": admin["id"], "email": "ada@acme.example", "email_verified": false });
    assert_eq!(me.body["user"], user);
    assert_eq!(me.body["tenant"], json!({ "id": tenant["id"], "slug": "acme-1", "name": "Acmé & Söhne" }));
    assert_eq!(me.body["role"], "owner");

    // Without a slug, one is derived from the name, with a suffix if it is taken.
    let first = api.post("/v1/tenants", &company("Globex", "g1@globex.example")).expect(201).await;
    let second = api.post("/v1/tenants", &company("Globex", "g2@globex.example")).expect(201).await;
    assert_eq!(first.body["tenant"]["slug"], "globex");
    assert_ne!(second.body["tenant"]["slug"], "globex");
    let mut rival = company("Initech", "i@initech.example");
    rival["slug"] = json!("globex");
    api.post("/v1/tenants", &rival).refused(409, "slug_taken").await;
    system.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_values_are_named_all_at_once() {
    let system = TestSystem::start().await;
    let api = Api::of(system.gateway_url()).await;
    let wrong = json!({ "name": "", "slug": "-", "admin": { "email": "ada", "password": "short" } });
    let refused = api.post("/v1/tenants", &wrong).header("idempotency-key", "a b");
    let refused = refused.refused(400, "invalid_argument").await;
    assert_eq!(refused.fields(), ["name", "slug", "admin.email", "admin.password", "Idempotency-Key"]);

    let long = "a".repeat(100_000);
    for (pointer, value) in [
        ("/name", json!("a\0b")),
        ("/name", json!(" ")),
        ("/name", json!(long)),
        ("/slug", json!(long)),
        ("/slug", json!("Acme")),
        ("/slug", json!("ac")),
        ("/slug", json!("'; drop table tenancy.tenants; --")),
        ("/admin/email", json!(format!("{long}@acme.example"))),
        ("/admin/email", json!("ada@acme.example\0")),
        ("/admin/password", json!("ä".repeat(36))),
        ("/admin/password", json!("12345678\0")),
        ("/admin/password", json!(long)),
    ] {
        let mut body = company("Acme", "ada@acme.example");
        body["slug"] = json!("acme");
        *body.pointer_mut(pointer).unwrap() = value;
        let refused = api.post("/v1/tenants", &body).refused(400, "invalid_argument").await;
        assert_eq!(refused.fields(), [pointer[1..].replace('/', ".")], "{}", refused.text);
    }
    for key in ["", "a b", &"k".repeat(256)] {
        let request = api.post("/v1/tenants", &company("Acme", "ada@acme.example"));
        let refused = request.header("idempotency-key", key).refused(400, "invalid_argument").await;
        assert_eq!(refused.fields(), ["Idempotency-Key"]);
    }
    let known = api.post("/v1/auth/login", &json!({ "email": "ada@acme.example", "password": PASSWORD }));
    known.refused(401, "invalid_credentials").await;
    system.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_with_an_identity_joins_by_its_password_only() {
    let system = TestSystem::start().await;
    let api = Api::of(system.gateway_url()).await;
    api.post("/v1/tenants", &company("Acme", "ada@acme.example")).expect(201).await;

    // From outside, a wrong password looks like a right one, and like a new address.
    let mut stolen = company("Evil", "ADA@acme.example");
    stolen["admin"]["password"] = json!("another password");
    let answer = api.post("/v1/tenants", &stolen).expect(201).await;
    assert_eq!(answer.body["admin"]["email"], "ada@acme.example");
    assert_eq!(
        (&answer.body["admin"]["role"], &answer.body["tenant"]["status"]),
        (&json!("owner"), &json!("active"))
    );
    let login = |password: &str, tenant: &str| json!({ "email": "ada@acme.example", "password": password, "tenant": tenant });
    for (password, tenant) in [("another password", "acme"), ("another password", "evil"), (PASSWORD, "evil")]
    {
        api.post("/v1/auth/login", &login(password, tenant)).refused(401, "invalid_credentials").await;
    }
    api.post("/v1/auth/login", &login(PASSWORD, "acme")).expect(200).await;

    // The reader of the address's email can still join, with the password as long as the address is not confirmed.
    let message = system.mail_to("ada@acme.example", "Invitation").await;
    let accept = json!({ "token": message.token });
    api.post("/v1/invitations/accept", &accept).refused(400, "invalid_argument").await;
    let accept = json!({ "token": message.token, "password": PASSWORD });
    let accepted = api.post("/v1/invitations/accept", &accept).expect(200).await;
    assert_eq!((&accepted.body["tenant"]["slug"], accepted.text("role")), (&json!("evil"), "owner"));
    api.post("/v1/auth/login", &login(PASSWORD, "evil")).expect(200).await;
    api.post("/v1/auth/login", &login("another password", "evil")).refused(401, "invalid_credentials").await;

    api.post("/v1/tenants", &company("Second", "ada@acme.example")).expect(201).await;
    api.post("/v1/auth/login", &login(PASSWORD, "second")).expect(200).await;
    system.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_who_is_logged_in_needs_no_password() {
    let system = TestSystem::start().await;
    let (acme, globex) = (system.onboard("Acme").await, system.onboard("Globex").await);
    let api = Api::of(system.gateway_url()).await;
    let ada = api.with_token(acme.token.as_str());
    let body = |email: &str| json!({ "name": "Second", "slug": "second", "admin": { "email": email } });

    ada.post("/v1/tenants", &body(&globex.admin_email)).refused(403, "email_mismatch").await;
    let made = ada.post("/v1/tenants", &body(&acme.admin_email.to_uppercase())).expect(201).await;
    let me = ada.get("/v1/me").expect(200).await;
    assert_eq!(
        made.body["admin"],
        json!({ "id": me.body["user"]["id"], "email": acme.admin_email, "role": "owner" })
    );
    let login = api.login(&acme.admin_email, &acme.password, "second").await;
    let me = api.with_token(login.text("access_token")).get("/v1/me").expect(200).await;
    assert_eq!((&me.body["tenant"]["slug"], &me.body["role"]), (&json!("second"), &json!("owner")));
    system.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_may_set_the_password_later() {
    let system = TestSystem::start().await;
    let api = Api::of(system.gateway_url()).await;
    let body = json!({ "name": "Acme", "admin": { "email": "ada@acme.example" } });
    let made = api.post("/v1/tenants", &body).expect(201).await;
    for password in ["", PASSWORD] {
        let login = json!({ "email": "ada@acme.example", "password": password });
        let refused = api.post("/v1/auth/login", &login).send().await;
        assert!([400, 401].contains(&refused.status), "{}", refused.text);
    }
    let message = system.mail_to("ada@acme.example", "Set your password").await;
    let reset = json!({ "token": message.token, "password": PASSWORD });
    api.post("/v1/auth/password/reset", &reset).expect(204).await;
    let login = api.login("ada@acme.example", PASSWORD, "acme").await;
    let me = api.with_token(login.text("access_token")).get("/v1/me").expect(200).await;
    assert_eq!(
        (&me.body["user"]["id"], &me.body["user"]["email_verified"]),
        (&made.body["admin"]["id"], &json!(true))
    );
    system.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_is_confirmed_by_a_mailed_link() {
    let system = TestSystem::start().await;
    let acme = system.onboard("Acme").await;
    let api = Api::of(system.gateway_url()).await;
    let message = system.mail_to(&acme.admin_email, "Confirm your email address").await;
    let ada = api.with_token(acme.token);
    assert_eq!(ada.get("/v1/me").expect(200).await.body["user"]["email_verified"], false);
    let token = json!({ "token": message.token });
    api.post("/v1/auth/email/verify", &token).expect(204).await;
    assert_eq!(ada.get("/v1/me").expect(200).await.body["user"]["email_verified"], true);
    api.post("/v1/auth/email/verify", &token).refused(400, "one_time_token_invalid").await;
    system.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_onboards_so_many_and_a_repeat_is_none() {
    let sign_ups = SignUpArgs { sign_ups_per_network: 3, sign_ups_per_address: 100 };
    let system = TestSystem::start_with(TestOptions { sign_ups, ..TestOptions::default() }).await;
    let api = Api::of(system.gateway_url()).await;
    let onboard = |number: usize, from: &str| {
        let request = api
            .post("/v1/tenants", &company(&format!("Firm {number}"), &format!("ada@firm{number}.example")));
        request.header("idempotency-key", format!("key-{number}")).header("x-forwarded-for", from)
    };
    for number in 0..3 {
        onboard(number, &format!("2001:db8::{number}")).expect(201).await;
    }
    let refused = onboard(3, "2001:db8::3").refused(429, "too_many_attempts").await;
    assert!((60..=3600).contains(&refused.header("retry-after").parse::<u64>().unwrap()));
    // A repeat gets the first answer, from there as well.
    onboard(0, "2001:db8::3").expect(201).await;
    onboard(3, "2001:db8:0:1::1").expect(201).await;
    system.shutdown().await;
}
