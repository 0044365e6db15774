//! Stricter readings of JSON than serde's own: an object is not a list of its values in order, a whole number has no
//! fraction, and an enum is one of its names.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Unexpected, Visitor};
use serde::{Deserialize, Deserializer};

/// A value that was read from JSON and can be converted for a message.
pub(crate) trait Read<T> {
    fn read(self) -> T;
}

/// A struct that is read from an object only. Deserialization as derived by serde also accepts a list.
pub(crate) struct Object<T>(pub(crate) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor(PhantomData)).map(Self)
    }
}

impl<T: Into<U>, U> Read<U> for Object<T> {
    fn read(self) -> U {
        self.0.into()
    }
}

/// A whole number. A number with a fraction or an exponent is refused, whatever its value.
pub(crate) struct WholeNumber<T>(T);

impl<T> Read<T> for WholeNumber<T> {
    fn read(self) -> T {
        self.0
    }
}

impl<'de, T: TryFrom<i64> + Bounded> Deserialize<'de> for WholeNumber<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_i64(WholeNumberVisitor(PhantomData)).map(Self)
    }
}

/// A type of whole numbers, with its bounds.
pub(crate) trait Bounded {
    const LEAST: i64;
    const MOST: i64;
}

impl Bounded for i64 {
    const LEAST: i64 = Self::MIN;
    const MOST: i64 = Self::MAX;
}

impl Bounded for i32 {
    const LEAST: i64 = -0x8000_0000;
    const MOST: i64 = 0x7fff_ffff;
}

/// An enum whose values have names in JSON.
pub(crate) trait Named: Sized + 'static {
    /// Each value's name and number.
    const NAMES: &'static [(&'static str, i32)];

    fn of(number: i32) -> Self;

    /// Returns the value with this name.
    fn named(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|(_, number)| Self::of(*number))
    }

    /// Returns all names, for an error.
    fn names() -> String {
        Self::NAMES.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
    }
}

/// Reads a value by its name.
pub(crate) fn named<'de, D: Deserializer<'de>, T: Named>(deserializer: D) -> Result<T, D::Error> {
    deserializer.deserialize_str(NamedVisitor(PhantomData))
}

/// Parses a value that may be absent but not null: a change cannot remove what it leaves out.
pub(crate) fn present<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(deserializer).map(Some)
}

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map))
    }
}

struct WholeNumberVisitor<T>(PhantomData<T>);

impl<T: TryFrom<i64> + Bounded> Visitor<'_> for WholeNumberVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a whole number between {} and {}", T::LEAST, T::MOST)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<T, E> {
        T::try_from(number).map_err(|_out_of_range| E::invalid_value(Unexpected::Signed(number), &self))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<T, E> {
        let read = i64::try_from(number).ok().and_then(|number| T::try_from(number).ok());
        read.ok_or_else(|| E::invalid_value(Unexpected::Unsigned(number), &self))
    }
}

struct NamedVisitor<T>(PhantomData<T>);

impl<T: Named> Visitor<'_> for NamedVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "one of {}", T::names())
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<T, E> {
        T::named(name).ok_or_else(|| E::invalid_value(Unexpected::Str(name), &self))
    }
}
