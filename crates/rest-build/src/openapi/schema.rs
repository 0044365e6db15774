//! The schemas of messages, fields and enums.

use prost_reflect::{EnumDescriptor, FieldDescriptor, MessageDescriptor};
use rowhouse_api::{Absent, FieldOptions, OptionError, permissions};
use serde_json::{Map, Value, json};

use crate::comments::comment;
use crate::model::{Shape, enum_values, is_id};

const EXAMPLE_ID: &str = "01990a5e-0b7c-7d31-8f5e-6a1b2c3d4e5f";
const EXAMPLE_TIME: &str = "2026-11-23T08:30:00.123456Z";

/// Returns the schema of a message in a request. `takes_null`: null stands for a member that is left out.
pub(super) fn input(
    message: &MessageDescriptor,
    fields: &[FieldDescriptor],
    takes_null: bool,
) -> Result<Value, OptionError> {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for field in fields {
        let needed = FieldOptions::of(field).required;
        if needed {
            required.push(field.name().to_owned());
        }
        properties.insert(field.name().to_owned(), property(field, !needed && takes_null)?);
    }
    let mut schema = object(message, properties, &required);
    members(&mut schema).insert("additionalProperties".to_owned(), json!(false));
    Ok(schema)
}

/// Returns the schema of a message in answers.
pub(super) fn output(message: &MessageDescriptor) -> Result<Value, OptionError> {
    let mut properties = Map::new();
    let mut required = Vec::new();
    let mut parts = Vec::new();
    for field in message.fields() {
        let options = FieldOptions::of(&field);
        if options.grpc_only {
            continue;
        }
        if options.inline {
            if let Shape::Message(inner) = Shape::of(&field)? {
                parts.push(reference(inner.name()));
            }
            continue;
        }
        if options.absent != Absent::Omitted {
            required.push(field.name().to_owned());
        }
        properties.insert(field.name().to_owned(), property(&field, options.absent == Absent::Null)?);
    }
    let mut own = object(message, properties, &required);
    if parts.is_empty() {
        return Ok(own);
    }
    let description = members(&mut own).remove("description");
    parts.push(own);
    let mut whole = json!({ "allOf": parts });
    if let Some(description) = description {
        members(&mut whole).insert("description".to_owned(), description);
    }
    Ok(whole)
}

fn object(message: &MessageDescriptor, properties: Map<String, Value>, required: &[String]) -> Value {
    let mut schema = Map::from_iter([("type".to_owned(), json!("object"))]);
    let description = comment(&message.parent_file(), message.path());
    if !description.is_empty() {
        schema.insert("description".to_owned(), json!(description));
    }
    schema.insert("properties".to_owned(), Value::Object(properties));
    if !required.is_empty() {
        schema.insert("required".to_owned(), json!(required));
    }
    Value::Object(schema)
}

pub(super) fn enumeration(one: &EnumDescriptor) -> Value {
    let file = one.parent_file();
    let mut lines = vec![comment(&file, one.path())];
    let values = enum_values(one);
    for (name, value) in &values {
        let meaning = comment(&file, value.path());
        if !meaning.is_empty() {
            lines.push(format!("* `{name}`: {meaning}"));
        }
    }
    let names: Vec<_> = values.iter().map(|(name, _)| name).collect();
    json!({ "type": "string", "description": lines.join("\n").trim(), "enum": names })
}

fn property(field: &FieldDescriptor, nullable: bool) -> Result<Value, OptionError> {
    let options = FieldOptions::of(field);
    let mut schema = if field.is_list() {
        let mut items = match Shape::of(field)? {
            Shape::Message(message) => reference(message.name()),
            Shape::Enum(one) => reference(one.name()),
            Shape::Text => json!({ "type": "string" }),
            _ => return Err(OptionError::new(field.full_name(), "there is no schema for a list of these")),
        };
        add_values(&mut items, field, &options)?;
        let mut list = json!({ "type": "array", "items": items });
        let members = members(&mut list);
        bounds(members, &[("minItems", options.min_items), ("maxItems", options.max_items)]);
        examples(members, field, &options)?;
        list
    } else {
        single(field)?
    };
    let description = comment(&field.parent_message().parent_file(), field.path());
    if schema.get("$ref").is_some() {
        if nullable {
            schema = json!({ "oneOf": [{ "type": "null" }, schema] });
        }
    } else if nullable && let Some(kind) = schema.get("type").cloned() {
        members(&mut schema).insert("type".to_owned(), json!([kind, "null"]));
        if let Some(Value::Array(values)) = members(&mut schema).get_mut("enum") {
            values.push(Value::Null);
        }
    }
    if !description.is_empty() {
        members(&mut schema).insert("description".to_owned(), json!(description));
    }
    Ok(schema)
}

/// Adds the values that there are, if the field declares them.
fn add_values(
    schema: &mut Value,
    field: &FieldDescriptor,
    options: &FieldOptions,
) -> Result<(), OptionError> {
    let values = if options.permissions {
        permissions(field.parent_pool())?.into_iter().map(|permission| permission.name).collect()
    } else {
        options.values.clone()
    };
    if !values.is_empty() {
        members(schema).insert("enum".to_owned(), json!(values));
    }
    Ok(())
}

/// One value of a field that is no list.
pub(super) fn single(field: &FieldDescriptor) -> Result<Value, OptionError> {
    let options = FieldOptions::of(field);
    let mut schema = match Shape::of(field)? {
        Shape::Message(message) => return Ok(reference(message.name())),
        Shape::Enum(one) => return Ok(reference(one.name())),
        Shape::Map => return Ok(json!({ "type": "object", "additionalProperties": { "type": "string" } })),
        Shape::Time => json!({ "type": "string", "format": "date-time" }),
        Shape::Text => json!({ "type": "string" }),
        Shape::Flag => json!({ "type": "boolean" }),
        Shape::Int32 => json!({ "type": "integer", "format": "int32" }),
        Shape::Int64 => json!({ "type": "integer", "format": "int64" }),
    };
    add_values(&mut schema, field, &options)?;
    let members = members(&mut schema);
    if let Some(format) = format(field, &options) {
        members.insert("format".to_owned(), json!(format));
    }
    if let Some(pattern) = &options.pattern {
        members.insert("pattern".to_owned(), json!(pattern));
    }
    bounds(
        members,
        &[
            ("minimum", options.minimum),
            ("maximum", options.maximum),
            ("minLength", options.min_length),
            ("maxLength", options.max_length),
        ],
    );
    examples(members, field, &options)?;
    Ok(schema)
}

/// The format that is declared, or that the name says: ids are UUIDs. `none` declares that there is none.
fn format<'a>(field: &FieldDescriptor, options: &'a FieldOptions) -> Option<&'a str> {
    match options.format.as_deref() {
        Some("none") => None,
        None if is_id(field) && matches!(Shape::of(field), Ok(Shape::Text)) => Some("uuid"),
        declared => declared,
    }
}

fn bounds(schema: &mut Map<String, Value>, bounds: &[(&str, Option<i64>)]) {
    for (name, bound) in bounds {
        if let Some(bound) = bound {
            schema.insert((*name).to_owned(), json!(bound));
        }
    }
}

fn examples(
    schema: &mut Map<String, Value>,
    field: &FieldDescriptor,
    options: &FieldOptions,
) -> Result<(), OptionError> {
    let example = match &options.example {
        Some(text) => Some(serde_json::from_str(text).map_err(|error| {
            OptionError::new(field.full_name(), format!("the example is no JSON: {error}"))
        })?),
        None if schema.get("format") == Some(&json!("uuid")) => Some(json!(EXAMPLE_ID)),
        None if schema.get("format") == Some(&json!("date-time")) => Some(json!(EXAMPLE_TIME)),
        None => None,
    };
    if let Some(example) = example {
        schema.insert("examples".to_owned(), json!([example]));
    }
    Ok(())
}

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("{}{name}", super::SCHEMAS) })
}

/// The members of a schema, all of which are objects here.
fn members(schema: &mut Value) -> &mut Map<String, Value> {
    super::object(schema)
}
