//! Who is ahead of whom, and the number of places that changes.

use super::*;

/// Enters, and waits if there is no place.
fn enter(shares: &Places, party: Tenant, urgency: Urgency) -> Entered<TenantId> {
    shares.enter(party, urgency, |_| true).unwrap_or_else(|ahead| panic!("refused: {ahead:?}"))
}

fn queue(shares: &Places, party: Tenant, urgency: Urgency) -> Turn<TenantId> {
    match enter(shares, party, urgency) {
        Entered::Waits(turn) => turn,
        Entered::Now(_) => panic!("a place was free"),
    }
}

fn ahead(shares: &Places, party: Tenant, urgency: Urgency) -> Ahead {
    shares.enter(party, urgency, |_| false).err().expect("no place is free")
}

#[tokio::test]
async fn what_is_interactive_comes_first() {
    let shares = Places::new(1);
    let (first, second) = (tenant(), tenant());
    let held = take(&shares, tenant());
    let later = queue(&shares, first, Urgency::Batch);
    let sooner = [queue(&shares, first, Urgency::Interactive), queue(&shares, second, Urgency::Interactive)];
    let mut later = Box::pin(later.come());
    drop(held);
    for turn in sooner {
        let permit = turn.come().now_or_never().flatten().expect("it is its turn");
        assert!((&mut later).now_or_never().is_none());
        drop(permit);
    }
    assert!(later.now_or_never().flatten().is_some());
    assert_idle(&shares, 1);
}

#[tokio::test]
async fn a_party_is_behind_as_many_of_each_other_as_it_has_itself() {
    let shares = Places::new(1);
    let (busy, quiet) = (tenant(), tenant());
    let held = take(&shares, tenant());
    let waiting: Vec<_> = (0..5).map(|_| queue(&shares, busy, Urgency::Interactive)).collect();
    let count = |party, urgency| ahead(&shares, party, urgency).waiters;
    assert_eq!(count(busy, Urgency::Interactive), 5);
    assert_eq!(count(quiet, Urgency::Interactive), 1, "the next turn of the other is before it");
    let own = queue(&shares, quiet, Urgency::Interactive);
    assert_eq!(count(quiet, Urgency::Interactive), 3);
    assert_eq!(count(quiet, Urgency::Batch), 6, "all that is interactive");
    let batch = queue(&shares, quiet, Urgency::Batch);
    assert_eq!(count(busy, Urgency::Batch), 7);
    assert_eq!(count(busy, Urgency::Interactive), 6);
    drop((own, batch, waiting, held));
    assert_idle(&shares, 1);
}

#[test]
fn a_queue_stands_until_it_is_empty() {
    let mut state = State::new(1);
    let start = Instant::now();
    let later = |millis| start + Duration::from_millis(millis);
    let (first, second) = (tenant(), tenant());
    assert!(state.take_if_free(tenant(), start));
    let standing = |state: &State<TenantId>, now| state.ahead(tenant(), Urgency::Interactive, now).standing;
    assert_eq!(standing(&state, later(10)), Duration::ZERO);
    drop(state.enqueue(first, Urgency::Interactive, later(10)));
    let waiting = state.enqueue(second, Urgency::Batch, later(50));
    state.leave(first, Urgency::Interactive);
    assert_eq!(standing(&state, later(90)), Duration::from_millis(80));
    drop(waiting);
    state.leave(second, Urgency::Batch);
    assert_eq!(standing(&state, later(90)), Duration::ZERO);
}

#[tokio::test]
async fn the_number_of_places_changes_while_they_are_taken() {
    let shares = Places::new(4);
    let parties = [tenant(), tenant(), tenant(), tenant()];
    let mut held: Vec<_> = parties.map(|party| take(&shares, party)).into();
    let mut waiting = wait(&shares, tenant());
    shares.resize(2);
    held.pop();
    held.pop();
    assert!(granted(&mut waiting).is_none(), "two are held");
    shares.resize(3);
    held.push(granted(&mut waiting).expect("the third place"));
    shares.resize(0);
    assert_eq!(shares.weak().occupancy(), Some(Occupancy { size: 1, held: 3, waiting: 0 }));
    drop((held, waiting));
    assert_idle(&shares, 1);
}
