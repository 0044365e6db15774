//! The OpenAPI description of an operation: parameters, body, answers.

use prost_reflect::FieldDescriptor;
use rowhouse_api::{Access, OptionError, Verb};
use serde_json::{Map, Value, json};

use super::{ErrorSets, member, problems, schema};
use crate::Model;
use crate::comments::{comment, summary};
use crate::model::{Operation, Reply};

pub(super) fn describe(
    model: &Model,
    operation: &Operation,
    errors: &ErrorSets<'_>,
) -> Result<Value, OptionError> {
    let method = &operation.method;
    let (first, rest) = summary(&comment(&method.parent_service().parent_file(), method.path()));
    if first.is_empty() {
        return Err(OptionError::new(method.full_name(), "say in a comment what it does"));
    }
    let mut described = json!({
        "operationId": operation.name,
        "tags": [operation.service.tag],
        "summary": first,
        "security": security(operation),
        "responses": responses(model, operation, errors)?,
    });
    let described_members = member(&mut described, &[]);
    let description = if rest.is_empty() { format!("{first}.") } else { rest };
    described_members.insert("description".to_owned(), json!(description));
    let parameters = parameters(operation)?;
    if !parameters.is_empty() {
        described_members.insert("parameters".to_owned(), json!(parameters));
    }
    if operation.http.has_body {
        let media_types: &[&str] = match operation.http.verb {
            Verb::Patch => &["application/json", "application/merge-patch+json"],
            _ => &["application/json"],
        };
        let schema =
            json!({ "schema": { "$ref": format!("#/components/schemas/{}", method.input().name()) } });
        let content: Map<_, _> = media_types.iter().map(|one| ((*one).to_owned(), schema.clone())).collect();
        described_members.insert("requestBody".to_owned(), json!({ "required": true, "content": content }));
    }
    Ok(described)
}

/// Returns whether an access token, or another one in its place, must be sent.
fn needs_token(operation: &Operation) -> bool {
    !matches!(operation.options.access, Access::Public { .. })
}

fn security(operation: &Operation) -> Value {
    match (operation.takes_token(), needs_token(operation)) {
        (false, _) => json!([]),
        (true, false) => json!([{}, { "bearer": [] }]),
        (true, true) => json!([{ "bearer": [] }]),
    }
}

fn parameters(operation: &Operation) -> Result<Vec<Value>, OptionError> {
    let reference = |name: &str| json!({ "$ref": format!("#/components/parameters/{name}") });
    let mut parameters = Vec::new();
    for field in &operation.path {
        parameters.push(parameter(field, "path", true)?);
    }
    for field in &operation.query {
        parameters.push(parameter(field, "query", false)?);
    }
    if operation.takes_token() {
        parameters.push(reference("x-tenant-id"));
    }
    if operation.options.idempotency_key.is_some() {
        parameters.push(reference("Idempotency-Key"));
    }
    if operation.options.if_match.is_some() {
        parameters.push(reference("If-Match"));
    }
    if operation.is_conditional() {
        parameters.push(reference("If-None-Match"));
    }
    Ok(parameters)
}

fn parameter(field: &FieldDescriptor, place: &str, required: bool) -> Result<Value, OptionError> {
    let mut schema = schema::single(field)?;
    let members = member(&mut schema, &[]);
    let example = members.remove("example").or_else(|| {
        let examples = members.remove("examples")?;
        examples.get(0).cloned()
    });
    let mut parameter = json!({ "name": field.name(), "in": place, "required": required, "schema": schema });
    let members = member(&mut parameter, &[]);
    let description = comment(&field.parent_message().parent_file(), field.path());
    if !description.is_empty() {
        members.insert("description".to_owned(), json!(description));
    }
    if let Some(example) = example {
        members.insert("example".to_owned(), example);
    }
    Ok(parameter)
}

fn responses(
    model: &Model,
    operation: &Operation,
    errors: &ErrorSets<'_>,
) -> Result<Map<String, Value>, OptionError> {
    let options = &operation.options;
    let mut responses = Map::new();
    responses.insert(options.success.to_string(), success(operation)?);
    if let Some(pending) = options.pending {
        responses.insert(pending.to_string(), success(operation)?);
    }
    if operation.is_conditional() {
        let mut unchanged =
            json!({ "description": "The version of the header If-None-Match is the current one." });
        member(&mut unchanged, &["headers"]).insert("ETag".to_owned(), header("ETag"));
        responses.insert("304".to_owned(), unchanged);
    }
    let mut reasons = errors.every_call.to_vec();
    if operation.takes_token() {
        reasons.extend(errors.with_token);
    }
    if operation.http.has_body {
        reasons.extend(errors.with_body);
    }
    reasons.extend(errors.with_parameters);
    reasons.extend(options.errors.iter().map(String::as_str));
    responses.extend(problems::responses(model, &reasons));
    if needs_token(operation) {
        for (status, response) in &mut responses {
            if status.starts_with(['2', '3']) || status == "429" {
                let headers = member(response, &["headers"]);
                for name in ["RateLimit", "RateLimit-Policy"] {
                    headers.insert(name.to_owned(), header(name));
                }
            }
        }
    }
    Ok(responses)
}

fn header(name: &str) -> Value {
    json!({ "$ref": format!("#/components/headers/{name}") })
}

fn success(operation: &Operation) -> Result<Value, OptionError> {
    let output = operation.method.output();
    let of_message =
        |message: &prost_reflect::MessageDescriptor| comment(&message.parent_file(), message.path());
    let (description, schema) = match &operation.reply {
        Reply::Nothing => (of_message(&output), None),
        Reply::Whole => (of_message(&output), Some(output.name().to_owned())),
        Reply::Field(field, message) => {
            let of_field = comment(&output.parent_file(), field.path());
            (
                if of_field.is_empty() { of_message(&output) } else { of_field },
                Some(message.name().to_owned()),
            )
        }
    };
    if description.is_empty() {
        return Err(OptionError::new(output.full_name(), "say in a comment what the answer is"));
    }
    let mut response = json!({ "description": description });
    let members = member(&mut response, &[]);
    if let Some(name) = schema {
        let content =
            json!({ "application/json": { "schema": { "$ref": format!("#/components/schemas/{name}") } } });
        members.insert("content".to_owned(), content);
    }
    let mut headers = Map::new();
    if operation.options.etag.is_some() {
        headers.insert("ETag".to_owned(), header("ETag"));
    }
    if operation.options.location.is_some() {
        headers.insert("Location".to_owned(), header("Location"));
    }
    if !headers.is_empty() {
        members.insert("headers".to_owned(), Value::Object(headers));
    }
    Ok(response)
}
