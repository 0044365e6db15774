//! The service: what it is made of.

use std::sync::Arc;

use rowhouse_catalog::ServiceName;
use rowhouse_chassis::grpc_service;
use rowhouse_chassis::program::BoxError;
use rowhouse_chassis::service::{Core, Parts, Service};
use rowhouse_chassis::shutdown::Shutdown;
use rowhouse_jobs::{JobRpc, Workers};
use rowhouse_proto::auth::v1::api_key_service_server::ApiKeyServiceServer;
use rowhouse_proto::auth::v1::audit_log_service_server::AuditLogServiceServer;
use rowhouse_proto::auth::v1::auth_service_server::AuthServiceServer;
use rowhouse_proto::auth::v1::invitation_service_server::InvitationServiceServer;
use rowhouse_proto::auth::v1::member_service_server::MemberServiceServer;
use rowhouse_proto::auth::v1::mfa_service_server::MfaServiceServer;
use rowhouse_proto::auth::v1::session_service_server::SessionServiceServer;

use crate::args::AuthArgs;
use crate::domain::{Rate, SessionLifetimes};
use crate::encryption::EncryptionKeys;
use crate::hashing::Hashing;
use crate::jobs::{EmailSender, ReportDisabledEndpointHandler};
use crate::mail::{Mailer, OLDEST_EMAIL};
use crate::purge::purge_regularly;
use crate::rpc::{Rpc, SignUpRates};
use crate::tasks::{TaskHandler, Tasks};

/// The lowest cost in production. With a lower one, passwords are quickly guessed from a stolen table.
const LEAST_COST_IN_PRODUCTION: u32 = 10;

/// The auth service.
#[derive(Clone, Copy, Debug)]
pub struct Auth;

impl Service for Auth {
    const NAME: ServiceName = ServiceName::Auth;
    const DESCRIPTORS: &'static [u8] = rowhouse_proto::FILE_DESCRIPTOR_SET;
    type Args = AuthArgs;

    async fn build(core: &Core, args: AuthArgs) -> Result<Parts, BoxError> {
        let production = core.environment.is_production();
        let cost = args.bcrypt_cost;
        if production && cost < LEAST_COST_IN_PRODUCTION {
            let least = LEAST_COST_IN_PRODUCTION;
            return Err(
                format!("a bcrypt cost of {cost} is too low for production: use {least} or more").into()
            );
        }
        if production && !core.issuer.is_https() {
            return Err(format!("{} is no issuer for production: use an https URL", core.issuer).into());
        }
        let db = &core.db;
        let signing = core.signing(args.signing).await?;
        let encryption = EncryptionKeys::load(&args.encryption_keys).await?;
        let tasks = Tasks::new(encryption.clone());
        let mailer = Mailer::new(&args.mail, core.environment)?;
        let workers = Workers::new(db.clone(), args.jobs)
            .handle(EmailSender { encryption: encryption.clone(), mailer: mailer.clone() })
            .handle(ReportDisabledEndpointHandler { encryption: encryption.clone() })
            .handle_global(
                tasks.clone(),
                TaskHandler { tasks: tasks.clone(), encryption: encryption.clone(), mailer },
            );
        let purge = purge_regularly(db.clone(), args.retention);
        let hashing =
            Hashing::new(cost).await.map_err(|error| format!("passwords cannot be hashed: {error}"))?;
        let rpc = Arc::new(Rpc {
            db: db.clone(),
            hashing,
            encryption: encryption.clone(),
            tasks,
            issuer: signing.issuer().named(core.issuer.as_str()),
            verifier: Arc::clone(&core.verifier),
            token_lifetime: args.token_lifetime,
            sessions: SessionLifetimes {
                idle: args.sessions.session_idle_lifetime,
                absolute: args.sessions.session_lifetime,
                grace: args.sessions.refresh_grace,
            },
            sign_ups: SignUpRates {
                from_network: Rate::hourly(args.sign_ups.sign_ups_per_network),
                of_address: Rate::hourly(args.sign_ups.sign_ups_per_address),
            },
            require_verified_email: args.require_verified_email.unwrap_or(production),
        });

        let rpc = || Arc::clone(&rpc);
        let jobs = JobRpc::new(db.clone()).server();
        Ok(Parts::new()
            .grpc(grpc_service!(AuthServiceServer::from_arc(rpc())))
            .grpc(grpc_service!(SessionServiceServer::from_arc(rpc())))
            .grpc(grpc_service!(MemberServiceServer::from_arc(rpc())))
            .grpc(grpc_service!(InvitationServiceServer::from_arc(rpc())))
            .grpc(grpc_service!(MfaServiceServer::from_arc(rpc())))
            .grpc(grpc_service!(ApiKeyServiceServer::from_arc(rpc())))
            .grpc(grpc_service!(AuditLogServiceServer::from_arc(rpc())))
            .grpc(grpc_service!(jobs))
            .signing(signing)
            .encryption(encryption, args.encryption_keys)
            .companion("purge", purge)
            .companion("oldest email", OLDEST_EMAIL.measure(db.clone()))
            .task("jobs", |stop: Shutdown| workers.run(stop.clone().into_requested(), stop.limit())))
    }
}
