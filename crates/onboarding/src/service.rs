//! The service: what it is made of.

use std::sync::Arc;

use rowhouse_catalog::ServiceName;
use rowhouse_chassis::grpc::{self, TracedChannel};
use rowhouse_chassis::grpc_service;
use rowhouse_chassis::program::BoxError;
use rowhouse_chassis::service::{Core, Parts, Service};
use rowhouse_chassis::shutdown::Shutdown;
use rowhouse_chassis::tls::CallTls;
use rowhouse_jobs::Workers;
use rowhouse_proto::onboarding::v1::onboarding_service_server::OnboardingServiceServer;

use crate::args::OnboardingArgs;
use crate::auth_client::AuthClient;
use crate::jobs::{SetUpTenantHandler, TakeBackTenantHandler};
use crate::orders_client::OrdersClient;
use crate::proofs::Proofs;
use crate::purge::purge_regularly;
use crate::rpc::Rpc;
use crate::store::onboardings::ENDED;

/// The onboarding service.
#[derive(Clone, Copy, Debug)]
pub struct Onboarding;

impl Service for Onboarding {
    const NAME: ServiceName = ServiceName::Onboarding;
    const DESCRIPTORS: &'static [u8] = rowhouse_proto::FILE_DESCRIPTOR_SET;
    type Args = OnboardingArgs;

    async fn build(core: &Core, args: OnboardingArgs) -> Result<Parts, BoxError> {
        let db = &core.db;
        let signing = core.signing(args.signing).await?;
        let calls = core.calls(&args.calls).await?;
        let auth = channel("--auth-endpoint", &args.auth_endpoint, &calls)?;
        let auth = Arc::new(AuthClient::new(auth, signing.issuer()));
        let orders = channel("--orders-endpoint", &args.orders_endpoint, &calls)?;
        let orders = Arc::new(OrdersClient::new(orders, signing.issuer()));
        let workers = Workers::new(db.clone(), args.jobs)
            .handle(SetUpTenantHandler { auth: Arc::clone(&auth), orders: Arc::clone(&orders) })
            .handle(TakeBackTenantHandler { auth: Arc::clone(&auth), orders });

        let purge = purge_regularly(db.clone(), args.onboarding_retention);
        let rpc = Rpc {
            db: db.clone(),
            auth,
            set_ups: Arc::new(db.listen(ENDED)),
            issuer: signing.issuer(),
            proofs: Proofs::new(args.bcrypt_cost),
            verifier: Arc::clone(&core.verifier),
            limiter: Arc::clone(&core.limiter),
        };
        Ok(Parts::new()
            .grpc(grpc_service!(OnboardingServiceServer::new(rpc)))
            .signing(signing)
            .companion("purge", purge)
            .task("jobs", |stop: Shutdown| workers.run(stop.clone().into_requested(), stop.limit())))
    }
}

fn channel(argument: &str, endpoint: &str, calls: &CallTls) -> Result<TracedChannel, String> {
    grpc::channel_over(endpoint, calls).map_err(|error| format!("{argument}: {error}"))
}
