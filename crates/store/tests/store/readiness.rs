//! The row that a probe writes, and the database's clock.

use crate::harness::{MINUTE, NOW, World, later, on_both};
use countersign_store::readiness;

#[tokio::test(flavor = "multi_thread")]
async fn a_probe_writes_one_row_however_often_it_comes() {
    on_both(async |w| {
        w.burst(|| |tx: &mut _| readiness::write(tx, NOW)).await;
        w.write(|tx| readiness::write(tx, later(MINUTE))).await;
        let row = w.sql("SELECT count(*), max(written_at) FROM readiness");
        assert_eq!(row, format!("1|{}", later(MINUTE).millis()));
    })
    .await;
}

#[tokio::test]
async fn only_postgresql_has_a_clock_of_its_own() {
    let w = World::sqlite().await;
    assert_eq!(w.read(readiness::database_time).await, None);
    let w = World::postgres().await;
    let seconds =
        || w.sql("SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)").parse::<i64>().unwrap();
    let before = seconds();
    let read = w.read(readiness::database_time).await.unwrap().millis();
    assert!((before..=seconds()).contains(&read));
}
