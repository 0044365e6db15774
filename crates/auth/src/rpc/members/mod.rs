//! The service of a tenant's members.

mod delete_member;
mod list_members;
mod revoke;
mod update_member;

use rowhouse_chassis::grpc::{Reply, reply};
use rowhouse_chassis::wire::timestamp;
use rowhouse_proto::auth::v1;
use rowhouse_proto::auth::v1::member_service_server::MemberService;
use rowhouse_proto::auth::v1::{
    DeleteMemberRequest, DeleteMemberResponse, ListMembersRequest, ListMembersResponse, UpdateMemberRequest,
    UpdateMemberResponse,
};
use tonic::Request;

use super::{Rpc, role};
use crate::store::members::Member;

#[tonic::async_trait]
impl MemberService for Rpc {
    async fn list_members(&self, request: Request<ListMembersRequest>) -> Reply<ListMembersResponse> {
        reply("auth.list_members", list_members::list_members(self, &request).await)
    }

    async fn update_member(&self, request: Request<UpdateMemberRequest>) -> Reply<UpdateMemberResponse> {
        reply("auth.update_member", update_member::update_member(self, &request).await)
    }

    async fn delete_member(&self, request: Request<DeleteMemberRequest>) -> Reply<DeleteMemberResponse> {
        reply("auth.delete_member", delete_member::delete_member(self, &request).await)
    }
}

fn to_proto(Member { id, user, email, role, created_at }: Member) -> v1::Member {
    v1::Member {
        id: id.to_string(),
        user_id: user.to_string(),
        email,
        role: role::to_proto(role).into(),
        created_at: Some(timestamp(created_at)),
    }
}
