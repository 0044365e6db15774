//! The method that lists API keys.

use rowhouse_chassis::access::context;
use rowhouse_chassis::error::Violations;
use rowhouse_chassis::page::PageRequest;
use rowhouse_proto::auth::v1::{ListApiKeysRequest, ListApiKeysResponse};
use tonic::Request;

use super::to_proto;
use crate::error::Error;
use crate::rpc::Rpc;
use crate::store::api_keys::list_api_keys as list;

pub(super) async fn list_api_keys(
    rpc: &Rpc,
    request: &Request<ListApiKeysRequest>,
) -> Result<ListApiKeysResponse, Error> {
    let cx = context(request)?;
    let ListApiKeysRequest { page_size, page_token } = request.get_ref();
    let mut violations = Violations::default();
    let page = PageRequest::parse(*page_size, page_token, "api keys", &mut violations).ok_or(violations)?;
    let found =
        rpc.db.read(&cx, "auth.list_api_keys", async |tx| Ok::<_, Error>(list(tx, &page).await?)).await?;
    let (keys, next_page_token) = page.cut(found, |key| key.id);
    Ok(ListApiKeysResponse { api_keys: keys.into_iter().map(to_proto).collect(), next_page_token })
}
