//! Creating members as the onboarding service does.

use rowhouse_chassis::grpc::TracedChannel;
use rowhouse_proto::auth::v1::auth_service_client::AuthServiceClient;
use rowhouse_proto::auth::v1::{
    CreateMembershipRequest, CreateMembershipResponse, PrepareMemberRequest, Role,
};
use rowhouse_tenancy::TenantId;
use rowhouse_tenancy::grpc::carry_token;
use tonic::{Request, Status};

/// The person to become a member, with what they prove.
#[derive(Clone, Copy)]
pub(crate) struct NewMember<'a> {
    pub(crate) email: &'a str,
    pub(crate) password: Option<&'a str>,
    pub(crate) access_token: Option<&'a str>,
    pub(crate) role: Role,
}

/// Prepares a person and makes them a member.
pub(crate) async fn make_member(
    client: AuthServiceClient<TracedChannel>,
    tenant: TenantId,
    token: &str,
    new: NewMember<'_>,
) -> Result<tonic::Response<CreateMembershipResponse>, Status> {
    let proof = prepare(client.clone(), tenant, token, new).await?;
    prove(client, tenant, token, new.email, proof).await
}

/// Prepares a person and returns auth's proof, for [`prove`].
pub(crate) async fn prepare(
    mut client: AuthServiceClient<TracedChannel>,
    tenant: TenantId,
    token: &str,
    new: NewMember<'_>,
) -> Result<Vec<u8>, Status> {
    let NewMember { email, password, access_token, role } = new;
    let mut request = Request::new(PrepareMemberRequest {
        email: email.to_owned(),
        password: password.map(str::to_owned),
        role: role.into(),
        access_token: access_token.map(str::to_owned),
    });
    carry_token(request.metadata_mut(), tenant, token);
    Ok(client.prepare_member(request).await?.into_inner().member_proof)
}

/// Makes a prepared person a member.
pub(crate) async fn prove(
    mut client: AuthServiceClient<TracedChannel>,
    tenant: TenantId,
    token: &str,
    email: &str,
    member_proof: Vec<u8>,
) -> Result<tonic::Response<CreateMembershipResponse>, Status> {
    let mut request = Request::new(CreateMembershipRequest { email: email.to_owned(), member_proof });
    carry_token(request.metadata_mut(), tenant, token);
    client.create_membership(request).await
}
