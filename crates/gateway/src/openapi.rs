//! The description of the API (OpenAPI 3.1), which the build writes.

use actix_web::dev::ResourceDef;
use actix_web::web::Bytes;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

/// The OpenAPI document.
pub const DOCUMENT: &str = include_str!(concat!(env!("OUT_DIR"), "/openapi.json"));

/// The document as it is served, and data derived from it.
pub(crate) struct ServedDocument {
    pub(crate) json: Bytes,
    /// The entity tag of exactly these bytes.
    pub(crate) etag: String,
    addresses: Vec<(ResourceDef, String)>,
}

impl ServedDocument {
    pub(crate) fn new() -> Result<Self, serde_json::Error> {
        let document: Value = serde_json::from_str(DOCUMENT)?;
        let paths = document.get("paths").and_then(Value::as_object);
        let address = |(path, item): (&String, &Value)| {
            (ResourceDef::new(path.as_str()), item.as_object().map(allow).unwrap_or_default())
        };
        let json = serde_json::to_vec(&document)?;
        Ok(Self {
            etag: format!("\"{}\"", BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(&json))),
            json: Bytes::from(json),
            addresses: paths.into_iter().flatten().map(address).collect(),
        })
    }

    /// Returns the methods of an address in the form of the header `Allow`.
    pub(crate) fn allowed(&self, path: &str) -> Option<&str> {
        let matching = self.addresses.iter().find(|(address, _)| address.is_match(path));
        matching.map(|(_, methods)| methods.as_str())
    }
}

fn allow(item: &Map<String, Value>) -> String {
    let methods =
        [("get", "GET, HEAD"), ("post", "POST"), ("put", "PUT"), ("patch", "PATCH"), ("delete", "DELETE")];
    let known = methods.into_iter().filter(|(method, _)| item.contains_key(*method));
    known.map(|(_, names)| names).collect::<Vec<_>>().join(", ")
}
