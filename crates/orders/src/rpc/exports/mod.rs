//! The service of exports: files with all of a tenant's orders.

mod create_export;
mod download_export;
mod export;
mod get_export;

use rowhouse_chassis::encryption::EncryptionKeys;
use rowhouse_chassis::grpc::{Reply, reply};
use rowhouse_proto::orders::v1::export_service_server::ExportService;
use rowhouse_proto::orders::v1::{
    CreateExportRequest, CreateExportResponse, DownloadExportRequest, GetExportRequest, GetExportResponse,
};
use rowhouse_tenancy::TenantDb;
use tonic::Request;

/// The dependencies of the methods.
pub(crate) struct ExportRpc {
    pub(crate) db: TenantDb,
    pub(crate) encryption: EncryptionKeys,
}

#[tonic::async_trait]
impl ExportService for ExportRpc {
    type DownloadExportStream = download_export::Pieces;

    async fn create_export(&self, request: Request<CreateExportRequest>) -> Reply<CreateExportResponse> {
        reply("exports.create", create_export::create_export(self, &request).await)
    }

    async fn get_export(&self, request: Request<GetExportRequest>) -> Reply<GetExportResponse> {
        reply("exports.get", get_export::get_export(self, &request).await)
    }

    async fn download_export(
        &self,
        request: Request<DownloadExportRequest>,
    ) -> Reply<Self::DownloadExportStream> {
        reply("exports.download", download_export::download_export(self, &request).await)
    }
}
