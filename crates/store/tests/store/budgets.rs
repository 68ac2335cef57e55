//! Budgets of sends.

use crate::harness::{DAY, HOUR, MINUTE, NOW, later, on_both};
use countersign_core::{
    Timestamp,
    budget::{Budgets, Exhausted, Scope},
};
use countersign_store::{
    Store, Tx,
    budgets::{self, Charge, Level, Refusal},
    housekeeping,
};

fn number(number: &str) -> Vec<Charge> {
    vec![
        Charge::new(Scope::SmsServer, ""),
        Charge::new(Scope::SmsNumberDay, number),
        Charge::new(Scope::SmsNumber, number),
    ]
}

async fn charge(store: &Store, charges: Vec<Charge>, at: Timestamp) -> Result<Vec<Level>, Refusal> {
    store.write(move |tx| budgets::charge(tx, charges, at)).await.unwrap()
}

#[tokio::test]
async fn a_send_is_charged_to_all_of_its_scopes_or_to_none() {
    on_both(async |w| {
        for _ in 0..5 {
            charge(&w.store, number("+441"), NOW).await.unwrap();
        }
        let refused = charge(&w.store, number("+441"), later(MINUTE)).await;
        assert_eq!(refused, Err(Refusal { scope: Scope::SmsNumber, until: later(15 * MINUTE) }));
        let server = async || w.read(|tx| budgets::levels(tx, Scope::SmsServer, NOW)).await[0].used;
        assert_eq!(server().await, 5, "a refusal charges nothing");
        charge(&w.store, number("+442"), NOW).await.unwrap();
        assert_eq!(server().await, 6);
        // Five more fill the day; the refusal names the moment at which every scope has room.
        for _ in 0..5 {
            charge(&w.store, number("+441"), later(HOUR)).await.unwrap();
        }
        let refused = charge(&w.store, number("+441"), later(HOUR)).await;
        assert_eq!(refused, Err(Refusal { scope: Scope::SmsNumberDay, until: later(DAY) }));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_burst_exceeds_a_budget_whatever_order_its_scopes_come_in() {
    on_both(async |w| {
        let turn = std::sync::atomic::AtomicU32::new(0);
        let admitted = w
            .burst(|| {
                let mut charges = number("+441");
                charges.push(Charge::new(Scope::SmsAccount, "mia"));
                let turn = turn.fetch_add(1, std::sync::atomic::Ordering::Relaxed) as usize;
                charges.rotate_left(turn % 4);
                move |tx: &mut Tx<'_>| Ok(budgets::charge(tx, charges, NOW)?.ok())
            })
            .await;
        assert_eq!(admitted.iter().flatten().count(), 5);
        let levels = w.read(|tx| budgets::levels(tx, Scope::SmsServer, NOW)).await;
        assert_eq!(levels[0].used, 5);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_that_reach_four_fifths_one_notifies_the_operator_once_in_a_window() {
    on_both(async |w| {
        let limits = Budgets::new(|scope| (scope == Scope::SmsServer).then_some(10));
        let store = w.store.clone().with_budgets(limits);
        let one = |at| {
            let store = store.clone();
            tokio::spawn(async move { charge(&store, vec![Charge::new(Scope::SmsServer, "")], at).await })
        };
        let all: Vec<_> = (0..20).map(|_| one(NOW)).collect();
        let mut levels = Vec::new();
        for one in all {
            levels.extend(one.await.unwrap().ok());
        }
        assert_eq!(levels.len(), 10);
        assert_eq!(levels.iter().filter(|level| level[0].notify).count(), 1);
        let first = levels.iter().map(|level| &level[0]).find(|level| level.notify).unwrap();
        assert_eq!((first.used, first.allowed), (8, 10));
        // A day later it fills again, and is told again.
        let mut told = 0;
        for _ in 0..9 {
            told += u32::from(one(later(DAY)).await.unwrap().unwrap()[0].notify);
        }
        assert_eq!(told, 1);
    })
    .await;
}

#[tokio::test]
async fn what_anyone_can_request_leaves_half_of_the_budget() {
    on_both(async |w| {
        let store = w.store.clone().with_budgets(Budgets::new(|_| Some(6)));
        let whole = || Charge::new(Scope::EmailServer, "");
        for _ in 0..3 {
            charge(&store, vec![whole().half()], NOW).await.unwrap();
        }
        assert!(charge(&store, vec![whole().half()], NOW).await.is_err());
        let peek = store.write(move |tx| budgets::peek(tx, &whole().half(), NOW)).await.unwrap();
        assert_eq!(peek, Err(Exhausted { until: later(DAY) }));
        for _ in 0..3 {
            charge(&store, vec![whole()], NOW).await.unwrap();
        }
        assert!(charge(&store, vec![whole()], NOW).await.is_err());
    })
    .await;
}

#[tokio::test]
async fn a_restart_gives_nothing_back_and_housekeeping_only_what_has_ended() {
    on_both(async |w| {
        for _ in 0..5 {
            charge(&w.store, number("+441"), NOW).await.unwrap();
        }
        let w = w.reopened().await;
        assert!(charge(&w.store, number("+441"), NOW).await.is_err());
        let sweep = |at| w.write(move |tx| housekeeping::sweep(tx, at, HOUR));
        assert_eq!(sweep(later(14 * MINUTE)).await, 0);
        sweep(later(DAY + 15 * MINUTE)).await;
        assert_eq!(w.rows_in("budgets"), 2, "those of a day ended less than a day ago");
        sweep(later(3 * DAY)).await;
        assert_eq!(w.rows_in("budgets"), 0);
    })
    .await;
}
