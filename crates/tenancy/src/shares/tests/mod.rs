mod queue;

use std::collections::VecDeque;
use std::pin::Pin;

use futures_util::FutureExt;

use super::recent::Recent;
use super::state::Limits;
use super::*;
use crate::TenantId;

const LONG: Duration = Duration::from_secs(60);

type Tenant = Option<TenantId>;
type Places = Shares<TenantId>;
type Waiting<'a> = Pin<Box<dyn Future<Output = Result<Permit<TenantId>, Full>> + 'a>>;

#[expect(clippy::unnecessary_wraps, reason = "the tests also use None, work without a tenant")]
fn tenant() -> Tenant {
    Some(TenantId::generate())
}

/// Takes a permit that is free.
fn take(shares: &Places, party: Tenant) -> Permit<TenantId> {
    shares.acquire(party, LONG).now_or_never().expect("a permit is free").unwrap()
}

/// Asks for a permit that is not free.
fn wait(shares: &Places, party: Tenant) -> Waiting<'_> {
    let mut waiting: Waiting<'_> = Box::pin(shares.acquire(party, LONG));
    assert!((&mut waiting).now_or_never().is_none(), "a permit was granted");
    waiting
}

fn granted(waiting: &mut Waiting<'_>) -> Option<Permit<TenantId>> {
    waiting.now_or_never().map(Result::unwrap)
}

/// Forgets who asked recently.
fn forget(shares: &Places) {
    shares.0.lock().recent = Recent::default();
}

/// Asserts that no permit is held, that no party waits, and that no state is left.
fn assert_idle(shares: &Places, size: usize) {
    let state = shares.0.lock();
    let queued: usize = state.turns.iter().map(VecDeque::len).sum();
    assert_eq!((state.limits.size, state.held, state.parties.len(), queued), (size, 0, 0, 0));
}

#[test]
fn limits_by_size() {
    for (size, contended, alone) in
        [(1, 1, 1), (2, 1, 2), (3, 2, 2), (4, 2, 3), (5, 3, 4), (8, 4, 7), (9, 5, 8), (100, 50, 99)]
    {
        assert_eq!(Limits::of(size), Limits { size, contended, alone }, "{size}");
    }
}

#[tokio::test]
async fn a_tenant_that_is_alone_takes_all_but_one() {
    let shares = Places::new(8);
    let (busy, quiet) = (tenant(), tenant());
    let held: Vec<_> = (0..7).map(|_| take(&shares, busy)).collect();
    let waiting = wait(&shares, busy);
    let last = take(&shares, quiet);
    drop((held, waiting, last));
    assert_idle(&shares, 8);
}

#[tokio::test]
async fn a_tenant_that_is_alone_takes_no_more_than_the_most() {
    let shares = Places::with_most(8, 3);
    let busy = tenant();
    let held: Vec<_> = (0..3).map(|_| take(&shares, busy)).collect();
    let waiting = wait(&shares, busy);
    let others: Vec<_> = (0..5).map(|_| take(&shares, tenant())).collect();
    drop((held, waiting, others));
    assert_idle(&shares, 8);
    shares.resize(4);
    let held: Vec<_> = (0..2).map(|_| take(&shares, busy)).collect();
    drop((wait(&shares, busy), held));
    assert_idle(&shares, 4);
}

#[tokio::test]
async fn a_tenant_takes_half_while_another_asks_now_and_then() {
    let shares = Places::new(8);
    let (busy, quiet) = (tenant(), tenant());
    drop(take(&shares, quiet));
    let mut held: Vec<_> = (0..4).map(|_| take(&shares, busy)).collect();
    let mut fifth = wait(&shares, busy);
    assert!(granted(&mut fifth).is_none());
    held.pop();
    held.push(granted(&mut fifth).expect("one for one"));

    // After a while without the other tenant, the next release grants the waiting permits.
    let mut waiting: Vec<_> = (0..5).map(|_| wait(&shares, busy)).collect();
    forget(&shares);
    held.pop();
    let more: Vec<_> = waiting.iter_mut().filter_map(granted).collect();
    assert_eq!(held.len() + more.len(), 7);
    drop((held, more, waiting));
    assert_idle(&shares, 8);
}

#[tokio::test]
async fn a_tenant_over_its_half_takes_nothing_more_until_it_is_below() {
    let shares = Places::new(8);
    let (busy, quiet) = (tenant(), tenant());
    let mut held: Vec<_> = (0..7).map(|_| take(&shares, busy)).collect();
    let mut backlog: Vec<_> = (0..9).map(|_| wait(&shares, busy)).collect();
    let mut others = vec![take(&shares, quiet)];
    for _ in 0..3 {
        held.pop();
        assert!(backlog.iter_mut().all(|waiting| granted(waiting).is_none()), "{} held", held.len());
        others.push(take(&shares, quiet));
    }
    held.pop();
    let next: Vec<_> = backlog.iter_mut().filter_map(granted).collect();
    assert_eq!(next.len(), 1);
    drop((held, next, backlog, others));
    assert_idle(&shares, 8);
}

#[tokio::test]
async fn tenants_take_turns() {
    let shares = Places::new(1);
    let (first, second, third) = (tenant(), tenant(), tenant());
    let mut permit = Some(take(&shares, tenant()));
    let asked = [first, first, first, second, second, None, third];
    let mut waiting: Vec<_> = asked.map(|party| (party, wait(&shares, party))).into();
    let mut served = Vec::new();
    while !waiting.is_empty() {
        drop(permit.take());
        let found = waiting.iter_mut().enumerate().find_map(|(at, (_, one))| Some((at, granted(one)?)));
        let (at, next) = found.expect("the permit went to somebody");
        permit = Some(next);
        served.push(waiting.remove(at).0);
    }
    assert_eq!(served, [first, second, None, third, first, second, first]);
    drop(permit);
    assert_idle(&shares, 1);
}

#[tokio::test]
async fn a_tenant_at_its_limit_does_not_delay_others() {
    let shares = Places::new(4);
    let (busy, quiet) = (tenant(), tenant());
    let others = [take(&shares, None), take(&shares, quiet)];
    let mine = [take(&shares, busy), take(&shares, busy)];
    let mut backlog: Vec<_> = (0..3).map(|_| wait(&shares, busy)).collect();
    let mut behind = wait(&shares, tenant());
    drop(others);
    assert!(granted(&mut behind).is_some(), "the one that came last is not at its limit");
    assert!(backlog.iter_mut().all(|waiting| granted(waiting).is_none()));
    drop((mine, backlog, behind));
    assert_idle(&shares, 4);
}

#[tokio::test]
async fn work_without_a_tenant_neither_starves_nor_starves_others() {
    let shares = Places::new(8);
    let busy = tenant();
    let held: Vec<_> = (0..7).map(|_| take(&shares, busy)).collect();
    let one = take(&shares, None);
    drop((held, one));
    // A flood of logins beside a tenant with occasional requests.
    let flood: Vec<_> = (0..4).map(|_| take(&shares, None)).collect();
    let waiting = wait(&shares, None);
    let own: Vec<_> = (0..4).map(|_| take(&shares, busy)).collect();
    drop((flood, waiting, own));
    assert_idle(&shares, 8);
}

#[tokio::test]
async fn a_cancelled_waiter_loses_no_permit() {
    let shares = Places::new(1);
    let (first, second) = (tenant(), tenant());
    let held = take(&shares, first);
    // One is cancelled before the permit is sent, one after that and before it is received.
    let (early, late, mut last) = (wait(&shares, second), wait(&shares, second), wait(&shares, first));
    drop(early);
    drop(held);
    assert!(granted(&mut last).is_none(), "it is the other tenant's turn");
    drop(late);
    assert!(granted(&mut last).is_some());
    drop(last);
    assert_idle(&shares, 1);
}

#[tokio::test]
async fn cancelled_waiters_are_removed() {
    let shares = Places::new(1);
    let (holder, other) = (tenant(), tenant());
    let held = take(&shares, holder);
    for _ in 0..100 {
        drop(wait(&shares, other));
    }
    assert_eq!(shares.weak().occupancy(), Some(Occupancy { size: 1, held: 1, waiting: 0 }));
    drop(held);
    assert_idle(&shares, 1);
}

#[tokio::test]
async fn waiting_times_out() {
    let shares = Places::new(1);
    let held = take(&shares, tenant());
    let refused = shares.acquire(tenant(), Duration::from_millis(20)).await;
    assert_eq!(refused.err(), Some(Full::All { size: 1 }));
    drop(held);
    assert_idle(&shares, 1);
}

/// Places that a party may not take are not reported as taken.
#[tokio::test]
async fn an_exhausted_share_is_not_reported_as_full() {
    let shares = Places::new(8);
    let (busy, quiet, late) = (tenant(), tenant(), tenant());
    let refused = async |party| shares.acquire(party, Duration::from_millis(20)).await.err().unwrap();
    let alone: Vec<_> = (0..7).map(|_| take(&shares, busy)).collect();
    assert_eq!(refused(busy).await, Full::Share { held: 7, size: 8 });
    drop(alone);

    drop(take(&shares, quiet));
    let mine: Vec<_> = (0..4).map(|_| take(&shares, busy)).collect();
    assert_eq!(refused(busy).await, Full::Share { held: 4, size: 8 });
    let others: Vec<_> = (0..4).map(|_| take(&shares, None)).collect();
    assert_eq!(refused(None).await, Full::Share { held: 4, size: 8 });
    assert_eq!(refused(late).await, Full::All { size: 8 });
    drop((mine, others));
    assert_idle(&shares, 8);
}

#[test]
fn only_another_tenant_counts_and_only_for_a_while() {
    let (own, other, third) = (tenant(), tenant(), tenant());
    let start = Instant::now();
    let later = |millis| start + Duration::from_millis(millis);
    let mut recent = Recent::default();
    assert!(!recent.is_other_active(own, start));
    recent.note(None, start);
    recent.note(own, start);
    assert!(!recent.is_other_active(own, start));
    assert!(recent.is_other_active(other, start) && recent.is_other_active(None, start));
    recent.note(other, later(100));
    for millis in [200, 300, 400] {
        recent.note(own, later(millis));
    }
    assert!(recent.is_other_active(own, later(1_099)));
    assert!(!recent.is_other_active(own, later(1_100)));
    assert!(recent.is_other_active(other, later(1_399)));
    recent.note(third, later(5_000));
    recent.note(other, later(5_001));
    assert!(recent.is_other_active(other, later(5_500)) && recent.is_other_active(third, later(5_500)));
}

/// Thousands of requests, cancellations and releases in random order: no permit is lost or created, no party exceeds its
/// limit, and no request waits that could be granted.
#[tokio::test]
async fn nothing_is_lost_in_any_order() {
    for size in [1, 2, 3, 8] {
        let shares = Places::new(size);
        let parties = [None, tenant(), tenant(), tenant()];
        let (mut held, mut waiting) = (Vec::new(), Vec::<(Tenant, Waiting<'_>)>::new());
        let mut random: usize = 0x2545_f491;
        for step in 0..4_000 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let (choice, which) = ((random >> 33) % 8, (random >> 40) % 97);
            match choice {
                0..4 => {
                    let party = parties[which % parties.len()];
                    let mut asking: Waiting<'_> = Box::pin(shares.acquire(party, LONG));
                    match (&mut asking).now_or_never() {
                        Some(permit) => held.push(permit.unwrap()),
                        None => waiting.push((party, asking)),
                    }
                }
                4 if !waiting.is_empty() => drop(waiting.swap_remove(which % waiting.len())),
                5 => forget(&shares),
                _ if !held.is_empty() => drop(held.swap_remove(which % held.len())),
                _ => {}
            }
            // Half of the time a permit is sent and not received.
            if which.is_multiple_of(2) {
                waiting.retain_mut(|(_, one)| granted(one).map(|permit| held.push(permit)).is_none());
            }
            let state = shares.0.lock();
            let out: usize = state.parties.values().map(|account| account.held).sum();
            assert_eq!(state.held, out, "step {step}");
            for (party, account) in &state.parties {
                assert!(account.held <= state.limits.alone, "step {step}");
                let (interactive, batch) =
                    (&account.waiters[Urgency::Interactive], &account.waiters[Urgency::Batch]);
                assert!(batch.is_empty(), "step {step}");
                assert_eq!(
                    !interactive.is_empty(),
                    state.turns[Urgency::Interactive].contains(party),
                    "step {step}"
                );
                assert!(account.held > 0 || !interactive.is_empty(), "step {step}");
                assert!(interactive.iter().all(|waiter| !waiter.is_closed()), "step {step}");
                assert!(
                    interactive.is_empty() || state.held == size || account.held >= state.limits.contended,
                    "step {step}: {party:?} waits in vain"
                );
            }
            drop(state);
        }
        drop((held, waiting));
        assert_idle(&shares, size);
    }
}
