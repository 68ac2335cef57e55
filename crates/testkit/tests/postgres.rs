//! A database is created for one test, and gone after it.

use countersign_testkit::Database;

#[test]
fn a_database_is_created_empty_and_dropped() {
    let kept = Database::create();
    let dropped = Database::create();
    assert_ne!(kept.url(), dropped.url());
    dropped.query("CREATE TABLE t (n integer); INSERT INTO t VALUES (1), (2)");
    assert_eq!(dropped.query("SELECT n, n * n FROM t ORDER BY n"), "1|1\n2|4");
    assert_eq!(kept.query("SELECT count(*) FROM information_schema.tables WHERE table_name = 't'"), "0");

    let name = dropped.url().rsplit_once('/').map(|(_server, name)| name.to_owned()).expect("a name");
    let count = format!("SELECT count(*) FROM pg_database WHERE datname = '{name}'");
    assert_eq!(kept.query(&count), "1");
    drop(dropped);
    assert_eq!(kept.query(&count), "0");
}
