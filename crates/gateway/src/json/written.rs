//! Answers as JSON: messages are written as they are, without a copy.

use serde::ser::{Error, SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};

use crate::error::Problem;

/// A message that writes its members.
pub(crate) trait Members {
    fn write<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error>;
}

/// A message as an object.
pub(crate) struct Json<'a, T>(pub(crate) &'a T);

impl<T: Members> Serialize for Json<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        self.0.write(&mut map)?;
        map.end()
    }
}

/// Messages as a list of objects.
pub(crate) struct List<'a, T>(pub(crate) &'a [T]);

impl<T: Members> Serialize for List<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(self.0.len()))?;
        for one in self.0 {
            list.serialize_element(&Json(one))?;
        }
        list.end()
    }
}

/// Returns the text unless it is empty.
pub(crate) fn non_empty(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

/// Returns a value that is always present by the API definition.
pub(crate) fn required_field<T, E: Error>(field: &str, value: Option<T>) -> Result<T, E> {
    value.ok_or_else(|| E::custom(format!("a service's answer lacks `{field}`")))
}

/// Does the same as [`required_field`] for a handler.
pub(crate) fn required_message<'a, T>(field: &'static str, value: Option<&'a T>) -> Result<&'a T, Problem> {
    value.ok_or_else(|| {
        tracing::error!(field, "a service's answer lacks `{field}`");
        Problem::internal()
    })
}
