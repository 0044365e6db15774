//! Listing a person's sessions.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::{FromRequest, HttpRequest, HttpResponse, get, web};
use prost_types::Timestamp;
use rowhouse_proto::auth::v1;
use serde::Serialize;
use utoipa::ToSchema;

use crate::caller::Caller;
use crate::clients::Clients;
use crate::error::Problem;
use crate::json::{known, lacking, private, rfc3339, write};
use crate::openapi::{CALLER, TenantIdHeader, UPSTREAM, problems};
use crate::query::{filled, page_size, parameters};

problems!(Problems: UPSTREAM, CALLER);

/// Whose sessions, and how many.
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Filter {
    /// At most this many; 20 when absent, more than 100 means 100.
    #[param(value_type = Option<i32>, minimum = 1, example = 20)]
    page_size: i32,
    /// The `next_page_token` of the page before; the other parameters must be as they were.
    #[param(value_type = Option<String>)]
    page_token: String,
    /// Another member's instead of the caller's. Takes the permission `sessions:manage`.
    #[param(format = "uuid", example = "01990a5d-b0c1-7e2f-9a44-5d1f0c6b7e88")]
    user_id: Option<String>,
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
        let [size, token, user] = parameters(query, ["page_size", "page_token", "user_id"])?;
        Ok(Self {
            page_size: page_size(size)?,
            page_token: token.map(Into::into).unwrap_or_default(),
            user_id: filled("user_id", user, "a user's id")?,
        })
    }
}

/// One login, and what became of it.
#[derive(Serialize, ToSchema)]
struct Session {
    #[schema(format = "uuid", example = "01990a5e-2b3c-7d4e-8f5a-6b7c8d9e0f1a")]
    id: String,
    #[schema(format = "uuid", example = "01990a5d-b0c1-7e2f-9a44-5d1f0c6b7e88")]
    user_id: String,
    #[serde(serialize_with = "rfc3339")]
    #[schema(value_type = String, format = DateTime, example = "2026-11-23T08:30:00.123456Z")]
    created_at: Timestamp,
    /// When its refresh token was last exchanged, or the login.
    #[serde(serialize_with = "rfc3339")]
    #[schema(value_type = String, format = DateTime, example = "2026-11-23T08:40:00.123456Z")]
    last_used_at: Timestamp,
    /// When it ends by itself, whatever happens.
    #[serde(serialize_with = "rfc3339")]
    #[schema(value_type = String, format = DateTime, example = "2026-12-23T08:30:00.123456Z")]
    expires_at: Timestamp,
    /// The address it was last used from, as far as known.
    #[schema(required = true, example = "203.0.113.9")]
    ip_address: Option<String>,
    /// The program it was last used by, as far as it says.
    #[schema(required = true, example = "Mozilla/5.0")]
    user_agent: Option<String>,
    /// Whether it is the one that the access token belongs to.
    current: bool,
}

/// A part of the sessions, newest first.
#[derive(Serialize, ToSchema)]
struct SessionPage {
    sessions: Vec<Session>,
    /// Send it as `page_token` for the next page. Empty on the last page.
    next_page_token: String,
}

/// List sessions
///
/// Those of the caller in the access token's tenant that have not ended, newest first.
#[utoipa::path(
    tag = "sessions",
    params(TenantIdHeader, Filter),
    responses((status = 200, description = "A page of sessions.", body = SessionPage), Problems),
    security(("bearer" = [])),
)]
#[get("/v1/sessions")]
pub(crate) async fn list_sessions(
    caller: Caller,
    Filter { page_size, page_token, user_id }: Filter,
    clients: web::Data<Clients>,
) -> Result<HttpResponse, Problem> {
    let message = v1::ListSessionsRequest { page_size, page_token, user_id: user_id.unwrap_or_default() };
    let request = clients.of(&caller, message);
    let answer = clients.answer(clients.sessions().list_sessions(request)).await?;
    let sessions = answer.sessions.into_iter().map(Session::try_from).collect::<Result<_, _>>()?;
    write(private(StatusCode::OK), &SessionPage { sessions, next_page_token: answer.next_page_token })
}

impl TryFrom<v1::Session> for Session {
    type Error = Problem;

    fn try_from(session: v1::Session) -> Result<Self, Problem> {
        Ok(Self {
            id: session.id,
            user_id: session.user_id,
            created_at: session.created_at.ok_or_else(lacking("session.created_at"))?,
            last_used_at: session.last_used_at.ok_or_else(lacking("session.last_used_at"))?,
            expires_at: session.expires_at.ok_or_else(lacking("session.expires_at"))?,
            ip_address: known(session.ip_address),
            user_agent: known(session.user_agent),
            current: session.current,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_of_it_may_be_left_out() {
        let Filter { page_size, page_token, user_id } = Filter::parse("").unwrap();
        assert_eq!((page_size, page_token.as_str(), user_id), (0, "", None));
        let Filter { page_size, page_token, user_id } =
            Filter::parse("user_id=x&page_token=a&page_size=5").unwrap();
        assert_eq!((page_size, page_token.as_str(), user_id.as_deref()), (5, "a", Some("x")));
        for wrong in ["user_id=", "page_size=a", "user=x"] {
            assert!(Filter::parse(wrong).is_err(), "{wrong}");
        }
    }
}
