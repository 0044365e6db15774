//! One extension of an element's options, read by the names of its fields.

use prost_reflect::{DescriptorPool, DynamicMessage, ReflectMessage, Value};

/// The value of one extension, or of a message in it. Fields that are not set are none.
pub(crate) struct Extension(DynamicMessage);

impl Extension {
    /// Returns the extension `name` of `options`, if it is set and a message.
    pub(crate) fn of(pool: &DescriptorPool, options: &DynamicMessage, name: &str) -> Option<Self> {
        let extension = pool.get_extension_by_name(name)?;
        if !options.has_extension(&extension) {
            return None;
        }
        options.get_extension(&extension).as_message().cloned().map(Self)
    }

    fn value(&self, field: &str) -> Option<Value> {
        let descriptor = self.0.descriptor().get_field_by_name(field)?;
        self.0.has_field(&descriptor).then(|| self.0.get_field(&descriptor).into_owned())
    }

    pub(crate) fn text(&self, field: &str) -> Option<String> {
        self.value(field)?.as_str().map(ToOwned::to_owned)
    }

    pub(crate) fn flag(&self, field: &str) -> bool {
        self.value(field).and_then(|value| value.as_bool()).unwrap_or_default()
    }

    pub(crate) fn whole_number(&self, field: &str) -> Option<i64> {
        match self.value(field)? {
            Value::I32(number) | Value::EnumNumber(number) => Some(number.into()),
            Value::U32(number) => Some(number.into()),
            Value::I64(number) => Some(number),
            _ => None,
        }
    }

    pub(crate) fn texts(&self, field: &str) -> Vec<String> {
        let Some(Value::List(values)) = self.value(field) else { return Vec::new() };
        values.iter().filter_map(|value| value.as_str().map(ToOwned::to_owned)).collect()
    }

    pub(crate) fn messages(&self, field: &str) -> Vec<Self> {
        let Some(Value::List(values)) = self.value(field) else { return Vec::new() };
        values.iter().filter_map(|value| value.as_message().cloned().map(Self)).collect()
    }
}
