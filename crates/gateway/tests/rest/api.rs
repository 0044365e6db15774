//! A client that compares every answer with the OpenAPI document.

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Body, Client, Method};
use serde_json::{Value, json};

use crate::schema;

/// Internal texts that no answer may contain.
const INSIDE: [&str; 7] =
    ["select ", "insert ", "postgres", "relation ", "violates", "sqlstate", "127.0.0.1"];

const TOKEN_ENDPOINT: &str = "/v1/auth/token";

#[derive(Clone)]
pub(crate) struct Api {
    http: Client,
    base: String,
    pub(crate) document: Value,
    token: Option<String>,
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
    /// The body, if it is JSON.
    pub(crate) body: Value,
}

pub(crate) struct Request<'a> {
    api: &'a Api,
    method: Method,
    path: String,
    headers: HeaderMap,
    body: Option<Body>,
}

impl Api {
    pub(crate) async fn of(base: impl Into<String>) -> Self {
        let base = base.into();
        let http = Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let document = http.get(format!("{base}/openapi.json")).send().await.unwrap();
        Self { document: document.json().await.unwrap(), http, base, token: None }
    }

    /// Returns a client with a token in every request.
    pub(crate) fn with_token(&self, token: impl Into<String>) -> Self {
        Self { token: Some(token.into()), ..self.clone() }
    }

    /// Returns a client without a token.
    pub(crate) fn without_token(&self) -> Self {
        Self { token: None, ..self.clone() }
    }

    pub(crate) fn get(&self, path: impl Into<String>) -> Request<'_> {
        self.request(Method::GET, path)
    }

    pub(crate) fn post(&self, path: impl Into<String>, body: &Value) -> Request<'_> {
        self.request(Method::POST, path).json(body)
    }

    pub(crate) fn patch(&self, path: impl Into<String>, body: &Value) -> Request<'_> {
        self.request(Method::PATCH, path).json(body)
    }

    pub(crate) fn delete(&self, path: impl Into<String>) -> Request<'_> {
        self.request(Method::DELETE, path)
    }

    /// Logs in and returns the whole answer.
    pub(crate) async fn login(&self, email: &str, password: &str, tenant: &str) -> Answer {
        let body = json!({ "email": email, "password": password, "tenant": tenant });
        self.without_token().post("/v1/auth/login", &body).expect(200).await
    }

    pub(crate) fn request(&self, method: Method, path: impl Into<String>) -> Request<'_> {
        let mut headers = HeaderMap::new();
        if let Some(token) = &self.token {
            headers.insert(AUTHORIZATION, HeaderValue::from_str(&format!("Bearer {token}")).unwrap());
        }
        Request { api: self, method, path: path.into(), headers, body: None }
    }

    /// Returns the template of a path, and its methods.
    fn address(&self, path: &str) -> Option<(&str, &Value)> {
        let path = path.split('?').next().unwrap();
        let matches = |template: &str| {
            let (mut given, mut wanted) = (path.split('/'), template.split('/'));
            loop {
                match (given.next(), wanted.next()) {
                    (None, None) => return true,
                    (Some(segment), Some(pattern)) if segment == pattern => {}
                    (Some(segment), Some("{id}")) if !segment.is_empty() => {}
                    (Some(_), Some("{file}")) => {}
                    _ => return false,
                }
            }
        };
        let paths = self.document["paths"].as_object().unwrap();
        paths.iter().map(|(template, item)| (template.as_str(), item)).find(|(template, _)| matches(template))
    }
}

impl Request<'_> {
    pub(crate) fn header(mut self, name: &'static str, value: impl AsRef<[u8]>) -> Self {
        self.headers.append(name, HeaderValue::from_bytes(value.as_ref()).unwrap());
        self
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.body("application/json", body.to_string())
    }

    pub(crate) fn body(mut self, content_type: &str, body: impl Into<Body>) -> Self {
        self.headers.insert(CONTENT_TYPE, HeaderValue::from_str(content_type).unwrap());
        self.body = Some(body.into());
        self
    }

    pub(crate) async fn send(self) -> Answer {
        let Self { api, method, path, headers, body } = self;
        let mut request = api.http.request(method.clone(), format!("{}{path}", api.base)).headers(headers);
        if let Some(body) = body {
            request = request.body(body);
        }
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = String::from_utf8_lossy(&response.bytes().await.unwrap()).into_owned();
        let body = serde_json::from_str(&text).unwrap_or_default();
        let answer = Answer { status, headers, text, body };
        let what = format!("{method} {path}: {status} {}", answer.text);
        answer.check(api, &method, &path, &what);
        answer
    }

    /// Sends a request and asserts the status of its answer.
    pub(crate) async fn expect(self, status: u16) -> Answer {
        let what = format!("{} {}", self.method, self.path);
        let answer = self.send().await;
        assert_eq!(answer.status, status, "{what}: {}", answer.text);
        answer
    }

    /// Sends a request to the token endpoint and asserts that it is refused with this error of RFC 6749.
    pub(crate) async fn refused_by_oauth(self, status: u16, error: &str) -> Answer {
        let answer = self.expect(status).await;
        assert_eq!(answer.body["error"], error, "{}", answer.text);
        answer
    }

    /// Sends a request and asserts that it is refused with this code.
    pub(crate) async fn refused(self, status: u16, code: &str) -> Answer {
        let answer = self.expect(status).await;
        assert_eq!(answer.body["code"], code, "{}", answer.text);
        answer
    }
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).unwrap_or_else(|| panic!("no {name} in {:?}", self.headers)).to_str().unwrap()
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.headers.contains_key(name)
    }

    /// Returns the path of the created resource in its collection.
    pub(crate) fn path_in(&self, collection: &str) -> String {
        format!("{collection}/{}", self.text("id"))
    }

    /// Returns a text of the body.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.body[name].as_str().unwrap_or_else(|| panic!("no {name} in {}", self.text))
    }

    /// Returns the names of the invalid fields.
    pub(crate) fn fields(&self) -> Vec<&str> {
        let errors = self.body["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
        errors.iter().map(|error| error["field"].as_str().unwrap()).collect()
    }

    fn media_type(&self) -> &str {
        self.header("content-type").split(';').next().unwrap()
    }

    fn check(&self, api: &Api, method: &Method, path: &str, what: &str) {
        let text = self.text.to_lowercase();
        assert!(self.status < 400 || !INSIDE.iter().any(|inside| text.contains(inside)), "{what}");
        if matches!(self.status, 400 | 401) && path.split('?').next() == Some(TOKEN_ENDPOINT) {
            assert_eq!(self.media_type(), "application/json", "{what}");
            schema::check(&api.document, "OAuthError", &self.body, what);
            assert_eq!(
                (self.header("cache-control"), self.header("pragma")),
                ("no-store", "no-cache"),
                "{what}"
            );
        } else if self.status >= 400 {
            assert_eq!(self.media_type(), "application/problem+json", "{what}");
            schema::check(&api.document, "Problem", &self.body, what);
            assert_eq!(self.body["status"], self.status, "{what}");
            let code = self.body["code"].as_str().unwrap();
            assert_eq!(self.body["type"], format!("urn:rowhouse:problem:{code}"), "{what}");
        }
        if self.status < 300 && path.starts_with("/v1/") {
            assert_eq!(self.header("cache-control"), "no-store", "{what}");
            assert_eq!(self.header("x-content-type-options"), "nosniff", "{what}");
        }
        let Some((_, address)) = api.address(path) else { return };
        let Some(operation) = address.get(method.as_str().to_lowercase()) else { return };
        let described = &operation["responses"][self.status.to_string()];
        assert!(described.is_object(), "the status is not described: {what}");
        for (name, header) in described["headers"].as_object().into_iter().flatten() {
            let header = header["$ref"]
                .as_str()
                .map_or(header, |reference| api.document.pointer(&reference[1..]).unwrap());
            let optional = header["required"] == false;
            assert!(optional || self.headers.contains_key(name), "{name} is missing: {what}");
        }
        let Some(content) = described.get("content") else { return };
        let content = &content[self.media_type()];
        assert!(content.is_object(), "the media type is not described: {what}");
        if self.status >= 400 {
            let code = self.body.get("code").or_else(|| self.body.get("error")).unwrap().as_str().unwrap();
            assert!(content["examples"].get(code).is_some(), "the code is not described: {what}");
        } else if let Some(name) = content["schema"]["$ref"].as_str() {
            let name = name.strip_prefix("#/components/schemas/").unwrap();
            schema::check(&api.document, name, &self.body, what);
        }
    }
}
