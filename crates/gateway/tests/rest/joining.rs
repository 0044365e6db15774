//! Accepting an invitation by the emailed link.

use std::time::Duration;

use diesel_async::SimpleAsyncConnection;
use reqwest::Method;
use rowhouse_testkit::{TestSystem, mail};
use serde_json::json;

use crate::api::Api;
use crate::people::PASSWORD;

const GRACE: &str = "grace@acme.example";

#[tokio::test(flavor = "multi_thread")]
async fn a_new_person_joins() {
    let system = TestSystem::start().await;
    let acme = system.onboard("Acme").await;
    let api = Api::of(system.gateway_url()).await;
    let ada = api.with_token(acme.token.as_str());
    ada.post("/v1/invitations", &json!({ "email": GRACE, "role": "member" })).expect(201).await;
    let message = system.mail_to(GRACE, "Invitation").await;
    assert!(message.body.contains(&acme.admin_email), "{}", message.body);

    for password in [json!(null), json!("short"), json!("password123")] {
        let body = json!({ "token": message.token, "password": password });
        let refused = api.post("/v1/invitations/accept", &body).refused(400, "invalid_argument").await;
        assert_eq!(refused.fields(), ["password"], "{password}");
    }
    // It is for another person than the one who is logged in.
    let body = json!({ "token": message.token, "password": PASSWORD });
    ada.post("/v1/invitations/accept", &body).refused(403, "email_mismatch").await;

    let accepted = api.post("/v1/invitations/accept", &body).expect(200).await;
    assert_eq!(accepted.body["tenant"], json!({ "id": acme.id, "slug": acme.slug, "name": "Acme" }));
    assert_eq!((&accepted.body["user"]["email"], accepted.text("role")), (&json!(GRACE), "member"));
    assert_eq!(accepted.body["user"]["email_verified"], true, "the link was mailed");
    api.post("/v1/invitations/accept", &body).refused(400, "one_time_token_invalid").await;

    let grace = api.login(GRACE, PASSWORD, &acme.slug).await;
    let grace = api.with_token(grace.text("access_token"));
    assert_eq!(grace.get("/v1/me").expect(200).await.body, accepted.body);
    let members = grace.get("/v1/members").expect(200).await;
    let emails: Vec<_> =
        members.body["members"].as_array().unwrap().iter().map(|one| &one["email"]).collect();
    assert_eq!(emails, [acme.admin_email.as_str(), GRACE], "oldest first");
    assert_eq!(ada.get("/v1/invitations").expect(200).await.body["invitations"], json!([]));
    system.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_with_an_identity_joins_another_tenant() {
    let system = TestSystem::start().await;
    let (acme, globex) = (system.onboard("Acme").await, system.onboard("Globex").await);
    let api = Api::of(system.gateway_url()).await;
    let (ada, gina) = (api.with_token(acme.token.as_str()), api.with_token(globex.token.as_str()));
    let invitation = json!({ "email": globex.admin_email, "role": "viewer" });
    ada.post("/v1/invitations", &invitation).expect(201).await;
    let message = system.mail_to(&globex.admin_email, "Invitation").await;
    let body = json!({ "token": message.token });

    let other = json!({ "token": message.token, "password": "another password" });
    api.post("/v1/invitations/accept", &other).refused(401, "invalid_credentials").await;
    api.with_token("garbage").post("/v1/invitations/accept", &body).refused(401, "token_invalid").await;
    let accepted = gina.post("/v1/invitations/accept", &body).expect(200).await;
    assert_eq!((&accepted.body["tenant"]["id"], accepted.text("role")), (&json!(acme.id), "viewer"));

    // The password is unchanged and valid in both tenants.
    let login = json!({ "email": globex.admin_email, "password": globex.password });
    let asked = api.post("/v1/auth/login", &login).refused(409, "tenant_required").await;
    assert_eq!(asked.body["tenants"].as_array().unwrap().len(), 2);
    let there = api.login(&globex.admin_email, &globex.password, &acme.slug).await;
    assert_eq!(
        api.with_token(there.text("access_token")).get("/v1/me").expect(200).await.body["role"],
        "viewer"
    );
    ada.post("/v1/invitations", &invitation).refused(409, "already_member").await;
    system.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_last_link_is_good() {
    let system = TestSystem::start().await;
    let acme = system.onboard("Acme").await;
    let api = Api::of(system.gateway_url()).await;
    let ada = api.with_token(acme.token.as_str());
    let invite = json!({ "email": GRACE, "role": "member" });
    let accept = |token: &str| {
        let (api, body) = (api.clone(), json!({ "token": token, "password": PASSWORD }));
        async move { api.post("/v1/invitations/accept", &body).send().await }
    };
    ada.post("/v1/invitations", &invite).expect(201).await;
    let first = system.mail_to(GRACE, "Invitation").await;
    let again = ada.post("/v1/invitations", &invite).expect(201).await;
    let both = async {
        loop {
            let messages = mail::emails_to(system.mail_directory(), GRACE);
            if messages.len() == 2 {
                break messages;
            }
            tokio::task::yield_now().await;
        }
    };
    let messages = tokio::time::timeout(Duration::from_secs(20), both).await.unwrap();
    let second = messages.iter().find(|message| message.token != first.token).unwrap();

    let refused = accept(&first.token).await;
    assert_eq!((refused.status, &refused.body["code"]), (400, &json!("one_time_token_invalid")));
    ada.delete(again.path_in("/v1/invitations")).expect(204).await;
    let refused = accept(&second.token).await;
    assert_eq!((refused.status, &refused.body["code"]), (400, &json!("one_time_token_invalid")));
    system.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_is_sent_again() {
    let system = TestSystem::start().await;
    let acme = system.onboard("Acme").await;
    let api = Api::of(system.gateway_url()).await;
    let ada = api.with_token(acme.token.as_str());
    let invited = ada.post("/v1/invitations", &json!({ "email": GRACE, "role": "member" })).expect(201).await;
    let first = system.mail_to(GRACE, "Invitation").await;
    let path = format!("/v1/invitations/{}/resend", invited.text("id"));
    for _ in 0..4 {
        let resent = ada.request(Method::POST, &path).expect(200).await;
        assert_eq!((resent.text("id"), resent.text("email")), (invited.text("id"), GRACE));
    }
    let refused = ada.request(Method::POST, &path).refused(429, "too_many_attempts").await;
    assert!(refused.header("retry-after").parse::<u64>().unwrap() > 60);
    let body = json!({ "token": first.token, "password": PASSWORD });
    api.post("/v1/invitations/accept", &body).refused(400, "one_time_token_invalid").await;
    api.request(Method::POST, &path).refused(401, "token_missing").await;
    let missing = "/v1/invitations/01990a5e-4d5e-7f6a-8b7c-8d9e0f1a2b3c/resend";
    ada.request(Method::POST, missing).refused(404, "invitation_not_found").await;

    // So is the link that confirms an address; and nothing reveals whose address is confirmed.
    for email in [acme.admin_email.as_str(), GRACE, "nobody@example.com"] {
        let answer = api.post("/v1/auth/email/resend", &json!({ "email": email })).expect(202).await;
        assert_eq!(answer.text, "{}");
    }
    let confirmations = async {
        while mail::emails_to(system.mail_directory(), &acme.admin_email).len() < 3 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), confirmations).await.unwrap();
    api.post("/v1/auth/email/resend", &json!({ "email": "ada" })).refused(400, "invalid_argument").await;
    system.shutdown().await;
}

/// A name of somebody who wants our emails to carry their advertisement.
const HOSTILE: &str = "Win! https://evil.example or www.evil.example, a@evil.example";

/// No email contains a link made from a tenant's name, and subjects are ours.
#[tokio::test(flavor = "multi_thread")]
async fn a_hostile_name_makes_no_link_in_any_message() {
    let system = TestSystem::start().await;
    let globex = system.onboard("Globex").await;
    let api = Api::of(system.gateway_url()).await;
    let sign_up = |name: &str, email: &str| {
        let admin = json!({ "email": email, "password": PASSWORD });
        json!({ "name": name, "slug": "prize", "admin": admin })
    };
    // Characters that break or turn a line are refused.
    for name in ["Win!\nhttps://evil.example", "Win!\u{202e}elpmaxe.live", "Win!\u{2028}now"] {
        let refused = api.post("/v1/tenants", &sign_up(name, GRACE)).refused(400, "invalid_argument").await;
        assert_eq!(refused.fields(), ["name"], "{name:?}");
    }
    let owner = "mallory@prize.example";
    api.post("/v1/tenants", &sign_up(HOSTILE, owner)).send().await;
    system.mail_to(owner, "Welcome").await;
    // Rows may be older than the rules.
    let worse = format!("{HOSTILE}\r\n\u{202e}Bcc: x@evil.example");
    let rename = format!("UPDATE tenancy.tenants SET name = '{worse}' WHERE slug = 'prize'");

    // A stranger signs up with somebody's address.
    let mut known = sign_up(HOSTILE, &globex.admin_email);
    known["slug"] = json!("prize-2");
    api.post("/v1/tenants", &known).send().await;
    system.mail_to(&globex.admin_email, "Invitation").await;

    system.database().admin().await.batch_execute(&rename).await.unwrap();
    let mallory = api.login(owner, PASSWORD, "prize").await;
    let mallory = api.with_token(mallory.text("access_token"));
    mallory.post("/v1/invitations", &json!({ "email": GRACE, "role": "member" })).expect(201).await;
    system.mail_to(GRACE, "Invitation").await;
    let report = "INSERT INTO jobs.jobs (tenant_id, id, queue, class, kind, payload, max_attempts)
        SELECT t.id, gen_random_uuid(), 'rowhouse_auth', 'delivery', 'webhook.report_disabled',
            jsonb_build_object('webhook_endpoint_id', gen_random_uuid(), 'reason', 'gone'), 20
        FROM tenancy.tenants t WHERE t.slug = 'prize'";
    system.database().admin().await.batch_execute(report).await.unwrap();
    system.mail_to(owner, "A webhook endpoint was disabled").await;

    let mut subjects = Vec::new();
    let mut named = 0;
    for to in [owner, GRACE, globex.admin_email.as_str()] {
        for message in mail::emails_to(system.mail_directory(), to) {
            let text = &message.body;
            for link in ["evil.example", "//evil", "www.", "a@evil", "\u{202e}", "\nBcc"] {
                assert!(!text.contains(link) && !message.subject.contains(link), "{link:?} in {text}");
            }
            assert!(!message.subject.contains("Win"), "{}", message.subject);
            named += usize::from(text.contains("\"Win"));
            subjects.push(message.subject);
        }
    }
    subjects.sort_unstable();
    subjects.dedup();
    let ours = [
        "A webhook endpoint was disabled",
        "Confirm your email address",
        "Invitation to join a company",
        "Welcome: your company is set up",
    ];
    assert_eq!(subjects, ours);
    assert_eq!(named, 4, "a welcome, two invitations and the report name the tenant");
    system.shutdown().await;
}
