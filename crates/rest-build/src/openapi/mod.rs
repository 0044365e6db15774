//! The OpenAPI 3.1 document.

mod operation;
mod problems;
mod schema;

use rowhouse_api::{OptionError, Verb};
use serde_json::{Map, Value, json};

use crate::Model;
use crate::comments::comment;
use crate::model::Operation;

/// The place of the schemas.
const SCHEMAS: &str = "#/components/schemas/";

/// The error codes that operations can end with beside their own, by their reasons.
#[derive(Clone, Copy, Debug)]
pub struct ErrorSets<'a> {
    /// Every call of a service.
    pub every_call: &'a [&'a str],
    /// Every call with an access token.
    pub with_token: &'a [&'a str],
    /// Every request with a body.
    pub with_body: &'a [&'a str],
    /// Every request with parameters.
    pub with_parameters: &'a [&'a str],
}

/// `base`, which describes what is written by hand, with the operations and schemas of the definition.
pub(crate) fn document(model: &Model, mut base: Value, errors: &ErrorSets<'_>) -> Result<Value, OptionError> {
    for operation in &model.operations {
        let described = operation::describe(model, operation, errors)?;
        member(&mut base, &["paths", &operation.http.path])
            .insert(operation.http.verb.as_str().to_owned(), described);
    }
    for message in model.inputs.values() {
        let takes_null =
            model.operations.iter().all(|one| one.method.input() != *message || one.takes_null());
        let fields = match model.operations.iter().find(|one| one.method.input() == *message) {
            Some(operation) => operation.body.clone(),
            None => message.fields().collect(),
        };
        let mut schema = schema::input(message, &fields, takes_null)?;
        let changes = |one: &Operation| one.http.verb == Verb::Patch && one.method.input() == *message;
        if schema.get("required").is_none() && model.operations.iter().any(changes) {
            // Nothing is no change.
            object(&mut schema).insert("minProperties".to_owned(), json!(1));
        }
        refer_to_inputs(&mut schema, model);
        member(&mut base, &["components", "schemas"]).insert(input_name(model, message.name()), schema);
    }
    for message in model.outputs.values() {
        let schema = schema::output(message)?;
        member(&mut base, &["components", "schemas"]).insert(message.name().to_owned(), schema);
    }
    for one in model.enums.values() {
        member(&mut base, &["components", "schemas"]).insert(one.name().to_owned(), schema::enumeration(one));
    }
    problems::expand(model, &mut base);
    add_traceparent(&mut base);
    problems::add_examples(model, member(&mut base, &["components", "examples"]));
    problems::add_codes(model, &mut base);
    add_tags(model, &mut base);
    Ok(base)
}

/// The name of what is read. A message that answers have too has another schema there, where it may get new members.
fn input_name(model: &Model, message: &str) -> String {
    if model.outputs.contains_key(message) { format!("{message}Input") } else { message.to_owned() }
}

/// Makes the references of a schema of what is read lead to such schemas.
fn refer_to_inputs(schema: &mut Value, model: &Model) {
    match schema {
        Value::Object(members) => {
            for (name, value) in members {
                let message = value.as_str().and_then(|reference| reference.strip_prefix(SCHEMAS));
                match message {
                    Some(message) if name == "$ref" => {
                        *value = json!(format!("{SCHEMAS}{}", input_name(model, message)));
                    }
                    _ => refer_to_inputs(value, model),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| refer_to_inputs(item, model)),
        _ => {}
    }
}

/// Adds the header with the trace, which every answer of the API has.
fn add_traceparent(document: &mut Value) {
    for (path, item) in member(document, &["paths"]) {
        if !path.starts_with("/v1/") {
            continue;
        }
        for operation in object(item).values_mut().filter(|operation| operation.get("responses").is_some()) {
            for response in member(operation, &["responses"]).values_mut() {
                member(response, &["headers"])
                    .insert("traceparent".to_owned(), json!({ "$ref": "#/components/headers/traceparent" }));
            }
        }
    }
}

/// One tag for each group of operations, described by the comment of the first service that has it.
fn add_tags(model: &Model, document: &mut Value) {
    let mut tags: Vec<Value> = Vec::new();
    let shown = model
        .services
        .iter()
        .filter(|(service, _)| model.operations.iter().any(|one| one.method.parent_service() == service));
    for (service, options) in shown {
        if tags.iter().all(|tag| tag["name"] != options.tag) {
            let description = comment(&service.parent_file(), service.path());
            tags.push(json!({ "name": options.tag, "description": description }));
        }
    }
    if let Some(Value::Array(by_hand)) = document.get_mut("tags") {
        let known = |tag: &Value| by_hand.iter().any(|one| one["name"] == tag["name"]);
        tags.retain(|tag| !known(tag));
        tags.append(by_hand);
    }
    if let Some(document) = document.as_object_mut() {
        document.insert("tags".to_owned(), Value::Array(tags));
    }
}

/// Returns the object at a path of names, which is created if it does not exist.
fn member<'a>(mut value: &'a mut Value, path: &[&str]) -> &'a mut Map<String, Value> {
    for name in path {
        value = object(value).entry(*name).or_insert_with(|| json!({}));
    }
    object(value)
}

/// Returns a value as an object. Any other value is replaced by an empty object.
fn object(value: &mut Value) -> &mut Map<String, Value> {
    if !value.is_object() {
        *value = json!({});
    }
    match value {
        Value::Object(object) => object,
        // It was made one above.
        _ => unreachable!(),
    }
}
