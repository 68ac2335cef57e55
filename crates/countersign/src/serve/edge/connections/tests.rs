use super::*;
use std::time::Duration;

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// A complete request.
fn work(connection: &Arc<Connection>) -> Request {
    let (request, _) = connection.begin();
    request.arrival().complete();
    request
}

/// Which of these have to leave.
async fn leaving(connections: &[Arc<Connection>]) -> Vec<usize> {
    let mut leaving = Vec::new();
    for (number, connection) in connections.iter().enumerate() {
        let left = tokio::time::timeout(Duration::from_millis(1), connection.has_to_leave()).await;
        leaving.extend(left.is_ok().then_some(number));
    }
    leaving
}

#[tokio::test]
async fn at_the_cap_of_a_network_its_longest_waiting_connection_leaves() {
    let all = Connections::new("test", 100, 3);
    let mut own: Vec<_> = (0..3).map(|_| all.open(ip("192.0.2.1"), false).unwrap()).collect();
    let other = all.open(ip("192.0.2.2"), false).unwrap();
    let first = work(&own[0]);
    let incomplete = own[1].begin();
    own.push(all.open(ip("::ffff:192.0.2.1"), false).unwrap());
    assert_eq!(leaving(&own).await, [1], "the first is at work");
    drop((incomplete, own.remove(1)));
    // Back from work, it has waited for the shortest time.
    drop(first);
    own.push(all.open(ip("192.0.2.1"), false).unwrap());
    assert_eq!(leaving(&own).await, [1]);
    assert!(leaving(&[other]).await.is_empty());
}

#[tokio::test]
async fn where_all_are_at_work_the_newcomer_is_refused() {
    let all = Connections::new("test", 3, 2);
    let own: Vec<_> = (0..2).map(|_| all.open(ip("2001:db8::1"), false).unwrap()).collect();
    let working: Vec<_> = own.iter().map(work).collect();
    assert_eq!(all.open(ip("2001:db8::2"), false).err(), Some(Full::Network), "one /64 is one network");
    let other = all.open(ip("2001:db8:0:1::1"), false).unwrap();
    let other_work = work(&other);
    assert_eq!(all.open(ip("192.0.2.1"), false).err(), Some(Full::Total));
    assert_eq!(all.count(), 3);
    drop((working, own, other, other_work));
    assert_eq!(all.count(), 0);
    all.all_closed().await;
}

#[tokio::test]
async fn at_the_total_cap_the_network_with_most_connections_gives_way_and_proxies_never_do() {
    let all = Connections::new("test", 6, 3);
    let proxy: Vec<_> = (0..2).map(|_| all.open(ip("10.0.0.1"), true).unwrap()).collect();
    let small = vec![all.open(ip("192.0.2.1"), false).unwrap()];
    let large: Vec<_> = (0..3).map(|_| all.open(ip("192.0.2.2"), false).unwrap()).collect();
    let newcomer = all.open(ip("192.0.2.3"), false).unwrap();
    assert_eq!(leaving(&large).await, [0]);
    assert!(leaving(&proxy).await.is_empty() && leaving(&small).await.is_empty());
    assert!(all.make_room());
    drop((large, newcomer));
    assert_eq!(all.count(), 3);
}

#[tokio::test]
async fn of_networks_of_one_size_the_longest_waiting_connection_leaves() {
    let all = Connections::new("test", 3, 3);
    let open = |from: &str| all.open(ip(from), false).unwrap();
    let own = [open("192.0.2.1"), open("2001:db8::1"), open("192.0.2.2")];
    let working = work(&own[0]);
    let _newcomer = open("192.0.2.3");
    assert_eq!(leaving(&own).await, [1]);
    drop(working);
    assert!(all.make_room());
    assert_eq!(leaving(&own).await, [2]);
}

#[tokio::test]
async fn a_request_stands_for_the_head_that_was_refused_and_no_other() {
    let all = Connections::new("test", 10, 10);
    let connection = all.open(ip("192.0.2.1"), false).unwrap();
    assert_eq!(connection.activity(), Activity::Fresh);
    connection.head_passed();
    connection.refuse_next(Refusal::NoHost);
    let (first, refusal) = connection.begin();
    assert_eq!((refusal, connection.activity()), (None, Activity::Busy));
    let (second, refusal) = connection.begin();
    assert_eq!(refusal, Some(Refusal::NoHost));
    drop((first, second));
    assert!(matches!(connection.activity(), Activity::Idle(_)));
}

#[tokio::test]
async fn who_gives_up_a_hundred_requests_has_to_leave() {
    let all = Connections::new("test", 10, 10);
    let (stranger, proxy) =
        (all.open(ip("192.0.2.1"), false).unwrap(), all.open(ip("10.0.0.1"), true).unwrap());
    for _ in 1..MOST_CANCELLED {
        drop((stranger.begin(), proxy.begin()));
        let mut answered = stranger.begin().0;
        answered.is_answered();
    }
    assert!(!stranger.is_abusive());
    drop((stranger.begin(), proxy.begin()));
    assert!(stranger.is_abusive() && !proxy.is_abusive());
    assert_eq!(leaving(&[stranger, proxy]).await, [0]);
}
