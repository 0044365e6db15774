//! Isolation of background work over gRPC, directly at the services.

use rowhouse_proto::jobs::v1::job_service_client::JobServiceClient;
use rowhouse_proto::jobs::v1::{CancelJobRequest, GetJobRequest, ListJobsRequest};
use rowhouse_proto::onboarding::v1::GetTenantRequest;
use rowhouse_proto::onboarding::v1::onboarding_service_client::OnboardingServiceClient;
use rowhouse_proto::orders::v1::export_service_client::ExportServiceClient;
use rowhouse_proto::orders::v1::webhook_service_client::WebhookServiceClient;
use rowhouse_proto::orders::v1::{
    DeleteWebhookEndpointRequest, DownloadExportRequest, GetExportRequest, ListWebhookDeliveriesRequest,
    ListWebhookEndpointsRequest, RedeliverWebhookDeliveryRequest, RotateWebhookSecretRequest,
    SendTestWebhookRequest, UpdateWebhookEndpointRequest,
};
use rowhouse_testkit::{ServiceName, Tenant, TestOptions, TestSystem};
use tonic::metadata::MetadataValue;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};

use crate::background::Things;
use crate::caller::{Caller, MISSING};

struct Clients {
    token: String,
    onboarding: OnboardingServiceClient<Channel>,
    jobs: JobServiceClient<Channel>,
    exports: ExportServiceClient<Channel>,
    webhooks: WebhookServiceClient<Channel>,
}

impl Clients {
    async fn of(system: &TestSystem, tenant: &Tenant) -> Self {
        let jobs = ServiceName::of_package("jobs.v1").unwrap();
        let [onboarding, jobs, orders] = [ServiceName::Onboarding, jobs, ServiceName::Orders]
            .map(|service| system.endpoint(service).to_owned());
        Self {
            token: tenant.token.clone(),
            onboarding: OnboardingServiceClient::connect(onboarding).await.unwrap(),
            jobs: JobServiceClient::connect(jobs).await.unwrap(),
            exports: ExportServiceClient::connect(orders.clone()).await.unwrap(),
            webhooks: WebhookServiceClient::connect(orders).await.unwrap(),
        }
    }

    fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        let bearer = MetadataValue::try_from(format!("Bearer {}", self.token)).unwrap();
        request.metadata_mut().insert("authorization", bearer);
        request
    }

    /// Returns the answers to the calls that name one of the objects.
    async fn refusals(&self, things: &Things) -> Vec<(&'static str, Status)> {
        let Things { tenant, export, job, endpoint, delivery } = things;
        let (mut onboarding, mut jobs) = (self.onboarding.clone(), self.jobs.clone());
        let (mut exports, mut webhooks) = (self.exports.clone(), self.webhooks.clone());
        let mut refusals = Vec::new();
        macro_rules! refused {
            ($client:ident.$method:ident($message:expr)) => {
                let answer = $client.$method(self.request($message)).await;
                refusals.push((stringify!($method), answer.map(drop).expect_err(stringify!($method))));
            };
        }
        refused!(onboarding.get_tenant(GetTenantRequest { id: tenant.clone() }));
        refused!(jobs.get_job(GetJobRequest { id: job.clone() }));
        refused!(jobs.cancel_job(CancelJobRequest { id: job.clone() }));
        refused!(exports.get_export(GetExportRequest { id: export.clone() }));
        refused!(exports.download_export(DownloadExportRequest { id: export.clone() }));
        refused!(webhooks.update_webhook_endpoint(UpdateWebhookEndpointRequest {
            id: endpoint.clone(),
            url: Some("http://127.0.0.1:10/mine".to_owned()),
            ..Default::default()
        }));
        let rotate = RotateWebhookSecretRequest { id: endpoint.clone(), ..Default::default() };
        refused!(webhooks.rotate_webhook_secret(rotate));
        refused!(
            webhooks
                .send_test_webhook(SendTestWebhookRequest { id: endpoint.clone(), idempotency_key: None })
        );
        refused!(
            webhooks.redeliver_webhook_delivery(RedeliverWebhookDeliveryRequest { id: delivery.clone() })
        );
        refused!(webhooks.delete_webhook_endpoint(DeleteWebhookEndpointRequest { id: endpoint.clone() }));
        refusals
    }

    /// Returns everything that is listed, as text.
    async fn listed(&self) -> String {
        let (mut jobs, mut webhooks) = (self.jobs.clone(), self.webhooks.clone());
        let all = ListJobsRequest { page_size: 100, ..Default::default() };
        let jobs = jobs.list_jobs(self.request(all)).await.unwrap().into_inner();
        let all = ListWebhookEndpointsRequest::default();
        let endpoints = webhooks.list_webhook_endpoints(self.request(all)).await.unwrap().into_inner();
        let all = ListWebhookDeliveriesRequest::default();
        let deliveries = webhooks.list_webhook_deliveries(self.request(all)).await.unwrap().into_inner();
        format!("{jobs:?} {endpoints:?} {deliveries:?}")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_tenants_on_one_connection_see_nothing_of_each_other() {
    let system = TestSystem::start_with(TestOptions { pool_size: 1, ..TestOptions::default() }).await;
    let (acme, globex) = (system.onboard("Acme").await, system.onboard("Globex").await);
    let of_acme = Things::of(&Caller::of(&system, &acme)).await;
    let of_globex = Things::of(&Caller::of(&system, &globex)).await;
    let (as_acme, as_globex) = (Clients::of(&system, &acme).await, Clients::of(&system, &globex).await);
    let missing = || MISSING.to_owned();
    let missing = Things {
        tenant: missing(),
        export: missing(),
        job: missing(),
        endpoint: missing(),
        delivery: missing(),
    };

    for (caller, own, foreign) in [(&as_acme, &of_acme, &of_globex), (&as_globex, &of_globex, &of_acme)] {
        let listed = caller.listed().await;
        for id in [&own.job, &own.endpoint, &own.delivery] {
            assert!(listed.contains(id.as_str()), "{listed}");
        }
        for id in [&foreign.job, &foreign.endpoint, &foreign.delivery] {
            assert!(!listed.contains(id.as_str()), "{listed}");
        }
        for ((method, foreign), (_, missing)) in
            caller.refusals(foreign).await.into_iter().zip(caller.refusals(&missing).await)
        {
            assert_eq!(foreign.code(), Code::NotFound, "{method}: {foreign}");
            assert_eq!(foreign.code(), missing.code(), "{method}");
            assert_eq!(foreign.message(), missing.message(), "{method}");
            assert_eq!(foreign.details(), missing.details(), "{method}");
        }
    }
    // All of it still exists.
    for (caller, own) in [(&as_acme, &of_acme), (&as_globex, &of_globex)] {
        let listed = caller.listed().await;
        assert!(listed.contains(own.endpoint.as_str()) && !listed.contains("mine"), "{listed}");
    }
    system.shutdown().await;
}
