//! The method that lists a person's sessions.

use rowhouse_chassis::error::Violations;
use rowhouse_chassis::page::PageRequest;
use rowhouse_chassis::wire::timestamp;
use rowhouse_proto::auth::v1::{self, ListSessionsRequest, ListSessionsResponse, permission};
use tonic::Request;
use uuid::Uuid;

use crate::domain::UserId;
use crate::error::Error;
use crate::rpc::{Rpc, context, current_role, person};
use crate::store::sessions::{ListedSession, list_sessions as find};

/// Lists sessions. Those of another member require a permission. Somebody who is not a member has none.
pub(super) async fn list_sessions(
    rpc: &Rpc,
    request: &Request<ListSessionsRequest>,
) -> Result<ListSessionsResponse, Error> {
    let cx = context(request)?;
    let caller = person(&cx)?;
    let ListSessionsRequest { page_size, page_token, user_id } = request.get_ref();
    let mut violations = Violations::default();
    let user = if user_id.is_empty() {
        Ok(caller)
    } else {
        Uuid::try_parse(user_id).map(UserId::from).or(Err("send a user's id, or leave it out"))
    };
    let user = violations.check("user_id", user);
    let list = format!("sessions of {}", user.unwrap_or(caller));
    let page = PageRequest::parse(*page_size, page_token, &list, &mut violations);
    let (Some(user), Some(page)) = (user, page) else { return Err(violations.into()) };
    let found = rpc.db.tx(&cx, "auth.list_sessions", async |tx| {
        if user != caller {
            current_role(tx, caller, permission::SESSIONS_MANAGE).await?;
        }
        Ok::<_, Error>(find(tx, user, &page).await?)
    });
    let (sessions, next_page_token) = page.cut(found.await?, |session| session.id);
    let current = cx.session().map(|session| session.id);
    let to_proto = |session: ListedSession| v1::Session {
        id: session.id.to_string(),
        user_id: session.user_id.to_string(),
        created_at: Some(timestamp(session.created_at)),
        last_used_at: Some(timestamp(session.last_used_at)),
        expires_at: Some(timestamp(session.expires_at)),
        ip_address: session.ip_address.unwrap_or_default(),
        user_agent: session.user_agent.unwrap_or_default(),
        current: current == Some(session.id),
    };
    Ok(ListSessionsResponse { sessions: sessions.into_iter().map(to_proto).collect(), next_page_token })
}
