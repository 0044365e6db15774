//! The service of sessions.

mod delete_other_sessions;
mod delete_session;
mod list_sessions;

use rowhouse_chassis::grpc::{Reply, reply};
use rowhouse_proto::auth::v1::session_service_server::SessionService;
use rowhouse_proto::auth::v1::{
    DeleteOtherSessionsRequest, DeleteOtherSessionsResponse, DeleteSessionRequest, DeleteSessionResponse,
    ListSessionsRequest, ListSessionsResponse,
};
use tonic::Request;

use super::Rpc;

#[tonic::async_trait]
impl SessionService for Rpc {
    async fn list_sessions(&self, request: Request<ListSessionsRequest>) -> Reply<ListSessionsResponse> {
        reply("auth.list_sessions", list_sessions::list_sessions(self, &request).await)
    }

    async fn delete_session(&self, request: Request<DeleteSessionRequest>) -> Reply<DeleteSessionResponse> {
        reply("auth.delete_session", delete_session::delete_session(self, &request).await)
    }

    async fn delete_other_sessions(
        &self,
        request: Request<DeleteOtherSessionsRequest>,
    ) -> Reply<DeleteOtherSessionsResponse> {
        let answer = delete_other_sessions::delete_other_sessions(self, &request).await;
        reply("auth.delete_other_sessions", answer)
    }
}
