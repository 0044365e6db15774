//! The options of a field.

use prost_reflect::{FieldDescriptor, Value};

use crate::options::Extension;

/// The value of `FieldBehavior.REQUIRED`.
const REQUIRED: i32 = 2;

/// The JSON of an empty field of a response.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Absent {
    /// It is never empty.
    #[default]
    Never,
    /// Null.
    Null,
    /// Nothing: the member is left out.
    Omitted,
}

/// The options of a field.
#[derive(Clone, Debug, Default)]
#[expect(
    missing_docs,
    clippy::struct_excessive_bools,
    reason = "the fields of rowhouse.api.v1.Field, which documents them"
)]
pub struct FieldOptions {
    pub required: bool,
    pub absent: Absent,
    pub inline: bool,
    pub grpc_only: bool,
    pub secret: bool,
    pub example: Option<String>,
    pub format: Option<String>,
    pub pattern: Option<String>,
    pub minimum: Option<i64>,
    pub maximum: Option<i64>,
    pub min_length: Option<i64>,
    pub max_length: Option<i64>,
    pub min_items: Option<i64>,
    pub max_items: Option<i64>,
    pub values: Vec<String>,
    pub permissions: bool,
}

impl FieldOptions {
    /// Returns the options of `field`, with defaults for those that it does not set.
    #[must_use]
    pub fn of(field: &FieldDescriptor) -> Self {
        let pool = field.parent_pool();
        let options = field.options();
        let behavior = pool.get_extension_by_name("google.api.field_behavior");
        let required = behavior.is_some_and(|behavior| {
            let behaviors = options.get_extension(&behavior);
            behaviors.as_list().is_some_and(|all| all.contains(&Value::EnumNumber(REQUIRED)))
        });
        let Some(option) = Extension::of(pool, &options, "rowhouse.api.v1.field") else {
            return Self { required, ..Self::default() };
        };
        Self {
            required,
            absent: match option.whole_number("absent") {
                Some(1) => Absent::Null,
                Some(2) => Absent::Omitted,
                _ => Absent::Never,
            },
            inline: option.flag("inline"),
            grpc_only: option.flag("grpc_only"),
            secret: option.flag("secret"),
            example: option.text("example"),
            format: option.text("format"),
            pattern: option.text("pattern"),
            minimum: option.whole_number("minimum"),
            maximum: option.whole_number("maximum"),
            min_length: option.whole_number("min_length"),
            max_length: option.whole_number("max_length"),
            min_items: option.whole_number("min_items"),
            max_items: option.whole_number("max_items"),
            values: option.texts("values"),
            permissions: option.flag("permissions"),
        }
    }
}
