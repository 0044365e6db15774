//! The generated trait, one line a method.

mod create_membership;
mod get_jwks;
mod get_me;
mod login;
mod role;

use std::time::Duration;

use rowhouse_proto::auth::v1::auth_service_server::AuthService;
use rowhouse_proto::auth::v1::{
    CreateMembershipRequest, CreateMembershipResponse, GetJwksRequest, GetJwksResponse, GetMeRequest,
    GetMeResponse, LoginRequest, LoginResponse,
};
use rowhouse_tenancy::{TenantContext, TenantDb};
use rowhouse_tokens::TokenIssuer;
use tonic::{Request, Response, Status};

use crate::error::Error;
use crate::hashing::Hashing;

/// What the methods work with.
pub(crate) struct Rpc {
    pub(crate) db: TenantDb,
    pub(crate) hashing: Hashing,
    pub(crate) issuer: TokenIssuer,
    pub(crate) token_lifetime: Duration,
}

type Reply<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl AuthService for Rpc {
    async fn login(&self, request: Request<LoginRequest>) -> Reply<LoginResponse> {
        reply("auth.login", login::login(self, request.into_inner()).await)
    }

    async fn get_jwks(&self, _: Request<GetJwksRequest>) -> Reply<GetJwksResponse> {
        Ok(Response::new(get_jwks::get_jwks(self)))
    }

    async fn get_me(&self, request: Request<GetMeRequest>) -> Reply<GetMeResponse> {
        reply("auth.get_me", get_me::get_me(self, &request).await)
    }

    async fn create_membership(
        &self,
        request: Request<CreateMembershipRequest>,
    ) -> Reply<CreateMembershipResponse> {
        reply("auth.create_membership", create_membership::create_membership(self, request).await)
    }
}

fn reply<T>(operation: &'static str, outcome: Result<T, Error>) -> Reply<T> {
    outcome.map(Response::new).map_err(|error| error.into_status(operation))
}

/// On whose behalf a call is made.
fn context<T>(request: &Request<T>) -> Result<TenantContext, Error> {
    rowhouse_tenancy::grpc::context(request).cloned().ok_or(Error::Unauthenticated)
}
