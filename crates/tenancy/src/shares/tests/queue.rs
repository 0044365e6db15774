//! The order in which waiters are served, and a number of places that changes.

use super::*;

fn queue(shares: &Places, party: Tenant, urgency: Urgency) -> Waiter<TenantId> {
    match shares.enter(party, urgency, |_| true) {
        Ok(Entry::Waits(waiter)) => waiter,
        Ok(Entry::Now(_)) | Err(_) => panic!("a place was free"),
    }
}

fn found(shares: &Places, party: Tenant, urgency: Urgency) -> Queue {
    shares.enter(party, urgency, |_| false).err().expect("no place is free")
}

/// Waits for one place after the other, as long as each is there at once. Returns the urgencies in the order of their turns.
fn served(waiters: Vec<(Urgency, Waiter<TenantId>)>, first: Permit<TenantId>) -> Vec<Urgency> {
    let mut turns: Vec<_> =
        waiters.into_iter().map(|(urgency, waiter)| (urgency, Box::pin(waiter.turn()))).collect();
    let mut order = Vec::new();
    drop(first);
    while !turns.is_empty() {
        let come = turns.iter_mut().position(|(_, turn)| turn.now_or_never().flatten().is_some());
        order.push(turns.swap_remove(come.expect("somebody's turn has come")).0);
    }
    order
}

#[tokio::test]
async fn what_is_interactive_comes_first_but_for_one_in_eight() {
    let shares = Places::new(1);
    let held = take(&shares, tenant());
    let parties = [tenant(), tenant()];
    let batches = (0..2).map(|_| (Urgency::Batch, queue(&shares, parties[0], Urgency::Batch)));
    let interactive =
        (0..20).map(|at| (Urgency::Interactive, queue(&shares, parties[at % 2], Urgency::Interactive)));
    let waiters: Vec<_> = batches.collect::<Vec<_>>().into_iter().chain(interactive).collect();
    let order = served(waiters, held);
    let batches: Vec<_> = order
        .iter()
        .enumerate()
        .filter(|(_, urgency)| **urgency == Urgency::Batch)
        .map(|(at, _)| at)
        .collect();
    assert_eq!(batches, [7, 15], "{order:?}");
    assert_idle(&shares, 1);
}

#[tokio::test]
async fn a_party_is_behind_as_many_of_each_other_as_it_has_itself() {
    let shares = Places::new(1);
    let (busy, quiet) = (tenant(), tenant());
    let held = take(&shares, tenant());
    let waiting: Vec<_> = (0..5).map(|_| queue(&shares, busy, Urgency::Interactive)).collect();
    let counts = |party, urgency| {
        let Queue { ahead, waiting, .. } = found(&shares, party, urgency);
        (ahead, waiting)
    };
    assert_eq!(counts(busy, Urgency::Interactive), (5, 5));
    assert_eq!(counts(quiet, Urgency::Interactive), (1, 5), "the next turn of the other is before it");
    let own = queue(&shares, quiet, Urgency::Interactive);
    assert_eq!(counts(quiet, Urgency::Interactive), (3, 6));
    assert_eq!(counts(quiet, Urgency::Batch), (0, 6), "of batches");
    let batch = queue(&shares, quiet, Urgency::Batch);
    assert_eq!(counts(busy, Urgency::Batch), (1, 7));
    assert_eq!(counts(busy, Urgency::Interactive), (6, 7));
    drop((own, batch, waiting, held));
    assert_idle(&shares, 1);
}

#[test]
fn a_queue_stands_until_it_has_been_empty_for_a_while() {
    let mut state = State::new(1, usize::MAX);
    let start = Instant::now();
    let later = |millis| start + Duration::from_millis(millis);
    let (first, second) = (tenant(), tenant());
    assert!(state.take_if_free(tenant(), 1, start));
    let standing = |state: &State<TenantId>, party, millis| {
        let Queue { standing, own_standing, .. } = state.queue(party, Urgency::Interactive, later(millis));
        (standing.as_millis(), own_standing.as_millis())
    };
    assert_eq!(standing(&state, first, 10), (0, 0));
    drop(state.enqueue(first, Urgency::Interactive, later(10)));
    let waiting = state.enqueue(second, Urgency::Batch, later(50));
    assert_eq!(standing(&state, first, 60), (50, 50));
    state.leave(first, Urgency::Interactive, later(80));
    assert_eq!(standing(&state, first, 90), (80, 0));
    assert_eq!(standing(&state, second, 90), (80, 40));
    drop(waiting);
    state.leave(second, Urgency::Batch, later(90));
    assert_eq!(standing(&state, second, 189), (179, 0));
    assert_eq!(standing(&state, second, 190), (0, 0));
}

/// A tenant that waits for its own share does not make the queue stand for others.
#[tokio::test]
async fn a_party_at_its_share_waits_alone() {
    let shares = Places::new(4);
    let (busy, quiet) = (tenant(), tenant());
    drop(take(&shares, quiet));
    let held = [take(&shares, busy), take(&shares, busy)];
    let waiter = queue(&shares, busy, Urgency::Interactive);
    let others = [take(&shares, quiet), take(&shares, quiet)];
    assert_eq!(found(&shares, quiet, Urgency::Interactive).standing, Duration::ZERO);
    drop((waiter, others, held));
    assert_idle(&shares, 4);
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

#[test]
fn several_places_are_taken_at_once_or_none() {
    let shares = Places::with_most(8, 4);
    let (first, second) = (tenant(), tenant());
    let mut held = shares.take(first, 3).unwrap();
    assert!(!held.take_more(2), "four are the most");
    assert!(held.take_more(1));
    assert!(shares.take(first, 1).is_none() && shares.take(second, 5).is_none());
    assert!(shares.take(second, usize::MAX).is_none());
    let other = shares.take(second, 4).unwrap();
    assert!(shares.take(tenant(), 1).is_none(), "all are taken");
    drop(held);
    assert!(shares.take(tenant(), 4).is_some());
    drop(other);
    assert_idle(&shares, 8);
}
