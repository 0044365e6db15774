//! The code that is generated from a small definition, and the definitions that are refused.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use protox::Compiler;
use protox::file::{ChainFileResolver, File, FileResolver, GoogleFileResolver, IncludeFileResolver};
use rowhouse_rest_build::{Error, ErrorSets, Generated, generate};
use serde_json::{Value, json};

const NOTES: &str = include_str!("notes.proto");
const ERRORS: ErrorSets<'static> =
    ErrorSets { every_call: &[], with_token: &[], with_body: &[], with_parameters: &[] };

/// A definition that is a text and not a file.
struct Text(String);

impl FileResolver for Text {
    fn open_file(&self, name: &str) -> Result<File, protox::Error> {
        if name == "notes.proto" {
            File::from_source(name, &self.0)
        } else {
            Err(protox::Error::file_not_found(name))
        }
    }
}

fn generated_from(definition: String) -> Result<Generated, Error> {
    let mut resolver = ChainFileResolver::new();
    resolver.add(Text(definition));
    resolver.add(IncludeFileResolver::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../proto").into()));
    resolver.add(GoogleFileResolver::new());
    let mut compiler = Compiler::with_file_resolver(resolver);
    compiler.include_imports(true).include_source_info(true).open_file("notes.proto").unwrap();
    let hosts = |package: &str| (package == "notes.v1").then_some("notes");
    generate(&compiler.descriptor_pool(), json!({ "openapi": "3.1.0" }), &ERRORS, &hosts)
}

fn generated() -> Generated {
    generated_from(NOTES.to_owned()).unwrap()
}

/// The code without blanks and line breaks, and without the commas that a formatter adds at the end of a line.
fn code() -> String {
    compact(&generated().rust)
}

fn compact(code: &str) -> String {
    let code: String = code.split_whitespace().collect();
    code.replace(",)", ")").replace(",}", "}").replace(",]", "]")
}

fn has(code: &str, part: &str) -> bool {
    code.contains(&compact(part))
}

#[test]
fn each_method_with_a_binding_is_registered() {
    let code = code();
    assert!(has(&code, r#"web::scope("/v1/notes").service(web::resource("")"#), "{code}");
    assert!(has(&code, r#".service(web::resource("/{id}")"#), "{code}");
    assert!(has(&code, "web::post().to(create_note)") && has(&code, "web::get().to(list_notes)"));
    assert!(has(&code, "web::patch().to(update_note)") && !has(&code, "fn clear"));
}

#[test]
fn an_address_is_found_without_the_router() {
    let code = code();
    for (segments, route) in [
        (
            r#"[Some("v1"), Some("notes"), None, None]"#,
            r#"template: "/v1/notes", service: ServiceName::Notes, in_tenant: &["POST"]"#,
        ),
        (
            r#"[Some("v1"), Some("notes"), Some(_), None]"#,
            r#"template: "/v1/notes/{id}", service: ServiceName::Notes, in_tenant: &["PATCH"]"#,
        ),
    ] {
        let found = code.split_once(&compact(segments)).unwrap_or_else(|| panic!("{segments}: {code}"));
        assert!(found.1.starts_with(&compact(&format!("=> {{ Route {{ {route} }}"))), "{code}");
    }
}

#[test]
fn a_handler_takes_the_caller_that_is_declared() {
    let code = code();
    assert!(has(&code, "async fn create_note( caller: Caller,"), "{code}");
    assert!(has(&code, "async fn list_notes( origin: Origin,"), "{code}");
    assert!(has(&code, "clients.channel(ServiceName::Notes)"), "{code}");
}

#[test]
fn reads_and_calls_with_a_key_may_be_sent_twice() {
    let code = code();
    for part in [
        "let repeatable = message.idempotency_key.is_some();",
        "client.create_note(repeatable_if(repeatable, clients.of(&caller, message)))",
        "let repeatable = true;",
        "client.list_notes(repeatable_if(repeatable, clients.anonymous(&origin, message)))",
        "client.update_note(clients.of(&caller, message))",
    ] {
        assert!(has(&code, part), "{part} is not in {code}");
    }
}

#[test]
fn bodies_are_strict() {
    let code = code();
    assert!(
        has(
            &code,
            "#[serde(deny_unknown_fields)] pub(super) struct CreateNoteRequest { text: String, color: Option<NoteColor>, \
             labels: Option<Vec<String>>, }"
        ),
        "{code}"
    );
    // In a change null is not absent, and an empty list is refused.
    assert!(has(&code, r#"#[serde(default, deserialize_with = "present")] text: Option<String>"#), "{code}");
    assert!(has(&code, r#"non_empty_list("labels", labels.as_deref())?"#), "{code}");
    assert!(has(&code, r#"&[("bright_red", 1i32), ("grey", 2i32)]"#), "{code}");
}

#[test]
fn answers_have_their_status_headers_and_members() {
    let code = code();
    assert!(
        has(
            &code,
            r#"Reply::new(StatusCode::CREATED) .etag(&note.etag) .location("/v1/notes/", &note.id) .json(note)"#
        ),
        "{code}"
    );
    assert!(has(&code, r#"map.serialize_entry("color", &name_of_note_color(self.color))?"#), "{code}");
    assert!(has(&code, "if let Some(value) = non_empty(&self.hint)"), "{code}");
    assert!(!has(&code, r#"serialize_entry("etag""#), "{code}");
}

#[test]
fn the_document_says_what_the_comments_and_options_say() {
    let document = generated().openapi;
    let create = &document["paths"]["/v1/notes"]["post"];
    assert_eq!(
        (&create["summary"], &create["description"]),
        (&json!("Writes a note"), &json!("It is kept for ever."))
    );
    assert_eq!(create["security"], json!([{ "bearer": [] }]));
    assert_eq!(document["paths"]["/v1/notes"]["get"]["security"], json!([]));
    assert!(
        create["responses"]["400"]["content"]["application/problem+json"]["examples"]["note_too_long"]
            .is_object()
    );
    assert!(
        create["responses"]["404"]["content"]["application/problem+json"]["examples"]["note_not_found"]
            .is_object()
    );
    assert_eq!(create["responses"]["201"]["description"], "The note.");
    for (status, response) in create["responses"].as_object().unwrap() {
        assert!(response["headers"]["traceparent"].is_object(), "{status}");
    }
    let schemas = &document["components"]["schemas"];
    let request = &schemas["CreateNoteRequest"];
    assert_eq!((&request["required"], &request["additionalProperties"]), (&json!(["text"]), &json!(false)));
    assert_eq!(request["properties"]["text"]["maxLength"], 200);
    assert_eq!(request["properties"]["text"]["examples"], json!(["Buy milk"]));
    assert_eq!(request["properties"]["labels"]["type"], json!(["array", "null"]));
    assert_eq!(request["properties"]["labels"]["items"]["enum"], json!(["notes:read", "notes:write"]));
    let note = &schemas["Note"];
    assert_eq!(note["required"], json!(["id", "text", "color", "created_at"]));
    assert_eq!(note["properties"]["id"]["format"], "uuid");
    assert_eq!(note["properties"]["etag"], Value::Null);
    assert_eq!(schemas["NoteColor"]["enum"], json!(["bright_red", "grey"]));
    assert_eq!(document["tags"], json!([{ "name": "notes", "description": "The notes of a tenant." }]));
}

#[test]
fn what_makes_no_sense_is_refused_by_name() {
    for (right, wrong, expected) in [
        ("{public: true}", "{}", "notes.v1.NoteService.ListNotes: declare who may call it"),
        ("{public: true}", "{public: true person_only: true}", "person_only goes with permission only"),
        ("\"NOTE_TOO_LONG\"", "\"NOTE_TOO_WIDE\"", "no package declares the error code NOTE_TOO_WIDE"),
        ("success: 201", "success: 404", "success is an HTTP status from 200 to 299"),
        ("{note.id}", "{note.number}", "the response has no text at note.number"),
        ("/v1/notes/{id}", "/v1/notes/{key}", "the request has no field key"),
        ("http: 400", "http: 200", "declare an HTTP status from 400 to 599"),
        ("example: \"\\\"Buy milk\\\"\"", "example: \"Buy milk\"", "the example is no JSON"),
        ("// Lists notes.\n", "", "notes.v1.NoteService.ListNotes: say in a comment what it does"),
        ("  rpc Clear(", "  rpc CreateNotes(", ""),
        ("tag: \"notes\"", "", "declare its tag"),
        ("package notes.v1;", "package notes.v2;", "no deployed service serves its package"),
        ("success: 201", "success: 203", "there is no code for the status 203"),
        ("lowest_role: \"member\"", "", "declare title and lowest_role of the permission notes:write"),
        ("{name: \"notes:read\"", "{name: \"notes:write\"", "the permission notes:write is declared twice"),
        (
            "NOTE_ERROR_CODE_NOT_FOUND",
            "NOTE_ERROR_CODE_TOO_LONG",
            "notes.v1.NOTE_ERROR_CODE_TOO_LONG: another value declares NOTE_TOO_LONG as well",
        ),
        (
            "idempotency_key: \"idempotency_key\"",
            "",
            "notes.v1.NoteService.CreateNote: a POST that can be repeated declares the field idempotency_key",
        ),
        ("{public: true}", "{public: true without_key: \"it reads\"}", "nothing else declares without_key"),
        (
            "post: \"/v1/notes\" body: \"*\"",
            "post: \"/v1/notes\" body: \"text\"",
            "notes.v1.NoteService.CreateNote: body: \"text\" is not supported; write body: \"*\", or none",
        ),
        ("string hint = 6", "bytes hint = 6", "there is no JSON for a field of this type"),
    ] {
        assert!(NOTES.contains(right), "{right}");
        let outcome = generated_from(NOTES.replacen(right, wrong, 1));
        match expected {
            "" => assert!(outcome.is_ok(), "{wrong}"),
            expected => {
                let error = outcome.unwrap_err().to_string();
                assert!(error.contains(expected), "{wrong}: {error}");
            }
        }
    }
}
