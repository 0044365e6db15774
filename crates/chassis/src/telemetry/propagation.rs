//! Trace propagation between processes, by the W3C's `traceparent` and `tracestate`.

use std::marker::PhantomData;

use http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::Context;
use opentelemetry::propagation::{Extractor, Injector, TextMapPropagator};
use opentelemetry::trace::{SpanContext, TraceContextExt};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::{Span, field};
use tracing_opentelemetry::OpenTelemetrySpanExt;

use super::position;

/// The header with the position of a request in its trace (W3C Trace Context).
pub const TRACEPARENT: &str = "traceparent";

/// Makes a new span part of the trace in a request's headers, or of a new trace, and sets its fields `trace_id` and `span_id` if it
/// has them. Call it before the span is entered.
///
/// `header` looks a header up by its lower-case name.
pub fn continue_trace<'h>(span: &Span, header: impl Fn(&str) -> Option<&'h str>) {
    let parent = parent(header);
    // Only a span of the layer that records traces takes a parent.
    let recorded = span.set_parent(parent.clone()).ok().and_then(|()| recorded(span));
    if let Some(context) = recorded.or_else(|| position::begin(span, parent.span().span_context())) {
        span.record("trace_id", field::display(context.trace_id()));
        span.record("span_id", field::display(context.span_id()));
    }
}

/// Returns the current span in the form of the header `traceparent` (W3C Trace Context), for an answer or an error report.
#[must_use]
pub fn traceparent() -> Option<String> {
    context_of(&Span::current()).map(|context| written(&context))
}

/// Returns the header `traceparent` for the answer to a request that gets no span: a position in the trace in its headers, or in a new
/// one.
pub fn traceparent_without_span<'h>(header: impl Fn(&str) -> Option<&'h str>) -> String {
    let parent = parent(header);
    written(&position::inside(parent.span().span_context()))
}

fn parent<'h>(header: impl Fn(&str) -> Option<&'h str>) -> Context {
    let headers = Headers { header, lifetime: PhantomData };
    TraceContextPropagator::new().extract_with_context(&Context::new(), &headers)
}

fn written(context: &SpanContext) -> String {
    let (trace, span, flags) = (context.trace_id(), context.span_id(), context.trace_flags());
    format!("00-{trace}-{span}-{flags:02x}")
}

/// Returns the span's position in its trace, if it is part of one.
fn context_of(span: &Span) -> Option<SpanContext> {
    recorded(span).or_else(|| position::of(span))
}

/// Returns the same if a layer records the trace.
fn recorded(span: &Span) -> Option<SpanContext> {
    let context = span.context().span().span_context().clone();
    context.is_valid().then_some(context)
}

/// Adds the span's trace to the headers of an outgoing request.
pub(crate) fn inject_trace(span: &Span, headers: &mut HeaderMap) {
    let Some(position) = context_of(span) else { return };
    let context = Context::new().with_remote_span_context(position);
    TraceContextPropagator::new().inject_context(&context, &mut Outgoing(headers));
}

struct Headers<'h, F> {
    header: F,
    lifetime: PhantomData<&'h str>,
}

impl<'h, F: Fn(&str) -> Option<&'h str>> Extractor for Headers<'h, F> {
    fn get(&self, key: &str) -> Option<&str> {
        (self.header)(key)
    }

    fn keys(&self) -> Vec<&str> {
        vec![TRACEPARENT, "tracestate"]
    }
}

struct Outgoing<'a>(&'a mut HeaderMap);

impl Injector for Outgoing<'_> {
    fn set(&mut self, key: &str, value: String) {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(key), HeaderValue::try_from(value)) {
            self.0.insert(name, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry_sdk::trace::SdkTracerProvider;
    use tracing_subscriber::layer::SubscriberExt;

    use super::super::traces;
    use super::*;

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    /// Runs a test with a layer that records traces, and with the one that takes its place.
    fn with_traces(test: impl Fn()) {
        let provider = SdkTracerProvider::builder().build();
        for provider in [Some(&provider), None] {
            let subscriber = tracing_subscriber::registry().with(traces::layer(provider));
            tracing::subscriber::with_default(subscriber, &test);
        }
    }

    #[test]
    fn the_callers_trace_goes_on() {
        with_traces(|| {
            let span = tracing::info_span!("rpc");
            continue_trace(&span, |name| (name == "traceparent").then_some(PARENT));
            let _entered = span.enter();
            assert_eq!(traceparent().unwrap().get(3..35), Some("0af7651916cd43dd8448eb211c80319c"));
            let mut headers = HeaderMap::new();
            inject_trace(&Span::current(), &mut headers);
            let sent = headers["traceparent"].to_str().unwrap();
            assert!(
                sent.starts_with("00-0af7651916cd43dd8448eb211c80319c-") && sent.ends_with("-01"),
                "{sent}"
            );
            assert_ne!(sent, PARENT, "the parent of the next hop is this span");
        });
    }

    #[test]
    fn without_a_valid_parent_a_trace_begins() {
        with_traces(|| {
            for parent in
                [None, Some("rubbish"), Some("00-00000000000000000000000000000000-0000000000000000-01")]
            {
                let span = tracing::info_span!("rpc");
                continue_trace(&span, |name| parent.filter(|_| name == "traceparent"));
                let parent = span.in_scope(traceparent).unwrap();
                let id = parent.split('-').nth(1).unwrap();
                assert!(id.len() == 32 && id.bytes().any(|digit| digit != b'0'), "{id}");
            }
        });
    }

    #[test]
    fn what_is_inside_of_a_span_is_in_its_trace() {
        with_traces(|| {
            let outer = tracing::info_span!("rpc");
            continue_trace(&outer, |name| (name == "traceparent").then_some(PARENT));
            let _entered = outer.enter();
            let inner = tracing::info_span!("rpc call");
            let mut headers = HeaderMap::new();
            inject_trace(&inner, &mut headers);
            let sent = headers["traceparent"].to_str().unwrap();
            assert!(sent.starts_with("00-0af7651916cd43dd8448eb211c80319c-"), "{sent}");
            let hidden = tracing::debug_span!("statement");
            let _entered = hidden.enter();
            let seen = traceparent().unwrap();
            assert!(seen.starts_with("00-0af7651916cd43dd8448eb211c80319c-"), "{seen}");
        });
    }

    #[test]
    fn without_a_subscriber_there_is_no_trace_and_no_failure() {
        let span = tracing::info_span!("rpc");
        continue_trace(&span, |_| Some(PARENT));
        assert_eq!(traceparent(), None);
        let mut headers = HeaderMap::new();
        inject_trace(&span, &mut headers);
        assert!(headers.is_empty());
    }
}
