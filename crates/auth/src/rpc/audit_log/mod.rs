//! The service of a tenant's audit log.

mod list_entries;

use rowhouse_chassis::grpc::{Reply, reply};
use rowhouse_proto::auth::v1::audit_log_service_server::AuditLogService;
use rowhouse_proto::auth::v1::{ListAuditLogEntriesRequest, ListAuditLogEntriesResponse};
use tonic::Request;

use super::Rpc;

#[tonic::async_trait]
impl AuditLogService for Rpc {
    async fn list_audit_log_entries(
        &self,
        request: Request<ListAuditLogEntriesRequest>,
    ) -> Reply<ListAuditLogEntriesResponse> {
        reply("auth.list_audit_log_entries", list_entries::list_entries(self, &request).await)
    }
}
