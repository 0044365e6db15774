//! The service of a tenant's invitations.

mod accept_invitation;
mod create_invitation;
mod delete_invitation;
mod list_invitations;
mod resend_invitation;
mod send;

use rowhouse_chassis::grpc::{Reply, reply};
use rowhouse_chassis::wire::timestamp;
use rowhouse_proto::auth::v1;
use rowhouse_proto::auth::v1::invitation_service_server::InvitationService;
use rowhouse_proto::auth::v1::{
    AcceptInvitationRequest, AcceptInvitationResponse, CreateInvitationRequest, CreateInvitationResponse,
    DeleteInvitationRequest, DeleteInvitationResponse, ListInvitationsRequest, ListInvitationsResponse,
    ResendInvitationRequest, ResendInvitationResponse,
};
use tonic::Request;

use super::{Rpc, role};
use crate::store::invitations::Invitation;

#[tonic::async_trait]
impl InvitationService for Rpc {
    async fn create_invitation(
        &self,
        request: Request<CreateInvitationRequest>,
    ) -> Reply<CreateInvitationResponse> {
        reply("auth.create_invitation", create_invitation::create_invitation(self, &request).await)
    }

    async fn list_invitations(
        &self,
        request: Request<ListInvitationsRequest>,
    ) -> Reply<ListInvitationsResponse> {
        reply("auth.list_invitations", list_invitations::list_invitations(self, &request).await)
    }

    async fn delete_invitation(
        &self,
        request: Request<DeleteInvitationRequest>,
    ) -> Reply<DeleteInvitationResponse> {
        reply("auth.delete_invitation", delete_invitation::delete_invitation(self, &request).await)
    }

    async fn resend_invitation(
        &self,
        request: Request<ResendInvitationRequest>,
    ) -> Reply<ResendInvitationResponse> {
        reply("auth.resend_invitation", resend_invitation::resend_invitation(self, &request).await)
    }

    async fn accept_invitation(
        &self,
        request: Request<AcceptInvitationRequest>,
    ) -> Reply<AcceptInvitationResponse> {
        reply("auth.accept_invitation", accept_invitation::accept_invitation(self, request).await)
    }
}

fn to_proto(invitation: Invitation) -> v1::Invitation {
    v1::Invitation {
        id: invitation.id.to_string(),
        email: invitation.email,
        role: role::to_proto(invitation.role).into(),
        invited_by: invitation.invited_by.map(|user| user.to_string()).unwrap_or_default(),
        created_at: Some(timestamp(invitation.created_at)),
        expires_at: Some(timestamp(invitation.expires_at)),
    }
}
