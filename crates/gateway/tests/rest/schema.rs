//! A validator for the part of JSON Schema that the OpenAPI document uses.

use serde_json::{Value, json};
use uuid::Uuid;

/// Fails unless `value` conforms to the component's schema. A property that is not described is an error, too.
pub(crate) fn check(document: &Value, component: &str, value: &Value, what: &str) {
    let schema = &document["components"]["schemas"][component];
    assert!(schema.is_object(), "there is no schema {component}");
    if let Err(reason) = conforms(document, schema, value, component) {
        panic!("{reason}: {what}");
    }
}

fn conforms(document: &Value, schema: &Value, value: &Value, path: &str) -> Result<(), String> {
    if let Some(reference) = schema["$ref"].as_str() {
        let referred = document.pointer(reference.strip_prefix('#').unwrap()).unwrap();
        return conforms(document, referred, value, path);
    }
    if let Some(choices) = schema["oneOf"].as_array() {
        let fits = |choice| conforms(document, choice, value, path).is_ok();
        let right = choices.iter().filter(|choice| fits(choice)).count() == 1;
        return if right { Ok(()) } else { Err(format!("{path} is not one of {choices:?}")) };
    }
    if let Some(parts) = schema["allOf"].as_array() {
        return conforms(document, &merged(document, parts), value, path);
    }
    if let Some(choices) = schema["enum"].as_array()
        && !choices.contains(value)
    {
        return Err(format!("{path} is none of {choices:?}"));
    }
    let is = |kind: &str| match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("{path} has the type {other}"),
    };
    let right = match &schema["type"] {
        Value::String(kind) => is(kind),
        Value::Array(kinds) => kinds.iter().any(|kind| is(kind.as_str().unwrap())),
        other => panic!("{path} has the type {other}"),
    };
    if !right {
        return Err(format!("{path} is no {}", schema["type"]));
    }
    if let Some(text) = value.as_str() {
        let right = match schema["format"].as_str() {
            Some("uuid") => Uuid::try_parse(text).is_ok_and(|id| id.get_version_num() == 7),
            Some("date-time") => text.as_bytes().get(10) == Some(&b'T') && text.ends_with('Z'),
            _ => true,
        };
        if !right {
            return Err(format!("{path} is no {}", schema["format"]));
        }
    }
    let in_bounds = |bound: &str, holds: fn(i64, i64) -> bool| match (schema[bound].as_i64(), value.as_i64())
    {
        (Some(bound), Some(number)) => holds(number, bound),
        _ => true,
    };
    if !in_bounds("minimum", |number, least| number >= least)
        || !in_bounds("maximum", |number, most| number <= most)
    {
        return Err(format!("{path} is out of bounds"));
    }
    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
        conforms(document, &schema["items"], item, &format!("{path}[{index}]"))?;
    }
    if let Some(object) = value.as_object() {
        for name in schema["required"].as_array().into_iter().flatten() {
            if !object.contains_key(name.as_str().unwrap()) {
                return Err(format!("{path} lacks {name}"));
            }
        }
        for (name, value) in object {
            let property = schema["properties"].get(name).or_else(|| schema.get("additionalProperties"));
            let property = property.ok_or(format!("{path}.{name} is not described"))?;
            conforms(document, property, value, &format!("{path}.{name}"))?;
        }
    }
    Ok(())
}

/// Returns one object with the properties of all parts.
fn merged(document: &Value, parts: &[Value]) -> Value {
    let mut whole = json!({ "type": "object", "properties": {}, "required": [] });
    for part in parts {
        let part = match part["$ref"].as_str() {
            Some(reference) => document.pointer(reference.strip_prefix('#').unwrap()).unwrap(),
            None => part,
        };
        let properties = part["properties"].as_object().cloned().unwrap_or_default();
        whole["properties"].as_object_mut().unwrap().extend(properties);
        let required = part["required"].as_array().cloned().unwrap_or_default();
        whole["required"].as_array_mut().unwrap().extend(required);
    }
    whole
}
