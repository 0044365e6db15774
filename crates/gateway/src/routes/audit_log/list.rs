//! Reading the audit log.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::{FromRequest, HttpRequest, HttpResponse, get, web};
use rowhouse_proto::auth::v1;
use serde::Serialize;
use utoipa::ToSchema;

use super::entry::AuditLogEntry;
use crate::caller::Caller;
use crate::clients::Clients;
use crate::error::Problem;
use crate::json::{private, write};
use crate::openapi::{CALLER, TenantIdHeader, UPSTREAM, problems};
use crate::query::{filled, page_size, parameters};

problems!(Problems: UPSTREAM, CALLER);

/// Which entries, and how many.
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Filter {
    /// At most this many; 20 when absent, more than 100 means 100.
    #[param(value_type = Option<i32>, minimum = 1, example = 20)]
    page_size: i32,
    /// The `next_page_token` of the page before; the other parameters must be as they were.
    #[param(value_type = Option<String>)]
    page_token: String,
    /// Only entries with this action.
    #[param(example = "session.create")]
    action: Option<String>,
}

impl FromRequest for Filter {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Self::parse(request.query_string()))
    }
}

impl Filter {
    fn parse(query: &str) -> Result<Self, Problem> {
        let [size, token, action] = parameters(query, ["page_size", "page_token", "action"])?;
        Ok(Self {
            page_size: page_size(size)?,
            page_token: token.map(Into::into).unwrap_or_default(),
            action: filled("action", action, "an action such as session.create")?,
        })
    }
}

/// A part of the audit log, newest first.
#[derive(Serialize, ToSchema)]
struct AuditLogPage {
    entries: Vec<AuditLogEntry>,
    /// Send it as `page_token` for the next page. Empty on the last page.
    next_page_token: String,
}

/// Read the audit log
///
/// Newest first. Nothing in it is ever changed or removed.
#[utoipa::path(
    tag = "audit-log",
    params(TenantIdHeader, Filter),
    responses((status = 200, description = "A page of entries.", body = AuditLogPage), Problems),
    security(("bearer" = [])),
)]
#[get("/v1/audit-log")]
pub(crate) async fn list_audit_log_entries(
    caller: Caller,
    Filter { page_size, page_token, action }: Filter,
    clients: web::Data<Clients>,
) -> Result<HttpResponse, Problem> {
    let message =
        v1::ListAuditLogEntriesRequest { page_size, page_token, action: action.unwrap_or_default() };
    let request = clients.of(&caller, message);
    let answer = clients.answer(clients.audit_log().list_audit_log_entries(request)).await?;
    let entries = answer.entries.into_iter().map(AuditLogEntry::try_from).collect::<Result<_, _>>()?;
    write(private(StatusCode::OK), &AuditLogPage { entries, next_page_token: answer.next_page_token })
}
