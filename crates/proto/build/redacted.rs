//! `Debug` of the messages with a field that is declared `secret`: it prints everything but the secrets, so that a message
//! in a log line or a span gives nothing away.

use heck::{ToSnakeCase, ToUpperCamelCase};
use prost_reflect::{DescriptorPool, MessageDescriptor};
use rowhouse_api::FieldOptions;

/// The messages with a secret field.
pub(crate) fn messages(pool: &DescriptorPool) -> Vec<MessageDescriptor> {
    let secret = |message: &MessageDescriptor| message.fields().any(|field| FieldOptions::of(&field).secret);
    pool.all_messages().filter(secret).collect()
}

/// An implementation for each of the messages.
pub(crate) fn code(messages: &[MessageDescriptor]) -> String {
    let mut code = String::new();
    for message in messages {
        let module =
            message.package_name().split('.').map(ToSnakeCase::to_snake_case).collect::<Vec<_>>().join("::");
        let name = message.name().to_upper_camel_case();
        code.push_str(&format!(
            "impl ::std::fmt::Debug for crate::{module}::{name} {{
    fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {{
        f.debug_struct({name:?})"
        ));
        for field in message.fields() {
            let field_name = field.name();
            let value = if FieldOptions::of(&field).secret {
                "&format_args!(\"[redacted]\")".to_owned()
            } else {
                format!("&self.{field_name}")
            };
            code.push_str(&format!("\n            .field({field_name:?}, {value})"));
        }
        code.push_str("\n            .finish()\n    }\n}\n");
    }
    code
}
