//! Trace propagation between processes, by the W3C's `traceparent` and `tracestate`.

use std::marker::PhantomData;

use http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::Context;
use opentelemetry::propagation::{Extractor, Injector, TextMapPropagator};
use opentelemetry::trace::{SpanContext, TraceContextExt};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::{Span, field};
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// The header with the position of a request in its trace (W3C Trace Context).
pub const TRACEPARENT: &str = "traceparent";

/// Makes a new span part of the trace in a request's headers, or of a new trace, and sets its fields `trace_id` and `span_id` if it
/// has them. Call it before the span is entered.
///
/// `header` looks a header up by its lower-case name.
pub fn continue_trace<'h>(span: &Span, header: impl Fn(&str) -> Option<&'h str>) {
    let headers = Headers { header, lifetime: PhantomData };
    let parent = TraceContextPropagator::new().extract_with_context(&Context::new(), &headers);
    // This fails without a subscriber for traces, or if it rejects the span: then there is no trace.
    if span.set_parent(parent).is_ok()
        && let Some(context) = context_of(span)
    {
        span.record("trace_id", field::display(context.trace_id()));
        span.record("span_id", field::display(context.span_id()));
    }
}

/// Returns the current span in the form of the header `traceparent` (W3C Trace Context), for an answer or an error report.
#[must_use]
pub fn traceparent() -> Option<String> {
    let context = context_of(&Span::current())?;
    let (trace, span, flags) = (context.trace_id(), context.span_id(), context.trace_flags());
    Some(format!("00-{trace}-{span}-{flags:02x}"))
}

/// Returns the span's position in its trace, if it is part of one.
fn context_of(span: &Span) -> Option<SpanContext> {
    let context = span.context().span().span_context().clone();
    context.is_valid().then_some(context)
}

/// Adds the span's trace to the headers of an outgoing request.
pub(crate) fn inject_trace(span: &Span, headers: &mut HeaderMap) {
    TraceContextPropagator::new().inject_context(&span.context(), &mut Outgoing(headers));
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
    use opentelemetry::trace::TracerProvider;
    use opentelemetry_sdk::trace::SdkTracerProvider;
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn with_traces(test: impl FnOnce()) {
        let provider = SdkTracerProvider::builder().build();
        let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("test"));
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), test);
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
    fn without_a_subscriber_there_is_no_trace_and_no_failure() {
        let span = tracing::info_span!("rpc");
        continue_trace(&span, |_| Some(PARENT));
        assert_eq!(traceparent(), None);
        let mut headers = HeaderMap::new();
        inject_trace(&span, &mut headers);
        assert!(headers.is_empty());
    }
}
