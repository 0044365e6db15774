//! The service: what it is made of.

use rowhouse_catalog::ServiceName;
use rowhouse_chassis::encryption::EncryptionKeys;
use rowhouse_chassis::grpc_service;
use rowhouse_chassis::program::BoxError;
use rowhouse_chassis::service::{Core, Parts, Service};
use rowhouse_chassis::shutdown::Shutdown;
use rowhouse_jobs::Workers;
use rowhouse_proto::orders::v1::export_service_server::ExportServiceServer;
use rowhouse_proto::orders::v1::order_service_server::OrderServiceServer;
use rowhouse_proto::orders::v1::webhook_service_server::WebhookServiceServer;

use crate::args::OrdersArgs;
use crate::domain::Guard;
use crate::exports::{DeleteExportHandler, WriteExportHandler};
use crate::purge::Purge;
use crate::rpc::Rpc;
use crate::rpc::exports::ExportRpc;
use crate::rpc::webhooks::WebhookRpc;
use crate::webhooks::{
    DeliverWebhookHandler, OLDEST_WEBHOOK, SendWebhooksHandler, Sender, TidyWebhooksHandler,
};

/// The orders service.
#[derive(Clone, Copy, Debug)]
pub struct Orders;

impl Service for Orders {
    const NAME: ServiceName = ServiceName::Orders;
    const DESCRIPTORS: &'static [u8] = rowhouse_proto::FILE_DESCRIPTOR_SET;
    type Args = OrdersArgs;

    async fn build(core: &Core, args: OrdersArgs) -> Result<Parts, BoxError> {
        let db = &core.db;
        let encryption = EncryptionKeys::load(&args.encryption_keys).await?;
        let guard = Guard::of(core.environment);
        let sender = Sender::new(guard).map_err(|error| format!("webhooks cannot be sent: {error}"))?;
        let workers = Workers::new(db.clone(), args.jobs)
            .handle(SendWebhooksHandler::new(sender, encryption.clone()))
            .handle(DeliverWebhookHandler)
            .handle(TidyWebhooksHandler)
            .handle(WriteExportHandler)
            .handle(DeleteExportHandler)
            .handle(Purge);

        let orders = OrderServiceServer::new(Rpc::new(db.clone()));
        let exports = ExportServiceServer::new(ExportRpc { db: db.clone(), encryption: encryption.clone() });
        let webhooks =
            WebhookServiceServer::new(WebhookRpc { db: db.clone(), encryption: encryption.clone(), guard });
        Ok(Parts::new()
            .grpc(grpc_service!(orders))
            .grpc(grpc_service!(exports))
            .grpc(grpc_service!(webhooks))
            .encryption(encryption, args.encryption_keys)
            .companion("oldest webhook", OLDEST_WEBHOOK.measure(db.clone()))
            .task("jobs", |stop: Shutdown| workers.run(stop.clone().into_requested(), stop.limit())))
    }
}
