//! More people in a tenant.

use rowhouse_testkit::{Tenant, TestSystem};
use serde_json::json;

use crate::api::{Answer, Api};

pub(crate) const PASSWORD: &str = "staple the correct horse";

/// Invites a person without an identity, who accepts and logs in. Returns the answer of the login.
pub(crate) async fn join(
    system: &TestSystem,
    owner: &Api,
    tenant: &Tenant,
    email: &str,
    role: &str,
) -> Answer {
    owner.post("/v1/invitations", &json!({ "email": email, "role": role })).expect(201).await;
    let message = system.mail_to(email, "Invitation to").await;
    let body = json!({ "token": message.token, "password": PASSWORD });
    owner.without_token().post("/v1/invitations/accept", &body).expect(200).await;
    owner.login(email, PASSWORD, &tenant.slug).await
}

/// Returns the address of a member.
pub(crate) async fn path_of(api: &Api, email: &str) -> String {
    let list = api.get("/v1/members?page_size=100").expect(200).await;
    let members = list.body["members"].as_array().unwrap();
    let member = members.iter().find(|member| member["email"] == email).unwrap();
    format!("/v1/members/{}", member["id"].as_str().unwrap())
}
