use futures_util::FutureExt;

use super::*;
use crate::error::fault;

fn places(number: usize) -> Admission {
    Admission::at_server(ServiceName::Orders, NonZeroUsize::new(number).unwrap())
}

fn tenant() -> Applicant {
    Applicant { party: Party::Tenant(TenantId::generate()), urgency: Urgency::Interactive }
}

fn take(admission: &Admission, applicant: Applicant) -> CallPermit {
    admission.enter(applicant, None).now_or_never().expect("a place is free").unwrap()
}

#[tokio::test]
async fn a_call_too_many_is_refused_at_once_and_strangers_are_not_concerned() {
    let admission = places(2);
    let held = [take(&admission, tenant()), take(&admission, tenant())];
    let mut waiting = Vec::new();
    let refusal = loop {
        let mut call = Box::pin(admission.enter(tenant(), None));
        match (&mut call).now_or_never() {
            None => waiting.push(call),
            Some(ended) => break ended.err().expect("all places are taken"),
        }
    };
    // A machine that is busy may take the burst for a queue that stands.
    assert!([2 * BURST_WAITERS, FEWEST_WAITERS].contains(&waiting.len()), "{}", waiting.len());
    let fault = fault(&refusal, Code::COMMON);
    assert_eq!(fault.code, Code::OVERLOADED);
    assert!(
        fault.retry_after.is_some_and(|after| [1, 2, 3].map(Duration::from_secs).contains(&after)),
        "{fault:?}"
    );
    drop(take(&admission, Applicant::UNKNOWN));
    drop(held);
    let permit = waiting.remove(0).now_or_never().expect("it is its turn").unwrap();
    drop((permit, waiting));
    assert_eq!(admission.occupancy(), Occupancy { size: 2, held: 0, waiting: 0 });
}

#[test]
fn a_queue_that_stands_is_short() {
    let millis = Duration::from_millis;
    let queue = |ahead, waiting, standing, own_standing| {
        let (standing, own_standing) = (millis(standing), millis(own_standing));
        Queue { places: 8, ahead, waiting, standing, own_standing }
    };
    for (queue, waits) in [
        (queue(0, 0, 0, 0), true),
        (queue(31, 31, 99, 99), true),
        (queue(32, 32, 99, 99), false),
        (queue(3, 5, 100, 100), true),
        (queue(4, 5, 100, 100), false),
        // A party's first calls, in the queue of others.
        (queue(5, 7, 100, 0), true),
        (queue(5, 8, 100, 0), false),
        // A party that waits for its own share.
        (queue(4, 4, 0, 100), false),
    ] {
        assert_eq!(may_wait(Side::Client, queue), waits, "{queue:?}");
    }
    let few = |ahead| Queue { places: 1, ahead, waiting: ahead, standing: BURST, own_standing: BURST };
    let another = Queue { own_standing: Duration::ZERO, ahead: 1, ..few(4) };
    assert!(may_wait(Side::Server, another), "one party does not fill the queue");
    for side in [Side::Client, Side::Server] {
        assert!(may_wait(side, few(3)) && !may_wait(side, few(4)), "{side:?}");
    }
    let of_many = |ahead, waiting| Queue { places: 64, ..queue(ahead, waiting, 100, 100) };
    assert!(may_wait(Side::Client, of_many(7, 15)) && !may_wait(Side::Client, of_many(7, 16)));
    assert!(may_wait(Side::Server, of_many(15, 31)) && !may_wait(Side::Server, of_many(16, 31)));
}

#[tokio::test]
async fn the_deadline_holds_in_the_queue() {
    let admission = places(1);
    let held = take(&admission, tenant());
    let deadline = Deadline::after(Duration::from_millis(20));
    let late = admission.enter(tenant(), Some(deadline)).await.err().expect("the place is taken");
    assert_eq!(fault(&late, Code::COMMON).code, Code::DEADLINE_EXCEEDED);
    drop(held);
    assert!(!take(&admission, tenant()).waited());
}

#[tokio::test]
async fn a_call_that_steps_aside_frees_its_place_and_goes_on() {
    let admission = places(1);
    let held = || admission.occupancy().held;
    let call = async {
        assert_eq!(held(), 1);
        step_aside();
        step_aside();
        assert_eq!(held(), 0);
        "done"
    };
    assert_eq!(while_admitted(take(&admission, tenant()), call).await, "done");
    step_aside();
    while_admitted(take(&admission, tenant()), async { assert_eq!(held(), 1) }).await;
    assert_eq!(held(), 0, "the end frees it");
}

#[tokio::test]
async fn a_client_sends_fewer_calls_when_the_service_refuses_some() {
    let admission = Admission::at_client(ServiceName::Orders, NonZeroUsize::new(64).unwrap());
    let size = || admission.occupancy().size;
    assert_eq!(size(), 64);
    let calls = |number| (0..number).map(|_| take(&admission, tenant())).collect::<Vec<_>>();
    for call in calls(10) {
        call.ended(CallOutcome::Failed);
    }
    assert_eq!(size(), 64, "a failure says nothing");
    take(&admission, Applicant::UNKNOWN).ended(CallOutcome::Overloaded);
    assert_eq!(size(), 64, "strangers' calls say nothing");
    // All of one round count once.
    for call in calls(50) {
        call.ended(CallOutcome::Overloaded);
    }
    assert_eq!(size(), 51);
    for _ in 0..60 {
        let mut running = calls(51);
        running.pop().unwrap().ended(CallOutcome::Answered);
    }
    assert!(size() > 51, "{}", size());
}
