//! Managing endpoints.

use rowhouse_chassis::error::Code;
use rowhouse_proto::orders::v1::error_code;
use rowhouse_proto::orders::v1::{
    ListWebhookDeliveriesRequest, ListWebhookEndpointsRequest, UpdateWebhookEndpointRequest,
};
use rowhouse_tokens::Role;
use uuid::Uuid;

use super::{Webhooks, world};
use crate::world::{refusal, wrong_fields};

fn nobody() -> String {
    Uuid::now_v7().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_is_made_changed_and_deleted() {
    let (world, _, webhooks) = world().await;
    let created = webhooks.create("https://example.com/hooks", &["order.created"]).await.unwrap();
    let endpoint = created.webhook_endpoint.clone().unwrap();
    assert_eq!(endpoint.url, "https://example.com/hooks");
    assert_eq!((endpoint.events.as_slice(), endpoint.enabled), (&["order.created".to_owned()][..], true));
    assert!(created.secret.starts_with("whsec_"), "{}", created.secret.len());

    // The secret is shown once, and neither in a list nor in debug output.
    assert!(!format!("{created:?}").contains(&created.secret["whsec_".len()..]));
    let listed = webhooks.endpoints(ListWebhookEndpointsRequest::default()).await.unwrap();
    assert_eq!(listed.webhook_endpoints, [endpoint.clone()]);
    assert_eq!(listed.next_page_token, "");

    let nothing = UpdateWebhookEndpointRequest { id: endpoint.id.clone(), ..Default::default() };
    assert_eq!(wrong_fields(webhooks.update(nothing.clone()).await), ["url"]);
    let change = UpdateWebhookEndpointRequest { enabled: Some(true), ..nothing };
    let same = webhooks.update(change.clone()).await.unwrap();
    assert_eq!((&same.url, &same.events, same.enabled), (&endpoint.url, &endpoint.events, true));
    let changed = UpdateWebhookEndpointRequest {
        url: Some("https://example.com/other".to_owned()),
        events: vec!["*".to_owned()],
        enabled: Some(false),
        ..change.clone()
    };
    let changed = webhooks.update(changed).await.unwrap();
    assert_eq!((changed.url.as_str(), changed.enabled), ("https://example.com/other", false));
    assert_eq!(changed.events, ["*"]);
    assert!(changed.updated_at.unwrap().seconds >= endpoint.updated_at.unwrap().seconds);

    webhooks.delete(&endpoint.id).await.unwrap();
    assert_eq!(refusal(webhooks.delete(&endpoint.id).await).code, error_code::WEBHOOK_ENDPOINT_NOT_FOUND);
    assert_eq!(refusal(webhooks.update(change).await).code, error_code::WEBHOOK_ENDPOINT_NOT_FOUND);
    assert_eq!(
        webhooks.endpoints(ListWebhookEndpointsRequest::default()).await.unwrap().webhook_endpoints,
        []
    );
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn violations_are_reported() {
    let (world, _, webhooks) = world().await;
    assert_eq!(wrong_fields(webhooks.create("example.com", &[]).await), ["url", "events"]);
    assert_eq!(
        wrong_fields(webhooks.create("ftp://example.com/", &["order.eaten"]).await),
        ["url", "events"]
    );
    assert_eq!(
        refusal(webhooks.create("https://ada:secret@example.com/", &["*"]).await).code,
        error_code::URL_NOT_ALLOWED
    );
    let change =
        UpdateWebhookEndpointRequest { id: "7".to_owned(), url: Some(String::new()), ..Default::default() };
    assert_eq!(wrong_fields(webhooks.update(change).await), ["id", "url"]);
    assert_eq!(wrong_fields(webhooks.delete("7").await), ["id"]);
    assert_eq!(wrong_fields(webhooks.redeliver("").await), ["id"]);
    let list = ListWebhookDeliveriesRequest {
        page_size: -1,
        page_token: "x".to_owned(),
        ..ListWebhookDeliveriesRequest::default()
    };
    assert_eq!(wrong_fields(webhooks.list(list).await), ["page_size", "page_token"]);
    let list = ListWebhookDeliveriesRequest {
        webhook_endpoint_id: "7".to_owned(),
        status: 7,
        ..ListWebhookDeliveriesRequest::default()
    };
    assert_eq!(wrong_fields(webhooks.list(list).await), ["webhook_endpoint_id", "status"]);

    assert_eq!(refusal(webhooks.delete(&nobody()).await).code, error_code::WEBHOOK_ENDPOINT_NOT_FOUND);
    assert_eq!(refusal(webhooks.redeliver(&nobody()).await).code, error_code::WEBHOOK_DELIVERY_NOT_FOUND);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_who_manages_webhooks_sees_or_touches_them() {
    let (world, orders, administrator) = world().await;
    let created = administrator.create("https://example.com/", &["*"]).await.unwrap();
    let id = created.webhook_endpoint.unwrap().id;
    for role in [Role::Member, Role::Viewer] {
        let webhooks = Webhooks::of(&world, orders.tenant, role).await;
        let change = UpdateWebhookEndpointRequest { id: id.clone(), ..Default::default() };
        for refused in [
            webhooks.create("https://example.com/", &["*"]).await.map(drop),
            webhooks.endpoints(ListWebhookEndpointsRequest::default()).await.map(drop),
            webhooks.update(change).await.map(drop),
            webhooks.delete(&id).await,
            webhooks.list(ListWebhookDeliveriesRequest::default()).await.map(drop),
            webhooks.redeliver(&nobody()).await.map(drop),
        ] {
            assert_eq!(refusal(refused).code, Code::PERMISSION_DENIED, "{role:?}");
        }
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn endpoints_are_paged_newest_first_up_to_a_number() {
    let (world, _, webhooks) = world().await;
    let mut made = Vec::new();
    for number in 0..50 {
        let created = webhooks.create(&format!("https://example.com/{number}"), &["*"]).await.unwrap();
        made.insert(0, created.webhook_endpoint.unwrap());
    }
    let refused = refusal(webhooks.create("https://example.com/", &["*"]).await);
    assert_eq!(refused.code, Code::LIMIT_EXCEEDED);

    let mut seen = Vec::new();
    let mut page_token = String::new();
    loop {
        let page =
            webhooks.endpoints(ListWebhookEndpointsRequest { page_size: 20, page_token }).await.unwrap();
        seen.extend(page.webhook_endpoints);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(seen, made);
    webhooks.delete(&made[0].id).await.unwrap();
    webhooks.create("https://example.com/", &["*"]).await.unwrap();
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_gets_the_same_endpoint_and_secret() {
    let (world, _, webhooks) = world().await;
    let first = webhooks.create_once("https://example.com/", &["*"], Some("1")).await.unwrap();
    let again = webhooks.create_once("https://example.com/", &["*"], Some("1")).await.unwrap();
    assert_eq!(again, first);
    let other = refusal(webhooks.create_once("https://example.com/2", &["*"], Some("1")).await);
    assert_eq!(other.code, Code::IDEMPOTENCY_KEY_REUSED);
    let wrong = refusal(webhooks.create_once("https://example.com/", &["*"], Some("a b")).await);
    assert_eq!(wrong.violations[0].field, "idempotency_key");
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let webhooks = webhooks.clone();
        calls.spawn(async move { webhooks.create_once("https://example.com/", &["*"], Some("2")).await });
    }
    let answers: Vec<_> = calls.join_all().await.into_iter().map(Result::unwrap).collect();
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    let listed = webhooks.endpoints(ListWebhookEndpointsRequest::default()).await.unwrap();
    assert_eq!(listed.webhook_endpoints.len(), 2);
    world.stop().await;
}
