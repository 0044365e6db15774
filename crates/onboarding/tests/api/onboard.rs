//! Onboarding tenants.

use std::collections::HashSet;

use rowhouse_chassis::error::{Code, fault};
use rowhouse_proto::ERROR_CODES;
use rowhouse_proto::auth::v1::error_code::{EMAIL_MISMATCH, INVALID_CREDENTIALS};
use rowhouse_proto::onboarding::v1::error_code;
use rowhouse_proto::onboarding::v1::{OnboardTenantRequest, TenantStatus};
use tokio::task::JoinSet;

use crate::support::{PASSWORD, With, World, refused, request};

#[tokio::test(flavor = "multi_thread")]
async fn the_owner_can_log_in_when_the_call_returns() {
    let world = World::start().await;
    let answer = world.onboard(request("  Acme & Söhne ", " Ada@Example.com")).await.unwrap();
    let (tenant, admin) = (answer.tenant.unwrap(), answer.admin.unwrap());
    assert_eq!((tenant.name.as_str(), tenant.slug.as_str()), ("Acme & Söhne", "acme-sohne"));
    assert_eq!(tenant.status(), TenantStatus::Active);
    assert!(tenant.created_at.is_some());
    assert_eq!((admin.email.as_str(), admin.role.as_str()), ("ada@example.com", "owner"));
    for id in [&tenant.id, &admin.id] {
        assert_eq!(id.as_bytes()[14], b'7', "{id} is a UUID of version 7");
    }
    world.login("ada@example.com", PASSWORD, None).await.unwrap();
    world.login("ada@example.com", PASSWORD, Some("acme-sohne")).await.unwrap();
    assert_eq!(world.value("SELECT role FROM auth.memberships").await, "owner");
    assert_eq!(world.value("SELECT user_id FROM auth.memberships").await, admin.id);
    assert_eq!(world.counts().await, "1 1 1 0");

    let steps = tenant.onboarding.unwrap();
    assert!(steps.finished_at.is_some() && steps.failure.is_empty());
    let names: Vec<_> = steps.steps.iter().map(|step| step.name.as_str()).collect();
    assert_eq!(names, ["tenant", "identity", "membership", "defaults", "welcome"]);
    assert!(steps.steps.iter().all(|step| step.completed_at.is_some()), "{steps:?}");
    assert!(answer.status_token.is_empty(), "there is nothing left to wait for");
    assert_eq!(world.value("SELECT last_number FROM orders.number_series").await, "0");
    let jobs = "SELECT string_agg(queue || ' ' || kind, ',' ORDER BY queue) FROM jobs.jobs";
    let kinds = "rowhouse_auth letter.send,rowhouse_onboarding tenant.set_up,rowhouse_orders orders.purge";
    assert_eq!(world.value(jobs).await, kinds);
    assert_eq!(world.value("SELECT count(member_proof) FROM onboarding.onboardings").await, "0");
    world.mail_to("ada@example.com", "Welcome").await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_that_is_wrong_is_said_at_once_and_nothing_is_done() {
    let world = World::start().await;
    let wrong = request("", "ada").slug("A").key("").password("short");
    let answer = fault(&world.onboard(wrong).await.unwrap_err(), ERROR_CODES);
    assert_eq!(answer.code, Code::INVALID_ARGUMENT);
    let fields: Vec<_> = answer.violations.iter().map(|violation| violation.field.as_str()).collect();
    assert_eq!(fields, ["name", "slug", "admin.email", "admin.password", "idempotency_key"]);

    let nobody = OnboardTenantRequest { admin: None, ..request("Acme", "") };
    assert_eq!(fault(&world.onboard(nobody).await.unwrap_err(), ERROR_CODES).violations[0].field, "admin");
    let quoted = world.onboard(request("Acme", "\"ada\"@example.com").key("k")).await;
    let answer = fault(&quoted.unwrap_err(), ERROR_CODES);
    assert_eq!((answer.code, answer.violations[0].field.as_str()), (Code::INVALID_ARGUMENT, "admin.email"));
    for name in ["\u{200b}\u{200b}", "\u{2800}", "Acme\u{202e}gnp.exe", "\u{2066}Acme", "\u{301}"] {
        let answer = fault(&world.onboard(request(name, "ada@example.com")).await.unwrap_err(), ERROR_CODES);
        assert_eq!(answer.violations[0].field, "name", "{name:?}");
    }
    for slug in
        ["admin", "www", "api", "login", "postmaster", "support", "rowhouse", "localhost", "xn--bcher-kva"]
    {
        let answer = fault(
            &world.onboard(request("Acme", "ada@example.com").slug(slug)).await.unwrap_err(),
            ERROR_CODES,
        );
        assert_eq!(
            (answer.code, answer.violations[0].field.as_str()),
            (Code::INVALID_ARGUMENT, "slug"),
            "{slug}"
        );
    }
    assert_eq!(world.counts().await, "0 0 0 0");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chosen_slug_is_had_once_and_a_derived_one_gets_a_suffix() {
    let world = World::start().await;
    world.onboard(request("Acme", "ada@example.com").slug("acme")).await.unwrap();
    let again = world.onboard(request("Other", "bob@example.com").slug("acme")).await;
    assert_eq!(refused(again), error_code::SLUG_TAKEN);
    assert_eq!(world.counts().await, "1 1 1 0");
    let derived = world.onboard(request("ACME!", "bob@example.com")).await.unwrap().tenant.unwrap();
    assert!(derived.slug.starts_with("acme-") && derived.slug.len() == 9, "{}", derived.slug);
    let made = world.onboard(request("株式会社", "cyd@example.com")).await.unwrap().tenant.unwrap();
    assert!(made.slug.starts_with("tenant-"), "{}", made.slug);
    assert_eq!(made.name, "株式会社");
    // Any name is allowed; a reserved slug is not.
    let admin = world.onboard(request("Admin", "dan@example.com")).await.unwrap().tenant.unwrap();
    assert!(admin.slug.starts_with("admin-") && admin.slug.len() == 10, "{}", admin.slug);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_tenants_of_one_name_at_once_each_get_a_slug() {
    let world = World::start().await;
    let mut calls = JoinSet::new();
    for number in 0..16 {
        let mut client = world.client();
        let request = request("Acme", &format!("ada{number}@example.com"));
        calls
            .spawn(async move { client.onboard_tenant(request).await.unwrap().into_inner().tenant.unwrap() });
    }
    let tenants = calls.join_all().await;
    assert_eq!(tenants.iter().map(|tenant| &tenant.slug).collect::<HashSet<_>>().len(), 16);
    assert_eq!(tenants.iter().map(|tenant| &tenant.id).collect::<HashSet<_>>().len(), 16);
    assert_eq!(world.counts().await, "16 16 16 0");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_want_one_slug_one_has_it() {
    let world = World::start().await;
    let mut calls = JoinSet::new();
    for number in 0..16 {
        let mut client = world.client();
        let request = request("Acme", &format!("ada{number}@example.com")).slug("acme");
        calls.spawn(async move { client.onboard_tenant(request).await });
    }
    let (won, lost): (Vec<_>, Vec<_>) = calls.join_all().await.into_iter().partition(Result::is_ok);
    assert_eq!((won.len(), lost.len()), (1, 15));
    for answer in lost {
        assert_eq!(refused(answer), error_code::SLUG_TAKEN);
    }
    assert_eq!(world.counts().await, "1 1 1 0");
    world.stop().await;
}

/// With or without the password, it looks like any other onboarding from outside.
#[tokio::test(flavor = "multi_thread")]
async fn a_person_adds_a_tenant_only_when_they_show_who_they_are() {
    let world = World::start().await;
    let first = world.onboard(request("Acme", "ada@example.com")).await.unwrap().admin.unwrap();
    let hash = world.value("SELECT password_hash FROM auth.identities").await;

    let wrong = request("Globex", "ada@example.com").slug("globex").password("wrong horse");
    let none = request("Hooli", "ada@example.com").slug("hooli").without_password();
    for request in [wrong, none] {
        let answer = world.onboard(request).await.unwrap();
        let (tenant, admin) = (answer.tenant.unwrap(), answer.admin.unwrap());
        assert_eq!(tenant.status(), TenantStatus::Active);
        assert_eq!((admin.email.as_str(), admin.role.as_str()), ("ada@example.com", "owner"));
        assert_ne!(admin.id, first.id);
        let slug = Some(tenant.slug.as_str());
        assert_eq!(refused(world.login("ada@example.com", PASSWORD, slug).await), INVALID_CREDENTIALS);
    }
    let message = world.mail_to("ada@example.com", "Invitation").await;
    assert!(
        message.body.contains("\"Globex\""),
        "the one of Hooli is not sent while it is pending: {}",
        message.body
    );
    assert_eq!(world.counts().await, "3 1 1 0");

    world.onboard(request("Initech", "ada@example.com").slug("initech")).await.unwrap();
    world.login("ada@example.com", PASSWORD, Some("initech")).await.unwrap();
    assert_eq!(world.value("SELECT password_hash FROM auth.identities").await, hash);
    assert_eq!(world.counts().await, "4 1 2 0");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_access_token_is_as_good_as_the_password() {
    let world = World::start().await;
    world.onboard(request("Acme", "ada@example.com")).await.unwrap();
    let token = world.login("ada@example.com", PASSWORD, None).await.unwrap().access_token;
    let mine = request("Globex", "ada@example.com").slug("globex").without_password();
    world.onboard_as(&token, mine).await.unwrap();
    world.login("ada@example.com", PASSWORD, Some("globex")).await.unwrap();

    for email in ["bob@example.com", "nobody@example.com"] {
        let anothers = request("Hooli", email).slug("hooli").key("k");
        assert_eq!(refused(world.onboard_as(&token, anothers).await), EMAIL_MISMATCH);
    }
    let mine = request("Hooli", "ada@example.com").slug("hooli").without_password();
    assert_eq!(refused(world.onboard_as("not.a.token", mine.clone()).await), Code::TOKEN_INVALID);
    world.sql("SELECT auth.end_sessions_of(id, 'disabled') FROM auth.identities").await;
    assert_eq!(refused(world.onboard_as(&token, mine.clone()).await), Code::TOKEN_REVOKED);
    assert_eq!(world.counts().await, "2 1 2 0", "nothing is left behind");
    world.onboard(mine).await.unwrap();
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_password_a_link_sets_it() {
    let world = World::start().await;
    let new = request("Acme", "ada@example.com").without_password();
    let admin = world.onboard(new).await.unwrap().admin.unwrap();
    assert_eq!(world.value("SELECT user_id FROM auth.memberships").await, admin.id);
    assert_eq!(refused(world.login("ada@example.com", PASSWORD, None).await), INVALID_CREDENTIALS);
    let message = world.mail_to("ada@example.com", "Set your password").await;
    assert!(message.token.starts_with("rowhouse_otl_"));
    world.stop().await;
}
