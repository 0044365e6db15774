use futures_util::FutureExt;
use rowhouse_tenancy::TenantId;

use super::*;
use crate::error::fault;

fn places(number: usize) -> Admission {
    Admission::at_server(ServiceName::Orders, NonZeroUsize::new(number).unwrap())
}

fn tenant(urgency: Urgency) -> Asker {
    Asker { party: Some(Party::Tenant(TenantId::generate())), urgency }
}

const BATCH: Asker = Asker { urgency: Urgency::Batch, ..Asker::NOBODY };

fn take(admission: &Admission, asker: Asker) -> Place {
    admission.enter(asker, None).now_or_never().expect("a place is free").unwrap()
}

#[tokio::test]
async fn a_call_too_many_is_refused_at_once() {
    let admission = places(2);
    let held = [take(&admission, tenant(Urgency::Interactive)), take(&admission, Asker::NOBODY)];
    let mut waiting = Vec::new();
    let refusal = loop {
        let mut call = Box::pin(admission.enter(tenant(Urgency::Interactive), None));
        match (&mut call).now_or_never() {
            None => waiting.push(call),
            Some(ended) => break ended.err().expect("all places are taken"),
        }
    };
    assert_eq!(waiting.len(), 2 * BURST_WAITERS);
    let fault = fault(&refusal, Code::COMMON);
    assert_eq!(fault.code, Code::OVERLOADED);
    assert!(fault.retry_after.is_some_and(|after| RETRY_AFTER.contains(&after)), "{fault:?}");
    drop(held);
    let place = waiting.remove(0).now_or_never().expect("it is its turn").unwrap();
    drop((place, waiting));
    assert_eq!(admission.occupancy().held, 0);
}

#[test]
fn a_queue_that_stands_is_short_and_a_batch_does_not_wait_in_it() {
    let ahead = |waiters, interactive, millis| Ahead {
        places: 8,
        waiters,
        interactive,
        standing: Duration::from_millis(millis),
    };
    for (ahead, interactive, batch) in [
        (ahead(0, false, 0), true, true),
        (ahead(31, true, 99), true, true),
        (ahead(32, true, 99), false, false),
        (ahead(3, false, 100), true, true),
        (ahead(3, true, 100), true, false),
        (ahead(4, false, 100), false, false),
    ] {
        assert_eq!(may_wait(ahead, Urgency::Interactive), interactive, "{ahead:?}");
        assert_eq!(may_wait(ahead, Urgency::Batch), batch, "{ahead:?}");
    }
    let few = |waiters| Ahead { places: 1, waiters, interactive: false, standing: BURST };
    assert!(may_wait(few(3), Urgency::Interactive) && !may_wait(few(4), Urgency::Interactive));
}

#[tokio::test]
async fn the_deadline_holds_in_the_queue() {
    let admission = places(1);
    let held = take(&admission, Asker::NOBODY);
    let deadline = Deadline::after(Duration::from_millis(20));
    let late = admission.enter(Asker::NOBODY, Some(deadline)).await.err().expect("the place is taken");
    assert_eq!(fault(&late, Code::COMMON).code, Code::DEADLINE_EXCEEDED);
    drop(held);
    drop(take(&admission, BATCH));
}

#[tokio::test]
async fn a_call_that_steps_aside_frees_its_place_and_goes_on() {
    let admission = places(1);
    let place = take(&admission, Asker::NOBODY);
    let held = || admission.occupancy().held;
    let call = async {
        assert_eq!(held(), 1);
        step_aside();
        step_aside();
        assert_eq!(held(), 0);
        "done"
    };
    assert_eq!(while_admitted(place, call).await, "done");
    step_aside();
    assert_eq!(held(), 0);
    let place = take(&admission, Asker::NOBODY);
    while_admitted(place, async { assert_eq!(held(), 1) }).await;
    assert_eq!(held(), 0, "the end frees it");
}

#[tokio::test]
async fn a_client_sends_fewer_calls_when_the_service_refuses_some() {
    let admission = Admission::at_client(ServiceName::Orders, NonZeroUsize::new(100).unwrap());
    let running: Vec<_> = (0..50).map(|_| take(&admission, tenant(Urgency::Interactive))).collect();
    let size = || admission.occupancy().size;
    for (at, place) in running.into_iter().enumerate() {
        place.ended(at == 0);
        // The other refusals of the same round would not count.
        assert_eq!(size(), 40);
    }
    for _ in 0..41 {
        let running: Vec<_> = (0..20).map(|_| take(&admission, tenant(Urgency::Interactive))).collect();
        running.into_iter().for_each(|place| place.ended(false));
    }
    assert!(size() > 40, "{}", size());
}
