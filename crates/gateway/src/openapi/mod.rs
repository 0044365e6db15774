//! The description of the API (OpenAPI 3.1), collected from the routes themselves.

mod parameters;

use std::collections::{BTreeMap, HashMap};

use actix_web::App;
use actix_web::dev::ResourceDef;
use actix_web::web::Bytes;
use rowhouse_chassis::error::{Code, status_with};
use rowhouse_chassis::limits::{self, LimitExceeded};
use utoipa::openapi::example::{Example, ExampleBuilder};
use utoipa::openapi::header::{Header, HeaderBuilder};
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::schema::{ComponentsBuilder, ObjectBuilder, SchemaType, Type};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{ContentBuilder, OpenApi, Ref, RefOr, Response, ResponseBuilder};
use utoipa::{Modify, OpenApi as _};
use utoipa_actix_web::AppExt;

pub(crate) use parameters::{IdempotencyKeyHeader, IfMatchHeader, IfNoneMatchHeader, TenantIdHeader};

use crate::error::{Document, FieldError, PROBLEM_JSON, Problem, ReachedLimit, TenantChoice};
use crate::routes;

/// What every call of a service can end with.
pub(crate) const UPSTREAM: &[Code] =
    &[Code::ResourceExhausted, Code::Internal, Code::Unavailable, Code::DeadlineExceeded];

/// What every call with an access token can end with.
pub(crate) const CALLER: &[Code] = &[
    Code::RateLimited,
    Code::InvalidArgument,
    Code::TokenMissing,
    Code::TokenInvalid,
    Code::TokenExpired,
    Code::TokenRevoked,
    Code::TenantMismatch,
    Code::TenantUnknown,
    Code::TenantSuspended,
    Code::PermissionDenied,
];

/// What every request with a body can end with.
pub(crate) const BODY: &[Code] =
    &[Code::MalformedJson, Code::InvalidArgument, Code::BodyTooLarge, Code::UnsupportedMediaType];

/// What every request with a secret that could be guessed can end with.
pub(crate) const GUESSING: &[Code] = &[Code::TooManyAttempts];

/// Declares the type that stands for an operation's problems in its `responses(…)`.
macro_rules! problems {
    ($name:ident: $($codes:expr),+ $(,)?) => {
        pub(crate) struct $name;

        impl utoipa::IntoResponses for $name {
            fn responses() -> std::collections::BTreeMap<
                String,
                utoipa::openapi::RefOr<utoipa::openapi::Response>,
            > {
                $crate::openapi::responses(&[$($codes),+])
            }
        }
    };
}
pub(crate) use problems;

/// One response a status, with an example of each code that has this status.
pub(crate) fn responses(codes: &[&[Code]]) -> BTreeMap<String, RefOr<Response>> {
    let mut statuses = BTreeMap::<u16, Vec<Code>>::new();
    for code in codes.iter().copied().flatten() {
        let same = statuses.entry(code.http()).or_default();
        if !same.contains(code) {
            same.push(*code);
        }
    }
    statuses
        .into_iter()
        .map(|(status, codes)| (status.to_string(), response(status, &codes).into()))
        .collect()
}

fn response(status: u16, codes: &[Code]) -> Response {
    let example = |code: &Code| {
        let reference = Ref::new(format!("#/components/examples/{code}"));
        (code.as_str(), RefOr::<Example>::Ref(reference))
    };
    let content = ContentBuilder::new()
        .schema(Some(Ref::from_schema_name("Problem")))
        .examples_from_iter(codes.iter().map(example));
    let titles: Vec<_> = codes.iter().map(|code| format!("`{code}`: {}", code.title())).collect();
    let response =
        ResponseBuilder::new().description(titles.join("; ")).content(PROBLEM_JSON, content.build());
    let mut response = response.build();
    if let Some(name) = match status {
        401 => Some("WWW-Authenticate"),
        415 => Some("Accept"),
        429 | 503 => Some("Retry-After"),
        _ => None,
    } {
        let reference = Ref::new(format!("#/components/headers/{name}"));
        response.headers.insert(name.to_owned(), RefOr::Ref(reference));
    }
    response
}

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Rowhouse",
        description = include_str!("description.md"),
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    components(schemas(Document<'static>, FieldError, ReachedLimit, TenantChoice)),
    tags(
        (name = "tenants", description = "Companies that use the system, each behind its own walls."),
        (name = "auth", description = "Access tokens, and the keys that verify them."),
        (name = "password", description = "A person's password."),
        (name = "mfa", description = "The caller's second factor."),
        (name = "me", description = "The caller."),
        (name = "sessions", description = "Where people are logged in to the access token's tenant."),
        (name = "members", description = "Who belongs to the access token's tenant, and what they may do there."),
        (name = "invitations", description = "Who may join the access token's tenant."),
        (name = "api-keys", description = "The access token's tenant's keys for programs."),
        (name = "audit-log", description = "What happened to the access token's tenant's members, keys and sessions."),
        (name = "orders", description = "The orders of the access token's tenant."),
        (name = "exports", description = "Files with all of the access token's tenant's orders."),
        (name = "webhooks", description = "Where the access token's tenant is told what happens to its orders."),
        (name = "jobs", description = "What is done for the access token's tenant in the background."),
        (name = "operations", description = "The gateway itself."),
    ),
    modifiers(&Shared)
)]
struct Api;

/// What the operations refer to.
struct Shared;

impl Modify for Shared {
    fn modify(&self, api: &mut OpenApi) {
        let bearer = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("JWT")
            .description(Some("An access token, as `POST /v1/auth/login` or `/v1/auth/token` answers with."));
        let basic = HttpBuilder::new()
            .scheme(HttpAuthScheme::Basic)
            .description(Some("An API key: its `client_id` and its `client_secret`."));
        let components = api.components.take().unwrap_or_default();
        let mut components = ComponentsBuilder::from(components)
            .security_scheme("bearer", SecurityScheme::Http(bearer.build()))
            .security_scheme("basic", SecurityScheme::Http(basic.build()));
        let headers = [
            ("Retry-After", Type::Integer, "Seconds after which trying again makes sense."),
            (
                "WWW-Authenticate",
                Type::String,
                "`Bearer`, with `error=\"invalid_token\"` when an access token was sent; `Basic` for an API key.",
            ),
            ("Accept", Type::String, "The media type that is understood."),
            (
                "RateLimit-Policy",
                Type::String,
                "The caller's limits, such as `\"tenant\";q=500;w=5`: `q` requests at once, which are there again after `w` \
                 seconds. `tenant` is of all callers of the tenant together, `user` of one person in it, `api-key` of one key.",
            ),
            (
                "RateLimit",
                Type::String,
                "What is left of them, such as `\"tenant\";r=498;t=1`: `r` requests at once, and more within `t` seconds.",
            ),
        ];
        for (name, kind, description) in headers {
            components = components.header(name, header(kind, description));
        }
        for code in Code::ALL {
            components = components.example(code.as_str(), example(*code));
        }
        api.components = Some(components.build());
    }
}

fn header(kind: Type, description: &str) -> Header {
    let schema = ObjectBuilder::new().schema_type(SchemaType::Type(kind)).build();
    HeaderBuilder::new().schema(Some(schema)).description(Some(description)).build()
}

fn example(code: Code) -> Example {
    let problem = match code {
        Code::InvalidArgument => Problem::invalid("lines[0].quantity", "send 1 or more"),
        Code::MalformedJson => {
            let reason = "missing field `customer`";
            Problem::new(code, format!("customer: {reason} (line 1, column 18)")).at("customer", reason)
        }
        Code::TenantRequired => {
            let tenants = r#"[{"id":"01990a5d-ac96-774b-bcce-b302099a8057","slug":"acme","name":"Acme"}]"#;
            let metadata = HashMap::from([("tenants".to_owned(), tenants.to_owned())]);
            status_with(code, "this person belongs to several tenants: name one", metadata).into()
        }
        Code::MfaRequired => {
            let mfa_token = "as it was answered".to_owned();
            let metadata = HashMap::from([("mfa_token".to_owned(), mfa_token)]);
            status_with(code, "send the code of the second factor", metadata).into()
        }
        Code::InvalidClient | Code::InvalidScope | Code::UnsupportedGrantType => {
            Problem::new(code, "What is wrong with this request, and what to change.").at_token_endpoint()
        }
        Code::LimitExceeded => tonic::Status::from(LimitExceeded(limits::API_KEYS)).into(),
        Code::Internal => Problem::internal(),
        _ => Problem::new(code, "What is wrong with this request, and what to change."),
    };
    let value = serde_json::to_value(problem.document()).unwrap_or_default();
    ExampleBuilder::new().summary(code.title()).value(Some(value)).build()
}

/// The OpenAPI document of the gateway, without the gateway.
#[must_use]
pub fn document() -> OpenApi {
    let app = App::new().into_utoipa_app().openapi(Api::openapi());
    let mut document = app.configure(routes::configure).split_for_parts().1;
    for item in document.paths.paths.values_mut() {
        let operations = [&mut item.get, &mut item.post, &mut item.put, &mut item.patch, &mut item.delete];
        operations.into_iter().flatten().for_each(describe_limits);
    }
    document
}

/// Adds the headers that tell of a caller's limits to the answers of an operation that needs an access token: to those that
/// are no errors, and to the one that they end in.
fn describe_limits(operation: &mut Operation) {
    let bearer = SecurityRequirement::new("bearer", Vec::<String>::new());
    let security = operation.security.as_deref().unwrap_or_default();
    if security.is_empty() || security.iter().any(|requirement| *requirement != bearer) {
        return;
    }
    for (status, response) in &mut operation.responses.responses {
        if let RefOr::T(response) = response
            && (status.starts_with(['2', '3']) || status == "429")
        {
            for name in ["RateLimit", "RateLimit-Policy"] {
                let reference = Ref::new(format!("#/components/headers/{name}"));
                response.headers.insert(name.to_owned(), RefOr::Ref(reference));
            }
        }
    }
}

/// The document as it is served, and what else is known from it.
pub(crate) struct Served {
    pub(crate) json: Bytes,
    addresses: Vec<(ResourceDef, String)>,
}

impl Served {
    pub(crate) fn new() -> Result<Self, serde_json::Error> {
        let document = document();
        let address = |(path, item): (&String, &PathItem)| (ResourceDef::new(path.as_str()), allow(item));
        Ok(Self {
            json: Bytes::from(serde_json::to_vec(&document)?),
            addresses: document.paths.paths.iter().map(address).collect(),
        })
    }

    /// The methods that an address knows, as the header `Allow` has them.
    pub(crate) fn allowed(&self, path: &str) -> Option<&str> {
        let matching = self.addresses.iter().find(|(address, _)| address.is_match(path));
        matching.map(|(_, methods)| methods.as_str())
    }
}

fn allow(item: &PathItem) -> String {
    let methods = [
        ("GET, HEAD", item.get.is_some()),
        ("POST", item.post.is_some()),
        ("PUT", item.put.is_some()),
        ("PATCH", item.patch.is_some()),
        ("DELETE", item.delete.is_some()),
    ];
    methods.into_iter().filter_map(|(name, known)| known.then_some(name)).collect::<Vec<_>>().join(", ")
}
